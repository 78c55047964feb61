"""authenticate_token: a state for whatever the request brings, an exception only where nothing can be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import attrs
import pytest

from clerk_ext import Clerk, JWKSUnavailable, Reason, RevocationUnavailable, SessionClaims
from clerk_ext.testing import FakeTransport

from .bench import MARKER, Bench, stranger

if TYPE_CHECKING:
    from tests.worlds import World


def test_signed_in(clerk: Clerk, bench: Bench) -> None:
    """A good token: signed in, with its claims, and no header to add."""
    token = bench.token()
    state = clerk.authenticate_token(token)

    assert "signed-in" == state.status
    assert state.is_signed_in
    assert (None, None) == (state.reason, state.message)
    assert state.claims is not None
    assert bench.session.id == state.claims.session_id
    assert token == state.token
    assert "acme" == state.tenant
    assert {} == state.headers


def test_refused(clerk: Clerk, bench: Bench) -> None:
    """A refused token: signed out, with the reason in words, as a value and as headers."""
    state = clerk.authenticate_token(bench.token(key=stranger()))

    assert "signed-out" == state.status
    assert not state.is_signed_in
    assert Reason.TOKEN_INVALID_SIGNATURE == state.reason
    assert state.message
    assert (None, None) == (state.claims, state.token)
    assert "acme" == state.tenant
    assert {
        "x-clerk-auth-status": "signed-out",
        "x-clerk-auth-reason": "token-invalid-signature",
        "x-clerk-auth-message": state.message,
    } == state.headers


@pytest.mark.parametrize("token", [None, ""])
def test_no_token(clerk: Clerk, bench: Bench, token: str | None) -> None:
    """Without a token: signed out for want of it, and no key is asked for."""
    state = clerk.authenticate_token(token)

    assert Reason.SESSION_TOKEN_MISSING == state.reason
    assert "signed-out" == state.status
    assert "session-token-missing" == state.headers["x-clerk-auth-reason"]
    assert [] == bench.fake.requests


@pytest.mark.parametrize("token", [b"a.b.c", 5, ["a"], "a.b.c", "\ud800"])
def test_no_token_at_all(clerk: Clerk, token: object) -> None:
    """What is no token is a reason like any other."""
    assert Reason.TOKEN_INVALID == clerk.authenticate_token(cast("str", token)).reason


def test_same_reason_as_verify_token(clerk: Clerk, bench: Bench) -> None:
    """A JWT-template token is no session: the state says so."""
    assert Reason.TOKEN_TYPE_MISMATCH == clerk.authenticate_token(bench.template()).reason


def test_token_is_hidden(clerk: Clerk, bench: Bench) -> None:
    """The state's repr shows neither the token nor its custom claims."""
    token = bench.token()
    shown = repr(clerk.authenticate_token(token))

    assert [] == [secret for secret in (token, *token.split("."), MARKER) if secret in shown]
    assert bench.session.user.id in shown


def test_headers_are_not_shared(clerk: Clerk) -> None:
    """The headers are the caller's to change; the state is not."""
    state = clerk.authenticate_token(None)
    cast("dict[str, str]", state.headers)["x-clerk-auth-reason"] = "changed"

    assert "session-token-missing" == state.headers["x-clerk-auth-reason"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        state.reason = None  # type: ignore[misc]


def test_headers_fit_into_http(clerk: Clerk, bench: Bench) -> None:
    """Header values are printable ASCII in one line, whatever the reason."""
    for token in (None, "é", "\n", bench.token(key=stranger()), bench.token(exp=1), bench.token(sts="pending")):
        values = clerk.authenticate_token(token).headers.values()

        assert all(value.isascii() and value.isprintable() for value in values)


def test_outage_is_not_signed_out(world: World, bench: Bench) -> None:
    """Where the keys cannot be had nobody is signed out: the exception goes through."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.other))
    with pytest.raises(JWKSUnavailable) as unavailable:
        clerk.authenticate_token(bench.token())

    assert 10.0 == unavailable.value.retry_after


class Broken:
    """Revocations out of order."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Fail."""
        raise OSError(f"no answer about {claims.session_id}")


def test_broken_revocations(world: World, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Nor where the revocations fail: the cause is chained, and the log names its class alone."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.fake), revocations=Broken())
    with pytest.raises(RevocationUnavailable) as unavailable:
        clerk.authenticate_token(bench.token())

    assert unavailable.value.__cause__ is None  # its text may show claims
    assert ["tenant acme: is_revoked raised OSError"] == [
        record.getMessage()
        for record in caplog.records
        if record.name == "clerk_ext.tokens" and record.levelname == "ERROR"
    ]


def test_revocations_are_asked_every_time(world: World, bench: Bench) -> None:
    """A session that is revoked between two requests with the same token is signed out at the second."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.fake), revocations=bench.revocations)
    token = bench.token()
    before = clerk.authenticate_token(token)
    bench.revocations.revoke_session(bench.session.id)
    after = clerk.authenticate_token(token)

    assert before.is_signed_in
    assert Reason.SESSION_REVOKED == after.reason
