"""Who may use one of a bounded number of connections next: tenants take turns. Pure: no I/O, no clock, no lock."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

W = TypeVar("W")


class Turns(Generic[W]):
    """At most *most* at once, of one tenant at most half of what the others leave; those that wait go in turns.

    So whoever has a hundred requests to send takes as many turns as who has one, and nobody can take every connection:
    also when the requests of one hang, or of several, others find some.
    """

    __slots__ = ("_busy", "_in_use", "_most", "_waiting")

    def __init__(self, most: int) -> None:
        self._most = most
        self._in_use = 0
        self._busy: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[W]] = OrderedDict()

    def take(self, tenant: str, waiter: W) -> bool:
        """Whether *tenant* may go at once; if not, *waiter* stands in line."""
        if tenant not in self._waiting and self._may_go(tenant):
            self._go(tenant)
            return True
        self._waiting.setdefault(tenant, deque()).append(waiter)
        return False

    def end(self, tenant: str) -> list[W]:
        """*tenant* is done with one; gives those that may go now."""
        left = self._busy.get(tenant, 0) - 1
        if left < 0:  # taken before a fork, in the parent
            return []
        self._in_use -= 1
        if left:
            self._busy[tenant] = left
        else:
            del self._busy[tenant]
        going: list[W] = []
        while (waiter := self._next()) is not None:
            going.append(waiter)
        return going

    def give_up(self, tenant: str, waiter: W) -> bool:
        """*waiter* waits no longer; False if it does not stand in line, since its turn has come."""
        line = self._waiting.get(tenant)
        if line is None or waiter not in line:
            return False
        line.remove(waiter)
        if not line:
            del self._waiting[tenant]
        return True

    def _may_go(self, tenant: str) -> bool:
        own = self._busy.get(tenant, 0)
        left = self._most - (self._in_use - own)
        return self._in_use < self._most and 2 * own < left

    def _go(self, tenant: str) -> None:
        self._in_use += 1
        self._busy[tenant] = self._busy.get(tenant, 0) + 1

    def _next(self) -> W | None:
        for tenant, line in self._waiting.items():
            if self._may_go(tenant):
                waiter = line.popleft()
                del self._waiting[tenant]
                if line:  # to the end of those that wait
                    self._waiting[tenant] = line
                self._go(tenant)
                return waiter
        return None
