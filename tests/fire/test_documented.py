"""Each row of ``docs/outages.md`` is a test of this folder, and each test that shows a row is in it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Final

from .rows import CONDITIONS, TRIED

HERE: Final = Path(__file__).parent
PAGE: Final = HERE.parents[1] / "docs" / "outages.md"


def tables() -> list[list[list[str]]]:
    """The cells of the page's tables, without their heads."""
    found: list[list[list[str]]] = [[]]
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table[2:] for table in found if table]


def load_tests() -> None:
    """Have every test of the folder noted, also when this one runs alone."""
    for module in sorted(HERE.glob("test_*.py")):
        importlib.import_module(f"tests.fire.{module.stem}")


def test_conditions_are_tests() -> None:
    """The rows of the first table are those that tests show, each once."""
    load_tests()
    conditions, _ = tables()
    rows = [(there, age, under_way, over) for there, age, under_way, over, _ in conditions]

    assert sorted(CONDITIONS) == sorted(rows)


def test_what_was_tried_are_tests() -> None:
    """So are those of the second, with the number of fetches that the test counts."""
    load_tests()
    _, rows = tables()

    assert sorted(TRIED.items()) == sorted((what, int(fetches)) for what, _, fetches in rows)
