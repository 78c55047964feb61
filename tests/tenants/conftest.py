"""Three fake instances, and tenants of them in each world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clerk_ext.testing import FakeClerk, FakeTransport

if TYPE_CHECKING:
    from clerk_ext import Tenants
    from tests.worlds import Clock, World


@pytest.fixture
def fakes(clock: Clock) -> dict[str, FakeClerk]:
    """The instances acme, globex and initech, on the test's clock."""
    return {slug: FakeClerk(slug, clock=clock.time) for slug in ("acme", "globex", "initech")}


@pytest.fixture
def transport(fakes: dict[str, FakeClerk]) -> FakeTransport:
    """Leads to each of them."""
    return FakeTransport(*fakes.values())


@pytest.fixture
def tenants(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> Tenants:
    """The three of them as tenants, in each world."""
    configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
    return world.tenants(configs, transport=transport, monotonic=clock.monotonic)
