"""Every exception that clerk_ext raises.

::

    ClerkError
    ├─ ConfigurationError (also ValueError)   a ClerkConfig that cannot work; names the field and what to write
    ├─ TokenVerificationError                 the request's fault: answer 401; ``.reason`` says why
    ├─ VerificationUnavailable                we cannot judge: answer 503; ``.retry_after``
    │    ├─ JWKSUnavailable                   the instance's keys cannot be had
    │    ├─ TenantUnavailable                 the tenant's settings cannot be loaded
    │    └─ RevocationUnavailable             the revocations object failed
    ├─ UnknownTenant (also KeyError)          there is no tenant of that name
    └─ APIError                               a call of the Backend API failed
       ├─ APIConnectionError                  no whole answer: timeout, DNS, TLS, a broken stream
       ├─ APIResponseError                    an answer that the API would not give: HTML from a proxy, a cut body
       └─ APIStatusError                      an answer with an error status
            ├─ BadRequestError (400)          ├─ ConflictError (409)
            ├─ AuthenticationError (401)      ├─ UnprocessableEntityError (422)
            ├─ PermissionDeniedError (403)    ├─ RateLimitError (429)
            └─ NotFoundError (404)            └─ InternalServerError (5xx)

No message, ``repr`` or traceback text of these holds a token, a payload or a key.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clerk_sessions_api.models import ErrorDetail


class ClerkError(Exception):
    """The root of everything that clerk_ext raises on its own account."""

    _names: ClassVar[tuple[str, ...]] = ()

    def __reduce__(self) -> tuple[Callable[..., ClerkError], tuple[type[ClerkError], dict[str, Any]]]:
        # Exceptions pickle by positional arguments; ours are keywords. Chained causes stay behind, as always.
        return _rebuild, (type(self), {name: getattr(self, name) for name in self._names})


def _rebuild(cls: type[ClerkError], arguments: dict[str, Any]) -> ClerkError:
    return cls(**arguments)


class ConfigurationError(ClerkError, ValueError):
    """A `ClerkConfig` that cannot work.

    Attributes:
        field: The setting at fault, such as ``"publishable_key"``.
        message: What is wrong with it and what to write instead; never its value when that may be a secret.
    """

    _names: ClassVar[tuple[str, ...]] = ("field", "message")

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class Reason(enum.StrEnum):
    """Why a token was refused.

    The strings are Clerk's own where Clerk has one (`clerk.com/docs`, ``TokenVerificationErrorReason`` and
    ``AuthErrorReason`` of its SDKs); the rest are ours. ``docs/reasons.md`` lists them check by check.
    """

    TOKEN_INVALID = "token-invalid"
    TOKEN_INVALID_ALGORITHM = "token-invalid-algorithm"
    TOKEN_TYPE_MISMATCH = "token-type-mismatch"
    JWK_KID_MISMATCH = "jwk-kid-mismatch"
    TOKEN_INVALID_SIGNATURE = "token-invalid-signature"
    TOKEN_VERIFICATION_FAILED = "token-verification-failed"
    TOKEN_INVALID_AUDIENCE = "token-invalid-audience"
    TOKEN_INVALID_AUTHORIZED_PARTIES = "token-invalid-authorized-parties"
    TOKEN_EXPIRED = "token-expired"
    TOKEN_NOT_ACTIVE_YET = "token-not-active-yet"
    TOKEN_IAT_IN_THE_FUTURE = "token-iat-in-the-future"
    SESSION_TOKEN_MISSING = "session-token-missing"
    SESSION_TOKEN_AND_UAT_MISSING = "session-token-and-uat-missing"
    SESSION_TOKEN_BUT_NO_CLIENT_UAT = "session-token-but-no-client-uat"
    CLIENT_UAT_BUT_NO_SESSION_TOKEN = "client-uat-but-no-session-token"
    SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT = "session-token-iat-before-client-uat"
    # Clerk has no word for these.
    TOKEN_TOO_LARGE = "token-too-large"
    TOKEN_INVALID_SESSION_ID = "token-invalid-session-id"
    TOKEN_INVALID_ISSUER = "token-invalid-issuer"
    TOKEN_TOO_OLD = "token-too-old"
    SESSION_PENDING = "session-pending"
    SESSION_STATUS_UNKNOWN = "session-status-unknown"
    SESSION_REVOKED = "session-revoked"
    TENANT_UNKNOWN = "tenant-unknown"


class TokenVerificationError(ClerkError):
    """The token is refused: the request's fault, to be answered with 401.

    Attributes:
        reason: Why, as a stable string that programs may compare.
        message: The same for people, with the remedy where there is one. Never holds any part of the token
            but the values of claims that its verified signature vouches for.
    """

    _names: ClassVar[tuple[str, ...]] = ("reason", "message")

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{message} ({reason})")
        self.reason = reason
        self.message = message


class VerificationUnavailable(ClerkError):
    """The token cannot be judged now: not the request's fault, to be answered with 503.

    Attributes:
        message: What could not be had.
        retry_after: Seconds after which asking again may help, or None when that is unknown.
    """

    _names: ClassVar[tuple[str, ...]] = ("message", "retry_after")

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class JWKSUnavailable(VerificationUnavailable):
    """The instance's key set cannot be had, and the keys at hand are absent or too old to trust."""


