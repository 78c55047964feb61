"""The two drivers of verification: threads or tasks, and HTTP.

A fetch never runs on the caller that needs it, but in a daemon thread or a task of its own: a caller that dies or is
cancelled leaves the fetch to the others. asyncio is imported where it is used: most processes live in one world.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

from clerk_ext.errors import TokenVerificationError, VerificationUnavailable
from clerk_ext.tokens.judge import Refresh
from clerk_ext.tokens.jwks import Wait
from clerk_ext.tokens.ring import FetchFailed, take
from clerk_ext.tokens.token import SESSION, TEMPLATE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from clerk_ext.pools import AsyncPool, Pool
    from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
    from clerk_ext.tokens.judge import Judge, Steps
    from clerk_ext.tokens.token import ParsedToken

T = TypeVar("T")

_MAX_HANGING = 4


class _Line:
    """The connection that a fetch opened. A time-out is one of each read: an answer that drips in can outlast it."""

    def __init__(self) -> None:
        self._stream: Any = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """See httpx's request extension ``trace``: the newest stream, plain or TLS, is the one that is read from."""
        opened = info.get("return_value")
        if hasattr(opened, "get_extra_info"):
            self._stream = opened

    def let_go(self) -> None:
        """The fetch has ended; its connection may serve another request."""
        self._stream = None

    def cut(self) -> None:
        """End the connection, whoever reads from it."""
        import socket

        connection = self._stream.get_extra_info("socket") if self._stream else None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Verifier:
    """Verifies on the calling thread; fetches keys in daemon threads."""

    __slots__ = ("_fetching", "judge", "pool")

    def __init__(self, judge: Judge, pool: Pool) -> None:
        self.judge: Judge = judge
        self.pool: Pool = pool
        self._fetching: list[tuple[threading.Thread, _Line]] = []

    def session(self, token: object, parsed: ParsedToken | None = None) -> SessionClaims:
        """Verify a session token, which may have been parsed and looked for among the verified ones."""
        judge = self.judge
        try:
            if parsed is None:
                claims = judge.recall(token)
                if claims is not None:
                    return claims
                parsed = judge.parse(token, SESSION)
            key = judge.at_hand(parsed)
            if key is None:
                key = self.run(judge.find_key(parsed))
            return judge.session_claims(parsed, key)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            judge.count(verdict)
            raise

    def template(self, token: object) -> TemplateClaims:
        """Verify a JWT-template token."""
        judge = self.judge
        try:
            parsed = judge.parse(token, TEMPLATE)
            if judge.at_hand(parsed) is None:
                self.run(judge.find_key(parsed))
            return judge.template_claims(parsed)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            judge.count(verdict)
            raise

    def run(self, steps: Steps[T]) -> T:
        """Do what *steps* ask for, to their end."""
        try:
            while True:
                step = next(steps)
                flight, patience = self.judge.ring.flight(step.ticket)
                if not isinstance(step, Wait):
                    self._start(step.ticket)
                if not isinstance(step, Refresh):
                    with contextlib.suppress(TimeoutError):  # the ticket has expired, as the next look-up sees
                        flight.result(patience)
        except StopIteration as done:
            return cast("T", done.value)

    def _start(self, ticket: int) -> None:
        for fetching in list(self._fetching):
            if fetching[0].ident is not None and not fetching[0].is_alive():  # the parent's, in a forked child
                self._done(fetching)
        earlier = list(self._fetching)
        for _, line in earlier:
            line.cut()  # one ticket is open at a time: theirs is over
        line = _Line()
        thread = threading.Thread(target=self._fetch, args=(ticket, line), name="clerk-jwks", daemon=True)
        self._fetching.append((thread, line))
        try:
            if len(earlier) >= _MAX_HANGING:
                raise FetchFailed("earlier fetches still hang")
            thread.start()
        except (
            FetchFailed,
            RuntimeError,
        ) as failure:  # RuntimeError: no more threads, or Python is shutting down
            self._done((thread, line))
            self.judge.ring.landed(ticket, FetchFailed(str(failure)))

    def _done(self, fetching: tuple[threading.Thread, _Line]) -> None:
        with contextlib.suppress(ValueError):  # somebody else was faster
            self._fetching.remove(fetching)

    def _fetch(self, ticket: int, line: _Line) -> None:
        outcome: bytes | FetchFailed = FetchFailed("the fetch was broken off")
        try:
            outcome = self._get(line)
        except FetchFailed as failure:
            outcome = failure
        except Exception as failure:  # noqa: BLE001 - a transport of the user's may raise anything; the others wait
            outcome = FetchFailed(f"{type(failure).__name__}: {failure}")
        finally:
            line.let_go()
            self._done((threading.current_thread(), line))
            self.judge.ring.landed(ticket, outcome)

    def _get(self, line: _Line) -> bytes:
        ring = self.judge.ring
        config = ring.config
        deadline = config.monotonic() + config.timeout
        body = bytearray()
        request = ring.request()
        request.extensions = {**request.extensions, "trace": line.trace}
        response = self.pool.keys_client().send(request, stream=True, follow_redirects=False)
        try:
            ring.check(response)
            for chunk in response.iter_bytes():
                take(chunk, body)
                if config.monotonic() > deadline:
                    raise FetchFailed(f"the answer takes longer than {config.timeout:g} s")
        finally:
            response.close()
        return bytes(body)


