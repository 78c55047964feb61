"""Loads on event loops: cancelled callers, loops that end in the middle, several loops, and a fork."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest

from clerk_ext import AsyncTenants, Tenants

from .loaders import LATEST, SHAPES, SOON, Book, join_load_tasks, join_loads, shaped, told, tried, tried_async

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk, FakeTransport
    from tests.worlds import Clock

Fakes = dict[str, "FakeClerk"]

ACME: Final = ("load", "acme")
shapes: Final = pytest.mark.parametrize("shape", SHAPES)


@shapes
def test_cancelled_caller(fakes: Fakes, clock: Clock, shape: str) -> None:
    """Who began a load and is cancelled leaves it to the others."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()

    async def main() -> list[str | BaseException]:
        async with AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, shape)) as tenants:
            tasks = [asyncio.ensure_future(tried_async(tenants, ACME)) for _ in range(10)]
            await asyncio.to_thread(book.entered.wait, LATEST)
            for task in tasks[:-1]:
                task.cancel()
            await asyncio.wait(tasks[:-1], timeout=LATEST)
            gate.open()
            return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())

    assert "acme" == outcomes[-1]
    assert [asyncio.CancelledError] * 9 == [type(outcome) for outcome in outcomes[:-1]]
    assert ["acme"] == book.asked


@shapes
def test_all_cancelled(fakes: Fakes, clock: Clock, shape: str) -> None:
    """The load goes on, for whoever comes next."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()

    async def main() -> str:
        async with AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, shape)) as tenants:
            task = asyncio.ensure_future(tried_async(tenants, ACME))
            await asyncio.to_thread(book.entered.wait, LATEST)
            task.cancel()
            await asyncio.wait([task], timeout=LATEST)
            joined = asyncio.ensure_future(tried_async(tenants, ACME))
            await asyncio.sleep(0)
            gate.open()
            return await joined

    assert "acme" == asyncio.run(main())
    assert ["acme"] == book.asked


@shapes
def test_time_of_the_caller(fakes: Fakes, clock: Clock, shape: str) -> None:
    """A caller's own, shorter time-out ends its waiting alone."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()

    async def main() -> tuple[str, str]:
        async with AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, shape)) as tenants:
            try:
                async with asyncio.timeout(SOON):
                    first = await tried_async(tenants, ACME)
            except TimeoutError:
                first = "impatient"
            gate.open()
            return first, await tried_async(tenants, ACME)

    assert ("impatient", "acme") == asyncio.run(main())
    assert ["acme"] == book.asked


