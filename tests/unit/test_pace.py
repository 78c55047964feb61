"""The pace of an instance, and the steps of a sweep: pure, driven by hand and against a server that changes."""

from __future__ import annotations

import os
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    ClerkConfig,
    NotFoundError,
    RateLimitError,
    SweptSession,
)
from clerk_ext.calls import Found, SessionCalls
from clerk_ext.tenancy.sweeping import Paces
from clerk_ext.tenancy.sweeps import Ending, Listing, Pace, Rest, sweep
from clerk_sessions_api.models import Session
from tests.transport.loopback import session_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clerk_ext import ClerkError
    from clerk_ext.tenancy.sweeps import Step, Steps

Told = tuple[str | None, str]
OVER: Final = ("abandoned", "ended", "expired", "removed", "replaced", "revoked")


def config(secret_key: str | None = "sk_test_x", **overrides: str) -> ClerkConfig:
    """The settings of an instance with a secret key."""
    fields = {"issuer": "https://clerk.example.com", "jwks_url": "https://clerk.example.com/jwks", **overrides}
    return ClerkConfig(secret_key=secret_key, **fields)  # type: ignore[arg-type]


@given(st.integers(1, 5), st.integers(1, 12), st.lists(st.integers(0, 9), max_size=60))
@example(3, 10, [0] * 12)
@example(2, 10, [0, 9, 0, 0, 9, 9, 9])
def test_pace(most: int, seconds: int, gaps: list[int]) -> None:
    """No window of time has more requests than allowed, and none waits although its window has room."""
    pace = Pace(most, seconds)
    now = 0
    sent: list[int] = []
    for gap in gaps:
        now += gap
        wait = pace.reserve(now)
        assert wait >= 0
        sent.append(int(now + wait))
        windows = (sum(moment - seconds < each <= moment for each in sent) for moment in sent)
        assert max(windows) <= most
        if wait:  # one second earlier would have been too early
            assert most == sum(sent[-1] - 1 - seconds < each <= sent[-1] - 1 for each in sent[:-1])
    assert all(earlier <= later for earlier, later in pairwise(sent))


def test_pace_by_hand() -> None:
    """The first may go at once, the next one once the first is long enough ago, and those after it in their turn."""
    pace = Pace(2, 10.0)

    assert [0.0, 0.0, 10.0, 10.0, 20.0] == [pace.reserve(100.0) for _ in range(5)]
    assert 15.0 == pace.reserve(105.0)
    assert 0.0 == pace.reserve(140.0)


@pytest.mark.parametrize(
    ("secret_key", "most"),
    [
        ("sk_live_abc", 800),
        ("live_abc", 800),
        ("sk_test_abc", 80),
        ("test_abc", 80),
        ("sk_test_live_abc", 80),
        (None, 80),
    ],
)
def test_pace_of_an_instance(secret_key: str | None, most: int) -> None:
    """Four fifths of what Clerk allows: of 1,000 in ten seconds in production, of 100 in development or in doubt."""
    pace = Pace.of(config(secret_key))

    assert [0.0] * most == [pace.reserve(5.0) for _ in range(most)]
    assert 10.0 == pace.reserve(5.0)
    assert 6.5 == pace.reserve(8.5)


def test_paces_are_shared_by_one_key() -> None:
    """Two tenants with one secret key are one instance to Clerk, and share its pace."""
    paces = Paces()
    one, same = config(name="one"), config(name="same")
    waits = [paces.reserve(each) for each in (one, same) * 40]

    assert 80 * [0.0] == waits
    assert 0.0 < paces.reserve(one) <= 10.0
    assert 0.0 < paces.reserve(same) <= 10.0


def test_paces_of_others() -> None:
    """Another instance, and the same key at another API, go at a pace of their own."""
    paces = Paces()
    for _ in range(80):
        paces.reserve(config())

    assert 0.0 == paces.reserve(config("sk_test_y"))
    assert 0.0 == paces.reserve(config(api_url="https://api.example.com/v1"))
    assert 0.0 < paces.reserve(config())


