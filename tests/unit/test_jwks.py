"""The key cache, row by row of its table, and as a state machine under any sequence of events."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Final

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from clerk_ext.testing import SigningKey
from clerk_ext.tokens.jwks import (
    MAX_WAITING,
    Fetch,
    Hit,
    KeyCache,
    Timings,
    Unavailable,
    Unknown,
    Wait,
    elapsed,
)
from clerk_ext.tokens.keys import key_from_pem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clerk_ext.tokens.jwks import Instant, Keys

OLD: Final[Keys] = (key_from_pem(SigningKey.generate().public_pem()),)
NEW: Final[Keys] = (key_from_pem(SigningKey.generate().public_pem()),)
KID: Final = "ins_1"
STRANGE: Final = "ins_9"


class Driver:
    """A cache with the time that it is told: what a driver does, without doing anything."""

    def __init__(self, timings: Timings | None = None) -> None:
        self.cache = KeyCache(timings or Timings())
        self.monotonic = 1_000.0
        self.unix = 1_767_225_600.0

    @property
    def now(self) -> Instant:
        """What both clocks say."""
        return self.monotonic, self.unix

    def advance(self, seconds: float) -> Driver:
        """Let time pass."""
        self.monotonic += seconds
        self.unix += seconds
        return self

    def lookup(self, kid: str = KID) -> Hit | Fetch | Wait | Unknown | Unavailable:
        """Look up now."""
        return self.cache.lookup(kid, self.now)

    def peek(self, kid: str = KID) -> Keys | None:
        """Peek now."""
        return self.cache.peek(kid, self.now)

    def begin(self, kid: str = STRANGE) -> int:
        """Open a ticket by a look-up."""
        answer = self.lookup(kid)
        assert isinstance(answer, Fetch), answer
        return answer.ticket

    def fetched(self, ticket: int, by_kid: Mapping[str, Keys] | None = None) -> bool:
        """Report that a fetch gave keys."""
        return self.cache.fetched(ticket, {KID: OLD} if by_kid is None else by_kid, self.now)

    def failed(self, ticket: int, retry_after: float | None = None) -> bool:
        """Report that a fetch failed."""
        return self.cache.failed(ticket, self.now, retry_after)


def holding(age: float = 0.0, *, pause: bool = False, timings: Timings | None = None) -> Driver:
    """A cache that holds a set of this age, asked for and got in one moment; *pause*: with a failure right now."""
    driver = Driver(timings)
    assert driver.fetched(driver.begin(KID))
    driver.advance(age)
    if pause:
        assert driver.failed(driver.begin())
    return driver


# --- the table, row by row


@pytest.mark.parametrize("age", [0.0, 0.5, 9.9, 300.0])
def test_row_fresh(age: float) -> None:
    """Keys at hand, up to 300 s old: a hit, whatever else goes on."""
    driver = holding(age)

    assert Hit(OLD) == driver.lookup()
    assert OLD == driver.peek()


def test_row_fresh_with_a_fetch_open() -> None:
    """A fetch for a stranger does not hold up those who have their key."""
    driver = holding(100.0)
    driver.begin()

    assert Hit(OLD) == driver.lookup()
    assert OLD == driver.peek()


@pytest.mark.parametrize("age", [300.001, 450.0, 600.0])
def test_row_aging(age: float) -> None:
    """300 to 600 s: a hit, and one ticket for a refresh in the background."""
    driver = holding(age)
    answer = driver.lookup()

    assert isinstance(answer, Hit)
    assert OLD == answer.keys
    assert answer.refresh is not None
    assert None is driver.peek()


def test_row_aging_with_a_fetch_open() -> None:
    """While the refresh runs everybody else has a hit without a ticket."""
    driver = holding(400.0)
    driver.lookup()

    assert Hit(OLD) == driver.lookup()


def test_row_aging_in_the_pause() -> None:
    """After a failed refresh the keys are used on, and nothing is asked before the pause is over."""
    driver = holding(400.0, pause=True)

    assert Hit(OLD) == driver.lookup()

    driver.advance(10.0)
    answer = driver.lookup()

    assert isinstance(answer, Hit)
    assert answer.refresh is not None


@pytest.mark.parametrize("age", [600.001, 2_000.0, 3_600.0])
def test_row_stale(age: float) -> None:
    """600 to 3600 s: the caller fetches first."""
    assert isinstance(holding(age).lookup(), Fetch)


def test_row_stale_with_a_fetch_open() -> None:
    """The others join the fetch, however many they are: each has a key to fall back on."""
    driver = holding(700.0)
    ticket = driver.begin(KID)

    assert [Wait(ticket)] * 100 == [driver.lookup() for _ in range(100)]


def test_row_stale_in_the_pause() -> None:
    """The fetch failed: verify with what is at hand, the fetcher and those who waited too."""
    driver = holding(700.0)
    assert driver.failed(driver.begin(KID))

    assert Hit(OLD) == driver.lookup()

    driver.advance(9.9)

    assert Hit(OLD) == driver.lookup()

    driver.advance(0.1)

    assert isinstance(driver.lookup(), Fetch)


@pytest.mark.parametrize("age", [10.0, 100.0, 400.0, 700.0, 3_598.0])
def test_row_unknown_kid_with_a_fetch_open(age: float) -> None:
    """A stranger's key while a fetch is open: 16 wait, the others are told to come back."""
    driver = holding(age)
    ticket = driver.begin()
    driver.advance(2.0)

    assert [Wait(ticket)] * MAX_WAITING == [driver.lookup(STRANGE) for _ in range(MAX_WAITING)]
    assert Unavailable(4.0) == driver.lookup(STRANGE)


