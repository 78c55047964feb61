"""`as_async`: threads and event loops on the same keys, verified tokens, revocations and counts."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_ext import AsyncClerk, Clerk, Reason
from clerk_ext.testing import FakeServer
from tests.verifier import servers
from tests.verifier.servers import KeyServer, key_set

from .outages import AsyncOnly, Outage, SyncOnly, hits, told, told_async

if TYPE_CHECKING:
    from clerk_ext import ClerkConfig
    from tests.verifier.bench import Bench

    from .conftest import Checks

PROGRAM = Path(__file__).with_name("forking.py")


def config_of(bench: Bench, **settings: Any) -> ClerkConfig:
    """Settings on the bench's clock."""
    return bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic, **settings)


@pytest.fixture
def pair(bench: Bench, outage: Outage) -> tuple[Clerk, AsyncClerk]:
    """A client and its twin of the async world."""
    clerk = Clerk(config_of(bench), transport=outage, revocations=bench.revocations)
    return clerk, clerk.as_async()


def test_sync_first(pair: tuple[Clerk, AsyncClerk], bench: Bench, checks: Checks) -> None:
    """A token that a thread verified costs a task no signature check, and no fetch."""
    clerk, twin = pair
    token = bench.token()
    verdicts = [told(clerk, token), asyncio.run(told_async(twin, token)), told(clerk, token)]

    assert ["accepted"] * 3 == verdicts
    assert (1, 1) == (checks.made, len(bench.fake.requests))
    assert (3, 2, 1) == (clerk.stats().verified, hits(clerk), twin.stats().remembered)


def test_async_first(pair: tuple[Clerk, AsyncClerk], bench: Bench, checks: Checks) -> None:
    """And the other way round."""
    clerk, twin = pair
    token = bench.token()
    verdicts = [asyncio.run(told_async(twin, token)), told(clerk, token), asyncio.run(told_async(twin, token))]

    assert ["accepted"] * 3 == verdicts
    assert (1, 1) == (checks.made, len(bench.fake.requests))
    assert clerk.stats() == twin.stats()


def test_refusals_are_counted_together(pair: tuple[Clerk, AsyncClerk], bench: Bench) -> None:
    """Refusals and outages of both are in the counts of both."""
    clerk, twin = pair
    token = bench.token(exp=bench.now - 60)
    verdicts = [told(clerk, token), asyncio.run(told_async(twin, token))]

    assert [Reason.TOKEN_EXPIRED] * 2 == verdicts
    assert {Reason.TOKEN_EXPIRED: 2} == dict(clerk.stats().refused)
    assert clerk.stats() == twin.stats()


def test_revocations(pair: tuple[Clerk, AsyncClerk], bench: Bench) -> None:
    """A session that is revoked through one is revoked for the other, although its token is remembered."""
    clerk, twin = pair
    token = bench.token()
    before = [told(clerk, token), asyncio.run(told_async(twin, token))]

    async def revoke() -> None:
        await twin.sessions.revoke(bench.session.id)

    asyncio.run(revoke())

    assert ["accepted"] * 2 == before
    assert [Reason.SESSION_REVOKED] * 2 == [told(clerk, token), asyncio.run(told_async(twin, token))]


def test_views(pair: tuple[Clerk, AsyncClerk], bench: Bench, checks: Checks) -> None:
    """The twin of a view has the view's policy and its verified tokens; a view of the twin has neither's."""
    clerk, twin = pair
    view = clerk.with_policy(accept_pending=True)
    twin_of_view, view_of_twin = view.as_async(), twin.with_policy(accept_pending=True)
    token = bench.token(sts="pending")

    async def in_turn() -> list[str]:
        return [await told_async(client, token) for client in (twin, twin_of_view, view_of_twin)]

    verdicts = [told(clerk, token), told(view, token), *asyncio.run(in_turn())]

    assert [Reason.SESSION_PENDING, "accepted", Reason.SESSION_PENDING, "accepted", "accepted"] == verdicts
    assert (4, 1) == (checks.made, hits(clerk))
    assert (1, 1, 1) == (view.stats().remembered, twin_of_view.stats().remembered, view_of_twin.stats().remembered)
    assert 0 == clerk.stats().remembered


# --- transports


def test_transport_of_the_sync_world_alone(bench: Bench, outage: Outage) -> None:
    """A client with a transport that cannot serve asyncio says so by name, and takes one that can."""
    clerk = Clerk(config_of(bench), transport=SyncOnly(outage))
    with pytest.raises(ValueError, match=r"^transport: "):
        clerk.as_async()
    with pytest.raises(ValueError, match=r"^transport: "):
        clerk.with_policy(accept_pending=True).as_async()
    transport = AsyncOnly(outage)
    twin = clerk.as_async(transport=transport)

    assert "accepted" == asyncio.run(told_async(twin, bench.token()))
    assert 1 == transport.requests


def test_transport_for_both(bench: Bench, outage: Outage) -> None:
    """A transport for both worlds serves the twin too."""
    twin = Clerk(config_of(bench), transport=outage).as_async()
    outage.down = True
    down = asyncio.run(told_async(twin, bench.token()))
    outage.down = False
    bench.clock.advance(10)

    assert "keys unavailable" == down
    assert "accepted" == asyncio.run(told_async(twin, bench.token()))


