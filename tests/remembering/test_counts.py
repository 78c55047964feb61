"""`stats()`: what verifications and fetches came to, counted where they happen and nowhere else."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from clerk_ext import AsyncClerk, JWKSUnavailable, Reason
from clerk_ext.testing import FakeTransport
from clerk_ext.tokens.tally import Tally
from tests.verifier import servers
from tests.verifier.bench import pem
from tests.verifier.servers import KeyServer

from .outages import Outage, told

if TYPE_CHECKING:
    import httpx

    from clerk_ext import Clerk, Stats
    from tests.verifier.bench import Bench
    from tests.worlds import Clock, World

    from .conftest import Maker


def numbers(stats: Stats) -> dict[str, Any]:
    """The counts that are not zero."""
    return {name: value for name, value in attrs.asdict(stats).items() if value and name != "tenant"}


def test_nothing_yet(clerk: Clerk) -> None:
    """A client that has done nothing has counted nothing, and knows its tenant."""
    assert {} == numbers(clerk.stats())
    assert "acme" == clerk.stats().tenant


def test_accepted(clerk: Clerk, bench: Bench) -> None:
    """Accepted tokens of both kinds, those among them that were remembered, and the fetch that it took."""
    token = bench.token()
    for _ in range(3):
        told(clerk, token)
    clerk.verify_template_token(bench.template())

    assert {"verified": 4, "cache_hits": 2, "fetches": {"fetched": 1}, "keys": 1, "remembered": 1} == numbers(
        clerk.stats()
    )


def test_refused_by_reason(clerk: Clerk, bench: Bench) -> None:
    """Refused tokens by reason, at every door; a request without a token is among them."""
    told(clerk, bench.token(exp=bench.now - 60))
    told(clerk, bench.token(exp=bench.now - 60))
    told(clerk, bench.fake.forge(bench.token()))
    told(clerk, "x")
    clerk.authenticate_token(None)
    clerk.authenticate_token(bench.token(sts="pending"))
    clerk.authenticate_request({})
    with pytest.raises(Exception, match=Reason.TOKEN_TYPE_MISMATCH):
        clerk.verify_template_token(bench.token())

    assert {
        "refused": {
            Reason.TOKEN_EXPIRED: 2,
            Reason.TOKEN_INVALID_SIGNATURE: 1,
            Reason.TOKEN_INVALID: 1,
            Reason.SESSION_TOKEN_MISSING: 1,
            Reason.SESSION_PENDING: 1,
            Reason.SESSION_TOKEN_AND_UAT_MISSING: 1,
            Reason.TOKEN_TYPE_MISMATCH: 1,
        },
        "fetches": {"fetched": 1},
        "keys": 1,
    } == numbers(clerk.stats())


def test_unavailable(clerk: Clerk, bench: Bench, outage: Outage) -> None:
    """Tokens that could not be judged count by themselves, at every door; a failed fetch once."""
    outage.down = True
    told(clerk, bench.token())
    with pytest.raises(JWKSUnavailable):
        clerk.authenticate_token(bench.token())
    with pytest.raises(JWKSUnavailable):
        clerk.verify_template_token(bench.template())

    assert {"unavailable": 3, "fetches": {"failed": 1}} == numbers(clerk.stats())


class Slow(Outage):
    """Lets more time pass than a fetch may take."""

    clock: Clock

    def _fail(self, request: httpx.Request) -> None:
        self.clock.advance(6)


def test_late_fetch(world: World, bench: Bench) -> None:
    """A fetch that ends after its time is counted as late."""
    transport = Slow(bench.fake)
    transport.clock = bench.clock
    clerk = world.clerk(
        bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic, timeout=5.0), transport=transport
    )
    verdict = told(clerk, bench.token())

    assert "keys unavailable" == verdict
    assert {"late"} == set(clerk.stats().fetches)


def test_abandoned_fetch(bench: Bench) -> None:
    """A fetch that goes down with its event loop is counted as abandoned."""

    async def leave(clerk: AsyncClerk, server: KeyServer) -> None:
        verification = asyncio.ensure_future(clerk.verify_token(bench.token()))
        await asyncio.to_thread(server.asked.wait, 5)
        verification.cancel()

    with KeyServer(servers.hang) as server:
        clerk = AsyncClerk(bench.fake.config(jwks_url=server.url))
        asyncio.run(leave(clerk, server))

    assert {"fetches": {"abandoned": 1}} == numbers(clerk.stats())


def test_pem(client_with: Maker, bench: Bench) -> None:
    """A key in the settings is a key at hand, and never fetched."""
    clerk = client_with(jwt_key=pem(bench))
    told(clerk, bench.token())

    assert {"verified": 1, "keys": 1, "remembered": 1} == numbers(clerk.stats())


def test_explanations_count_nowhere(clerk: Clerk, bench: Bench) -> None:
    """Explanations of good, remembered and refused tokens are neither counted nor remembered; the fetch is."""
    token = bench.token()
    clerk.explain_token(token)
    cold = numbers(clerk.stats())
    told(clerk, token)
    before = clerk.stats()
    for explained in (token, bench.token(jti="new"), bench.token(exp=0), "x", bench.fake.forge(token)):
        clerk.explain_token(explained)

    assert {"fetches": {"fetched": 1}, "keys": 1} == cold
    assert before == clerk.stats()


def test_explanation_in_an_outage_counts_nowhere(clerk: Clerk, bench: Bench, outage: Outage) -> None:
    """Nor does one that cannot be given."""
    outage.down = True
    with pytest.raises(JWKSUnavailable):
        clerk.explain_token(bench.token())

    assert {"fetches": {"failed": 1}} == numbers(clerk.stats())


def test_prewarm(clerk: Clerk) -> None:
    """Fetching ahead counts as a fetch."""
    clerk.prewarm()

    assert {"fetches": {"fetched": 1}, "keys": 1} == numbers(clerk.stats())


def test_each_tenant_for_itself(world: World, bench: Bench) -> None:
    """What one instance's client counts is not in another's."""
    transport = FakeTransport(bench.fake, bench.other)
    acme, globex = (
        world.clerk(fake.config(monotonic=bench.clock.monotonic), transport=transport)
        for fake in (bench.fake, bench.other)
    )
    told(acme, bench.token())

    assert ("acme", 1) == (acme.stats().tenant, acme.stats().verified)
    assert ("globex", {}) == (globex.stats().tenant, numbers(globex.stats()))


def test_snapshot(clerk: Clerk, bench: Bench) -> None:
    """What was told stays as it was, and changing it changes nothing."""
    told(clerk, "x")
    told(clerk, bench.token())
    first = clerk.stats()
    kept = numbers(first)
    told(clerk, "x")
    told(clerk, bench.token())

    assert kept == numbers(first)

    cast("dict[Reason, int]", first.refused).clear()
    cast("dict[str, int]", first.fetches).clear()

    assert {Reason.TOKEN_INVALID: 2} == dict(clerk.stats().refused)
    assert {"fetched": 1} == dict(clerk.stats().fetches)


def test_threads_lose_no_count() -> None:
    """Threads that refuse and fetch at the same time are all counted."""
    tally = Tally()

    def count() -> None:
        for _ in range(20_000):
            tally.refuse(Reason.TOKEN_EXPIRED)
            tally.fetched += 1

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)

    assert ({Reason.TOKEN_EXPIRED: 80_000}, {"fetched": 80_000}) == (dict(tally.refused), tally.fetches())
