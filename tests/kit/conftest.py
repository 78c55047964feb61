"""The kit as an application's tests use it: a client in-process and over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clerk_ext.testing import FakeServer, FakeTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World


@pytest.fixture(params=["in process", "loopback"])
def clerk(request: pytest.FixtureRequest, world: World, fake: FakeClerk, clock: Clock) -> Iterator[Clerk]:
    """A client in each world, in-process and over real HTTP."""
    if request.param == "in process":
        yield world.clerk(fake.config(monotonic=clock.monotonic), transport=FakeTransport(fake))
        return
    with FakeServer(fake) as server:
        yield world.clerk(server.config(monotonic=clock.monotonic))
