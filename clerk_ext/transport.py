"""HTTP without connections: the retry loop, and what an answer means. The only maker of generated clients."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import attrs

from clerk_ext.errors import APIConnectionError, APIError, APIResponseError, APIStatusError
from clerk_ext.retries import WHERE_SAFE, RetryPolicy, retry_after_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import httpx

    from clerk_ext.config import ClerkConfig
    from clerk_sessions_api import AuthenticatedClient
    from clerk_sessions_api.models import ErrorDetail

T = TypeVar("T")

_TRACE_HEADERS = ("Clerk-Trace-Id", "cf-ray")
_KEPT_HEADERS = (*_TRACE_HEADERS, "Retry-After")


@functools.cache
def user_agent() -> str:
    """What we call ourselves, as Clerk's own SDKs do: ``clerk-ext@<version>``."""
    from importlib import metadata

    return f"clerk-ext@{metadata.version('clerk-ext')}"


def generated_client(config: ClerkConfig) -> AuthenticatedClient:
    """The generated client of a tenant: it builds requests and parses answers; our pools send them."""
    from clerk_sessions_api import AuthenticatedClient

    return AuthenticatedClient(
        config.api_url,
        config.secret_key or "",
        headers={"User-Agent": user_agent(), "Clerk-API-Version": config.api_version},
        timeout=config.timeout,
    )


@attrs.frozen
class Call(Generic[T]):
    """One operation, ready to be sent: the same for both worlds.

    Attributes:
        request: What to send.
        parse: Reads the answer with status 200.
        retry: When to send it again.
    """

    request: httpx.Request
    parse: Callable[[httpx.Response], T]
    retry: RetryPolicy = WHERE_SAFE


@attrs.frozen
class Pause:
    """Let *seconds* pass before going on."""

    seconds: float


def conversation(
    call: Call[T], clock: Callable[[], float], monotonic: Callable[[], float]
) -> Generator[httpx.Request | Pause, httpx.Response | Exception, T]:
    """A call as steps without I/O: yields what to send or how long to wait, is sent what came of it.

    Raises:
        APIError: No good answer came, and trying again is not to be, or has not helped.
    """
    begun = monotonic()
    attempt = 1
    while True:
        answer = _scrubbed((yield call.request))
        error = _error_of(call.request, answer, clock)
        if error is None:
            return _parse(call, cast("httpx.Response", answer))
        import random

        delay = call.retry.delay(
            method=call.request.method,
            status_code=getattr(error, "status_code", None),
            retry_after=getattr(error, "retry_after", None),
            attempt=attempt,
            spent=monotonic() - begun,
            jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        if delay is None:
            raise error from (answer if isinstance(answer, Exception) else None)
        yield Pause(delay)
        attempt += 1


def _error_of(
    request: httpx.Request, answer: httpx.Response | Exception, clock: Callable[[], float]
) -> APIError | None:
    if not isinstance(answer, Exception) and answer.status_code == 200:
        return None
    what = _name(request)
    if isinstance(answer, Exception):
        detail = ": ".join(filter(None, (type(answer).__name__, str(answer))))
        return APIConnectionError(f"{what}: no whole answer from {request.url.host} ({detail})")
    if answer.status_code < 400:
        return APIResponseError(f"{what}: unexpected status {answer.status_code}", answer.status_code)
    return _status_error(what, answer, clock)


def _scrubbed(answer: httpx.Response | Exception) -> httpx.Response | Exception:
    """What came, but for errors that quote the bytes on the wire: a token may be among them."""
    import httpx

    return type(answer)("what was received is not shown") if isinstance(answer, httpx.ProtocolError) else answer


def _name(request: httpx.Request) -> str:
    """What was asked, for messages: without the query, and encoded so that it stays on its line."""
    return f"{request.method} {request.url.raw_path.decode('ascii').partition('?')[0]}"


def _status_error(what: str, response: httpx.Response, clock: Callable[[], float]) -> APIStatusError:
    """The error for an error status; whatever the body is, the status stays."""
    try:
        content: object = response.json()
    except (ValueError, RecursionError):
        content = None
    body = cast("dict[str, object]", content) if isinstance(content, dict) else {}
    details = _details(body.get("errors"))
    said = "; ".join(f"{detail.code}: {detail.long_message or detail.message}" for detail in details)
    in_body = body.get("clerk_trace_id")
    trace_id = in_body if isinstance(in_body, str) else None
    for header in _TRACE_HEADERS:
        trace_id = trace_id or response.headers.get(header)
    return APIStatusError.class_for(response.status_code)(
        f"{what}: {response.status_code} {' '.join((said or response.reason_phrase).split())}".rstrip(),
        status_code=response.status_code,
        errors=details,
        clerk_trace_id=trace_id,
        retry_after=retry_after_seconds(response.headers, clock()),
    )


def _details(entries: object) -> list[ErrorDetail]:
    """What Clerk says of each error; a member that is missing costs neither the others nor the other errors."""
    from clerk_sessions_api.errors import UnexpectedBody
    from clerk_sessions_api.models import ErrorDetail

    details: list[ErrorDetail] = []
    for entry in cast("list[object]", entries) if isinstance(entries, list) else []:
        members = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        if not members.get("code") and not members.get("message"):
            continue
        message = members.get("message", "")
        try:
            details.append(ErrorDetail.from_dict({"code": "", "message": message, "long_message": message, **members}))
        except UnexpectedBody:
            continue
    return details


def _parse(call: Call[T], response: httpx.Response) -> T:
    from clerk_sessions_api.errors import UnexpectedBody

    try:
        return call.parse(response)
    except UnexpectedBody as unexpected:
        raise APIResponseError(
            f"{_name(call.request)}: the answer is not what the API gives: {unexpected}",
            response.status_code,
        ) from unexpected


@functools.cache
def failures() -> tuple[type[Exception], ...]:
    """All that httpx raises when an exchange fails: not everything descends from its HTTPError."""
    import httpx

    return (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)


def cut(response: httpx.Response, failure: Exception) -> httpx.Response | Exception:
    """What came, if the body could not be read: of an error, the status is worth more than the failure."""
    import httpx

    if response.status_code == 200:
        return failure
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return httpx.Response(response.status_code, headers=kept)
