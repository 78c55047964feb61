"""Clients of a fake instance over real HTTP, in both worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clerk_ext import Revocations
from clerk_ext.testing import FakeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World


@pytest.fixture
def server(fake: FakeClerk) -> Iterator[FakeServer]:
    """The instance on loopback; every exchange is checked against the recorded specification."""
    with FakeServer(fake) as server:
        yield server


@pytest.fixture
def revocations(clock: Clock) -> Revocations:
    """Revocations on the test's clock."""
    return Revocations(clock=clock.time)


@pytest.fixture
def clerk(world: World, server: FakeServer, clock: Clock, revocations: Revocations) -> Clerk:
    """A client of the instance, over real HTTP, in each world."""
    config = server.config(clock=clock.time, monotonic=clock.monotonic)
    return world.clerk(config, revocations=revocations)
