"""Fetching the key sets of many tenants before anybody needs them."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from clerk_ext import JWKSUnavailable, TenantUnavailable, UnknownTenant
from clerk_ext.testing import FakeClerk, FakeTransport
from tests.remembering.outages import Outage

from .routes import asked, token_of, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from clerk_ext import ClerkConfig, Tenants
    from tests.worlds import Clock, World

LATEST = 10.0


@pytest.fixture
def crowd(clock: Clock) -> dict[str, FakeClerk]:
    """Ten instances."""
    return {f"t{number}": FakeClerk(f"t{number}", clock=clock.time) for number in range(10)}


class Crowded(FakeTransport):
    """Holds the requests up until as many are there at once as are expected, and counts the most that were."""

    def __init__(self, *fakes: FakeClerk, expected: int) -> None:
        super().__init__(*fakes)
        self.most = 0
        self._expected = expected
        self._now = 0
        self._changed = threading.Condition()
        self._full = asyncio.Event()

    def _enter(self) -> None:
        self._now += 1
        self.most = max(self.most, self._now)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer once the others are there, and somebody more had the time to come."""
        with self._changed:
            self._enter()
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self.most >= self._expected, LATEST)
            self._changed.wait_for(lambda: self._now > self._expected, 0.02)
        response = super().handle_request(request)
        with self._changed:
            self._now -= 1
        return response

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer once the others are there, and somebody more had many turns to come."""
        self._enter()
        if self.most >= self._expected:
            self._full.set()
        async with asyncio.timeout(LATEST):
            await self._full.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        response = await super().handle_async_request(request)
        self._now -= 1
        return response


def tenants_of(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> Tenants:
    """Tenants of these instances."""
    configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
    return world.tenants(configs, transport=transport, monotonic=clock.monotonic)


def test_one_fetch_each(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Each tenant's keys are fetched once; then neither another call nor a verification needs to fetch any."""
    assert {} == tenants.prewarm()
    assert {} == tenants.prewarm()
    assert ["accepted"] * 3 == [told(tenants.verify_token, token_of(fake)) for fake in fakes.values()]
    assert dict.fromkeys(fakes, 1) == asked(fakes)
    assert {("GET", "/.well-known/jwks.json")} == {
        (request.method, request.path) for fake in fakes.values() for request in fake.requests
    }
    assert {name: {"fetched": 1} for name in fakes} == {
        name: stats.fetches for name, stats in tenants.stats().tenants.items()
    }
    assert 3 == tenants.stats().keys


