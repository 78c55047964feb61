"""The two doors: which tokens pass verify_token, which verify_template_token, by class and session id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from clerk_ext import Clerk, Reason, TokenVerificationError

from .bench import IGNORE_CAT, MACHINE_CAT, REMOVE, SESSION_CAT, TEMPLATE_CAT, Bench

if TYPE_CHECKING:
    from collections.abc import Callable

TYPE: Final = Reason.TOKEN_TYPE_MISMATCH
SID: Final = Reason.TOKEN_INVALID_SESSION_ID
PASSES: Final = None
# cat, whether there is a sid: what verify_token says, what verify_template_token says.
MATRIX: Final[list[tuple[str, object, bool, Reason | None, Reason | None]]] = [
    ("session, sid", SESSION_CAT, True, PASSES, TYPE),
    ("session, no sid", SESSION_CAT, False, SID, TYPE),
    ("ignore, sid", IGNORE_CAT, True, PASSES, TYPE),
    ("ignore, no sid", IGNORE_CAT, False, SID, TYPE),
    ("template, sid", TEMPLATE_CAT, True, TYPE, PASSES),
    ("template, no sid", TEMPLATE_CAT, False, TYPE, PASSES),
    ("absent, sid", REMOVE, True, PASSES, TYPE),
    ("absent, no sid", REMOVE, False, SID, PASSES),
    ("machine, sid", MACHINE_CAT, True, TYPE, TYPE),
    ("machine, no sid", MACHINE_CAT, False, TYPE, TYPE),
    ("null, sid", None, True, TYPE, TYPE),
    ("null, no sid", None, False, TYPE, TYPE),
    ("unknown, sid", "cl_X", True, TYPE, TYPE),
    ("unknown, no sid", "cl_X", False, TYPE, TYPE),
    ("number, no sid", 222, False, TYPE, TYPE),
]


def told(door: Callable[[str], object], token: str) -> Reason | None:
    """Why the door refuses the token; None if it lets it pass."""
    try:
        door(token)
    except TokenVerificationError as refused:
        return refused.reason
    return None


@pytest.mark.parametrize(
    ("cat", "sid", "session", "template"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX]
)
def test_doors(
    clerk: Clerk, bench: Bench, cat: object, sid: bool, session: Reason | None, template: Reason | None
) -> None:
    """No token passes both doors, in whatever order they are tried and however often."""
    token = bench.token(header={"cat": cat}, sid=bench.session.id if sid else REMOVE)
    doors = [clerk.verify_token, clerk.verify_template_token]
    expected = [session, template]

    assert expected == [told(door, token) for door in doors]
    assert expected[::-1] == [told(door, token) for door in reversed(doors)]


@pytest.mark.parametrize("sid", [None, "", 5, []])
def test_odd_session_id_at_template_door(clerk: Clerk, bench: Bench, sid: object) -> None:
    """Without a class, a session id of any form keeps a token out of the template door, and is none at the other."""
    token = bench.token(header={"cat": REMOVE}, sid=sid)

    assert TYPE == told(clerk.verify_template_token, token)
    assert SID == told(clerk.verify_token, token)


def test_tokens_of_the_kit(clerk: Clerk, bench: Bench) -> None:
    """Tokens as the instance mints them pass their own door; the claims say whose they are."""
    session = clerk.verify_token(bench.fake.session_token(bench.session))
    template = clerk.verify_template_token(bench.fake.template_token(bench.session, "hasura"))

    assert (bench.session.id, bench.session.user.id) == (session.session_id, session.user_id)
    assert bench.session.user.id == template.user_id
    assert not hasattr(template, "session_id")
