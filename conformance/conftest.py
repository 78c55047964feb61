"""The fake behind real HTTP on loopback, for every client that we did not write."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest

from clerk_ext.testing import FakeClerk, FakeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

_numbers = itertools.count(1)


@pytest.fixture(autouse=True, scope="session")
def _nothing_from_outside() -> Iterator[None]:
    """No address, key or proxy comes from the environment, and nobody reports its use anywhere."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("CLERK_") or name.lower().endswith("_proxy")]:
            patch.delenv(name)
        patch.setenv("CLERK_TELEMETRY_DISABLED", "1")
        yield


@pytest.fixture
def fake() -> FakeClerk:
    """A development instance of its own name: the clients remember key sets by address and secret key."""
    return FakeClerk(f"conformance-{next(_numbers)}")


@pytest.fixture
def server(fake: FakeClerk) -> Iterator[FakeServer]:
    """The instance, served."""
    with FakeServer(fake) as server:
        yield server