def test_old_keys(tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """Keys that are not fresh any more are fetched anew."""
    tenants.prewarm()
    clock.advance(299)
    tenants.prewarm()
    before = asked(fakes)
    clock.advance(2)
    tenants.prewarm()

    assert dict.fromkeys(fakes, 1) == before
    assert dict.fromkeys(fakes, 2) == asked(fakes)


def test_first_verification_makes_one_fetch(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Without it, the first verification at a tenant makes one request, to the key set of that tenant alone."""
    for number, fake in enumerate(fakes.values(), 1):
        tenants.verify_token(token_of(fake))
        tenants.verify_token(token_of(fake))

        assert [1] * number + [0] * (3 - number) == list(asked(fakes).values())


def test_some(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Only those that are named are fetched for, once each, from whatever the names come from."""

    def names() -> Iterator[str]:
        yield from ("globex", "acme", "globex")

    assert {} == tenants.prewarm(names())
    assert {} == tenants.prewarm({"acme"})
    assert {} == tenants.prewarm([])
    assert {} == tenants.prewarm(())
    assert {"acme": 1, "globex": 1, "initech": 0} == asked(fakes)


def test_none_at_all(world: World) -> None:
    """Where there are no tenants there is nothing to do."""
    assert {} == world.tenants().prewarm()


@pytest.mark.parametrize(("concurrency", "expected"), [(1, 1), (3, 3), (10, 10), (1000, 10)])
def test_bounded(world: World, crowd: dict[str, FakeClerk], clock: Clock, concurrency: int, expected: int) -> None:
    """As many fetches run at once as may, and never more."""
    transport = Crowded(*crowd.values(), expected=expected)
    tenants = tenants_of(world, crowd, transport, clock)

    assert {} == tenants.prewarm(concurrency=concurrency)
    assert expected == transport.most
    assert dict.fromkeys(crowd, 1) == asked(crowd)


def test_who_failed(world: World, crowd: dict[str, FakeClerk], clock: Clock) -> None:
    """Those whose keys cannot be had are told by name with the error of each, in order, and hinder nobody."""
    reachable = {name: fake for name, fake in crowd.items() if name not in {"t7", "t2"}}
    tenants = tenants_of(world, crowd, FakeTransport(*reachable.values()), clock)
    names = ["t7", "nobody", "t0", "t2", "t1", "", "t9"]
    failures = tenants.prewarm(names, concurrency=2)

    assert ["t7", "nobody", "t2", ""] == list(failures)
    assert [JWKSUnavailable, UnknownTenant, JWKSUnavailable, UnknownTenant] == list(map(type, failures.values()))
    assert "nobody" in str(failures["nobody"])
    assert ["t0", "t1", "t9"] == [name for name, number in asked(crowd).items() if number]
    assert ["t2", "t7"] == list(tenants.prewarm())
    assert dict.fromkeys(reachable, 1) == asked(reachable)
    assert "accepted" == told(tenants.verify_token, token_of(crowd["t0"]))


def test_again_after_an_outage(world: World, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """Once the instances are back, and the pause is over, the keys come."""
    outage = Outage(*fakes.values())
    tenants = tenants_of(world, fakes, outage, clock)
    outage.down = True
    failures = tenants.prewarm()
    outage.down = False
    clock.advance(30)

    assert list(fakes) == list(failures)
    assert all(cast("JWKSUnavailable", failure).retry_after for failure in failures.values())
    assert {} == tenants.prewarm()


def test_pem_keys(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport) -> None:
    """A tenant with a key of its own needs no fetch."""
    configs = [fake.config(jwt_key=fake.public_key_pem()) for fake in fakes.values()]
    tenants = world.tenants(configs, transport=transport)

    assert {} == tenants.prewarm()
    assert dict.fromkeys(fakes, 0) == asked(fakes)


def test_loaded(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> None:
    """Names that are not known yet are loaded; what the loader does not know or fails at is told by name."""
    names: list[str] = []

    def load(name: str) -> ClerkConfig | None:
        names.append(name)
        if name == "broken":
            raise OSError(name)
        return fakes[name].config(monotonic=clock.monotonic) if name in fakes else None

    tenants = world.tenants(
        [fakes["acme"].config(monotonic=clock.monotonic)],
        load_by_name=load,
        transport=transport,
        monotonic=clock.monotonic,
    )
    failures = tenants.prewarm(["globex", "broken", "acme", "nobody"])

    assert {"broken": TenantUnavailable, "nobody": UnknownTenant} == {
        name: type(failure) for name, failure in failures.items()
    }
    assert ["broken", "globex", "nobody"] == sorted(names)
    assert {"acme": 1, "globex": 1, "initech": 0} == asked(fakes)
    assert ["acme", "globex"] == list(tenants)
    assert {} == tenants.prewarm()
    assert 3 == len(names)


def test_many_beyond_the_threads(world: World, crowd: dict[str, FakeClerk], clock: Clock) -> None:
    """A failure at one place in the line does not stop those behind it, one at a time."""
    tenants = tenants_of(world, crowd, FakeTransport(crowd["t9"]), clock)

    assert [f"t{number}" for number in range(9)] == list(tenants.prewarm(concurrency=1))
    assert 1 == len(crowd["t9"].requests)


WRONG: dict[str, tuple[Callable[[Tenants], object], type[Exception], str]] = {
    "names as a str": (lambda tenants: tenants.prewarm("acme"), TypeError, "names: is a single str"),
    "empty str": (lambda tenants: tenants.prewarm(""), TypeError, "names: is a single str"),
    "no names": (lambda tenants: tenants.prewarm(cast("Any", 5)), TypeError, "not iterable"),
    "name of no text": (lambda tenants: tenants.prewarm(cast("Any", [5])), TypeError, "name: write a str, not int"),
    "zero": (lambda tenants: tenants.prewarm(concurrency=0), ValueError, "concurrency: write a number from 1 to 1000"),
    "negative": (lambda tenants: tenants.prewarm(concurrency=-1), ValueError, "concurrency: write a number"),
    "too many": (lambda tenants: tenants.prewarm(concurrency=1001), ValueError, "concurrency: write a number"),
    "flag": (lambda tenants: tenants.prewarm(concurrency=True), TypeError, "concurrency: write an int, not bool"),
    "float": (lambda tenants: tenants.prewarm(concurrency=cast("Any", 2.0)), TypeError, "concurrency: .* not float"),
    "text": (lambda tenants: tenants.prewarm(concurrency=cast("Any", "2")), TypeError, "concurrency: .* not str"),
    "None": (lambda tenants: tenants.prewarm(concurrency=cast("Any", None)), TypeError, "concurrency: .* not NoneType"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments(tenants: Tenants, fakes: dict[str, FakeClerk], wrong: str) -> None:
    """What cannot be meant is refused before anything is fetched."""
    call, error, message = WRONG[wrong]
    with pytest.raises(error, match=message):
        call(tenants)

    assert dict.fromkeys(fakes, 0) == asked(fakes)


def test_no_thread_is_left(world: World, tenants: Tenants) -> None:
    """When it is done, so are the threads that did it."""
    before = set(threading.enumerate())
    tenants.prewarm()

    assert [] == [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("clerk-")]
