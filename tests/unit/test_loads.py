"""When a loader may be asked: the pure bookkeeping of loads, by example."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext.tenancy.loads import Begin, Busy, Join, Key, Kind, Loads, Missing, Outcome

ACME: Final[Key] = ("name", "acme")
GLOBEX: Final[Key] = ("name", "globex")
ISSUER: Final[Key] = ("issuer", "https://acme.example.com")
TIMEOUT: Final = 5.0
SETTLED: Final = 10_000


def begun(answer: object) -> int:
    """The ticket of a load that begins."""
    assert isinstance(answer, Begin)
    return answer.ticket


def names(many: int, start: int = 0) -> list[Key]:
    """So many keys by name."""
    return [("name", f"tenant-{number}") for number in range(start, start + many)]


def issuers(many: int, start: int = 0) -> list[Key]:
    """So many keys by issuer."""
    return [("issuer", f"https://t{number}.example.com") for number in range(start, start + many)]


@pytest.fixture
def loads() -> Loads:
    """None under way."""
    return Loads(TIMEOUT)


@pytest.mark.parametrize("key", [ACME, ISSUER])
def test_one_load_for_all(loads: Loads, key: Key) -> None:
    """The first who asks begins the load, and the others join it until it ended."""
    first = loads.ask(key, 100.0)
    assert Begin(begun(first), key) == first
    assert [Join(begun(first))] * 2 == [loads.ask(key, 100.0), loads.ask(key, 104.9)]

    loads.ended(begun(first), "found", 104.9)
    assert begun(loads.ask(key, 104.9)) != begun(first)


def test_names_are_no_issuers(loads: Loads) -> None:
    """The same text as a name and as an issuer is loaded apart."""
    assert begun(loads.ask(("name", "x"), 0.0)) != begun(loads.ask(("issuer", "x"), 0.0))


@pytest.mark.parametrize(("outcome", "seconds", "answer"), [("missing", 60.0, Missing()), ("failed", 1.0, Busy(0.5))])
def test_what_brought_nothing(loads: Loads, outcome: Outcome, seconds: float, answer: object) -> None:
    """A miss holds for a minute, a failure for a second; then the loader is asked anew."""
    loads.ended(begun(loads.ask(ACME, 100.0)), outcome, 101.0)

    assert answer == loads.ask(ACME, 101.0 + seconds - 0.5)
    assert answer == loads.settled(ACME, 101.0 + seconds - 0.5)
    assert None is loads.settled(ACME, 101.0 + seconds)
    assert isinstance(loads.ask(ACME, 101.0 + seconds), Begin)


@pytest.mark.parametrize("outcome", ["found", "stale"])
def test_what_is_not_held_against_it(loads: Loads, outcome: Outcome) -> None:
    """Neither success nor old news keeps anybody from asking anew."""
    loads.ended(begun(loads.ask(ACME, 100.0)), outcome, 101.0)

    assert None is loads.settled(ACME, 101.0)
    assert isinstance(loads.ask(ACME, 101.0), Begin)


@pytest.mark.parametrize("outcome", ["missing", "failed"])
def test_refresh_asks_anew(loads: Loads, outcome: Outcome) -> None:
    """A refresh begins whatever is known, and what was known does not count any more."""
    loads.ended(begun(loads.ask(ACME, 100.0)), outcome, 100.0)
    answer = loads.ask(ACME, 100.0, refresh=True)
    load = loads.of(begun(answer))

    assert load is not None
    assert load.refreshes
    assert None is loads.settled(ACME, 100.0)
    assert Join(begun(answer)) == loads.ask(ACME, 100.0)


def test_load_that_takes_too_long(loads: Loads) -> None:
    """It has failed when its time is over, and what it brings later does not count."""
    ticket = begun(loads.ask(ACME, 100.0))
    assert Join(ticket) == loads.ask(ACME, 104.9)
    loads.overdue(ticket, 105.0)

    assert None is loads.of(ticket)
    assert Busy(1.0) == loads.ask(ACME, 105.0)
    loads.ended(ticket, "missing", 105.5)
    assert Busy(0.5) == loads.ask(ACME, 105.5)
    assert isinstance(loads.ask(ACME, 106.0), Begin)


def test_load_that_nobody_waits_for(loads: Loads) -> None:
    """It has failed when its time was over, also where that is noticed much later."""
    ticket = begun(loads.ask(ACME, 100.0))

    assert isinstance(loads.ask(ACME, 200.0), Begin)
    assert None is loads.of(ticket)


def test_overdue_twice(loads: Loads) -> None:
    """Whoever else notices it later changes nothing."""
    ticket = begun(loads.ask(ACME, 100.0))
    loads.overdue(ticket, 105.0)
    loads.overdue(ticket, 164.9)

    assert isinstance(loads.ask(ACME, 165.0), Begin)


def hang(loads: Loads, key: Key, now: float) -> int:
    """Begin a load that hangs from *now* on."""
    ticket = begun(loads.ask(key, now - TIMEOUT))
    loads.overdue(ticket, now)
    return ticket


def test_one_hangs(loads: Loads) -> None:
    """While a load of a tenant hangs no other is begun, not by a refresh either; other tenants do not mind."""
    ticket = hang(loads, ACME, 100.0)

    assert Busy(TIMEOUT) == loads.ask(ACME, 101.0)
    assert Busy(TIMEOUT) == loads.ask(ACME, 101.0, refresh=True)
    assert isinstance(loads.ask(GLOBEX, 101.0), Begin)
    loads.ended(ticket, "found", 101.0)
    assert isinstance(loads.ask(ACME, 101.0), Begin)


def test_one_hangs_for_ever(loads: Loads) -> None:
    """After a minute somebody may try again."""
    hang(loads, ACME, 100.0)

    assert Busy(TIMEOUT) == loads.ask(ACME, 159.9)
    assert isinstance(loads.ask(ACME, 160.0), Begin)


@pytest.mark.parametrize("kind", ["name", "issuer"])
def test_few_hang(loads: Loads, kind: Kind) -> None:
    """Of one kind 64 may hang in all; of the other kind others may begin."""
    keys = (names if kind == "name" else issuers)(65)
    tickets = [hang(loads, key, 100.0 + 0.5 * number) for number, key in enumerate(keys[:64])]

    assert Busy(TIMEOUT) == loads.ask(keys[64], 135.0)
    assert isinstance(loads.ask(ISSUER if kind == "name" else ACME, 135.0), Begin)
    loads.ended(tickets[7], "found", 135.0)
    assert isinstance(loads.ask(keys[64], 135.0), Begin)


@pytest.mark.parametrize(("kind", "most"), [("name", 64), ("issuer", 4)])
def test_so_many_at_once(loads: Loads, kind: Kind, most: int) -> None:
    """Beyond the bound others have to come again, of that kind alone; joining is for everybody."""
    keys = (names if kind == "name" else issuers)(most + 1)
    tickets = [begun(loads.ask(key, 100.0)) for key in keys[:most]]

    assert Busy(1.0) == loads.ask(keys[most], 100.0)
    assert Busy(1.0) == loads.ask(keys[most], 100.0, refresh=True)
    assert Join(tickets[0]) == loads.ask(keys[0], 100.0)
    assert isinstance(loads.ask(ISSUER if kind == "name" else ACME, 100.0), Begin)
    loads.ended(tickets[0], "found", 100.0)
    assert isinstance(loads.ask(keys[most], 100.0), Begin)


def test_those_that_hang_make_room(loads: Loads) -> None:
    """Loads whose time is over do not count among those that are under way."""
    for key in issuers(4):
        loads.ask(key, 100.0)

    assert isinstance(loads.ask(ISSUER, 105.0), Begin)


def test_so_many_issuers_a_second(loads: Loads) -> None:
    """Of issuers ten loads begin in any second; who is told to wait is told for how long."""
    for number, key in enumerate(issuers(10)):
        loads.ended(begun(loads.ask(key, 100.0 + 0.0625 * number)), "found", 100.6)

    assert Busy(0.25) == loads.ask(ISSUER, 100.75)
    assert isinstance(loads.ask(ACME, 100.75), Begin)
    assert isinstance(loads.ask(ISSUER, 101.0), Begin)
    assert Busy(0.0625) == loads.ask(("issuer", "https://other.example.com"), 101.0)
    assert isinstance(loads.ask(("issuer", "https://other.example.com"), 101.0625), Begin)


def test_refreshes_are_not_counted(loads: Loads) -> None:
    """A refresh is ours, not a stranger's: it is neither held up nor counted."""
    for _ in range(3):
        for key in issuers(10):
            loads.ended(begun(loads.ask(key, 100.0, refresh=True)), "found", 100.0)
    for key in issuers(10):
        loads.ended(begun(loads.ask(key, 100.0)), "found", 100.0)

    assert Busy(1.0) == loads.ask(ISSUER, 100.0)
    assert isinstance(loads.ask(ISSUER, 100.0, refresh=True), Begin)


