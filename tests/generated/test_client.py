"""The generated client, and the traps of the stock one that it does not have."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_sessions_api import AuthenticatedClient
from clerk_sessions_api.api.sessions import get_session
from tests.generated.operations import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Callable


def timeouts(seconds: float) -> dict[str, float]:
    """The four timeouts of httpx, all alike."""
    return {"connect": seconds, "read": seconds, "write": seconds, "pool": seconds}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, timeouts(5.0)),
        ({"timeout": 1.5}, timeouts(1.5)),
        ({"timeout": httpx.Timeout(2.0, read=9.0)}, timeouts(2.0) | {"read": 9.0}),
    ],
)
def test_timeout(options: dict[str, Any], expected: dict[str, float]) -> None:
    """Each request carries its timeouts: five seconds each unless asked otherwise, never for ever."""
    client = AuthenticatedClient("https://api.example.com", "sk_test_secret", **options)

    assert expected == get_session.build_request(client, "sess_1").extensions["timeout"]


def test_silent_server(call: Callable[..., Any]) -> None:
    """A server that accepts and says nothing ends in a timeout, in both worlds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(httpx.ReadTimeout):
            call(BY_NAME["get_session"], url, timeout=0.05)


def test_callers_headers_are_left_alone() -> None:
    """The dict that the caller passed stays as it was, and later changes to it change nothing."""
    headers = {"Clerk-API-Version": "2026-05-12"}
    with AuthenticatedClient("https://api.example.com", "sk_test_secret", headers=headers) as client:
        client.get_httpx_client()
        unchanged = dict(headers)
        headers["Clerk-API-Version"] = "2021-02-05"
        request = get_session.build_request(client, "sess_1")

    assert unchanged == {"Clerk-API-Version": "2026-05-12"}
    assert request.headers["clerk-api-version"] == "2026-05-12"


def test_token_is_not_shown(client: AuthenticatedClient) -> None:
    """Neither the client nor a request that it built shows the token."""
    request = get_session.build_request(client, "sess_1")

    assert "AuthenticatedClient(base_url='https://api.example.com/v1')" == repr(client)
    assert "sk_test_secret" not in f"{client} {request!r} {request.headers!r}"


@pytest.mark.parametrize("token", ["", "sk_test_…", "sk_test_x\r\nX-Other: 1", "sk_test_\x7f"])
def test_tokens_that_no_header_can_carry(token: str) -> None:
    """A token that cannot be sent is refused at once, without being shown."""
    with pytest.raises(ValueError, match=r"^token must be printable ASCII text$") as caught:
        AuthenticatedClient("https://api.example.com", token)

    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("base_url", "message"),
    [
        ("", "^base_url must be an absolute"),
        ("/v1", "^base_url must be an absolute"),
        ("ftp://api.example.com", "^base_url must be an absolute"),
        ("https:///v1", "^base_url must be an absolute"),
        ("https://api.example.com:port", "^base_url is not a URL"),
        ("https://user:hidden@api.example.com", "^base_url must not hold credentials"),
        ("https://api.example.com?a=hidden", "^base_url must not hold credentials"),
        ("https://api.example.com/v1#hidden", "^base_url must not hold credentials"),
    ],
)
def test_base_urls_that_cannot_be_used(base_url: str, message: str) -> None:
    """A base URL that requests cannot be built on is refused at once; what it may hide is not shown."""
    with pytest.raises(ValueError, match=message) as caught:
        AuthenticatedClient(base_url, "sk_test_secret")

    assert "hidden" not in str(caught.value)


def test_clients_are_made_once() -> None:
    """However many threads ask first, there is one sync and one async httpx client."""
    client = AuthenticatedClient("https://api.example.com", "sk_test_secret")
    together = Barrier(8)

    def ask(_: int) -> tuple[int, int]:
        together.wait()
        return id(client.get_httpx_client()), id(client.get_async_httpx_client())

    with ThreadPoolExecutor(8) as threads:
        seen = set(threads.map(ask, range(8)))
    client.close()
    asyncio.run(client.aclose())

    assert 1 == len(seen)


def test_context_manager_closes_what_it_made() -> None:
    """Leaving the context manager closes the httpx client that the client made."""
    with AuthenticatedClient("https://api.example.com", "sk_test_secret") as client:
        made = client.get_httpx_client()
        open_inside = made.is_closed

    assert (False, True) == (open_inside, made.is_closed)


def test_async_context_manager_closes_what_it_made() -> None:
    """Leaving the async context manager closes the async httpx client that the client made."""

    async def run() -> tuple[bool, bool]:
        async with AuthenticatedClient("https://api.example.com", "sk_test_secret") as client:
            made = client.get_async_httpx_client()
            closed_inside = made.is_closed
        return closed_inside, made.is_closed

    assert (False, True) == asyncio.run(run())


def test_given_clients_are_used_and_stay_open() -> None:
    """An httpx client that was set is the one used, and closing it stays with whoever made it."""
    given, given_async = httpx.Client(), httpx.AsyncClient()
    with AuthenticatedClient("https://api.example.com", "sk_test_secret") as client:
        client.set_httpx_client(given)
        client.set_async_httpx_client(given_async)
        used = (client.get_httpx_client(), client.get_async_httpx_client())
    asyncio.run(client.aclose())
    closed = (given.is_closed, given_async.is_closed)
    given.close()
    asyncio.run(given_async.aclose())

    assert used == (given, given_async)
    assert closed == (False, False)


def test_closing_without_a_client() -> None:
    """A client that never sent anything has nothing to close, and closing it is fine."""
    client = AuthenticatedClient("https://api.example.com", "sk_test_secret")
    client.close()
    asyncio.run(client.aclose())

    assert client.get_httpx_client() is client.get_httpx_client()
    client.close()
