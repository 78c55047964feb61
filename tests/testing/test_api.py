"""The eight operations, asked in-process and over HTTP, in both worlds; each answer judged by the recorded spec."""

from __future__ import annotations

from typing import Any

import pytest

from clerk_ext.testing import FakeClerk, FakeRequest, FakeSession, api, records
from tests.recorded import SPEC, validate_exchange

from .conftest import NOW, Ask, Clock
from .oracle import verified

PARAMETERS = {p["name"]: p["schema"] for p in SPEC["paths"]["/sessions"]["get"]["parameters"]}
LIFETIME = SPEC["components"]["schemas"]["CreateSessionTokenBody"]["properties"]["expires_in_seconds"]


@pytest.fixture
def session(fake: FakeClerk) -> FakeSession:
    """A session of a user who is known by name."""
    return fake.create_session(fake.add_user("user_1"), client_id="client_1")


def code(response: Any) -> tuple[int, str]:
    """Return status and code of an error, whose trace id must be the same in body and header."""
    body = response.json()

    assert body["clerk_trace_id"] == response.headers["Clerk-Trace-Id"]
    return response.status_code, body["errors"][0]["code"]


def test_key_set_of_both_apis(fake: FakeClerk, ask: Ask) -> None:
    """The Backend API shows the key set to who has the secret key."""
    fake.on_exchange.append(validate_exchange)
    response = ask("GET", "/v1/jwks")

    assert (200, fake.jwks()) == (response.status_code, response.json())


def test_get(fake: FakeClerk, ask: Ask, clock: Clock) -> None:
    """A session is shown whole, its times in milliseconds."""
    fake.on_exchange.append(validate_exchange)
    user, organization = fake.add_user("user_1"), fake.add_organization("acme", organization_id="org_1")
    fake.add_membership(user, organization)
    session = fake.create_session(
        user,
        organization=organization,
        client_id="client_1",
        status="pending",
        actor={"sub": "user_9"},
        tasks=["setup-mfa", "reset-password"],
    )
    clock.advance(5)
    body = ask("GET", f"/v1/sessions/{session.id}").json()
    activity = body.pop("latest_activity")

    assert {
        "object": "session",
        "id": session.id,
        "user_id": "user_1",
        "client_id": "client_1",
        "status": "pending",
        "actor": {"sub": "user_9"},
        "tasks": [{"key": "setup-mfa"}, {"key": "reset-password"}],
        "last_active_organization_id": "org_1",
        "last_active_at": NOW * 1000,
        "created_at": NOW * 1000,
        "updated_at": NOW * 1000,
        "expire_at": (NOW + 7 * 86_400) * 1000,
        "abandon_at": (NOW + 30 * 86_400) * 1000,
    } == body
    assert ("session_activity", False) == (activity["object"], activity["is_mobile"])


def test_list_pages(fake: FakeClerk, ask: Ask, clock: Clock) -> None:
    """Sessions come newest first, ten unless told otherwise; a page also tells how many there are."""
    fake.on_exchange.append(validate_exchange)
    user = fake.add_user("user_1")
    sessions: list[str] = []
    for _ in range(12):
        sessions.insert(0, fake.create_session(user).id)
        clock.advance(1)
    plain = ask("GET", "/v1/sessions?user_id=user_1").json()
    page = ask("GET", "/v1/sessions?user_id=user_1&paginated=true&limit=5&offset=10").json()
    unpaged = ask("GET", "/v1/sessions?user_id=user_1&paginated=false&limit=500").json()

    assert sessions[:10] == [session["id"] for session in plain]
    assert (sessions[10:], 12) == ([session["id"] for session in page["data"]], page["total_count"])
    assert sessions == [session["id"] for session in unpaged]


def test_list_filters(fake: FakeClerk, ask: Ask) -> None:
    """Filters by user, client and status narrow each other; without any, or of nobody, all or none are listed."""
    fake.on_exchange.append(validate_exchange)
    one, two = fake.add_user("user_1"), fake.add_user("user_2")
    a = fake.create_session(one, client_id="client_1").id
    b = fake.create_session(two, client_id="client_1").id
    c = fake.create_session(one, status="revoked").id

    def listed(query: str) -> set[str]:
        return {session["id"] for session in ask("GET", f"/v1/sessions{query}").json()}

    assert {a, c} == listed("?user_id=user_1")
    assert {a, b} == listed("?client_id=client_1")
    assert {a} == listed("?client_id=client_1&user_id=user_1")
    assert {c} == listed("?user_id=user_1&status=revoked")
    assert {a, b, c} == listed("")
    assert set() == listed("?user_id=user_3")


