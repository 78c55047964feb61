"""Real servers on loopback for the applications, each in a thread of this process, and a plain client for them."""

from __future__ import annotations

import asyncio
import atexit
import functools
import http.client
import socket
import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
import waitress.server

from tests.conformance.contract import Answer

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from tests.conformance.contract import Caller


def answer_of(status: int, headers: Iterable[tuple[str, str]], content: bytes) -> Answer:
    """An answer from its parts."""
    joined: dict[str, str] = {}
    for name, value in headers:
        lower = name.lower()
        joined[lower] = f"{joined[lower]}, {value}" if lower in joined else value
    return Answer(status, joined, content)


def calling(port: int) -> Caller:
    """Calls of a server on loopback, a connection for each."""

    def call(method: str, path: str, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, headers=dict(headers))
            response = connection.getresponse()
            return answer_of(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    return call


@contextmanager
def under_uvicorn(app: Any, *, lifespan: Literal["auto", "off"] = "auto") -> Generator[int]:
    """Serve an ASGI application; gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", lifespan=lifespan, ws="websockets-sansio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()


# To start a server for each test takes longer than the test: one of each kind runs for as long as this process does.


class _ASGIPlace:
    """Where one application after the other is put."""

    app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


class _WSGIPlace:
    """Where one application after the other is put."""

    app: Any = None

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


@functools.cache
def _uvicorn() -> tuple[_ASGIPlace, int]:
    place, stack = _ASGIPlace(), ExitStack()
    atexit.register(stack.close)
    return place, stack.enter_context(under_uvicorn(place, lifespan="off"))


@functools.cache
def _waitress() -> tuple[_WSGIPlace, int]:
    place = _WSGIPlace()
    server: Any = waitress.server.create_server(place, host="127.0.0.1", port=0, threads=4)
    threading.Thread(target=server.run, daemon=True).start()
    return place, server.effective_port


def in_turn_under_uvicorn(app: Any) -> int:
    """Serve an ASGI application, without a lifespan, until it is another's turn; gives the port."""
    place, port = _uvicorn()
    place.app = app
    return port


def in_turn_under_waitress(app: Any) -> int:
    """The same for a WSGI application."""
    place, port = _waitress()
    place.app = app
    return port
