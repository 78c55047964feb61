"""What the clients themselves add to the calls: states in place of errors, a warning, a face without secrets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from clerk_ext import AsyncClerk, Clerk, ClerkConfig, Reason

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk, FakeServer
    from tests.worlds import Clock, World


def test_signed_in(clerk: Clerk, fake: FakeClerk) -> None:
    """A good token gives a state with its claims."""
    session = fake.create_session(fake.add_user())
    token = fake.session_token(session)
    state = clerk.authenticate_token(token)

    assert (True, None, "acme", token) == (state.is_signed_in, state.reason, state.tenant, state.token)
    assert state.claims is not None
    assert session.id == state.claims.session_id


@pytest.mark.parametrize("token", [None, ""])
def test_without_token(clerk: Clerk, fake: FakeClerk, token: str | None) -> None:
    """A request without a token is signed out, and nothing is fetched for it."""
    state = clerk.authenticate_token(token)

    assert (False, Reason.SESSION_TOKEN_MISSING, "acme", None) == (
        state.is_signed_in,
        state.reason,
        state.tenant,
        state.claims,
    )
    assert [] == fake.requests


def test_signed_out(clerk: Clerk, fake: FakeClerk) -> None:
    """A token that is refused gives a state with the reason, and does not raise."""
    state = clerk.authenticate_token(fake.session_token(fake.create_session(fake.add_user()), expires_in=-60))

    assert (False, Reason.TOKEN_EXPIRED, None) == (state.is_signed_in, state.reason, state.claims)


def test_revoked_through_this_client(clerk: Clerk, fake: FakeClerk) -> None:
    """After the session was revoked, the state says so."""
    session = fake.create_session(fake.add_user())
    clerk.sessions.revoke(session.id)
    state = clerk.authenticate_token(fake.session_token(session))

    assert (False, Reason.SESSION_REVOKED) == (state.is_signed_in, state.reason)


def test_warning_without_issuer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A configuration that knows no issuer is warned of once, with the fields to add and without the key."""
    with caplog.at_level(logging.WARNING, logger="clerk_ext"):
        world.clerk(ClerkConfig(name="acme", secret_key="sk_test_hushhush"))

    assert 1 == len(caplog.records)
    assert "tenant acme: no issuer is known" in caplog.text
    assert "publishable_key, frontend_api or issuer" in caplog.text
    assert "hushhush" not in caplog.text


def test_no_warning_with_issuer(world: World, server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    """A configuration that knows its issuer makes no noise."""
    with caplog.at_level(logging.DEBUG, logger="clerk_ext"):
        world.clerk(server.config())

    assert [] == caplog.records


def test_repr(world: World, server: FakeServer, fake: FakeClerk, clock: Clock) -> None:
    """A client shows its settings, and neither the key nor the PEM."""
    config = server.config(jwt_key=fake.public_key_pem(), clock=clock.time)
    shown = repr(world.clerk(config))

    assert {"sync": f"Clerk({config!r})", "async": f"AsyncClerk({config!r})"}[world.name] == shown
    assert fake.secret_key not in shown
    assert fake.secret_key[8:] not in shown
    assert "BEGIN PUBLIC" not in shown
    assert "api_url=" in shown


@pytest.mark.parametrize("config", ["pk_test_x", None, {}])
@pytest.mark.parametrize("front_door", [Clerk, AsyncClerk])
def test_config_of_the_wrong_type(front_door: Any, config: object) -> None:
    """A key in place of a ClerkConfig is refused by name."""
    with pytest.raises(TypeError, match="config: give a ClerkConfig, not "):
        front_door(config)


def test_transport_of_the_other_world() -> None:
    """A transport that cannot work is refused when it is given, not at the first call."""
    config = ClerkConfig(frontend_api="clerk.example.com")
    with pytest.raises(TypeError, match=r"transport: give an httpx\.BaseTransport, not AsyncHTTPTransport"):
        Clerk(config, transport=cast("Any", httpx.AsyncHTTPTransport()))
    with pytest.raises(TypeError, match=r"transport: give an httpx\.AsyncBaseTransport, not HTTPTransport"):
        AsyncClerk(config, transport=cast("Any", httpx.HTTPTransport()))
