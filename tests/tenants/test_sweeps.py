"""Every session of some users is ended, at one tenant or at all: what is done, what is told, what is refused."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest

from clerk_ext import (
    ConfigurationError,
    Reason,
    Revocations,
    SweepProgress,
    SweepReport,
    SweptSession,
    TokenVerificationError,
    UnknownTenant,
)
from clerk_ext.testing import FakeClerk, FakeTransport, SessionStatus
from tests.tenants.sweeping import Crowd, Meddler, Watch, add_sessions, ids, live, methods, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext import ClerkConfig, Tenants
    from tests.worlds import Clock, World

Fakes = dict[str, FakeClerk]
EVERY_STATUS: tuple[SessionStatus, ...] = (
    "abandoned",
    "active",
    "ended",
    "expired",
    "pending",
    "removed",
    "replaced",
    "revoked",
)


def sent(fakes: Fakes) -> int:
    """How many requests were sent in all."""
    return sum(len(fake.requests) for fake in fakes.values())


def meddling(world: World, fakes: Fakes, meddle: Callable[[httpx.Request], httpx.Response | None]) -> Tenants:
    """The tenants behind a transport that meddles."""
    return world.tenants([fake.config() for fake in fakes.values()], transport=Meddler(fakes.values(), meddle))


def test_one_tenant(tenants: Tenants, fakes: Fakes) -> None:
    """The live sessions of the given users at the given tenant end, and no others."""
    for fake in fakes.values():
        users = [fake.add_user(f"user_{number}") for number in range(3)]
        for user in users:
            add_sessions(fake, user, 3)
    kept = {slug: live(fakes[slug]) for slug in ("globex", "initech")}
    mine = {session.id for session in fakes["acme"].sessions() if session.user.id != "user_2"}
    report = tenants.revoke_sessions_of(["user_0", "user_1"], tenant="acme")

    assert report.is_complete
    assert 6 == len(mine) == len(report.sessions)
    assert mine == told(report, "revoked")
    assert {("acme", "user_0", None), ("acme", "user_1", None)} == {
        (session.tenant, session.user_id, session.error) for session in report.sessions
    }
    assert {"user_2"} == {session.user.id for session in fakes["acme"].sessions() if session.is_live}
    assert kept == {slug: live(fakes[slug]) for slug in kept}
    assert 0 == len(fakes["globex"].requests) + len(fakes["initech"].requests)


def test_all_tenants(tenants: Tenants, fakes: Fakes) -> None:
    """Without a tenant, a user's sessions end at each; one that an instance does not know has none there."""
    made = {
        slug: ids(add_sessions(fakes[slug], fakes[slug].add_user("user_1"), count))
        for slug, count in (("acme", 1), ("globex", 2))
    }
    report = tenants.revoke_sessions_of(["user_1"])

    assert report.is_complete
    assert made == {slug: {s.session_id for s in report.sessions if s.tenant == slug} for slug in made}
    assert 3 == len(report.of("revoked")) == len(report.sessions)
    assert not any(live(fake) for fake in fakes.values())
    assert ["GET"] == methods(fakes["initech"])


