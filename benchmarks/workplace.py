"""Our two clients with their keys at hand, beside the server that gave them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from benchmarks.material import ISSUER, PARTY
from clerk_ext import AsyncClerk, Clerk, ClerkConfig

if TYPE_CHECKING:
    from collections.abc import Generator

    from clerk_ext import Revocations


@attrs.frozen
class Workplace:
    """A client of each world, with caches of its own each."""

    clerk: Clerk
    async_clerk: AsyncClerk
    loop: asyncio.AbstractEventLoop


@contextmanager
def workplace(jwks_url: str, revocations: Revocations | None = None, **settings: Any) -> Generator[Workplace]:
    """Make the clients with *settings* and let them fetch their keys, so that the pause between fetches begins."""
    config = ClerkConfig(issuer=ISSUER, jwks_url=jwks_url, authorized_parties=[PARTY], **settings)
    loop = asyncio.new_event_loop()
    try:
        clerk, async_clerk = Clerk(config, revocations=revocations), AsyncClerk(config, revocations=revocations)
        clerk.prewarm()
        loop.run_until_complete(async_clerk.prewarm())
        yield Workplace(clerk, async_clerk, loop)
        clerk.close()
        loop.run_until_complete(async_clerk.aclose())
    finally:
        loop.close()
