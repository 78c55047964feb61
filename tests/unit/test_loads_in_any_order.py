"""Loads in any order: requests, reports, changes by hand, forks and time, beside a simple model."""

from __future__ import annotations

from typing import Final

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from clerk_ext.tenancy.loads import Begin, Busy, Join, Key, Loads, Missing, Outcome

TIMEOUT: Final = 5.0


@attrs.define
class Ticket:
    """A load as the model has it."""

    key: Key
    since: float
    number: int
    refreshes: bool
    counts: bool = True
    hangs_since: float = 0.0
    barred: set[str] = attrs.field(factory=set[str])


class LoadsMachine(RuleBasedStateMachine):
    """Requests, reports, changes by hand, forks and time in any order, beside a simple model."""

    KEYS: Final[tuple[Key, ...]] = (
        *(("name", f"tenant-{number}") for number in range(3)),
        *(("issuer", f"https://t{number}.example.com") for number in range(7)),
    )

    def __init__(self) -> None:
        super().__init__()
        self.loads = Loads(TIMEOUT)
        self.now = 1_000.0
        self.highest = 0
        self.open: list[Ticket] = []
        self.hanging: list[Ticket] = []
        self.settled: dict[Key, tuple[float, bool]] = {}
        self.begins: list[float] = []

    def fail(self, ticket: Ticket, at: float) -> None:
        """The time of a load is over."""
        self.open.remove(ticket)
        ticket.hangs_since = at
        self.hanging.append(ticket)
        if ticket.counts:
            self.settled[ticket.key] = (at + 1.0, False)

    def expire(self) -> None:
        """Each whose time is over has failed, and counts as one that hangs for a minute."""
        for ticket in list(self.open):
            if self.now - ticket.since >= TIMEOUT:
                self.fail(ticket, ticket.since + TIMEOUT)
        self.hanging = [ticket for ticket in self.hanging if self.now - ticket.hangs_since < 60.0]

    def known(self, key: Key) -> Missing | Busy | None:
        """What the last load of a key came to."""
        until, is_missing = self.settled.get(key, (self.now, False))
        if until <= self.now:
            return None
        return Missing() if is_missing else Busy(until - self.now)

    def expected(self, key: Key, refresh: bool) -> Join | Missing | Busy | None:
        """What is to be answered; None where a load begins."""
        if not refresh:
            for ticket in self.open:
                if ticket.key == key and ticket.counts:
                    return Join(ticket.number)
            known = self.known(key)
            if known is not None:
                return known
        if any(ticket.key == key for ticket in self.hanging):
            return Busy(TIMEOUT)
        if sum(ticket.key[0] == key[0] for ticket in self.open) >= (4 if key[0] == "issuer" else 64):
            return Busy(1.0)
        recent = [begin for begin in self.begins if self.now - begin < 1.0]
        if key[0] == "issuer" and not refresh and len(recent) >= 10:
            return Busy(1.0 - (self.now - recent[-10]))
        return None

    @rule(key=st.sampled_from(KEYS), refresh=st.sampled_from([False, False, False, True]))
    def ask(self, key: Key, refresh: bool) -> None:
        """Somebody needs a tenant, or refreshes one, for which what is under way is barred first."""
        if refresh and key[0] == "name":
            self.bar(key[1], [])
        elif refresh:
            self.bar("loaded by issuer", [key[1]])
        self.expire()
        expected = self.expected(key, refresh)
        answer = self.loads.ask(key, self.now, refresh=refresh)

        if expected is not None:
            assert expected == answer
            return
        assert isinstance(answer, Begin)
        number = answer.ticket
        assert key == answer.key
        assert number > self.highest
        self.highest = number
        self.open.append(Ticket(key, self.now, number, refresh))
        self.settled.pop(key, None)
        if key[0] == "issuer" and not refresh:
            self.begins.append(self.now)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), outcome=st.sampled_from(["found", "missing", "failed", "stale"]))
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        """A load ends, before or after its time."""
        ticket = data.draw(st.sampled_from(self.open))
        self.loads.ended(ticket.number, outcome, self.now)
        self.open.remove(ticket)
        if ticket.counts and outcome in ("missing", "failed"):
            self.settled[ticket.key] = (self.now + (60.0 if outcome == "missing" else 1.0), outcome == "missing")

    @precondition(lambda self: self.hanging)
    @rule(data=st.data(), outcome=st.sampled_from(["found", "missing"]))
    def end_late(self, data: st.DataObject, outcome: Outcome) -> None:
        """A load that was given up ends."""
        ticket = data.draw(st.sampled_from(self.hanging))
        self.loads.ended(ticket.number, outcome, self.now)
        self.hanging.remove(ticket)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """Who waits for a load has waited long enough."""
        ticket = data.draw(st.sampled_from(self.open))
        self.loads.overdue(ticket.number, self.now)
        self.fail(ticket, self.now)

    @rule(key=st.sampled_from(KEYS), more=st.booleans())
    def change(self, key: Key, more: bool) -> None:
        """A tenant is changed by hand."""
        self.bar(key[1] if key[0] == "name" else "somebody", [key[1]] if key[0] == "issuer" or more else [])

    def bar(self, name: str, issuers: list[str]) -> None:
        """What is known and under way of it does not count any more."""
        keys: list[Key] = [("name", name), *(("issuer", issuer) for issuer in issuers)]
        released = self.loads.bar(name, issuers or None)

        for ticket in self.open:
            ticket.barred.add(name)
        assert {t.number for t in self.open if t.counts and t.key in keys} == set(released)
        for ticket in self.open:
            ticket.counts = ticket.counts and ticket.key not in keys
        for key in keys:
            self.settled.pop(key, None)

    @rule(seconds=st.sampled_from([0.0, 0.0625, 0.25, 1.0, 4.0, 5.0, 30.0, 60.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds

    @rule()
    def fork(self) -> None:
        """Nothing of it is left in a child."""
        self.loads.forget()
        self.open, self.hanging, self.settled, self.begins = [], [], {}, []

    @invariant()
    def same(self) -> None:
        """What is under way and what is known are as in the model."""
        for ticket in self.open:
            load = self.loads.of(ticket.number)
            assert load is not None
            assert (ticket.key, ticket.since, ticket.refreshes) == (load.key, load.since, load.refreshes)
            assert ticket.barred == load.barred
        for ticket in self.hanging:
            assert None is self.loads.of(ticket.number)
        for kind, most in (("name", 64), ("issuer", 4)):
            assert most >= sum(ticket.key[0] == kind for ticket in self.open)


LoadsMachine.TestCase.settings = settings(max_examples=200)
TestLoads = LoadsMachine.TestCase
