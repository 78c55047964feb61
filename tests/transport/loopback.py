"""An HTTP server on loopback that answers whatever bytes a test wants: for answers that no real API would give."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import socketserver
import threading
from typing import TYPE_CHECKING, Any, Self, cast

import attrs

from clerk_ext import ClerkConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

SECRET = "sk_test_KeepThisToYourself"

_JOIN_SECONDS = 5.0


def config_at(url: str, **settings: Any) -> ClerkConfig:
    """Settings for a Backend API at *url*, with `SECRET` for its key."""
    fields: dict[str, Any] = {"secret_key": SECRET, "issuer": "https://acme.example"}
    return ClerkConfig(api_url=f"{url}/v1", **(fields | settings))


@attrs.frozen
class Received:
    """A request as its bytes were; ``headers`` by lower-case name, ``connection`` counted from 1."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        return json.loads(self.body)


def reply(status: int, body: object = b"", *, length: int | None = None, **headers: str) -> bytes:
    """An answer as bytes: *body* as it is or as JSON, a header ``Retry-After`` as ``retry_after=``.

    With *length* the head promises so many bytes, and the connection ends after those that there are.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(content) if length is None else length}"]
    lines += ["Connection: close"] if length is not None else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def error_body(code: str, trace_id: str | None = "trace_1") -> dict[str, Any]:
    """An error as Clerk words it."""
    detail = {"code": code, "message": f"{code} in short", "long_message": f"{code} at length"}
    return {"errors": [detail], "clerk_trace_id": trace_id}


def session_json(session_id: str = "sess_1", **members: object) -> dict[str, Any]:
    """A session with what is always there."""
    instants = dict.fromkeys(
        ("last_active_at", "expire_at", "abandon_at", "updated_at", "created_at"), 1_780_000_000_000
    )
    return {
        "object": "session",
        "id": session_id,
        "user_id": "user_1",
        "client_id": "client_1",
        "status": "active",
        **instants,
        **members,
    }


class Loopback:
    """Serves in a ``with`` block.

    Args:
        answer: Gives the bytes to send for a request; None for none at all, until the server stops.
    """

    def __init__(self, answer: Callable[[Received], bytes | None]) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._answer = answer
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    @classmethod
    def script(cls, *answers: bytes | None) -> Self:
        """A server that gives these answers in turn, and the last one for ever."""
        turns = itertools.chain(answers[:-1], itertools.repeat(answers[-1]))
        lock = threading.Lock()

        def answer(_: Received) -> bytes | None:
            with lock:
                return next(turns)

        return cls(answer)

    @property
    def url(self) -> str:
        host, port = cast("tuple[str, int]", self._server.server_address)
        return f"http://{host}:{port}"

    @property
    def targets(self) -> list[str]:
        """Method and target of each request."""
        return [f"{received.method} {received.target}" for received in self.received]

    def __enter__(self) -> Self:
        loopback = self

        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                loopback._serve(self.request, self.rfile)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away is nothing wrong."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._server.server_close()
        self._thread.join(_JOIN_SECONDS)

    def _serve(self, connection: socket.socket, stream: Iterable[bytes]) -> None:
        with self._lock:
            self._open.add(connection)
            self.connections += 1
            number = self.connections
        try:
            if connection.recv(1, socket.MSG_PEEK) == b"\x16":  # TLS, of which nothing is spoken here
                return
            while (request := _read(stream, number)) is not None:
                with self._lock:
                    self.received.append(request)
                answer = self._answer(request)
                if answer is None:
                    self._stopping.wait(_JOIN_SECONDS)
                    return
                connection.sendall(answer)
                if b"Connection: close" in answer.partition(b"\r\n\r\n")[0]:
                    return
        finally:
            with self._lock:
                self._open.discard(connection)


def _read(stream: Any, connection: int) -> Received | None:
    line = stream.readline().decode("latin-1").split()
    if len(line) != 3:
        return None
    headers: dict[str, str] = {}
    while (header := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Received(line[0], line[1], headers, body, connection)
