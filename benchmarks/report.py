"""The table: as plain text for a screen, and as Markdown for ``results.md``."""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
from typing import TYPE_CHECKING

import attrs

from benchmarks.peers import DISTRIBUTIONS, PEERS, installed, version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MISSING = "–"
_HEADINGS = ("work", "floor", "", *PEERS, "ours", "", "limit", "")
_LEFT = 2  # columns of words; the others are numbers and stand to the right
_BESIDE = ("cryptography", "httpx", "sniffio", "attrs")


@attrs.frozen(kw_only=True)
class Row:
    """One piece of work.

    Attributes:
        work: What is done.
        floor: What the same takes at the least, or what it is held against.
        floor_seconds: The time of that; None if it could not be measured.
        peers: The peers that do it, as ratios to the floor; None for one that is not installed.
        ours: Our ratio to the floor; None if there is no floor.
        ours_seconds: The time that we take.
        limit: The greatest ratio that we want to see.
    """

    work: str
    floor: str
    floor_seconds: float | None
    peers: Mapping[str, float | None] = attrs.field(factory=dict[str, float | None])
    ours: float | None
    ours_seconds: float | None
    limit: float

    @property
    def verdict(self) -> str:
        """Whether our figure is within the limit."""
        if self.ours is None:
            return _MISSING
        return "ok" if self.ours <= self.limit else "over"

    def cells(self) -> tuple[str, ...]:
        """The row as texts, a blank for a peer that has no such work."""
        return (
            self.work,
            self.floor,
            _time(self.floor_seconds),
            *(_ratio(self.peers[peer]) if peer in self.peers else "" for peer in PEERS),
            _ratio(self.ours),
            _time(self.ours_seconds),
            _ratio(self.limit),
            self.verdict,
        )


def _ratio(value: float | None) -> str:
    return _MISSING if value is None else f"{value:.2f}"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return _MISSING
    value, unit = (seconds * 1e6, "µs") if seconds < 1e-3 else (seconds * 1e3, "ms")
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"


def legend(rounds: int) -> list[str]:
    """What the numbers are, of which versions and when."""
    ours = f"clerk-ext {version('clerk-ext')}"
    peers = ", ".join(f"{DISTRIBUTIONS[peer]} {version(DISTRIBUTIONS[peer])}" for peer in PEERS if installed(peer))
    beside = ", ".join(f"{name} {version(name)}" for name in _BESIDE)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return [
        f"Figures without a unit are ratios to the floor of their row: medians of {rounds} rounds, all taking turns.",
        f"{_MISSING} is not installed; a blank does no such work; official is Clerk's own clerk-backend-api.",
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {python}, {machine}.",
        f"{ours}; {peers}; {beside}.",
    ]


def plain(rows: Iterable[Row]) -> str:
    """The table for a screen."""
    table = [_HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(_HEADINGS))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if column < _LEFT else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(padded).rstrip()

    head, *body = map(line, table)
    return "\n".join([head, "-" * max(map(len, (head, *body))), *body])


def markdown(rows: Iterable[Row]) -> str:
    """The same table in Markdown."""
    rules = ["---" if column < _LEFT else "---:" for column in range(len(_HEADINGS))]
    lines = [_HEADINGS, rules, *(row.cells() for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
