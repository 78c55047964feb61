"""HTTP: connection pools, the retry loop, and what an answer means. The only maker of generated clients."""

from __future__ import annotations

import functools
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import attrs

from clerk_ext.errors import APIConnectionError, APIError, APIResponseError, APIStatusError
from clerk_ext.forks import mend_after_fork
from clerk_ext.retries import WHERE_SAFE, RetryPolicy, retry_after_seconds

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable, Generator
    from http.cookiejar import CookieJar

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
def _failures() -> tuple[type[Exception], ...]:
    """All that httpx raises when an exchange fails: not everything descends from its HTTPError."""
    import httpx

    return (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, httpx.CookieConflict)


def _cut(response: httpx.Response, failure: Exception) -> httpx.Response | Exception:
    """What came, if the body could not be read: of an error, the status is worth more than the failure."""
    import httpx

    if response.status_code == 200:
        return failure
    kept = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return httpx.Response(response.status_code, headers=kept)


@functools.cache  # holds no lock meanwhile, which a forked child would inherit
def _tls_context() -> ssl.SSLContext:
    """One TLS context for the whole process: making one takes longer than a request."""
    import httpx

    return httpx.create_ssl_context()


def _no_cookies() -> CookieJar:
    """A jar that takes nothing: pools are shared by tenants, and no tenant's cookie may reach another."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))


class Pool:
    """The connections of the sync world, made on first use and again after a fork."""

    def __init__(
        self,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._made: httpx.Client | None = None
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's connections: two processes on one of them would mix their answers."""
        self._lock = threading.Lock()
        self._made = None

    def client(self) -> httpx.Client:
        """The client that everything goes through."""
        made = self._made
        if made is not None:
            return made
        with self._lock:
            if self._made is None:
                self._made = self._new_client()
            return self._made

    def _new_client(self) -> httpx.Client:
        import httpx

        if self._transport is not None:
            return httpx.Client(transport=self._transport, cookies=_no_cookies())
        return httpx.Client(verify=_tls_context(), cookies=_no_cookies())

    def call(self, call: Call[T]) -> T:
        """Send *call*, again where that is safe and may help, and parse the answer.

        Raises:
            APIError: No good answer came.
        """
        steps = conversation(call, self._clock, self._monotonic)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    step = next(steps)
                else:
                    step = steps.send(self._send(step))
        except StopIteration as done:
            return cast("T", done.value)

    def _send(self, request: httpx.Request) -> httpx.Response | Exception:
        try:
            client = self.client()
        except Exception as failure:  # noqa: BLE001 - a proxy or certificate file that the environment names and is none
            return failure
        try:
            response = client.send(request, stream=True)
        except _failures() as failure:
            return failure
        except RuntimeError as failure:  # closed by another thread in between
            if client.is_closed:
                return failure
            raise
        try:
            response.read()
        except _failures() as failure:
            return _cut(response, failure)
        finally:
            response.close()
        return response

    def as_async(self, transport: httpx.AsyncBaseTransport | None) -> AsyncPool:
        """The like of it for the async world.

        Raises:
            ValueError: This one has a transport that is for its own world only, and none is given for the other.
        """
        if transport is None and self._transport is not None:
            import httpx

            if not isinstance(self._transport, httpx.AsyncBaseTransport):
                raise ValueError("transport: this client sends through a transport of yours; give an async one too.")
            transport = self._transport
        return AsyncPool(transport=transport, clock=self._clock, monotonic=self._monotonic)

    def close(self) -> None:
        """Close the connections; a transport that was passed in stays its maker's to close."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None and self._transport is None:
            made.close()


class AsyncPool:
    """The connections of the async world: one client for each running event loop."""

    def __init__(
        self,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._monotonic = monotonic
        self._made: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient]
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's connections: two processes on one of them would mix their answers."""
        self._lock = threading.Lock()
        self._made = weakref.WeakKeyDictionary()

    def client(self) -> httpx.AsyncClient:
        """The client of the running loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        client = self._made.get(loop)
        if client is None:
            with self._lock:
                # A client's connections keep their loop alive, so that closed loops have to be let go of by hand.
                for closed in [other for other in self._made if other.is_closed()]:
                    del self._made[closed]
                client = self._made[loop] = self._new_client()
        return client

    def _new_client(self) -> httpx.AsyncClient:
        import httpx

        if self._transport is not None:
            return httpx.AsyncClient(transport=self._transport, cookies=_no_cookies())
        return httpx.AsyncClient(verify=_tls_context(), cookies=_no_cookies())

    async def call(self, call: Call[T]) -> T:
        """Send *call*, again where that is safe and may help, and parse the answer.

        Raises:
            APIError: No good answer came.
        """
        import asyncio

        steps = conversation(call, self._clock, self._monotonic)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                else:
                    step = steps.send(await self._send(step))
        except StopIteration as done:
            return cast("T", done.value)

    async def _send(self, request: httpx.Request) -> httpx.Response | Exception:
        try:
            client = self.client()
        except Exception as failure:  # noqa: BLE001 - a proxy or certificate file that the environment names and is none
            return failure
        try:
            response = await client.send(request, stream=True)
        except _failures() as failure:
            return failure
        except RuntimeError as failure:  # closed by another task in between
            if client.is_closed:
                return failure
            raise
        try:
            await response.aread()
        except _failures() as failure:
            return _cut(response, failure)
        finally:
            await response.aclose()
        return response

    async def aclose(self) -> None:
        """Close the running loop's connections; a transport that was passed in stays its maker's to close."""
        import asyncio

        with self._lock:
            client = self._made.pop(asyncio.get_running_loop(), None)
        if client is not None and self._transport is None:
            await client.aclose()
