"""Turns at a bounded number of connections: within both bounds, in turns by tenant, and none is ever lost."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clerk_ext.turns import Turns

TENANTS: Final = ("acme", "globex", "initech", "umbrella")


def test_room_for_all() -> None:
    """While there are enough for everybody, nobody waits."""
    turns: Turns[int] = Turns(4)

    assert [True] * 4 == [turns.take(tenant, number) for number, tenant in enumerate(["a", "a", "b", "c"])]


@pytest.mark.parametrize(("most", "given"), [(1, 1), (2, 1), (4, 2), (5, 3), (100, 50)])
def test_bounds_of_one(most: int, given: int) -> None:
    """A tenant that is alone gets half of them, and never more than there are."""
    turns: Turns[int] = Turns(most)

    assert given == [turns.take("a", number) for number in range(most + 5)].count(True)


def test_hanging_tenants_leave_room() -> None:
    """Tenants with any number of requests that hang leave room for another one, until one is left for each."""
    turns: Turns[str] = Turns(8)
    taken = {tenant: [turns.take(tenant, "") for _ in range(100)].count(True) for tenant in "abcde"}

    assert {"a": 4, "b": 2, "c": 1, "d": 1, "e": 0} == taken


def test_in_turns_by_tenant() -> None:
    """Who has many waiting takes as many turns as who has one."""
    turns: Turns[str] = Turns(1)
    turns.take("other", "")
    for waiter in ("a1", "a2", "a3", "b1", "c1", "b2"):
        assert not turns.take(waiter[0], waiter)
    order = turns.end("other")
    while going := turns.end(order[-1][0]):
        order += going

    assert ["a1", "b1", "c1", "a2", "b2", "a3"] == order


def test_share_is_not_waited_for() -> None:
    """A tenant that has its share does not hold up those behind it, and keeps its place."""
    turns: Turns[str] = Turns(2)
    turns.take("a", "a1")
    turns.take("b", "b1")
    for waiter in ("a2", "b2", "c1"):
        turns.take(waiter[0], waiter)

    assert [["b2"], ["c1"], ["a2"], []] == [turns.end(tenant) for tenant in ("b", "b", "a", "a")]


def test_end_of_what_nobody_took() -> None:
    """An end of a turn that a forked child's parent took gives nobody a turn too many."""
    turns: Turns[str] = Turns(1)

    assert [] == turns.end("a")
    assert turns.take("a", "a1")
    assert not turns.take("b", "b1")
    assert [] == turns.end("b")
    assert ["b1"] == turns.end("a")


def test_give_up() -> None:
    """Who gives up stands in line no more; who was given a turn hears that it is too late."""
    turns: Turns[str] = Turns(1)
    turns.take("a", "a1")
    turns.take("b", "b1")
    turns.take("b", "b2")

    assert turns.give_up("b", "b1")
    assert not turns.give_up("b", "b1")
    assert not turns.give_up("c", "c1")
    assert ["b2"] == turns.end("a")
    assert not turns.give_up("b", "b2")


def test_who_gave_up_leaves_no_place() -> None:
    """A tenant all of whose requests gave up stands at the end when it comes back."""
    turns: Turns[str] = Turns(1)
    for waiter in ("o1", "a1", "b1"):
        turns.take(waiter[0], waiter)
    turns.give_up("a", "a1")
    turns.take("a", "a2")

    assert [["b1"], ["a2"]] == [turns.end("o"), turns.end("b")]


class AnyOrder(RuleBasedStateMachine):
    """Requests come, end and give up in any order; what holds throughout is checked after each step."""

    @initialize(most=st.integers(1, 12))
    def begin(self, most: int) -> None:
        """Some bound."""
        self.most = most
        self.turns: Turns[int] = Turns(most)
        self.numbers = itertools.count()
        self.using: dict[int, str] = {}
        self.waiting: dict[int, str] = {}  # in the order in which they came
        self.passed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def busy(self, tenant: str) -> int:
        """How many a tenant uses."""
        return list(self.using.values()).count(tenant)

    def may_go(self, tenant: str) -> bool:
        """Whether there is one for a tenant: it never gets more than half of what the others leave, rounded up."""
        own, all_in_use = self.busy(tenant), len(self.using)
        return all_in_use < self.most and own + 1 <= (self.most - (all_in_use - own) + 1) // 2

    def could_go(self) -> set[str]:
        """The tenants that wait although there is one for them."""
        return {tenant for tenant in self.waiting.values() if self.may_go(tenant)}

    @rule(tenant=st.sampled_from(TENANTS))
    def take(self, tenant: str) -> None:
        """A request comes: it goes at once exactly if both bounds allow."""
        number = next(self.numbers)
        goes = self.may_go(tenant)

        assert goes == self.turns.take(tenant, number)
        (self.using if goes else self.waiting)[number] = tenant

    @precondition(lambda self: self.using)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """A request ends: the oldest of a tenant that may go follows, and no tenant twice past one that may, too."""
        number = data.draw(st.sampled_from(sorted(self.using)))
        tenant = self.using.pop(number)
        for follows in self.turns.end(tenant):
            self.goes_on(follows)

    def goes_on(self, follows: int) -> None:
        """A request that has waited has its turn."""
        could = self.could_go()
        chosen = self.waiting[follows]
        assert chosen in could
        assert follows == next(other for other, whose in self.waiting.items() if whose == chosen)
        self.using[follows] = self.waiting.pop(follows)
        self.passed[chosen].clear()
        for other in could - {chosen}:
            self.passed[other][chosen] += 1
            assert 1 == self.passed[other][chosen]

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        """A request waits no longer."""
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        tenant = self.waiting.pop(number)

        assert self.turns.give_up(tenant, number)
        if tenant not in self.waiting.values():
            self.passed[tenant].clear()

    @precondition(lambda self: self.using)
    @rule(data=st.data())
    def give_up_too_late(self, data: st.DataObject) -> None:
        """A request that was given its turn cannot give it up: it has to end it."""
        number = data.draw(st.sampled_from(sorted(self.using)))

        assert not self.turns.give_up(self.using[number], number)

    @rule(tenant=st.sampled_from((*TENANTS, "parent")))
    def end_unknown(self, tenant: str) -> None:
        """What a parent took and its child ends counts for nothing."""
        if not self.busy(tenant):
            assert [] == self.turns.end(tenant)

    @invariant()
    def bounds_hold(self) -> None:
        """Never more in use than there are, nor of one tenant than half of them; nobody waits who may go."""
        assert len(self.using) <= self.most
        assert all(self.busy(tenant) <= (self.most + 1) // 2 for tenant in TENANTS)
        assert set() == self.could_go()

    def teardown(self) -> None:
        """When all end one after the other, all who wait have their turn, and as many as ever may go then."""
        if not hasattr(self, "turns"):
            return
        while self.using:
            _, tenant = self.using.popitem()
            for follows in self.turns.end(tenant):
                self.using[follows] = self.waiting.pop(follows)
        assert {} == self.waiting
        assert [True] * self.most == [self.turns.take(f"new {n}", n) for n in range(self.most)]
        assert not self.turns.take("one more", -1)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=100, stateful_step_count=40)
