"""The drivers of sweeps: threads or tasks that send what the steps ask for, at the pace that an instance allows."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from clerk_ext.clerk import calls_of, pool_of
from clerk_ext.errors import APIError, ClerkError
from clerk_ext.tenancy.crews import in_threads
from clerk_ext.tenancy.sweeps import Ending, Pace, Rest, sweep

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clerk_ext.calls import Found
    from clerk_ext.clerk import AsyncClerk, Clerk
    from clerk_ext.config import ClerkConfig
    from clerk_ext.tenancy.sweeps import Listing, Steps, Sweep, SweptSession


class Paces:
    """The pace of each instance, kept by all sweeps of a process together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._paces: dict[tuple[str, str | None], Pace] = {}

    def reserve(self, config: ClerkConfig) -> float:
        """Take the next place of an instance, which its secret key stands for; seconds to wait until it comes."""
        key = (config.api_url, config.secret_key)
        with self._lock:
            pace = self._paces.get(key)
            if pace is None:
                pace = self._paces[key] = Pace.of(config)
            return pace.reserve(time.monotonic())


def sweep_all(
    sweeping: Sweep, tenant: Callable[[str], Clerk], paces: Paces, concurrency: int, *, dry_run: bool
) -> None:
    """Do a sweep in *concurrency* threads; *tenant* gives the client of a name."""
    lock, stopped = threading.Lock(), threading.Event()

    def tell(session: SweptSession) -> None:
        with lock:
            sweeping.tell(session)

    def work(pair: tuple[str, str]) -> None:
        try:
            clerk = tenant(pair[0])
        except ClerkError as failure:
            with lock:
                sweeping.fail(pair, failure)
            return
        is_clean = _drive(clerk, sweep(calls_of(clerk), *pair, dry_run=dry_run, tell=tell), paces, stopped)
        with lock:
            sweeping.end(pair, is_clean=is_clean)

    in_threads(work, sweeping.pairs, concurrency, stopped)


def _drive(clerk: Clerk, steps: Steps, paces: Paces, stopped: threading.Event) -> bool:
    try:
        step = next(steps)
        while not stopped.is_set():
            if isinstance(step, Rest):
                stopped.wait(step.seconds)
                step = steps.send(None)
            else:
                stopped.wait(paces.reserve(clerk.config))
                step = steps.send(_taken(clerk, step))
    except StopIteration as done:
        return bool(done.value)
    return False


def _taken(clerk: Clerk, step: Listing | Ending) -> Found | ClerkError | None:
    try:
        if isinstance(step, Ending):
            clerk.sessions.revoke(step.session_id)
            return None
        return pool_of(clerk).call(step.call)
    except APIError as failure:
        return failure


async def sweep_all_async(
    sweeping: Sweep, tenant: Callable[[str], Awaitable[AsyncClerk]], paces: Paces, concurrency: int, *, dry_run: bool
) -> None:
    """The same in tasks."""
    import asyncio

    waiting = iter(sweeping.pairs)

    async def work() -> None:
        for pair in waiting:
            try:
                clerk = await tenant(pair[0])
            except ClerkError as failure:
                sweeping.fail(pair, failure)
                continue
            steps = sweep(calls_of(clerk), *pair, dry_run=dry_run, tell=sweeping.tell)
            sweeping.end(pair, is_clean=await _drive_async(clerk, steps, paces))

    tasks = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _drive_async(clerk: AsyncClerk, steps: Steps, paces: Paces) -> bool:
    import asyncio

    try:
        step = next(steps)
        while True:
            if isinstance(step, Rest):
                await asyncio.sleep(step.seconds)
                step = steps.send(None)
            else:
                await asyncio.sleep(paces.reserve(clerk.config))
                step = steps.send(await _taken_async(clerk, step))
    except StopIteration as done:
        return bool(done.value)


async def _taken_async(clerk: AsyncClerk, step: Listing | Ending) -> Found | ClerkError | None:
    try:
        if isinstance(step, Ending):
            await clerk.sessions.revoke(step.session_id)
            return None
        return await pool_of(clerk).call(step.call)
    except APIError as failure:
        return failure
