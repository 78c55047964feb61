"""What a loader does wrong: it answers nonsense, raises or hangs; only who needs that tenant hears of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from clerk_ext import ConfigurationError, TenantUnavailable

from .loaders import SHAPES, SOON, Book, asked_for, job_for, join_loads, options_of, shaped, told, tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext.testing import FakeClerk, FakeTransport
    from tests.worlds import Clock, World

    from .loaders import Kind

Fakes = dict[str, "FakeClerk"]

both_kinds: Final = pytest.mark.parametrize("kind", ["name", "issuer"])
LOG: Final = "clerk_ext.tenants"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged of loads, once they have ended."""
    join_loads()
    assert {logging.ERROR} >= {record.levelno for record in caplog.records if record.name == LOG}
    return [record.getMessage() for record in caplog.records if record.name == LOG]


@attrs.frozen
class Fault:
    """A loader's answer that cannot be used.

    Attributes:
        kind: Of the loader.
        answer: What it gives for the tenant acme, from the settings of all.
        said: What the log says of it.
    """

    kind: Kind
    answer: Callable[[Fakes], Any]
    said: str


FAULTS: Final = {
    "no settings": Fault("name", lambda fakes: {"secret_key": fakes["acme"].secret_key}, "gave dict in place of"),
    "no settings by issuer": Fault("issuer", lambda fakes: fakes["acme"].publishable_key, "gave str in place of"),
    "another name": Fault("name", lambda fakes: fakes["acme"].config(name="Acme"), "gave the settings of 'Acme'"),
    "no name": Fault("issuer", lambda fakes: fakes["acme"].config(name="default"), "without a name of its own"),
    "another issuer": Fault("issuer", lambda fakes: fakes["initech"].config(), "do not list that issuer"),
    "no issuer": Fault("issuer", lambda fakes: fakes["acme"].config(publishable_key=None), "do not list that issuer"),
    "an issuer that is taken": Fault(
        "name", lambda fakes: fakes["acme"].config(issuer=[fakes["acme"].issuer, fakes["globex"].issuer]), "'globex'"
    ),
    "an issuer that is taken, too": Fault(
        "issuer", lambda fakes: fakes["acme"].config(issuer=[fakes["acme"].issuer, fakes["globex"].issuer]), "'globex'"
    ),
    "a name that is taken": Fault(
        "issuer", lambda fakes: fakes["acme"].config(name="globex"), "settings of 'globex' that differ"
    ),
    "a richer tenant": Fault(
        "issuer",
        lambda fakes: fakes["globex"].config(issuer=[fakes["acme"].issuer, fakes["globex"].issuer]),
        "settings of 'globex' that differ",
    ),
    "an exception": Fault("name", lambda fakes: ValueError(fakes["acme"].secret_key), "raised ValueError"),
    "an exception by issuer": Fault("issuer", lambda fakes: KeyError(fakes["acme"].secret_key), "raised KeyError"),
    "faulty settings": Fault(
        "name", lambda _: ConfigurationError("secret_key", "is none."), "raised ConfigurationError"
    ),
}


