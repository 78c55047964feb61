"""What remembered tokens cost in memory, and whether those in use stay while others come and go."""

from __future__ import annotations

import gc
import random
import tracemalloc
from typing import TYPE_CHECKING, Final

from benchmarks.report import Row
from benchmarks.workplace import workplace

if TYPE_CHECKING:
    from collections.abc import Sequence

_SIZE: Final = 256
_HOT: Final = _SIZE * 3 // 4
_LIMIT_KB: Final = 4.5


def measure(url: str, tokens: Sequence[bytes]) -> list[Row]:
    """The rows about the cache of verified tokens; *tokens* are different ones."""
    filled, flooded = _memory(url, tokens)
    times = len(tokens) // _SIZE
    return [
        Row(work="memory of a remembered token", ours=filled, limit=_LIMIT_KB, unit="kB"),
        Row(work=f"… after {times} × as many as fit", ours=flooded, limit=_LIMIT_KB, unit="kB"),
        Row(work="hot tokens found in a flood", ours=_hit_ratio(url, tokens), limit=0.9, at_least=True),
    ]


def _memory(url: str, tokens: Sequence[bytes]) -> tuple[float, float]:
    """Thousands of bytes for each token that fits: when the cache is just full, and after all *tokens*."""
    with workplace(f"{url}/v1/jwks", token_cache_size=_SIZE) as place:
        verify = place.clerk.verify_token
        verify(tokens[-1].decode())  # what is imported and made once is not a token's
        gc.collect()
        tracemalloc.start()
        try:
            figures: list[float] = []
            for some in (tokens[: _SIZE - 1], tokens[_SIZE - 1 :]):
                for token in some:
                    verify(token.decode())
                gc.collect()
                figures.append(tracemalloc.get_traced_memory()[0] / (_SIZE - 1) / 1000)
        finally:
            tracemalloc.stop()
        assert place.clerk.stats().remembered == _SIZE
    return figures[0], figures[1]


def _hit_ratio(url: str, tokens: Sequence[bytes]) -> float:
    """The share of hits among requests with tokens in use, each followed by one with a token of its own."""
    hot, once = tokens[:_HOT], tokens[_HOT:]
    requests = random.Random(0).choices(hot, k=len(once))
    with workplace(f"{url}/v1/jwks", token_cache_size=_SIZE) as place:
        verify = place.clerk.verify_token
        for token in hot:
            verify(token.decode())
        before = place.clerk.stats().cache_hits
        for used, seen_once in zip(requests, once, strict=True):
            verify(used.decode())
            verify(seen_once.decode())
        return (place.clerk.stats().cache_hits - before) / len(once)
