"""The eight operations as users call them: over real HTTP, in both worlds, judged by the recorded spec."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl

import pytest

from clerk_ext import (
    APIError,
    AsyncClerk,
    AuthenticationError,
    BadRequestError,
    Clerk,
    ConfigurationError,
    NotFoundError,
    Reason,
    Revocations,
    RevocationUnavailable,
    TokenVerificationError,
)
from clerk_ext.testing import FakeClerk, FakeServer
from clerk_sessions_api.models import JSONWebKeySet, Session, SessionPage, SessionStatus
from tests.recorded import validate_exchange
from tests.transport.loopback import Loopback, config_at, reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext import SessionClaims
    from clerk_ext.testing import FakeRequest, FakeSession
    from tests.worlds import Clock, World

NOW_MS = 1_767_225_600_000
APP = "https://app.example.com"


@pytest.fixture
def session(fake: FakeClerk) -> FakeSession:
    """A session of a user in an organisation."""
    user = fake.add_user()
    organization = fake.add_organization("acme-inc")
    fake.add_membership(user, organization)
    return fake.create_session(user, organization=organization)


def last(fake: FakeClerk) -> FakeRequest:
    """The last request to the Backend API."""
    return [request for request in fake.requests if request.path.startswith("/v1/")][-1]


def query(fake: FakeClerk) -> dict[str, str]:
    """Its query parameters."""
    return dict(parse_qsl(last(fake).path.partition("?")[2], strict_parsing=True))


def body(fake: FakeClerk) -> Any:
    """Its body."""
    return json.loads(last(fake).body)


def target(fake: FakeClerk) -> str:
    """Its method and path."""
    return f"{last(fake).method} {last(fake).path.partition('?')[0]}"


def test_get(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> None:
    """A session comes typed: known statuses as an enum, instants as aware datetimes and as received."""
    found = clerk.sessions.get(session.id)

    assert f"GET /v1/sessions/{session.id}" == target(fake)
    assert type(found) is Session
    assert (session.id, session.user.id, session.client_id) == (found.id, found.user_id, found.client_id)
    assert SessionStatus.ACTIVE is found.status
    assert NOW_MS == found.created_at_ms
    assert dt.datetime(2026, 1, 1, tzinfo=dt.UTC) == found.created_at
    assert session.organization is not None
    assert session.organization.id == found.last_active_organization_id
    assert found.latest_activity is not None
    assert "Firefox" == found.latest_activity.browser_name


def test_pending_and_impersonated(clerk: Clerk, fake: FakeClerk) -> None:
    """What an impersonated session with outstanding tasks tells is there."""
    made = fake.create_session(fake.add_user(), status="pending", actor={"sub": "user_boss"})
    found = clerk.sessions.get(made.id)

    assert SessionStatus.PENDING is found.status
    assert {"sub": "user_boss"} == found.actor
    assert ["choose-organization"] == [task.key for task in found.tasks or []]


def test_get_missing(clerk: Clerk) -> None:
    """A session that is not there is a `NotFoundError` with Clerk's code and trace id."""
    with pytest.raises(NotFoundError) as caught:
        clerk.sessions.get("sess_missing")

    assert 404 == caught.value.status_code
    assert "resource_not_found" == caught.value.errors[0].code
    assert caught.value.clerk_trace_id
    assert "GET /v1/sessions/sess_missing: 404 resource_not_found" in str(caught.value)


def test_list(clerk: Clerk, fake: FakeClerk) -> None:
    """A list is one request for the bare array: newest first, ten unless asked otherwise."""
    user = fake.add_user()
    made = [fake.create_session(user) for _ in range(12)]
    fake.create_session(fake.add_user())
    found = clerk.sessions.list(user_id=user.id)

    assert {"user_id": user.id, "limit": "10", "offset": "0"} == query(fake)
    assert [session.id for session in reversed(made)][:10] == [session.id for session in found]
    assert {Session} == {type(session) for session in found}


