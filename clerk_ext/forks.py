"""What a forked child must not inherit: locks that a thread of the parent may hold, and sockets it shares."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class AfterFork(Protocol):
    """Something that has to be mended in a forked child."""

    def after_fork(self) -> None:
        """Runs in the child, right after the fork, on its only thread."""
        ...


_registered: weakref.WeakSet[AfterFork] = weakref.WeakSet()


def mend_after_fork(thing: AfterFork) -> None:
    """Have ``thing.after_fork()`` called in every child that is forked while *thing* lives."""
    _registered.add(thing)


def _mend() -> None:
    for thing in list(_registered):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_mend)
