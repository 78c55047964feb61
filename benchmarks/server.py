"""A server on loopback that answers fixed bytes as fast as Python can, in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

ROOT: Final = Path(__file__).parents[1]


@contextmanager
def serving(bodies: Mapping[str, bytes]) -> Generator[str]:
    """Serve *bodies* by the last segment of the path; gives the server's URL."""
    arguments = [sys.executable, "-m", "benchmarks.server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            print(json.dumps({name: body.decode() for name, body in bodies.items()}), file=process.stdin, flush=True)
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def _answer(connection: socket.socket, answers: Mapping[bytes, bytes]) -> None:
    """Answer one request after the other; none has a body, and each comes in few pieces."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while piece := connection.recv(65_536):
        received += piece
        if received.endswith(b"\r\n\r\n"):
            name = received.split(b" ", 2)[1].rpartition(b"/")[2]
            connection.sendall(answers[name])
            received = b""


def main() -> None:
    """Read the bodies from stdin as one line of JSON, say the port, and serve until the process is ended."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    bodies: dict[str, str] = json.loads(sys.stdin.readline())
    answers = {name.encode(): (head.format(len(body)) + body).encode() for name, body in bodies.items()}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, answers), daemon=True).start()


if __name__ == "__main__":
    main()
