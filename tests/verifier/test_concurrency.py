"""Many at once: threads, tasks, event loops, processes; and what dies in the middle harms nobody."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_ext import AsyncClerk, Clerk, JWKSUnavailable, TokenVerificationError
from clerk_ext.testing import FakeServer

from . import servers
from .servers import Failing, Gate, KeyServer, key_set

if TYPE_CHECKING:
    from clerk_ext import ClerkConfig

    from .bench import Bench

PROGRAM = Path(__file__).with_name("fork_program.py")


def config_of(bench: Bench, **settings: Any) -> ClerkConfig:
    """Settings on the bench's clock."""
    return bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic, **settings)


def fetches() -> list[threading.Thread]:
    """The threads that fetch keys."""
    return [thread for thread in threading.enumerate() if thread.name == "clerk-jwks"]


def join_fetches() -> None:
    """Let them end."""
    for thread in fetches():
        thread.join(5)


async def told(clerk: AsyncClerk, token: str) -> str:
    """The verdict in a word."""
    try:
        await clerk.verify_token(token)
    except TokenVerificationError as refused:
        return refused.reason
    except JWKSUnavailable:
        return "unavailable"
    return "accepted"


def test_twenty_threads(bench: Bench) -> None:
    """Threads that come at the same cold moment cause one fetch, and all are served by it."""
    gate = threading.Event()
    barrier = threading.Barrier(21)
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server, ThreadPoolExecutor(20) as pool:
        clerk = Clerk(config_of(bench, jwks_url=server.url))
        token = bench.token()

        def verify() -> str:
            barrier.wait(5)
            return clerk.verify_token(token).user_id

        futures = [pool.submit(verify) for _ in range(20)]
        barrier.wait(5)
        assert server.asked.wait(5)
        gate.set()
        users = [future.result(5) for future in futures]
        clerk.close()

    assert [bench.session.user.id] * 20 == users
    assert 1 == len(server.requests)


def test_two_hundred_tasks(bench: Bench) -> None:
    """So do tasks."""

    async def main(server: FakeServer) -> list[str]:
        async with AsyncClerk(server.config(monotonic=bench.clock.monotonic)) as clerk:
            return await asyncio.gather(*(told(clerk, bench.token()) for _ in range(200)))

    with FakeServer(bench.fake) as server:
        verdicts = asyncio.run(main(server))

    assert ["accepted"] * 200 == verdicts
    assert 1 == len(bench.fake.requests)


def test_waiting_room_is_small(bench: Bench) -> None:
    """While keys are held, 16 callers may wait for others beside the one who asked; the rest is told to come back."""

    async def main() -> list[str]:
        gate = Gate(bench.fake, asyncio.Event(), asyncio.Event())
        gate.opened.set()
        clerk = AsyncClerk(config_of(bench), transport=gate)
        await clerk.prewarm()
        bench.clock.advance(10)
        gate.opened.clear()
        tasks = [asyncio.ensure_future(told(clerk, bench.token(header={"kid": f"ins_{n}"}))) for n in range(20)]
        await asyncio.sleep(0)
        good = await told(clerk, bench.token())
        gate.opened.set()
        return [good, *await asyncio.gather(*tasks)]

    assert {"accepted": 1, "jwk-kid-mismatch": 17, "unavailable": 3} == Counter(asyncio.run(main()))
    assert 2 == len(bench.fake.requests)


@pytest.mark.parametrize("victim", [0, 1], ids=["leader", "waiter"])
def test_cancelled_caller(bench: Bench, victim: int) -> None:
    """Cancelling the caller that opened the fetch, or one that waits for it, leaves the fetch to the others."""

    async def main() -> list[object]:
        gate = Gate(bench.fake, asyncio.Event(), asyncio.Event())
        clerk = AsyncClerk(config_of(bench), transport=gate)
        tasks = [asyncio.ensure_future(told(clerk, bench.token())) for _ in range(3)]
        await gate.entered.wait()
        tasks[victim].cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(outcome) if isinstance(outcome, BaseException) else outcome for outcome in outcomes]

    expected: list[object] = ["accepted"] * 3
    expected[victim] = asyncio.CancelledError

    assert expected == asyncio.run(main())
    assert 1 == len(bench.fake.requests)


def test_all_callers_cancelled(bench: Bench) -> None:
    """Cancelling everybody leaves keys for whoever comes next."""

    async def main() -> str:
        gate = Gate(bench.fake, asyncio.Event(), asyncio.Event())
        clerk = AsyncClerk(config_of(bench), transport=gate)
        tasks = [asyncio.ensure_future(told(clerk, bench.token())) for _ in range(3)]
        await gate.entered.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        gate.opened.set()
        return await told(clerk, bench.token())

    assert "accepted" == asyncio.run(main())
    assert 1 == len(bench.fake.requests)


def test_loop_that_ends_in_the_middle(bench: Bench) -> None:
    """A loop that is shut down with its fetch under way costs the next one nothing: no pause, no wait."""
    with KeyServer(servers.hang) as server:
        clerk = AsyncClerk(config_of(bench, jwks_url=server.url))

        async def first() -> None:
            verification = asyncio.ensure_future(told(clerk, bench.token()))
            await asyncio.to_thread(server.asked.wait, 5)
            verification.cancel()

        async def second() -> str:
            async with clerk:
                return await told(clerk, bench.token())

        asyncio.run(first())
        server.behave = key_set(bench.fake)
        verdict = asyncio.run(second())

    assert "accepted" == verdict
    assert 2 == len(server.requests)


