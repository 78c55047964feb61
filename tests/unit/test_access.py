"""What `access` answers where a request may not do something."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext.access import Denial, FrozenPolicy, Requirement, is_writing, judge, signed_out, unavailable
from clerk_ext.errors import Reason, TokenVerificationError, VerificationUnavailable
from clerk_ext.requests import RequestState, signed_in
from clerk_ext.requests import signed_out as state_signed_out
from clerk_ext.tokens.claims import SessionClaims


def verdict(claims: dict[str, Any], *, writes: bool = False, default: Any = "allow", **asked: Any) -> str:
    """The reason of the denial, or "in"."""
    state = signed_in("", SessionClaims("acme", {"sub": "user_1", "sid": "sess_1", "iat": 0.0, "exp": 1.0, **claims}))
    found = judge(state, Requirement.of(**asked), writes=writes, impersonation=default, details=False)
    return found.reason if isinstance(found, Denial) else "in"


def refused(reason: Reason, message: str = "") -> RequestState:
    """The state of a request that is signed out."""
    return state_signed_out("acme", TokenVerificationError(reason, message))


@pytest.mark.parametrize("reason", Reason)
def test_challenge_names_an_error_where_a_token_was_looked_at(reason: Reason) -> None:
    """RFC 6750 3.1: a request without authentication is told of no error."""
    nothing = reason.endswith("-missing") or reason in {
        Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT,
        Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN,
    }
    denial = signed_out(refused(reason), details=False)

    assert ("Bearer" if nothing else 'Bearer error="invalid_token"') == denial.headers["www-authenticate"]
    assert (401, reason.value) == (denial.status_code, denial.reason)


@given(st.text())
def test_description_is_one_that_a_header_may_hold(message: str) -> None:
    """Whatever the message is, it ends the header's value nowhere (RFC 6750 3)."""
    denial = signed_out(refused(Reason.TOKEN_INVALID, message), details=True)

    pattern = r'Bearer error="invalid_token", error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]*"'
    assert re.fullmatch(pattern, denial.headers["www-authenticate"])
    assert all(value.isascii() and value.isprintable() for value in denial.headers.values())
    assert message == json.loads(denial.content)["message"]


@pytest.mark.parametrize(
    ("seconds", "told"), [(None, "10"), (0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (59.5, "60"), (-3.0, "1")]
)
def test_time_to_wait_is_whole_seconds(seconds: float | None, told: str) -> None:
    """Rounded up, and never none (RFC 9110 10.2.3)."""
    denial = unavailable(VerificationUnavailable("no keys", seconds), details=False)

    assert (503, told) == (denial.status_code, denial.headers["retry-after"])


def test_denials_are_not_stored() -> None:
    """Each says so to caches, and names its headers in lower case, as ASGI wants them."""
    stale = judge(
        signed_in("", SessionClaims("acme", {"sub": "user_1", "iat": 0})),
        Requirement.of(reverification="lax"),
        writes=False,
        impersonation="allow",
        details=False,
    )
    denials = [
        signed_out(refused(Reason.TOKEN_EXPIRED), details=False),
        unavailable(VerificationUnavailable(""), details=True),
        stale,
    ]

    for denial in denials:
        assert isinstance(denial, Denial)
        assert "no-store" == denial.headers["cache-control"]
        assert [name.lower() for name in denial.headers] == list(denial.headers)


@pytest.mark.parametrize(
    ("rule", "default", "writes", "outcome"),
    [
        (None, "allow", True, "in"),
        (None, "refuse", False, "in"),
        (None, "refuse", True, "impersonation-refused"),
        (None, "refuse-all", False, "impersonation-refused"),
        ("allow", "refuse-all", True, "in"),
        ("refuse", "allow", False, "in"),
        ("refuse", "allow", True, "impersonation-refused"),
        ("refuse", "refuse-all", False, "in"),
        ("refuse-all", "allow", False, "impersonation-refused"),
    ],
)
@pytest.mark.parametrize("act", [{"sub": "user_2"}, {}, "odd", 0, False])
def test_impersonation(rule: str | None, default: str, writes: bool, outcome: str, act: object) -> None:
    """The route's word counts, then the application's; an act claim of whatever form is one."""
    asked: dict[str, Any] = {"writes": writes, "default": default}
    if rule is not None:
        asked["impersonation"] = rule

    assert outcome == verdict({"act": act}, **asked)
    assert "in" == verdict({}, **asked)


@pytest.mark.parametrize(
    ("claims", "outcome"),
    [
        ({}, "role-missing"),
        ({"org_id": "org_1", "org_role": "admin"}, "permission-missing"),
        ({"org_id": "org_1", "org_role": "admin", "org_permissions": ["org:a:b"]}, "feature-missing"),
        ({"org_id": "org_1", "org_role": "admin", "org_permissions": ["org:a:b"], "fea": "u:f"}, "plan-missing"),
        (
            {"org_id": "org_1", "org_role": "admin", "org_permissions": ["org:a:b"], "fea": "u:f", "pla": "u:p"},
            "reverification-error",
        ),
    ],
)
def test_first_demand_that_fails_is_named(claims: dict[str, Any], outcome: str) -> None:
    """Reverification comes last: nobody is asked for a proof that would not help."""
    asked: dict[str, Any] = {
        "role": "admin",
        "permission": "a:b",
        "feature": "f",
        "plan": "p",
        "reverification": "strict",
    }

    assert outcome == verdict(claims, **asked)
    assert outcome == verdict(claims, **dict(reversed(asked.items())))


@pytest.mark.parametrize(
    ("method", "writes"),
    [
        ("GET", False),
        ("HEAD", False),
        ("OPTIONS", False),
        ("TRACE", False),
        ("POST", True),
        ("QUERY", True),
        ("get", True),
    ],
)
def test_what_writes(method: str, writes: bool) -> None:
    """All but the safe methods of RFC 9110 9.2.1; their names are told apart by letter case (RFC 9110 9.1)."""
    assert writes is is_writing(method)


def test_policies_that_ask_the_same_are_equal() -> None:
    """In whatever order and kind of collection they are written."""
    first = FrozenPolicy.of({"audience": "api", "max_age": 30})
    second = FrozenPolicy.of({"max_age": 30.0, "audience": ["api"]})

    assert first == second
    assert 1 == len({first, second})
    assert first != FrozenPolicy.of({"max_age": 30})
    assert FrozenPolicy.of({"max_age": None}) != FrozenPolicy.of({"max_age": 30})
