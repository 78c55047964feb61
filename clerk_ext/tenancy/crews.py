"""A bounded number of threads that share one list of things to do."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


def in_threads(work: Callable[[T], object], items: Iterable[T], threads: int, stopped: threading.Event) -> None:
    """Do *work* for each of *items* in a number of threads, and come back when all is done.

    What *work* raises, and what interrupts the caller, sets *stopped*: what was begun is ended, nothing else is begun.

    Args:
        work: What to do.
        items: For what.
        threads: How many of them at a time.
        stopped: Tells *work*, too, that it need not go on.
    """
    from concurrent.futures import ThreadPoolExecutor

    left = iter(items)
    lock = threading.Lock()

    def take_turns() -> None:
        while not stopped.is_set():
            try:
                with lock:
                    item = next(left)
            except StopIteration:
                return
            try:
                work(item)
            except BaseException:
                stopped.set()
                raise

    # Not one future for each item: for many, these take more memory than what they are about.
    with ThreadPoolExecutor(threads, thread_name_prefix="clerk-crew") as crew:
        try:
            for future in [crew.submit(take_turns) for _ in range(threads)]:
                future.result()
        except BaseException:
            stopped.set()
            raise
