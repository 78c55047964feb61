"""Taking turns: every case once a round in rotated order, and ratios within a round, so that noise hits all alike."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import TypeAlias

    Sample: TypeAlias = Callable[[], float]
    """Does its work some times, and gives the seconds that one time took."""

T = TypeVar("T")


@attrs.frozen
class Measured:
    """The seconds of each case, round by round."""

    rounds: Mapping[str, Sequence[float]]

    def seconds(self, case: str) -> float | None:
        """The median of *case*; None if it did not take part."""
        return statistics.median(self.rounds[case]) if case in self.rounds else None

    def ratio(self, case: str, base: str) -> float | None:
        """The median over the rounds of *case* against *base* in the same round; None if one did not take part."""
        if case not in self.rounds or base not in self.rounds:
            return None
        pairs = zip(self.rounds[case], self.rounds[base], strict=True)
        return statistics.median(mine / other for mine, other in pairs)


def take_turns(samples: Mapping[str, Sample | None], rounds: int) -> Measured:
    """Take *rounds* samples of each case that there is, after one to warm up."""
    cases = {name: sample for name, sample in samples.items() if sample is not None}
    names = list(cases)
    for name in names:
        cases[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(cases[name]())
    return Measured(seconds)


def each(work: Callable[[T], object], arguments: Callable[[], Sequence[T]]) -> Sample:
    """A sample of *work* on each of *arguments*, which are made anew for it, untimed."""

    def sample() -> float:
        made = arguments()
        begun = time.perf_counter()
        for argument in made:
            work(argument)
        return (time.perf_counter() - begun) / len(made)

    return sample


def each_awaited(
    loop: asyncio.AbstractEventLoop, work: Callable[[T], Awaitable[object]], arguments: Callable[[], Sequence[T]]
) -> Sample:
    """The same for a coroutine function, one after the other on *loop*."""

    async def all_of(made: Sequence[T]) -> float:
        begun = time.perf_counter()
        for argument in made:
            await work(argument)
        return (time.perf_counter() - begun) / len(made)

    return lambda: loop.run_until_complete(all_of(arguments()))
