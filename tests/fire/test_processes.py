"""What befalls the caller's own process in the middle of a fetch: it harms nobody else, and costs at most a fetch."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import httpx
import pytest

from clerk_ext import AsyncClerk, Clerk
from tests.verifier import servers
from tests.verifier.clients import told
from tests.verifier.servers import KeyServer, key_set

from .crowds import config_of, in_tasks, in_threads, told_async
from .rows import tried

if TYPE_CHECKING:
    import socket

    from tests.verifier.bench import Bench

PROGRAM = Path(__file__).with_name("forking.py")


def cold(bench: Bench, memory: int, many: int, *, tasks: bool) -> tuple[Counter[str], int]:
    """What so many callers see that come before there are keys, and the number of fetches."""
    gate = threading.Event()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server:

        def heard(verdicts: int) -> None:
            if verdicts == 0:
                server.asked.wait(5)
                gate.set()

        crowd = in_tasks if tasks else in_threads
        verdicts = crowd(config_of(bench, server, token_cache_size=memory), [bench.token()] * many, heard)
        return Counter(verdicts), len(server.requests)


@tried("50 threads come before there are keys", fetches=1)
def test_threads(bench: Bench, memory: int) -> None:
    """All are served by one fetch."""
    assert ({"accepted": 50}, 1) == cold(bench, memory, 50, tasks=False)


@tried("1,000 tasks come before there are keys", fetches=1)
def test_tasks(bench: Bench, memory: int) -> None:
    """All are served by one fetch."""
    assert ({"accepted": 1000}, 1) == cold(bench, memory, 1000, tasks=True)


@tried("Threads and tasks of one client (`as_async`) come before there are keys", fetches=1)
@pytest.mark.parametrize("first", ["threads", "tasks"])
def test_both_worlds(bench: Bench, memory: int, first: str) -> None:
    """One fetch serves both, whichever asked."""
    gate = threading.Event()
    token = bench.token()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server, ThreadPoolExecutor(11) as pool:
        clerk = Clerk(config_of(bench, server, token_cache_size=memory))

        async def tasks() -> list[str]:
            async with clerk.as_async() as asynchronous:
                return await asyncio.gather(*(told_async(asynchronous, token) for _ in range(10)))

        def start_tasks() -> list[str]:
            return asyncio.run(tasks())

        def start_threads() -> list[str]:
            return [future.result(10) for future in [pool.submit(told, clerk, token) for _ in range(9)]]

        starts = [start_threads, start_tasks] if first == "threads" else [start_tasks, start_threads]
        with ThreadPoolExecutor(2) as starters:
            begun = starters.submit(starts[0])
            assert server.asked.wait(5)
            joined = starters.submit(starts[1])
            gate.set()
            verdicts = begun.result(10) + joined.result(10)
        clerk.close()

    assert ["accepted"] * 19 == verdicts
    assert 1 == len(server.requests)


@tried("The request that asked is cancelled, and so are nine in ten of those that wait", fetches=1)
def test_cancelled_tasks(bench: Bench, memory: int) -> None:
    """The others are served by the fetch that was under way."""
    gate = threading.Event()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server:

        async def main() -> list[str | BaseException]:
            async with AsyncClerk(config_of(bench, server, token_cache_size=memory)) as clerk:
                tasks = [asyncio.ensure_future(told_async(clerk, bench.token())) for _ in range(100)]
                await asyncio.to_thread(server.asked.wait, 5)
                for number, task in enumerate(tasks):
                    if number % 10 != 1:
                        task.cancel()
                await asyncio.sleep(0)
                gate.set()
                return await asyncio.gather(*tasks, return_exceptions=True)

        outcomes = asyncio.run(main())

    assert {"accepted": 10, "CancelledError": 90} == Counter(
        outcome if isinstance(outcome, str) else type(outcome).__name__ for outcome in outcomes
    )
    assert 1 == len(server.requests)


@tried("All of them are cancelled", fetches=1)
def test_all_cancelled(bench: Bench, memory: int) -> None:
    """The fetch goes on, for whoever comes next."""
    gate = threading.Event()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server:

        async def main() -> str:
            async with AsyncClerk(config_of(bench, server, token_cache_size=memory)) as clerk:
                tasks = [asyncio.ensure_future(told_async(clerk, bench.token())) for _ in range(100)]
                await asyncio.to_thread(server.asked.wait, 5)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                gate.set()
                return await told_async(clerk, bench.token())

        assert "accepted" == asyncio.run(main())

    assert 1 == len(server.requests)


@attrs.define(eq=False)
class Dying(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Raises once what ends a thread or a loop, in the middle of the first fetch; then carries requests to the server.

    Attributes:
        gate: Where the first fetch waits for its end.
        entered: Set when it does.
    """

    gate: threading.Event = attrs.field(factory=threading.Event)
    entered: threading.Event = attrs.field(factory=threading.Event)

    def _first(self) -> bool:
        first = not self.entered.is_set()
        self.entered.set()
        return first

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Get it, and die before it is read."""
        first = self._first()
        with httpx.HTTPTransport() as inner:
            response = inner.handle_request(request)
            response.read()
        if first:
            self.gate.wait(5)
            raise SystemExit
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Get it, and die before it is read."""
        first = self._first()
        async with httpx.AsyncHTTPTransport() as inner:
            response = await inner.handle_async_request(request)
            await response.aread()
        if first:
            raise SystemExit
        return response


