"""Many callers of one client at the same time: threads of a `Clerk`, tasks of an `AsyncClerk`."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any, Protocol

from clerk_ext import AsyncClerk, Clerk, JWKSUnavailable, TokenVerificationError
from tests.verifier.clients import told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clerk_ext import ClerkConfig
    from tests.verifier.bench import Bench
    from tests.verifier.servers import KeyServer


def config_of(bench: Bench, server: KeyServer, **settings: Any) -> ClerkConfig:
    """Settings on the bench's clock, with the keys of this server."""
    clocks = {"clock": bench.clock.time, "monotonic": bench.clock.monotonic}
    return bench.fake.config(jwks_url=server.url, **clocks, **settings)


async def told_async(clerk: AsyncClerk, token: str) -> str:
    """The verdict in a word."""
    try:
        await clerk.verify_token(token)
    except TokenVerificationError as refused:
        return refused.reason
    except JWKSUnavailable:
        return "unavailable"
    return "accepted"


class Crowd(Protocol):
    """Verifies each token by a caller of its own, all at the same time."""

    def __call__(
        self,
        config: ClerkConfig,
        tokens: Sequence[str],
        heard: Callable[[int], object],
        warmed: Callable[[], object] | None = None,
    ) -> list[str]:
        """Verify.

        Args:
            config: Of the client.
            tokens: A caller for each.
            heard: Called with the number of verdicts so far: once all callers are off, and after each verdict.
            warmed: Called once the client has keys; None for one that has none.

        Returns:
            The verdicts in the order in which they came.
        """
        ...


def in_threads(
    config: ClerkConfig,
    tokens: Sequence[str],
    heard: Callable[[int], object],
    warmed: Callable[[], object] | None = None,
) -> list[str]:
    """See `Crowd`."""
    barrier = threading.Barrier(len(tokens) + 1)

    def verify(token: str) -> str:
        barrier.wait(10)
        return told(clerk, token)

    with Clerk(config) as clerk, ThreadPoolExecutor(len(tokens)) as pool:
        if warmed:
            clerk.prewarm()
            warmed()
        futures = [pool.submit(verify, token) for token in tokens]
        barrier.wait(10)
        heard(0)
        verdicts: list[str] = []
        for future in as_completed(futures, timeout=20):
            verdicts.append(future.result())
            heard(len(verdicts))
        return verdicts


def in_tasks(
    config: ClerkConfig,
    tokens: Sequence[str],
    heard: Callable[[int], object],
    warmed: Callable[[], object] | None = None,
) -> list[str]:
    """See `Crowd`."""

    async def main() -> list[str]:
        async with AsyncClerk(config) as clerk:
            if warmed:
                await clerk.prewarm()
                warmed()
            tasks = [asyncio.ensure_future(told_async(clerk, token)) for token in tokens]
            await asyncio.to_thread(heard, 0)
            verdicts: list[str] = []
            for task in asyncio.as_completed(tasks, timeout=20):
                verdicts.append(await task)
                heard(len(verdicts))
            return verdicts

    return asyncio.run(main())
