"""Proxies that the environment names are used, as by every program that httpx drives."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import httpx
import pytest

from clerk_ext import APIConnectionError
from clerk_ext.testing import FakeServer
from tests.transport.loopback import SECRET, Loopback, config_at, reply, session_json

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World

OK = reply(200, session_json())
NOWHERE = "http://api.clerk.invalid"
"""A host that no name server knows (RFC 6761 6.4): only the proxy can have answered."""


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_forward_proxy(world: World, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An http API is asked through the proxy: the whole URL is the target, and connections are kept."""
    with Loopback.script(OK) as proxy:
        monkeypatch.setenv(name, proxy.url)
        clerk = world.clerk(config_at(NOWHERE, allow_http=True))
        clerk.sessions.get("sess_1")
        clerk.sessions.revoke("sess_1")

    assert [f"GET {NOWHERE}/v1/sessions/sess_1", f"POST {NOWHERE}/v1/sessions/sess_1/revoke"] == proxy.targets
    assert ["api.clerk.invalid"] * 2 == [request.headers["host"] for request in proxy.received]
    assert 1 == proxy.connections


def test_no_proxy(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that NO_PROXY names are asked directly, others are not; loopback is no exception by itself."""
    with Loopback.script(OK) as proxy, Loopback.script(OK) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        world.clerk(config_at(server.url)).sessions.get("by_proxy")
        monkeypatch.setenv("NO_PROXY", "example.com,127.0.0.1")
        world.clerk(config_at(server.url)).sessions.get("directly")

    assert [f"GET {server.url}/v1/sessions/by_proxy"] == proxy.targets
    assert ["GET /v1/sessions/directly"] == server.targets


def test_tunnel(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An https API is asked through a tunnel; a proxy that refuses it sees no key, and its password is not shown."""
    with Loopback.script(reply(403, b"")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://me:hushhush@"))
        clerk = world.clerk(config_at("https://api.clerk.invalid"))
        with pytest.raises(APIConnectionError) as caught:
            clerk.sessions.revoke("sess_1")

    assert ["CONNECT api.clerk.invalid:443"] == proxy.targets
    assert "authorization" not in proxy.received[0].headers
    assert "proxy-authorization" in proxy.received[0].headers
    assert isinstance(caught.value.__cause__, httpx.ProxyError)
    shown = "".join(traceback.format_exception(caught.value))
    assert [] == [text for text in ("hushhush", SECRET) if text in shown]


def test_address_that_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable that holds no URL is an `APIConnectionError`, not an exception of httpx's."""
    monkeypatch.setenv("HTTP_PROXY", "http://me:hushhush@127.0.0.1:port")
    clerk = world.clerk(config_at(NOWHERE, allow_http=True))
    with pytest.raises(APIConnectionError) as caught:
        clerk.sessions.revoke("sess_1")

    assert isinstance(caught.value.__cause__, httpx.InvalidURL)
    assert "hushhush" not in "".join(traceback.format_exception(caught.value))


def test_key_set_through_the_proxy(
    world: World, fake: FakeClerk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key set is fetched through the proxy as well."""
    session = fake.create_session(fake.add_user())
    with FakeServer(fake) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        config = fake.config(
            api_url=f"{NOWHERE}/v1",
            jwks_url="http://frontend.clerk.invalid/.well-known/jwks.json",
            allow_http=True,
            clock=clock.time,
            monotonic=clock.monotonic,
        )
        clerk = world.clerk(config)
        claims = clerk.verify_token(fake.session_token(session))
        found = clerk.sessions.get(session.id)

    assert session.id == claims.session_id == found.id
    assert ["frontend.clerk.invalid", "api.clerk.invalid"] == [request.host for request in fake.requests]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTPS_PROXY", "foo://127.0.0.1:1"),
        ("HTTPS_PROXY", "socks5://127.0.0.1:1"),
        ("SSL_CERT_FILE", "/nonexistent/ca.pem"),
    ],
)
def test_environment_that_cannot_work(world: World, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A proxy or certificate file that the environment names and is none: a connection error, with its cause."""
    from clerk_ext import pools

    pools._tls_context.cache_clear()  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setenv(variable, value)
    try:
        with pytest.raises(APIConnectionError) as caught:
            world.clerk(config_at("https://api.example")).sessions.get("sess_1")
    finally:
        pools._tls_context.cache_clear()  # pyright: ignore[reportPrivateUsage]

    assert caught.value.__cause__ is not None
    assert type(caught.value.__cause__).__name__ in str(caught.value)
