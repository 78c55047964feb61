"""`Revocations` that hold for one tenant alone: who is refused, beside entries for all, and when they are forgotten."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext import Revocations, SessionClaims

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worlds import Clock

LIFETIME: Final = 60.0
KEPT: Final = LIFETIME + 2 * 300.0
"""The lifetime, with the greatest clock skew before it begins and after it ends."""
TENANTS: Final = ("acme", "globex")


@pytest.fixture
def revocations(clock: Clock) -> Revocations:
    """Revocations of tokens that live a minute."""
    return Revocations(token_lifetime=LIFETIME, clock=clock.time)


def claims(tenant: str, issued: float, session: str = "sess_1", user: str = "user_1") -> SessionClaims:
    """The claims of a token of a tenant, issued at a moment."""
    return SessionClaims(
        tenant,
        {"sub": user, "sid": session, "iss": "https://clerk.example.com", "iat": issued, "exp": issued + LIFETIME},
    )


def test_session(revocations: Revocations, clock: Clock) -> None:
    """A session that was revoked at one tenant is refused there; one with equal ids at another is not."""
    revocations.revoke_session("sess_1", tenant="acme")

    for offset in (-30, 0, 30):
        assert revocations.is_revoked(claims("acme", clock.time() + offset))
        assert not revocations.is_revoked(claims("globex", clock.time() + offset))
    assert not revocations.is_revoked(claims("acme", clock.time(), "sess_2"))
    assert 1 == len(revocations)


def test_user(revocations: Revocations, clock: Clock) -> None:
    """Tokens of a user from before now are refused at one tenant; those from now on, and those of another, are not."""
    now = clock.time()
    revocations.revoke_user("user_1", tenant="acme")

    assert revocations.is_revoked(claims("acme", now - 0.5))
    assert revocations.is_revoked(claims("acme", now - 50, "sess_2"))
    assert not revocations.is_revoked(claims("acme", now))
    assert not revocations.is_revoked(claims("globex", now - 50))
    assert not revocations.is_revoked(claims("acme", now - 50, user="user_2"))


@pytest.mark.parametrize("offset", [-100.0, 0.0, 100.0])
def test_user_before_a_time(revocations: Revocations, clock: Clock, offset: float) -> None:
    """The moment may be past or to come, and holds for that tenant alone."""
    before = clock.time() + offset
    revocations.revoke_user("user_1", before, tenant="acme")

    assert revocations.is_revoked(claims("acme", before - 1))
    assert not revocations.is_revoked(claims("acme", before))
    assert not revocations.is_revoked(claims("globex", before - 1))


def test_an_earlier_moment_takes_nothing_back(revocations: Revocations, clock: Clock) -> None:
    """Of several moments the latest counts, at each tenant for itself."""
    now = clock.time()
    for offset in (-20, -10, -30):
        revocations.revoke_user("user_1", now + offset, tenant="acme")
        revocations.revoke_user("user_1", now + 2 * offset, tenant="globex")

    assert revocations.is_revoked(claims("acme", now - 11))
    assert not revocations.is_revoked(claims("acme", now - 10))
    assert revocations.is_revoked(claims("globex", now - 21))
    assert not revocations.is_revoked(claims("globex", now - 20))
    assert 2 == len(revocations)


@pytest.mark.parametrize("order", [("all", "acme"), ("acme", "all")])
def test_beside_an_entry_for_all(revocations: Revocations, clock: Clock, order: tuple[str, str]) -> None:
    """An entry for all tenants and one for a single tenant stand beside each other, in either order."""
    now = clock.time()
    for whose in order:
        if whose == "all":
            revocations.revoke_session("sess_all")
            revocations.revoke_user("user_1", now - 20)
        else:
            revocations.revoke_session("sess_acme", tenant="acme")
            revocations.revoke_user("user_1", now - 10, tenant="acme")

    assert 4 == len(revocations)
    assert [True, True] == [revocations.is_revoked(claims(tenant, now, "sess_all")) for tenant in TENANTS]
    assert [True, False] == [revocations.is_revoked(claims(tenant, now, "sess_acme")) for tenant in TENANTS]
    assert [True, True] == [revocations.is_revoked(claims(tenant, now - 21)) for tenant in TENANTS]
    assert [True, False] == [revocations.is_revoked(claims(tenant, now - 11)) for tenant in TENANTS]
    assert [False, False] == [revocations.is_revoked(claims(tenant, now - 10)) for tenant in TENANTS]


def test_an_earlier_moment_of_one_tenant(revocations: Revocations, clock: Clock) -> None:
    """What holds for all goes on to hold at a tenant with an earlier moment of its own."""
    now = clock.time()
    revocations.revoke_user("user_1", now - 10)
    revocations.revoke_user("user_1", now - 20, tenant="acme")

    assert [True, True] == [revocations.is_revoked(claims(tenant, now - 11)) for tenant in TENANTS]


def test_a_session_and_a_user_of_the_same_name(revocations: Revocations, clock: Clock) -> None:
    """Ids of sessions and of users are different things at a tenant too."""
    revocations.revoke_session("x", tenant="acme")

    assert not revocations.is_revoked(claims("acme", clock.time() - 5, user="x"))

    revocations.revoke_user("x", tenant="acme")

    assert revocations.is_revoked(claims("acme", clock.time() - 5, user="x"))
    assert 2 == len(revocations)


def test_names_do_not_run_together(revocations: Revocations, clock: Clock) -> None:
    """A tenant's name and an id are two things, however they are cut."""
    revocations.revoke_session("1sess_1", tenant="acme")
    revocations.revoke_user("acme", tenant="user_1")

    assert not revocations.is_revoked(claims("acme1", clock.time(), "sess_1"))
    assert not revocations.is_revoked(claims("acme", clock.time() - 5))


