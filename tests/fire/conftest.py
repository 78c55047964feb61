"""An instance with a session, and clients that remember verified tokens or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.verifier.bench import Bench

from .crowds import in_tasks, in_threads

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock

    from .crowds import Crowd


@pytest.fixture
def bench(fake: FakeClerk, clock: Clock) -> Bench:
    """The instance, a user with a session, and tokens with any fault."""
    return Bench.of(fake, clock)


@pytest.fixture(params=[4096, 0], ids=["remembering", "forgetting"])
def memory(request: pytest.FixtureRequest) -> int:
    """How many verified tokens the client remembers: the test runs with and without."""
    size: int = request.param
    return size


@pytest.fixture(params=[in_threads, in_tasks], ids=["threads", "tasks"])
def crowd(request: pytest.FixtureRequest) -> Crowd:
    """Many callers of one client at the same time: the test runs with either sort."""
    many: Crowd = request.param
    return many
