"""The memory of verified tokens: bounded whatever comes, kept by those in use, shared by threads, good after a fork."""

from __future__ import annotations

import gc
import itertools
import linecache
import random
import signal
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext.tokens.remembered import Remembered, RememberedTokens

from .test_forks import exit_code_of_child, needs_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MINUTE: Final = 60.0
_OPERATIONS: Final = st.tuples(st.sampled_from(["add", "get", "drop", "wait"]), st.integers(0, 30))


class Verdict:
    """Stands for the claims: the memory only keeps them."""


def named(number: int) -> str:
    """A token of this number: a new str each time, as requests bring it."""
    return f"header.payload-{number}.{number:064d}"


def verified(token: str, until: float = MINUTE, verdict: object = None) -> Remembered:
    """A token that was verified and expires then."""
    return Remembered(token, "ins_1", cast("Any", None), 0.0, until, cast("Any", verdict or Verdict()))


def see(tokens: RememberedTokens, token: str, now: float = 0.0, until: float = MINUTE) -> bool:
    """What a request with this token does; whether it was remembered."""
    found = tokens.get(token)
    if found is not None and now < found.valid_until:
        return True
    tokens.add(verified(token, until), now)
    return False


def test_remembers() -> None:
    """What was added is found by an equal text; what was not is not."""
    tokens = RememberedTokens(4)
    entry = verified(named(1))
    tokens.add(entry, 0.0)

    assert entry is tokens.get(named(1))
    assert None is tokens.get(named(2))
    assert None is tokens.get("")
    assert 1 == len(tokens)


@given(size=st.integers(0, 12), operations=st.lists(_OPERATIONS, max_size=120), lifetime=st.integers(1, 8))
@example(size=1, operations=[("add", 0), ("add", 1), ("add", 2)], lifetime=5)
def test_bound_and_truth(size: int, operations: list[tuple[str, int]], lifetime: int) -> None:
    """Whatever happens, there are at most so many, and what is found is the newest verdict on that very token."""
    tokens = RememberedTokens(size)
    newest: dict[int, object] = {}
    now = 0.0
    for operation, number in operations:
        if operation == "add":
            newest[number] = Verdict()
            tokens.add(verified(named(number), now + lifetime, newest[number]), now)
        elif operation == "wait":
            now += number / 10
        else:
            found = tokens.get(named(number))
            if found is not None:
                assert named(number) == found.token
                assert newest[number] is found.claims
                if operation == "drop":
                    tokens.drop(found)
                    newest.pop(number)
        assert len(tokens) <= size
        queues = tokens._queues  # pyright: ignore[reportPrivateUsage]
        assert queues is None or len(queues.gone) <= size


@given(size=st.integers(1, 40), count=st.integers(0, 60))
def test_room_is_used(size: int, count: int) -> None:
    """While there is room every token is remembered, and later newcomers are too as long as nothing is in use."""
    tokens = RememberedTokens(size)
    for number in range(count):
        tokens.add(verified(named(number)), 0.0)

        assert None is not tokens._by_key.get(named(number)[-32:])  # pyright: ignore[reportPrivateUsage]
        assert min(number + 1, size) == len(tokens)


@pytest.mark.parametrize("size", [1, 2, 16, 300])
def test_no_room_and_nothing_kept(size: int) -> None:
    """Tokens that were pushed out are gone from memory, and so are verdicts that newer ones replaced."""
    tokens = RememberedTokens(size)
    alive: weakref.WeakSet[Verdict] = weakref.WeakSet()
    for number in itertools.chain(range(5 * size), [5 * size - 1] * 1_000):
        verdict = Verdict()
        alive.add(verdict)
        tokens.add(verified(named(number), verdict=verdict), 0.0)
        del verdict
    gc.collect()

    assert size == len(tokens)
    assert size == len(alive)


def test_dropped_over_and_over() -> None:
    """Tokens that are dropped and verified anew, as on each rotation of the key, do not pile up behind the scenes."""
    tokens = RememberedTokens(10)
    alive: weakref.WeakSet[Verdict] = weakref.WeakSet()
    for number in range(2_000):
        verdict = Verdict()
        alive.add(verdict)
        entry = verified(named(number % 7), verdict=verdict)
        tokens.add(entry, 0.0)
        tokens.drop(entry)
        del verdict, entry
    gc.collect()

    assert 0 == len(tokens)
    assert len(alive) <= 20


