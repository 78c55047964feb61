"""The first table of ``docs/outages.md``, row by row, over loopback in both worlds, with every fetch counted."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import attrs
import pytest

from clerk_ext import JWKSUnavailable
from tests.verifier import servers
from tests.verifier.clients import client_of, told
from tests.verifier.servers import KeyServer, answer, key_set

from .crowds import config_of
from .rows import condition

if TYPE_CHECKING:
    from tests.verifier.bench import Bench
    from tests.worlds import World

    from .crowds import Crowd

GONE = "token-invalid-signature"


@attrs.define
class OnRead:
    """The bench's monotonic clock, which opens a gate when it is read for the so-manieth time after being armed."""

    bench: Bench
    gate: threading.Event
    reads: int = 0

    def __call__(self) -> float:
        self.reads -= 1
        if self.reads == 0:
            self.gate.set()
        return self.bench.clock.monotonic()


@condition("there", "up to 300 s", "–", "–")
def test_fresh(world: World, bench: Bench, memory: int) -> None:
    """Fresh keys verify at once, and nothing is asked, whatever has become of the server."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        clerk.prewarm()
        server.behave = servers.hang
        bench.clock.advance(300)
        verdicts = [told(clerk, bench.token()) for _ in range(3)]

    assert ["accepted"] * 3 == verdicts
    assert 1 == len(server.requests)


@condition("there", "300 to 600 s", "no", "yes")
@condition("there", "300 to 600 s", "yes, or", "no")
def test_aging(world: World, bench: Bench, memory: int) -> None:
    """The first request opens a refresh and waits no more than those after it, nor do those within its pause."""
    gate = threading.Event()
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        clerk.prewarm()
        server.behave = servers.gated(answer(500), gate)
        bench.clock.advance(301)
        open_still = [told(clerk, bench.token()) for _ in range(3)]
        gate.set()
        world.settle()
        bench.clock.advance(9)
        in_pause = [told(clerk, bench.token()) for _ in range(3)]
        world.settle()

    assert ["accepted"] * 3 == open_still
    assert ["accepted"] * 3 == in_pause
    assert 2 == len(server.requests)


@condition("there", "600 to 3600 s", "no", "yes")
@pytest.mark.parametrize(("good", "verdict"), [(True, GONE), (False, "accepted")], ids=["keys", "failure"])
@pytest.mark.parametrize("age", [601, 3600])
def test_stale(world: World, bench: Bench, memory: int, good: bool, verdict: str, age: int) -> None:
    """A request waits for fresh keys, so that a key that is gone is refused; if none can be had, it is good still."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        token = bench.token(exp=bench.now + 7200)
        first = told(clerk, token)
        bench.fake.rotate_key(keep_old=False)
        server.behave = key_set(bench.fake) if good else answer(500)
        bench.clock.advance(age)
        second = told(clerk, token)

    assert ("accepted", verdict) == (first, second)
    assert 2 == len(server.requests)


@condition("there", "600 to 3600 s", "yes", "–")
@pytest.mark.parametrize(("good", "verdict"), [(True, GONE), (False, "accepted")], ids=["keys", "failure"])
def test_stale_with_a_fetch_under_way(world: World, bench: Bench, memory: int, good: bool, verdict: str) -> None:
    """A request waits for the refresh that another one has opened, and opens none of its own."""
    gate = threading.Event()
    clock = OnRead(bench, gate)
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory, monotonic=clock)
        token = bench.token(exp=bench.now + 7200)
        clerk.prewarm()
        bench.fake.rotate_key(keep_old=False)
        server.behave = servers.gated(key_set(bench.fake) if good else answer(500), gate)
        bench.clock.advance(599)
        first = told(clerk, token)
        bench.clock.advance(2)
        clock.reads = 3  # looking at fresh keys, looking up under the lock, and beginning to wait
        second = told(clerk, token)
        world.settle()

    assert gate.is_set()
    assert ("accepted", verdict) == (first, second)
    assert 2 == len(server.requests)


