"""A transport to fake instances that is down when a test says so, and verdicts in a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from clerk_ext import JWKSUnavailable, RevocationUnavailable, TokenVerificationError
from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from clerk_ext import AsyncClerk, Clerk


class Outage(FakeTransport):
    """Carries requests to the instances, for both worlds, unless it is `down`."""

    down = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer or fail."""
        self._fail(request)
        return super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer or fail."""
        self._fail(request)
        return await super().handle_async_request(request)

    def _fail(self, request: httpx.Request) -> None:
        if self.down:
            raise httpx.ConnectError("the instance is out of reach", request=request)


class SyncOnly(httpx.BaseTransport):
    """A transport of the sync world alone."""

    def __init__(self, inner: FakeTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        return self._inner.handle_request(request)


class AsyncOnly(httpx.AsyncBaseTransport):
    """A transport of the async world alone."""

    def __init__(self, inner: FakeTransport) -> None:
        self._inner = inner
        self.requests = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Count it and pass it on."""
        self.requests += 1
        return await self._inner.handle_async_request(request)


def afresh(token: str) -> str:
    """The same text as a new object, as each request brings it."""
    return "".join(list(token))


def told(clerk: Clerk, token: str) -> str:
    """The verdict in a word; each time for a new str."""
    try:
        clerk.verify_token(afresh(token))
    except TokenVerificationError as refused:
        return refused.reason
    except JWKSUnavailable:
        return "keys unavailable"
    except RevocationUnavailable:
        return "revocations unavailable"
    return "accepted"


async def told_async(clerk: AsyncClerk, token: str) -> str:
    """The same of an `AsyncClerk`."""
    try:
        await clerk.verify_token(afresh(token))
    except TokenVerificationError as refused:
        return refused.reason
    except JWKSUnavailable:
        return "keys unavailable"
    except RevocationUnavailable:
        return "revocations unavailable"
    return "accepted"


def hits(clerk: Clerk) -> int:
    """How many tokens were found among those remembered."""
    return clerk.stats().cache_hits
