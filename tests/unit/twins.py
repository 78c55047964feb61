"""The ways to double a value: each must give one that is as good as the first."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def pickled(value: Any) -> Any:
    """What comes out of another process."""
    return pickle.loads(pickle.dumps(value))


def copied(value: Any) -> Any:
    """A shallow copy."""
    return copy.copy(value)


def deep_copied(value: Any) -> Any:
    """A deep copy."""
    return copy.deepcopy(value)


TWINS: Final[dict[str, Callable[[Any], Any]]] = {"copy": copied, "deepcopy": deep_copied, "pickle": pickled}

each_twin = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
"""Runs a test with every way to double a value."""
