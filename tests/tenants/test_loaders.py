"""Tenants that only a loader knows: found once, remembered, refreshed; what a loader does wrong harms nobody else."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any, Final

import pytest

from clerk_ext import AsyncTenants, ConfigurationError, Tenants, TenantUnavailable, UnknownTenant
from clerk_ext.testing import FakeClerk, FakeTransport

from .loaders import (
    LATEST,
    SHAPES,
    AtOnce,
    Book,
    Readings,
    asked_for,
    job_for,
    join_loads,
    options_of,
    shaped,
    token_of,
    told,
    tried,
    tried_async,
)

if TYPE_CHECKING:
    from tests.worlds import Clock, World

    from .loaders import Kind

Fakes = dict[str, "FakeClerk"]

both_kinds: Final = pytest.mark.parametrize("kind", ["name", "issuer"])
both_worlds: Final = pytest.mark.parametrize("in_world", ["sync", "async"])
shapes: Final = pytest.mark.parametrize("shape", SHAPES)


@shapes
@both_kinds
def test_every_shape(
    world: World, fakes: Fakes, transport: FakeTransport, clock: Clock, shape: str, kind: Kind
) -> None:
    """A loader may be any callable, plain or async; the tenant that it finds is there from then on."""
    book = Book.of([fakes["acme"]], monotonic=clock.monotonic)
    options = options_of(kind, shaped(book, shape))
    tenants = world.tenants(transport=transport, monotonic=clock.monotonic, **options)
    job = job_for(kind, fakes["acme"])

    assert "acme" not in tenants
    assert ["acme", "acme"] == [tried(tenants, job), tried(tenants, job)]
    assert [asked_for(kind, fakes["acme"])] == book.asked
    assert ["acme"] == list(tenants)
    assert "acme" == told(tenants, fakes["acme"])
    join_loads()
    assert {"found": 1} == tenants.stats().loads


@both_kinds
@pytest.mark.parametrize("shape", ["function", "coroutine function", "lambda"])
@both_worlds
def test_once_for_all(
    fakes: Fakes, transport: FakeTransport, clock: Clock, in_world: str, shape: str, kind: Kind
) -> None:
    """Many who need the same unknown tenant at the same time have it loaded once."""
    book = Book.of([fakes["acme"]], monotonic=clock.monotonic)
    gate = book.hold()
    readings = Readings(20)

    def meanwhile(_: object) -> None:
        assert readings.reached.wait(LATEST)
        gate.open()

    options = options_of(kind, shaped(book, shape))
    jobs = [job_for(kind, fakes["acme"])] * 20
    outcomes = AtOnce(jobs=jobs, meanwhile=meanwhile).run(in_world, (), transport, monotonic=readings, **options)

    assert ["acme"] * 20 == outcomes
    assert [asked_for(kind, fakes["acme"])] == book.asked


@both_kinds
def test_misses_are_remembered(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock, kind: Kind) -> None:
    """What a loader does not know it is not asked for again for a minute; then it may have come into being."""
    book = Book()
    tenants = world.tenants(
        transport=transport, monotonic=clock.monotonic, **options_of(kind, shaped(book, "function"))
    )
    job = job_for(kind, fakes["acme"])
    miss = "unknown" if kind == "name" else "tenant-unknown"

    assert [miss] * 3 == [tried(tenants, job) for _ in range(3)]
    clock.advance(59.9)
    assert miss == tried(tenants, job)
    assert 1 == len(book.asked)

    book.entries = Book.of([fakes["acme"]]).entries
    clock.advance(0.2)
    assert "acme" == (tried(tenants, job) if kind == "name" else told(tenants, fakes["acme"]))
    assert 2 == len(book.asked)
    join_loads()
    assert {"missing": 1, "found": 1} == tenants.stats().loads


@both_kinds
def test_failures_are_remembered(
    world: World, fakes: Fakes, transport: FakeTransport, clock: Clock, kind: Kind
) -> None:
    """A loader that failed is asked again after a second, and who asks meanwhile is told when."""
    book = Book({asked_for(kind, fakes["acme"]): OSError("the database is away")})
    tenants = world.tenants(
        transport=transport, monotonic=clock.monotonic, **options_of(kind, shaped(book, "function"))
    )
    method, argument = job_for(kind, fakes["acme"])

    for elapsed, left in ((0.0, 1.0), (0.25, 0.75), (0.5, 0.25)):
        clock.advance(elapsed)
        with pytest.raises(TenantUnavailable) as raised:
            getattr(tenants, method)(argument)
        assert left == raised.value.retry_after
    assert 1 == len(book.asked)

    book.entries = Book.of([fakes["acme"]]).entries
    clock.advance(0.25)
    assert "acme" == tried(tenants, (method, argument))
    assert 2 == len(book.asked)


def test_name_may_be_left_out(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """Settings without a name of their own are of the tenant that was asked for."""
    book = Book({"acme": fakes["acme"].config(name="default")})
    tenants = world.tenants(transport=transport, load_by_name=shaped(book, "function"))

    assert "acme" == tenants["acme"].config.name
    assert "acme" == told(tenants, fakes["acme"])


def test_both_loaders_find_the_same(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """What one loader found needs no load by the other."""
    book = Book.of([fakes["acme"], fakes["globex"]])
    tenants = world.tenants(
        transport=transport, load_by_name=shaped(book, "function"), load_by_issuer=shaped(book, "partial")
    )

    assert ["acme", "acme"] == [tried(tenants, job_for(kind, fakes["acme"])) for kind in ("name", "issuer")]
    assert ["globex", "globex"] == [tried(tenants, job_for(kind, fakes["globex"])) for kind in ("issuer", "name")]
    assert ["acme", fakes["globex"].issuer] == book.asked


@both_worlds
@pytest.mark.parametrize("shape", ["function", "coroutine function"])
def test_others_go_on_while_it_hangs(
    fakes: Fakes, transport: FakeTransport, clock: Clock, in_world: str, shape: str
) -> None:
    """While one tenant is being loaded, others are loaded and served."""
    book = Book.of(fakes.values(), monotonic=clock.monotonic)
    gate = book.hold()
    done: list[str] = []

    def meanwhile(tenants: Tenants | AsyncTenants) -> None:
        assert book.entered.wait(LATEST)
        book.gate = None
        if isinstance(tenants, Tenants):
            done.extend([told(tenants, fakes["initech"]), tried(tenants, ("load", "globex"))])
        gate.open()

    outcomes = AtOnce(jobs=[("load", "acme")], meanwhile=meanwhile).run(
        in_world,
        [fakes["initech"].config(monotonic=clock.monotonic)],
        transport,
        load_by_name=shaped(book, shape),
    )

    assert ["acme"] == outcomes
    assert (["initech", "globex"] if in_world == "sync" else []) == done


REQUEST: Final = contextvars.ContextVar("REQUEST", default="nobody's")


@shapes
@both_worlds
def test_context_variables(fakes: Fakes, in_world: str, shape: str) -> None:
    """A loader sees the context variables of the request that needs it, on whatever thread it runs."""
    seen: list[str] = []

    class Noting(Book):
        def _given(self, found: Any) -> Any:
            seen.append(REQUEST.get())
            return super()._given(found)

    loader = shaped(Noting(Book.of(fakes.values()).entries), shape)

    def load() -> str:
        REQUEST.set("acme's")
        if in_world == "sync":
            return tried(Tenants(load_by_name=loader), ("load", "acme"))
        return asyncio.run(tried_async(AsyncTenants(load_by_name=loader), ("load", "acme")))

    assert "acme" == contextvars.copy_context().run(load)
    assert ["acme's"] == seen


@pytest.mark.parametrize("many", [1, 3])
def test_loaded_tenants_are_bounded(world: World, fakes: Fakes, clock: Clock, many: int) -> None:
    """Beyond the bound an idle one goes, its verified tokens and keys with it; given ones stay, and it comes back."""
    slugs = [f"tenant-{number}" for number in range(many)]
    loaded = {slug: FakeClerk(slug, clock=clock.time) for slug in slugs}
    book = Book.of([*loaded.values(), fakes["acme"]], monotonic=clock.monotonic)
    given = [fakes["globex"].config(monotonic=clock.monotonic)]
    tenants = world.tenants(
        given,
        transport=FakeTransport(*fakes.values(), *loaded.values()),
        monotonic=clock.monotonic,
        loaded_tenants=many,
        load_by_name=shaped(book, "function"),
        load_by_issuer=shaped(book, "partial"),
    )

    assert ["globex", *slugs] == [told(tenants, fake) for fake in (fakes["globex"], *loaded.values())]
    assert (many + 1, many + 1) == (tenants.stats().remembered, tenants.stats().keys)
    assert "acme" == told(tenants, fakes["acme"])
    assert many + 1 == len(tenants)
    assert {"globex", "acme"} <= set(tenants)
    assert (many + 1, many + 1) == (tenants.stats().remembered, tenants.stats().keys)

    (gone,) = set(slugs) - set(tenants)
    assert gone == told(tenants, loaded[gone])
    assert many + 1 == len(tenants)
    join_loads()
    assert many + 2 == tenants.stats().loads["found"]


def test_those_in_use_stay(world: World, clock: Clock) -> None:
    """It is the idle one that goes, though it was loaded later than one in use."""
    loaded = {slug: FakeClerk(slug, clock=clock.time) for slug in ("a", "b", "c", "d", "e")}
    tenants = world.tenants(
        transport=FakeTransport(*loaded.values()),
        monotonic=clock.monotonic,
        loaded_tenants=3,
        load_by_name=shaped(Book.of(loaded.values(), monotonic=clock.monotonic), "function"),
    )
    for name in ("a", "b", "c"):
        tenants.load(name)
    job = ("verify_token", token_of(loaded["b"]))
    assert "b" == tried(tenants, job)
    tenants.load("d")  # all were in use: the oldest goes, and who is to stay has to be in use again
    assert {"b", "c", "d"} == set(tenants)

    assert "b" == tried(tenants, job)
    assert 1 == tenants.stats().tenants["b"].cache_hits
    tenants.load("e")
    assert {"b", "d", "e"} == set(tenants)


def test_no_loader_of_that_kind(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """A loader by name is not asked by issuer, nor the other way round."""
    book = Book.of(fakes.values())
    by_name = world.tenants(transport=transport, load_by_name=shaped(book, "function"))
    by_issuer = world.tenants(transport=transport, load_by_issuer=shaped(book, "function"))

    assert "tenant-unknown" == told(by_name, fakes["acme"])
    assert "unknown" == tried(by_issuer, ("load", "acme"))
    assert [] == book.asked


@pytest.mark.parametrize("option", ["load_by_name", "load_by_issuer"])
def test_loader_that_is_none(world: World, option: str) -> None:
    """Anything that cannot be called is refused at construction."""
    options: dict[str, Any] = {option: {}}
    with pytest.raises(TypeError, match=f"{option}: give a function of one str, not dict"):
        world.tenants(**options)


@pytest.mark.parametrize("timeout", [0, 0.0001, 301, -1.0, float("nan"), "5", None, True])
def test_load_timeout_that_cannot_be(world: World, timeout: Any) -> None:
    """A time that is no time is refused at construction."""
    with pytest.raises(ConfigurationError, match="load_timeout"):
        world.tenants(load_timeout=timeout)


def test_unknown_name_is_a_key_error(world: World) -> None:
    """What no loader finds is missing as from a dictionary."""
    tenants = world.tenants(load_by_name=shaped(Book(), "function"))
    with pytest.raises(KeyError) as raised:
        tenants["nobody"]

    assert isinstance(raised.value, UnknownTenant)
    assert "nobody" == raised.value.name