def test_barred(loads: Loads) -> None:
    """A change by hand ends the waiting for that tenant's loads, and marks everything that is under way."""
    by_name, by_issuer, other = (begun(loads.ask(key, 100.0)) for key in (ACME, ISSUER, GLOBEX))

    assert [by_name, by_issuer] == loads.bar("acme", [ISSUER[1], "https://more.example.com"])
    for ticket in (by_name, by_issuer, other):
        load = loads.of(ticket)
        assert load is not None
        assert {"acme"} == load.barred
    assert Join(other) == loads.ask(GLOBEX, 100.0)
    later = begun(loads.ask(ACME, 100.0))
    assert later != by_name
    load = loads.of(later)
    assert load is not None
    assert set() == load.barred
    loads.ended(by_name, "missing", 101.0)
    assert Join(later) == loads.ask(ACME, 101.0)
    loads.ended(later, "found", 101.0)
    assert isinstance(loads.ask(ACME, 101.0), Begin)


def test_barred_load_is_late(loads: Loads) -> None:
    """That it takes too long is not held against a tenant that was changed by hand."""
    ticket = begun(loads.ask(ACME, 100.0))
    loads.bar("acme", None)
    loads.overdue(ticket, 105.0)

    assert None is loads.settled(ACME, 105.0)
    loads.ended(ticket, "missing", 105.0)
    assert isinstance(loads.ask(ACME, 105.0), Begin)


