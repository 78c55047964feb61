# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""What models and operations share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from json import loads
from typing import TYPE_CHECKING, Any, Generic, TypeGuard, TypeVar
from urllib.parse import quote

import attrs

from .errors import UnexpectedBody

if TYPE_CHECKING:
    from collections.abc import Container

    import httpx

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Response(Generic[T]):
    """An answer and what was read from it.

    Attributes:
        status_code: The HTTP status.
        content: The body as it came, in bytes; not shown, since it may hold a token.
        headers: The response headers; not shown, since they may hold cookies.
        parsed: The body as a model.
    """

    status_code: int
    content: bytes = attrs.field(repr=False)
    headers: httpx.Headers = attrs.field(repr=False)
    parsed: T


def from_milliseconds(milliseconds: int) -> datetime:
    """Give the moment, in UTC, that many milliseconds after 1970-01-01T00:00:00Z.

    Raises:
        OverflowError: The moment is outside the years 1 to 9999.
    """
    return _EPOCH + timedelta(milliseconds=milliseconds)


def is_array(source: Any) -> TypeGuard[list[Any]]:
    """Tell whether a JSON value is an array."""
    return type(source) is list


def leftovers(source: dict[str, Any], fields: Container[str]) -> dict[str, Any]:
    """Give the members of an object that its model does not name, in their order."""
    rest: dict[str, Any] = {}
    for name in source:
        if name not in fields:
            rest[name] = source[name]
    return rest


def read_json(response: httpx.Response) -> Any:
    """Parse an answer's body.

    Raises:
        UnexpectedBody: The body is not JSON.
    """
    try:
        return loads(response.content)
    except (ValueError, RecursionError):
        raise UnexpectedBody("body", "JSON") from None


def path_segment(value: str, name: str) -> str:
    """Percent-encode an id as exactly one segment of a path (RFC 3986, section 3.3).

    Args:
        value: The id.
        name: The parameter's name, for the message.

    Raises:
        ValueError: The id would lead to another path (empty, ``.``, ``..`` or with a slash), or is not Unicode text.
    """
    if value in ("", ".", "..") or "/" in value:
        raise ValueError(f'{name} must not be empty, ".", ".." or contain "/"')
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be Unicode text without lone surrogates") from None


__all__ = ["Response", "from_milliseconds", "is_array", "leftovers", "path_segment", "read_json"]