def test_drop() -> None:
    """A dropped token is not found, can be remembered anew, and dropping the old entry then changes nothing."""
    tokens = RememberedTokens(4)
    old, new = verified(named(1)), verified(named(1))
    tokens.add(old, 0.0)
    tokens.drop(old)
    found = tokens.get(named(1))
    tokens.add(new, 0.0)
    tokens.drop(old)

    assert None is found
    assert new is tokens.get(named(1))


def test_newer_verdict() -> None:
    """A token that is verified once more has the newer verdict, in one place."""
    tokens = RememberedTokens(4)
    first, second = verified(named(1), until=10.0), verified(named(1), until=20.0)
    tokens.add(first, 0.0)
    tokens.add(second, 5.0)
    found = tokens.get(named(1))

    assert found is not None
    assert (second.claims, 20.0) == (found.claims, found.valid_until)
    assert 1 == len(tokens)


def test_newer_verdict_leaves_it_in_use() -> None:
    """A token in use that has to be verified anew, as while the key set is old, does not lose its place to a flood."""
    tokens = RememberedTokens(20)
    for _ in range(3):
        see(tokens, named(0))
    for number in range(1, 500):
        tokens.add(verified(named(0)), 0.0)
        tokens.get(named(0))
        tokens.add(verified(named(number)), 0.0)

    assert None is not tokens.get(named(0))


@pytest.mark.parametrize("taken", [True, False], ids=["remembered", "unknown"])
def test_same_ending(taken: bool) -> None:
    """Tokens that end alike, which no two good ones do, are never taken for one another and evict each other not."""
    tokens = RememberedTokens(4)
    good, alike = verified(named(1)), verified(f"other.{named(1)}")
    verdict, other = good.claims, alike.claims
    if taken:
        tokens.add(good, 0.0)
    found = tokens.get(alike.token)
    tokens.add(alike, 0.0)

    assert None is found
    assert (good if taken else None) is tokens.get(good.token)
    assert (None if taken else alike) is tokens.get(alike.token)
    assert (verdict, other) == (good.claims, alike.claims)
    assert 1 == len(tokens)


def in_turn(hot: int, visits: int) -> Iterator[int]:
    """The hot tokens one after the other."""
    return (visit % hot for visit in range(visits))


def at_random(hot: int, visits: int) -> Iterator[int]:
    """The hot tokens as it comes."""
    chance = random.Random(1)
    return (chance.randrange(hot) for _ in range(visits))


@pytest.mark.parametrize("order", [in_turn, at_random])
@pytest.mark.parametrize("before", ["empty", "full of others", "full of others in use"])
@pytest.mark.parametrize(("size", "hot"), [(512, 128), (4096, 1024), (4096, 300), (1000, 250), (40, 10), (1024, 300)])
def test_flood(size: int, hot: int, before: str, order: Callable[[int, int], Iterable[int]]) -> None:
    """While each visit of a token in use brings one that is never seen again, nine visits of ten find theirs."""
    tokens = RememberedTokens(size)
    strangers = itertools.count(hot)
    for _ in range(0 if before == "empty" else size):
        stranger = next(strangers)
        for _ in range(4 if "in use" in before else 1):
            see(tokens, named(stranger))
    visits = 30 * hot
    hits = 0
    for number in order(hot, visits):
        hits += see(tokens, named(number))
        see(tokens, named(next(strangers)))

    assert hits >= 0.9 * visits
    assert size == len(tokens)


