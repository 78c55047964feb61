"""Transports that meddle with what a sweep sends, watchers of its progress, and short ways to say what came of it."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import attrs
import httpx

from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clerk_ext import SweepProgress, SweepReport
    from clerk_ext.tenancy.sweeps import Outcome
    from clerk_ext.testing import FakeClerk, FakeSession, FakeUser

PATIENCE = 10.0
"""Seconds after which a test that waits for something has failed."""


class Meddler(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Leads to fake instances, unless *meddle* answers or raises first. Notes every request.

    Args:
        fakes: The instances.
        meddle: Is given each request of the Backend API; what it returns is the answer, None leads on.

    Attributes:
        sent: What was asked for: method and path, without the query.
    """

    def __init__(
        self, fakes: Iterable[FakeClerk], meddle: Callable[[httpx.Request], httpx.Response | None] | None = None
    ) -> None:
        self.meddle: Callable[[httpx.Request], httpx.Response | None] | None = meddle
        self.sent: list[str] = []
        self._inner = FakeTransport(*fakes)

    def _before(self, request: httpx.Request) -> httpx.Response | None:
        self.sent.append(f"{request.method} {request.url.path.removeprefix('/v1')}")
        return None if self.meddle is None or "/v1/" not in request.url.path else self.meddle(request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._before(request) or self._inner.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._before(request) or await self._inner.handle_async_request(request)

    def posts(self) -> list[str]:
        """The ids of the sessions that were asked to end, in the order of the requests."""
        return [line.split("/")[-2] for line in self.sent if line.startswith("POST")]


class Crowd(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Leads to fake instances, and holds the first requests until *size* of them are under way, and a little longer.

    Args:
        fakes: The instances.
        size: How many to wait for.
        method: Only requests of this method are held and counted.

    Attributes:
        greatest: The most that were under way at once.
        begun: How many there were in all.
    """

    def __init__(self, fakes: Iterable[FakeClerk], size: int, method: str = "GET") -> None:
        self.greatest = self.begun = self._now = 0
        self._size = size
        self._method = method
        self._inner = FakeTransport(*fakes)
        self._lock = threading.Lock()
        self._full = threading.Event()
        self._overfull = threading.Event()
        self._async_full = asyncio.Event()

    def _enter(self) -> bool:
        with self._lock:
            self._now += 1
            self.begun += 1
            self.greatest = max(self.greatest, self._now)
            if self._now > self._size:
                self._overfull.set()
            return self._now == self._size

    def _leave(self) -> None:
        with self._lock:
            self._now -= 1

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != self._method:
            return self._inner.handle_request(request)
        if self._enter() and not self._full.is_set():
            self._overfull.wait(0.1)  # for one too many
            self._full.set()
        try:
            assert self._full.wait(PATIENCE), "fewer requests at once than are allowed"
            return self._inner.handle_request(request)
        finally:
            self._leave()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != self._method:
            return await self._inner.handle_async_request(request)
        if self._enter() and not self._async_full.is_set():
            for _ in range(50):
                await asyncio.sleep(0)  # for one too many
            self._async_full.set()
        try:
            async with asyncio.timeout(PATIENCE):  # wait_for() of Python 3.11 may lose a cancellation
                await self._async_full.wait()
            await asyncio.sleep(0)
            return await self._inner.handle_async_request(request)
        finally:
            self._leave()


@attrs.define
class Watch:
    """Keeps what a sweep says of its progress; for ``progress=``."""

    seen: list[SweepProgress] = attrs.field(factory=list["SweepProgress"])

    def __call__(self, progress: SweepProgress) -> None:
        self.seen.append(progress)

    def lines(self) -> list[tuple[str | None, int, int]]:
        """The outcome of the session, users done and users, of each call."""
        return [(each.latest.outcome if each.latest else None, each.users_done, each.users) for each in self.seen]


def add_sessions(fake: FakeClerk, user: FakeUser, count: int) -> list[FakeSession]:
    """Sign a user in *count* times."""
    return [fake.create_session(user) for _ in range(count)]


def ids(sessions: Iterable[FakeSession]) -> set[str]:
    """Their ids."""
    return {session.id for session in sessions}


def live(fake: FakeClerk) -> set[str]:
    """The ids of the sessions that an instance still lets in."""
    return {session.id for session in fake.sessions() if session.is_live}


def told(report: SweepReport, outcome: Outcome) -> set[str | None]:
    """The ids of the sessions of which a report tells one outcome; each once."""
    found = [session.session_id for session in report.of(outcome)]
    assert len(found) == len(set(found)), "a session is told twice"
    return set(found)


def methods(fake: FakeClerk) -> list[str]:
    """The methods of the requests that an instance got."""
    return [request.method for request in fake.requests]


def refusal(status: int, retry_after: str | None = "0") -> httpx.Response:
    """An answer with an error status."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    body: dict[str, Any] = {"errors": [{"code": "x", "message": "no", "long_message": "no"}]}
    return httpx.Response(status, headers=headers, json=body)
