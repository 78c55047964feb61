"""Real servers on loopback for the applications, each in a thread of this process, and a plain client for them."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from contextlib import contextmanager
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


@contextmanager
def under_waitress(app: Any) -> Generator[int]:
    """Serve a WSGI application; gives the port."""
    server: Any = waitress.server.create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.close()
        thread.join(10)
