"""The bench: an instance that also has a key of the test's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from clerk_ext.testing import FakeServer
from tests.recorded import validate_exchange

from .bench import Bench, BenchClerk
from .judges import sitting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World

    from .judges import Judges


@pytest.fixture
def fake(clock: Clock) -> BenchClerk:
    """A fake instance whose key set has the test's own key too."""
    instance = BenchClerk("acme", clock=clock.time)
    instance.on_exchange.append(validate_exchange)
    return instance


@pytest.fixture
def bench(fake: BenchClerk, clock: Clock) -> Bench:
    """The instance, another one, a user with a session, and tokens with any fault."""
    return Bench.of(fake, clock)


@pytest.fixture
def server(fake: FakeClerk) -> Iterator[FakeServer]:
    """The instance over HTTP."""
    with FakeServer(fake) as server:
        yield server


@pytest.fixture
def served(world: World, server: FakeServer, clock: Clock) -> Clerk:
    """A client of it; each of the instance's requests is a fetch."""
    return world.clerk(server.config(monotonic=clock.monotonic))


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    """One instance and two clients for many examples."""
    with asyncio.Runner() as runner, sitting(runner) as judges:
        yield judges
