"""The instance behind real HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from clerk_ext.testing import FakeClerk, FakeRequest, FakeServer, api
from clerk_ext.testing.server import LARGEST_BODY


def raw(server: FakeServer, request: bytes, *, cut: bool = False) -> bytes:
    """Send these bytes on a connection of their own, and return all that comes back."""
    url = httpx.URL(server.url)
    with socket.create_connection((url.host, url.port), timeout=5) as connection:
        connection.sendall(request)
        if cut:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_addresses_exist_only_while_it_runs(fake: FakeClerk) -> None:
    """Outside of the block there is no address to ask for, and nobody listens at the old one."""
    server = FakeServer(fake)
    with pytest.raises(RuntimeError, match="with FakeServer"):
        assert server.url
    with server:
        url = server.url
        assert 200 == httpx.get(server.jwks_url, trust_env=False).status_code
        assert url + "/v1" == server.api_url
    with pytest.raises(RuntimeError, match="with FakeServer"):
        assert server.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_runs_again(fake: FakeClerk) -> None:
    """A server that was stopped can be started once more, on the same port if it was given."""
    with FakeServer(fake) as server:
        port = httpx.URL(server.url).port
    assert port is not None
    again = FakeServer(fake, port=port)
    for _ in range(2):
        with again:
            assert port == httpx.URL(again.url).port
            assert 200 == httpx.get(again.jwks_url, trust_env=False).status_code


def test_connection_is_kept_and_ended(fake: FakeClerk) -> None:
    """One connection carries many requests; an idle one does not keep the server from stopping."""
    connection = None
    with FakeServer(fake) as server:
        connection = http.client.HTTPConnection("127.0.0.1", httpx.URL(server.url).port, timeout=5)
        ports: set[int] = set()
        for _ in range(3):
            connection.request("GET", "/.well-known/jwks.json")
            assert fake.jwks() == json.loads(connection.getresponse().read())
            ports.add(connection.sock.getsockname()[1])

        assert 1 == len(ports)
    assert b"" == connection.sock.recv(1)
    connection.close()
    assert [] == [thread.name for thread in threading.enumerate() if "fake-clerk" in thread.name]


def test_many_at_once(fake: FakeClerk) -> None:
    """Requests on many connections are answered, each counted once."""
    with (
        FakeServer(fake) as server,
        httpx.Client(trust_env=False, limits=httpx.Limits(max_connections=8)) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        responses = list(pool.map(client.get, [server.jwks_url] * 64))

    assert [200] * 64 == [response.status_code for response in responses]
    assert 64 == len(fake.requests)


def test_head_has_no_body(fake: FakeClerk) -> None:
    """An answer to HEAD is a head alone, and the connection stays usable."""
    with FakeServer(fake) as server, httpx.Client(trust_env=False) as client:
        response = client.head(server.jwks_url)
        after = client.get(server.jwks_url)

    assert (405, "GET", b"") == (response.status_code, response.headers["Allow"], response.content)
    assert 200 == after.status_code


def test_absolute_form(fake: FakeClerk) -> None:
    """A target in absolute form, as a proxy is asked with, is that of its path and query."""
    with FakeServer(fake) as server:
        answer = raw(
            server,
            b"GET HTTP://api.example/v1/sessions?limit=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )

    assert b"HTTP/1.1 401 Unauthorized" == answer.partition(b"\r\n")[0]
    assert ["/v1/sessions?limit=1"] == [request.path for request in fake.requests]


@pytest.mark.parametrize(
    ("status", "head"),
    [
        (411, b"Transfer-Encoding: chunked"),
        (400, b"Content-Length: 1x"),
        (400, b"Content-Length: -1"),
        (413, b"Content-Length: %d" % (LARGEST_BODY + 1)),
        (413, b"Content-Length: " + b"9" * 5000),
    ],
)
def test_body_that_cannot_be_read(fake: FakeClerk, status: int, head: bytes) -> None:
    """A body without a usable length is refused in Clerk's form, and the connection ended, since it is not read."""
    with FakeServer(fake) as server:
        answer = raw(server, b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n")
    lines, _, body = answer.partition(b"\r\n\r\n")

    assert lines.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in lines.split(b"\r\n")
    assert {"errors", "clerk_trace_id"} == json.loads(body).keys()
    assert [] == fake.requests


def test_largest_body_is_read(fake: FakeClerk) -> None:
    """A body of exactly the bound is read whole."""
    with FakeServer(fake) as server:
        response = httpx.post(f"{server.api_url}/sessions", content=b" " * LARGEST_BODY, trust_env=False)

    assert 401 == response.status_code
    assert LARGEST_BODY == len(fake.requests[0].body)


@pytest.mark.parametrize(
    "request_bytes",
    [b"", b"GET", b"\x16\x03\x01\x00\r\n\r\n", b"POST /v1/sessions HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"],
)
def test_client_that_speaks_otherwise(fake: FakeClerk, capfd: pytest.CaptureFixture[str], request_bytes: bytes) -> None:
    """A cut or foreign request reaches no instance and prints nothing, and the next client is answered."""
    with FakeServer(fake) as server:
        raw(server, request_bytes, cut=True)
        status = httpx.get(server.jwks_url, trust_env=False).status_code

    assert 200 == status
    assert ["/.well-known/jwks.json"] == [request.path for request in fake.requests]
    assert ("", "") == capfd.readouterr()


def test_hook_failure_is_raised_when_it_stops(fake: FakeClerk) -> None:
    """What a function in `on_exchange` raises is a 500 to the client, and the first is raised on leaving."""
    fake.on_exchange.append(lambda request, response: pytest.fail(request.path))
    server = FakeServer(fake)
    statuses: list[int] = []
    with pytest.raises(pytest.fail.Exception, match="/first"), server:
        statuses += [httpx.get(server.url + path, trust_env=False).status_code for path in ("/first", "/second")]

    assert [500, 500] == statuses


def test_failure_of_the_block_comes_first(fake: FakeClerk) -> None:
    """When the block itself fails, its own failure is the one that is raised."""
    fake.on_exchange.append(lambda request, response: pytest.fail(request.path))
    with pytest.raises(ZeroDivisionError), FakeServer(fake) as server:  # noqa: PT012 - the request has to come first
        httpx.get(server.url, trust_env=False)
        raise ZeroDivisionError


def test_failure_of_the_instance_is_raised_when_it_stops(fake: FakeClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault within the instance is not swallowed by the thread that it happens in."""

    def broken(fake: FakeClerk, request: FakeRequest, trace_id: str) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(api, "answer", broken)
    server = FakeServer(fake)
    with pytest.raises(ZeroDivisionError), server:
        httpx.get(server.url, trust_env=False)


def test_failure_to_send_is_raised_when_it_stops(fake: FakeClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in the server's own thread is raised on leaving too."""

    def unsendable(fake: FakeClerk, request: FakeRequest, trace_id: str) -> Any:
        return None

    monkeypatch.setattr(api, "answer", unsendable)
    fake.on_exchange.clear()
    server = FakeServer(fake)
    with pytest.raises(AttributeError), server:
        raw(server, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def test_stopping_what_does_not_run(fake: FakeClerk) -> None:
    """A server that was never started stops without a word."""
    FakeServer(fake).__exit__(None, None, None)
