"""The two tables: as plain text for a screen, and as Markdown for ``results.md``."""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
from typing import TYPE_CHECKING

import attrs

from benchmarks.peers import DISTRIBUTIONS, PEERS, SIGN_IN_PEERS, installed, version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_MISSING = "–"
_HEADINGS = ("work", "floor", "", *PEERS, "ours", "async", "", "limit", "")
_SIGN_IN_HEADINGS = ("request", "floor", "", *SIGN_IN_PEERS, "ours", "limit", "")
_LEFT = 2  # columns of words; the others are numbers and stand to the right
_BESIDE = ("cryptography", "httpx", "sniffio", "attrs", "fastapi", "starlette", "Django", "Flask", "uvicorn")


@attrs.frozen(kw_only=True)
class Row:
    """One piece of work.

    Attributes:
        work: What is done.
        floor: What the same takes at the least, or what it is held against; empty if the figure stands for itself.
        floor_seconds: The time of that; None if it could not be measured.
        floor_figure: What that comes to, where it is no time; in our unit, as are the peers then.
        peers: The peers that do it, as ratios to the floor; None for one that is not installed.
        ours: Our ratio to the floor, or our figure; None if there is no floor.
        ours_async: The same of the async world, where that is another.
        ours_seconds: The time that we take.
        limit: The greatest figure that we want to see.
        at_least: It is the smallest instead.
        unit: Of our figure and the limit; empty for a ratio.
    """

    work: str
    floor: str = ""
    floor_seconds: float | None = None
    floor_figure: float | None = None
    peers: Mapping[str, float | None] = attrs.field(factory=dict[str, float | None])
    ours: float | None
    ours_async: float | None = None
    ours_seconds: float | None = None
    limit: float
    at_least: bool = False
    unit: str = ""

    @property
    def share(self) -> float | None:
        """How much of the limit our worse figure takes: more than 1 is over it."""
        figures = [figure for figure in (self.ours, self.ours_async) if figure is not None]
        if not figures:
            return None
        return max(self.limit / figure if self.at_least else figure / self.limit for figure in figures)

    @property
    def verdict(self) -> str:
        """Whether our figures are within the limit."""
        share = self.share
        if share is None:
            return _MISSING
        return "ok" if share <= 1 else "over"

    def shown(self) -> tuple[str, str]:
        """The worse of our figures and the limit, as texts."""
        figures = [figure for figure in (self.ours, self.ours_async) if figure is not None]
        worse = (min if self.at_least else max)(figures, default=None)
        return _figure(worse, self.unit), ("≥ " if self.at_least else "") + _figure(self.limit, self.unit)

    def _floor(self) -> str:
        if self.unit:
            return _figure(self.floor_figure, self.unit) if self.floor else ""
        return _time(self.floor_seconds) if self.floor else ""

    def sign_in_cells(self) -> tuple[str, ...]:
        """The row as texts of the second table: each ratio with the time that is added, a blank as in `cells`."""
        peers = (self._with_added(self.peers[peer]) if peer in self.peers else "" for peer in SIGN_IN_PEERS)
        ours = self._with_added(self.ours, self.unit)
        return (self.work, self.floor, self._floor(), *peers, ours, self.shown()[1], self.verdict)

    def _with_added(self, figure: float | None, unit: str = "") -> str:
        if self.unit or figure is None or self.floor_seconds is None:
            return _figure(figure, unit)
        added = (figure - 1) * self.floor_seconds
        signed = f"{'+' if added > 0 else '-'}{_time(abs(added))}"
        return f"{_figure(figure)} {signed:>8}"

    def cells(self) -> tuple[str, ...]:
        """The row as texts, a blank for a peer that has no such work."""
        return (
            self.work,
            self.floor,
            self._floor(),
            *(_figure(self.peers[peer]) if peer in self.peers else "" for peer in PEERS),
            _figure(self.ours, self.unit),
            "" if self.ours_async is None else _figure(self.ours_async),
            _time(self.ours_seconds) if self.floor and not self.unit else "",
            self.shown()[1],
            self.verdict,
        )


def _figure(value: float | None, unit: str = "") -> str:
    if value is None:
        return _MISSING
    if value >= 100:
        return f"{value:,.0f} {unit}".rstrip()
    digits = 3 if value < 0.1 else 2
    return f"{value:.{digits}f} {unit}".rstrip()


def _time(seconds: float | None) -> str:
    if seconds is None:
        return _MISSING
    value, unit = (seconds * 1e6, "µs") if seconds < 1e-3 else (seconds * 1e3, "ms")
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f} {unit}"


def legend(rounds: int) -> list[str]:
    """What the numbers are, of which versions and when."""
    ours = f"clerk-ext {version('clerk-ext')}"
    peers = ", ".join(f"{name} {version(name)}" for peer, name in DISTRIBUTIONS.items() if installed(peer))
    beside = ", ".join(f"{name} {version(name)}" for name in _BESIDE)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    return [
        f"Figures without a unit are ratios to the floor of their row: medians of {rounds} rounds, all taking turns.",
        "What is added to the floor stands beside the ratio where the work is a request.",
        f"{_MISSING} is not installed; a blank does no such work; official is Clerk's own clerk-backend-api.",
        f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {python}, {machine}.",
        f"{ours}; {peers}; {beside}.",
    ]


def plain(rows: Iterable[Row]) -> str:
    """The table for a screen."""
    return _plain(_HEADINGS, [row.cells() for row in rows])


def plain_of_sign_in(rows: Iterable[Row]) -> str:
    """The table of the rows about requests."""
    return _plain(_SIGN_IN_HEADINGS, [row.sign_in_cells() for row in rows])


def _plain(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = [headings, *rows]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(headings))]

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
    return _markdown(_HEADINGS, [row.cells() for row in rows])


def markdown_of_sign_in(rows: Iterable[Row]) -> str:
    """The table of the rows about requests."""
    return _markdown(_SIGN_IN_HEADINGS, [row.sign_in_cells() for row in rows])


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rules = ["---" if column < _LEFT else "---:" for column in range(len(headings))]
    lines = [headings, rules, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
