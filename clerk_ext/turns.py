"""Who may use one of a bounded number of connections next: tenants take turns. Pure: no I/O, no clock, no lock."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

W = TypeVar("W")


class Turns(Generic[W]):
    """At most *most* at once, of one tenant at most *share*; those that wait go in turns by tenant.

    So whoever has a hundred requests to send takes as many turns as who has one, and cannot take every connection:
    also when its requests hang, others find some.
    """

    __slots__ = ("_busy", "_in_use", "_most", "_share", "_waiting")

    def __init__(self, most: int, share: int) -> None:
        self._most = most
        self._share = share
        self._in_use = 0
        self._busy: dict[str, int] = {}
        self._waiting: OrderedDict[str, deque[W]] = OrderedDict()

    def take(self, tenant: str, waiter: W) -> bool:
        """Whether *tenant* may go at once; if not, *waiter* stands in line."""
        if self._in_use < self._most and self._busy.get(tenant, 0) < self._share and tenant not in self._waiting:
            self._go(tenant)
            return True
        self._waiting.setdefault(tenant, deque()).append(waiter)
        return False

    def end(self, tenant: str) -> W | None:
        """*tenant* is done with one; gives who may go now, if anybody waits that may."""
        left = self._busy.get(tenant, 0) - 1
        if left < 0:  # taken before a fork, in the parent
            return None
        self._in_use -= 1
        if left:
            self._busy[tenant] = left
        else:
            del self._busy[tenant]
        return self._next()

    def give_up(self, tenant: str, waiter: W) -> bool:
        """*waiter* waits no longer; False if it does not stand in line, since its turn has come."""
        line = self._waiting.get(tenant)
        if line is None or waiter not in line:
            return False
        line.remove(waiter)
        if not line:
            del self._waiting[tenant]
        return True

    def _go(self, tenant: str) -> None:
        self._in_use += 1
        self._busy[tenant] = self._busy.get(tenant, 0) + 1

    def _next(self) -> W | None:
        for tenant, line in self._waiting.items():
            if self._busy.get(tenant, 0) < self._share:
                waiter = line.popleft()
                del self._waiting[tenant]
                if line:  # to the end of those that wait
                    self._waiting[tenant] = line
                self._go(tenant)
                return waiter
        return None
