"""The conformance matrix, behaviour by framework, from the reports of a test run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.conformance.behaviours.listed import LIST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_CASE = re.compile(r"tests/conformance/test_behaviours\.py::test_behaviour\[(\w+)-([\w-]+)\]\Z")


def lines_of(passed: Iterable[str], failed: Iterable[str]) -> list[str]:
    """The matrix as text; nothing where the run had none of its cases.

    Args:
        passed: The ids of tests that passed.
        failed: The ids of those that did not.
    """
    outcomes = {
        case.groups(): mark for ids, mark in ((passed, "✓"), (failed, "✗")) for case in map(_CASE.match, ids) if case
    }
    if not outcomes:
        return []
    columns = sorted({column for _, column in outcomes})
    names = [name for name in LIST if any((name, column) in outcomes for column in columns)]
    width = max(map(len, names))
    return [
        *(f"{letter}  {column}" for letter, column in zip(_letters(columns), columns, strict=True)),
        "",
        f"{'':{width}}  {' '.join(_letters(columns))}",
        *(f"{name:{width}}  {' '.join(outcomes.get((name, column), ' ') for column in columns)}" for name in names),
        "",
        f"{len(names)} behaviours × {len(columns)} columns: {sum(mark == '✓' for mark in outcomes.values())} pass, "
        f"{sum(mark == '✗' for mark in outcomes.values())} fail.",
    ]


def _letters(columns: Sequence[str]) -> list[str]:
    return [chr(ord("A") + place) for place in range(len(columns))]