def test_each_status(world: World, fakes: Fakes) -> None:
    """Sessions that are active, pending, or in a state not known here are ended; those that are over are let be."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = {status: fake.create_session(user, status=status) for status in EVERY_STATUS}
    strange = fake.create_session(user)

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST":
            return None
        data = [
            session.to_json() | ({"status": "suspended"} if session is strange and session.is_live else {})
            for session in fake.sessions()
        ]
        return httpx.Response(200, json={"data": data, "total_count": len(data)})

    report = meddling(world, fakes, meddle).revoke_sessions_of([user.id], tenant="acme")

    assert report.is_complete
    assert {made["active"].id, made["pending"].id, strange.id} == told(report, "revoked")
    assert ["POST"] * 3 == methods(fake)
    assert "revoked" == strange.status == made["active"].status == made["pending"].status
    for status in set(EVERY_STATUS) - {"active", "pending"}:
        assert status == made[status].status


def test_many_pages(world: World, clock: Clock) -> None:
    """Live sessions are found on every page of a user who has more sessions than a page holds."""
    fake = FakeClerk("acme", clock=clock.time, environment="production")
    user = fake.add_user()
    made = add_sessions(fake, user, 1_203)
    mine = {0, 1, 202, 601, 701, 703, 704, 1_200, 1_202}
    for number, session in enumerate(made):
        if number not in mine:
            fake.revoke(session)
    tenants = world.tenants([fake.config()], transport=FakeTransport(fake))
    report = tenants.revoke_sessions_of([user.id])

    assert report.is_complete
    assert {made[number].id for number in mine} == told(report, "revoked")
    assert set() == live(fake)
    lists = [request.path for request in fake.requests if request.method == "GET"]
    assert 6 == len(lists)  # three pages, and anew
    assert all("limit=500" in path for path in lists)


def test_more_live_sessions_than_a_page_holds(world: World, clock: Clock) -> None:
    """A production instance is sent hundreds of requests in a row, and each session is told once."""
    fake = FakeClerk("acme", clock=clock.time, environment="production")
    user = fake.add_user()
    made = ids(add_sessions(fake, user, 502))
    tenants = world.tenants([fake.config()], transport=FakeTransport(fake))
    report = tenants.revoke_sessions_of([user.id])

    assert report.is_complete
    assert made == told(report, "revoked")
    assert set() == live(fake)


def test_sessions_that_appear_meanwhile(world: World, fakes: Fakes) -> None:
    """A user who signs in again while the sweep runs is found by listing anew, until none is left."""
    fake = fakes["acme"]
    user = fake.add_user()
    first = fake.create_session(user)
    late: list[str] = []

    def meddle(request: httpx.Request) -> None:
        if request.method == "POST" and len(late) < 3:
            late.append(fake.create_session(user).id)

    report = meddling(world, fakes, meddle).revoke_sessions_of([user.id], tenant="acme")

    assert report.is_complete
    assert {first.id, *late} == told(report, "revoked")
    assert set() == live(fake)
    assert ["GET", "POST"] * 4 + ["GET"] == methods(fake)


def test_user_who_never_stops(world: World, fakes: Fakes) -> None:
    """A sweep gives up on a user who signs in anew each time, and says that sessions may be left."""
    fake = fakes["acme"]
    user, other = fake.add_user(), fake.add_user()
    fake.create_session(user)
    fake.create_session(other)

    def meddle(request: httpx.Request) -> None:
        if request.method == "POST" and fake.find_session(request.url.path.split("/")[-2]) in mine():
            fake.create_session(user)

    def mine() -> list[object]:
        return [session for session in fake.sessions() if session.user is user]

    report = meddling(world, fakes, meddle).revoke_sessions_of([user.id, other.id], tenant="acme")

    assert (("acme", user.id),) == report.unfinished
    assert not report.is_complete
    assert 1 <= len(live(fake))
    assert 11 == len(report.of("revoked")) == len(report.sessions)


def test_sessions_that_stay_in_the_list(world: World, fakes: Fakes) -> None:
    """A session that the server goes on showing as active is revoked once, and the sweep comes to an end."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = {session.id: session for session in add_sessions(fake, user, 2)}

    def meddle(request: httpx.Request) -> httpx.Response | None:
        if request.method == "GET":
            return None
        session = made[request.url.path.split("/")[-2]]
        return httpx.Response(200, json=session.to_json() | {"status": "revoked"})

    transport = Meddler(fakes.values(), meddle)
    tenants = world.tenants([each.config() for each in fakes.values()], transport=transport)
    report = tenants.revoke_sessions_of([user.id], tenant="acme")

    assert set(made) == told(report, "revoked")
    assert sorted(made) == sorted(transport.posts())
    assert 2 == len(fake.requests)


