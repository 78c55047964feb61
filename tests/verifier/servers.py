"""A server of key sets on loopback that misbehaves as told, and a transport that waits until it is let go."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import attrs
import httpx

from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from types import TracebackType

    from clerk_ext.testing import FakeClerk

    Behaviour: TypeAlias = Callable[["KeyServer", socket.socket], None]

MEGABYTE: Final = 1 << 20


def answer(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Answers with this status, body and headers (underscores for hyphens)."""
    given = {"Content_Length": str(len(body)), "Connection": "close", **headers}
    lines = [f"HTTP/1.1 {status} X", *(f"{name.replace('_', '-')}: {value}" for name, value in given.items()), "", ""]
    whole = "\r\n".join(lines).encode() + body

    def behave(server: KeyServer, connection: socket.socket) -> None:
        connection.sendall(whole)

    return behave


def key_set(fake: FakeClerk) -> Behaviour:
    """Answers with the key set that the instance has at the time."""

    def behave(server: KeyServer, connection: socket.socket) -> None:
        answer(200, json.dumps(fake.jwks()).encode())(server, connection)

    return behave


def endless(server: KeyServer, connection: socket.socket) -> None:
    """Streams 50 MB, counting what is taken."""
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {50 * MEGABYTE}\r\n\r\n".encode())
    for _ in range(50 * 16):
        connection.sendall(b" " * (MEGABYTE // 16))
        server.sent += MEGABYTE // 16


def hang(server: KeyServer, connection: socket.socket) -> None:
    """Never answers."""
    server.closing.wait(10)


def trickle(server: KeyServer, connection: socket.socket) -> None:
    """Sends a blank now and then, so that no single wait is long."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while not server.closing.wait(0.02):
        connection.sendall(b" ")


def drop(server: KeyServer, connection: socket.socket) -> None:
    """Closes without a word."""


def gated(behave: Behaviour, gate: threading.Event) -> Behaviour:
    """Does so once the gate is open."""

    def wait(server: KeyServer, connection: socket.socket) -> None:
        gate.wait(10)
        behave(server, connection)

    return wait


class KeyServer:
    """Behaves as its `behave` says, from entering the block to leaving it.

    Attributes:
        behave: What it does with a request.
        requests: The heads of the requests so far.
        asked: Set when the first request is here.
        sent: The bytes that `endless` got rid of.
        closing: Set when the block is left.
    """

    def __init__(self, behave: Behaviour) -> None:
        self.behave = behave
        self.requests: list[bytes] = []
        self.asked = threading.Event()
        self.sent = 0
        self.closing = threading.Event()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                head = b"".join(iter(self.rfile.readline, b"\r\n"))
                outer.requests.append(head)
                outer.asked.set()
                with contextlib.suppress(OSError):
                    outer.behave(outer, self.request)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/.well-known/jwks.json"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


def closed_port() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/jwks.json"


class Gate(httpx.AsyncBaseTransport):
    """Carries requests to the instance once it is opened."""

    def __init__(self, fake: FakeClerk, entered: asyncio.Event, opened: asyncio.Event) -> None:
        self._inner = FakeTransport(fake)
        self.entered = entered
        self.opened = opened

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, then answer."""
        self.entered.set()
        await self.opened.wait()
        return await self._inner.handle_async_request(request)


@attrs.define(eq=False)
class Failing(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Raises what it is given; once that is None, carries requests to the instance."""

    fake: FakeClerk
    failure: BaseException | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Fail, or answer."""
        if self.failure is not None:
            raise self.failure
        return FakeTransport(self.fake).handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fail, or answer."""
        if self.failure is not None:
            raise self.failure
        return await FakeTransport(self.fake).handle_async_request(request)
