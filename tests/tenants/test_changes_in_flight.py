"""Tenants changed by hand while a load is under way: its old news is not taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from .loaders import LATEST, AtOnce, Book, asked_for, job_for, join_loads, options_of, shaped, skew, tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext.testing import FakeClerk, FakeTransport

    from .loaders import AnyTenants, Gate, Kind

Fakes = dict[str, "FakeClerk"]

both_kinds: Final = pytest.mark.parametrize("kind", ["name", "issuer"])
both_worlds: Final = pytest.mark.parametrize("in_world", ["sync", "async"])
few_shapes: Final = pytest.mark.parametrize("shape", ["function", "coroutine function"])


def _add(tenants: AnyTenants, fakes: Fakes) -> None:
    tenants.add(fakes["acme"].config(clock_skew=9))


def _add_and_replace(tenants: AnyTenants, fakes: Fakes) -> None:
    tenants.add(fakes["acme"].config(clock_skew=8))
    tenants.replace(fakes["acme"].config(clock_skew=9))


@both_worlds
@both_kinds
@few_shapes
@pytest.mark.parametrize("change", [_add, _add_and_replace])
def test_added_while_it_is_loaded(
    fakes: Fakes,
    transport: FakeTransport,
    in_world: str,
    kind: Kind,
    shape: str,
    change: Callable[[AnyTenants, Fakes], object],
) -> None:
    """Who waits gets the tenant that was added at once, and what the loader brings later is not taken in."""
    book = Book.of([fakes["acme"]], clock_skew=1)
    gate = book.hold()
    seen: list[AnyTenants] = []

    def meanwhile(tenants: AnyTenants) -> None:
        assert book.entered.wait(LATEST)
        change(tenants, fakes)

    def afterwards(tenants: AnyTenants) -> None:
        gate.open()
        seen.append(tenants)

    at_once = AtOnce(jobs=[job_for(kind, fakes["acme"])] * 3, meanwhile=meanwhile, afterwards=afterwards)
    outcomes = at_once.run(in_world, (), transport, **options_of(kind, shaped(book, shape)))

    (tenants,) = seen
    assert ["acme"] * 3 == outcomes
    assert 9 == cast("Any", tenants["acme"]).config.clock_skew
    assert [asked_for(kind, fakes["acme"])] == book.asked
    assert {"stale": 1} == tenants.stats().loads


@both_worlds
@both_kinds
@few_shapes
def test_removed_while_it_is_loaded(
    fakes: Fakes, transport: FakeTransport, in_world: str, kind: Kind, shape: str
) -> None:
    """What was looked up before a removal is not taken in: who waits has it looked up anew."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    seen: list[AnyTenants] = []

    def meanwhile(tenants: AnyTenants) -> None:
        assert book.entered.wait(LATEST)
        book.gate = None
        book.entries = {}
        _add(tenants, fakes)
        tenants.remove("acme")
        gate.open()

    at_once = AtOnce(jobs=[job_for(kind, fakes["acme"])] * 3, meanwhile=meanwhile, afterwards=seen.append)
    outcomes = at_once.run(in_world, (), transport, **options_of(kind, shaped(book, shape)))

    (tenants,) = seen
    assert {"acme", "unknown", "tenant-unknown"} >= set(outcomes)
    assert "acme" not in tenants
    assert 1 == tenants.stats().loads["stale"]


@both_worlds
@few_shapes
def test_removed_while_another_issuer_is_loaded(
    fakes: Fakes, transport: FakeTransport, in_world: str, shape: str
) -> None:
    """A load by an issuer that the removed tenant did not have brings nothing old of it either."""
    issuer = fakes["acme"].issuer
    book = Book({issuer: fakes["acme"].config(clock_skew=1)})
    gate = book.hold()
    skews: list[float] = []

    def meanwhile(tenants: AnyTenants) -> None:
        assert book.entered.wait(LATEST)
        book.gate = None
        book.entries = {issuer: fakes["acme"].config(clock_skew=2)}
        tenants.remove("acme")
        gate.open()

    def afterwards(tenants: AnyTenants) -> None:
        skews.append(cast("Any", tenants["acme"]).config.clock_skew)

    at_once = AtOnce(jobs=[job_for("issuer", fakes["acme"])] * 3, meanwhile=meanwhile, afterwards=afterwards)
    configs = [fakes["acme"].config(issuer="https://before.example.com")]
    outcomes = at_once.run(in_world, configs, transport, load_by_issuer=shaped(book, shape))

    assert ["acme"] * 3 == outcomes
    assert [2.0] == skews
    assert [issuer] * 2 == book.asked


@both_worlds
@pytest.mark.parametrize("change", ["remove", "replace"])
@few_shapes
def test_changed_while_it_is_refreshed(
    fakes: Fakes, transport: FakeTransport, in_world: str, change: str, shape: str
) -> None:
    """A removal or a replacement by hand while a refresh is under way stands."""
    book = Book.of([fakes["acme"]])
    gates: list[Gate] = []
    seen: list[AnyTenants] = []

    def between(_: object) -> None:
        book.entries["acme"] = fakes["acme"].config(clock_skew=2)
        gates.append(book.hold())

    def meanwhile(tenants: AnyTenants) -> None:
        assert book.entered.wait(LATEST)
        if change == "remove":
            tenants.remove("acme")
        else:
            tenants.replace(fakes["acme"].config(clock_skew=9))

    def afterwards(tenants: AnyTenants) -> None:
        gates[0].open()
        seen.append(tenants)

    at_once = AtOnce(
        first=("load", "acme"),
        between=between,
        jobs=[("refresh", "acme")],
        meanwhile=meanwhile,
        afterwards=afterwards,
        hear=skew,
    )
    outcomes = at_once.run(in_world, (), transport, load_by_name=shaped(book, shape))

    (tenants,) = seen
    assert ["unknown" if change == "remove" else "9"] == outcomes
    assert ("acme" in tenants) == (change == "replace")
    assert change == "remove" or 9 == cast("Any", tenants["acme"]).config.clock_skew


def test_loaded_again_while_it_is_refreshed(fakes: Fakes, transport: FakeTransport) -> None:
    """That a refresh found nothing does not take out what was loaded after a removal by hand."""
    book = Book.of([fakes["acme"]])
    gates: list[Gate] = []
    seen: list[str] = []

    def between(_: object) -> None:
        book.entries = {}
        gates.append(book.hold())

    def meanwhile(tenants: AnyTenants) -> None:
        assert book.entered.wait(LATEST)
        tenants.remove("acme")
        book.gate = None
        book.entries["acme"] = fakes["acme"].config(clock_skew=2)
        seen.append(tried(cast("Any", tenants), ("load", "acme")))
        gates[0].open()
        join_loads()

    def afterwards(tenants: AnyTenants) -> None:
        seen.extend(tenants)

    at_once = AtOnce(
        first=("load", "acme"),
        between=between,
        jobs=[("refresh", "acme")],
        meanwhile=meanwhile,
        afterwards=afterwards,
    )
    at_once.run("sync", (), transport, load_by_name=shaped(book, "function"))

    assert ["acme", "acme"] == seen
