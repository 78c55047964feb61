"""Which row of ``docs/outages.md`` a test shows: `test_documented` compares both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Condition: TypeAlias = tuple[str, str, str, str]

F = TypeVar("F", bound="Callable[..., object]")

CONDITIONS: Final[dict[Condition, set[str]]] = {}
"""The first four cells of a row of the first table, and the tests that show it."""

TRIED: Final[dict[str, int]] = {}
"""The first cell of a row of "What was tried", and how many fetches its test counts."""


def condition(*cells: str) -> Callable[[F], F]:
    """Shows the row of the first table that has these four cells."""
    there, age, under_way, over = cells

    def note(test: F) -> F:
        CONDITIONS.setdefault((there, age, under_way, over), set()).add(test.__name__)
        return test

    return note


def tried(*whats: str, fetches: int) -> Callable[[F], F]:
    """Shows these rows of "What was tried", whose last cell is *fetches*; the test is to count as many."""

    def note(test: F) -> F:
        TRIED.update(dict.fromkeys(whats, fetches))
        return test

    return note
