"""Sweeps in trouble: servers that refuse and fail, callbacks that raise, callers who go away; what is left to do."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from clerk_ext import (
    APIConnectionError,
    APIResponseError,
    AsyncTenants,
    InternalServerError,
    RateLimitError,
    Revocations,
    SweepProgress,
    Tenants,
    TenantUnavailable,
)
from clerk_ext.tenancy.sweeping import Paces, sweep_all, sweep_all_async
from clerk_ext.tenancy.sweeps import Sweep, SweepReport
from tests.tenants.sweeping import PATIENCE, Crowd, Meddler, Watch, add_sessions, ids, live, methods, refusal, told

if TYPE_CHECKING:
    from clerk_ext import AsyncClerk, Clerk, ClerkConfig
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World

Fakes = dict[str, "FakeClerk"]


class StopError(BaseException):
    """What is no `Exception`, as an interrupt is none."""


@pytest.fixture
def meddler(fakes: Fakes) -> Meddler:
    """Leads to the three instances; a test sets ``.meddle``."""
    return Meddler(fakes.values())


@pytest.fixture
def tenants(world: World, fakes: Fakes, meddler: Meddler) -> Tenants:
    """The three instances behind the meddler."""
    return world.tenants([fake.config() for fake in fakes.values()], transport=meddler)


def session_of(request: httpx.Request) -> str:
    """The id of the session that a request would end; empty for any other request."""
    return request.url.path.split("/")[-2] if request.method == "POST" else ""


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_too_early(tenants: Tenants, fakes: Fakes, meddler: Meddler, method: str) -> None:
    """Whoever is told to come back later does, for lists and for sessions, and nothing has failed."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = ids(add_sessions(fake, user, 2))
    refusals = [refusal(429) for _ in range(4)]

    def meddle(request: httpx.Request) -> httpx.Response | None:
        return refusals.pop() if refusals and request.method == method else None

    meddler.meddle = meddle
    report = tenants.revoke_sessions_of([user.id], tenant="acme")

    assert report.is_complete
    assert made == told(report, "revoked")
    assert [] == refusals


