"""`Revocations`: who is refused, when entries are forgotten, and threads and forks in between."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest

from clerk_ext import Revocations, SessionClaims

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worlds import Clock

LIFETIME: Final = 60.0
KEPT: Final = LIFETIME + 2 * 300.0
"""The lifetime, with the greatest clock skew before it begins and after it ends."""


@pytest.fixture
def revocations(clock: Clock) -> Revocations:
    """Revocations of tokens that live a minute."""
    return Revocations(token_lifetime=LIFETIME, clock=clock.time)


def claims(issued: float, session: str = "sess_1", user: str = "user_1") -> SessionClaims:
    """The claims of a token issued at a moment."""
    return SessionClaims(
        "acme",
        {"sub": user, "sid": session, "iss": "https://clerk.example.com", "iat": issued, "exp": issued + LIFETIME},
    )


def test_nothing_is_revoked_at_first(revocations: Revocations, clock: Clock) -> None:
    """An empty list refuses nobody."""
    assert not revocations.is_revoked(claims(clock.time()))
    assert 0 == len(revocations)


def test_session(revocations: Revocations, clock: Clock) -> None:
    """Every token of a revoked session is refused, later ones too; other sessions of the user are not."""
    revocations.revoke_session("sess_1")

    assert revocations.is_revoked(claims(clock.time() - 30))
    assert revocations.is_revoked(claims(clock.time() + 30))
    assert not revocations.is_revoked(claims(clock.time(), "sess_2"))


def test_user_up_to_now(revocations: Revocations, clock: Clock) -> None:
    """Tokens of every session of the user from before now are refused; those issued from now on are not."""
    now = clock.time()
    revocations.revoke_user("user_1")

    assert revocations.is_revoked(claims(now - 0.5, "sess_1"))
    assert revocations.is_revoked(claims(now - 50, "sess_2"))
    assert not revocations.is_revoked(claims(now, "sess_1"))
    assert not revocations.is_revoked(claims(now - 50, user="user_2"))


@pytest.mark.parametrize("offset", [-100.0, 0.0, 100.0])
def test_user_before_a_time(revocations: Revocations, clock: Clock, offset: float) -> None:
    """The moment may be past or to come."""
    before = clock.time() + offset
    revocations.revoke_user("user_1", before=before)

    assert revocations.is_revoked(claims(before - 1))
    assert not revocations.is_revoked(claims(before))


def test_an_earlier_moment_takes_nothing_back(revocations: Revocations, clock: Clock) -> None:
    """Of several moments the latest counts, in whatever order they come."""
    now = clock.time()
    for offset in (-20, -10, -30):
        revocations.revoke_user("user_1", before=now + offset)

    assert revocations.is_revoked(claims(now - 11))
    assert not revocations.is_revoked(claims(now - 10))
    assert 1 == len(revocations)


def test_a_session_and_a_user_of_the_same_name(revocations: Revocations, clock: Clock) -> None:
    """Ids of sessions and of users are different things."""
    revocations.revoke_session("x")

    assert not revocations.is_revoked(claims(clock.time() - 5, user="x"))

    revocations.revoke_user("x")

    assert revocations.is_revoked(claims(clock.time() - 5, user="x"))
    assert revocations.is_revoked(claims(clock.time(), "x"))
    assert 2 == len(revocations)


@pytest.mark.parametrize("before", [float("nan"), float("inf"), -float("inf")])
def test_moment_that_is_none(revocations: Revocations, before: float) -> None:
    """A NaN would refuse nobody, silently: it is an error."""
    with pytest.raises(ValueError, match="Unix seconds"):
        revocations.revoke_user("user_1", before=before)
    assert 0 == len(revocations)


@pytest.mark.parametrize("revoke", ["revoke_session", "revoke_user"])
def test_entries_are_forgotten(revocations: Revocations, clock: Clock, revoke: str) -> None:
    """An entry stays as long as any token can carry what it revokes, and goes with the next revocation after."""
    call: Callable[[str], None] = getattr(revocations, revoke)
    call("a")
    clock.advance(KEPT)
    call("b")

    assert 2 == len(revocations)

    clock.advance(0.001)
    call("c")

    assert 2 == len(revocations)  # b and c


def test_the_last_token_of_a_revoked_session_never_gets_in(revocations: Revocations, clock: Clock) -> None:
    """A token that Clerk issued with its clock ahead, right before, is refused for as long as it would verify."""
    revocations.revoke_session("sess_1")
    last = claims(clock.time() + 300)
    clock.advance(300 + LIFETIME + 300)  # until `exp` and the skew behind it
    revocations.revoke_session("sess_2")

    assert revocations.is_revoked(last)


def test_revoking_once_more_keeps_it_longer(revocations: Revocations, clock: Clock) -> None:
    """The time starts anew with each revocation."""
    revocations.revoke_session("sess_1")
    revocations.revoke_user("user_2")
    clock.advance(KEPT - 1)
    revocations.revoke_session("sess_1")
    revocations.revoke_user("user_2")
    clock.advance(KEPT)
    revocations.revoke_session("sess_3")

    assert revocations.is_revoked(claims(clock.time(), "sess_1"))
    assert 3 == len(revocations)

    clock.advance(1)
    revocations.revoke_session("sess_3")

    assert not revocations.is_revoked(claims(clock.time(), "sess_1"))
    assert 1 == len(revocations)


def test_a_moment_to_come_holds_nobody_up(revocations: Revocations, clock: Clock) -> None:
    """Entries are forgotten in the order of their moments, not in the order they came."""
    revocations.revoke_user("user_1", before=clock.time() + 1e6)
    for number in range(10):
        revocations.revoke_session(f"sess_{number}")
    clock.advance(KEPT + 1)
    revocations.revoke_user("user_2")

    assert 2 == len(revocations)


def test_a_moment_long_past_goes_at_once(revocations: Revocations, clock: Clock) -> None:
    """What no living token can have is dropped with the next revocation."""
    revocations.revoke_user("user_1", before=clock.time() - KEPT - 1)
    revocations.revoke_user("user_2")

    assert 1 == len(revocations)


def test_many_entries(revocations: Revocations, clock: Clock) -> None:
    """A hundred thousand revocations over time leave those that are still needed, also in memory."""
    for number in range(100_000):
        revocations.revoke_session(f"sess_{number}")
        clock.advance(0.1)

    assert KEPT * 10 <= len(revocations) <= KEPT * 10 + 2
    assert revocations.is_revoked(claims(clock.time(), "sess_99999"))
    assert not revocations.is_revoked(claims(clock.time(), "sess_0"))


def test_revoking_the_same_costs_no_memory(clock: Clock) -> None:
    """However often one session is revoked within a lifetime, it is one entry and one place in the queue."""
    revocations = Revocations(clock=clock.time)
    before = sys.getsizeof(vars(revocations)["_queue"])
    for _ in range(10_000):
        revocations.revoke_session("sess_1")
        revocations.revoke_user("user_1")

    assert 2 == len(revocations)
    assert sys.getsizeof(vars(revocations)["_queue"]) < before + 1_000


def test_default_lifetime_is_the_longest_that_clerk_gives(clock: Clock) -> None:
    """Without a word about the lifetime a session stays revoked for the ten years that a token may have."""
    revocations = Revocations(clock=clock.time)
    revocations.revoke_session("sess_1")
    clock.advance(315_360_000)
    revocations.revoke_session("sess_2")

    assert revocations.is_revoked(claims(clock.time(), "sess_1"))


@pytest.mark.parametrize("lifetime", [0, -1, float("nan"), float("inf"), 315_360_001])
def test_bad_lifetime(lifetime: float) -> None:
    """A lifetime that no token has is refused with the range."""
    with pytest.raises(ValueError, match="token_lifetime: write a number of seconds up to 315360000"):
        Revocations(token_lifetime=lifetime)


def test_repr_counts(revocations: Revocations) -> None:
    """`repr` says how many, and names nobody."""
    revocations.revoke_session("sess_1")
    revocations.revoke_session("sess_2")
    revocations.revoke_user("user_1")

    assert "Revocations(2 sessions, 1 users)" == repr(revocations)


def test_threads(clock: Clock) -> None:
    """Threads that revoke, ask and let time pass at once lose no entry and raise nothing."""
    revocations = Revocations(token_lifetime=LIFETIME, clock=clock.time)
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def work(name: int) -> None:
        try:
            start.wait()
            for number in range(2_000):
                revocations.revoke_session(f"sess_{name}_{number % 50}")
                revocations.revoke_user(f"user_{name}_{number % 50}")
                if not revocations.is_revoked(claims(0, f"sess_{name}_{number % 50}")):
                    raise AssertionError(number)
        except BaseException as failure:  # noqa: BLE001 - the main thread reports it
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert 4 * 2 * 50 == len(revocations)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_while_the_lock_is_held(clock: Clock) -> None:
    """A child that is forked while a thread of its parent revokes can revoke too, and knows what was revoked."""
    revocations = Revocations(token_lifetime=LIFETIME, clock=clock.time)
    revocations.revoke_session("sess_1")
    lock: threading.Lock = vars(revocations)["_lock"]
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
            revocations.revoke_session("sess_2")
            known = all(revocations.is_revoked(claims(0, session)) for session in ("sess_1", "sess_2"))
            os._exit(0 if known else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    go_on.set()
    holder.join()

    assert 0 == os.waitstatus_to_exitcode(status)
