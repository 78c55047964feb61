"""The key cache: a pure state machine, one per tenant. No I/O, no clock, no lock.

Drivers hold a lock around every method but `KeyCache.peek`, do the fetches that `Fetch` asks for, and report each
with `KeyCache.fetched` or `KeyCache.failed`. The rules are these, in the order of the table in ``docs/outages.md``:

====================  =============  ==========  ==========  =====================================================
keys for this kid     age of the set fetch open  pause over  answer
====================  =============  ==========  ==========  =====================================================
yes                   fresh          –           –           `Hit`
yes                   aging          no          yes         `Hit` with a refresh ticket
yes                   aging          otherwise               `Hit`
yes                   stale          no          yes         `Fetch`
yes                   stale          yes         –           `Wait`
yes                   stale          no          no          `Hit`: the last fetch failed, use what we have
no, or expired        any            yes         –           `Wait`, or `Unavailable` when too many do already
no, or expired        any            no          yes         `Fetch`
no                    not expired    no          no          `Unknown` if the last fetch succeeded, else `Unavailable`
none, or expired      –              no          no          `Unavailable`
====================  =============  ==========  ==========  =====================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from clerk_ext.tokens.keys import VerificationKey

    Keys: TypeAlias = tuple[VerificationKey, ...]

    Instant: TypeAlias = tuple[float, float]
    """(monotonic seconds, Unix seconds). Time passed is the larger difference of the two, so that a machine
    that was suspended, whose monotonic clock may have stood still, does not trust old keys."""

MAX_WAITING = 16


@attrs.frozen
class Timings:
    """How long keys are trusted and how often they are asked for, all in seconds.

    Attributes:
        fresh: Up to this age of the set its keys are used without a thought.
        stale: Up to this age they are used while a refresh runs in the background; beyond, callers wait for it.
        expire: Beyond this age they are not used at all.
        pause: The least time between two fetches.
        max_pause: The pause doubles up to this on each failure in a row.
        ticket: A fetch that is not reported by then has failed.
    """

    fresh: float = 300.0
    stale: float = 600.0
    expire: float = 3600.0
    pause: float = 10.0
    max_pause: float = 60.0
    ticket: float = 6.0


@attrs.frozen
class Hit:
    """Verify with *keys*; if *refresh* is a ticket, fetch in the background for it."""

    keys: Keys
    refresh: int | None = None


@attrs.frozen
class Fetch:
    """Get the JWKS now, report for *ticket*, and look up once more."""

    ticket: int


@attrs.frozen
class Wait:
    """Wait until the open fetch of *ticket* is reported, and look up once more."""

    ticket: int


@attrs.frozen
class Unknown:
    """The key set was had lately and has no such ``kid``."""


@attrs.frozen
class Unavailable:
    """No verdict is possible; asking again may help after *retry_after* seconds."""

    retry_after: float


def elapsed(since: Instant, now: Instant) -> float:
    """Seconds from *since* to *now*: the larger of what the two clocks say."""
    return max(now[0] - since[0], now[1] - since[1])


@attrs.frozen(eq=False, weakref_slot=False)
class _Held:
    """A key set and when it was asked for. Replaced whole, so that `KeyCache.peek` reads it without a lock.

    What `peek` needs stands here by itself: among many tenants, each object on the way is out of the processor's cache.
    """

    by_kid: Mapping[str, Keys]
    since: Instant
    kid: str = attrs.field(init=False)
    keys: Keys = attrs.field(init=False)
    monotonic: float = attrs.field(init=False)
    unix: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        derive = object.__setattr__
        kid, keys = next(iter(self.by_kid.items()), ("", ()))
        derive(self, "kid", kid)
        derive(self, "keys", keys)
        derive(self, "monotonic", self.since[0])
        derive(self, "unix", self.since[1])


@attrs.frozen(eq=False)
class _Open:
    """The one fetch under way."""

    ticket: int
    since: Instant


class KeyCache:
    """The keys of one tenant and the state of getting them."""

    __slots__ = ("_failures", "_freed", "_held", "_last", "_open", "_pause", "_tickets", "_timings", "_waiting")

    def __init__(self, timings: Timings) -> None:
        self._timings = timings
        self._held: _Held | None = None
        self._open: _Open | None = None
        self._tickets = 0
        self._waiting = 0
        self._failures = 0
        self._last: Instant | None = None  # when the last fetch began or ended
        self._pause = 0.0
        self._freed: Instant | None = None  # when a pause was last cut short

    def __len__(self) -> int:
        """The number of key ids at hand."""
        return len(self._held.by_kid) if self._held else 0

    @property
    def size(self) -> int:
        """The number of keys at hand."""
        return sum(map(len, self._held.by_kid.values())) if self._held else 0

    def peek(self, kid: str, now: Instant) -> Keys | None:
        """The keys under *kid* if the set is fresh, else None. The hot path: no lock, no change of state."""
        held = self._held
        if held is None:
            return None
        fresh = self._timings.fresh
        if now[0] - held.monotonic > fresh or now[1] - held.unix > fresh:
            return None
        return held.keys if kid == held.kid else held.by_kid.get(kid)

    def usable(self, kid: str, now: Instant) -> Keys:
        """The keys under *kid* that may be used at all, however old they are within the hard bound."""
        held = self._held
        if held is None or elapsed(held.since, now) > self._timings.expire:
            return ()
        return held.by_kid.get(kid, ())

    def lookup(self, kid: str, now: Instant, *, may_fetch: bool = True) -> Hit | Fetch | Wait | Unknown | Unavailable:
        """What to do for a token that names *kid*; without *may_fetch*, nothing that opens or awaits one in vain."""
        self._expire_ticket(now)
        may_wait, may_fetch = may_fetch, may_fetch and self._may_fetch(now)
        timings = self._timings
        held = self._held
        age = elapsed(held.since, now) if held else 0.0
        usable = held is not None and age <= timings.expire
        keys = held.by_kid.get(kid) if held and usable else None
        if keys:
            if age <= timings.fresh:
                return Hit(keys)
            if age <= timings.stale:
                return Hit(keys, refresh=self._begin(now) if may_fetch else None)
            if self._open and may_wait:
                return Wait(self._open.ticket)
            return Fetch(self._begin(now)) if may_fetch else Hit(keys)
        if self._open:
            return self._join(usable=usable, now=now)
        if may_fetch:
            return Fetch(self._begin(now))
        if usable and not self._failures:
            return Unknown()
        return Unavailable(self._pause_left(now))

    def may_suspect(self, now: Instant) -> bool:
        """Whether `suspect` could lead to anything: what a flood of forgeries asks first, at no cost."""
        self._expire_ticket(now)
        return self._may_join() if self._open else self._may_fetch(now)

    def suspect(self, now: Instant) -> Fetch | Wait | None:
        """What to do about a bad signature under a known ``kid``: perhaps the key was replaced under its name.

        Returns None where nothing is to be done: the verdict stands.
        """
        if not self.may_suspect(now):
            return None
        if self._open:
            self._waiting += 1
            return Wait(self._open.ticket)
        return Fetch(self._begin(now))

    def prefetch(self, now: Instant, *, may_fetch: bool = True) -> Fetch | Wait | Unavailable | None:
        """What to do to have a fresh key set, whatever its kids; None when it is there."""
        self._expire_ticket(now)
        if self._held and elapsed(self._held.since, now) <= self._timings.fresh:
            return None
        if self._open:
            return Wait(self._open.ticket)
        if may_fetch and self._may_fetch(now):
            return Fetch(self._begin(now))
        return Unavailable(self._pause_left(now))

    def fetched(self, ticket: int, by_kid: Mapping[str, Keys], now: Instant) -> bool:
        """The fetch of *ticket* gave *by_kid*. A late ticket changes nothing and returns False."""
        self._expire_ticket(now)
        if not self._open or self._open.ticket != ticket:
            return False
        # The same key material stays the same object, by which verified tokens know their key.
        same = {key.thumbprint: key for keys in self._held.by_kid.values() for key in keys} if self._held else {}
        by_kid = {kid: tuple(same.setdefault(key.thumbprint, key) for key in keys) for kid, keys in by_kid.items()}
        # The set is as old as the question, not as the answer: a slow answer may have been made early.
        self._held = _Held(by_kid, self._open.since)
        self._close(now, failures=0)
        self._pause = self._timings.pause
        return True

    def failed(self, ticket: int, now: Instant, retry_after: float | None = None) -> bool:
        """The fetch of *ticket* failed; the server may have asked to wait *retry_after* seconds.

        No key is removed. A late ticket changes nothing and returns False.
        """
        self._expire_ticket(now)
        if not self._open or self._open.ticket != ticket:
            return False
        self._fail(now, retry_after or 0.0)
        return True

    def forget(self, now: Instant) -> None:
        """Hold no keys any more. They may be fetched at once, unless the last fetch failed, but once in a pause."""
        self._held = None
        if not self._failures and (self._freed is None or elapsed(self._freed, now) >= self._timings.pause):
            self._freed = now
            self._last = None

    def abandon(self, ticket: int | None = None) -> None:
        """Forget the open fetch: its driver is gone, which says nothing of the server.

        While keys are held the pause runs all the same, from the beginning of that fetch: else a process that lives in
        short event loops could begin one in each of them. Without keys the next caller may fetch at once.

        Args:
            ticket: Only if this is its ticket; None for whichever it is, as after a fork.
        """
        if self._open and ticket in (None, self._open.ticket):
            began = self._open.since
            self._open = None
            self._waiting = 0
            if self._held and elapsed(self._held.since, began) <= self._timings.expire:
                self._last = began

    def open_for(self, ticket: int, now: Instant) -> float:
        """Seconds that the fetch of *ticket* may still take; 0 if it is not open any more."""
        if not self._open or self._open.ticket != ticket:
            return 0.0
        return max(0.0, self._timings.ticket - elapsed(self._open.since, now))

    def _begin(self, now: Instant) -> int:
        self._tickets += 1
        self._open = _Open(self._tickets, now)
        self._waiting = 0
        return self._tickets

    def _close(self, now: Instant, *, failures: int) -> None:
        self._open = None
        self._waiting = 0
        self._failures = failures
        self._last = now

    def _expire_ticket(self, now: Instant) -> None:
        patience = self._timings.ticket
        if self._open and elapsed(self._open.since, now) >= patience:
            # It failed then, not now that somebody looks: a machine that slept since has no pause left to sit out.
            monotonic, unix = self._open.since
            self._fail((min(monotonic + patience, now[0]), min(unix + patience, now[1])), 0.0)

    def _fail(self, when: Instant, retry_after: float) -> None:
        self._close(when, failures=self._failures + 1)
        timings = self._timings
        doubled = timings.pause * 2.0 ** min(self._failures - 1, 16)
        self._pause = min(max(doubled, retry_after), timings.max_pause)

    def _may_fetch(self, now: Instant) -> bool:
        return self._open is None and self._pause_left(now) <= 0.0

    def _pause_left(self, now: Instant) -> float:
        return 0.0 if self._last is None else max(0.0, self._pause - elapsed(self._last, now))

    def _may_join(self) -> bool:
        return self._waiting < MAX_WAITING

    def _join(self, *, usable: bool, now: Instant) -> Wait | Unavailable:
        assert self._open is not None
        if usable and not self._may_join():
            return Unavailable(self.open_for(self._open.ticket, now))
        self._waiting += 1
        return Wait(self._open.ticket)
