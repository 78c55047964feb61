"""Forks while a thread or a task fetches keys over loopback, verifies everywhere, and counts; run by a test."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from clerk_ext import AsyncClerk, Clerk
from clerk_ext.testing import FakeClerk

if TYPE_CHECKING:
    from collections.abc import Callable

FAKE = FakeClerk("acme")
TOKEN = FAKE.session_token(FAKE.create_session(FAKE.add_user()))


class Server(ThreadingHTTPServer):
    """Serves the key set; the first request waits at a gate."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.gate = threading.Event()
        self.count = 0
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where the key set is."""
        return f"http://127.0.0.1:{self.server_address[1]}/jwks.json"


class Handler(BaseHTTPRequestHandler):
    """Answers."""

    def do_GET(self) -> None:
        """Count, wait if it is the first, and answer."""
        assert isinstance(self.server, Server)
        self.server.count += 1
        if self.server.count == 1:
            self.server.asked.set()
            self.server.gate.wait(20)
        body = json.dumps(FAKE.jwks()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def in_child(server: Server, name: str, verdict: Callable[[], str]) -> None:
    """Verify in a forked child, and tell what came of it."""
    read, write = os.pipe()
    warnings.simplefilter("ignore")  # of forking with threads (Python 3.12)
    child = os.fork()
    if child == 0:
        os.write(write, verdict().encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as heard:
        sys.stdout.write(f"{name}: {heard.read()}, {server.count} fetches\n")
    os.waitpid(child, 0)


def main(world: str, memory: int) -> None:
    """Run."""
    server = Server()
    config = FAKE.config(jwks_url=server.url, timeout=300, token_cache_size=memory)
    if world == "sync":
        clerk = Clerk(config)

        def verdict() -> str:
            return "accepted" if clerk.verify_token(TOKEN).user_id else "odd"
    else:
        asynchronous = AsyncClerk(config)

        async def once() -> str:
            async with asynchronous:
                return "accepted" if (await asynchronous.verify_token(TOKEN)).user_id else "odd"

        def verdict() -> str:
            return asyncio.run(once())

    waiting = threading.Thread(target=verdict)
    waiting.start()
    server.asked.wait(20)
    in_child(server, "child", verdict)
    server.gate.set()
    waiting.join(20)
    sys.stdout.write(f"parent: {verdict()}, {server.count} fetches\n")
    in_child(server, "later child", verdict)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