def test_create(fake: FakeClerk, ask: Ask) -> None:
    """A session made by the API is active, with a client of its own, and no browser has used it."""
    fake.on_exchange.append(validate_exchange)
    user, organization = fake.add_user("user_1"), fake.add_organization("acme", organization_id="org_1")
    fake.add_membership(user, organization)
    plain = ask("POST", "/v1/sessions", json={"user_id": "user_1"}).json()
    active = ask("POST", "/v1/sessions", json={"user_id": "user_1", "active_organization_id": "org_1"}).json()

    assert ("active", None, None, None) == tuple(
        plain[field] for field in ("status", "last_active_organization_id", "latest_activity", "tasks")
    )
    assert "org_1" == active["last_active_organization_id"]
    assert plain["client_id"] != active["client_id"]
    assert [active["id"], plain["id"]] == [session.id for session in fake.sessions()]


@pytest.mark.parametrize(
    ("expected", "body"),
    [
        ((422, "form_param_missing"), {}),
        ((422, "form_param_type_invalid"), {"user_id": 1}),
        ((422, "form_param_type_invalid"), {"user_id": "user_1", "active_organization_id": None}),
        ((404, "resource_not_found"), {"user_id": "user_2"}),
        (
            (404, "organization_not_found_or_unauthorized"),
            {"user_id": "user_1", "active_organization_id": "org_2"},
        ),
        (
            (404, "organization_not_found_or_unauthorized"),
            {"user_id": "user_1", "active_organization_id": "org_1"},
        ),
    ],
)
def test_create_refused(fake: FakeClerk, ask: Ask, expected: tuple[int, str], body: dict[str, Any]) -> None:
    """A missing or malformed field, an unknown user, and an organisation without the user are refused."""
    fake.add_user("user_1")
    fake.add_organization("acme", organization_id="org_1")

    assert expected == code(ask("POST", "/v1/sessions", json=body))
    assert [] == fake.sessions()


def test_create_on_production() -> None:
    """A production instance makes no sessions."""
    fake = FakeClerk(environment="production")
    fake.on_exchange.append(validate_exchange)
    fake.add_user("user_1")
    headers = {"Authorization": f"Bearer {fake.secret_key}", "Content-Type": "application/json"}
    response = fake.handle(FakeRequest("POST", "/v1/sessions", headers, b'{"user_id": "user_1"}'))

    assert 400 == response.status
    assert "request_invalid_for_environment" == response.json()["errors"][0]["code"]


def test_revoke(fake: FakeClerk, ask: Ask, session: FakeSession, clock: Clock) -> None:
    """A revoked session says so, from then on; doing it again changes nothing; it gives no more tokens."""
    fake.on_exchange.append(validate_exchange)
    fake.add_template("any")
    clock.advance(60)
    first = ask("POST", f"/v1/sessions/{session.id}/revoke").json()
    clock.advance(60)
    again = ask("POST", f"/v1/sessions/{session.id}/revoke").json()

    assert ("revoked", (NOW + 60) * 1000) == (first["status"], first["updated_at"])
    assert first == again == ask("GET", f"/v1/sessions/{session.id}").json()
    assert (404, "resource_not_found") == code(ask("POST", f"/v1/sessions/{session.id}/tokens"))
    assert (404, "resource_not_found") == code(ask("POST", f"/v1/sessions/{session.id}/tokens/any"))


@pytest.mark.parametrize(
    ("lifetime", "body"),
    [(60, None), (60, {}), (60, {"expires_in_seconds": None}), (30, {"expires_in_seconds": 30})],
)
def test_create_token(fake: FakeClerk, ask: Ask, session: FakeSession, lifetime: int, body: Any) -> None:
    """A token of the session lives a minute unless told otherwise, and has no `azp`."""
    fake.on_exchange.append(validate_exchange)
    answer = ask("POST", f"/v1/sessions/{session.id}/tokens", **({} if body is None else {"json": body})).json()
    header, claims = verified(answer["jwt"], fake.jwks())

    assert "cl_B7d4PD111AAA" == header["cat"]
    assert (session.id, NOW + lifetime, 2) == (claims["sid"], claims["exp"], claims["v"])
    assert "azp" not in claims


