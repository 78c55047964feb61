"""A server on loopback that takes a second for a key set, and counts: ``python -m benchmarks.slow_keys``."""

from __future__ import annotations

import socket
import sys
import threading
import time
from typing import Final

DELAY: Final = 1.0
"""Seconds that it takes to give the key set."""
FETCHES: Final = "fetches"
"""What the last segment of the path is to ask how often that was wanted; nothing waits for this."""
_HEAD: Final = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"


class _Count:
    def __init__(self) -> None:
        self.fetches = 0
        self.lock = threading.Lock()


def _answer(connection: socket.socket, body: bytes, count: _Count) -> None:
    with connection:
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            piece = connection.recv(65_536)
            if not piece:
                return
            received += piece
        if received.split(b" ", 2)[1].endswith(FETCHES.encode()):
            body = str(count.fetches).encode()
        else:
            with count.lock:
                count.fetches += 1
            time.sleep(DELAY)
        try:
            connection.sendall(_HEAD.format(len(body)).encode() + body)
        except OSError:
            return  # who asked has given up


def main() -> None:
    """Read the key set from stdin, say the port, and serve until the process is ended."""
    body, count = sys.stdin.readline().encode(), _Count()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, body, count), daemon=True).start()


if __name__ == "__main__":
    main()
