"""`RequestState`: what a request's token came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from clerk_ext import Reason, SessionClaims, TokenVerificationError
from clerk_ext.requests import RequestState, signed_in, signed_out

from .twins import each_twin

if TYPE_CHECKING:
    from collections.abc import Callable

TOKEN: Final = "hush.hush.hush"
CLAIMS: Final = SessionClaims(
    "acme", {"sub": "user_1", "sid": "sess_1", "iss": "https://clerk.example.com", "iat": 1, "exp": 61}
)
REFUSAL: Final = TokenVerificationError(Reason.TOKEN_EXPIRED, "The token expired 7 s ago.")

STATES: Final = [signed_in(TOKEN, CLAIMS), signed_out("acme", REFUSAL)]


def test_signed_in() -> None:
    """A verified token: its claims, no reason, no headers to add."""
    state = signed_in(TOKEN, CLAIMS)

    assert ("signed-in", True, "acme") == (state.status, state.is_signed_in, state.tenant)
    assert (None, None) == (state.reason, state.message)
    assert CLAIMS is state.claims
    assert TOKEN == state.token
    assert {} == state.headers


def test_signed_out() -> None:
    """A refused token: the reason, and headers that tell it to the browser as Clerk's SDKs do."""
    state = signed_out("acme", REFUSAL)

    assert ("signed-out", False, "acme") == (state.status, state.is_signed_in, state.tenant)
    assert (Reason.TOKEN_EXPIRED, "The token expired 7 s ago.") == (state.reason, state.message)
    assert (None, None) == (state.claims, state.token)
    assert {
        "x-clerk-auth-status": "signed-out",
        "x-clerk-auth-reason": "token-expired",
        "x-clerk-auth-message": "The token expired 7 s ago.",
    } == state.headers


def test_reason_without_message() -> None:
    """A state that somebody makes without a message still has whole headers."""
    state = RequestState(status="signed-out", tenant="acme", reason=Reason.TOKEN_INVALID)

    assert "" == state.headers["x-clerk-auth-message"]


@pytest.mark.parametrize(
    ("message", "sent"),
    [("a\r\nset-cookie: b", "a??set-cookie: b"), ("caf\xe9 \u2713", "caf? ?"), ("\x00\t\x7f", "???"), ("~ !", "~ !")],
)
def test_message_cannot_break_a_header(message: str, sent: str) -> None:
    """Whatever somebody puts into the message, its header stays one line of printable ASCII."""
    state = RequestState(status="signed-out", tenant="acme", reason=Reason.TOKEN_INVALID, message=message)

    assert message == state.message
    assert sent == state.headers["x-clerk-auth-message"]


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.reason))
def test_headers_are_the_callers(state: RequestState) -> None:
    """Each call gives a new dict; writing into one reaches nobody."""
    first = state.headers
    before = dict(first)
    first["x-mine"] = "yes"  # type: ignore[index]  # pyright: ignore[reportIndexIssue]

    assert before == state.headers


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.reason))
def test_header_values_can_be_sent(state: RequestState) -> None:
    """Header values are ASCII without control characters."""
    assert all(value.isascii() and value.isprintable() for value in state.headers.values())


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state.reason))
@each_twin
def test_duplicates_are_equal(state: RequestState, twin: Callable[[Any], Any]) -> None:
    """A state can be copied and pickled."""
    other = twin(state)

    assert state == other
    assert hash(state) == hash(other)
    assert state.headers == other.headers


def test_repr_hides_the_token() -> None:
    """A state may be logged."""
    assert "hush" not in repr(signed_in(TOKEN, CLAIMS))
    assert "user_1" in repr(signed_in(TOKEN, CLAIMS))


def test_frozen() -> None:
    """Nobody signs a request in by assignment."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        signed_out("acme", REFUSAL).claims = CLAIMS  # type: ignore[misc]
