"""The refresh operation: what it gives, that it gives it once, and each of Clerk's refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from clerk_ext.testing import FakeClerk, FakeSession
from clerk_ext.testing.refresh import cookie_suffix
from tests.recorded import validate_exchange

from .conftest import NOW, Ask, Clock
from .oracle import verified

ORIGIN = "https://app.example.com"


@pytest.fixture
def session(fake: FakeClerk) -> FakeSession:
    """A session of a user who is known by name."""
    return fake.create_session(fake.add_user("user_1"))


@pytest.fixture
def body(fake: FakeClerk, session: FakeSession, clock: Clock) -> dict[str, Any]:
    """A body that is allowed, its token expired for a minute."""
    token = fake.session_token(session, azp=ORIGIN)
    clock.advance(120)
    return {"expired_token": token, "refresh_token": fake.refresh_token(session), "request_origin": ORIGIN}


def test_token(fake: FakeClerk, ask: Ask, session: FakeSession, body: dict[str, Any]) -> None:
    """An expired token is traded for a fresh one of the same session and party, and only once."""
    fake.on_exchange.append(validate_exchange)
    first = ask("POST", f"/v1/sessions/{session.id}/refresh", json=body)
    again = ask("POST", f"/v1/sessions/{session.id}/refresh", json=body)
    claims = verified(first.json()["jwt"], fake.jwks())[1]

    assert "token" == first.json()["object"]
    assert (session.id, "user_1", ORIGIN, NOW + 120, NOW + 180, 2) == tuple(
        claims[name] for name in ("sid", "sub", "azp", "iat", "exp", "v")
    )
    assert 401 == again.status_code
    assert "session_refresh_expired_session_token_consumed" == again.json()["errors"][0]["code"]


@pytest.mark.parametrize(("query", "names"), [("", [""]), ("?suffixed_cookies=true", ["", "suffixed"])])
def test_cookies(
    fake: FakeClerk, ask: Ask, session: FakeSession, body: dict[str, Any], query: str, names: list[str]
) -> None:
    """As cookies the token comes in Set-Cookie values, under the suffixed name too if the query asks for it."""
    optional = {
        "format": "cookie",
        "request_headers": {"accept": ["*/*"]},
        "request_originating_ip": "192.0.2.1",
    }
    answer = ask("POST", f"/v1/sessions/{session.id}/refresh{query}", json=body | optional).json()
    suffix = cookie_suffix(fake.publishable_key)
    pairs = [cookie.partition(";")[0].split("=") for cookie in answer["cookies"]]

    assert "cookies" == answer["object"]
    assert [f"__session_{suffix}" if name else "__session" for name in names] == [name for name, _ in pairs]
    assert [session.id] * len(names) == [verified(value, fake.jwks())[1]["sid"] for _, value in pairs]


@pytest.mark.parametrize(
    ("suffix", "publishable_key"),
    [
        ("QvfNY2dr", "pk_test_Y2xlcmsuY2xlcmsuZGV2JA"),
        ("qReyu04C", "pk_live_ZmFrZS1jbGVyay10ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ="),
    ],
)
def test_cookie_suffix(suffix: str, publishable_key: str) -> None:
    """The suffix is the one that Clerk's own clients compute for these keys."""
    assert suffix == cookie_suffix(publishable_key)


def test_version_is_kept(fake: FakeClerk, ask: Ask, session: FakeSession, body: dict[str, Any]) -> None:
    """A version 1 token is traded for a version 1 token."""
    body["expired_token"] = fake.session_token(session, version=1, azp=ORIGIN)
    answer = ask("POST", f"/v1/sessions/{session.id}/refresh", json=body).json()

    assert "v" not in verified(answer["jwt"], fake.jwks())[1]


Change: TypeAlias = Callable[[FakeClerk, FakeSession], dict[str, Any]]


def token_with(**claims: object) -> Change:
    """A body whose token has other claims."""
    return lambda fake, session: {"expired_token": fake.session_token(session, azp=ORIGIN, claims=claims)}


def over(fake: FakeClerk, session: FakeSession) -> dict[str, Any]:
    """The same body, once the session is over."""
    fake.set_status(session, "ended")
    return {}