def test_list_arguments(clerk: Clerk, fake: FakeClerk) -> None:
    """Each argument is the parameter of its name, and narrows the list."""
    user = fake.add_user()
    made = [fake.create_session(user, client_id="client_&=1") for _ in range(4)]
    fake.revoke(made[1])
    fake.create_session(user)
    found = clerk.sessions.list(user_id=user.id, client_id="client_&=1", status="active", limit=2, offset=1)

    assert {
        "user_id": user.id,
        "client_id": "client_&=1",
        "status": "active",
        "limit": "2",
        "offset": "1",
    } == query(fake)
    assert [made[2].id, made[0].id] == [session.id for session in found]


@pytest.mark.parametrize("status", ["abandoned", "active", "ended", "expired", "removed", "replaced", "revoked"])
def test_list_by_status(clerk: Clerk, fake: FakeClerk, status: Any) -> None:
    """Each status that Clerk filters by can be asked for."""
    user = fake.add_user()
    wanted = fake.create_session(user, status=status)
    fake.create_session(user, status="pending")

    assert [(wanted.id, status)] == [(one.id, one.status) for one in clerk.sessions.list(status=status)]


def test_page(clerk: Clerk, fake: FakeClerk) -> None:
    """A page has the number of all sessions beside its own."""
    user = fake.add_user()
    made = [fake.create_session(user) for _ in range(7)]
    found = clerk.sessions.page(user_id=user.id, limit=3, offset=3)

    assert {"user_id": user.id, "limit": "3", "offset": "3", "paginated": "true"} == query(fake)
    assert type(found) is SessionPage
    assert ([made[3].id, made[2].id, made[1].id], 7) == ([session.id for session in found.data], found.total_count)


def test_create(clerk: Clerk, fake: FakeClerk) -> None:
    """A session is created for a user, in an organisation if asked."""
    user = fake.add_user()
    organization = fake.add_organization("acme-inc")
    fake.add_membership(user, organization)
    plain = clerk.sessions.create(user_id=user.id)
    sent = body(fake)
    within = clerk.sessions.create(user_id=user.id, active_organization_id=organization.id)

    assert "POST /v1/sessions" == target(fake)
    assert {"user_id": user.id} == sent
    assert {"user_id": user.id, "active_organization_id": organization.id} == body(fake)
    assert (None, organization.id) == (plain.last_active_organization_id, within.last_active_organization_id)
    assert {plain.id, within.id} == {session.id for session in fake.sessions()}


def test_create_for_nobody(clerk: Clerk) -> None:
    """A user that is not there is a `NotFoundError`."""
    with pytest.raises(NotFoundError) as caught:
        clerk.sessions.create(user_id="user_missing")

    assert "resource_not_found" == caught.value.errors[0].code


def test_create_in_production(world: World, clock: Clock) -> None:
    """A production instance refuses to create sessions."""
    fake = FakeClerk("live", environment="production", clock=clock.time)
    fake.on_exchange.append(validate_exchange)
    user = fake.add_user()
    with FakeServer(fake) as server:
        clerk = world.clerk(server.config())
        with pytest.raises(BadRequestError) as caught:
            clerk.sessions.create(user_id=user.id)

    assert "request_invalid_for_environment" == caught.value.errors[0].code
    assert [] == fake.sessions()


def test_revoke(clerk: Clerk, fake: FakeClerk, session: FakeSession, revocations: Revocations) -> None:
    """A revoked session is over, and its token, good a moment ago and not expired, is refused at once."""
    token = fake.session_token(session)
    other = fake.session_token(fake.create_session(session.user))
    claims = clerk.verify_token(token)
    found = clerk.sessions.revoke(session.id)

    assert session.id == claims.session_id
    assert f"POST /v1/sessions/{session.id}/revoke" == target(fake)
    assert b"" == last(fake).body
    assert (session.id, SessionStatus.REVOKED) == (found.id, found.status)
    assert 1 == len(revocations)
    with pytest.raises(TokenVerificationError) as caught:
        clerk.verify_token(token)
    assert Reason.SESSION_REVOKED is caught.value.reason
    assert clerk.verify_token(other)


