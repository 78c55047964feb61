"""Two processes at once: whether anything makes one wait for the other."""

from __future__ import annotations

import multiprocessing
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from benchmarks import others
from benchmarks.measure import each, take_turns
from benchmarks.peers import PEERS
from benchmarks.report import Row
from benchmarks.verification import fresh
from benchmarks.workplace import workplace

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from multiprocessing.connection import Connection

    from benchmarks.material import Mint
    from benchmarks.measure import Sample

_FIRST, _AGAIN = "first", "again"
_LIMIT: Final = 0.6
_CALLS: Final = {_FIRST: 400, _AGAIN: 4_000}


def measure(rounds: int, mint: Mint, url: str) -> list[Row]:
    """The rows about processes: the time of a token, of two processes together against one alone."""
    good = mint.token()
    with (
        workplace(f"{url}/v1/jwks", token_cache_size=0) as first,
        workplace(f"{url}/v1/jwks") as again,
        ExitStack() as stack,
    ):
        work: dict[str, Sample] = {
            _FIRST: each(first.clerk.verify_token, fresh(good, _CALLS[_FIRST])),
            _AGAIN: each(again.clerk.verify_token, fresh(good, _CALLS[_AGAIN])),
        }
        for peer, verify in others.verifiers(mint, url).items():
            if verify is not None:
                work[peer] = each(verify, fresh(good, _CALLS[_FIRST]))
        for sample in work.values():
            sample()  # before the fork: what is fetched and remembered is there in both
        workers = [stack.enter_context(_worker(work)) for _ in range(2)]
        samples: dict[str, Sample | None] = {}
        for name in work:
            samples[f"{name} 1"] = _together(workers[:1], name)
            samples[f"{name} 2"] = _together(workers, name)
        measured = take_turns(samples, rounds)
    peers = {peer: measured.ratio(f"{peer} 2", f"{peer} 1") for peer in PEERS}
    return [
        Row(
            work=f"{title}, 2 processes",
            floor="in 1 process",
            floor_seconds=measured.seconds(f"{name} 1"),
            peers=peers if name == _FIRST else {},
            ours=measured.ratio(f"{name} 2", f"{name} 1"),
            ours_seconds=measured.seconds(f"{name} 2"),
            limit=_LIMIT,
        )
        for title, name in (("first sight", _FIRST), ("again", _AGAIN))
    ]


def _together(workers: list[Connection], name: str) -> Sample:
    """The seconds of a token while all *workers* do *name* at once."""

    def sample() -> float:
        for worker in workers:
            worker.send(name)
        seconds: list[float] = [worker.recv() for worker in workers]
        return 1 / sum(1 / taken for taken in seconds)

    return sample


@contextmanager
def _worker(work: Mapping[str, Sample]) -> Generator[Connection]:
    """A process that does the named samples of *work* as it is told."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, work), daemon=True)
    process.start()
    try:
        yield here
    finally:
        here.send(None)
        process.join()


def _serve(orders: Connection, work: Mapping[str, Sample]) -> None:
    while (name := orders.recv()) is not None:
        orders.send(work[name]())
