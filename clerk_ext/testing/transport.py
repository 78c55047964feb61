"""Fake instances behind an httpx transport: no sockets, for clients of both worlds."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx

from .api import BACKEND_HOST
from .exchange import FakeRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from .exchange import FakeResponse
    from .instance import FakeClerk


class FakeTransport(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Carries requests to fake instances, in ``httpx.Client`` and ``httpx.AsyncClient`` alike.

    A Frontend API host leads to its instance. The Backend API's host, and any other if the path begins with
    ``/v1/``, leads to the instance whose secret key the request carries; a request without a known key gets
    its 401 from the first instance. Anything else cannot be connected to.

    Args:
        fakes: One or more instances, no two alike.

    Raises:
        ValueError: No instance is given, or two are the same to the outside.
    """

    def __init__(self, *fakes: FakeClerk) -> None:
        if not fakes:
            raise ValueError("fakes: none given; pass at least one FakeClerk")
        self._by_host = {fake.frontend_api: fake for fake in fakes}
        self._by_key = {fake.secret_key: fake for fake in fakes}
        self._first = fakes[0]
        if len(self._by_host) < len(fakes):
            raise ValueError("fakes: two have the same slug and environment; give each its own slug")

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of ``httpx.Client``.

        Raises:
            httpx.ConnectError: No instance is at this address, or there is an outage.
        """
        request.read()
        answer = self._answer(request)
        delay = _delay(answer, request)
        if delay:
            time.sleep(delay)
        return _arrived(answer, request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of ``httpx.AsyncClient``.

        Raises:
            httpx.ConnectError: No instance is at this address, or there is an outage.
        """
        await request.aread()
        answer = self._answer(request)
        delay = _delay(answer, request)
        if delay:
            await asyncio.sleep(delay)
        return _arrived(answer, request)

    def _answer(self, request: httpx.Request) -> FakeResponse:
        fake = self._route(request)
        # latin-1 is what HTTP header bytes are when they are not ASCII; it loses nothing.
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        return fake.handle(FakeRequest(request.method, request.url.raw_path.decode("ascii"), headers, request.content))

    def _route(self, request: httpx.Request) -> FakeClerk:
        host = request.url.host
        if host in self._by_host:
            return self._by_host[host]
        if host == BACKEND_HOST or request.url.path.startswith("/v1/"):
            secret_key = request.headers.get("authorization", "").rpartition(" ")[2]
            return self._by_key.get(secret_key, self._first)
        raise httpx.ConnectError(f"no fake Clerk instance is at {host}", request=request)


class _Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that breaks off."""

    def __init__(self, body: bytes) -> None:
        self._half = body[: len(body) // 2]

    def __iter__(self) -> Iterator[bytes]:
        yield self._half
        raise httpx.RemoteProtocolError("the fake instance broke off in the middle of the body")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def _patience(request: httpx.Request) -> float:
    """Seconds that the client waits for an answer."""
    patience: float | None = request.extensions.get("timeout", {}).get("read")
    return float("inf") if patience is None else patience


def _delay(answer: FakeResponse, request: httpx.Request) -> float:
    return min(answer.delay, _patience(request))


def _arrived(answer: FakeResponse, request: httpx.Request) -> httpx.Response:
    """An answer as it comes out of the wire."""
    headers = list(answer.headers)
    if answer.delay > _patience(request):
        raise httpx.ReadTimeout("the fake instance is slow", request=request)
    if answer.ending == "none":
        raise httpx.ConnectError("the fake instance has an outage", request=request)
    if answer.ending == "cut":
        return httpx.Response(answer.status, headers=headers, stream=_Cut(answer.body), request=request)
    return httpx.Response(answer.status, headers=headers, content=answer.body, request=request)
