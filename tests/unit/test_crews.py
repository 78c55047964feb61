"""`in_threads`: a bounded number of threads, each thing done once, and what becomes of exceptions and interrupts."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext.tenancy.crews import in_threads

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10.0


class StopError(BaseException):
    """What is no `Exception`, as an interrupt is none."""


@given(st.lists(st.integers()), st.integers(1, 6))
def test_each_item_once(items: list[int], threads: int) -> None:
    """Everything is done, as often as it was given, whatever the number of threads."""
    done: list[int] = []
    stopped = threading.Event()
    in_threads(done.append, items, threads, stopped)

    assert sorted(items) == sorted(done)
    assert not stopped.is_set()


def test_in_order() -> None:
    """One thread does everything in the order in which it was given."""
    done: list[int] = []
    in_threads(done.append, range(50), 1, threading.Event())

    assert list(range(50)) == done


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_as_many_threads_as_asked(threads: int) -> None:
    """As many things are done at once as there are threads, and no more."""
    full, overfull = threading.Event(), threading.Event()
    lock = threading.Lock()
    now = greatest = 0
    names: set[str] = set()

    def work(_: int) -> None:
        nonlocal now, greatest
        with lock:
            now += 1
            greatest = max(greatest, now)
            names.add(threading.current_thread().name)
            is_full = now == threads
            if now > threads:
                overfull.set()
        if is_full and not full.is_set():
            overfull.wait(0.1)  # for one too many
            full.set()
        assert full.wait(PATIENCE)
        with lock:
            now -= 1

    in_threads(work, range(20), threads, threading.Event())

    assert threads == greatest
    assert 1 <= len(names) <= threads
    assert all(name.startswith("clerk-crew") for name in names)


def test_no_thread_is_left() -> None:
    """When it comes back, its threads have ended, also after a failure."""

    def fail(_: int) -> None:
        raise ValueError("no")

    in_threads(lambda _: None, range(10), 3, threading.Event())
    with pytest.raises(ValueError, match="no"):
        in_threads(fail, range(10), 3, threading.Event())

    assert [] == [thread.name for thread in threading.enumerate() if thread.name.startswith("clerk-crew")]


class Items:
    """Gives numbers, and notices who asks for one while another does."""

    def __init__(self, count: int) -> None:
        self.taken = 0
        self.overlapped = threading.Event()
        self._count = count
        self._inside = threading.Lock()

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self._inside.acquire(blocking=False):
            self.overlapped.set()
            raise StopIteration
        try:
            if self.taken == 0:
                self.overlapped.wait(0.1)  # for another thread
            if self.taken == self._count:
                raise StopIteration
            self.taken += 1
            return self.taken
        finally:
            self._inside.release()


def test_items_are_taken_by_one_at_a_time() -> None:
    """Things to do may come from anything that gives them, which only one thread asks at a time."""
    items = Items(200)
    done: list[int] = []
    in_threads(done.append, items, 4, threading.Event())

    assert not items.overlapped.is_set()
    assert list(range(1, 201)) == sorted(done)


def test_items_are_taken_when_needed() -> None:
    """Things to do are taken when a thread is free for them, not all at once."""
    items = Items(200)
    ahead: list[int] = []
    in_threads(lambda number: ahead.append(items.taken - number), items, 1, threading.Event())

    assert [0] * 200 == ahead


@pytest.mark.parametrize("failure", [ValueError, StopError, KeyboardInterrupt, SystemExit, StopIteration])
def test_exception(failure: type[BaseException]) -> None:
    """What the work raises comes out, whatever it is, and nothing else is begun."""
    done: list[int] = []
    stopped = threading.Event()

    def work(number: int) -> None:
        done.append(number)
        if number == 3:
            raise failure("no")

    with pytest.raises(failure, match="no"):
        in_threads(work, range(100), 1, stopped)
    assert [0, 1, 2, 3] == done
    assert stopped.is_set()


@pytest.mark.parametrize("failure", [ValueError, StopError])
@pytest.mark.parametrize("failing", range(4))
def test_exception_in_any_thread(failing: int, failure: type[BaseException]) -> None:
    """Whichever thread fails, the others end what they have begun, begin nothing else, and all is done on return."""
    together = threading.Barrier(4)
    stopped = threading.Event()
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        together.wait(PATIENCE)
        if threading.current_thread().name.endswith(f"_{failing}"):
            raise failure("no")
        assert stopped.wait(PATIENCE)
        ended.append(number)

    with pytest.raises(failure, match="no"):
        in_threads(work, range(100), 4, stopped)
    assert [0, 1, 2, 3] == sorted(begun)
    assert 3 == len(ended)


def test_every_thread_fails() -> None:
    """Where several fail, one of their exceptions comes out."""
    together = threading.Barrier(3)

    def work(number: int) -> None:
        together.wait(PATIENCE)
        raise ValueError(f"number {number}")

    with pytest.raises(ValueError, match=r"number [012]"):
        in_threads(work, range(100), 3, threading.Event())


def test_items_that_fail() -> None:
    """What comes of taking the next thing to do comes out like a failure of the work."""
    done: list[int] = []

    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        in_threads(done.append, items(), 2, threading.Event())
    assert [0, 1, 2] == sorted(done)


def test_stopped_before() -> None:
    """Nothing is begun if it is to stop before it begins."""
    done: list[int] = []
    stopped = threading.Event()
    stopped.set()
    in_threads(done.append, range(10), 2, stopped)

    assert [] == done


def test_stopped_from_outside() -> None:
    """Who sets the event has it end early, without an exception."""
    done: list[int] = []
    stopped = threading.Event()

    def work(number: int) -> None:
        done.append(number)
        if number == 4:
            stopped.set()

    in_threads(work, range(100), 1, stopped)

    assert list(range(5)) == done


@pytest.fixture
def _interruptible() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it by name
    """SIGINT interrupts the main thread, as it does in a program."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def _is_waiting(thread: int) -> bool:
    """Whether a thread waits for a result of another."""
    frame = vars(sys)["_current_frames"]().get(thread)
    while frame is not None and frame.f_code.co_name != "result":
        frame = frame.f_back
    return frame is not None


@pytest.mark.usefixtures("_interruptible")
def test_interrupt_of_the_caller() -> None:
    """An interrupt of the thread that waits stops the work, waits for what was begun, and comes out."""
    caller = threading.get_ident()
    together = threading.Barrier(2)
    stopped = threading.Event()
    begun: list[int] = []
    ended: list[int] = []

    def work(number: int) -> None:
        begun.append(number)
        if together.wait(PATIENCE) == 0:
            while not _is_waiting(caller):
                stopped.wait(0.001)
            for _ in range(100):  # Python may miss one that comes just before a thread begins to wait
                signal.pthread_kill(caller, signal.SIGINT)
                if stopped.wait(0.1):
                    break
        assert stopped.wait(PATIENCE)
        ended.append(number)

    with pytest.raises(KeyboardInterrupt):
        in_threads(work, range(100), 2, stopped)
    assert [0, 1] == sorted(begun)
    assert [0, 1] == sorted(ended)