def test_token_version_is_the_instances(clock: Clock) -> None:
    """An instance of version 1 mints version 1."""
    fake = FakeClerk(clock=clock, token_version=1)
    session = fake.create_session(fake.add_user())
    headers = {"Authorization": f"Bearer {fake.secret_key}"}
    answer = fake.handle(FakeRequest("POST", f"/v1/sessions/{session.id}/tokens", headers))

    assert "v" not in verified(answer.json()["jwt"], fake.jwks())[1]


def test_create_token_from_template(fake: FakeClerk, ask: Ask, session: FakeSession) -> None:
    """A template is found by its name, percent-encoded or not; its lifetime can be overridden."""
    fake.on_exchange.append(validate_exchange)
    fake.add_template("my hasura", {"role": "editor"}, lifetime=600)
    path = f"/v1/sessions/{session.id}/tokens/my%20hasura"
    usual = verified(ask("POST", path).json()["jwt"], fake.jwks())[1]
    longer = verified(ask("POST", path, json={"expires_in_seconds": 315_360_000}).json()["jwt"], fake.jwks())[1]

    assert ("editor", NOW + 600) == (usual["role"], usual["exp"])
    assert NOW + 315_360_000 == longer["exp"]
    assert "sid" not in usual


@pytest.mark.parametrize("template", ["", "/any"])
@pytest.mark.parametrize(
    ("expected", "lifetime"),
    [
        ((422, "form_param_value_invalid"), 29),
        ((422, "form_param_value_invalid"), 315_360_001),
        ((422, "form_param_type_invalid"), True),
        ((422, "form_param_type_invalid"), "60"),
        ((422, "form_param_type_invalid"), 60.5),
    ],
)
def test_lifetime_refused(
    fake: FakeClerk,
    ask: Ask,
    session: FakeSession,
    template: str,
    expected: tuple[int, str],
    lifetime: object,
) -> None:
    """A lifetime out of range, or that is no integer, is refused by its name."""
    fake.add_template("any")
    response = ask("POST", f"/v1/sessions/{session.id}/tokens{template}", json={"expires_in_seconds": lifetime})

    assert expected == code(response)
    assert {"param_name": "expires_in_seconds"} == response.json()["errors"][0]["meta"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/sessions/sess_nobody"),
        ("POST", "/v1/sessions/sess_nobody/revoke"),
        ("POST", "/v1/sessions/sess_nobody/tokens"),
        ("POST", "/v1/sessions/sess_nobody/tokens/any"),
        ("POST", "/v1/sessions/{id}/tokens/nobody"),
        ("GET", "/v1/sessions/"),
        ("GET", "/v1/users"),
        ("GET", "/v1/sessions/{id}/nothing"),
        ("GET", "/"),
    ],
)
def test_unknown(ask: Ask, session: FakeSession, method: str, path: str) -> None:
    """What does not exist is a 404, be it a session, a template or an address."""
    assert (404, "resource_not_found") == code(ask(method, path.format(id=session.id)))


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/sessions"), ("GET", "/v1/sessions/x/revoke")])
def test_method_not_allowed(ask: Ask, method: str, path: str) -> None:
    """An address that knows other methods names them."""
    response = ask(method, path)

    assert (405, "method_not_allowed") == code(response)
    assert response.headers["Allow"] in ("GET, POST", "POST")


