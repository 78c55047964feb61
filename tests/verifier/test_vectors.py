"""The vectors are complete, say what their README says that they do, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from clerk_ext import Reason

from .cases import ACCEPTED, CASES, REFUSED, VECTORS, WRITTEN
from .edits import EDITS

if TYPE_CHECKING:
    from collections.abc import Iterator

README: Final = (VECTORS / "README.md").read_text("utf-8")
# RFC 8725, section 3, and the fact that each class of Clerk's tokens is told apart by.
ITEMS: Final = {f"3.{number}" for number in range(1, 13)}
CLASSES: Final = {
    "session", "session v1", "session v2", "ignore", "no class", "template", "M2M", "OAuth access", "API key",
    "handshake",
}  # fmt: skip
MEMBERS: Final = {"name", "step", "door", "expect", "who", "rfc8725", "class", "why", "config", "setup", "token"}
RECIPE: Final = {"literal", "length", "base", "header", "claims", "signer", "edits", "splice", "as"}
PLACES: Final = {
    "header", "payload", "header segment", "payload segment", "signature", "signature segment", "token",
}  # fmt: skip


def table(head: str) -> dict[str, str]:
    """The README's tables under this heading: the names in the first column, with the second."""
    found: dict[str, str] = {}
    for part in README.split(f"\n| {head} |")[1:]:
        for row in part.split("\n\n")[0].strip().split("\n")[2:]:
            names, meaning = re.split(r" \| ", row.strip("| "))
            found |= dict.fromkeys(re.findall(r"`([^`]+)`", names) or [names], meaning)
    return found


def recipes(value: Any) -> Iterator[dict[str, Any]]:
    """The recipe, and those of other tokens within it."""
    yield value
    for donor in value.get("splice", {}).values():
        yield from recipes(donor)


def values(value: object) -> Iterator[dict[str, Any]]:
    """Every object within a value that stands for another value."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if any(name.startswith("$") for name in members):
            yield members
        for member in members.values():
            yield from values(member)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from values(item)


RECIPES: Final = [recipe for _, written in WRITTEN for recipe in recipes(written["token"])]


def test_there_are_enough() -> None:
    """There are hundreds of cases, each with a name of its own; as many of each kind as a corpus needs."""
    names = Counter(case.name for case in CASES)

    assert len(CASES) >= 300
    assert len(ACCEPTED) >= 75
    assert len(REFUSED) >= 225
    assert [] == [name for name, count in names.items() if count > 1]


def test_every_step_has_both() -> None:
    """Each step has accepted and refused cases, and each file those of its step."""
    steps = list(range(1, 10))

    assert steps == sorted({case.step for case in ACCEPTED})
    assert steps == sorted({case.step for case in REFUSED})
    assert [] == [(name, case["name"]) for name, case in WRITTEN if name[0].isdigit() and int(name[0]) != case["step"]]


def test_every_reason_of_a_token() -> None:
    """Each reason is there that is not about a request or the choice of a tenant."""
    of_requests = {reason for reason in Reason if reason.startswith(("session-token", "client-uat", "tenant-"))}

    assert set(Reason) - of_requests == {case.reason for case in REFUSED}


def test_rfc8725_is_covered() -> None:
    """Each item of RFC 8725 is in the README's table and has a case that is refused for it; no other is named."""
    assert ITEMS == set(table("RFC 8725"))
    assert ITEMS == {item for case in REFUSED for item in case.rfc8725}
    assert ITEMS == {item for case in CASES for item in case.rfc8725}


def test_every_class_is_covered() -> None:
    """Each class of tokens is in the README's table and has cases, with an accepted one where a door is open to it."""
    let_in = {"session", "session v1", "session v2", "ignore", "no class", "template"}

    assert CLASSES == set(table("Class"))
    assert CLASSES == {case.token_class for case in CASES if case.token_class}
    assert let_in == {case.token_class for case in ACCEPTED if case.token_class}
    assert CLASSES - {"session v1", "session v2"} == {case.token_class for case in REFUSED if case.token_class}


def test_everybody_is_there() -> None:
    """Each who is in the README's table and makes a token that is refused."""
    assert set(table("Who")) == {case.who for case in CASES}
    assert set(table("Who")) == {case.who for case in REFUSED}


@pytest.mark.parametrize("written", [case for _, case in WRITTEN], ids=lambda written: written["name"])
def test_form(written: dict[str, Any]) -> None:
    """A case has the members that the README lists, says why, and expects that it is accepted or a reason."""
    optional = {"rfc8725", "class", "config", "setup"}

    assert MEMBERS == set(table("Member")) - RECIPE
    assert MEMBERS - optional <= set(written) <= MEMBERS
    assert written["door"] in ("session", "template")
    assert written["expect"] in {"accepted", *Reason}
    assert written["why"].endswith(".")
    for recipe in recipes(written["token"]):
        assert RECIPE >= set(recipe)


def test_recipes_say_what_the_readme_does() -> None:
    """Every member, signer, place and edit of a recipe is in the README, and used; so are values and setups."""
    edits = {edit[0] for recipe in RECIPES for steps in recipe.get("edits", {}).values() for edit in steps}
    signers: list[Any] = [recipe["signer"] for recipe in RECIPES if "signer" in recipe]
    setups = {key for _, case in WRITTEN for step in case.get("setup", []) for key in step}
    kinds = {name for _, case in WRITTEN for value in values(case) for name in value if name.startswith("$")}
    names = {value["$"] for _, case in WRITTEN for value in values(case) if "$" in value}
    told = " ".join(table("Value"))

    assert RECIPE == {member for recipe in RECIPES for member in recipe}
    assert PLACES == set(table("Place")) == {place for recipe in RECIPES for place in recipe.get("edits", {})}
    assert set(EDITS) == set(table("Edit")) == edits
    assert {name for name in signers if isinstance(name, str)} == set(table("Signer")) - _unnamed() - {"instance"}
    assert {json.dumps(sorted(way)) for way in signers if not isinstance(way, str)} == set(map(_sorted, _unnamed()))
    assert setups == {name for row in table("Setup") for name in re.findall(r'^{"([a-z ]+)"', row)}
    assert kinds == set(re.findall(r'"(\$[a-z]*)"', told))
    assert names == set(re.findall(r"[a-z]+\.[a-z]+|absent", told))


def _unnamed() -> set[str]:
    return {name for name in table("Signer") if name.startswith("{")}


def _sorted(names: str) -> str:
    return json.dumps(sorted(re.findall(r"[a-z]+", names)))
