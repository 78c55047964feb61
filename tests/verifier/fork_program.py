"""Forks while a thread waits for the key set, and verifies in child and parent; run by a test."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import httpx

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeTransport

if TYPE_CHECKING:
    from clerk_ext.testing import FakeSession


class Slow(httpx.BaseTransport):
    """Holds each request until it is let go."""

    def __init__(self, fake: FakeClerk) -> None:
        self._inner = FakeTransport(fake)
        self.entered = threading.Event()
        self.go = threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, then answer."""
        self.entered.set()
        self.go.wait(20)
        return self._inner.handle_request(request)


def verdict(clerk: Clerk, fake: FakeClerk, session: FakeSession) -> str:
    """Verify a token; say what came of it."""
    claims = clerk.verify_token(fake.session_token(session))
    assert claims.session_id == session.id
    return f"accepted after {len(fake.requests)} fetch"


def main() -> None:
    """Run."""
    fake = FakeClerk("acme")
    session = fake.create_session(fake.add_user())
    slow = Slow(fake)
    clerk = Clerk(fake.config(timeout=300), transport=slow)
    waiting = threading.Thread(target=verdict, args=(clerk, fake, session))
    waiting.start()
    slow.entered.wait(20)
    child = os.fork()
    if child == 0:
        slow.go = threading.Event()
        slow.go.set()
        sys.stdout.write(f"child: {verdict(clerk, fake, session)}\n")
        sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    slow.go.set()
    waiting.join(20)
    sys.stdout.write(f"parent: {verdict(clerk, fake, session)}\n")
    raise SystemExit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