@pytest.mark.parametrize(
    ("expected", "header"),
    [
        ("authorization_header_format_invalid", None),
        ("authorization_header_format_invalid", "{key}"),
        ("authorization_header_format_invalid", "Basic {key}"),
        ("authorization_header_format_invalid", "Bearer {key} more"),
        ("clerk_key_invalid", "Bearer sk_test_other"),
        ("clerk_key_invalid", "Bearer {key}x"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/jwks", "/v1/sessions", "/v1/nothing"])
def test_unauthenticated(fake: FakeClerk, ask: Ask, path: str, expected: str, header: str | None) -> None:
    """A header of another shape, and a key of another instance, are refused before anything else is looked at."""
    headers = {} if header is None else {"Authorization": header.format(key=fake.secret_key)}

    assert (401, expected) == code(ask("GET", path, headers=headers))


def test_two_authorizations(fake: FakeClerk) -> None:
    """Two Authorization headers are one too many."""
    header = ("Authorization", f"Bearer {fake.secret_key}")
    response = fake.handle(FakeRequest("GET", "/v1/jwks", [header, header]))

    assert 401 == response.status
    assert "authorization_header_format_invalid" == response.json()["errors"][0]["code"]


@pytest.mark.parametrize("version", sorted(api.API_VERSIONS))
def test_known_versions(ask: Ask, version: str) -> None:
    """Each published date is taken, in the header or in the query."""
    headers = {"Authorization": f"Bearer {ask.secret_key}"}

    assert 200 == ask("GET", "/v1/jwks", headers=headers | {"Clerk-API-Version": version}).status_code
    assert 200 == ask("GET", f"/v1/jwks?__clerk_api_version={version}").status_code


def test_recorded_version_is_known() -> None:
    """The version that the recorded spec describes is one of the known dates."""
    assert SPEC["info"]["version"] in api.API_VERSIONS


@pytest.mark.parametrize(
    ("query", "header"),
    [
        ("", "2026-05-13"),
        ("", ""),
        ("?__clerk_api_version=v1", None),
        ("?__clerk_api_version=2026-05-12", "2026-05-12"),
    ],
)
def test_version_refused(ask: Ask, query: str, header: str | None) -> None:
    """An unknown date is refused, and so is a date given twice."""
    headers = {"Authorization": f"Bearer {ask.secret_key}"} | ({} if header is None else {"Clerk-API-Version": header})

    assert (400, "api_version_invalid") == code(ask("GET", "/v1/jwks" + query, headers=headers))


@pytest.mark.parametrize(
    ("param", "expected", "value"),
    [
        ("limit", "form_param_value_invalid", "0"),
        ("limit", "form_param_value_invalid", "501"),
        ("limit", "form_param_type_invalid", "ten"),
        ("limit", "form_param_type_invalid", "1" * 5000),
        ("limit", "form_param_type_invalid", "1_0"),
        ("limit", "form_param_type_invalid", ""),
        ("offset", "form_param_value_invalid", "-1"),
        ("offset", "form_param_type_invalid", "1.0"),
        ("status", "form_param_value_invalid", "pending"),
        ("status", "form_param_value_invalid", "Active"),
        ("paginated", "form_param_type_invalid", "yes"),
    ],
)
def test_query_refused(ask: Ask, param: str, expected: str, value: str) -> None:
    """A query parameter out of its range or of another type is refused by its name."""
    response = ask("GET", "/v1/sessions", params={param: value})

    assert (422, expected) == code(response)
    assert {"param_name": param} == response.json()["errors"][0]["meta"]


def test_bounds_are_the_recorded_ones(fake: FakeClerk, ask: Ask) -> None:
    """The bounds that the fake knows are those of the recorded spec, and the bounds themselves are allowed."""
    fake.on_exchange.append(validate_exchange)
    limit, offset = PARAMETERS["limit"], PARAMETERS["offset"]
    statuses = SPEC["components"]["schemas"]["SessionStatusFilter"]["enum"]

    assert set(statuses) == set(api.LISTED_STATUSES)
    assert (LIFETIME["minimum"], LIFETIME["maximum"]) == (records.MIN_LIFETIME, records.MAX_LIFETIME)
    for query in (f"limit={limit['minimum']}", f"limit={limit['maximum']}", f"offset={offset['minimum']}"):
        assert 200 == ask("GET", f"/v1/sessions?{query}").status_code
    for status in statuses:
        assert 200 == ask("GET", f"/v1/sessions?status={status}").status_code


@pytest.mark.parametrize(
    ("expected", "content_type", "content"),
    [
        ((415, "unsupported_content_type"), "application/x-www-form-urlencoded", b"user_id=user_1"),
        ((415, "unsupported_content_type"), None, b"{}"),
        ((400, "request_body_invalid"), "application/json", b"{"),
        ((400, "request_body_invalid"), "application/json", b"\xff"),
        ((400, "request_body_invalid"), "application/json", b"[]"),
        ((400, "request_body_invalid"), "application/json", b"[" * 100_000),
        ((422, "form_param_missing"), "Application/JSON; charset=utf-8", b"{}"),
    ],
)
def test_body_refused(ask: Ask, expected: tuple[int, str], content_type: str | None, content: bytes) -> None:
    """A body must be a JSON object and say so."""
    headers = {"Authorization": f"Bearer {ask.secret_key}"}
    if content_type is not None:
        headers["Content-Type"] = content_type

    assert expected == code(ask("POST", "/v1/sessions", headers=headers, content=content))