def test_dry_run(tenants: Tenants, fakes: Fakes) -> None:
    """A dry run tells each session that would end, and sends nothing but lists."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = add_sessions(fake, user, 3)
    fake.revoke(made[0])
    watch = Watch()
    report = tenants.revoke_sessions_of([user.id], dry_run=True, progress=watch)

    assert {made[1].id, made[2].id} == told(report, "to revoke") == live(fake)
    assert 2 == len(report.sessions)
    assert ["GET"] * 3 == [method for each in fakes.values() for method in methods(each)]
    assert 2 == sum(outcome == "to revoke" for outcome, _, _ in watch.lines())
    assert ("2 to revoke") in str(report)


def test_dry_run_leaves_them_live(tenants: Tenants, fakes: Fakes) -> None:
    """The report of a dry run that found live sessions does not say that none is left; resumed, they end."""
    fake = fakes["acme"]
    user = fake.add_user()
    made = ids(add_sessions(fake, user, 2))
    preview = tenants.revoke_sessions_of([user.id], tenant="acme", dry_run=True)

    assert not preview.is_complete
    report = tenants.revoke_sessions_of(resume=preview)
    assert made == told(report, "revoked")
    assert set() == live(fake)


def test_progress(tenants: Tenants, fakes: Fakes) -> None:
    """Each session and each user is told in order, and the users done reach the number of users."""
    fake = fakes["acme"]
    users = [fake.add_user() for _ in range(2)]
    made = [fake.create_session(user) for user in users]
    watch = Watch()
    report = tenants.revoke_sessions_of(
        [users[0].id, users[1].id, users[0].id], tenant="acme", concurrency=1, progress=watch
    )

    assert [("revoked", 0, 2), (None, 1, 2), ("revoked", 1, 2), (None, 2, 2)] == watch.lines()
    assert [made[0].id, made[1].id] == [each.latest.session_id for each in watch.seen if each.latest]
    assert report.sessions == tuple(each.latest for each in watch.seen if each.latest)


def test_progress_counts_users_at_each_tenant(tenants: Tenants, fakes: Fakes) -> None:
    """A user counts once for each tenant, those without a session and those that fail too."""
    watch = Watch()
    tenants.add(
        fakes["acme"].config(
            name="keyless",
            publishable_key=None,
            issuer="https://k.example.com",
            jwks_url="https://k.example.com/jwks",
            secret_key=None,
        )
    )
    tenants.revoke_sessions_of(["user_1", "user_2"], progress=watch)

    assert list(range(1, 9)) == [done for outcome, done, _ in watch.lines() if outcome is None]
    assert {8} == {users for _, _, users in watch.lines()}
    assert 2 == sum(outcome == "failed" for outcome, _, _ in watch.lines())


def test_progress_one_call_at_a_time(world: World, fakes: Fakes) -> None:
    """However many users are worked on at once, the callback never runs twice at the same time."""
    users = [fakes["acme"].add_user() for _ in range(4)]
    for user in users:
        add_sessions(fakes["acme"], user, 2)
    inside, overlapped = threading.Lock(), threading.Event()
    calls: list[SweepProgress] = []

    def progress(latest: SweepProgress) -> None:
        if not inside.acquire(blocking=False):
            overlapped.set()
            return
        calls.append(latest)
        if len(calls) == 1:  # the other three have their answer soon, and would come in
            overlapped.wait(0.1)
        inside.release()

    transport = Crowd(fakes.values(), 4, "POST")
    tenants = world.tenants([fakes["acme"].config()], transport=transport)
    tenants.revoke_sessions_of([user.id for user in users], concurrency=4, progress=progress)

    assert not overlapped.is_set()
    assert 4 * 3 == len(calls)
    assert 4 == transport.greatest


def test_concurrency(world: World, fakes: Fakes) -> None:
    """As many users at a time as allowed, and no more; a tenant more or less makes no difference."""
    users = [f"user_{number}" for number in range(5)]
    transport = Crowd(fakes.values(), 3)
    tenants = world.tenants([fake.config() for fake in fakes.values()], transport=transport)
    report = tenants.revoke_sessions_of(users, concurrency=3)

    assert report.is_complete
    assert 15 == transport.begun
    assert 3 == transport.greatest


def test_concurrency_by_default(world: World, fakes: Fakes) -> None:
    """Left alone, four users are worked on at a time."""
    transport = Crowd(fakes.values(), 4)
    tenants = world.tenants([fake.config() for fake in fakes.values()], transport=transport)
    tenants.revoke_sessions_of([f"user_{number}" for number in range(4)])

    assert 4 == transport.greatest


def test_nobody(tenants: Tenants, fakes: Fakes) -> None:
    """Nothing is sent for no users, and the report is empty and complete."""
    report = tenants.revoke_sessions_of([])

    assert SweepReport(sessions=(), unfinished=()) == report == tenants.revoke_sessions_of()
    assert report.is_complete
    assert "no live session" == str(report)
    assert 0 == sent(fakes)


def test_users_of_a_generator(tenants: Tenants, fakes: Fakes) -> None:
    """Users may come from anything that can be gone through once, for all tenants."""
    report = tenants.revoke_sessions_of(f"user_{number}" for number in range(2))

    assert report.is_complete
    assert 6 == sent(fakes)


@pytest.mark.parametrize("remembered", [True, False])
def test_tokens_are_refused_at_once(
    world: World, fakes: Fakes, transport: FakeTransport, clock: Clock, remembered: bool
) -> None:
    """Tokens of ended sessions are refused from then on at that tenant, remembered or not; equal ids elsewhere not."""
    revocations = Revocations(clock=clock.time)
    tenants = world.tenants(
        [fake.config(monotonic=clock.monotonic) for fake in fakes.values()],
        transport=transport,
        revocations=revocations,
        monotonic=clock.monotonic,
    )
    acme, globex = fakes["acme"], fakes["globex"]
    ended, kept = (acme.create_session(acme.add_user()) for _ in range(2))
    elsewhere = globex.create_session(globex.add_user())
    gone = acme.session_token(ended)
    good = [acme.session_token(kept), globex.session_token(elsewhere, claims={"sid": ended.id, "sub": ended.user.id})]
    if remembered:
        for token in (gone, *good):
            tenants.verify_token(token)
    tenants.revoke_sessions_of([ended.user.id], tenant="acme")

    with pytest.raises(TokenVerificationError) as refused:
        tenants.verify_token(gone)
    assert Reason.SESSION_REVOKED == refused.value.reason
    assert ["acme", "globex"] == [tenants.verify_token(token).tenant for token in good]
    assert 1 == len(revocations)


def test_dry_run_refuses_no_token(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock) -> None:
    """A dry run leaves the revocations as they are."""
    revocations = Revocations(clock=clock.time)
    configs = [fake.config() for fake in fakes.values()]
    tenants = world.tenants(configs, transport=transport, revocations=revocations)
    session = fakes["acme"].create_session(fakes["acme"].add_user())
    tenants.revoke_sessions_of([session.user.id], dry_run=True)

    assert 0 == len(revocations)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_loaded_tenant(world: World, fakes: Fakes, transport: FakeTransport, asynchronous: bool) -> None:
    """A tenant that nobody asked for yet is loaded by its name, once for all its users."""
    loads: list[str] = []

    def load(name: str) -> ClerkConfig | None:
        loads.append(name)
        return fakes[name].config() if name in fakes else None

    async def load_async(name: str) -> ClerkConfig | None:
        return load(name)

    tenants = world.tenants(transport=transport, load_by_name=load_async if asynchronous else load)
    sessions = [fakes["globex"].create_session(fakes["globex"].add_user()) for _ in range(3)]
    report = tenants.revoke_sessions_of([session.user.id for session in sessions], tenant="globex")

    assert ids(sessions) == told(report, "revoked")
    assert ["globex"] == loads
    assert ["globex"] == list(tenants)


def test_unknown_tenant(tenants: Tenants, fakes: Fakes) -> None:
    """A tenant that nobody knows is told as the failure of each user, and they stay unfinished."""
    watch = Watch()
    report = tenants.revoke_sessions_of(["user_1", "user_2"], tenant="nobody", progress=watch, concurrency=1)

    assert [(user, None, "failed") for user in ("user_1", "user_2")] == [
        (session.user_id, session.session_id, session.outcome) for session in report.sessions
    ]
    assert all(isinstance(session.error, UnknownTenant) for session in report.sessions)
    assert (("nobody", "user_1"), ("nobody", "user_2")) == report.unfinished
    assert "2 failed; 2 users unfinished" == str(report)
    assert [("failed", 0, 2), (None, 1, 2), ("failed", 1, 2), (None, 2, 2)] == watch.lines()
    assert 0 == sent(fakes)


def test_tenant_without_secret_key(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """A tenant whose secret key is not known is told as a failure, and holds up no other."""
    configs = [fake.config(secret_key=None) if fake.slug == "globex" else fake.config() for fake in fakes.values()]
    made = {slug: ids(add_sessions(fake, fake.add_user("user_1"), 1)) for slug, fake in fakes.items()}
    report = world.tenants(configs, transport=transport).revoke_sessions_of(["user_1"])

    assert made["acme"] | made["initech"] == told(report, "revoked")
    (failed,) = report.of("failed")
    assert ("globex", "user_1", None) == (failed.tenant, failed.user_id, failed.session_id)
    assert isinstance(failed.error, ConfigurationError)
    assert "secret_key" == failed.error.field
    assert (("globex", "user_1"),) == report.unfinished
    assert 0 == len(fakes["globex"].requests)


def test_report(tenants: Tenants, fakes: Fakes) -> None:
    """A report sorts by outcome, counts in one line, is a value, and shows no secret."""
    fake = fakes["acme"]
    sessions = add_sessions(fake, fake.add_user("user_1"), 2)
    tenants.add(
        fakes["globex"].config(
            name="other",
            publishable_key=None,
            issuer="https://o.example.com",
            jwks_url="https://o.example.com/jwks",
            secret_key="sk_test_wrong",
        )
    )
    report = tenants.revoke_sessions_of(["user_1"])

    assert ids(sessions) == {session.session_id for session in report.of("revoked")}
    assert ["other"] == [session.tenant for session in report.of("failed")]
    assert [] == report.of("gone") == report.of("to revoke")
    assert "2 revoked" in str(report)
    assert "1 failed" in str(report)
    assert str(report).endswith("; 1 users unfinished")
    for text in (repr(report), str(report), *map(repr, report.sessions), *map(str, report.sessions)):
        assert "sk_test" not in text
        assert "Bearer" not in text
    assert report == SweepReport(sessions=report.sessions, unfinished=report.unfinished)


def test_report_of_everything() -> None:
    """The line counts each outcome in the order in which it first came."""
    sessions = [
        SweptSession(tenant="acme", user_id="user_1", session_id="sess_1", outcome=outcome)
        for outcome in ("gone", "revoked", "gone", "failed", "to revoke")
    ]
    complete = SweepReport(sessions=tuple(sessions), unfinished=())

    assert "2 gone, 1 revoked, 1 failed, 1 to revoke" == str(complete)
    assert [sessions[0], sessions[2]] == complete.of("gone")
    assert not SweepReport(sessions=(), unfinished=(("acme", "user_1"),)).is_complete


ACME_REPORT = SweepReport(sessions=(), unfinished=(("acme", "user_1"),))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"user_ids": "user_1"}, TypeError, "user_ids: is a single str"),
        ({"user_ids": ["user_1", 5]}, TypeError, "user_ids: write a str"),
        ({"user_ids": [b"user_1"]}, TypeError, "user_ids: write a str"),
        ({"user_ids": ["user_1", ""]}, ValueError, "user_ids: is empty"),
        ({"user_ids": ["user_1", "eyJhbGciOi"]}, ValueError, "user_ids: this looks like a token"),
        ({"user_ids": ["user_1", "sk_test_x"]}, ValueError, "user_ids: this looks like a token or a key"),
        ({"user_ids": ["user_1"], "resume": ACME_REPORT}, ValueError, "resume: says what is left to do"),
        ({"user_ids": ["user_1"], "concurrency": 0}, ValueError, "concurrency: write a number from 1 to 1000"),
        ({"user_ids": ["user_1"], "concurrency": 1_001}, ValueError, "concurrency: write a number from 1 to 1000"),
        ({"user_ids": ["user_1"], "concurrency": 2.0}, TypeError, "concurrency: write an int"),
        ({"user_ids": ["user_1"], "concurrency": True}, TypeError, "concurrency: write an int"),
        ({"user_ids": ["user_1"], "tenant": 5}, TypeError, "name|tenant"),
        ({"user_ids": ["user_1"], "progress": 5}, TypeError, "progress"),
        ({"resume": ["user_1"]}, TypeError, "resume"),
    ],
    ids=lambda value: "-".join(cast("dict[str, object]", value)) if isinstance(value, dict) else None,
)
def test_bad_arguments(
    tenants: Tenants, fakes: Fakes, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    """An argument that makes no sense is refused by name before anything is sent."""
    for fake in fakes.values():
        fake.create_session(fake.add_user("user_1"))

    with pytest.raises(error, match=message):
        tenants.revoke_sessions_of(**arguments)
    assert 0 == sent(fakes)


def test_refused_values_are_not_shown(tenants: Tenants) -> None:
    """A token or a key in the place of an id does not show in the error."""
    for secret in ("eyJhbGciOiJSUzI1NiJ9.x.y", "sk_test_verysecret"):
        with pytest.raises(ValueError, match="user_ids") as refused:
            tenants.revoke_sessions_of([secret])
        assert secret not in str(refused.value)
