"""Loading tenants that are not known yet: when a loader may be asked. Pure: no I/O, no clock, no lock.

Who asks for a tenant by name or by issuer is told to begin a load, to join one that is under way, that there is no
such tenant, or that it cannot be told now. An issuer may be anything that a stranger writes into a token, so there are
limits to how many are looked up.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

from clerk_ext.config_checks import LABEL

if TYPE_CHECKING:
    from collections.abc import Collection

Kind: TypeAlias = Literal["name", "issuer"]
Key: TypeAlias = tuple[Kind, str]
Outcome: TypeAlias = Literal["found", "missing", "failed", "stale"]

ISSUERS_A_SECOND: Final = 10
ISSUERS_AT_ONCE: Final = 4
NAMES_AT_ONCE: Final = 64
MISSES_KEPT: Final = 60.0
"""Seconds for which a loader is not asked again for what it does not know."""
PAUSE: Final = 1.0
"""Seconds for which a loader is not asked again for what it failed at."""
_SETTLED = 10_000
_MOST_HANGING = 64
_HANGING_KEPT = 60.0

# The last label of a host's name begins with a letter: resolvers take other ones for addresses.
_ISSUER = re.compile(rf"https://(?:{LABEL}\.)+(?=[a-z]){LABEL}(?:/(?!\.{{1,2}}(?:/|\Z))[A-Za-z0-9._~-]+)*\Z")
_LONGEST_ISSUER = _LONGEST_NAME = 255


def may_be_looked_up(issuer: str) -> bool:
    """Whether *issuer* may reach a loader: https, a lower-case DNS host without port, userinfo or query; short.

    A path may follow, as that of a proxy does.
    """
    return len(issuer) <= _LONGEST_ISSUER and _ISSUER.match(issuer) is not None


def may_be_a_name(name: str) -> bool:
    """Whether *name* may reach a loader: a resolver may have it from a stranger."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable()


@attrs.frozen
class Begin:
    """Ask the loader for *key*, and report the end of *ticket*."""

    ticket: int
    key: Key


@attrs.frozen
class Join:
    """Wait for the end of *ticket*."""

    ticket: int


@attrs.frozen
class Missing:
    """The loader knows no such tenant, as it said not long ago."""


@attrs.frozen
class Busy:
    """It cannot be told now; asking again may help after *retry_after* seconds."""

    retry_after: float


@attrs.define(eq=False)
class Open:
    """A load under way.

    Attributes:
        key: What is loaded.
        since: Monotonic seconds.
        refreshes: Whether it replaces what is there.
        barred: Names of tenants that were changed by hand since it began: of these it may bring old news.
    """

    key: Key
    since: float
    refreshes: bool = False
    barred: set[str] = attrs.field(factory=set[str])


class Loads:
    """The loads under way, and what the last ones came to.

    Args:
        timeout: Seconds after which a load has failed.
    """

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._tickets = 0
        self.forget()

    def forget(self) -> None:
        """Nobody reports what is under way, as after a fork."""
        self._open: dict[int, Open] = {}
        self._by_key: dict[Key, int] = {}
        # Loads that failed for want of time, and since when: their loaders may hang on, each in a thread.
        self._hanging: dict[int, tuple[Key, float]] = {}
        self._settled: OrderedDict[Key, tuple[float, bool]] = OrderedDict()
        self._begun: deque[float] = deque(maxlen=ISSUERS_A_SECOND)

    def ask(self, key: Key, now: float, *, refresh: bool = False) -> Begin | Join | Missing | Busy:
        """What to do for who needs *key*; with *refresh* it is asked for anew, whatever is known."""
        self._expire(now)
        if not refresh:
            ticket = self._by_key.get(key)
            if ticket is not None:
                return Join(ticket)
            known = self.settled(key, now)
            if known is not None:
                return known
        kind = key[0]
        hanging = [other for other, _ in self._hanging.values()]
        if key in hanging or sum(other[0] == kind for other in hanging) >= _MOST_HANGING:
            return Busy(self.timeout)
        at_once = sum(load.key[0] == kind for load in self._open.values())
        if at_once >= (ISSUERS_AT_ONCE if kind == "issuer" else NAMES_AT_ONCE):
            return Busy(PAUSE)
        if kind == "issuer" and not refresh:
            if len(self._begun) == ISSUERS_A_SECOND and now - self._begun[0] < 1.0:
                return Busy(1.0 - (now - self._begun[0]))
            self._begun.append(now)
        self._tickets += 1
        self._open[self._tickets] = Open(key, now, refresh)
        self._by_key[key] = self._tickets
        self._settled.pop(key, None)
        return Begin(self._tickets, key)

    def settled(self, key: Key, now: float) -> Missing | Busy | None:
        """What the last load of *key* came to, if it brought nothing and is not long ago."""
        until, is_missing = self._settled.get(key, (now, False))
        if until <= now:
            self._settled.pop(key, None)
            return None
        return Missing() if is_missing else Busy(until - now)

    def under_way(self, key: Key, now: float) -> Join | None:
        """How to wait for the newest load of *key*; None if there is none."""
        self._expire(now)
        ticket = self._by_key.get(key)
        return None if ticket is None else Join(ticket)

    def of(self, ticket: int) -> Open | None:
        """The load of *ticket*, if it is under way."""
        return self._open.get(ticket)

    def ended(self, ticket: int, outcome: Outcome, now: float) -> None:
        """The load of *ticket* ended; nothing of one that was overdue counts."""
        self._hanging.pop(ticket, None)
        load = self._open.pop(ticket, None)
        if load is None:
            return
        if self._by_key.get(load.key) != ticket:  # changed by hand since it began
            return
        del self._by_key[load.key]
        if outcome == "missing":
            self._settle(load.key, now + MISSES_KEPT, is_missing=True)
        elif outcome == "failed":
            self._settle(load.key, now + PAUSE, is_missing=False)

    def overdue(self, ticket: int, now: float) -> None:
        """The load of *ticket* takes too long, and has failed; its loader may hang on."""
        load = self._open.get(ticket)
        if load is not None:
            self.ended(ticket, "failed", now)
            self._hanging[ticket] = (load.key, now)

    def bar(self, name: str, issuers: Collection[str] | None) -> list[int]:
        """The tenant *name* was changed by hand: what is under way may not bring it back.

        Returns:
            The tickets whose end nobody needs to wait for any more.
        """
        for load in self._open.values():
            load.barred.add(name)
        keys: list[Key] = [("name", name), *(("issuer", issuer) for issuer in issuers or ())]
        for key in keys:
            self._settled.pop(key, None)
        return [ticket for key in keys if (ticket := self._by_key.pop(key, None)) is not None]

    def _expire(self, now: float) -> None:
        for ticket, load in list(self._open.items()):
            if now - load.since < self.timeout:
                break  # they stand in the order in which they began
            self.overdue(ticket, load.since + self.timeout)  # then it failed, not now that somebody looks
        # One may hang for ever, and somebody has to try again.
        gone = [ticket for ticket, (_, since) in self._hanging.items() if now - since >= _HANGING_KEPT]
        for ticket in gone:
            del self._hanging[ticket]

    def _settle(self, key: Key, until: float, *, is_missing: bool) -> None:
        self._settled[key] = (until, is_missing)
        self._settled.move_to_end(key)
        if len(self._settled) > _SETTLED:
            self._settled.popitem(last=False)