@pytest.mark.parametrize("before", [float("nan"), float("inf"), -float("inf")])
def test_moment_that_is_none(revocations: Revocations, before: float) -> None:
    """A moment that is no number is an error, and leaves no entry."""
    with pytest.raises(ValueError, match="Unix seconds"):
        revocations.revoke_user("user_1", before, tenant="acme")
    assert 0 == len(revocations)


def test_an_empty_one_is_true(revocations: Revocations) -> None:
    """Code that asks `if revocations` sees one that is there, whatever it holds."""
    assert 0 == len(revocations)
    assert bool(revocations)

    revocations.revoke_session("sess_1", tenant="acme")
    assert bool(revocations)


def test_repr_counts(revocations: Revocations) -> None:
    """`repr` counts what is of one tenant like the rest, and names nobody."""
    revocations.revoke_session("sess_1")
    revocations.revoke_session("sess_1", tenant="acme")
    revocations.revoke_user("user_1", tenant="acme")

    assert "Revocations(2 sessions, 1 users)" == repr(revocations)


@pytest.mark.parametrize("kind", ["session", "user"])
def test_entries_are_forgotten(revocations: Revocations, clock: Clock, kind: Literal["session", "user"]) -> None:
    """An entry of a tenant stays as long as a token can carry what it revokes, and goes with the next one after."""
    revoke: Callable[..., None] = getattr(revocations, f"revoke_{kind}")
    token = claims("acme", clock.time() - 1, "a", "a")
    revoke("a", tenant="acme")
    revoke("a")
    clock.advance(KEPT)
    revoke("b", tenant="globex")

    assert 3 == len(revocations)
    assert revocations.is_revoked(token)

    clock.advance(0.001)
    revoke("c", tenant="acme")

    assert 2 == len(revocations)  # b and c
    assert not revocations.is_revoked(token)


@pytest.mark.parametrize("kind", ["session", "user"])
def test_revoking_once_more_keeps_it_longer(
    revocations: Revocations, clock: Clock, kind: Literal["session", "user"]
) -> None:
    """The time of an entry starts anew with each revocation at its tenant, and at no other."""
    revoke: Callable[..., None] = getattr(revocations, f"revoke_{kind}")
    for tenant in TENANTS:
        revoke("a", tenant=tenant)
    clock.advance(KEPT - 1)
    revoke("a", tenant="acme")
    clock.advance(2)
    revoke("b")

    assert 2 == len(revocations)
    assert [True, False] == [
        revocations.is_revoked(claims(tenant, clock.time() - KEPT, "a", "a")) for tenant in TENANTS
    ]


def test_threads(clock: Clock) -> None:
    """Threads that revoke at tenants of their own lose no entry, and refuse nobody else's tokens."""
    revocations = Revocations(token_lifetime=LIFETIME, clock=clock.time)
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def work(tenant: str) -> None:
        try:
            start.wait(10)
            for number in range(1_000):
                session, user = f"sess_{number % 50}", f"user_{number % 50}"
                revocations.revoke_session(session, tenant=tenant)
                revocations.revoke_user(user, tenant=tenant)
                assert revocations.is_revoked(claims(tenant, clock.time(), session))
                assert revocations.is_revoked(claims(tenant, clock.time() - 5, user=user))
                assert not revocations.is_revoked(claims("other", clock.time() - 5, session, user))
        except BaseException as failure:  # noqa: BLE001 - the main thread reports it
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(f"tenant-{name}",)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert 4 * 2 * 50 == len(revocations)


Entry = tuple[str, str | None, int]
ENTRIES = st.lists(
    st.tuples(st.sampled_from(["session", "user"]), st.sampled_from([None, *TENANTS]), st.integers(-9, 9))
)


@given(ENTRIES, st.sampled_from([*TENANTS, "initech"]), st.integers(-10, 10))
def test_any_entries(entries: list[Entry], tenant: str, issued: int) -> None:
    """A token is refused exactly if some entry for all or for its tenant refuses it, in whatever order they came."""
    revocations = Revocations(token_lifetime=LIFETIME, clock=lambda: 1e9)
    for kind, whose, moment in entries:
        if kind == "session":
            revocations.revoke_session(f"sess_{moment}", tenant=whose)
        else:
            revocations.revoke_user("user_1", 1e9 + moment, tenant=whose)
    mine = [(kind, moment) for kind, whose, moment in entries if whose in (None, tenant)]
    expected = ("session", 0) in mine or any(kind == "user" and issued < moment for kind, moment in mine)

    assert expected == revocations.is_revoked(claims(tenant, 1e9 + issued, "sess_0"))
    users = {whose for kind, whose, _ in entries if kind == "user"}
    sessions = {(whose, moment) for kind, whose, moment in entries if kind == "session"}
    assert len(users) + len(sessions) == len(revocations)
