"""Many tenants in one process: what each costs, and whether one feels the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

from benchmarks.crowd import CALLERS, settings
from benchmarks.material import forged
from benchmarks.measure import each, take_turns
from benchmarks.peers import OFFICIAL, installed
from benchmarks.report import Row
from benchmarks.server import ROOT
from clerk_ext import AsyncTenants, ClerkConfig, ClerkError, Tenants

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from benchmarks.material import Mint
    from benchmarks.measure import Sample

MANY: Final = 10_000
_FEW: Final = CALLERS
_CALLS: Final = 200
_WATCHED: Final = 4_000
_HOT: Final = 50
_BETWEEN: Final = 4


def measure(rounds: int, mint: Mint, url: str) -> list[Row]:
    """The rows about tenants; *url* serves the key sets ``jwks`` and ``jwks2`` and a session."""
    return [*_costs(url), *_at_random(rounds, mint, url), *_beside_others(rounds, mint, url)]


def _costs(url: str) -> list[Row]:
    ours = _crowd("ours", MANY, url)
    httpx = _crowd("httpx", _FEW, url)
    official = _crowd("official", _FEW, url) if installed(OFFICIAL) else {}
    assert ours["failed"] == 0

    def scaled(crowd: dict[str, Any], figure: str) -> float | None:
        value = crowd.get(figure)
        return None if value is None else value * MANY / _FEW

    rows: list[Row] = []
    for work, figure, unit, limit in (
        (f"{MANY:,} tenants made", "seconds", "s", 0.5),
        (f"memory of {MANY:,} tenants", "mib", "MiB", 50),
    ):
        rows.append(
            Row(
                work=work,
                floor=f"{MANY:,} httpx.Client",
                floor_figure=scaled(httpx, figure),
                peers={OFFICIAL: scaled(official, figure)},
                ours=ours[figure],
                limit=limit,
                unit=unit,
            )
        )
    sockets = Row(
        work=f"sockets after {CALLERS} tenants' calls",
        floor=f"{CALLERS} httpx.Client",
        floor_figure=httpx["sockets"],
        peers={OFFICIAL: official.get("sockets")},
        ours=ours["sockets"],
        limit=1,
        unit="more",
    )
    return [*rows, sockets]


def _crowd(way: str, count: int, url: str) -> dict[str, Any]:
    """What many clients cost, in a process of their own."""
    arguments = [sys.executable, "-m", "benchmarks.crowd", way, str(count), url]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@contextmanager
def _tenants(numbers: range, url: str, **more: Any) -> Generator[Tenants]:
    with Tenants([ClerkConfig(**settings(number, url, **more)) for number in numbers]) as tenants:
        assert tenants.prewarm(concurrency=4) == {}
        yield tenants


def _tokens(mint: Mint, count: int) -> list[bytes]:
    """A token of each tenant."""
    return [mint.token(number, issuer=f"https://t{number}.clerk.accounts.dev") for number in range(count)]


def _at_random(rounds: int, mint: Mint, url: str) -> list[Row]:
    tokens = _tokens(mint, MANY)
    chance = random.Random(0)

    def of_one() -> list[str]:
        return [tokens[0].decode() for _ in range(_CALLS)]

    def of_any() -> list[str]:
        return [tokens[chance.randrange(MANY)].decode() for _ in range(_CALLS)]

    with ExitStack() as stack:
        one = stack.enter_context(_tenants(range(1), url, token_cache_size=0))
        many = stack.enter_context(_tenants(range(MANY), url, token_cache_size=0))
        again = stack.enter_context(_tenants(range(MANY), url))
        for token in tokens:
            again.verify_token(token.decode())
            many.verify_token(token.decode())
        fetched = sum(stats.fetches["fetched"] for stats in many.stats().tenants.values())
        assert fetched == MANY  # one fetch each
        measured = take_turns(
            {
                "one": each(one.verify_token, of_one),
                "many": each(many.verify_token, of_any),
                "again": each(again.verify_token, of_any),
            },
            rounds,
        )
    return [
        Row(
            work=work,
            floor="ours, first sight, 1 tenant",
            floor_seconds=measured.seconds("one"),
            ours=measured.ratio(case, "one"),
            ours_seconds=measured.seconds(case),
            limit=limit,
        )
        for work, case, limit in (
            (f"first sight, any of {MANY:,} tenants", "many", 1.2),
            (f"again, any of {MANY:,} tenants", "again", 0.2),
        )
    ]


def _beside_others(rounds: int, mint: Mint, url: str) -> list[Row]:
    """The slowest hundredth of a tenant's verifications: alone, while another is busy, and while it is flooded."""
    ours, theirs = "https://t0.clerk.accounts.dev", "https://t1.clerk.accounts.dev"
    hot, busy = [[mint.token(number, issuer=issuer) for number in range(_HOT)] for issuer in (ours, theirs)]
    floods: list[bytes] = []
    for number in range(_HOT):
        stranger = json.dumps({"alg": "RS256", "kid": f"ins_2stranger{number}", "typ": "JWT"}).encode()
        floods += [
            mint.token(number, issuer=theirs, header=stranger),
            forged(mint.token(number, issuer=theirs)),
            mint.token(number, issuer=f"https://t{number}.nowhere.example"),
        ]
    loop = asyncio.new_event_loop()
    configs = [ClerkConfig(**settings(number, url)) for number in range(2)]
    # The flooded tenant's keys cannot be had: each of its refusals is one that may want to fetch.
    down = [configs[0], ClerkConfig(**settings(1, url, jwks_url="http://127.0.0.1:9/jwks"))]
    try:
        with Tenants(configs) as quiet, Tenants(down) as flooded:
            quiet_async, flooded_async = AsyncTenants(configs), AsyncTenants(down)
            quiet.prewarm()
            flooded.prewarm()
            loop.run_until_complete(quiet_async.prewarm())
            loop.run_until_complete(flooded_async.prewarm())
            measured = take_turns(
                {
                    "quiet": _slowest(quiet, hot, ()),
                    "busy": _slowest(quiet, hot, busy),
                    "flooded": _slowest(flooded, hot, floods),
                    "quiet async": lambda: loop.run_until_complete(_slowest_awaited(quiet_async, hot, ())),
                    "busy async": lambda: loop.run_until_complete(_slowest_awaited(quiet_async, hot, busy)),
                    "flooded async": lambda: loop.run_until_complete(_slowest_awaited(flooded_async, hot, floods)),
                },
                rounds,
            )
            loop.run_until_complete(quiet_async.aclose())
            loop.run_until_complete(flooded_async.aclose())
    finally:
        loop.close()
    return [
        Row(
            work=f"p99 beside a {beside} tenant",
            floor="ours, alone",
            floor_seconds=measured.seconds("quiet"),
            ours=measured.ratio(beside, "quiet"),
            ours_async=measured.ratio(f"{beside} async", "quiet async"),
            ours_seconds=measured.seconds(beside),
            limit=2.0,
        )
        for beside in ("busy", "flooded")
    ]


def _slowest(tenants: Tenants, hot: Sequence[bytes], between: Sequence[bytes]) -> Sample:
    """The slowest hundredth of verifications of *hot* tokens, each of which comes after some of those *between*."""

    def sample() -> float:
        others, taken = cycle(between), list[float]()
        for token in islice(cycle(hot), _WATCHED):
            for other in islice(others, _BETWEEN):
                with contextlib.suppress(ClerkError):
                    tenants.verify_token(other.decode())
            text = token.decode()
            begun = time.perf_counter()
            tenants.verify_token(text)
            taken.append(time.perf_counter() - begun)
        return statistics.quantiles(taken, n=100)[-1]

    return sample


async def _slowest_awaited(tenants: AsyncTenants, hot: Sequence[bytes], between: Sequence[bytes]) -> float:
    """The same on an event loop."""
    others, taken = cycle(between), list[float]()
    for token in islice(cycle(hot), _WATCHED):
        for other in islice(others, _BETWEEN):
            with contextlib.suppress(ClerkError):
                await tenants.verify_token(other.decode())
        text = token.decode()
        begun = time.perf_counter()
        await tenants.verify_token(text)
        taken.append(time.perf_counter() - begun)
    return statistics.quantiles(taken, n=100)[-1]