def test_revoke_that_fails(clerk: Clerk, revocations: Revocations) -> None:
    """A session that Clerk did not revoke is not taken for revoked."""
    with pytest.raises(NotFoundError):
        clerk.sessions.revoke("sess_missing")

    assert 0 == len(revocations)


@pytest.mark.parametrize(("answer", "noted"), [(None, 1), (b"junk", 1), (502, 1), (401, 0)], ids=str)
def test_revoke_whose_answer_is_lost(world: World, answer: object, noted: int, revocations: Revocations) -> None:
    """Where Clerk may have revoked the session, it counts as revoked here: only a plain no leaves it."""
    script = answer if answer is None else reply(answer) if isinstance(answer, int) else reply(200, answer)
    with Loopback.script(script) as server:
        clerk = world.clerk(config_at(server.url, timeout=0.2), revocations=revocations)
        with pytest.raises(APIError):
            clerk.sessions.revoke("sess_1")

    assert noted == len(revocations)


def test_revoke_without_revocations(world: World, server: FakeServer, session: FakeSession) -> None:
    """A client without revocations revokes all the same."""
    assert SessionStatus.REVOKED is world.clerk(server.config()).sessions.revoke(session.id).status


class Deaf:
    """Somebody's own revocations, which fail when asked."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        raise LookupError


def test_revoke_with_revocations_of_ones_own(
    world: World, server: FakeServer, fake: FakeClerk, session: FakeSession, clock: Clock
) -> None:
    """An object that only answers is asked, and not told; when it fails, nobody can judge."""
    clerk = world.clerk(server.config(clock=clock.time, monotonic=clock.monotonic), revocations=Deaf())

    assert SessionStatus.REVOKED is clerk.sessions.revoke(session.id).status
    with pytest.raises(RevocationUnavailable):
        clerk.verify_token(fake.session_token(session))


def expired(fake: FakeClerk, session: FakeSession, **changes: Any) -> dict[str, Any]:
    """The arguments of a refresh that succeeds, but for the changes."""
    arguments = {
        "expired_token": fake.session_token(session, expires_in=-30, azp=APP),
        "refresh_token": fake.refresh_token(session),
        "request_origin": APP,
    }
    return arguments | changes


def test_refresh(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> None:
    """An expired token is traded for a good one, as a str."""
    arguments = expired(fake, session)
    token = cast("Any", clerk).sessions.refresh(session.id, **arguments)

    assert f"POST /v1/sessions/{session.id}/refresh" == target(fake)
    assert arguments | {"format": "token"} == body(fake)
    assert isinstance(token, str)
    assert session.id == clerk.verify_token(token).session_id


def test_refresh_into_cookies(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> None:
    """In the format of cookies, the values for Set-Cookie come; every argument is sent under its name."""
    arguments = expired(fake, session)
    headers = {"User-Agent": "Firefox", "Accept-Language": ["nl", "en"]}
    cookies = clerk.sessions.refresh(
        session.id, **arguments, format="cookie", request_headers=headers, request_originating_ip="192.0.2.1"
    )

    assert arguments | {
        "format": "cookie",
        "request_headers": {"User-Agent": ["Firefox"], "Accept-Language": ["nl", "en"]},
        "request_originating_ip": "192.0.2.1",
    } == body(fake)
    assert {"User-Agent": "Firefox", "Accept-Language": ["nl", "en"]} == headers
    assert 1 == len(cookies)
    token = cookies[0].removeprefix("__session=").partition(";")[0]
    assert session.id == clerk.verify_token(token).session_id


class Twice(dict[str, str]):
    """Headers that give a name twice, as those of web frameworks do."""

    def items(self) -> Any:
        return [("x-forwarded-for", "192.0.2.1"), ("accept", "*/*"), ("x-forwarded-for", "192.0.2.2")]


def test_refresh_with_repeated_headers(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> None:
    """A header that is given twice keeps both values."""
    clerk.sessions.refresh(session.id, **expired(fake, session), request_headers=Twice())

    assert {"x-forwarded-for": ["192.0.2.1", "192.0.2.2"], "accept": ["*/*"]} == body(fake)["request_headers"]


REFUSALS: dict[str, Callable[[FakeClerk, FakeSession], dict[str, Any]]] = {
    "refresh_request_origin_invalid": lambda fake, session: expired(fake, session, request_origin="app.example.com"),
    "expired_session_token_invalid": lambda fake, session: expired(
        fake, session, expired_token=fake.forge(fake.session_token(session, expires_in=-30, azp=APP))
    ),
    "expired_session_token_missing_azp": lambda fake, session: expired(
        fake, session, expired_token=fake.session_token(session, expires_in=-30)
    ),
    "refresh_request_origin_azp_mismatch": lambda fake, session: expired(
        fake, session, request_origin="https://evil.example"
    ),
    "expired_session_token_missing_sid": lambda fake, session: expired(
        fake,
        session,
        expired_token=fake.session_token(session, expires_in=-30, azp=APP, claims={"sid": FakeClerk.REMOVE}),
    ),
    "refresh_sid_mismatch": lambda fake, session: expired(
        fake,
        session,
        expired_token=fake.session_token(fake.create_session(session.user), expires_in=-30, azp=APP),
    ),
    "refresh_token_not_found": lambda fake, session: expired(fake, session, refresh_token="another"),
    "session_refresh_expired_session_token_missing_iat": lambda fake, session: expired(
        fake,
        session,
        expired_token=fake.session_token(session, expires_in=-30, azp=APP, claims={"iat": FakeClerk.REMOVE}),
    ),
    "session_refresh_expired_session_token_too_old": lambda fake, session: expired(
        fake, session, expired_token=fake.session_token(session, expires_in=-30, azp=APP, claims={"iat": 1_000_000_000})
    ),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_refresh_refused(clerk: Clerk, fake: FakeClerk, session: FakeSession, code: str) -> None:
    """Every refusal is an `AuthenticationError` with Clerk's code, after one request; no token is in its text."""
    arguments = REFUSALS[code](fake, session)
    with pytest.raises(AuthenticationError) as caught:
        clerk.sessions.refresh(session.id, **arguments)

    assert code == caught.value.errors[0].code
    assert 1 == len(fake.requests)
    assert arguments["expired_token"] not in str(caught.value)
    assert arguments["refresh_token"] not in str(caught.value)


