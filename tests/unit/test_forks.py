"""What is mended in a forked child."""

from __future__ import annotations

import gc
import importlib.util
import os
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext import forks

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


class Mended:
    """Counts how often it was mended."""

    def __init__(self) -> None:
        self.times = 0

    def after_fork(self) -> None:
        """Count."""
        self.times += 1


def exit_code_of_child(condition: Any) -> int:
    """What a forked child that checks *condition* exits with: 0 if it holds."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if condition() else 1)
        finally:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_mended_in_the_child_alone() -> None:
    """Everything registered is mended once in the child before it runs on, and never in the parent."""
    first, second = Mended(), Mended()
    for thing in (first, second, second):
        forks.mend_after_fork(thing)

    assert 0 == exit_code_of_child(lambda: (1, 1) == (first.times, second.times))
    assert (0, 0) == (first.times, second.times)


def test_registration_keeps_nothing_alive() -> None:
    """A client that is not used any more goes away, registered or not."""
    thing = Mended()
    forks.mend_after_fork(thing)
    reference = weakref.ref(thing)
    del thing
    gc.collect()

    assert None is reference()


def loaded() -> ModuleType:
    """The module, loaded once more beside the real one."""
    spec = importlib.util.spec_from_file_location("forks_once_more", forks.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_hook_mends_all_that_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is given one function, for children alone; it mends what lives by then."""
    hooks: list[dict[str, Callable[[], None]]] = []

    def register(**hook: Callable[[], None]) -> None:
        hooks.append(hook)

    monkeypatch.setattr(os, "register_at_fork", register, raising=False)
    module = loaded()
    first, second, gone = Mended(), Mended(), Mended()
    for thing in (first, second, gone):
        module.mend_after_fork(thing)
    del gone, thing
    gc.collect()
    ((name, mend),) = hooks[0].items()
    mend()
    mend()

    assert [1, "after_in_child"] == [len(hooks), name]
    assert (2, 2) == (first.times, second.times)


def test_system_that_cannot_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the module loads all the same, and registering does nothing."""
    monkeypatch.delattr(os, "register_at_fork", raising=False)
    thing = Mended()
    loaded().mend_after_fork(thing)

    assert 0 == thing.times
