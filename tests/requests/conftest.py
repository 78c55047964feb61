"""The bench of the verifier's tests: tokens made to measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.verifier.bench import Bench

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock


@pytest.fixture
def bench(fake: FakeClerk, clock: Clock) -> Bench:
    """The instance, another one, a user with a session, and tokens with any fault."""
    return Bench.of(fake, clock)
