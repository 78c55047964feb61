"""What a request's token came to: `RequestState`, which never raises for what the caller sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import attrs

from clerk_ext.errors import Reason, TokenVerificationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from clerk_ext.tokens.claims import SessionClaims

    Status: TypeAlias = Literal["signed-in", "signed-out"]


_NOT_FOR_HEADERS = re.compile(r"[^\x20-\x7e]")


@attrs.frozen(kw_only=True)
class RequestState:
    """Whether a request is signed in, and if not, why (Clerk docs, ``authenticateRequest()``).

    Attributes:
        status: ``"signed-in"`` or ``"signed-out"``.
        reason: Why the request is signed out; None when it is signed in.
        message: The same for people; None when it is signed in.
        claims: The verified claims; None when it is signed out.
        token: The token that was verified; None when it is signed out.
        tenant: The name of the tenant that was asked; None where `Tenants` found none to ask.
        headers: Headers to add to the answer, as Clerk's SDKs do; empty when it is signed in.
    """

    status: Status
    tenant: str | None
    reason: Reason | None = None
    message: str | None = None
    claims: SessionClaims | None = None
    token: str | None = attrs.field(default=None, repr=False)

    @property
    def is_signed_in(self) -> bool:
        """Whether `claims` are there."""
        return self.claims is not None

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers to add to the answer: a new dict each time."""
        if self.reason is None:
            return {}
        return {
            "x-clerk-auth-status": self.status,
            "x-clerk-auth-reason": self.reason.value,
            "x-clerk-auth-message": _NOT_FOR_HEADERS.sub("?", self.message or ""),
        }


def signed_in(token: str, claims: SessionClaims) -> RequestState:
    """The state of a request whose token was verified."""
    return RequestState(status="signed-in", tenant=claims.tenant, claims=claims, token=token)


def signed_out(tenant: str | None, refusal: TokenVerificationError) -> RequestState:
    """The state of a request whose token was refused."""
    return RequestState(status="signed-out", tenant=tenant, reason=refusal.reason, message=refusal.message)


def missing() -> TokenVerificationError:
    """Why a request without a token is signed out."""
    return TokenVerificationError(Reason.SESSION_TOKEN_MISSING, "The request brings no session token.")