class TenantUnavailable(VerificationUnavailable):
    """The tenant's settings cannot be loaded now: its loader failed, hangs, or is asked too often."""


class RevocationUnavailable(VerificationUnavailable):
    """The revocations object failed to answer whether the session is revoked."""


class UnknownTenant(ClerkError, KeyError):
    """There is no tenant of that name.

    Attributes:
        name: The name that was asked for.
        message: What to do about it.
    """

    _names: ClassVar[tuple[str, ...]] = ("name", "message")

    def __init__(self, name: str, message: str = "give its ClerkConfig to Tenants, or have a loader find it.") -> None:
        super().__init__(f"there is no tenant {name!r}; {message}")
        self.name = name
        self.message = message

    def __str__(self) -> str:
        # KeyError shows its argument in quotes, as if it were the missing key.
        return Exception.__str__(self)


class APIError(ClerkError):
    """A call of Clerk's Backend API failed.

    Attributes:
        message: What failed.
    """

    _names: ClassVar[tuple[str, ...]] = ("message",)

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class APIConnectionError(APIError):
    """No whole answer came: timeout, DNS, TLS, a refused connection, a broken stream. The cause is chained."""


class APIResponseError(APIError):
    """An answer came that the API's description does not allow: HTML from a proxy, JSON of another shape.

    Attributes:
        status_code: The HTTP status of the answer.
    """

    _names: ClassVar[tuple[str, ...]] = ("message", "status_code")

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class APIStatusError(APIError):
    """The API answered with an error status.

    Attributes:
        status_code: The HTTP status.
        errors: What Clerk says of it, in its order: each with ``code``, ``message``, ``long_message`` and
            ``meta``. Empty when the body was not Clerk's.
        clerk_trace_id: Clerk's id of the request, to quote to its support; None when the answer had none.
        retry_after: Seconds that the answer asks to wait, or None.
    """

    _names: ClassVar[tuple[str, ...]] = ("message", "status_code", "errors", "clerk_trace_id", "retry_after")

    def __init__(
        self,
        message: str,
        status_code: int,
        errors: Sequence[ErrorDetail] = (),
        clerk_trace_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.errors: tuple[ErrorDetail, ...] = tuple(errors)
        self.clerk_trace_id = clerk_trace_id
        self.retry_after = retry_after

    @staticmethod
    def class_for(status_code: int) -> type[APIStatusError]:
        """The class that stands for an HTTP status: `NotFoundError` for 404, `APIStatusError` for others."""
        if status_code >= 500:
            return InternalServerError
        return _BY_STATUS.get(status_code, APIStatusError)


class BadRequestError(APIStatusError):
    """400: the request is malformed, or not possible on this kind of instance."""


class AuthenticationError(APIStatusError):
    """401: the secret key is missing or unknown; for ``refresh``, the expired token cannot be refreshed."""


class PermissionDeniedError(APIStatusError):
    """403: the secret key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such session, user or JWT template in this instance."""


class ConflictError(APIStatusError):
    """409: the resource's state does not allow this now."""


class UnprocessableEntityError(APIStatusError):
    """422: a parameter is missing, of the wrong form, or out of range."""


class RateLimitError(APIStatusError):
    """429: too many requests with this secret key; ``retry_after`` says how long to wait, in seconds."""


class InternalServerError(APIStatusError):
    """5xx: Clerk, or a proxy before it, failed."""


_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}