REFUSED: list[tuple[str, Change]] = [
    ("refresh_request_origin_invalid", lambda fake, session: {"request_origin": "app.example.com"}),
    ("refresh_request_origin_invalid", lambda fake, session: {"request_origin": ORIGIN + "/"}),
    ("refresh_request_origin_azp_mismatch", lambda fake, session: {"request_origin": ORIGIN + ":8443"}),
    ("expired_session_token_invalid", lambda fake, session: {"expired_token": "not.a.token"}),
    ("expired_session_token_invalid", lambda fake, session: {"expired_token": "é"}),
    ("expired_session_token_invalid", lambda fake, session: {"expired_token": fake.sign([], {})}),
    (
        "expired_session_token_invalid",
        lambda fake, session: {"expired_token": fake.sign({}, b"[" * 99_999)},
    ),
    (
        "expired_session_token_invalid",
        lambda fake, session: {"expired_token": fake.forge(fake.session_token(session, azp=ORIGIN))},
    ),
    (
        "expired_session_token_invalid",
        lambda fake, session: {"expired_token": fake.session_token(session, azp=ORIGIN) + ".x"},
    ),
    (
        "session_refresh_session_token_ineligible",
        lambda fake, session: {"expired_token": fake.template_token(session, fake.add_template("t"), azp=ORIGIN)},
    ),
    ("expired_session_token_missing_azp", token_with(azp=FakeClerk.REMOVE)),
    ("expired_session_token_missing_sid", token_with(sid=FakeClerk.REMOVE)),
    ("refresh_sid_mismatch", token_with(sid="sess_other")),
    ("session_refresh_inactive_session", over),
    ("session_refresh_user_not_found", token_with(sub="user_2")),
    ("refresh_token_not_found", lambda fake, session: {"refresh_token": "other"}),
    ("session_refresh_expired_session_token_missing_iat", token_with(iat=FakeClerk.REMOVE)),
    ("session_refresh_cannot_determine_session_token_age", token_with(iat="yesterday")),
    ("session_refresh_cannot_determine_session_token_age", token_with(iat=True)),
    ("session_refresh_expired_session_token_too_old", token_with(iat=NOW - 8 * 86_400)),
]


@pytest.mark.parametrize(("expected", "change"), REFUSED)
def test_refused(
    fake: FakeClerk, ask: Ask, session: FakeSession, body: dict[str, Any], expected: str, change: Change
) -> None:
    """Every refusal is a 401 with the code of its reason, and leaves the expired token unused."""
    fake.on_exchange.append(validate_exchange)
    response = ask("POST", f"/v1/sessions/{session.id}/refresh", json=body | change(fake, session))

    assert (401, expected) == (response.status_code, response.json()["errors"][0]["code"])
    assert fake.consume(body["expired_token"])


def test_session_of_nobody(fake: FakeClerk, ask: Ask, session: FakeSession, body: dict[str, Any]) -> None:
    """A token and a path that agree on a session that does not exist are refused."""
    body["expired_token"] = fake.session_token(session, azp=ORIGIN, claims={"sid": "sess_nobody"})
    response = ask("POST", "/v1/sessions/sess_nobody/refresh", json=body)

    assert (401, "session_refresh_session_not_found") == (
        response.status_code,
        response.json()["errors"][0]["code"],
    )


@pytest.mark.parametrize(
    ("param", "change"),
    [
        ("expired_token", {"expired_token": None}),
        ("refresh_token", {"refresh_token": 1}),
        ("request_origin", {"request_origin": []}),
        ("format", {"format": "cookies"}),
        ("request_headers", {"request_headers": "accept"}),
        ("request_originating_ip", {"request_originating_ip": 1}),
        ("other", {"other": 1}),
    ],
)
def test_body_refused(ask: Ask, session: FakeSession, body: dict[str, Any], param: str, change: dict[str, Any]) -> None:
    """A body of another shape is a 400 that names the field."""
    response = ask("POST", f"/v1/sessions/{session.id}/refresh", json=body | change)
    (error,) = response.json()["errors"]

    assert (400, "request_body_invalid", {"param_name": param}) == (
        response.status_code,
        error["code"],
        error["meta"],
    )
