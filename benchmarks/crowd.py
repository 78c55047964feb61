"""A process that makes many clients in one way, and says what they cost: ``python -m benchmarks.crowd WAY COUNT URL``.

Answers with one line of JSON. Nothing of ours is imported at the top: the ways of the others run where it is not
installed.
"""

from __future__ import annotations

import base64
import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.caller import SESSION_ID
from benchmarks.peers import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Made: TypeAlias = tuple[Sequence[Any], Callable[[Any], object]]
    """Clients, and how one of them makes a call."""

CALLERS: Final = 100
TWO_KEYS: Final = "twokeys"
_PAGE: Final = 4096


def settings(number: int, url: str, **more: Any) -> dict[str, Any]:
    """The fields of a tenant's `ClerkConfig`."""
    host = f"t{number}.clerk.accounts.dev"
    return {
        "name": f"tenant{number}",
        "publishable_key": "pk_test_" + base64.b64encode(f"{host}$".encode()).decode(),
        "secret_key": f"sk_test_bench{number}",
        "authorized_parties": ["https://app.example.com"],
        "jwks_url": f"{url}/v1/{TWO_KEYS}",
        "api_url": f"{url}/v1",
        **more,
    }


def _ours(count: int, url: str) -> Made:
    from clerk_ext import ClerkConfig, Tenants

    tenants = Tenants([ClerkConfig(**settings(number, url)) for number in range(count)])
    _KEPT.append(tenants)
    return list(tenants), lambda name: tenants[name].sessions.get(SESSION_ID)


def _httpx(count: int, url: str) -> Made:
    import httpx

    address = f"{url}/v1/sessions/{SESSION_ID}"
    return [httpx.Client() for _ in range(count)], lambda client: client.get(address).json()


def _official(count: int, url: str) -> Made:
    made = [load("clerk_backend_api").Clerk(bearer_auth="sk_test_bench", server_url=f"{url}/v1") for _ in range(count)]
    return made, lambda clerk: clerk.sessions.get(session_id=SESSION_ID)


_KEPT: Final[list[Any]] = []
_WAYS: Final[dict[str, Callable[[int, str], Made]]] = {"ours": _ours, "httpx": _httpx, "official": _official}


def _mib() -> float | None:
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE / 2**20
    except OSError:  # not on Linux
        return None


def _sockets() -> int | None:
    try:
        files = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return None
    return sum(file.is_symlink() and str(file.readlink()).startswith("socket:") for file in files)


def main() -> None:
    """Make one client first, which imports what all need; then as many as asked for."""
    way, count, url = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    few, call = _WAYS[way](1, url)
    call(few[0])
    if way == "ours":
        _KEPT[-1].prewarm()
    gc.collect()
    before = _mib()
    begun = time.perf_counter()
    made, call = _WAYS[way](count, url)
    seconds = time.perf_counter() - begun
    failed = len(_KEPT[-1].prewarm(concurrency=4)) if way == "ours" else 0  # now each has its keys
    gc.collect()
    after = _mib()
    sockets = _sockets()
    for client in made[:CALLERS]:
        call(client)
    then = _sockets()
    print(
        json.dumps(
            {
                "seconds": seconds,
                "mib": None if before is None or after is None else after - before,
                "sockets": None if sockets is None or then is None else then - sockets,
                "failed": failed,
            }
        )
    )


if __name__ == "__main__":
    main()