def test_loops_one_after_the_other(bench: Bench) -> None:
    """One client serves loops one after the other, with the keys of the first; each has its own connections."""
    with FakeServer(bench.fake) as server:
        clerk = AsyncClerk(server.config(monotonic=bench.clock.monotonic))

        async def once() -> str:
            async with clerk:
                return await told(clerk, bench.token())

        verdicts = [asyncio.run(once()), asyncio.run(once())]
        bench.clock.advance(601)
        verdicts.append(asyncio.run(once()))

    assert ["accepted"] * 3 == verdicts
    assert 2 == len(bench.fake.requests)


def test_loops_at_the_same_time(bench: Bench) -> None:
    """Loops in two threads share one fetch: the one that did not ask waits for it without blocking."""
    gate = threading.Event()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server, ThreadPoolExecutor(2) as pool:
        clerk = AsyncClerk(config_of(bench, jwks_url=server.url))

        async def once(*, second: bool) -> str:
            verification = asyncio.ensure_future(told(clerk, bench.token()))
            await asyncio.sleep(0)
            if second:
                gate.set()
            return await verification

        first = pool.submit(asyncio.run, once(second=False))
        assert server.asked.wait(5)
        second = pool.submit(asyncio.run, once(second=True))
        verdicts = [first.result(5), second.result(5)]

    assert ["accepted", "accepted"] == verdicts
    assert 1 == len(server.requests)


def test_waiter_whose_loop_is_gone(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A fetch that ends after a waiter's loop was closed ends in peace: nothing is logged as an error."""
    gate = threading.Event()
    with KeyServer(servers.gated(key_set(bench.fake), gate)) as server, ThreadPoolExecutor(1) as pool:
        clerk = AsyncClerk(config_of(bench, jwks_url=server.url))

        async def leave() -> None:
            verification = asyncio.ensure_future(told(clerk, bench.token()))
            await asyncio.sleep(0)
            verification.cancel()

        leader = pool.submit(asyncio.run, told(clerk, bench.token()))
        assert server.asked.wait(5)
        asyncio.run(leave())
        gate.set()
        verdict = leader.result(5)

    assert "accepted" == verdict
    assert [] == [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_fetching_thread_that_dies(bench: Bench) -> None:
    """A fetch that ends in SystemExit is an outage to those who wait for it, at once; then it recovers."""
    transport = Failing(bench.fake, SystemExit())
    clerk = Clerk(config_of(bench, timeout=3), transport=transport)
    begun = time.monotonic()
    with pytest.raises(JWKSUnavailable):
        clerk.verify_token(bench.token())
    took = time.monotonic() - begun
    join_fetches()
    transport.failure = None
    bench.clock.advance(10)

    assert took < 2
    assert bench.session.id == clerk.verify_token(bench.token()).session_id


def test_no_thread_to_be_had(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started that is an outage, too."""
    clerk = Clerk(config_of(bench), transport=Failing(bench.fake))

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(JWKSUnavailable) as unavailable:
            clerk.verify_token(bench.token())
    bench.clock.advance(10)

    assert 10.0 == unavailable.value.retry_after
    assert bench.session.id == clerk.verify_token(bench.token()).session_id


class Hanging(httpx.BaseTransport):
    """Answers at first; once told to hang, holds each request until it is let go."""

    def __init__(self, bench: Bench) -> None:
        self._inner = Failing(bench.fake)
        self.go = threading.Event()
        self.hang = False
        self.held = threading.Semaphore(0)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, now or then."""
        if self.hang:
            self.held.release()
            self.go.wait(10)
        return self._inner.handle_request(request)


def test_threads_that_hang_do_not_pile_up(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Fetches that hang beyond their time count as failed, four are borne, and what they bring late is left aside."""
    transport = Hanging(bench)
    clerk = Clerk(config_of(bench), transport=transport)
    clerk.verify_token(bench.token())
    transport.hang = True
    bench.clock.advance(301)
    for pause in (10, 20, 40, 60):
        clerk.verify_token(bench.token())  # opens a refresh
        assert transport.held.acquire(timeout=5)
        bench.clock.advance(6)
        clerk.verify_token(bench.token())  # finds that its time is over
        bench.clock.advance(pause)
    clerk.verify_token(bench.token())  # would be the fifth
    hanging = fetches()
    transport.go.set()
    join_fetches()
    messages = Counter(record.getMessage() for record in caplog.records if record.name == "clerk_ext.keys")

    assert 4 == len(hanging)
    assert {
        "tenant acme: the key set cannot be had: earlier fetches still hang": 1,
        "tenant acme: a fetch of the key set ended too late to count": 4,
    } == messages


def test_fork_in_the_middle() -> None:
    """A child that was forked while a fetch was under way fetches for itself, and the parent's fetch goes on."""
    ended = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=60, check=False)

    assert ("child: accepted after 1 fetch\nparent: accepted after 1 fetch\n", 0) == (ended.stdout, ended.returncode)