def test_flood_of_one_shots_alone() -> None:
    """Tokens in use survive a hundred times the size of tokens that are seen once, if they are seen now and then."""
    tokens = RememberedTokens(100)
    for number in itertools.islice(itertools.cycle(range(20)), 80):
        see(tokens, named(number))
    lost = 0
    for number in range(20, 10_000):
        see(tokens, named(number))
        if number % 2 == 0:
            lost += not see(tokens, named(number // 2 % 20))

    assert 0 == lost


def test_expired_ones_make_room() -> None:
    """Tokens that were much used and have expired go before any newcomer does."""
    tokens = RememberedTokens(100)
    for number in itertools.islice(itertools.cycle(range(95)), 400):
        see(tokens, named(number))
    for number in range(100, 200):  # moves those in use out of the newcomers' queue
        see(tokens, named(number))
        see(tokens, named(number % 95))
    kept = [number for number in range(95) if tokens.get(named(number)) is not None]
    for number in range(1_000, 1_080):
        tokens.add(verified(named(number), 2 * MINUTE), MINUTE)
    missing = [number for number in range(1_000, 1_080) if tokens.get(named(number)) is None]

    assert len(kept) >= 90
    assert [] == missing


def test_all_in_use() -> None:
    """Where everything is in use a newcomer finds no place at first, and nobody is looked at without end."""
    tokens = RememberedTokens(500)
    for number in itertools.islice(itertools.cycle(range(500)), 2_500):
        see(tokens, named(number))
    tokens.add(verified(named(1_000)), 0.0)
    refused = tokens.get(named(1_000)) is None
    for _ in range(100):
        tokens.add(verified(named(1_000)), 0.0)

    assert refused
    assert None is not tokens.get(named(1_000))
    assert 500 == len(tokens)


def test_exception_in_the_middle() -> None:
    """An exception that a signal raises in the middle of adding leaves no entry that could never be pushed out."""
    size, interrupted = 8, 0
    tokens = RememberedTokens(size)
    source = RememberedTokens.add.__code__.co_filename

    class Interrupted(BaseException):
        """Raised between any two lines."""

    def after(lines: int) -> Callable[..., Any]:
        left = itertools.count(lines, -1)

        def trace(frame: Any, event: str, argument: object) -> Any:
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            # At the end of a with statement Python itself would leave the lock taken.
            if event == "line" and frame.f_code.co_filename == source and "with" not in line and next(left) == 0:
                raise Interrupted
            return trace

        return trace

    numbers = itertools.count()
    before = sys.gettrace()
    for lines in range(400):
        entry = verified(named(next(numbers)))
        try:
            sys.settrace(after(lines % 40))
            tokens.add(entry, 0.0)
        except Interrupted:
            interrupted += 1
        finally:
            sys.settrace(before)
        tokens.get(named(lines // 2))
        assert len(tokens) <= size
    newest = [next(numbers) for _ in range(20 * size)]
    for number in newest:
        tokens.add(verified(named(number), 2 * MINUTE), MINUTE)

    assert interrupted > 100
    assert size == sum(tokens.get(named(number)) is not None for number in newest)


@pytest.mark.parametrize("size", [1, 8, 200])
def test_threads(size: int) -> None:
    """Threads that add, find and drop at the same time keep the bound, raise nothing and never mix tokens up."""
    tokens = RememberedTokens(size)
    faults: list[object] = []
    barrier = threading.Barrier(6)

    def hammer(seed: int) -> None:
        chance = random.Random(seed)
        barrier.wait(10)
        try:
            for turn in range(3_000):
                number = chance.randrange(2 * size + 2)
                found = tokens.get(named(number))
                if found is None:
                    tokens.add(verified(named(number), turn + 50.0), float(turn))
                elif found.token != named(number):
                    faults.append((number, found.token))
                elif chance.random() < 0.05:
                    tokens.drop(found)
                if len(tokens) > size:
                    faults.append(len(tokens))
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=hammer, args=(seed,)) for seed in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)

    assert [] == faults
    assert len(tokens) <= size


def test_hit_takes_no_lock() -> None:
    """A thread that makes room holds nobody up who asks for a token that is remembered."""
    tokens = RememberedTokens(4)
    tokens.add(verified(named(1)), 0.0)
    with tokens._room.lock:  # pyright: ignore[reportPrivateUsage]
        found = tokens.get(named(1))

    assert found is not None


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_a_thread_makes_room() -> None:
    """A child that is forked while the lock is held remembers what the parent did, can add, and keeps the bound."""
    tokens = RememberedTokens(50)
    for number in range(50):
        see(tokens, named(number))

    def goes_on() -> bool:
        signal.alarm(20)  # a child that waits for the lock must not wait for ever
        known = all(tokens.get(named(number)) is not None for number in range(50))
        for number in range(100, 400):
            tokens.add(verified(named(number), 2 * MINUTE), MINUTE)
        signal.alarm(0)
        return known and len(tokens) == 50 and tokens.get(named(399)) is not None

    with tokens._room.lock:  # pyright: ignore[reportPrivateUsage]
        exit_code = exit_code_of_child(goes_on)

    assert 0 == exit_code
    assert goes_on()
