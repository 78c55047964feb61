"""What a request may do, and what to answer where it may not: pure, and the same in every framework.

A refusal is one of three answers. 401: nobody is signed in (RFC 6750 3, with ``WWW-Authenticate: Bearer``). 403: they
are, and may not do this. 503: it cannot be told now, with ``Retry-After`` (RFC 9110 10.2.3).
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict, cast

import attrs

from clerk_ext.config import ClerkConfig
from clerk_ext.errors import Reason
from clerk_ext.tokens.authorization import NOT_ASKED, PRESETS, is_reverification

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Unpack

    from clerk_ext.errors import VerificationUnavailable
    from clerk_ext.requests import RequestState
    from clerk_ext.tokens.authorization import Preset, Reverification
    from clerk_ext.tokens.claims import SessionClaims

Impersonation: TypeAlias = Literal["allow", "refuse", "refuse-all"]
"""Whether somebody who acts as the user is let through: always; unless they would write; never."""

_TEXTS = ("role", "permission", "feature", "plan")
_IMPERSONATIONS = ("allow", "refuse", "refuse-all")
_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_NOTHING_BROUGHT = frozenset(
    {
        Reason.SESSION_TOKEN_MISSING,
        Reason.SESSION_TOKEN_AND_UAT_MISSING,
        Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT,
        Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN,
    }
)
_RETRY_AFTER = 10.0
"""Seconds to wait where nobody knows better: the pause after a failed fetch of keys."""
_NOT_QUOTED = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
"""What ``error_description`` may not hold (RFC 6750 3)."""
VARY = "Authorization, Cookie"
"""What an answer depends on that was made for whoever asks (RFC 9110 12.5.5)."""


class Policy(TypedDict, total=False):
    """The keyword arguments of `Clerk.with_policy`; see there."""

    authorized_parties: Collection[str] | None
    allow_missing_azp: bool
    accept_pending: bool
    audience: str | Collection[str] | None
    max_age: float | None


class Asked(TypedDict, total=False):
    """The keyword arguments of ``require``, in every framework.

    Attributes:
        role: A role in the active organisation; these five are those of `SessionClaims.has`.
        permission: A custom permission in it, such as ``org:invoices:create``.
        feature: A feature of the organisation's or the user's plan.
        plan: A plan, written like a feature.
        reverification: How lately the user must have proven who they are.
        impersonation: ``"refuse"``: somebody who acts as the user may read, but not write (methods other than GET,
            HEAD, OPTIONS and TRACE; websockets). ``"refuse-all"``: nor read. ``"allow"``: both, as by default.
        policy: What is asked of the token itself on this route, in place of what the client asks; see
            `Clerk.with_policy`.
    """

    role: str
    permission: str
    feature: str
    plan: str
    reverification: Preset | Reverification
    impersonation: Impersonation
    policy: Policy


@attrs.frozen
class FrozenPolicy:
    """A `Policy` that can be a key, so that routes which ask the same share a client.

    Attributes:
        changes: The arguments of ``with_policy``.
    """

    changes: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, policy: Policy) -> FrozenPolicy:
        """Check a policy, whoever's client it will be for.

        Raises:
            TypeError: It is no mapping, or an argument is none of ``with_policy``'s.
            ValueError: It is empty; a `ConfigurationError` where a value cannot work.
        """
        if not isinstance(policy, Mapping):
            raise TypeError(f"policy: write a dict of the arguments of with_policy, not {type(policy).__name__}.")
        unknown = sorted(set(policy) - set(Policy.__annotations__))
        if unknown:
            raise TypeError(f"policy: with_policy has no argument {unknown[0]!r}.")
        if not policy:
            raise ValueError("policy: is empty, and would ask what the client asks; leave it out.")
        checked = ClerkConfig(frontend_api="clerk.example.com", **policy)
        # The configuration holds collections as tuples or frozen sets.
        return cls(tuple((name, getattr(checked, name)) for name in sorted(policy)))


@attrs.frozen
class Requirement:
    """What a route asks of a request beyond being signed in; see `Asked`.

    Attributes:
        demands: The arguments of `SessionClaims.has`, by name.
        impersonation: None leaves it to what holds for the whole application.
        policy: None leaves it to the client.
    """

    demands: Mapping[str, Any] = attrs.field(factory=dict[str, Any])
    impersonation: Impersonation | None = None
    policy: FrozenPolicy | None = None

    @classmethod
    def of(cls, **asked: Unpack[Asked]) -> Requirement:
        """Check what a route asks for when the route is made: a slip would refuse everybody, or nobody.

        Raises:
            TypeError: There is no such argument, or it is of the wrong type.
            ValueError: One has a value that nobody could have; a `ConfigurationError` where it is the policy's.
        """
        given: dict[str, Any] = dict(asked)
        for name in given:
            if name not in Asked.__annotations__:
                near = difflib.get_close_matches(name, Asked.__annotations__, n=1)
                known = f"did you mean {near[0]!r}?" if near else f"write one of {', '.join(Asked.__annotations__)}."
                raise TypeError(f"require: has no argument {name!r}; {known}")
        reverification: object = given.get("reverification", NOT_ASKED)
        impersonation: object = given.get("impersonation")
        policy: Policy | None = given.get("policy")
        demands: dict[str, Any] = {name: given[name] for name in _TEXTS if name in given}
        for name, value in demands.items():
            if not isinstance(value, str):
                raise TypeError(f"{name}: write a str, not {type(value).__name__}.")
            if not value.strip():
                raise ValueError(f"{name}: is empty, and would refuse everybody; leave it out to ask for none.")
        if reverification is not NOT_ASKED:
            if not is_reverification(reverification):
                raise ValueError(
                    f"reverification: write one of {', '.join(map(repr, PRESETS))} or a dict such as "
                    '{"level": "second_factor", "afterMinutes": 10}.'
                )
            # A copy, as JSON can tell it: refusals show it.
            demands["reverification"] = (
                {name: reverification[name] for name in ("level", "afterMinutes")}
                if isinstance(reverification, Mapping)
                else reverification
            )
        if impersonation is not None:
            check_impersonation(impersonation)
        return cls(
            demands, cast("Impersonation | None", impersonation), None if policy is None else FrozenPolicy.of(policy)
        )


SIGNED_IN = Requirement()
"""Being signed in, and nothing else."""


def check_impersonation(value: object) -> None:
    """Check a setting of that name.

    Raises:
        ValueError: It is none.
    """
    if value not in _IMPERSONATIONS:
        raise ValueError(f"impersonation: write one of {', '.join(map(repr, _IMPERSONATIONS))}, not {value!r}.")


def check_details(value: object) -> None:
    """Check a setting of that name: a text, as an environment has it, would always be true.

    Raises:
        TypeError: It is neither True nor False.
    """
    if not isinstance(value, bool):
        raise TypeError(f"details: write True or False, not {value!r}.")


@attrs.frozen(kw_only=True)
class Denial:
    """An answer that refuses a request, whatever the framework.

    Attributes:
        status_code: 401, 403 or 503.
        headers: Its headers but for those of the body; names in lower case.
        body: What its body says, as JSON.
        reason: Why: a `Reason`, ``"role-missing"`` and its like, ``"impersonation-refused"``,
            ``"reverification-error"``, or ``"unavailable"``.
    """

    status_code: Literal[401, 403, 503]
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    reason: str

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return json.dumps(self.body).encode()


def is_writing(method: str) -> bool:
    """Whether a request's method is one that may change something (RFC 9110 9.2.1)."""
    return method not in _READING