@condition("there", "600 to 3600 s", "no", "no")
def test_stale_in_the_pause(world: World, bench: Bench, memory: int) -> None:
    """After a failed refresh requests are verified with the keys at hand, without waiting or asking."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        clerk.prewarm()
        server.behave = answer(500)
        bench.clock.advance(601)
        verdicts = [told(clerk, bench.token())]
        server.behave = servers.hang
        bench.clock.advance(9)
        verdicts += [told(clerk, bench.token()) for _ in range(3)]

    assert ["accepted"] * 4 == verdicts
    assert 2 == len(server.requests)


@condition("not there, or over 3600 s", "any", "yes", "–")
def test_not_there_with_a_fetch_under_way(crowd: Crowd, bench: Bench, memory: int) -> None:
    """While keys are held, 16 requests wait beside the one that asked; the others are told at once to come back."""
    gate = threading.Event()
    tokens = [bench.token(header={"kid": f"ins_{number}"}) for number in range(30)]
    with KeyServer(key_set(bench.fake)) as server:

        def warmed() -> None:
            server.behave = servers.gated(key_set(bench.fake), gate)
            bench.clock.advance(10)

        def heard(verdicts: int) -> None:
            if verdicts == 13:
                gate.set()

        verdicts = crowd(config_of(bench, server, token_cache_size=memory), tokens, heard, warmed)

    assert ["unavailable"] * 13 == verdicts[:13]
    assert ["jwk-kid-mismatch"] * 17 == verdicts[13:]
    assert 2 == len(server.requests)


@condition("not there, or over 3600 s", "any", "yes", "–")
@pytest.mark.parametrize("age", [None, 3601], ids=["cold", "over 3600 s"])
def test_no_usable_keys_with_a_fetch_under_way(crowd: Crowd, bench: Bench, memory: int, age: int | None) -> None:
    """Without usable keys everybody waits, however many they are."""
    gate = threading.Event()
    with KeyServer(key_set(bench.fake) if age else servers.gated(key_set(bench.fake), gate)) as server:

        def warmed() -> None:
            server.behave = servers.gated(key_set(bench.fake), gate)
            bench.clock.advance(3601)
            server.asked.clear()

        def heard(verdicts: int) -> None:
            if verdicts == 0:
                server.asked.wait(5)
                gate.set()

        tokens = [bench.token(exp=bench.now + 7200)] * 30
        config = config_of(bench, server, token_cache_size=memory)
        verdicts = crowd(config, tokens, heard, warmed if age else None)

    assert ["accepted"] * 30 == verdicts
    assert (2 if age else 1) == len(server.requests)


@condition("not there, or over 3600 s", "any", "no", "yes")
def test_not_there(world: World, bench: Bench, memory: int) -> None:
    """Without keys, for a new kid and beyond the hard bound, a request waits for a fetch and is judged by it."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        verdicts = [told(clerk, bench.token())]
        bench.fake.rotate_key(kid="ins_new")
        bench.clock.advance(10)
        verdicts.append(told(clerk, bench.token()))
        bench.clock.advance(3601)
        verdicts.append(told(clerk, bench.token()))

    assert ["accepted"] * 3 == verdicts
    assert 3 == len(server.requests)


@condition("not there", "up to 3600 s", "no", "no")
def test_not_there_in_the_pause(world: World, bench: Bench, memory: int) -> None:
    """An unknown kid is refused if the keys were had lately, and cannot be judged if the last fetch has failed."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        clerk.prewarm()
        server.behave = answer(500)
        bench.clock.advance(9)
        lately = told(clerk, bench.token(header={"kid": "ins_x"}))
        bench.clock.advance(1)
        failed = [told(clerk, bench.token(header={"kid": "ins_x"})) for _ in range(3)]

    assert "jwk-kid-mismatch" == lately
    assert ["unavailable"] * 3 == failed
    assert 2 == len(server.requests)


@condition("none at all, or over 3600 s", "–", "no", "no")
@pytest.mark.parametrize("age", [None, 3601], ids=["cold", "over 3600 s"])
def test_no_usable_keys_in_the_pause(world: World, bench: Bench, memory: int, age: int | None) -> None:
    """Nothing can be judged: the error says how long the pause still is, and nobody asks before."""
    with KeyServer(key_set(bench.fake) if age else answer(500)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        token = bench.token(exp=bench.now + 7200)
        if age:
            clerk.verify_token(token)
            server.behave = answer(500)
            bench.clock.advance(age)
        waits: list[float | None] = []
        for _ in range(3):
            with pytest.raises(JWKSUnavailable) as unavailable:
                clerk.verify_token(token)
            waits.append(unavailable.value.retry_after)
            bench.clock.advance(4)

    assert [10.0, 6.0, 2.0] == waits
    assert (2 if age else 1) == len(server.requests)
