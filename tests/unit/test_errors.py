"""The tree of exceptions, as users catch and send them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import pytest

from clerk_ext import errors
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
from clerk_sessions_api.models import ErrorDetail

from .twins import each_twin

if TYPE_CHECKING:
    from collections.abc import Callable

DETAIL: Final = ErrorDetail(message="not found", long_message="No session was found.", code="resource_not_found")

EXAMPLES: Final[list[ClerkError]] = [
    ClerkError("anything"),
    ConfigurationError("secret_key", "write the key."),
    TokenVerificationError(Reason.TOKEN_EXPIRED, "The token expired."),
    VerificationUnavailable("not now", 3.5),
    JWKSUnavailable("no keys", 7.0),
    TenantUnavailable("no settings", 1.0),
    UnknownTenant("acme"),
    RevocationUnavailable("no answer"),
    APIError("failed"),
    APIConnectionError("timed out"),
    APIResponseError("HTML", 502),
    *(
        cls("refused", status, [DETAIL], "trace_1", 2.0)
        for status, cls in {
            418: APIStatusError,
            400: BadRequestError,
            401: AuthenticationError,
            403: PermissionDeniedError,
            404: NotFoundError,
            409: ConflictError,
            422: UnprocessableEntityError,
            429: RateLimitError,
            500: InternalServerError,
        }.items()
    ),
]

PARENTS: Final[dict[type[ClerkError], tuple[type[BaseException], ...]]] = {
    ClerkError: (Exception,),
    ConfigurationError: (ClerkError, ValueError),
    TokenVerificationError: (ClerkError,),
    VerificationUnavailable: (ClerkError,),
    JWKSUnavailable: (VerificationUnavailable,),
    TenantUnavailable: (VerificationUnavailable,),
    UnknownTenant: (ClerkError, KeyError),
    RevocationUnavailable: (VerificationUnavailable,),
    APIError: (ClerkError,),
    APIConnectionError: (APIError,),
    APIResponseError: (APIError,),
    APIStatusError: (APIError,),
    BadRequestError: (APIStatusError,),
    AuthenticationError: (APIStatusError,),
    PermissionDeniedError: (APIStatusError,),
    NotFoundError: (APIStatusError,),
    ConflictError: (APIStatusError,),
    UnprocessableEntityError: (APIStatusError,),
    RateLimitError: (APIStatusError,),
    InternalServerError: (APIStatusError,),
}


def named(error: ClerkError) -> str:
    """The class of an example, as its id."""
    return type(error).__name__


def state(error: BaseException) -> dict[str, Any]:
    """Everything that an error carries, models as what they were made of."""
    return {
        name: [detail.to_dict() for detail in value] if name == "errors" else value
        for name, value in vars(error).items()
    }


def test_the_tree() -> None:
    """Every class has the parents that are documented, and there is no other."""
    defined = {value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, BaseException)}

    assert set(PARENTS) == defined
    assert PARENTS == {cls: cls.__bases__ for cls in PARENTS}


def test_every_class_has_an_example() -> None:
    """The tests below run for every class of the tree."""
    assert set(PARENTS) == {type(error) for error in EXAMPLES}


@each_twin
@pytest.mark.parametrize("error", EXAMPLES[1:], ids=named)
def test_duplicates_tell_the_same(error: ClerkError, twin: Callable[[Any], Any]) -> None:
    """An error that crossed to another process, or was copied, says and carries the same."""
    other = twin(error)

    assert type(error) is type(other)
    assert str(error) == str(other)
    assert repr(error) == repr(other)
    assert state(error) == state(other)


@pytest.mark.parametrize("error", EXAMPLES, ids=named)
def test_an_error_is_not_handed_on_by_its_cause(error: ClerkError) -> None:
    """A cause stays where it was: it may hold what cannot be sent."""
    try:
        raise error from OSError("socket")
    except ClerkError as caught:
        left, cause = caught, caught.__cause__

    assert isinstance(cause, OSError)
    assert type(left) is type(error)


def test_configuration_error_names_the_field() -> None:
    """The message begins with the field, so that a log line alone tells it."""
    error = ConfigurationError("jwt_key", "is no PEM.")

    assert "jwt_key: is no PEM." == str(error)
    assert ("jwt_key", "is no PEM.") == (error.field, error.message)


def test_refusal_shows_its_reason() -> None:
    """The text has both the sentence and the stable string."""
    error = TokenVerificationError(Reason.SESSION_REVOKED, "The session was revoked.")

    assert "The session was revoked. (session-revoked)" == str(error)
    assert "session-revoked" == error.reason
    assert "session-revoked" == f"{error.reason}"


def test_reasons_are_each_their_own() -> None:
    """No two reasons share a string, and each is in Clerk's spelling."""
    strings = [reason.value for reason in Reason]

    assert len(strings) == len(set(strings))
    assert all(reason.name == reason.value.upper().replace("-", "_") for reason in Reason)


@pytest.mark.parametrize(
    ("status", "cls"),
    [
        (302, APIStatusError),
        (400, BadRequestError),
        (401, AuthenticationError),
        (402, APIStatusError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, APIStatusError),
        (422, UnprocessableEntityError),
        (429, RateLimitError),
        (499, APIStatusError),
        (500, InternalServerError),
        (503, InternalServerError),
        (599, InternalServerError),
    ],
)
def test_class_for_status(status: int, cls: type[APIStatusError]) -> None:
    """Each documented status has its class, 5xx share one, the others are `APIStatusError`."""
    assert cls is APIStatusError.class_for(status)


def test_errors_of_a_status_are_the_errors_own() -> None:
    """The list that the caller passed may change; what the error carries does not."""
    details = [DETAIL]
    error = NotFoundError("refused", 404, details)
    details.clear()

    assert (DETAIL,) == error.errors
    assert (404, None, None) == (error.status_code, error.clerk_trace_id, error.retry_after)


def test_unavailable_may_not_know_when() -> None:
    """`retry_after` is None where nobody knows."""
    assert None is VerificationUnavailable("not now").retry_after
    assert 7.0 == JWKSUnavailable("no keys", 7.0).retry_after
