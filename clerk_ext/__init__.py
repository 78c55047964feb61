"""The way Python talks to Clerk: verify session tokens, call the session endpoints, for any number of instances.

Start with `Clerk` (or `AsyncClerk`) and `ClerkConfig`; for more than one instance with `Tenants` (`AsyncTenants`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clerk_ext.clerk import AsyncClerk, Clerk
from clerk_ext.config import ClerkConfig
from clerk_ext.errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ClerkError,
    ConfigurationError,
    ConflictError,
    InternalServerError,
    JWKSUnavailable,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    Reason,
    RevocationUnavailable,
    TenantUnavailable,
    TokenVerificationError,
    UnknownTenant,
    UnprocessableEntityError,
    VerificationUnavailable,
)
from clerk_ext.requests import RequestState
from clerk_ext.revocations import Revocations
from clerk_ext.tokens.authorization import Reverification
from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
from clerk_ext.tokens.tally import Stats

if TYPE_CHECKING:
    from clerk_ext.tenancy.routing import TenantsStats
    from clerk_ext.tenancy.sweeps import SweepProgress, SweepReport, SweptSession
    from clerk_ext.tenants import AsyncTenants, Tenants
    from clerk_ext.tokens.explanation import CheckResult, Explanation
    from clerk_sessions_api.models import (
        JSONWebKey,
        JSONWebKeySet,
        Session,
        SessionActivity,
        SessionPage,
        SessionStatus,
        SessionTask,
    )

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "AsyncClerk",
    "AsyncTenants",
    "AuthenticationError",
    "BadRequestError",
    "CheckResult",
    "Clerk",
    "ClerkConfig",
    "ClerkError",
    "ConfigurationError",
    "ConflictError",
    "Explanation",
    "InternalServerError",
    "JSONWebKey",
    "JSONWebKeySet",
    "JWKSUnavailable",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Reason",
    "RequestState",
    "Reverification",
    "RevocationUnavailable",
    "Revocations",
    "Session",
    "SessionActivity",
    "SessionClaims",
    "SessionPage",
    "SessionStatus",
    "SessionTask",
    "Stats",
    "SweepProgress",
    "SweepReport",
    "SweptSession",
    "TemplateClaims",
    "TenantUnavailable",
    "Tenants",
    "TenantsStats",
    "TokenVerificationError",
    "UnknownTenant",
    "UnprocessableEntityError",
    "VerificationUnavailable",
]

_LAZY = {
    **dict.fromkeys(("AsyncTenants", "Tenants"), "clerk_ext.tenants"),
    "TenantsStats": "clerk_ext.tenancy.routing",
    **dict.fromkeys(("SweepProgress", "SweepReport", "SweptSession"), "clerk_ext.tenancy.sweeps"),
    **dict.fromkeys(("CheckResult", "Explanation"), "clerk_ext.tokens.explanation"),
    **dict.fromkeys(
        ("JSONWebKey", "JSONWebKeySet", "Session", "SessionActivity", "SessionPage", "SessionStatus", "SessionTask"),
        "clerk_sessions_api.models",
    ),
}

if not TYPE_CHECKING:  # pragma: no branch - type checkers would take any misspelt import for good

    def __getattr__(name: str) -> object:
        """Load what most processes do not need when it is first asked for (PEP 562)."""
        if name in _LAZY:
            from importlib import import_module

            return getattr(import_module(_LAZY[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
