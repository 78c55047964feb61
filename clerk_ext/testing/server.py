"""A fake instance behind real HTTP on loopback."""

from __future__ import annotations

import contextlib
import http.client
import socket
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final, Self, cast

from . import page
from .exchange import FakeRequest, FakeResponse, FaultError
from .state import NOTHING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from clerk_ext.config import ClerkConfig

    from .instance import FakeClerk

LARGEST_BODY: Final = 1 << 20
"""Bytes; a larger request body is refused unread."""

_SHUTDOWN_POLL: Final = 0.02
_JOIN_TIMEOUT: Final = 5.0


class FakeServer:
    """Serves one instance over HTTP/1.1, from entering the ``with`` block to leaving it.

    Args:
        fake: The instance.
        host: The IPv4 address to listen at.
        port: The port; 0 takes a free one.
        page: Whether ``/`` shows a page for people, with buttons. It answers under ``localhost`` and addresses only.
        siblings: The addresses of instances that the page links to, by slug; may change while it runs.

    Raises:
        OSError: On entering: the port cannot be had.
        RuntimeError: An address is asked for outside of the block.
        Exception: On leaving: what a function in the instance's ``on_exchange`` raised first, unless the
            block itself failed.
    """

    def __init__(
        self,
        fake: FakeClerk,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        page: bool = False,
        siblings: Mapping[str, str] = NOTHING,
    ) -> None:
        self.fake = fake
        self._siblings = siblings if page else None
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Listen; requests are answered from now on."""
        server = self._server = _Server(self._address, self.fake, self._siblings)
        self._thread = threading.Thread(
            target=server.serve_forever,
            args=(_SHUTDOWN_POLL,),
            name=f"fake-clerk-{self.fake.slug}",
            daemon=True,
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: no socket and no thread is left."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None or thread is None:
            return
        server.shutdown()
        thread.join(_JOIN_TIMEOUT)
        server.server_close()
        if error is None and server.failures:
            raise server.failures[0]

    @property
    def url(self) -> str:
        """The server's address, ``http://127.0.0.1:…``."""
        if self._server is None:
            raise RuntimeError("the server is not running: use it as 'with FakeServer(fake) as server:'")
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def api_url(self) -> str:
        """Where the Backend API is."""
        return f"{self.url}/v1"

    @property
    def jwks_url(self) -> str:
        """Where the key set is that needs no secret key."""
        return f"{self.url}/.well-known/jwks.json"

    def config(self, **overrides: Any) -> ClerkConfig:
        """Return the instance's configuration with both addresses at this server.

        Args:
            overrides: Fields of ``ClerkConfig``, in place of or beside those.
        """
        addresses = {"api_url": self.api_url, "jwks_url": self.jwks_url}
        return self.fake.config(**(addresses | overrides))


class _Server(ThreadingHTTPServer):
    """Keeps the connections and their threads, to end idle ones when it closes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], fake: FakeClerk, siblings: Mapping[str, str] | None) -> None:
        self.fake = fake
        self.siblings = siblings
        """What the page links to; None without a page."""
        self.failures: list[BaseException] = []
        self._open: dict[socket.socket, threading.Thread] = {}
        self._open_lock = threading.Lock()
        self.stopping = threading.Event()
        # Last: it closes itself, and so needs the rest, where the port cannot be had.
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without asking the name service for this machine's name, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a new connection."""
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        with self._open_lock:
            self._open[request] = thread
        thread.start()

    def server_close(self) -> None:
        """Close the listener and every connection, and wait for their threads."""
        self.stopping.set()
        super().server_close()
        with self._open_lock:
            connections = dict(self._open)
        for connection, thread in connections.items():
            with contextlib.suppress(OSError):  # the other side was faster
                connection.shutdown(socket.SHUT_RDWR)
            thread.join(_JOIN_TIMEOUT)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong; a client that went away in the middle is nothing wrong."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.failures.append(error)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._open_lock:
                del self._open[request]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        """Read one request, have the instance answer it, send the answer."""
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self._send(self._answer())

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _answer(self) -> FakeResponse:
        try:
            body = self._body()
        except FaultError as fault:
            self.close_connection = True  # the body is unread: what follows is not a request
            return fault.response(trace_id="unread")
        request = FakeRequest(self.command, self._target(), self.headers.items(), body)
        server = cast(_Server, self.server)
        try:
            shown = None
            if server.siblings is not None:
                address = f"http://{server.server_name}:{server.server_port}"
                shown = page.answer(server.fake, request, address, server.siblings)
            return shown or server.fake.handle(request)
        except BaseException as failure:  # noqa: BLE001 - raised again when the server stops; pytest.fail is one
            server.failures.append(failure)
            return FaultError(500, "internal_clerk_error", "on_exchange failed").response("failed")

    def _target(self) -> str:
        """Return path and query, also of the absolute form that proxies get (RFC 9112, section 3.2.2)."""
        scheme, separator, rest = self.path.partition("://")
        if separator and scheme.lower() in ("http", "https"):
            return "/" + rest.partition("/")[2]
        return self.path

    def _body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise FaultError(411, "request_body_invalid", "send the body with its Content-Length")
        length = self.headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise FaultError(400, "request_body_invalid", "the Content-Length is no number")
        if len(length) > 9 or int(length) > LARGEST_BODY:
            raise FaultError(413, "request_body_too_large", f"a body has at most {LARGEST_BODY} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionResetError("the client went away within the body")
        return body

    def _send(self, response: FakeResponse) -> None:
        if response.delay:
            cast(_Server, self.server).stopping.wait(response.delay)
        if response.ending != "whole":
            self.close_connection = True
        if response.ending == "none":
            return
        head = [f"HTTP/1.1 {response.status} {http.client.responses.get(response.status, '')}"]
        head += [f"{name}: {value}" for name, value in response.headers]
        head.append(f"Content-Length: {len(response.body)}")
        head.append(f"Connection: {'close' if self.close_connection else 'keep-alive'}")
        # One send: a head in a packet of its own would make each call wait for two.
        body = b"" if self.command == "HEAD" else response.body
        if response.ending == "cut":
            body = body[: len(body) // 2]
        self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + body)
