"""The drivers of sweeps: threads or tasks that send what the steps ask for, at the pace that an instance allows."""

from __future__ import annotations

import hashlib
import threading
import time
from typing import TYPE_CHECKING, Any, cast

import attrs

from clerk_ext.clerk import calls_of, note_of, pool_of
from clerk_ext.errors import APIError, APIResponseError, ClerkError, NotFoundError, RateLimitError
from clerk_ext.forks import mend_after_fork
from clerk_ext.retries import NEVER
from clerk_ext.sessions import may_have_been_done
from clerk_ext.tenancy.crews import in_threads
from clerk_ext.tenancy.sweeps import LONGEST_PAUSE, Ending, Pace, Rest, asked_to_wait, sweep
from clerk_ext.transport import Call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from typing import TypeAlias

    from clerk_ext.calls import Found
    from clerk_ext.clerk import AsyncClerk, Clerk
    from clerk_ext.config import ClerkConfig
    from clerk_ext.pools import AsyncPool, Pool
    from clerk_ext.sessions import NoteRevoked
    from clerk_ext.tenancy.sweeps import Listing, Steps, Sweep, SweptSession

    Requests: TypeAlias = Generator[float | Call[Any], object, bool]

_MOST_PACES = 1_000


class Paces:
    """The pace of each instance, which sweeps keep together."""

    def __init__(self) -> None:
        self._paces: dict[bytes, Pace] = {}
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock."""
        self._lock = threading.Lock()

    def reserve(self, config: ClerkConfig) -> float:
        """Take the next place of an instance, which its secret key stands for; seconds to wait until it comes."""
        with self._lock:
            return self._of(config).reserve(time.monotonic())

    def held(self, config: ClerkConfig) -> float:
        """Seconds for which Clerk has asked to leave an instance alone."""
        with self._lock:
            return self._of(config).held(time.monotonic())

    def hold(self, config: ClerkConfig, seconds: float) -> None:
        """Give no place of an instance for a time."""
        with self._lock:
            self._of(config).hold(time.monotonic() + seconds)

    def _of(self, config: ClerkConfig) -> Pace:
        # Not the key itself, which a tenant that is gone would leave here.
        key = hashlib.sha256(f"{config.api_url} {config.secret_key}".encode()).digest()
        pace = self._paces.get(key)
        if pace is None:
            if len(self._paces) >= _MOST_PACES:
                now = time.monotonic()
                self._paces = {key: pace for key, pace in self._paces.items() if not pace.is_idle(now)}
            pace = self._paces[key] = Pace.of(config)
        return pace


def sweep_all(
    sweeping: Sweep, tenant: Callable[[str], Clerk], paces: Paces, concurrency: int, *, dry_run: bool
) -> None:
    """Do a sweep in *concurrency* threads; *tenant* gives the client of a name."""
    lock, stopped = threading.Lock(), threading.Event()

    def tell(session: SweptSession) -> None:
        with lock:
            if not stopped.is_set():
                sweeping.tell(session)

    def work(pair: tuple[str, str]) -> None:
        try:
            clerk = tenant(pair[0])
        except ClerkError as failure:
            with lock:
                sweeping.fail(pair, failure)
            return
        steps = sweep(calls_of(clerk), *pair, dry_run=dry_run, tell=tell)
        is_clean = _drive(_requests(clerk, steps, paces, sweeping), pool_of(clerk), stopped)
        with lock:
            if not stopped.is_set():
                sweeping.end(pair, is_clean=is_clean)

    in_threads(work, sweeping.pairs, concurrency, stopped)


def _drive(requests: Requests, pool: Pool, stopped: threading.Event) -> bool:
    try:
        step = next(requests)
        while True:
            if not isinstance(step, Call):
                if stopped.wait(step):
                    return False
                step = next(requests)
                continue
            try:
                answer = pool.call(step)
            except BaseException as failure:  # noqa: BLE001 - what is not for the steps they raise again
                step = requests.throw(failure)
            else:
                step = requests.send(answer)
    except StopIteration as done:
        return bool(done.value)


async def sweep_all_async(
    sweeping: Sweep,
    tenant: Callable[[str], Awaitable[AsyncClerk]],
    paces: Paces,
    concurrency: int,
    *,
    dry_run: bool,
) -> None:
    """The same in tasks."""
    import asyncio

    waiting = iter(sweeping.pairs)

    async def work() -> None:
        for pair in waiting:
            if sweeping.is_stopped:
                return
            try:
                clerk = await tenant(pair[0])
            except ClerkError as failure:
                sweeping.fail(pair, failure)
                continue
            steps = sweep(calls_of(clerk), *pair, dry_run=dry_run, tell=sweeping.tell)
            is_clean = await _drive_async(_requests(clerk, steps, paces, sweeping), pool_of(clerk))
            sweeping.end(pair, is_clean=is_clean)

    tasks = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drive_async(requests: Requests, pool: AsyncPool) -> bool:
    import asyncio

    try:
        step = next(requests)
        while True:
            if not isinstance(step, Call):
                await asyncio.sleep(step)
                step = next(requests)
                continue
            try:
                answer = await pool.call(step)
            except BaseException as failure:  # noqa: BLE001 - what is not for the steps they raise again
                step = requests.throw(failure)
            else:
                step = requests.send(answer)
    except StopIteration as done:
        return bool(done.value)


def _requests(clerk: Clerk | AsyncClerk, steps: Steps, paces: Paces, sweeping: Sweep) -> Requests:
    """What to send for *steps*, each after the seconds to wait before it; is sent the answer, or thrown the failure.

    Returns:
        Whether no live session is left.
    """
    note, config = note_of(clerk), clerk.config
    answer: Found | ClerkError | None = None
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as done:
            return bool(done.value)
        answer = None
        if isinstance(step, Rest):
            yield step.seconds
            continue
        call = _call_of(clerk, step, paces)
        if isinstance(call, ClerkError):
            answer = call
            continue
        yield paces.reserve(config)
        if sweeping.is_stopped:
            return False
        try:
            answer = _answer_of(step, (yield call), note)
        except APIError as failure:
            answer = _failure_of(step, failure, note, paces, config)
        except BaseException as failure:
            # A revocation that was cut short may have been done.
            if isinstance(step, Ending) and may_have_been_done(failure):
                note(step.session_id)
            raise


def _call_of(clerk: Clerk | AsyncClerk, step: Listing | Ending, paces: Paces) -> Call[Any] | ClerkError:
    """What to send, once, since each try takes a place of its own; or why it need not be sent."""
    held = paces.held(clerk.config)
    if held > LONGEST_PAUSE:
        return RateLimitError(f"Clerk has asked to wait for {held:.0f} s", 429, retry_after=held)
    try:
        call = calls_of(clerk).revoke(step.session_id) if isinstance(step, Ending) else step.call
    except ValueError as fault:
        return APIResponseError(f"GET /sessions: a session has an id that is none ({fault})", 200)
    return attrs.evolve(call, retry=NEVER)


def _answer_of(step: Listing | Ending, answer: Any, note: NoteRevoked) -> Found | None:
    if isinstance(step, Ending):
        note(step.session_id)
        return None
    return cast("Found", answer)


def _failure_of(
    step: Listing | Ending, failure: APIError, note: NoteRevoked, paces: Paces, config: ClerkConfig
) -> ClerkError:
    if isinstance(step, Ending) and (isinstance(failure, NotFoundError) or may_have_been_done(failure)):
        note(step.session_id)
    if isinstance(failure, RateLimitError):
        paces.hold(config, asked_to_wait(failure))
    return failure