def test_refresh_of_a_dead_session(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> None:
    """A session that is over, or missing, cannot be refreshed."""
    arguments = expired(fake, session)
    fake.revoke(session)
    with pytest.raises(AuthenticationError) as caught:
        clerk.sessions.refresh(session.id, **arguments)

    assert "session_refresh_inactive_session" == caught.value.errors[0].code


def test_refresh_twice(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> None:
    """An expired token is traded a single time."""
    arguments = expired(fake, session)
    clerk.sessions.refresh(session.id, **arguments)
    with pytest.raises(AuthenticationError) as caught:
        clerk.sessions.refresh(session.id, **arguments)

    assert "session_refresh_expired_session_token_consumed" == caught.value.errors[0].code


@pytest.mark.parametrize(("asked", "lifetime"), [(None, 60), (30, 30), (600, 600), (315_360_000, 315_360_000)])
def test_create_token(clerk: Clerk, fake: FakeClerk, session: FakeSession, asked: int | None, lifetime: int) -> None:
    """A session token is minted that verifies and lives as long as asked, a minute if not."""
    token = clerk.sessions.create_token(session.id, expires_in_seconds=asked)
    claims = clerk.verify_token(token)

    assert f"POST /v1/sessions/{session.id}/tokens" == target(fake)
    assert ({} if asked is None else {"expires_in_seconds": asked}) == body(fake)
    assert dt.timedelta(seconds=lifetime) == claims.expires_at - claims.issued_at
    assert (session.id, session.user.id) == (claims.session_id, claims.user_id)


@pytest.mark.parametrize(("asked", "lifetime"), [(None, 300), (30, 30), (315_360_000, 315_360_000)])
def test_create_token_from_template(
    clerk: Clerk, fake: FakeClerk, session: FakeSession, asked: int | None, lifetime: int
) -> None:
    """A template's token has its claims and its lifetime unless asked otherwise, and no other door than its own."""
    fake.add_template("hasura", {"role": "admin"}, lifetime=300)
    jwt = clerk.sessions.create_token_from_template(session.id, "hasura", expires_in_seconds=asked)
    claims = clerk.verify_template_token(jwt)

    assert f"POST /v1/sessions/{session.id}/tokens/hasura" == target(fake)
    assert ({} if asked is None else {"expires_in_seconds": asked}) == body(fake)
    assert "admin" == claims.raw["role"]
    assert lifetime == claims.raw["exp"] - claims.raw["iat"]
    with pytest.raises(TokenVerificationError) as caught:
        clerk.verify_token(jwt)
    assert Reason.TOKEN_TYPE_MISMATCH is caught.value.reason


def test_missing_template(clerk: Clerk, session: FakeSession) -> None:
    """A template that is not there is a `NotFoundError`."""
    with pytest.raises(NotFoundError) as caught:
        clerk.sessions.create_token_from_template(session.id, "nothing")

    assert "resource_not_found" == caught.value.errors[0].code


def test_jwks(clerk: Clerk, fake: FakeClerk) -> None:
    """The key set comes from the Backend API, typed."""
    keys = clerk.jwks()

    assert "GET /v1/jwks" == target(fake)
    assert type(keys) is JSONWebKeySet
    assert [(fake.instance_id, "RSA", "RS256")] == [(key.kid, key.kty, key.alg) for key in keys.keys]
    assert fake.jwks() == keys.to_dict()


def test_wrong_key(world: World, server: FakeServer, fake: FakeClerk) -> None:
    """A key that no instance has is an `AuthenticationError`, which does not show it."""
    clerk = world.clerk(server.config(secret_key="sk_test_WrongButHidden"))
    with pytest.raises(AuthenticationError) as caught:
        clerk.sessions.list()

    assert "clerk_key_invalid" == caught.value.errors[0].code
    assert "WrongButHidden" not in str(caught.value)


def test_no_secret_key(world: World, server: FakeServer, fake: FakeClerk, clock: Clock) -> None:
    """Without a secret key tokens are verified; each of the eight operations says which setting it needs."""
    session = fake.create_session(fake.add_user())
    clerk = world.clerk(server.config(secret_key=None, clock=clock.time, monotonic=clock.monotonic))
    calls: list[Callable[[], object]] = [
        clerk.jwks,
        clerk.sessions.list,
        clerk.sessions.page,
        lambda: next(iter(clerk.sessions.iterate())),
        lambda: clerk.sessions.get("sess_1"),
        lambda: clerk.sessions.create(user_id="user_1"),
        lambda: clerk.sessions.revoke("sess_1"),
        lambda: clerk.sessions.refresh("sess_1", expired_token="t", refresh_token="r", request_origin=APP),
        lambda: clerk.sessions.create_token("sess_1"),
        lambda: clerk.sessions.create_token_from_template("sess_1", "hasura"),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError, match=r"^secret_key: ") as caught:
            call()
        assert "secret_key" == caught.value.field

    assert [] == fake.requests
    assert session.id == clerk.verify_token(fake.session_token(session)).session_id


def test_from_env(server: FakeServer, fake: FakeClerk, session: FakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients with the settings of the environment, or of a mapping, call the same API."""
    environ = {
        "CLERK_PUBLISHABLE_KEY": fake.publishable_key,
        "CLERK_SECRET_KEY": fake.secret_key,
        "CLERK_API_URL": server.url,
    }

    async def asynchronous() -> str:
        async with AsyncClerk.from_env(environ) as clerk:
            assert server.api_url == clerk.config.api_url
            return (await clerk.sessions.get(session.id)).id

    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with Clerk.from_env() as clerk:
        assert server.api_url == clerk.config.api_url
        assert session.id == clerk.sessions.get(session.id).id == asyncio.run(asynchronous())
