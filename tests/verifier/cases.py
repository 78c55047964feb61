"""Every case of the trust policy, read from ``tests/vectors``."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import attrs

from clerk_ext import Reason

from . import recipes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .bench import Bench
    from .recipes import Recipe

Door: TypeAlias = Literal["session", "template"]

VECTORS: Final = Path(__file__).parents[1] / "vectors"


@attrs.frozen
class Case:
    """A token, and what is to come of it.

    Attributes:
        step: The step of the trust policy, as ``docs/reasons.md`` numbers them.
        name: The test's id.
        door: ``verify_token`` or ``verify_template_token``.
        reason: Why it is refused; None if it is accepted.
        who: Who could make such a token.
        why: Why it is accepted or refused.
        rfc8725: The items of RFC 8725 that it is about.
        token_class: The class of tokens that it is about, if any.
        config: Settings of the `ClerkConfig`, as they are written.
        setup: What is done before the token is made, as it is written.
        recipe: How the token is made.
    """

    step: int
    name: str
    door: Door
    reason: Reason | None
    who: str
    why: str
    rfc8725: tuple[str, ...]
    token_class: str | None
    config: Mapping[str, Any]
    setup: list[dict[str, Any]]
    recipe: Recipe

    def __str__(self) -> str:
        return f"{self.step}: {self.name}"

    def settings_for(self, bench: Bench) -> dict[str, Any]:
        """The settings, those that depend on the bench worked out."""
        return settings(bench, self.config)

    def prepare(self, bench: Bench) -> None:
        """Do what comes before the token is made."""
        recipes.prepare(bench, self.setup)

    def make(self, bench: Bench) -> object:
        """Make the token, or what is brought in place of one."""
        return recipes.made(bench, self.recipe)

    def original(self, bench: Bench) -> str | None:
        """The token before anybody changed what was signed, if there was one."""
        return recipes.original(bench, self.recipe)


def settings(bench: Bench, config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as a vector has them, worked out."""
    return {name: recipes.evaluated(bench, value) for name, value in config.items()}


def read(name: str) -> dict[str, Any]:
    """A file of the vectors."""
    return cast("dict[str, Any]", json.loads((VECTORS / name).read_text("utf-8")))


@functools.cache
def _files() -> dict[str, list[dict[str, Any]]]:
    names = sorted(path.name for path in (VECTORS / "tokens").glob("*.json"))
    return {name: cast("list[dict[str, Any]]", read(f"tokens/{name}")["cases"]) for name in names}


def _case(written: dict[str, Any]) -> Case:
    expected = cast("str", written["expect"])
    return Case(
        written["step"],
        written["name"],
        written["door"],
        None if expected == "accepted" else Reason(expected),
        written["who"],
        written["why"],
        tuple(written.get("rfc8725", ())),
        written.get("class"),
        written.get("config", {}),
        written.get("setup", []),
        written["token"],
    )


WRITTEN: Final = [(name, case) for name, cases in _files().items() for case in cases]
CASES: Final = [_case(written) for _, written in WRITTEN]
ACCEPTED: Final = [case for case in CASES if case.reason is None]
REFUSED: Final = [case for case in CASES if case.reason is not None]
