"""Each check of a token, told to people: what passed, what failed and what to do, what was not reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from clerk_ext.errors import Reason, TokenVerificationError
from clerk_ext.tokens.claims import SessionClaims
from clerk_ext.tokens.token import HEADER_CHECKS, SESSION, claims_of, header_of, key_and_class, split

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from clerk_ext.tokens.judge import Judge, Steps
    from clerk_ext.tokens.token import Policy

    Outcome: TypeAlias = Literal["passed", "failed", "not reached"]

# ASCII, for terminals and log files of any encoding.
_MARKS: Mapping[str, str] = {"passed": "ok", "failed": "NO", "not reached": "--"}

_REMEDIES: Mapping[Reason, str] = {
    Reason.TOKEN_INVALID: "Pass the bare JWT: no quotes, no scheme, no bytes. Else it is no token of Clerk's.",
    Reason.TOKEN_TOO_LARGE: "Take custom claims out of the session token; Clerk advises to stay below 1.2 KB of them.",
    Reason.TOKEN_TYPE_MISMATCH: "JWT-template tokens go to verify_template_token, session tokens to verify_token.",
    Reason.TOKEN_INVALID_ALGORITHM: "Clerk's keys cannot verify a JWT template that has a signing key of its own.",
    Reason.JWK_KID_MISMATCH: "It is another instance's: compare the publishable keys of frontend and backend.",
    Reason.TOKEN_INVALID_SIGNATURE: "It was changed or forged; or jwt_key, if set, is another instance's.",
    Reason.TOKEN_VERIFICATION_FAILED: "This is no token as Clerk makes them: look where it comes from.",
    Reason.TOKEN_INVALID_SESSION_ID: "If it is a JWT-template token, give it to verify_template_token.",
    Reason.TOKEN_INVALID_ISSUER: "It is another instance's: compare publishable keys; behind a proxy, set proxy_url.",
    Reason.TOKEN_INVALID_AUDIENCE: "Set audience to what your custom claims put into aud, or take it out there.",
    Reason.TOKEN_INVALID_AUTHORIZED_PARTIES: "Add your frontend's origin to authorized_parties.",
    Reason.TOKEN_EXPIRED: "The frontend must send a fresh token; if it does, compare the clocks.",
    Reason.TOKEN_NOT_ACTIVE_YET: "Set this machine's clock, or raise clock_skew.",
    Reason.TOKEN_IAT_IN_THE_FUTURE: "Set this machine's clock, or raise clock_skew.",
    Reason.TOKEN_TOO_OLD: "The frontend must send a fresh token, or max_age must be raised.",
    Reason.SESSION_PENDING: "Let the user finish their tasks, or set accept_pending.",
    Reason.SESSION_STATUS_UNKNOWN: "Update clerk-ext: Clerk has a status that it does not know.",
    Reason.SESSION_REVOKED: "The user has to sign in again.",
}


@attrs.frozen
class CheckResult:
    """What one check came to.

    Attributes:
        name: The check, by the claim or part of the token that it looks at.
        outcome: Whether it passed, failed, or was not reached because an earlier one failed.
        reason: Why it failed.
        message: The same for people; of a check that passed, what it could not look at.
        remedy: What to do about either.
    """

    name: str
    outcome: Outcome
    reason: Reason | None = None
    message: str | None = None
    remedy: str | None = None

    def __str__(self) -> str:
        line = f"{_MARKS[self.outcome]} {self.name}"
        if self.message:
            line += f": {self.message}{f' ({self.reason})' if self.reason else ''}\n    {self.remedy}"
        return line


@attrs.frozen
class Explanation:
    """Every check of a session token, in order. Print it.

    Attributes:
        tenant: The tenant that was asked.
        checks: The checks, in the order in which they are made.
    """

    tenant: str
    checks: tuple[CheckResult, ...]

    @property
    def is_accepted(self) -> bool:
        """Whether every check passed."""
        return self.failed is None

    @property
    def failed(self) -> CheckResult | None:
        """The check that failed, if one did."""
        return next((check for check in self.checks if check.outcome == "failed"), None)

    def __str__(self) -> str:
        verdict = "accepted" if self.is_accepted else "refused"
        return "\n".join([f"The session token is {verdict} by tenant {self.tenant}:", *map(str, self.checks)])


_FORM, _HEADER, _KEY, _SIGNATURE, _PAYLOAD, _REVOKED = "form", "header", "key", "signature", "payload", "not revoked"


def _name(check: Callable[..., None]) -> str:
    """What people call a check: the member that it looks at."""
    return check.__name__.strip("_")


CHECKS: tuple[str, ...] = (
    _FORM,
    _HEADER,
    *(_name(check) for check in HEADER_CHECKS),
    _KEY,
    _SIGNATURE,
    _PAYLOAD,
    *(_name(check) for check in SESSION.checks),
    _REVOKED,
)
"""The names of the checks of a session token, in order."""


def explain(judge: Judge, token: object) -> Steps[Explanation]:
    """Make each check of a session token by itself; the first that fails is the last that is made.

    Raises:
        VerificationUnavailable: The token cannot be judged now.
    """
    passed: list[str] = []
    try:
        yield from _walk(judge, token, passed)
    except TokenVerificationError as refusal:
        # With the key at hand, that is found where the signature is; that there is no such key, before.
        at = len(passed)
        if CHECKS[at] == _KEY and refusal.reason is Reason.TOKEN_INVALID_SIGNATURE:
            passed.append(_KEY)
            at += 1
        remedy = _REMEDIES[refusal.reason]
        failed = [CheckResult(CHECKS[at], "failed", refusal.reason, refusal.message, remedy)]
    else:
        failed = []
    unseen = _unseen(judge.policy)
    results = [*(unseen.get(name) or CheckResult(name, "passed") for name in passed), *failed]
    results += [CheckResult(name, "not reached") for name in CHECKS[len(results) :]]
    return Explanation(judge.config.name, tuple(results))


def _unseen(policy: Policy) -> Mapping[str, CheckResult]:
    """What passes because nothing to compare with is configured."""
    unseen: dict[str, CheckResult] = {}
    if policy.issuers is None:
        message = "No issuer is known, so that any is accepted."
        unseen["iss"] = CheckResult("iss", "passed", None, message, "Add publishable_key, frontend_api or issuer.")
    if policy.authorized_parties is None:
        message = "No parties are configured: tokens that any web site obtained are accepted."
        unseen["azp"] = CheckResult("azp", "passed", None, message, "Set authorized_parties to your frontend's origin.")
    return unseen


def _walk(judge: Judge, token: object, passed: list[str]) -> Steps[None]:
    """Check after check; the names of those that passed are put into *passed*."""
    parsed = split(token, {})
    passed.append(_FORM)
    header = header_of(parsed)
    passed.append(_HEADER)
    for header_check in HEADER_CHECKS:
        header_check(header, SESSION)
        passed.append(_name(header_check))
    parsed.kid, parsed.category = key_and_class(header)
    if judge.at_hand(parsed) is None:
        yield from judge.find_key(parsed)
    passed += [_KEY, _SIGNATURE]
    claims = claims_of(parsed.payload)
    passed.append(_PAYLOAD)
    now = judge.config.clock()
    for check in SESSION.checks:
        check(claims, judge.policy, now)
        passed.append(_name(check))
    if judge.revocations is not None:
        judge.refuse_revoked(judge.revocations, SessionClaims(judge.config.name, claims, judge.config.clock))
    passed.append(_REVOKED)
