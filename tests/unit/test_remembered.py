"""The memory of verified tokens: bounded, and deaf to floods."""

from __future__ import annotations

import itertools
import random
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext.tokens.remembered import Remembered, RememberedTokens

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_000.0


def entry(token: str, *, until: float = NOW + 60) -> Remembered:
    """A verdict on *token*; the claims are its text, which tells verdicts apart."""
    return Remembered(token, "ins_1", cast("Any", object()), NOW - 60, until, cast("Any", f"claims of {token}"))


def token(kind: str, number: int) -> str:
    """A token as long as a real one's end, of its own."""
    return f"{kind}.{number:040d}"


def hits(memory: RememberedTokens, requests: Iterable[str]) -> list[bool]:
    """Whether each request was remembered; those that were not are verified, hence added."""
    found: list[bool] = []
    for request in requests:
        held = memory.get(request)
        found.append(held is not None)
        if held is None:
            memory.add(entry(request), NOW)
    return found


def test_what_was_added_is_there() -> None:
    """A token is found by its text, a new str object each time, and another is not."""
    memory = RememberedTokens(8)
    memory.add(entry("a.b.c"), NOW)
    found = memory.get("".join(["a.b", ".c"]))

    assert found is not None
    assert "claims of a.b.c" == cast("object", found.claims)
    assert memory.get("a.b.d") is None
    assert 1 == len(memory)


def test_tokens_that_end_alike_are_not_confused() -> None:
    """The end of a token only finds the place; the whole of it has to be the same."""
    end = "x" * 32
    memory = RememberedTokens(8)
    memory.add(entry(f"first{end}"), NOW)
    memory.add(entry(f"second{end}"), NOW)

    assert memory.get(f"second{end}") is None
    held = memory.get(f"first{end}")
    assert held is not None
    assert f"claims of first{end}" == cast("object", held.claims)


def test_newer_verdict_takes_the_place() -> None:
    """The same token verified anew: one entry, with the newer key and times."""
    memory = RememberedTokens(8)
    newer = entry("a.b.c", until=NOW + 90)
    memory.add(entry("a.b.c"), NOW)
    for _ in range(1_000):
        memory.add(newer, NOW)
    held = memory.get("a.b.c")

    assert held is not None
    assert (newer.key, newer.valid_until) == (held.key, held.valid_until)
    assert 1 == len(memory)
    assert 1 == len(memory._newcomers) + len(memory._in_use)  # pyright: ignore[reportPrivateUsage]


def test_dropped() -> None:
    """What was dropped is gone; dropping what is not held changes nothing, however often."""
    memory = RememberedTokens(8)
    first, second = entry("a.b.c"), entry("a.b.d")
    memory.add(first, NOW)
    memory.add(second, NOW)
    memory.drop(first)
    memory.drop(first)
    memory.drop(entry("a.b.d"))

    assert memory.get("a.b.c") is None
    assert memory.get("a.b.d") is second


@pytest.mark.parametrize("size", [1, 2, 3, 10, 64])
def test_drops_and_adds_leave_nothing_behind(size: int) -> None:
    """Entries that are dropped and come again do not pile up in the queues."""
    memory = RememberedTokens(size)
    for number in range(50 * size):
        added = entry(token("t", number % 3))
        memory.add(added, NOW)
        held = memory.get(added.token)
        if held is not None:
            memory.drop(held)

    assert len(memory._newcomers) + len(memory._in_use) <= 2 * size  # pyright: ignore[reportPrivateUsage]


@given(st.integers(1, 20), st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=300))
def test_never_more_than_its_size(size: int, steps: list[tuple[int, bool]]) -> None:
    """Whatever comes in whatever order, the bound holds, and what is found is what was added."""
    memory = RememberedTokens(size)
    for number, drop in steps:
        text = token("t", number)
        held = memory.get(text)
        if held is None:
            memory.add(entry(text), NOW)
        elif drop:
            memory.drop(held)
        else:
            assert f"claims of {text}" == cast("object", held.claims)

        assert len(memory) <= size
        assert len(memory._gone) <= size  # pyright: ignore[reportPrivateUsage]
        assert len(memory._newcomers) + len(memory._in_use) <= 2 * size + 1  # pyright: ignore[reportPrivateUsage]


def test_full_of_what_is_in_use() -> None:
    """A memory that is just full of tokens in use finds every one of them, round after round."""
    memory = RememberedTokens(100)
    hot = [token("hot", number) for number in range(100)]
    hits(memory, hot)

    assert all(hits(memory, hot * 5))


@pytest.mark.parametrize("order", ["round", "random"])
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75])
def test_flood_of_one_shot_tokens(order: str, share: float) -> None:
    """With a valid token that is seen once for each of one in use, those in use are still found nine times of ten."""
    size = 512
    memory = RememberedTokens(size)
    hot = [token("hot", number) for number in range(int(size * share))]
    chance = random.Random(7)
    requests = (
        chance.choices(hot, k=20 * size)
        if order == "random"
        else list(itertools.islice(itertools.cycle(hot), 20 * size))
    )
    once = (token("once", number) for number in itertools.count())
    found: list[bool] = []
    for request in requests:
        found += hits(memory, [request])
        hits(memory, [next(once)])

    late = found[len(found) // 4 :]  # after the start, when nothing is remembered yet
    assert sum(late) >= 0.9 * len(late)
    assert len(memory) == size


def test_expired_make_room() -> None:
    """An entry whose time is over goes before one that is valid, however much it was used."""
    memory = RememberedTokens(2)
    memory.add(entry("old", until=NOW + 1), NOW)
    memory.add(entry("new"), NOW)
    for _ in range(3):
        assert memory.get("old") is not None
    memory.add(entry("next"), NOW + 2)

    assert memory.get("old") is None
    assert memory.get("new") is not None
    assert memory.get("next") is not None


def test_no_room_where_all_is_in_use() -> None:
    """A newcomer is not taken in where the hand meets nothing but tokens in use; the search is bounded."""
    memory = RememberedTokens(200)
    hot = [token("hot", number) for number in range(200)]
    hits(memory, hot * 5)
    memory.add(entry("newcomer"), NOW)

    assert memory.get("newcomer") is None
    assert all(hits(memory, hot))


def test_threads() -> None:
    """Threads that read, add and drop at once break nothing: the bound holds and nobody gets another's verdict."""
    memory = RememberedTokens(50)
    wrong: list[str] = []
    start = threading.Barrier(4)

    def work(seed: int) -> None:
        chance = random.Random(seed)
        start.wait(10)
        for _ in range(3_000):
            text = token("t", chance.randrange(120))
            held = memory.get(text)
            if held is None:
                memory.add(entry(text), NOW)
            elif cast("object", held.claims) != f"claims of {text}":
                wrong.append(text)
            elif chance.random() < 0.05:
                memory.drop(held)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [] == wrong
    assert len(memory) <= 50


def test_after_a_fork() -> None:
    """A child goes on with what its parent remembered, although a thread of the parent held the lock."""
    memory = RememberedTokens(4)
    hot = [token("hot", number) for number in range(4)]
    hits(memory, hot * 3)
    memory._lock.acquire()  # pyright: ignore[reportPrivateUsage]
    memory.after_fork()

    assert all(hits(memory, hot))
    memory.add(entry("newcomer"), NOW)
    assert len(memory) <= 4
