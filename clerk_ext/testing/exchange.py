"""A request to a fake instance and its answer: plain values, whatever carried them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias, cast

import attrs

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]


def _pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    if isinstance(headers, Mapping):
        return tuple(cast(Mapping[str, str], headers).items())
    return tuple(headers)


@attrs.frozen
class FakeRequest:
    """A request as it came.

    Attributes:
        method: ``GET``, ``POST`` …
        path: The request target: path and query, percent-encoded as sent.
        headers: Name and value pairs in the order sent; a mapping is taken too. Not shown in ``repr``.
        body: The body's bytes. Not shown in ``repr``.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_pairs, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    def header_values(self, name: str) -> list[str]:
        """Return each value sent under this name, in any case of letters."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def host(self) -> str:
        """The host asked for, in lower case and without port; empty if the request names none."""
        return next(iter(self.header_values("host")), "").lower().partition(":")[0]

    @property
    def media_type(self) -> str:
        """The body's media type in lower case, without parameters; empty if none is stated."""
        return next(iter(self.header_values("content-type")), "").partition(";")[0].strip().lower()


@attrs.frozen
class FakeResponse:
    """The answer to a request.

    Attributes:
        status: The HTTP status.
        headers: Name and value pairs; a mapping is taken too.
        body: The body's bytes. Not shown in ``repr``, as it may hold a token.
        delay: Seconds of real time before it is sent.
        ending: ``cut`` breaks off in the middle of the body, ``none`` sends nothing at all.
        is_spoilt: Whether it is not what the instance would answer by itself, but trouble on command.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = attrs.field(default=(), converter=_pairs)
    body: bytes = attrs.field(default=b"", repr=False)
    delay: float = attrs.field(default=0.0, kw_only=True)
    ending: Literal["whole", "cut", "none"] = attrs.field(default="whole", kw_only=True)
    is_spoilt: bool = attrs.field(default=False, kw_only=True)

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: The body is not JSON.
        """
        return json.loads(self.body)


class FaultError(Exception):
    """A request that is refused: the HTTP status, and Clerk's code and words for it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        long_message: str | None = None,
        *,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.long_message: str = long_message or message
        self.param = param
        self.headers: Mapping[str, str] = headers or {}

    def response(self, trace_id: str) -> FakeResponse:
        """Return the error as Clerk words it, with this trace id in body and header."""
        detail: dict[str, Any] = {
            "message": self.message,
            "long_message": self.long_message,
            "code": self.code,
        }
        if self.param is not None:
            detail["meta"] = {"param_name": self.param}
        return json_response(
            self.status, {"errors": [detail], "clerk_trace_id": trace_id}, trace_id, headers=self.headers
        )


def json_response(
    status: int, body: object, trace_id: str, *, headers: Mapping[str, str] | None = None
) -> FakeResponse:
    """Return a JSON answer that carries the trace id in its header."""
    return FakeResponse(
        status,
        {"Content-Type": "application/json", "Clerk-Trace-Id": trace_id, **(headers or {})},
        json.dumps(body, separators=(",", ":")).encode("ascii"),
    )