@pytest.mark.parametrize("shape", ["function", "coroutine function"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_answers_that_cannot_be_used(
    world: World, fakes: Fakes, transport: FakeTransport, caplog: pytest.LogCaptureFixture, fault: Fault, shape: str
) -> None:
    """Nothing of them is taken in; the request is answered 503, the log says why without a secret, others go on."""
    asked = asked_for(fault.kind, fakes["acme"])
    book = Book({asked: fault.answer(fakes)})
    tenants = world.tenants(
        [fakes["globex"].config()], transport=transport, **options_of(fault.kind, shaped(book, shape))
    )
    method, argument = job_for(fault.kind, fakes["acme"])
    with pytest.raises(TenantUnavailable) as raised:
        getattr(tenants, method)(argument)

    (said,) = errors(caplog)
    assert f"load_by_{fault.kind}({asked!r}) " in said
    assert fault.said in said
    for text in (caplog.text, str(raised.value), repr(raised.value)):
        for fake in fakes.values():
            assert fake.secret_key not in text
        assert argument == "acme" or argument not in text
    assert "globex" not in str(raised.value)
    assert raised.value.retry_after is not None
    assert 0.0 < raised.value.retry_after <= 1.0
    assert raised.value.__cause__ is None
    assert ["globex"] == list(tenants)
    assert "globex" == told(tenants, fakes["globex"])
    assert {"failed": 1} == tenants.stats().loads  # the threads have ended: it was counted


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_a_program(
    world: World,
    fakes: Fakes,
    transport: FakeTransport,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    failure: type[BaseException],
) -> None:
    """Raised in a loader's thread it is a failure like any other: who waits is told, and the next load is begun."""
    book = Book({"acme": failure("sk_test_hidden")})
    tenants = world.tenants(transport=transport, monotonic=clock.monotonic, load_by_name=book.find)

    assert "unavailable" == tried(tenants, ("load", "acme"))
    assert [f"load_by_name('acme') raised {failure.__name__}"] == errors(caplog)

    book.entries = Book.of([fakes["acme"]]).entries
    clock.advance(1.0)
    assert "acme" == tried(tenants, ("load", "acme"))


@both_kinds
@pytest.mark.parametrize("shape", SHAPES)
def test_hanging(
    world: World,
    fakes: Fakes,
    transport: FakeTransport,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    kind: Kind,
    shape: str,
) -> None:
    """Who needs what a loader hangs on is told so in time; what comes of it later is not taken in."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    tenants = world.tenants(
        [fakes["globex"].config(monotonic=clock.monotonic)],
        transport=transport,
        load_timeout=SOON,
        monotonic=clock.monotonic,
        **options_of(kind, shaped(book, shape)),
    )
    method, argument = job_for(kind, fakes["acme"])
    with pytest.raises(TenantUnavailable) as raised:
        getattr(tenants, method)(argument)

    assert 1.0 == raised.value.retry_after
    assert "globex" == told(tenants, fakes["globex"])
    gate.open()
    (said,) = errors(caplog)
    assert said.startswith(f"load_by_{kind}({asked_for(kind, fakes['acme'])!r}) ")
    assert said.endswith(("has not answered within 0.05 s", "raised TimeoutError"))
    assert "acme" not in tenants
    assert "unavailable" == tried(tenants, (method, argument))
    assert 1 == len(book.asked)
    book.gate = None
    clock.advance(1.0)
    assert "acme" == tried(tenants, (method, argument))
    assert 2 == len(book.asked)
    join_loads()
    assert 1 == tenants.stats().loads["failed"]


def test_threads_that_hang_are_few(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock) -> None:
    """A loader that hangs on a tenant is asked again when it has ended, or after a minute; others are not concerned."""
    book = Book.of([fakes["acme"], fakes["globex"]])
    gate = book.hold()
    tenants = world.tenants(
        transport=transport,
        load_timeout=SOON,
        monotonic=clock.monotonic,
        load_by_name=shaped(book, "function"),
    )
    for _ in range(5):
        assert "unavailable" == tried(tenants, ("load", "acme"))
        clock.advance(10.0)
    assert ["acme"] == book.asked
    clock.advance(10.0)
    assert "unavailable" == tried(tenants, ("load", "acme"))
    assert ["acme"] * 2 == book.asked
    book.gate = None
    assert "globex" == tried(tenants, ("load", "globex"))
    clock.advance(1.0)
    assert "unavailable" == tried(tenants, ("load", "acme"))
    assert ["acme", "acme", "globex"] == book.asked

    gate.open()
    join_loads()
    assert "acme" == tried(tenants, ("load", "acme"))
    join_loads()
    assert {"failed": 2, "stale": 2, "found": 2} == tenants.stats().loads
