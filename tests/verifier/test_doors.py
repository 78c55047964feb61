"""The two doors: which tokens pass verify_token, which verify_template_token, by class and session id."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from clerk_ext import Clerk, Reason, TokenVerificationError

from .cases import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bench import Bench
    from .cases import Door


def _pairs() -> dict[str, dict[Door, Case]]:
    """Cases that bring one token to both doors, with nothing configured; by the token's recipe."""
    found: dict[str, dict[Door, Case]] = {}
    for case in CASES:
        if not case.config and not case.setup:
            found.setdefault(json.dumps(case.recipe, sort_keys=True), {})[case.door] = case
    return {recipe: doors for recipe, doors in found.items() if len(doors) == 2}


PAIRS: Final = _pairs()
CLASSES: Final = {"session", "ignore", "template", "no class", "M2M", "API key", "handshake"}


def told(door: Callable[[str], object], token: str) -> Reason | None:
    """Why the door refuses the token; None if it lets it pass."""
    try:
        door(token)
    except TokenVerificationError as refused:
        return refused.reason
    return None


def test_every_class_is_brought_to_both() -> None:
    """Tokens of each class are brought to both doors, with and without a session id; some pass at each."""
    cases = [case for doors in PAIRS.values() for case in doors.values()]

    assert len(PAIRS) >= 20
    assert set() == CLASSES - {case.token_class for case in cases}
    assert {"session", "template"} == {case.door for case in cases if case.reason is None}


@pytest.mark.parametrize("doors", PAIRS.values(), ids=[doors["session"].name for doors in PAIRS.values()])
def test_doors(clerk: Clerk, bench: Bench, doors: dict[Door, Case]) -> None:
    """No token passes both doors, in whatever order they are tried and however often."""
    token = doors["session"].make(bench)
    assert isinstance(token, str)
    ways = [clerk.verify_token, clerk.verify_template_token]
    expected = [doors["session"].reason, doors["template"].reason]

    assert expected != [None, None]
    assert expected == [told(way, token) for way in ways]
    assert expected[::-1] == [told(way, token) for way in reversed(ways)]


def test_tokens_of_the_kit(clerk: Clerk, bench: Bench) -> None:
    """Tokens as the instance mints them pass their own door; the claims say whose they are."""
    session = clerk.verify_token(bench.fake.session_token(bench.session))
    template = clerk.verify_template_token(bench.fake.template_token(bench.session, "hasura"))

    assert (bench.session.id, bench.session.user.id) == (session.session_id, session.user_id)
    assert bench.session.user.id == template.user_id
    assert not hasattr(template, "session_id")
