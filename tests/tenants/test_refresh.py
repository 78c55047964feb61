"""Loaded tenants, loaded anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from clerk_ext import TenantUnavailable, UnknownTenant

from .loaders import (
    LATEST,
    AtOnce,
    Book,
    Readings,
    asked_for,
    job_for,
    join_loads,
    options_of,
    shaped,
    skew,
    token_of,
    told,
    tried,
)

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk, FakeTransport
    from tests.worlds import Clock, World

    from .loaders import Gate, Kind

Fakes = dict[str, "FakeClerk"]

APP: Final = "https://app.example.com"
both_kinds: Final = pytest.mark.parametrize("kind", ["name", "issuer"])
both_worlds: Final = pytest.mark.parametrize("in_world", ["sync", "async"])
few_shapes: Final = pytest.mark.parametrize("shape", ["function", "coroutine function"])


class Loaded:
    """Tenants of which acme was loaded, by name or by issuer, and globex was given."""

    def __init__(self, world: World, fakes: Fakes, transport: FakeTransport, clock: Clock, kind: Kind) -> None:
        self.fake = fakes["acme"]
        self.clock = clock
        self.asked = asked_for(kind, self.fake)
        self.book = Book.of([self.fake], monotonic=clock.monotonic)
        self.tenants = world.tenants(
            [fakes["globex"].config(monotonic=clock.monotonic)],
            transport=transport,
            monotonic=clock.monotonic,
            **options_of(kind, shaped(self.book, "function")),
        )
        assert "acme" == tried(self.tenants, job_for(kind, self.fake))

    def found(self, **settings: Any) -> None:
        """Have the loader find other settings from now on."""
        self.book.entries[self.asked] = self.fake.config(monotonic=self.clock.monotonic, **settings)


@pytest.fixture
def loaded(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock, kind: Kind) -> Loaded:
    """In each world."""
    return Loaded(world, fakes, transport, clock, kind)


@both_kinds
def test_same(loaded: Loaded, fakes: Fakes) -> None:
    """With the same settings the tenant stays, its keys and verified tokens with it."""
    token = token_of(fakes["acme"])
    assert "acme" == loaded.tenants.verify_token(token).tenant
    before = len(fakes["acme"].requests)

    assert "acme" == loaded.tenants.refresh("acme").config.name
    assert "acme" == loaded.tenants.verify_token(token).tenant
    assert [loaded.asked] * 2 == loaded.book.asked
    assert 1 == loaded.tenants.stats().tenants["acme"].cache_hits
    assert before == len(fakes["acme"].requests)


@both_kinds
def test_changed(loaded: Loaded, fakes: Fakes) -> None:
    """With other settings it is another tenant: no verdict and no key of the old one is served."""
    token = token_of(fakes["acme"])
    assert "acme" == loaded.tenants.verify_token(token).tenant
    loaded.found(authorized_parties=[APP])

    assert (APP,) == loaded.tenants.refresh("acme").config.authorized_parties
    join_loads()
    assert 0 == loaded.tenants.stats().remembered
    assert 0 == loaded.tenants.stats().keys
    assert "token-invalid-authorized-parties" == tried(loaded.tenants, ("verify_token", token))
    assert (APP,) == loaded.tenants["acme"].config.authorized_parties
    assert ["globex", "acme"] == list(loaded.tenants)


@both_kinds
def test_gone(loaded: Loaded, fakes: Fakes) -> None:
    """A tenant that the loader does not know any more goes, and is not asked for again for a minute."""
    token = token_of(fakes["acme"])
    assert "acme" == loaded.tenants.verify_token(token).tenant
    del loaded.book.entries[loaded.asked]

    assert "unknown" == tried(loaded.tenants, ("refresh", "acme"))
    assert ["globex"] == list(loaded.tenants)
    assert "tenant-unknown" == tried(loaded.tenants, ("verify_token", token))
    assert "unknown" == tried(loaded.tenants, ("load", "acme"))
    join_loads()
    assert 0 == loaded.tenants.stats().remembered
    assert [loaded.asked] * 2 == loaded.book.asked


@both_kinds
def test_failing(loaded: Loaded, fakes: Fakes) -> None:
    """What was known stays in use when the loader fails, and the caller is told."""
    loaded.book.entries[loaded.asked] = OSError("the database is away")
    with pytest.raises(TenantUnavailable) as raised:
        loaded.tenants.refresh("acme")

    assert 1.0 == raised.value.retry_after
    assert "acme" == told(loaded.tenants, fakes["acme"])
    assert "acme" == tried(loaded.tenants, ("load", "acme"))

    loaded.found(clock_skew=7)
    assert 7 == loaded.tenants.refresh("acme").config.clock_skew  # a refresh waits for no pause


@both_kinds
@pytest.mark.parametrize("settings", [{"issuer": "https://other.example.com"}, {"name": "globex"}])
def test_useless(loaded: Loaded, fakes: Fakes, settings: dict[str, Any], kind: Kind) -> None:
    """Settings of another tenant, or without the issuer that was asked for, are a failure."""
    loaded.found(**settings)
    if kind == "name" and "issuer" in settings:
        assert ("https://other.example.com",) == loaded.tenants.refresh("acme").config.issuers
        assert "tenant-unknown" == told(loaded.tenants, fakes["acme"])
        return

    assert "unavailable" == tried(loaded.tenants, ("refresh", "acme"))
    assert "acme" == told(loaded.tenants, fakes["acme"])
    assert "globex" == told(loaded.tenants, fakes["globex"])


@pytest.mark.parametrize("kind", ["name"])
def test_miss_is_asked_for_again(loaded: Loaded, fakes: Fakes) -> None:
    """A refresh asks the loader whatever it said before, also for a tenant that is not known yet."""
    assert "unknown" == tried(loaded.tenants, ("load", "initech"))
    loaded.book.entries["initech"] = fakes["initech"].config(monotonic=loaded.clock.monotonic)

    assert "unknown" == tried(loaded.tenants, ("load", "initech"))
    assert "initech" == loaded.tenants.refresh("initech").config.name
    assert "initech" == told(loaded.tenants, fakes["initech"])
    assert ["acme", "initech", "initech"] == loaded.book.asked


@both_kinds
def test_given(loaded: Loaded) -> None:
    """A tenant that was given has nothing to be loaded from."""
    with pytest.raises(ValueError, match="'globex' was given, not loaded"):
        loaded.tenants.refresh("globex")

    assert "globex" in loaded.tenants
    assert [loaded.asked] == loaded.book.asked


@both_kinds
def test_replaced_by_hand(loaded: Loaded) -> None:
    """A loaded tenant that was replaced counts as given from then on."""
    loaded.tenants.replace(loaded.fake.config(monotonic=loaded.clock.monotonic))
    with pytest.raises(ValueError, match="'acme' was given, not loaded"):
        loaded.tenants.refresh("acme")

    assert "acme" == told(loaded.tenants, loaded.fake)


@pytest.mark.parametrize("kind", ["issuer"])
def test_nothing_to_load_by(loaded: Loaded) -> None:
    """Without a loader by name a name that nobody knows leads nowhere."""
    with pytest.raises(UnknownTenant, match="there is no load_by_name"):
        loaded.tenants.refresh("initech")

    assert [loaded.asked] == loaded.book.asked


def test_no_loader_at_all(world: World) -> None:
    """A name that nobody knows cannot be loaded anew."""
    with pytest.raises(UnknownTenant):
        world.tenants().refresh("acme")


@both_worlds
@few_shapes
@pytest.mark.parametrize("known", [True, False])
def test_refreshes_at_the_same_time(
    fakes: Fakes, transport: FakeTransport, in_world: str, shape: str, known: bool
) -> None:
    """Each of several callers gets what the loader says after they asked, whoever else asks meanwhile."""
    book = Book({"acme": fakes["acme"].config(clock_skew=1)})
    readings = Readings(3)
    gates: list[Gate] = []

    def between(_: object) -> None:
        book.entries["acme"] = fakes["acme"].config(clock_skew=2)
        gates.append(book.hold())
        readings.restart(3)

    def meanwhile(_: object) -> None:
        assert readings.reached.wait(LATEST)
        gates[0].open()

    at_once = AtOnce(
        first=("load", "acme") if known else None,
        between=between,
        jobs=[("refresh", "acme")] * 3,
        meanwhile=meanwhile,
        hear=skew,
    )
    outcomes = at_once.run(in_world, (), transport, monotonic=readings, load_by_name=shaped(book, shape))

    assert ["2"] * 3 == outcomes


@both_worlds
@few_shapes
def test_load_during_a_refresh(fakes: Fakes, transport: FakeTransport, in_world: str, shape: str) -> None:
    """Who asks for a tenant that is not known while it is refreshed waits for that."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    readings = Readings(4)

    def meanwhile(_: object) -> None:
        assert readings.reached.wait(LATEST)
        gate.open()

    jobs = [("load", "acme"), ("refresh", "acme"), ("load", "acme")]
    outcomes = AtOnce(jobs=jobs, meanwhile=meanwhile).run(
        in_world, (), transport, monotonic=readings, load_by_name=shaped(book, shape)
    )

    assert ["acme"] * 3 == outcomes
