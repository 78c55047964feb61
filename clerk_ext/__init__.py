"""The way Python talks to Clerk: verify session tokens, call the session endpoints, for any number of instances.

Start with `Clerk` (or `AsyncClerk`) and `ClerkConfig`.
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
    TokenVerificationError,
    UnprocessableEntityError,
    VerificationUnavailable,
)
from clerk_ext.requests import RequestState
from clerk_ext.revocations import Revocations
from clerk_ext.tokens.claims import SessionClaims, TemplateClaims

if TYPE_CHECKING:
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
    "AuthenticationError",
    "BadRequestError",
    "Clerk",
    "ClerkConfig",
    "ClerkError",
    "ConfigurationError",
    "ConflictError",
    "InternalServerError",
    "JSONWebKey",
    "JSONWebKeySet",
    "JWKSUnavailable",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "Reason",
    "RequestState",
    "RevocationUnavailable",
    "Revocations",
    "Session",
    "SessionActivity",
    "SessionClaims",
    "SessionPage",
    "SessionStatus",
    "SessionTask",
    "TemplateClaims",
    "TokenVerificationError",
    "UnprocessableEntityError",
    "VerificationUnavailable",
]

_MODELS = frozenset(
    {
        "JSONWebKey",
        "JSONWebKeySet",
        "Session",
        "SessionActivity",
        "SessionPage",
        "SessionStatus",
        "SessionTask",
    }
)

if not TYPE_CHECKING:  # pragma: no branch - type checkers would take any misspelt import for good

    def __getattr__(name: str) -> object:
        """Load an API model when it is first asked for (PEP 562): most processes only verify."""
        if name in _MODELS:
            from clerk_sessions_api import models

            return getattr(models, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