def test_waiting_room_empties_with_the_fetch() -> None:
    """The next fetch has room for 16 again."""
    driver = holding(20.0)
    ticket = driver.begin()
    for _ in range(MAX_WAITING):
        driver.lookup(STRANGE)
    assert driver.failed(ticket)
    ticket = driver.advance(10.0).begin()

    assert Wait(ticket) == driver.lookup(STRANGE)


def test_row_no_keys_with_a_fetch_open() -> None:
    """Without any key everybody waits: nobody can be told anything else."""
    driver = Driver()
    ticket = driver.begin(KID)

    assert [Wait(ticket)] * 100 == [driver.lookup() for _ in range(100)]


def test_row_expired_with_a_fetch_open() -> None:
    """A set beyond 3600 s is as good as none."""
    driver = holding(3_600.001)
    ticket = driver.begin(KID)

    assert [Wait(ticket)] * 100 == [driver.lookup() for _ in range(100)]


@pytest.mark.parametrize("age", [10.0, 100.0, 400.0, 700.0, 3_600.0])
def test_row_unknown_kid_may_fetch(age: float) -> None:
    """A stranger's key: the set may have changed since, so it is fetched."""
    assert isinstance(holding(age).lookup(STRANGE), Fetch)


def test_row_no_keys_may_fetch() -> None:
    """The first token of all."""
    assert Fetch(1) == Driver().lookup()


def test_row_expired_may_fetch() -> None:
    """Keys beyond 3600 s are never used, not even their own."""
    assert isinstance(holding(3_600.001).lookup(), Fetch)


def test_row_unknown_kid_in_the_pause() -> None:
    """The set was had just now and has no such key: the token's fault."""
    driver = holding(0.0)

    assert Unknown() == driver.lookup(STRANGE)

    driver.advance(9.9)

    assert Unknown() == driver.lookup(STRANGE)


def test_row_unknown_kid_after_a_failure() -> None:
    """The last fetch failed, so nobody knows whether there is such a key: not the token's fault."""
    driver = holding(100.0, pause=True)

    assert Unavailable(10.0) == driver.lookup(STRANGE)
    assert Unavailable(7.5) == driver.advance(2.5).lookup(STRANGE)
    assert Hit(OLD) == driver.lookup()


def test_row_no_keys_in_the_pause() -> None:
    """The first fetch failed: 503 until the pause is over."""
    driver = Driver()
    driver.failed(driver.begin(KID))

    assert Unavailable(10.0) == driver.lookup()
    assert isinstance(driver.advance(10.0).lookup(), Fetch)


def test_row_expired_in_the_pause() -> None:
    """Beyond 3600 s with the server down: no verdict, on a known key either."""
    driver = holding(3_700.0)
    driver.failed(driver.begin(KID))

    assert Unavailable(10.0) == driver.lookup()
    assert Unavailable(10.0) == driver.lookup(STRANGE)