def judge(
    state: RequestState, requirement: Requirement, *, writes: bool, impersonation: Impersonation, details: bool
) -> SessionClaims | Denial:
    """Whether a request may do what its route is for.

    Args:
        state: What its token came to, under the requirement's policy.
        requirement: What the route asks for.
        writes: Whether the request may change something.
        impersonation: What holds where the requirement says nothing of it.
        details: Whether the body of a denial tells why.
    """
    claims = state.claims
    if claims is None:
        return signed_out(state, details=details)
    rule = requirement.impersonation or impersonation
    if rule != "allow" and claims.is_impersonated and (writes or rule == "refuse-all"):
        return _forbidden("impersonation-refused", "Whoever acts as another user may not do this.", details=details)
    for name, value in requirement.demands.items():
        if not claims.has(**{name: value}):
            if name == "reverification":
                return _to_be_reverified(value)
            return _forbidden(f"{name}-missing", f"The session has not the {name} that this needs.", details=details)
    return claims


def signed_out(state: RequestState, *, details: bool) -> Denial:
    """The answer to a request that is signed out: 401 (RFC 6750 3.1)."""
    assert state.reason is not None
    challenge = "Bearer"
    if state.reason not in _NOTHING_BROUGHT:  # who brought nothing is told of no error
        challenge += ' error="invalid_token"'
        if details:
            challenge += f', error_description="{_NOT_QUOTED.sub("?", state.message or "")}"'
    return _denial(
        401,
        {"www-authenticate": challenge, **state.headers},
        "Not signed in.",
        state.reason.value,
        state.message or "",
        details=details,
    )


def unavailable(outage: VerificationUnavailable, *, details: bool) -> Denial:
    """The answer to a request of which nobody can tell now whether it is signed in: 503."""
    seconds = outage.retry_after
    if seconds is None or not math.isfinite(seconds):
        seconds = _RETRY_AFTER
    return _denial(
        503,
        {"retry-after": str(max(1, math.ceil(seconds)))},
        "Whether you are signed in cannot be told now. Try again.",
        "unavailable",
        outage.message,
        details=details,
    )


def _forbidden(reason: str, message: str, *, details: bool) -> Denial:
    """The answer to a request that is signed in and may not do this: 403."""
    return _denial(
        403,
        {"www-authenticate": 'Bearer error="insufficient_scope"'},
        "Not allowed.",
        reason,
        message,
        details=details,
    )


def _to_be_reverified(reverification: object) -> Denial:
    """The same where Clerk's frontend can ask the user for proof and repeat the request.

    The form is that of Clerk's SDKs (Clerk docs, ``useReverification()``).
    """
    reason = "reverification-error"
    return Denial(
        status_code=403,
        headers={"www-authenticate": 'Bearer error="insufficient_scope"', "cache-control": "no-store"},
        body={
            "clerk_error": {
                "type": "forbidden",
                "reason": reason,
                "metadata": {"reverification": reverification},
            }
        },
        reason=reason,
    )


def _denial(
    status_code: Literal[401, 403, 503],
    headers: Mapping[str, str],
    detail: str,
    reason: str,
    message: str,
    *,
    details: bool,
) -> Denial:
    body = {"detail": detail, "reason": reason, "message": message} if details else {"detail": detail}
    return Denial(status_code=status_code, headers={**headers, "cache-control": "no-store"}, body=body, reason=reason)