@tried("The thread dies that fetches", fetches=2)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_thread_that_dies(bench: Bench, memory: int) -> None:
    """Fifty that wait for it are told at once; after the pause all is well."""
    transport = Dying()
    token = bench.token()
    with KeyServer(key_set(bench.fake)) as server, ThreadPoolExecutor(50) as pool:
        clerk = Clerk(config_of(bench, server, token_cache_size=memory, timeout=4), transport=transport)
        begun = time.monotonic()
        futures = [pool.submit(told, clerk, token) for _ in range(50)]
        assert transport.entered.wait(5)
        transport.gate.set()
        verdicts = [future.result(10) for future in futures]
        took = time.monotonic() - begun
        bench.clock.advance(10)
        after = told(clerk, token)

    assert ["unavailable"] * 50 == verdicts
    assert took < 4
    assert "accepted" == after
    assert 2 == len(server.requests)


@tried("An event loop dies in the middle of a fetch", fetches=2)
def test_loop_that_dies(bench: Bench, memory: int) -> None:
    """The next loop fetches at once: nothing waits for what will not come."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = AsyncClerk(config_of(bench, server, token_cache_size=memory), transport=Dying())
        with pytest.raises(SystemExit):
            asyncio.run(told_async(clerk, bench.token()))
        begun = time.monotonic()
        verdict = asyncio.run(told_async(clerk, bench.token()))
        took = time.monotonic() - begun

    assert "accepted" == verdict
    assert took < 4
    assert 2 == len(server.requests)


@tried("An event loop is closed in the middle of a fetch", fetches=2)
def test_loop_that_is_closed(bench: Bench, memory: int) -> None:
    """The next loop fetches at once, on connections of its own."""
    with KeyServer(servers.hang) as server:
        clerk = AsyncClerk(config_of(bench, server, token_cache_size=memory))

        async def leave() -> None:
            asyncio.ensure_future(told_async(clerk, bench.token()))  # noqa: RUF006 - it is to be left alone
            await asyncio.to_thread(server.asked.wait, 5)

        async def again() -> str:
            async with clerk:
                return await told_async(clerk, bench.token())

        asyncio.run(leave())
        server.behave = key_set(bench.fake)
        verdict = asyncio.run(again())

    assert "accepted" == verdict
    assert 2 == len(server.requests)


@tried("Ten event loops use one client, one after the other", fetches=1)
def test_loops_in_turn(bench: Bench, memory: int) -> None:
    """They share its keys, also those that come after the client was closed."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = AsyncClerk(config_of(bench, server, token_cache_size=memory))

        async def once() -> str:
            async with clerk:
                return await told_async(clerk, bench.token())

        verdicts = [asyncio.run(once()) for _ in range(10)]

    assert ["accepted"] * 10 == verdicts
    assert 1 == len(server.requests)


@tried("A second event loop comes while the first one fetches", fetches=1)
def test_second_loop(bench: Bench, memory: int) -> None:
    """It waits for that fetch."""
    gate = threading.Event()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server, ThreadPoolExecutor(2) as pool:
        clerk = AsyncClerk(config_of(bench, server, token_cache_size=memory))

        async def once(*, last: bool) -> str:
            verification = asyncio.ensure_future(told_async(clerk, bench.token()))
            await asyncio.sleep(0)
            if last:
                gate.set()
            return await verification

        first = pool.submit(asyncio.run, once(last=False))
        assert server.asked.wait(5)
        second = pool.submit(asyncio.run, once(last=True))
        verdicts = [first.result(5), second.result(5)]

    assert ["accepted", "accepted"] == verdicts
    assert 1 == len(server.requests)


@tried("The process forks in the middle of a fetch", fetches=2)
@pytest.mark.parametrize("world", ["sync", "async"])
def test_fork(world: str, memory: int) -> None:
    """The child fetches for itself, the parent's fetch goes on, and a child forked later has its keys already."""
    command = [sys.executable, str(PROGRAM), world, str(memory)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (
        "child: accepted, 2 fetches\nparent: accepted, 2 fetches\nlater child: accepted, 2 fetches\n",
        "",
        0,
    ) == (ended.stdout, ended.stderr, ended.returncode)


@tried("Four answers drip in byte by byte, without end", fetches=6)
def test_headers_that_drip(bench: Bench, memory: int) -> None:
    """Each counts as a failure after its time, none keeps its thread, and the next answer that comes is taken."""
    begun = threading.Semaphore(0)

    def drip(server: KeyServer, connection: socket.socket) -> None:
        begun.release()
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not server.closing.wait(0.02):
            connection.sendall(b"X")

    token = bench.token(exp=bench.now + 7200)
    with KeyServer(key_set(bench.fake)) as server:
        clerk = Clerk(config_of(bench, server, token_cache_size=memory, timeout=0.3))
        verdicts = [told(clerk, token)]
        server.behave = drip
        bench.clock.advance(301)
        for pause in (10, 20, 40, 60):
            verdicts.append(told(clerk, token))  # opens a refresh
            assert begun.acquire(timeout=5)
            bench.clock.advance(1.5)
            verdicts.append(told(clerk, token))  # finds that its time is over
            bench.clock.advance(pause)
        server.behave = key_set(bench.fake)
        bench.clock.advance(3600)
        verdicts.append(told(clerk, token))
        dripping = [thread for thread in threading.enumerate() if thread.name == "clerk-jwks"]
        for thread in dripping:
            thread.join(5)
        left = [thread for thread in dripping if thread.is_alive()]

    assert ["accepted"] * 10 == verdicts
    assert [] == left
    assert 6 == len(server.requests)
