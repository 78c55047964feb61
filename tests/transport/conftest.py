"""An event loop of its own for each test that wants to say what runs on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop that lasts for the test."""
    with asyncio.Runner() as runner:
        yield runner
