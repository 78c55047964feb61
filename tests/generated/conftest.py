"""A loopback server that answers what it is told, and one caller for both worlds."""

from __future__ import annotations

import asyncio
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from clerk_sessions_api import AuthenticatedClient
from tests.generated.operations import OPERATIONS, Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@attrs.frozen
class Received:
    """A request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@attrs.define
class Loopback:
    """A real HTTP server on loopback; ``answer`` is what it says next, ``received`` what it was sent."""

    url: str
    answer: tuple[int, Any] = (200, {})
    received: list[Received] = attrs.field(factory=list[Received])


@pytest.fixture
def loopback() -> Iterator[Loopback]:
    """A running loopback server."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.received.append(Received(self.command, self.path, headers, body))
            status, answer = state.answer
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_one  # noqa: N815 (the names are the base class's)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state = Loopback(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client() -> AuthenticatedClient:
    """A client that no test sends through."""
    return AuthenticatedClient("https://api.example.com/v1", "sk_test_secret")


@pytest.fixture(params=OPERATIONS, ids=[operation.module for operation in OPERATIONS])
def operation(request: pytest.FixtureRequest) -> Operation:
    """Each of the eight operations."""
    found: Operation = request.param
    return found


@pytest.fixture(params=["sync", "asyncio"])
def call(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """One caller, two worlds: ``call(operation, base_url, suffix="", **client_options)``."""

    def sync(operation: Operation, base_url: str, suffix: str = "", **client_options: Any) -> Any:
        with AuthenticatedClient(base_url, "sk_test_secret", **client_options) as client:
            send = getattr(operation.code, f"sync{suffix}")
            return send(*operation.args, client=client, **operation.options)

    def asynchronous(operation: Operation, base_url: str, suffix: str = "", **client_options: Any) -> Any:
        async def run() -> Any:
            async with AuthenticatedClient(base_url, "sk_test_secret", **client_options) as client:
                send = getattr(operation.code, f"asyncio{suffix}")
                return await send(*operation.args, client=client, **operation.options)

        return asyncio.run(run())

    return sync if request.param == "sync" else asynchronous