class AsyncVerifier:
    """Verifies on the event loop, which costs less than a thread would; fetches keys in tasks."""

    __slots__ = ("_tasks", "judge", "pool")

    def __init__(self, judge: Judge, pool: AsyncPool) -> None:
        self.judge: Judge = judge
        self.pool: AsyncPool = pool
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself refers to its tasks weakly

    async def session(self, token: object, parsed: ParsedToken | None = None) -> SessionClaims:
        """Verify a session token, which may have been parsed and looked for among the verified ones."""
        judge = self.judge
        try:
            if parsed is None:
                claims = judge.recall(token)
                if claims is not None:
                    return claims
                parsed = judge.parse(token, SESSION)
            key = judge.at_hand(parsed)
            if key is None:
                key = await self.run(judge.find_key(parsed))
            return judge.session_claims(parsed, key)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            judge.count(verdict)
            raise

    async def template(self, token: object) -> TemplateClaims:
        """Verify a JWT-template token."""
        judge = self.judge
        try:
            parsed = judge.parse(token, TEMPLATE)
            if judge.at_hand(parsed) is None:
                await self.run(judge.find_key(parsed))
            return judge.template_claims(parsed)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            judge.count(verdict)
            raise

    async def run(self, steps: Steps[T]) -> T:
        """Do what *steps* ask for, to their end."""
        import asyncio

        try:
            while True:
                step = next(steps)
                flight, patience = self.judge.ring.flight(step.ticket)
                if not isinstance(step, Wait):
                    self._start(step.ticket)
                if not isinstance(step, Refresh):
                    # wait() cancels nothing: neither on time-out nor when this caller is cancelled.
                    await asyncio.wait([asyncio.wrap_future(flight)], timeout=patience)
        except StopIteration as done:
            return cast("T", done.value)

    def _start(self, ticket: int) -> None:
        import asyncio

        def ended(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            # Cancelled where the loop shuts down, perhaps before the task began; an exception is what took it down.
            if task.cancelled() or task.exception() is not None:
                self.judge.ring.abandoned(ticket)

        task = asyncio.get_running_loop().create_task(self._fetch(ticket), name="clerk-jwks")
        self._tasks.add(task)
        task.add_done_callback(ended)

    async def _fetch(self, ticket: int) -> None:
        import asyncio

        outcome: bytes | FetchFailed
        try:
            async with asyncio.timeout(self.judge.config.timeout):
                outcome = await self._get()
        except FetchFailed as failure:
            outcome = failure
        except Exception as failure:  # noqa: BLE001 - a transport of the user's may raise anything; the others wait
            outcome = FetchFailed(f"{type(failure).__name__}: {failure}")
        self.judge.ring.landed(ticket, outcome)

    async def _get(self) -> bytes:
        ring = self.judge.ring
        body = bytearray()
        response = await self.pool.keys_client().send(ring.request(), stream=True, follow_redirects=False)
        try:
            ring.check(response)
            async for chunk in response.aiter_bytes():
                take(chunk, body)
        finally:
            await response.aclose()
        return bytes(body)
