"""What a tenant's verifications came to: counted as they happen, read by `stats()`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from clerk_ext.errors import Reason

    FetchOutcome: TypeAlias = Literal["fetched", "failed", "late", "abandoned"]


@attrs.frozen(kw_only=True)
class Stats:
    """Counts since the client was made, of one tenant; clients that share its keys share its counts.

    Attributes:
        tenant: The name of the tenant.
        verified: Tokens that were accepted.
        cache_hits: How many of these were remembered, and cost no signature check.
        refused: Tokens that were refused, by reason.
        unavailable: Tokens that could not be judged.
        fetches: Fetches of the key set by outcome: ``fetched``, ``failed``, ``late`` (ended after its time), and
            ``abandoned`` (cut short on our side).
        keys: Key ids at hand.
        remembered: Verified tokens at hand.
    """

    tenant: str
    verified: int
    cache_hits: int
    refused: Mapping[Reason, int]
    unavailable: int
    fetches: Mapping[FetchOutcome, int]
    keys: int
    remembered: int


class Tally:
    """The counters. Without a lock: they guard nothing, and under CPython's global lock no addition below is torn."""

    __slots__ = ("abandoned", "cache_hits", "failed", "fetched", "late", "refused", "unavailable", "verified")

    def __init__(self) -> None:
        self.verified: int = 0
        self.cache_hits: int = 0
        self.unavailable: int = 0
        # Fetches by outcome; there are many tenants, and a dict for each would take more than all the numbers.
        self.fetched: int = 0
        self.failed: int = 0
        self.late: int = 0
        self.abandoned: int = 0
        # Not Counter, nor get(): either runs code between reading and writing, where another thread may come in.
        self.refused: defaultdict[Reason, int] = defaultdict(int)

    def refuse(self, reason: Reason) -> None:
        """Count a refusal."""
        self.refused[reason] += 1

    def fetches(self) -> dict[FetchOutcome, int]:
        """The fetches that there were, by outcome."""
        counts: dict[FetchOutcome, int] = {
            "fetched": self.fetched,
            "failed": self.failed,
            "late": self.late,
            "abandoned": self.abandoned,
        }
        return {outcome: count for outcome, count in counts.items() if count}