@shapes
def test_loop_ends_in_the_middle(fakes: Fakes, clock: Clock, caplog: pytest.LogCaptureFixture, shape: str) -> None:
    """A load that began on a loop that ended is over, or comes to its end elsewhere; another loop is served."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    tenants = AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, shape))

    async def begin() -> None:
        task = asyncio.ensure_future(tried_async(tenants, ACME))
        await asyncio.to_thread(book.entered.wait, LATEST)
        assert not task.done()

    asyncio.run(begin())
    gate.open()
    join_loads()
    book.gate = None
    clock.advance(1.0)

    assert "acme" == asyncio.run(tried_async(tenants, ACME))
    assert len(book.asked) <= 2
    assert {"concurrent.futures", "asyncio"}.isdisjoint(record.name for record in caplog.records)


def test_loop_is_closed_with_the_load_on_it(fakes: Fakes, clock: Clock) -> None:
    """Nobody reports the end of that load: it counts as one that hangs, which is over after a minute."""
    book = Book.of([fakes["acme"]])
    book.hold()
    tenants = AsyncTenants(
        monotonic=clock.monotonic, load_timeout=LATEST, load_by_name=shaped(book, "coroutine function")
    )
    begun: list[asyncio.Future[str]] = []

    async def begin() -> None:
        begun.append(asyncio.ensure_future(tried_async(tenants, ACME)))
        await asyncio.to_thread(book.entered.wait, LATEST)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    book.gate = None
    clock.advance(LATEST + 60.0)

    assert "acme" == asyncio.run(tried_async(tenants, ACME))
    assert ["acme"] * 2 == book.asked
    assert not begun[0].done()


def test_loop_ends_before_there_is_something_to_await(fakes: Fakes, clock: Clock) -> None:
    """What a plain loader returns once the loop has ended is awaited by nobody, and that is no cause for a warning."""
    plain, book = Book(), Book.of([fakes["acme"]])
    gate = plain.hold()

    def find(key: str) -> Any:
        plain.find(key)
        return book.find_async(key)

    tenants = AsyncTenants(monotonic=clock.monotonic, load_by_name=find)

    async def begin() -> None:
        task = asyncio.ensure_future(tried_async(tenants, ACME))
        await asyncio.to_thread(plain.entered.wait, LATEST)
        assert not task.done()

    asyncio.run(begin())
    gate.open()
    join_loads()
    gc.collect()  # tells of coroutines that nobody awaited
    plain.gate = None
    clock.advance(1.0)

    assert "acme" == asyncio.run(tried_async(tenants, ACME))


@shapes
def test_two_loops(fakes: Fakes, clock: Clock, shape: str) -> None:
    """Callers of several loops wait for one load."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    tenants = AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, shape))
    outcomes: list[str] = []

    def run() -> None:
        outcomes.append(asyncio.run(tried_async(tenants, ACME)))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert book.entered.wait(LATEST)
    gate.open()
    for thread in threads:
        thread.join(LATEST)

    assert ["acme"] * 3 == outcomes
    assert ["acme"] == book.asked


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("shape", ["coroutine function", "lambda"])
def test_what_ends_a_loop(
    fakes: Fakes, clock: Clock, caplog: pytest.LogCaptureFixture, failure: type[BaseException], shape: str
) -> None:
    """Raised in a loader on the loop it ends the loop, as everywhere in asyncio, and holds up nobody afterwards."""
    book = Book({"acme": failure()})
    tenants = AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, shape))

    async def main() -> str:
        return await tried_async(tenants, ACME)

    with pytest.raises(failure):
        asyncio.run(main())
    join_loads()
    book.entries = Book.of([fakes["acme"]]).entries
    clock.advance(1.0)

    assert "acme" == asyncio.run(main())
    assert ["acme"] * 2 == book.asked
    assert [logging.ERROR] == [record.levelno for record in caplog.records if record.name == "clerk_ext.tenants"]


def test_cancelled_loader(fakes: Fakes, clock: Clock) -> None:
    """A loader that is cancelled from within has failed."""
    book = Book({"acme": asyncio.CancelledError()})

    async def main() -> tuple[str, str]:
        async with AsyncTenants(monotonic=clock.monotonic, load_by_name=shaped(book, "partial")) as tenants:
            first = await tried_async(tenants, ACME)
            await join_load_tasks()
            book.entries = Book.of([fakes["acme"]]).entries
            clock.advance(1.0)
            return first, await tried_async(tenants, ACME)

    assert ("unavailable", "acme") == asyncio.run(main())


def test_awaitable_that_is_no_coroutine(fakes: Fakes, clock: Clock) -> None:
    """A plain loader may return anything that can be awaited."""

    class Awaitable:
        def __await__(self):  # type: ignore[no-untyped-def]
            yield from asyncio.sleep(0).__await__()
            return fakes["acme"].config()

    assert "acme" == tried(Tenants(monotonic=clock.monotonic, load_by_name=lambda _: Awaitable()), ACME)
    tenants = AsyncTenants(monotonic=clock.monotonic, load_by_name=lambda _: Awaitable())
    assert "acme" == asyncio.run(tried_async(tenants, ACME))


needs_fork: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


def in_child(said: str, tenants: Tenants, fake: FakeClerk) -> bool:
    """Whether a forked child hears this."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if [said] * 2 == [tried(tenants, ACME), told(tenants, fake)] else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("shape", ["function", "coroutine function"])
def test_fork_while_a_loader_runs(fakes: Fakes, transport: FakeTransport, shape: str) -> None:
    """The child loads for itself, at once; the parent's load goes on."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    tenants = Tenants(transport=transport, load_timeout=LATEST, load_by_name=shaped(book, shape))
    outcomes: list[str] = []
    waiting = threading.Thread(target=lambda: outcomes.append(tried(tenants, ACME)))
    waiting.start()
    assert book.entered.wait(LATEST)
    book.gate = None

    assert in_child("acme", tenants, fakes["acme"])
    assert "acme" not in tenants
    gate.open()
    waiting.join(LATEST)
    assert ["acme"] == outcomes
    assert ["acme"] == book.asked
    assert in_child("acme", tenants, fakes["acme"])