def test_barring_forgets(loads: Loads) -> None:
    """What the loader said before of a tenant that was changed by hand does not count any more."""
    for key in (ACME, ISSUER, GLOBEX):
        loads.ended(begun(loads.ask(key, 100.0)), "missing", 100.0)

    assert [] == loads.bar("acme", [ISSUER[1]])
    assert [None, None, Missing()] == [loads.settled(key, 100.0) for key in (ACME, ISSUER, GLOBEX)]


def test_forgetting(loads: Loads) -> None:
    """After a fork nothing is under way, nothing known; no ticket is given twice."""
    old = begun(loads.ask(ACME, 100.0))
    loads.ended(begun(loads.ask(GLOBEX, 100.0)), "missing", 100.0)
    for key in issuers(4):
        loads.ask(key, 100.0)
    loads.forget()

    assert None is loads.of(old)
    assert begun(loads.ask(ACME, 100.0)) > old + 5
    assert isinstance(loads.ask(GLOBEX, 100.0), Begin)
    for key in issuers(4):
        assert isinstance(loads.ask(key, 100.0), Begin)
    loads.ended(old, "missing", 100.0)
    assert isinstance(loads.ask(ACME, 100.0), Join)


def test_misses_are_bounded(loads: Loads) -> None:
    """Ten thousand of them are kept; the oldest goes first, though it was asked for again."""
    for key in names(SETTLED):
        loads.ended(begun(loads.ask(key, 100.0)), "missing", 100.0)
    first, second, *_, last = names(SETTLED)
    loads.ended(begun(loads.ask(first, 100.0, refresh=True)), "missing", 100.0)  # now the youngest
    assert Missing() == loads.ask(second, 100.0)
    loads.ended(begun(loads.ask(ACME, 100.0)), "missing", 100.0)

    assert None is loads.settled(second, 100.0)
    assert [Missing()] * 3 == [loads.settled(key, 100.0) for key in (first, last, ACME)]


@given(st.lists(st.floats(0.0, 0.3), min_size=1, max_size=60))
def test_no_second_has_more_than_ten(pauses: list[float]) -> None:
    """However the requests of strangers are spread."""
    loads, now, begins = Loads(TIMEOUT), 0.0, list[float]()
    for pause, key in zip(pauses, issuers(len(pauses)), strict=True):
        now += pause
        answer = loads.ask(key, now)
        if isinstance(answer, Begin):
            begins.append(now)
            loads.ended(answer.ticket, "found", now)
        else:
            assert isinstance(answer, Busy)
            assert 0.0 < answer.retry_after <= 1.0
            assert isinstance(loads.ask(key, now + answer.retry_after + 1e-9), Begin)
            begins.append(now + answer.retry_after + 1e-9)
            loads.ended(begun_last(loads), "found", begins[-1])
            now = begins[-1]

    for earlier, later in zip(begins, begins[10:], strict=False):
        assert later - earlier >= 1.0


def begun_last(loads: Loads) -> int:
    """The ticket of the load that is under way."""
    (ticket,) = [ticket for ticket in range(1, 200) if loads.of(ticket) is not None]
    return ticket