# --- the pause


def test_pause_doubles_up_to_a_minute() -> None:
    """10, 20, 40, then 60 s between failures; one success and it is 10 s again."""
    driver = Driver()
    pauses: list[float] = []
    for _ in range(6):
        driver.failed(driver.begin())
        answer = driver.lookup()
        assert isinstance(answer, Unavailable)
        pauses.append(answer.retry_after)
        driver.advance(answer.retry_after - 0.5)
        assert isinstance(driver.lookup(), Unavailable)
        driver.advance(0.5)

    assert [10.0, 20.0, 40.0, 60.0, 60.0, 60.0] == pauses

    driver.fetched(driver.begin())
    driver.advance(10.0)
    driver.failed(driver.begin())

    assert Unavailable(10.0) == driver.lookup(STRANGE)


def test_pause_after_thousands_of_failures() -> None:
    """A server that is down for a year overflows nothing."""
    driver = Driver()
    for _ in range(5_000):
        driver.failed(driver.begin())
        driver.advance(60.0)

    assert isinstance(driver.lookup(), Fetch)


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(None, 10.0), (0.0, 10.0), (5.0, 10.0), (30.0, 30.0), (3_600.0, 60.0)]
)
def test_server_that_asks_to_wait(retry_after: float | None, pause: float) -> None:
    """Retry-After makes the pause longer, up to its limit, never shorter."""
    driver = Driver()
    driver.failed(driver.begin(), retry_after)

    assert Unavailable(pause) == driver.lookup()


def test_pause_runs_from_the_end_of_a_fetch() -> None:
    """A fetch that took 5 s is followed by the whole pause."""
    driver = Driver()
    ticket = driver.begin()
    driver.advance(5.0)
    driver.fetched(ticket)
    driver.advance(9.9)

    assert Unknown() == driver.lookup(STRANGE)
    assert isinstance(driver.advance(0.1).lookup(STRANGE), Fetch)


def test_flood_of_strangers() -> None:
    """A thousand forged kids a second for a minute: six fetches."""
    driver = holding(0.0)
    fetches = 0
    for number in range(60_000):
        answer = driver.advance(0.001).lookup(f"ins_{number}x")
        if isinstance(answer, Fetch):
            fetches += 1
            driver.fetched(answer.ticket)

    assert 5 <= fetches <= 6


# --- the set


def test_set_is_replaced_whole() -> None:
    """A key that is gone from the set is gone; a new one under the old name is the new one."""
    driver = holding(10.0)
    driver.fetched(driver.begin(), {"ins_2": NEW})

    assert None is driver.peek()
    assert NEW == driver.peek("ins_2")
    assert Unknown() == driver.lookup()

    driver.advance(10.0)
    driver.fetched(driver.begin(), {KID: NEW})

    assert Hit(NEW) == driver.lookup()


def test_set_is_as_old_as_the_question() -> None:
    """A slow answer may have been made early: its age counts from when it was asked for."""
    driver = Driver()
    ticket = driver.begin(KID)
    driver.advance(5.0)
    driver.fetched(ticket)

    assert Hit(OLD) == driver.advance(295.0).lookup()
    assert Hit(OLD) != driver.advance(0.001).lookup()


@pytest.mark.parametrize("failures", range(1, 5))
def test_failures_remove_no_key(failures: int) -> None:
    """However often the server fails, the keys last for their hour."""
    driver = holding(10.0)
    for _ in range(failures):
        driver.failed(driver.begin())
        driver.advance(60.0)

        assert Hit(OLD) == driver.lookup()


# --- tickets


def test_ticket_expires() -> None:
    """A fetch that nobody reports has failed after `ticket` seconds: the pause begins then."""
    driver = Driver()
    ticket = driver.begin()

    assert Wait(ticket) == driver.advance(5.9).lookup()
    assert 0.1 == pytest.approx(driver.cache.open_for(ticket, driver.now))
    assert Unavailable(10.0) == driver.advance(0.1).lookup()
    assert 0.0 == driver.cache.open_for(ticket, driver.now)