def test_always_too_early(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """A session that Clerk goes on refusing to end has failed after some tries; the others are ended."""
    fake = fakes["acme"]
    user = fake.add_user()
    stuck, *others = add_sessions(fake, user, 3)
    meddler.meddle = lambda request: refusal(429) if session_of(request) == stuck.id else None
    report = tenants.revoke_sessions_of([user.id], tenant="acme")

    assert ids(others) == told(report, "revoked")
    assert {stuck.id} == told(report, "failed") == live(fake)
    assert isinstance(report.of("failed")[0].error, RateLimitError)
    assert (("acme", user.id),) == report.unfinished
    assert 5 <= meddler.posts().count(stuck.id) <= 15  # some tries are of the connection's own


@pytest.mark.parametrize("failure", ["status", "connection", "no answer that makes sense"])
def test_sessions_that_cannot_be_ended(tenants: Tenants, fakes: Fakes, meddler: Meddler, failure: str) -> None:
    """A session that fails, fails alone: others of its user, of other users and of other tenants are ended."""
    acme, globex = fakes["acme"], fakes["globex"]
    user, other = acme.add_user("user_1"), acme.add_user("user_2")
    broken, *rest = [*add_sessions(acme, user, 3), *add_sessions(acme, other, 1)]
    rest += add_sessions(globex, globex.add_user("user_1"), 1)

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if session_of(request) != broken.id:
            return None
        if failure == "connection":
            raise httpx.ConnectError("no route")
        return refusal(503, None) if failure == "status" else httpx.Response(200, text="<html>")

    meddler.meddle = meddle
    report = tenants.revoke_sessions_of(["user_1", "user_2"])
    (failed,) = report.of("failed")

    assert ids(rest) == told(report, "revoked")
    assert ("acme", "user_1", broken.id) == (failed.tenant, failed.user_id, failed.session_id)
    kinds = {"status": InternalServerError, "connection": APIConnectionError}
    assert isinstance(failed.error, kinds.get(failure, APIResponseError))
    assert (("acme", "user_1"),) == report.unfinished
    assert 1 == meddler.posts().count(broken.id)


@pytest.mark.parametrize("page", [1, 2])
def test_list_that_fails(tenants: Tenants, fakes: Fakes, meddler: Meddler, page: int) -> None:
    """A user whose sessions cannot all be listed has failed as a whole; nobody else has."""
    fake = fakes["acme"]
    user, other = fake.add_user(), fake.add_user()
    session = fake.create_session(user)
    fine = add_sessions(fake, other, 1)
    lists: list[str] = []

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if request.url.params.get("user_id") != user.id:
            return None
        lists.append(request.url.params["offset"])
        if len(lists) < page:  # a page of many
            data = [session.to_json() | {"id": f"sess_{number}"} for number in range(500)]
            return httpx.Response(200, json={"data": data, "total_count": 900})
        return refusal(500)

    meddler.meddle = meddle
    watch = Watch()
    report = tenants.revoke_sessions_of([user.id, other.id], tenant="acme", progress=watch, concurrency=1)

    assert [(user.id, None, "failed"), (other.id, fine[0].id, "revoked")] == [
        (each.user_id, each.session_id, each.outcome) for each in report.sessions
    ]
    assert isinstance(report.sessions[0].error, InternalServerError)
    assert (("acme", user.id),) == report.unfinished
    assert [("failed", 0, 2), (None, 1, 2), ("revoked", 1, 2), (None, 2, 2)] == watch.lines()


def test_list_that_fails_the_second_time(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """Where it cannot be seen whether anything is left, the user is unfinished, and what was done is told."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = ids(add_sessions(fake, user, 2))
    meddler.meddle = lambda request: refusal(500) if request.method == "GET" and not live(fake) else None
    report = tenants.revoke_sessions_of([user.id], tenant="acme")

    assert made == told(report, "revoked")
    assert {None} == told(report, "failed")
    assert (("acme", user.id),) == report.unfinished


def test_sessions_that_are_gone(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """A session that is not there any more is no failure."""
    fake = fakes["acme"]
    user = fake.add_user()
    gone, kept = add_sessions(fake, user, 2)

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if session_of(request) != gone.id:
            return None
        fake.set_status(gone, "removed")
        return refusal(404)

    meddler.meddle = meddle
    report = tenants.revoke_sessions_of([user.id], tenant="acme")

    assert report.is_complete
    assert {gone.id} == told(report, "gone")
    assert {kept.id} == told(report, "revoked")
    assert report.of("gone")[0].error is None
    assert 1 == meddler.posts().count(gone.id)


@pytest.mark.parametrize("bad_id", ["", "eyJhbGciOi"])
def test_id_that_is_none(tenants: Tenants, fakes: Fakes, meddler: Meddler, bad_id: str) -> None:
    """A server that lists a session with no proper id makes its own user fail, and nobody else."""
    acme, globex = fakes["acme"], fakes["globex"]
    odd = acme.create_session(acme.add_user("user_1"))
    fine = globex.create_session(globex.add_user("user_1"))

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if request.method != "GET" or acme.secret_key not in request.headers["authorization"]:
            return None
        return httpx.Response(200, json={"data": [odd.to_json() | {"id": bad_id}], "total_count": 1})

    meddler.meddle = meddle
    report = tenants.revoke_sessions_of(["user_1"])

    assert {fine.id} == told(report, "revoked")
    assert ["acme"] == [session.tenant for session in report.of("failed")]
    assert (("acme", "user_1"),) == report.unfinished


def test_loader_that_fails(world: World, fakes: Fakes, meddler: Meddler, clock: Clock) -> None:
    """A tenant that cannot be loaded now is told as failed, and done when the sweep is resumed."""
    session = fakes["globex"].create_session(fakes["globex"].add_user())
    is_up: list[bool] = []

    def load(name: str) -> ClerkConfig:
        if not is_up:
            raise OSError("the database is away")
        return fakes[name].config()

    tenants = world.tenants(transport=meddler, load_by_name=load, monotonic=clock.monotonic)
    report = tenants.revoke_sessions_of([session.user.id], tenant="globex")

    assert isinstance(report.of("failed")[0].error, TenantUnavailable)
    assert (("globex", session.user.id),) == report.unfinished

    is_up.append(True)
    clock.advance(120)
    report = tenants.revoke_sessions_of(resume=report)

    assert report.is_complete
    assert [session.id] == [each.session_id for each in report.sessions]


def test_resume(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """A resumed sweep does what is left and nothing else, and its report tells what was done before too."""
    acme, globex = fakes["acme"], fakes["globex"]
    made = [add_sessions(acme, acme.add_user(f"user_{number}"), 2) for number in range(3)]
    elsewhere = add_sessions(globex, globex.add_user("user_1"), 1)
    broken = made[1][0].id
    meddler.meddle = lambda request: refusal(500) if session_of(request) == broken else None
    first = tenants.revoke_sessions_of(["user_0", "user_1", "user_2"])
    done = {session.id for each in [*made, elsewhere] for session in each if session.id != broken}

    assert done == told(first, "revoked")
    assert {broken} == told(first, "failed")
    assert (("acme", "user_1"),) == first.unfinished

    still = tenants.revoke_sessions_of(resume=first)  # as broken as before

    assert (done, {broken}) == (told(still, "revoked"), told(still, "failed"))
    assert (("acme", "user_1"),) == still.unfinished

    meddler.meddle = None
    meddler.sent.clear()
    watch = Watch()
    last = tenants.revoke_sessions_of(resume=still, progress=watch)

    assert last.is_complete
    assert done | {broken} == told(last, "revoked")
    assert [] == last.of("failed")
    assert ["GET /sessions", f"POST /sessions/{broken}/revoke", "GET /sessions"] == meddler.sent
    assert [("revoked", 0, 1), (None, 1, 1)] == watch.lines()
    assert tuple(session for session in first.sessions if session.outcome != "failed") == last.sessions[:-1]


def test_resume_what_is_complete(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """Nothing is sent where nothing is left; the report is the same."""
    session = fakes["acme"].create_session(fakes["acme"].add_user())
    report = tenants.revoke_sessions_of([session.user.id])
    meddler.sent.clear()

    assert report == tenants.revoke_sessions_of(resume=report)
    assert [] == meddler.sent


def test_lost_answer_refuses_tokens(world: World, fakes: Fakes, meddler: Meddler, clock: Clock) -> None:
    """Where the server may have ended a session its tokens are refused; where it said no they are not."""
    revocations = Revocations(clock=clock.time)
    configs = [fake.config() for fake in fakes.values()]
    tenants = world.tenants(configs, transport=meddler, revocations=revocations)
    lost, denied = add_sessions(fakes["acme"], fakes["acme"].add_user(), 2)
    meddler.meddle = lambda request: (
        refusal({lost.id: 500, denied.id: 403}[session_of(request)]) if session_of(request) else None
    )
    tenants.revoke_sessions_of([lost.user.id], tenant="acme")

    assert not tenants.authenticate_token(fakes["acme"].session_token(lost)).is_signed_in
    assert tenants.authenticate_token(fakes["acme"].session_token(denied)).is_signed_in


@pytest.mark.parametrize("failure", [RuntimeError, StopError])
def test_progress_that_raises(tenants: Tenants, fakes: Fakes, meddler: Meddler, failure: type[BaseException]) -> None:
    """What the callback raises comes out, whatever it is, and nothing is sent after it."""
    users = [fakes["acme"].add_user() for _ in range(3)]
    for user in users:
        add_sessions(fakes["acme"], user, 2)

    def progress(_: SweepProgress) -> None:
        raise failure("enough")

    with pytest.raises(failure, match="enough"):
        tenants.revoke_sessions_of([user.id for user in users], tenant="acme", concurrency=1, progress=progress)
    assert ["GET", "POST"] == methods(fakes["acme"])


def test_progress_that_raises_in_a_crowd(world: World, fakes: Fakes) -> None:
    """Requests under way may end; none is begun after the callback raised, for whatever user."""
    fake = fakes["acme"]
    users = [fake.add_user() for _ in range(8)]
    for user in users:
        add_sessions(fake, user, 3)
    transport = Crowd(fakes.values(), 4, "POST")

    def progress(_: SweepProgress) -> None:
        raise ValueError("enough")

    tenants = world.tenants([fake.config()], transport=transport)
    with pytest.raises(ValueError, match="enough"):
        tenants.revoke_sessions_of([user.id for user in users], concurrency=4, progress=progress)
    assert 4 == transport.begun
    assert 4 == methods(fake).count("GET")


def test_nobody_is_finished_by_a_stop(world: World, fakes: Fakes) -> None:
    """Users with whom a stopped sweep was not done are not told as finished."""
    fake = fakes["acme"]
    users = [fake.add_user() for _ in range(4)]
    for user in users:
        add_sessions(fake, user, 3)
    later: list[SweepProgress] = []

    def progress(latest: SweepProgress) -> None:
        later.append(latest)
        if len(later) == 1:
            raise ValueError("enough")

    tenants = world.tenants([fake.config()], transport=Crowd(fakes.values(), 4, "POST"))
    with pytest.raises(ValueError, match="enough"):
        tenants.revoke_sessions_of([user.id for user in users], concurrency=4, progress=progress)
    assert {0} == {each.users_done for each in later}
    assert None not in [each.latest for each in later]


def test_interrupt_in_a_request(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """What is no `Exception` comes out of whatever worker it strikes, and nothing is sent after it."""
    users = [fakes["acme"].add_user() for _ in range(3)]
    for user in users:
        add_sessions(fakes["acme"], user, 2)

    def meddle(request: httpx.Request) -> None:
        if request.method == "POST":
            raise StopError("interrupted")

    meddler.meddle = meddle
    with pytest.raises(StopError, match="interrupted"):
        tenants.revoke_sessions_of([user.id for user in users], tenant="acme", concurrency=1)
    assert 1 == len(meddler.posts())
    assert ["GET"] == methods(fakes["acme"])


class GivenPaces(Paces):
    """Has the first requests wait for no time, and all others for longer than a test takes."""

    def __init__(self, at_once: int, waiting: int = 0) -> None:
        super().__init__()
        self.places = 0
        self.full = threading.Event()
        self._at_once = at_once
        self._waiting = waiting
        self._counting = threading.Lock()

    def reserve(self, config: ClerkConfig) -> float:
        with self._counting:
            self.places += 1
            if self.places == self._at_once + self._waiting:
                self.full.set()
            return 0.0 if self.places <= self._at_once else 600.0


def sweep_at(world: World, clerk: Clerk, sweep: Sweep, paces: Paces, concurrency: int) -> None:
    """Do a sweep at given paces, in each world."""
    if world.name == "sync":
        sweep_all(sweep, lambda _: clerk, paces, concurrency, dry_run=False)
        return

    async def tenant(_: str) -> AsyncClerk:
        return cast("AsyncClerk", vars(clerk)["_target"])  # what the face of the async world hides

    world.run(sweep_all_async(sweep, tenant, paces, concurrency, dry_run=False))


@pytest.mark.parametrize("refused", [0, 2])
def test_each_request_has_its_place(world: World, fakes: Fakes, meddler: Meddler, refused: int) -> None:
    """Every request takes a place in the pace of its instance, one that is repeated takes another."""
    session = fakes["acme"].create_session(fakes["acme"].add_user())
    refusals = [refusal(429) for _ in range(refused)]
    meddler.meddle = lambda request: refusals.pop() if refusals and request.method == "POST" else None
    paces, sweep = GivenPaces(100), Sweep([("acme", session.user.id)])
    sweep_at(world, world.clerk(fakes["acme"].config(), transport=meddler), sweep, paces, 1)

    assert sweep.report().is_complete
    assert 3 + refused == len(meddler.sent) == paces.places


def test_stopped_while_waiting_for_its_place(world: World, fakes: Fakes, meddler: Meddler) -> None:
    """Who waits for a place when the sweep is stopped goes at once, and sends nothing."""
    users = [fakes["acme"].add_user() for _ in range(3)]
    for user in users[1:]:
        fakes["acme"].create_session(user)
    paces = GivenPaces(3, waiting=2)  # the three lists may go, the two sessions wait
    together = threading.Barrier(3)

    def progress(_: SweepProgress) -> None:
        raise ValueError("enough")

    def meddle(request: httpx.Request) -> None:
        if world.name == "sync" and request.method == "GET":  # tasks take turns by themselves
            together.wait(PATIENCE)
            if request.url.params.get("user_id") == users[0].id:  # who will stop it
                assert paces.full.wait(PATIENCE)

    meddler.meddle = meddle
    sweep = Sweep([("acme", user.id) for user in reversed(users)], progress=progress)
    clerk = world.clerk(fakes["acme"].config(), transport=meddler)
    with pytest.raises(ValueError, match="enough"):
        sweep_at(world, clerk, sweep, paces, 3)

    assert ["GET /sessions"] * 3 == meddler.sent


def test_stopped_while_resting(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """Who is told to come back later does not ask before, and not at all if the sweep is stopped meanwhile."""
    patient, busy = fakes["acme"].add_user(), fakes["globex"].add_user()
    add_sessions(fakes["globex"], busy, 20)
    asked, done = threading.Event(), Watch()

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if request.url.params.get("user_id") != patient.id:
            return None
        asked.set()
        return refusal(429, "60")

    def progress(latest: SweepProgress) -> None:
        done(latest)
        assert asked.wait(PATIENCE)
        if len(done.seen) == 20:
            raise ValueError("enough")

    meddler.meddle = meddle
    with pytest.raises(ValueError, match="enough"):
        tenants.revoke_sessions_of(
            resume=SweepReport(sessions=(), unfinished=(("acme", patient.id), ("globex", busy.id))), progress=progress
        )
    assert 2 == meddler.sent.count("GET /sessions")
    assert 20 == len(meddler.posts())


def test_sweeps_share_their_paces(tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    """All sweeps over the same tenants keep one pace together."""
    made: list[Paces] = []

    class Noted(Paces):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("clerk_ext.tenancy.sweeping.Paces", Noted)
    for _ in range(2):
        tenants.revoke_sessions_of(["user_1"])

    assert 1 == len(made)


class Holding(Meddler):
    """Holds each POST until it is cancelled."""

    def __init__(self, fakes: Fakes) -> None:
        super().__init__(fakes.values())
        self.held = asyncio.Semaphore(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            self.sent.append(f"POST {request.url.path}")
            self.held.release()
            await asyncio.Event().wait()
        return await super().handle_async_request(request)


def test_cancelled(fakes: Fakes) -> None:
    """A sweep whose task is cancelled ends at once with all that it began, and sends nothing more."""
    fake = fakes["acme"]
    users = [fake.add_user() for _ in range(5)]
    for user in users:
        add_sessions(fake, user, 2)
    transport = Holding(fakes)
    watch = Watch()

    async def program() -> int:
        async with AsyncTenants([fake.config()], transport=transport) as tenants:
            sweep = asyncio.create_task(
                tenants.revoke_sessions_of([user.id for user in users], concurrency=2, progress=watch)
            )
            for _ in range(2):
                await asyncio.wait_for(transport.held.acquire(), PATIENCE)
            sweep.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(sweep, PATIENCE)
            return len(asyncio.all_tasks())

    assert 1 == asyncio.run(program())
    assert (2, 2) == (len(transport.posts()), methods(fake).count("GET"))
    assert [] == watch.seen


def test_sweep_after_a_stopped_one(tenants: Tenants, fakes: Fakes, meddler: Meddler) -> None:
    """The tenants are as good as before after a sweep that was stopped."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = ids(add_sessions(fake, user, 3))

    def progress(_: SweepProgress) -> None:
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        tenants.revoke_sessions_of([user.id], tenant="acme", progress=progress)
    left = live(fake)
    report = tenants.revoke_sessions_of([user.id], tenant="acme")

    assert report.is_complete
    assert left == told(report, "revoked")
    assert 2 == len(left) == len(made) - 1
