"""Clients that remember verified tokens, of an instance with a session, and a count of the signature checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from clerk_ext.tokens.keys import VerificationKey
from tests.verifier.bench import Bench

from .outages import Outage

if TYPE_CHECKING:
    from clerk_ext import Clerk
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World


class Maker(Protocol):
    """Makes clients of the bench's instance."""

    def __call__(self, *, revocations: RevocationCheck | None = None, **settings: Any) -> Clerk:
        """A client with these settings, and the bench's revocations if none are given."""
        ...


class Checks:
    """How many signatures were looked at."""

    def __init__(self) -> None:
        self.made = 0


@pytest.fixture
def bench(fake: FakeClerk, clock: Clock) -> Bench:
    """The instance, another one, a user with a session, and tokens with any fault."""
    return Bench.of(fake, clock)


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    """Counts the signature checks of every key."""
    counted = Checks()
    holds = VerificationKey.holds

    def counting(self: VerificationKey, signature: bytes, signed: bytes) -> bool:
        counted.made += 1
        return holds(self, signature, signed)

    monkeypatch.setattr(VerificationKey, "holds", counting)
    return counted


@pytest.fixture
def outage(bench: Bench) -> Outage:
    """What the clients of `client_with` send through."""
    return Outage(bench.fake, bench.other)


@pytest.fixture
def client_with(world: World, bench: Bench, outage: Outage) -> Maker:
    """Makes clients of the instance, in each world, on the test's clock."""

    def make(*, revocations: RevocationCheck | None = None, **settings: Any) -> Clerk:
        config = bench.fake.config(**{"clock": bench.clock.time, "monotonic": bench.clock.monotonic, **settings})
        return world.clerk(
            config, transport=outage, revocations=bench.revocations if revocations is None else revocations
        )

    return make


@pytest.fixture
def clerk(client_with: Maker) -> Clerk:
    """A client of the instance."""
    return client_with()