def test_ticket_expired_long_ago() -> None:
    """The pause runs from when the ticket expired, not from when somebody looks: a machine that slept may fetch."""
    driver = Driver()
    driver.begin()
    driver.advance(6.0 + 4.0)

    assert Unavailable(6.0) == driver.lookup()

    driver = Driver()
    driver.begin()

    assert Fetch(2) == driver.advance(3_600.0).lookup()


def test_ticket_that_expired_counts_as_a_failure() -> None:
    """Two in a row double the pause."""
    driver = Driver()
    driver.begin()
    driver.advance(16.0)
    driver.begin()

    assert Unavailable(20.0) == driver.advance(6.0).lookup()


@pytest.mark.parametrize("looked", [True, False], ids=["noticed", "unnoticed"])
@pytest.mark.parametrize("good", [True, False], ids=["keys", "failure"])
def test_late_report_changes_nothing(looked: bool, good: bool) -> None:
    """A report after the ticket expired is not counted, whether somebody noticed in between or not."""
    driver = holding(20.0)
    ticket = driver.begin()
    driver.advance(6.0)
    if looked:
        driver.lookup()
    counted = driver.fetched(ticket, {KID: NEW}) if good else driver.failed(ticket, 60.0)

    assert not counted
    assert Hit(OLD) == driver.lookup()
    assert Unavailable(10.0) == driver.lookup(STRANGE)


@pytest.mark.parametrize("good", [True, False], ids=["keys", "failure"])
def test_report_of_an_older_ticket_changes_nothing(good: bool) -> None:
    """A fetch that was given up reports while the next one runs: the next one stays open."""
    driver = holding(20.0)
    late = driver.begin()
    driver.advance(30.0)
    ticket = driver.begin()
    counted = driver.fetched(late, {KID: NEW}) if good else driver.failed(late)

    assert not counted
    assert Wait(ticket) == driver.lookup(STRANGE)
    assert Hit(OLD) == driver.lookup()


@pytest.mark.parametrize("good", [True, False], ids=["keys", "failure"])
def test_second_report_changes_nothing(good: bool) -> None:
    """A ticket is good for one report."""
    driver = Driver()
    ticket = driver.begin()
    driver.fetched(ticket)
    counted = driver.fetched(ticket, {KID: NEW}) if good else driver.failed(ticket)

    assert not counted
    assert Hit(OLD) == driver.lookup()
    assert Unknown() == driver.lookup(STRANGE)


def test_ticket_that_was_never_given() -> None:
    """Nor is one that nobody opened."""
    driver = Driver()

    assert not driver.fetched(1)
    assert not driver.failed(7)
    assert 0.0 == driver.cache.open_for(1, driver.now)
    assert Fetch(1) == driver.lookup()


def test_last_look_up_uses_what_is_held() -> None:
    """Who has waited in vain before and will not wait again gets the keys at hand, although a fetch is open."""
    driver = holding(700.0)
    ticket = driver.begin()

    assert Wait(ticket) == driver.cache.lookup(KID, driver.now)
    assert Hit(OLD) == driver.cache.lookup(KID, driver.now, may_fetch=False)


@pytest.mark.parametrize("named", [True, False], ids=["by its ticket", "whichever it is"])
def test_abandoned_fetch_was_never_begun(named: bool) -> None:
    """The driver is gone (a fork, a closed loop), which says nothing of the server: the next one may fetch at once."""
    driver = Driver()
    ticket = driver.begin()
    driver.cache.abandon(ticket if named else None)

    assert Fetch(2) == driver.lookup()
    assert not driver.fetched(ticket)


def test_abandoned_refresh_counts_for_the_pause() -> None:
    """While keys are held, short event loops that begin a refresh and end cannot begin one each."""
    driver = holding(301.0)
    refresh = driver.lookup()
    assert isinstance(refresh, Hit)
    driver.cache.abandon(refresh.refresh)
    driver.advance(9.9)

    assert Hit(OLD) == driver.lookup()

    driver.advance(0.1)

    assert Hit(OLD, refresh=3) == driver.lookup()


def test_abandoning_another_ticket_changes_nothing() -> None:
    """A task that ends late does not take down the fetch of another."""
    driver = Driver()
    ticket = driver.begin()
    driver.cache.abandon(ticket + 1)

    assert Wait(ticket) == driver.lookup()

    driver.fetched(ticket)
    driver.cache.abandon(ticket)
    driver.cache.abandon()

    assert Hit(OLD) == driver.lookup()