def test_paces_of_threads() -> None:
    """Threads that reserve at once take as many places as there are, and no place twice."""
    paces = Paces()
    start = threading.Barrier(4)
    waits: list[float] = []

    def work() -> None:
        start.wait(10)
        waits.extend(paces.reserve(config("sk_live_x")) for _ in range(250))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 1_000 == len(waits)
    assert 800 == waits.count(0.0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_the_lock_is_held() -> None:
    """A child that is forked while a thread of its parent takes a place can take one too."""
    paces = Paces()
    paces.reserve(config())
    lock: threading.Lock = vars(paces)["_lock"]
    held, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            go_on.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(10)
    child = os.fork()
    if child == 0:
        try:
            taker = threading.Thread(target=paces.reserve, args=(config(),), daemon=True)
            taker.start()
            taker.join(2)
            os._exit(1 if taker.is_alive() else 0)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    go_on.set()
    holder.join()

    assert 0 == os.waitstatus_to_exitcode(status)


# The steps of one user's sweep.


def error(status: int, retry_after: float | None = None) -> APIStatusError:
    """What an error status becomes."""
    return APIStatusError.class_for(status)("no", status_code=status, retry_after=retry_after)


def found(*sessions: str | tuple[str, str], total: int | None = None) -> Found:
    """A page of sessions, each an id, or an id and a status."""
    pairs = [(each, "active") if isinstance(each, str) else each for each in sessions]
    made = [Session.from_dict(session_json(session_id, status=status)) for session_id, status in pairs]
    return Found(made, len(made) if total is None else total)


class ByHand:
    """A sweep that a test drives.

    Attributes:
        told: The id and outcome of each session that was told.
        result: What it came to; None as long as it goes on.
    """

    def __init__(self, *, dry_run: bool = False, secret_key: str | None = "sk_test_x") -> None:
        self.sessions: list[SweptSession] = []
        self.result: bool | None = None
        calls = SessionCalls(config(secret_key))
        self._steps: Steps = sweep(calls, "acme", "user_1", dry_run=dry_run, tell=self.sessions.append)
        self.step: Step | None = self._taken(lambda: next(self._steps))

    def _taken(self, go_on: Callable[[], Step]) -> Step | None:
        try:
            return go_on()
        except StopIteration as done:
            self.result = done.value
            return None

    def answer(self, answer: Found | ClerkError | None = None) -> Step | None:
        """Say what came of the last step; the next one."""
        self.step = self._taken(lambda: self._steps.send(answer))
        return self.step

    @property
    def told(self) -> list[Told]:
        return [(session.session_id, session.outcome) for session in self.sessions]


def offset_of(step: Step | None) -> int:
    """Where the page begins that a step asks for."""
    assert isinstance(step, Listing)
    params = step.call.request.url.params
    assert ("user_1", "500", "true", None) == (
        params["user_id"],
        params["limit"],
        params["paginated"],
        params.get("status"),
    )
    return int(params["offset"])


def test_nothing_to_end() -> None:
    """A user without a live session is clean after one list."""
    hand = ByHand()

    assert 0 == offset_of(hand.step)
    assert hand.answer(found(*((f"sess_{status}", status) for status in OVER))) is None
    assert hand.result is True
    assert [] == hand.told


def test_step_by_step() -> None:
    """Each live session is ended in its turn, then all are listed anew."""
    hand = ByHand()

    assert Ending("a") == hand.answer(found("a", ("b", "ended"), ("c", "pending"), ("d", "suspended")))
    assert [] == hand.told
    assert Ending("c") == hand.answer()
    assert [("a", "revoked")] == hand.told
    assert Ending("d") == hand.answer()
    assert 0 == offset_of(hand.answer())
    assert hand.answer(found(("a", "revoked"), ("b", "ended"))) is None
    assert hand.result is True
    assert [("a", "revoked"), ("c", "revoked"), ("d", "revoked")] == hand.told
    assert {("acme", "user_1", None)} == {(each.tenant, each.user_id, each.error) for each in hand.sessions}


def test_pages() -> None:
    """All pages are listed before the first session is ended: ending shifts the pages."""
    hand = ByHand()

    assert 499 == offset_of(hand.answer(found(*(f"sess_{number}" for number in range(500)), total=502)))
    assert Ending("sess_0") == hand.answer(found("sess_499", "sess_500", "sess_501", total=502))
    for number in range(1, 502):
        assert Ending(f"sess_{number}") == hand.answer()
    assert 0 == offset_of(hand.answer())


def test_anew_until_none_is_left() -> None:
    """Lists go on as long as one brings a live session that was not met before; one that was is not ended twice."""
    hand = ByHand()
    hand.answer(found("a"))
    assert 0 == offset_of(hand.answer())
    assert Ending("b") == hand.answer(found("b", "a"))
    assert 0 == offset_of(hand.answer())
    assert hand.answer(found("b", "a")) is None

    assert hand.result is True
    assert [("a", "revoked"), ("b", "revoked")] == hand.told


def test_not_for_ever() -> None:
    """After ten lists that each brought a new session it gives up, and is not clean."""
    hand = ByHand()
    for number in range(10):
        assert Ending(f"sess_{number}") == hand.answer(found(f"sess_{number}"))
        hand.answer()

    assert hand.step is None
    assert hand.result is False
    assert 10 == len(hand.told)


def test_dry_run() -> None:
    """A dry run lists once, ends nothing, and tells each live session."""
    hand = ByHand(dry_run=True)

    assert hand.answer(found("a", ("b", "ended"), ("c", "pending"))) is None
    assert [("a", "to revoke"), ("c", "to revoke")] == hand.told


@pytest.mark.parametrize(
    ("answer", "outcome", "is_clean"),
    [
        (error(404), "gone", True),
        (error(500), "failed", False),
        (error(403), "failed", False),
        (APIConnectionError("no"), "failed", False),
        (APIResponseError("no", 200), "failed", False),
    ],
)
def test_session_that_fails(answer: ClerkError, outcome: str, is_clean: bool) -> None:
    """What is gone is fine; any other failure is told with its error, and the user is not clean. Others are ended."""
    hand = ByHand()
    hand.answer(found("a", "b"))

    assert Ending("b") == hand.answer(answer)
    assert [("a", outcome)] == hand.told
    assert (None if is_clean else answer) is hand.sessions[0].error
    assert 0 == offset_of(hand.answer())
    assert hand.answer(found("a")) is None
    assert is_clean is hand.result


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("answer", [error(404), error(500), APIConnectionError("no")])
def test_list_that_fails(answer: ClerkError, page: int) -> None:
    """A list that fails, whatever page of it, ends it, after three tries where another may help; that is told."""
    hand = ByHand()
    if page == 2:
        hand.answer(found(*(f"sess_{number}" for number in range(500)), total=900))

    if not isinstance(answer, NotFoundError):
        for seconds in (0.25, 0.5):
            assert Rest(seconds) == hand.answer(answer)
            hand.answer()
    assert hand.answer(answer) is None
    assert hand.result is False
    assert [(None, "failed")] == hand.told
    assert answer is hand.sessions[0].error


def test_no_secret_key() -> None:
    """Without a secret key nothing is asked for, and that is told."""
    hand = ByHand(secret_key=None)

    assert hand.step is None
    assert hand.result is False
    assert [(None, "failed")] == hand.told


@pytest.mark.parametrize("of", ["list", "session"])
@pytest.mark.parametrize(("retry_after", "rest"), [(None, 1.0), (0.0, 0.0), (0.5, 0.5), (7.0, 7.0), (60.0, 60.0)])
def test_too_early(of: str, retry_after: float | None, rest: float) -> None:
    """Told to come back later, it rests for as long as it is told, within bounds, and takes the same step again."""
    hand = ByHand()
    if of == "session":
        hand.answer(found("a"))
    step = hand.step
    for _ in range(4):
        assert Rest(rest) == hand.answer(error(429, retry_after))
        again = hand.answer()
        assert type(step) is type(again)
        if of == "session":
            assert step == again
        else:
            assert 0 == offset_of(again)
    hand.answer(found() if of == "list" else None)

    assert ([] if of == "list" else [("a", "revoked")]) == hand.told


@pytest.mark.parametrize("of", ["list", "session"])
def test_much_too_early(of: str) -> None:
    """Told to come back in more than a minute, it fails: that is for the caller to wait for."""
    hand = ByHand()
    if of == "session":
        hand.answer(found("a"))
    hand.answer(error(429, 61.0))

    assert [(None if of == "list" else "a", "failed")] == hand.told


@pytest.mark.parametrize("of", ["list", "session"])
def test_too_early_five_times(of: str) -> None:
    """The fifth refusal in a row is a failure."""
    hand = ByHand()
    if of == "session":
        hand.answer(found("a"))
    for _ in range(4):
        assert isinstance(hand.answer(error(429, 1.0)), Rest)
        hand.answer()
    after = hand.answer(error(429, 1.0))

    assert [(None if of == "list" else "a", "failed")] == hand.told
    assert isinstance(hand.sessions[0].error, RateLimitError)
    if of == "session":
        assert 0 == offset_of(after)
    else:
        assert hand.result is False


@attrs.define
class Server:
    """Sessions, newest first, that come and go before each answer, and a server that fails now and then.

    Attributes:
        held: The status of each session by its id.
        since_page_one: The live sessions that have been there since the first page of the list under way.
        revoked: What it ended.
    """

    held: dict[str, str]
    failures: list[int]
    changes: list[int]
    page: int
    walking: bool = False
    lists: int = 0
    made: int = 0
    since_page_one: set[str] = attrs.field(factory=set[str])
    revoked: list[str] = attrs.field(factory=list[str])

    def live(self) -> set[str]:
        return {name for name, status in self.held.items() if status not in OVER}

    def change(self) -> None:
        """Let a session come, vanish or end, or nothing at all."""
        kind, which = divmod(self.changes.pop(), 10) if self.changes else (0, 0)
        names = list(self.held)
        name = names[which % len(names)] if names else None
        if kind == 1:
            self.made += 1
            status = ("active", "pending", "suspended", "ended")[which % 4]
            self.held = {f"new_{self.made}": status, **self.held}
        elif kind == 2 and name is not None:
            del self.held[name]
        elif kind == 3 and name is not None:
            self.held[name] = "expired"

    def list(self, step: Listing) -> Found:
        if not self.walking:
            self.walking = True
            self.lists += 1
            self.since_page_one = self.live()
        offset = int(step.call.request.url.params["offset"])
        some = list(self.held.items())[offset : offset + self.page]
        return found(*some, total=len(self.held))

    def end(self, session_id: str) -> ClerkError | None:
        self.walking = False
        if session_id not in self.held:
            return error(404)
        self.held[session_id] = "revoked"
        self.revoked.append(session_id)
        return None

    def answer(self, step: Step) -> Found | ClerkError | None:
        if isinstance(step, Rest):
            return None
        self.change()
        failure = self.failures.pop() if self.failures else 0
        if failure and isinstance(step, Listing):
            self.list(step)
        answer: Found | ClerkError | None = error(failure, 1.0) if failure else None
        if answer is None:
            answer = self.list(step) if isinstance(step, Listing) else self.end(step.session_id)
        elif isinstance(step, Ending):
            self.walking = False
        self.since_page_one &= self.live()
        return answer


STATUSES = st.sampled_from(["active", "pending", "suspended", "ended", "revoked"])


@given(
    statuses=st.lists(STATUSES, max_size=9),
    changes=st.lists(st.integers(0, 39), max_size=40),
    failures=st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 429, 429, 500]), max_size=30),
    page=st.integers(2, 10),
)
@example(["active"] * 9, [0, 0, 15, 20, 21, 0, 0, 10, 10, 10], [], 3)
@example(["active"], [], [0, 0, 429, 429, 429, 429, 429], 2)
def test_whatever_happens(statuses: Sequence[str], changes: list[int], failures: list[int], page: int) -> None:
    """At an end that is clean, no session is live that was there at the last list; each is told once, as it went."""
    server = Server({f"sess_{number}": status for number, status in enumerate(statuses)}, failures, changes, page)
    hand = ByHand()
    steps = 0
    while hand.step is not None:
        steps += 1
        assert steps < 2_000
        hand.answer(server.answer(hand.step))

    assert hand.result is not None
    by_outcome = {outcome: [name for name, o in hand.told if o == outcome] for outcome in ("revoked", "gone", "failed")}
    assert len(hand.told) == sum(map(len, by_outcome.values())) == len(set(hand.told))
    assert server.revoked == by_outcome["revoked"]
    assert not set(by_outcome["gone"]) & set(server.held)
    if hand.result:
        assert set() == server.since_page_one
        assert [] == by_outcome["failed"]
    else:
        assert by_outcome["failed"] or server.lists == 10
