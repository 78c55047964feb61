"""What sign-in adds to a request, in each framework: with the keys at hand, and when a process gets its first one."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.caller import SECRET_KEY
from benchmarks.material import ISSUER, PARTY, Mint
from benchmarks.measure import take_turns
from benchmarks.peers import CLERK_AUTH, OFFICIAL, OFFICIAL_SYNC, installed
from benchmarks.report import Row
from benchmarks.server import ROOT, serving
from benchmarks.sites import BARE, DJANGO, DJANGO_ASYNC, FASTAPI, FLASK, FRAMEWORKS, OPEN, OURS, STARLETTE, Place

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from typing import IO

    from benchmarks.measure import Measured, Sample

_CALLS: Final = 100
_FRESH: Final = "ours, first sight"
_PEERS: Final = {
    FASTAPI: (OFFICIAL, OFFICIAL_SYNC, CLERK_AUTH),
    STARLETTE: (OFFICIAL, OFFICIAL_SYNC),
    DJANGO: (OFFICIAL,),
    DJANGO_ASYNC: (OFFICIAL, OFFICIAL_SYNC),
    FLASK: (OFFICIAL,),
}
_AGAIN_LIMITS: Final = {FASTAPI: 2.5, STARLETTE: 4.5, DJANGO: 1.9, DJANGO_ASYNC: 1.3, FLASK: 1.9}
_FRESH_LIMITS: Final = {FASTAPI: 3.9, STARLETTE: 10.0, DJANGO: 3.1, DJANGO_ASYNC: 1.5, FLASK: 3.1}
_COLD_SHARE: Final = 3
"""Of how many rounds one is taken where each sample is a process."""
_COLD_LIMITS: Final = {FASTAPI: 50.0, FLASK: 100.0}  # milliseconds


def measure(rounds: int) -> list[Row]:
    """The rows about requests; those of a first request take fewer rounds, since each is a process."""
    mint = Mint()
    with serving({"jwks": mint.jwks()}) as url:
        place = place_at(url)
        with ExitStack() as stack:
            ways = {framework: (BARE, OURS, *peers_of(framework)) for framework in FRAMEWORKS}
            # All start at once, and then wait for their turns.
            places = {name: stack.enter_context(process("visit", name, ways[name], place)) for name in FRAMEWORKS}
            numbers = count(1)
            rows = [row for name, visited in places.items() for row in _warm(name, visited, mint, numbers, rounds)]
        return [*rows, *(_cold(name, place, mint, max(2, rounds // _COLD_SHARE)) for name in _COLD_LIMITS)]


def place_at(url: str) -> Place:
    """An instance whose keys are at a server's address."""
    return Place(url, ISSUER, PARTY, SECRET_KEY)


def peers_of(framework: str) -> list[str]:
    """The installed peers that sign in the requests of a framework."""
    return [peer for peer in _PEERS[framework] if installed(peer)]


@attrs.frozen
class Process:
    """Applications in a process of their own; see `benchmarks.sites`."""

    asked: IO[str]
    answers: IO[str]

    def said(self) -> Any:
        """The next line of its output, as JSON."""
        return json.loads(self.answers.readline())

    def visit(self, way: str, tokens: Sequence[bytes], path: str = "") -> float:
        """The seconds of a request to the application of one way, of one request for each token."""
        print(json.dumps([way, path, [token.decode() for token in tokens]]), file=self.asked, flush=True)
        seconds: float = self.said()
        return seconds


@contextmanager
def process(mode: str, framework: str, ways: Sequence[str], place: Place) -> Generator[Process]:
    """Start applications of a framework, one for each way."""
    arguments = [sys.executable, "-m", "benchmarks.sites", mode, framework]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            print(json.dumps({"place": attrs.asdict(place), "ways": ways}), file=child.stdin, flush=True)
            yield Process(child.stdin, child.stdout)
        finally:
            child.terminate()


def _warm(framework: str, visited: Process, mint: Mint, numbers: Iterator[int], rounds: int) -> list[Row]:
    """A request with the keys at hand, the same token each time and another one each time.

    The peers remember no tokens, so that both are one to them.
    """
    assert visited.said() == "ready"
    again = [mint.token()] * _CALLS
    samples: dict[str, Sample | None] = {
        way: _asking(visited, way, again) for way in (BARE, OURS, *peers_of(framework))
    }
    # Tokens are made anew for each sample, before it is timed.
    samples[_FRESH] = lambda: visited.visit(OURS, [mint.token(next(numbers)) for _ in range(_CALLS)])
    measured = take_turns(samples, rounds)
    limits = _AGAIN_LIMITS[framework], _FRESH_LIMITS[framework]
    return [
        _row(f"{framework}, {what}", way, framework, measured, limit)
        for what, way, limit in zip(("again", "first sight"), (OURS, _FRESH), limits, strict=True)
    ]


def _asking(visited: Process, way: str, tokens: Sequence[bytes]) -> Sample:
    return lambda: visited.visit(way, tokens)


def _row(work: str, way: str, framework: str, measured: Measured, limit: float) -> Row:
    return Row(
        work=work,
        floor="bare request",
        floor_seconds=measured.seconds(BARE),
        peers={peer: measured.ratio(peer, BARE) for peer in _PEERS[framework]},
        ours=measured.ratio(way, BARE),
        ours_seconds=measured.seconds(way),
        limit=limit,
    )


def _cold(framework: str, place: Place, mint: Mint, rounds: int) -> Row:
    """The first request with a token in a process that has answered another before: keys fetched over loopback."""
    token = mint.token()

    def first(way: str) -> Sample:
        def sample() -> float:
            with process("visit", framework, [way], place) as visited:
                assert visited.said() == "ready"
                visited.visit(way, [token], OPEN)
                return visited.visit(way, [token])

        return sample

    measured = take_turns({way: first(way) for way in (OURS, *peers_of(framework))}, rounds)
    return Row(
        work=f"{framework}, first of a process",
        peers={peer: milliseconds(measured.seconds(peer)) for peer in _PEERS[framework]},
        ours=milliseconds(measured.seconds(OURS)),
        limit=_COLD_LIMITS[framework],
        unit="ms",
    )


def milliseconds(seconds: float | None) -> float | None:
    """The same time in another unit."""
    return None if seconds is None else 1e3 * seconds