def test_abandoning_keeps_the_failures() -> None:
    """What was known of the server before is still known."""
    driver = Driver()
    driver.failed(driver.begin())
    driver.advance(10.0)
    driver.cache.abandon(driver.begin())
    driver.failed(driver.begin())

    assert Unavailable(20.0) == driver.lookup()


# --- suspicion


def test_suspect_opens_one_fetch_a_pause() -> None:
    """A bad signature under a known kid may open a fetch, under the same pause as everything else."""
    driver = holding(0.0)

    assert not driver.cache.may_suspect(driver.now)
    assert None is driver.cache.suspect(driver.now)

    driver.advance(10.0)

    assert driver.cache.may_suspect(driver.now)
    assert Fetch(2) == driver.cache.suspect(driver.now)

    driver.failed(2)

    assert None is driver.cache.suspect(driver.now)
    assert None is driver.cache.suspect(driver.advance(9.0).now)
    assert Fetch(3) == driver.cache.suspect(driver.advance(1.0).now)
    assert Hit(OLD) == driver.lookup()


def test_suspects_wait_together_with_strangers() -> None:
    """Sixteen in all wait for a fetch; for the others the verdict stands."""
    driver = holding(10.0)
    ticket = driver.begin()
    for _ in range(MAX_WAITING // 2):
        assert Wait(ticket) == driver.cache.suspect(driver.now)
        assert Wait(ticket) == driver.lookup(STRANGE)

    assert not driver.cache.may_suspect(driver.now)
    assert None is driver.cache.suspect(driver.now)
    assert isinstance(driver.lookup(STRANGE), Unavailable)


def test_may_suspect_after_a_ticket_expired() -> None:
    """An expired ticket is no open fetch to wait for."""
    driver = holding(10.0)
    driver.begin()

    assert driver.cache.may_suspect(driver.now)
    assert not driver.cache.may_suspect(driver.advance(6.0).now)
    assert driver.cache.may_suspect(driver.advance(10.0).now)


# --- ahead of time


def test_prefetch() -> None:
    """A fresh set is enough; else fetch, join the open fetch, or come back after the pause."""
    driver = Driver()

    assert Fetch(1) == driver.cache.prefetch(driver.now)
    assert Wait(1) == driver.cache.prefetch(driver.now)

    driver.failed(1)

    assert Unavailable(10.0) == driver.cache.prefetch(driver.now)
    assert Fetch(2) == driver.cache.prefetch(driver.advance(10.0).now)

    driver.fetched(2)

    assert None is driver.cache.prefetch(driver.now)
    assert None is driver.cache.prefetch(driver.advance(300.0).now)
    assert Fetch(3) == driver.cache.prefetch(driver.advance(0.001).now)
    assert Unavailable(10.0) == driver.cache.prefetch(driver.advance(6.0).now)


# --- time


@pytest.mark.parametrize("unix", [3_600.001, 1e9])
def test_suspended_machine(unix: float) -> None:
    """The monotonic clock may stand still while the machine sleeps: the wall clock tells."""
    driver = holding(0.0)
    driver.unix += unix

    assert None is driver.peek()
    assert isinstance(driver.lookup(), Fetch)


def test_suspended_while_fetching() -> None:
    """A fetch that slept with the machine has failed, and the next may begin at once."""
    driver = Driver()
    ticket = driver.begin()
    driver.unix += 7_200.0

    assert Fetch(2) == driver.lookup()
    assert not driver.fetched(ticket)


def test_wall_clock_set_back_after_a_ticket_expired_by_it() -> None:
    """A ticket that the wall clock ended is followed by one pause and no more, whatever is done to the clock then."""
    driver = Driver()
    driver.begin()
    driver.unix += 6.0

    assert Unavailable(10.0) == driver.lookup()

    driver.unix -= 5.0

    assert Unavailable(10.0) == driver.lookup()


@pytest.mark.parametrize("unix", [-5.0, -1e9])
def test_wall_clock_set_back(unix: float) -> None:
    """A wall clock that is set back makes no key younger: the monotonic clock tells."""
    driver = holding(0.0)
    driver.monotonic += 3_601.0
    driver.unix += unix

    assert None is driver.peek()
    assert isinstance(driver.lookup(), Fetch)


def test_wall_clock_set_back_prolongs_no_pause() -> None:
    """Nor does it keep anybody waiting."""
    driver = Driver()
    driver.failed(driver.begin())
    driver.unix -= 1e6
    driver.monotonic += 10.0

    assert isinstance(driver.lookup(), Fetch)


@pytest.mark.parametrize(
    ("since", "now", "seconds"),
    [
        ((1.0, 50.0), (4.0, 51.0), 3.0),
        ((1.0, 50.0), (2.0, 59.0), 9.0),
        ((5.0, 50.0), (5.0, 50.0), 0.0),
        ((5.0, 50.0), (6.0, 20.0), 1.0),
    ],
)
def test_elapsed(since: Instant, now: Instant, seconds: float) -> None:
    """Time passed is the larger of what the two clocks say."""
    assert seconds == elapsed(since, now)


def test_other_timings() -> None:
    """Every limit is the config's."""
    timings = Timings(fresh=1.0, stale=2.0, expire=3.0, pause=0.5, max_pause=0.75, ticket=0.25)
    driver = holding(1.0, timings=timings)

    assert Hit(OLD) == driver.lookup()

    answer = driver.advance(0.5).lookup()
    assert isinstance(answer, Hit)
    assert answer.refresh is not None
    driver.failed(answer.refresh)
    assert isinstance(driver.advance(0.75).lookup(), Fetch)
    assert Hit(OLD) == driver.advance(0.25).lookup()  # the ticket expired: the second failure
    assert Hit(OLD) == driver.advance(0.5).lookup()
    assert Unavailable(0.125) == driver.advance(0.125).lookup()


# --- any sequence of events


class Cache(RuleBasedStateMachine):
    """Requests, reports, forks and clocks in any order; the rules that hold throughout are checked at every step."""

    TIMINGS: Final = Timings()
    KIDS: Final = (KID, "ins_2", STRANGE)

    def __init__(self) -> None:
        super().__init__()
        self.driver = Driver(self.TIMINGS)
        self.open: dict[int, Instant] = {}  # tickets given and not reported or abandoned, and when
        self.over: list[int] = []
        self.held: dict[str, Keys] = {}  # what the last report that counted gave
        self.asked: Instant | None = None  # when that was asked for
        self.last_begun: Instant | None = None
        self.failures = 0
        self.quiet: tuple[Instant, float] | None = None  # from when on nothing may be asked, and for how many seconds
        self.pause = self.TIMINGS.pause  # of these, what is not the time that an open fetch had

    @property
    def now(self) -> Instant:
        """The driver's time."""
        return self.driver.now

    def begun(self, ticket: int) -> None:
        """A fetch begins: no other may be open, and the last one began a pause ago."""
        assert ticket not in self.open
        assert ticket not in self.over
        assert [] == self.alive()
        if self.last_begun is not None:
            assert elapsed(self.last_begun, self.now) >= self.TIMINGS.pause
        self.note_expired()
        if self.quiet is not None:
            since, seconds = self.quiet
            assert elapsed(since, self.now) >= seconds - 1e-3  # Unix seconds as floats are no finer than 1e-6
        self.over += self.open
        self.open = {ticket: self.now}
        self.last_begun = self.now

    def note_failure(self, since: Instant, retry_after: float | None, spent: float = 0.0) -> None:
        """A failure, *spent* seconds after *since*: the pause doubles, or is as long as was asked for, to a minute."""
        self.failures += 1
        doubled = self.TIMINGS.pause * 2 ** min(self.failures - 1, 3)
        self.pause = min(max(doubled, retry_after or 0.0), self.TIMINGS.max_pause)
        self.quiet = since, spent + self.pause

    def note_expired(self) -> None:
        """What was open beyond its time failed when that was over."""
        for ticket, since in list(self.open.items()):
            if ticket not in self.alive():
                self.note_failure(since, None, self.TIMINGS.ticket)
                self.over.append(ticket)
                del self.open[ticket]

    def alive(self) -> list[int]:
        """The tickets whose time is not over."""
        return [ticket for ticket, since in self.open.items() if elapsed(since, self.now) < self.TIMINGS.ticket]

    def age(self) -> float:
        """The age of the set."""
        return float("inf") if self.asked is None else elapsed(self.asked, self.now)

    def check_keys(self, kid: str, keys: Keys) -> None:
        """Keys that are handed out are those last reported, and not beyond the hard bound."""
        assert self.held[kid] == keys
        assert self.age() <= self.TIMINGS.expire

    @rule(kid=st.sampled_from(KIDS))
    def look_up(self, kid: str) -> None:
        """A token with a good signature under this kid arrives."""
        peeked = self.driver.peek(kid)
        answer = self.driver.lookup(kid)

        if peeked is not None:
            assert Hit(peeked) == answer
        match answer:
            case Hit(keys, refresh):
                self.check_keys(kid, keys)
                assert (peeked is not None) == (self.age() <= self.TIMINGS.fresh)
                if refresh is not None:
                    assert self.TIMINGS.fresh < self.age() <= self.TIMINGS.stale
                    self.begun(refresh)
            case Fetch(ticket):
                self.begun(ticket)
            case Wait(ticket):
                assert [ticket] == self.alive()
            case Unknown():
                assert kid not in self.held
                assert self.age() <= self.TIMINGS.expire
            case Unavailable(retry_after):
                assert 0.0 < retry_after <= self.TIMINGS.max_pause
                assert kid not in self.held or self.age() > self.TIMINGS.expire

    @rule()
    def suspect(self) -> None:
        """A bad signature under a known kid."""
        may = self.driver.cache.may_suspect(self.now)
        answer = self.driver.cache.suspect(self.now)

        assert may == (answer is not None)
        if isinstance(answer, Fetch):
            self.begun(answer.ticket)
        elif answer is not None:
            assert [answer.ticket] == self.alive()

    @rule()
    def prefetch(self) -> None:
        """Somebody warms up."""
        answer = self.driver.cache.prefetch(self.now)

        assert (answer is None) == (self.age() <= self.TIMINGS.fresh)
        if isinstance(answer, Fetch):
            self.begun(answer.ticket)
        elif isinstance(answer, Wait):
            assert [answer.ticket] == self.alive()

    def report(self, ticket: int, keys: dict[str, Keys] | None, retry_after: float | None) -> bool:
        """Report keys or a failure."""
        if keys is None:
            return self.driver.failed(ticket, retry_after)
        return self.driver.fetched(ticket, keys)

    results = st.none() | st.dictionaries(st.sampled_from(KIDS[:2]), st.sampled_from([OLD, NEW]), min_size=1)
    waits = st.none() | st.floats(0, 1e6)

    @precondition(lambda self: self.open)
    @rule(keys=results, retry_after=waits)
    def report_open(self, keys: dict[str, Keys] | None, retry_after: float | None) -> None:
        """The open fetch ends; it counts if it is in time."""
        ((ticket, since),) = self.open.items()
        in_time = self.alive() == [ticket]
        given = None if keys is None else self.twins(keys)
        counted = self.report(ticket, given, retry_after)

        assert in_time == counted
        if not counted:
            self.note_expired()
            return
        self.open.clear()
        self.over.append(ticket)
        if given is None:
            self.note_failure(self.now, retry_after)
        else:
            self.failures, self.pause = 0, self.TIMINGS.pause
            self.quiet = self.now, self.pause
            self.hold(given)
            self.asked = since

    def twins(self, keys: dict[str, Keys]) -> dict[str, Keys]:
        """The same keys as other objects, as each fetch makes them anew."""
        return {kid: tuple(attrs.evolve(key) for key in those) for kid, those in keys.items()}

    def hold(self, given: dict[str, Keys]) -> None:
        """What the cache holds now: the material that was given, as the objects that were held before where it was."""
        before = {key.thumbprint: key for keys in self.held.values() for key in keys}
        handed = {kid: self.driver.cache.usable(kid, self.asked_now()) for kid in given}
        material = [{kid: [key.thumbprint for key in keys] for kid, keys in each.items()} for each in (given, handed)]

        assert material[0] == material[1]
        objects = {key.thumbprint: key for keys in handed.values() for key in keys}
        assert all(key is objects[key.thumbprint] for keys in handed.values() for key in keys)
        assert all(key is objects[key.thumbprint] for key in before.values() if key.thumbprint in objects)
        self.held = handed

    def asked_now(self) -> Instant:
        """The time as it was when the first clock began: no set is too old for it."""
        return 0.0, 0.0

    @precondition(lambda self: self.over)
    @rule(data=st.data(), keys=results, retry_after=waits)
    def report_late(self, data: st.DataObject, keys: dict[str, Keys] | None, retry_after: float | None) -> None:
        """A fetch that is over reports once more: nothing changes."""
        ticket = data.draw(st.sampled_from(self.over))
        before = self.observed()

        assert not self.report(ticket, keys, retry_after)
        assert before == self.observed()

    def observed(self) -> list[object]:
        """All that can be seen; what would change something is asked of a copy, since state is replaced whole."""
        cache = self.driver.cache
        return [
            *(self.driver.peek(kid) for kid in self.KIDS),
            *(cache.usable(kid, self.now) for kid in self.KIDS),
            *(cache.open_for(ticket, self.now) for ticket in (*self.open, *self.over)),
            *(copy.copy(cache).lookup(kid, self.now, may_fetch=may) for kid in self.KIDS for may in (True, False)),
            copy.copy(cache).suspect(self.now),
            copy.copy(cache).prefetch(self.now),
            copy.copy(cache).prefetch(self.now, may_fetch=False),
        ]

    @precondition(lambda self: self.open)
    @rule()
    def abandon(self) -> None:
        """A fork, or a loop that closed: without keys at hand, as if the fetch had not begun."""
        self.driver.cache.abandon()
        for since in self.open.values():
            if self.asked is None or elapsed(self.asked, since) > self.TIMINGS.expire:
                self.last_begun = None
            elif self.quiet is not None:
                self.quiet = since, self.pause
        self.over += self.open
        self.open.clear()

    @rule(seconds=st.sampled_from([0.25, 1.0, 5.0, 6.0, 10.0, 60.0, 300.0, 600.0, 3_600.0]) | st.floats(0, 4_000))
    def time_passes(self, seconds: float) -> None:
        """On both clocks."""
        self.driver.advance(seconds)

    @precondition(lambda self: self.asked is not None)
    @rule(bound=st.sampled_from([300.0, 600.0, 3_600.0]), beyond=st.sampled_from([-7.0, -0.25, 0.0, 0.25, 7.0]))
    def set_gets_to_a_bound(self, bound: float, beyond: float) -> None:
        """Time passes until the set is about as old as matters."""
        self.driver.advance(max(0.0, bound + beyond - self.age()))

    @precondition(lambda self: self.quiet is not None)
    @rule(beyond=st.sampled_from([-0.25, 0.0, 0.25]))
    def pause_is_over(self, beyond: float) -> None:
        """Time passes until the next fetch may begin."""
        assert self.quiet is not None
        since, seconds = self.quiet
        self.driver.advance(max(0.0, seconds + beyond - elapsed(since, self.now)))

    @rule(seconds=st.sampled_from([1.0, 6.0, 10.0, 300.0, 3_600.0]) | st.floats(0, 1e5))
    def machine_sleeps(self, seconds: float) -> None:
        """The wall clock goes on while the monotonic one stands still."""
        self.driver.unix += seconds

    @invariant()
    def keys_are_as_reported(self) -> None:
        """A peek gives what was last reported while it is fresh, and nothing else."""
        for kid in self.KIDS:
            fresh = self.age() <= self.TIMINGS.fresh

            assert (self.held.get(kid) if fresh else None) == self.driver.peek(kid)

    @invariant()
    def no_failure_takes_a_key(self) -> None:
        """What was last reported can be used up to the hard bound, whatever has failed since, and not beyond."""
        for kid in self.KIDS:
            usable = self.age() <= self.TIMINGS.expire

            assert (self.held.get(kid, ()) if usable else ()) == self.driver.cache.usable(kid, self.now)

    @invariant()
    def one_fetch_at_most(self) -> None:
        """There is never more than one open ticket."""
        open_tickets = [
            ticket for ticket in (*self.open, *self.over) if self.driver.cache.open_for(ticket, self.now) > 0
        ]

        assert self.alive() == open_tickets


Cache.TestCase.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
TestCache = Cache.TestCase
