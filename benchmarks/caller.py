"""A process that reads one session over and over in one way: ``python -m benchmarks.caller WAY URL``.

Reads a number of calls from each line of stdin and answers with the seconds that one of them took. Nothing of ours
is imported at the top: the ways of the others run where it is not installed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Final

from benchmarks.peers import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    Repeat: TypeAlias = Callable[[int], float]

SECRET_KEY: Final = "sk_test_bench0123456789"
SESSION_ID: Final = "sess_2bench00000000000000000000"


def _repeated(call: Callable[[], object]) -> Repeat:
    def repeat(calls: int) -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - begun) / calls

    return repeat


def _repeated_async(call: Callable[[], Awaitable[object]]) -> Repeat:
    loop = asyncio.new_event_loop()

    async def all_of(calls: int) -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            await call()
        return (time.perf_counter() - begun) / calls

    return lambda calls: loop.run_until_complete(all_of(calls))


def _httpx(url: str) -> Repeat:
    import httpx

    client = httpx.Client(headers={"Authorization": f"Bearer {SECRET_KEY}"})
    address = f"{url}/v1/sessions/{SESSION_ID}"
    return _repeated(lambda: client.get(address).json())


def _httpx_async(url: str) -> Repeat:
    import httpx

    client = httpx.AsyncClient(headers={"Authorization": f"Bearer {SECRET_KEY}"})
    address = f"{url}/v1/sessions/{SESSION_ID}"

    async def call() -> object:
        return (await client.get(address)).json()

    return _repeated_async(call)


def _ours(url: str) -> Repeat:
    from clerk_ext import Clerk, ClerkConfig

    sessions = Clerk(ClerkConfig(secret_key=SECRET_KEY, api_url=f"{url}/v1", issuer="https://bench.example")).sessions
    return _repeated(lambda: sessions.get(SESSION_ID))


def _ours_async(url: str) -> Repeat:
    from clerk_ext import AsyncClerk, ClerkConfig

    config = ClerkConfig(secret_key=SECRET_KEY, api_url=f"{url}/v1", issuer="https://bench.example")
    sessions = AsyncClerk(config).sessions
    return _repeated_async(lambda: sessions.get(SESSION_ID))


def _official(url: str) -> Repeat:
    sessions = load("clerk_backend_api").Clerk(bearer_auth=SECRET_KEY, server_url=f"{url}/v1").sessions
    return _repeated(lambda: sessions.get(session_id=SESSION_ID))


def _official_async(url: str) -> Repeat:
    sessions = load("clerk_backend_api").Clerk(bearer_auth=SECRET_KEY, server_url=f"{url}/v1").sessions
    return _repeated_async(lambda: sessions.get_async(session_id=SESSION_ID))


WAYS: Final = {
    "httpx": _httpx,
    "httpx-async": _httpx_async,
    "ours": _ours,
    "ours-async": _ours_async,
    "official": _official,
    "official-async": _official_async,
}


def main() -> None:
    """Answer lines until stdin ends."""
    way, url = sys.argv[1:]
    repeat = WAYS[way](url)
    for line in sys.stdin:
        print(repeat(int(line)), flush=True)


if __name__ == "__main__":
    main()