def test_transport_that_is_given(bench: Bench, outage: Outage) -> None:
    """One that is given comes before the client's own."""
    other = AsyncOnly(outage)
    twin = Clerk(config_of(bench), transport=outage).as_async(transport=other)

    assert "accepted" == asyncio.run(told_async(twin, bench.token()))
    assert 1 == other.requests


@pytest.mark.parametrize("transport", [httpx.HTTPTransport(), "https://proxy.example.com"], ids=["sync", "URL"])
def test_transport_of_the_wrong_kind(bench: Bench, transport: Any) -> None:
    """One that is not for asyncio is refused when it is given, not at the first fetch."""
    with pytest.raises(TypeError, match=r"transport: give an httpx\.AsyncBaseTransport, not "):
        Clerk(config_of(bench)).as_async(transport=transport)


def test_without_transport(bench: Bench) -> None:
    """Over real HTTP the two have connections of their own, and one key set; closing one leaves the other open."""
    with FakeServer(bench.fake) as server:
        clerk = Clerk(server.config(clock=bench.clock.time, monotonic=bench.clock.monotonic))

        async def both() -> list[str]:
            async with clerk.as_async() as twin:
                return [await told_async(twin, bench.token()), (await twin.sessions.get(bench.session.id)).id]

        heard = [*asyncio.run(both()), told(clerk, bench.token()), clerk.sessions.get(bench.session.id).id]
        clerk.close()

    assert ["accepted", bench.session.id] * 2 == heard
    assert ["/.well-known/jwks.json"] == [r.path for r in bench.fake.requests if "jwks" in r.path]


# --- loops, threads, processes


def test_second_loop(pair: tuple[Clerk, AsyncClerk], bench: Bench, checks: Checks) -> None:
    """A loop after the first, and one in another thread, find what the first one verified."""
    _, twin = pair
    token = bench.token()
    verdicts = [asyncio.run(told_async(twin, token)) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        verdicts += [future.result(10) for future in [pool.submit(asyncio.run, told_async(twin, token)) for _ in "ab"]]

    assert ["accepted"] * 4 == verdicts
    assert (1, 3, 1) == (checks.made, twin.stats().cache_hits, len(bench.fake.requests))


def test_loop_that_closes_in_the_middle_of_a_fetch(bench: Bench) -> None:
    """A loop that is gone with the fetch under way leaves it to be made by threads and by the next loop."""
    with KeyServer(servers.hang) as server:
        clerk = Clerk(config_of(bench, jwks_url=server.url))
        twin = clerk.as_async()

        async def leave() -> None:
            verification = asyncio.ensure_future(told_async(twin, bench.token()))
            await asyncio.to_thread(server.asked.wait, 5)
            verification.cancel()

        asyncio.run(leave())
        server.behave = key_set(bench.fake)
        verdicts = [told(clerk, bench.token()), asyncio.run(told_async(twin, bench.token()))]
        clerk.close()

    assert ["accepted"] * 2 == verdicts
    assert 2 == len(server.requests)
    assert {"abandoned": 1, "fetched": 1} == dict(clerk.stats().fetches)


def test_many_at_once(bench: Bench, outage: Outage) -> None:
    """Threads and loops that verify the same few tokens at the same time get them right and count each once."""
    clerk = Clerk(config_of(bench, token_cache_size=3), transport=outage, revocations=bench.revocations)
    twin = clerk.as_async()
    good = [bench.token(jti=str(number)) for number in range(6)]
    bad = [bench.fake.forge(token) for token in good]
    told(clerk, good[0])
    barrier = threading.Barrier(4)

    def thread() -> list[str]:
        barrier.wait(10)
        return [told(clerk, token) for _ in range(30) for token in [*good, *bad]]

    async def tasks() -> list[str]:
        barrier.wait(10)
        return list(await asyncio.gather(*(told_async(twin, token) for _ in range(30) for token in [*good, *bad])))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(thread), pool.submit(thread)]
            futures += [pool.submit(lambda: asyncio.run(tasks())) for _ in range(2)]
            verdicts = [future.result(60) for future in futures]
    finally:
        sys.setswitchinterval(interval)
    stats = clerk.stats()

    assert [(["accepted"] * 6 + [Reason.TOKEN_INVALID_SIGNATURE] * 6) * 30] * 4 == verdicts
    assert (1 + 4 * 180, {Reason.TOKEN_INVALID_SIGNATURE: 4 * 180}) == (stats.verified, dict(stats.refused))
    assert 0 < stats.cache_hits < stats.verified
    assert stats.remembered <= 3


def test_fork() -> None:
    """A child forked while a thread verifies finds what the parent remembered, and goes its own way from there."""
    ended = subprocess.run([sys.executable, PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    expected = [
        "child: remembered without a check, also in a loop",
        "child: verifies what is new",
        "child: honours its own revocations",
        "parent: has none of the child's revocations",
        "parent: counts none of the child's tokens",
    ]

    assert (expected, "", 0) == (ended.stdout.splitlines(), ended.stderr, ended.returncode)
