"""Trouble on command: what a client meets of it, in-process and over real HTTP, and what it leaves alone."""

from __future__ import annotations

import json
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, get_args

import attrs
import httpx
import pytest

from clerk_ext import (
    APIConnectionError,
    APIError,
    APIResponseError,
    InternalServerError,
    JWKSUnavailable,
    RateLimitError,
    Revocations,
)
from clerk_ext.testing import FakeClerk, FakeRequest, FakeServer, FakeTransport, Operation, keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeSession, Troubles
    from tests.worlds import Clock, World

ORIGIN = "https://app.example.com"


@pytest.fixture
def session(fake: FakeClerk) -> FakeSession:
    """A session of the instance."""
    return fake.create_session(fake.add_user())


def ask(fake: FakeClerk, path: str = "/v1/jwks", method: str = "GET", body: object = None) -> int:
    """The status of the answer to a request, without any transport."""
    headers = {"Authorization": f"Bearer {fake.secret_key}", "Content-Type": "application/json"}
    request = FakeRequest(method, path, headers, b"" if body is None else json.dumps(body).encode())
    return fake.handle(request).status


def refresh(fake: FakeClerk, clerk: Clerk, session: FakeSession) -> str:
    """Trade an expired token."""
    return clerk.sessions.refresh(
        session.id,
        expired_token=fake.session_token(session, azp=ORIGIN, expires_in=-9),
        refresh_token=fake.refresh_token(session),
        request_origin=ORIGIN,
    )


CALLS: dict[Operation, Callable[[FakeClerk, Clerk, FakeSession], object]] = {
    "jwks": lambda fake, clerk, session: clerk.jwks(),
    "sessions.list": lambda fake, clerk, session: clerk.sessions.list(user_id=session.user.id),
    "sessions.create": lambda fake, clerk, session: clerk.sessions.create(user_id=session.user.id),
    "sessions.get": lambda fake, clerk, session: clerk.sessions.get(session.id),
    "sessions.revoke": lambda fake, clerk, session: clerk.sessions.revoke(session.id),
    "sessions.refresh": refresh,
    "sessions.create_token": lambda fake, clerk, session: clerk.sessions.create_token(session.id),
    "sessions.create_token_from_template": lambda fake, clerk, session: clerk.sessions.create_token_from_template(
        session.id, "hasura"
    ),
}
POSTS: list[Operation] = ["sessions.create", "sessions.create_token", "sessions.refresh", "sessions.revoke"]

LONG = 11
"""Seconds to wait that are beyond the client's budget, so that it tells of them at once."""


def with_every_kind(trouble: Troubles, **options: Any) -> dict[str, Callable[[], None]]:
    """Each kind of trouble, ready to be begun."""
    return {
        "outage": lambda: trouble.outage(**options),
        "latency": lambda: trouble.latency(0, **options),
        "rate_limit": lambda: trouble.rate_limit(LONG, **options),
        "server_error": lambda: trouble.server_error(**options),
        "proxy_page": lambda: trouble.proxy_page(**options),
        "cut_body": lambda: trouble.cut_body(**options),
    }


KINDS = list(with_every_kind(FakeClerk().trouble))
WITHOUT_EFFECT = [kind for kind in KINDS if kind not in ("latency", "cut_body")]
EXPECTED: dict[str, type[APIError]] = {
    "outage": APIConnectionError,
    "rate_limit": RateLimitError,
    "server_error": InternalServerError,
    "proxy_page": InternalServerError,
    "cut_body": APIConnectionError,
}


@pytest.mark.parametrize("kind", EXPECTED)
@pytest.mark.parametrize("operation", POSTS)
def test_what_a_client_makes_of_it(
    fake: FakeClerk, clerk: Clerk, session: FakeSession, kind: str, operation: Operation
) -> None:
    """Each kind is the client's exception for it, for this request alone; the next one is answered."""
    with_every_kind(fake.trouble, operation=operation, times=1)[kind]()
    with pytest.raises(APIError) as caught:
        CALLS[operation](fake, clerk, session)

    assert EXPECTED[kind] is type(caught.value)
    assert 1 == len(fake.requests)
    fake.trouble.mend()
    if kind == "cut_body" and operation == "sessions.refresh":
        return  # the same token, in the same second, has been traded for the answer that was lost
    CALLS[operation](fake, clerk, session)


def test_status_errors_are_told(fake: FakeClerk, clerk: Clerk, session: FakeSession) -> None:
    """Status, Clerk's code and the wait come out as the answers say; of a proxy's page the status is all there is."""
    found: list[tuple[int, list[str], float | None]] = []
    trouble = fake.trouble
    begins: list[Callable[[], None]] = [
        lambda: trouble.rate_limit(LONG, times=1),
        lambda: trouble.server_error(500, times=1),
        lambda: trouble.server_error(503, times=1),
        lambda: trouble.proxy_page(504, times=1),
    ]
    for begin in begins:
        begin()
        with pytest.raises((RateLimitError, InternalServerError)) as caught:
            clerk.sessions.create(user_id=session.user.id)
        error = caught.value
        found.append((error.status_code, [detail.code for detail in error.errors], error.retry_after))

    assert [
        (429, ["too_many_requests"], float(LONG)),
        (500, ["internal_clerk_error"], None),
        (503, ["service_unavailable"], None),
        (504, [], None),
    ] == found


def test_page_with_status_200(fake: FakeClerk, clerk: Clerk, session: FakeSession) -> None:
    """A proxy's page in place of a good answer is not taken for one."""
    fake.trouble.proxy_page(200, times=1)
    with pytest.raises(APIResponseError) as caught:
        clerk.sessions.get(session.id)

    assert 200 == caught.value.status_code


def test_rate_limit_is_waited_out(fake: FakeClerk, clerk: Clerk, session: FakeSession) -> None:
    """Two requests too many are tried again, and only the one that is answered makes a session."""
    fake.trouble.rate_limit(0, times=2)
    made = clerk.sessions.create(user_id=session.user.id)

    assert [429, 429, 200] == [status for _, status in fake.exchanges()]
    assert {session.id, made.id} == {it.id for it in fake.sessions()}


@pytest.mark.parametrize("kind", ["outage", "server_error", "proxy_page", "cut_body"])
def test_reading_is_tried_again(fake: FakeClerk, clerk: Clerk, session: FakeSession, kind: str) -> None:
    """A request that only reads survives a single failure of any kind."""
    with_every_kind(fake.trouble, times=1)[kind]()

    assert session.id == clerk.sessions.get(session.id).id
    assert 2 == len(fake.requests)


@pytest.mark.parametrize("kind", EXPECTED)
def test_keys_cannot_be_had(fake: FakeClerk, clerk: Clerk, session: FakeSession, kind: str) -> None:
    """Without keys nothing can be judged; when the trouble is over and the pause too, it can."""
    with_every_kind(fake.trouble, operation="jwks")[kind]()
    token = fake.session_token(session)
    with pytest.raises(JWKSUnavailable) as caught:
        clerk.verify_token(token)

    assert (LONG if kind == "rate_limit" else 10.0) == caught.value.retry_after
    fake.trouble.mend()
    fake.advance(LONG)
    assert session.id == clerk.verify_token(token).session_id


def test_slow_answer_over_http(fake: FakeClerk, world: World) -> None:
    """An answer that comes later than the client waits is none, for a call as for the keys."""
    with FakeServer(fake) as server:
        clerk = world.clerk(server.config(timeout=0.05, jwks_pause=1))
        fake.trouble.latency(0.3)
        with pytest.raises(APIConnectionError, match="ReadTimeout"):
            clerk.sessions.create(user_id="user_1")
        with pytest.raises(JWKSUnavailable):
            clerk.verify_token(fake.sign_in().token)
        world.settle()


def test_latency(fake: FakeClerk, clerk: Clerk, session: FakeSession, clock: Clock) -> None:
    """A slow answer is a good answer, also one that takes no time; the instance's own time stands still meanwhile."""
    before = clock.time()
    for delay in (0, 0.01):
        fake.trouble.latency(delay, times=1)
        assert session.id == clerk.sessions.get(session.id).id

    assert before == fake.clock()
    assert 2 == len(fake.requests)


def test_latency_is_real_time(fake: FakeClerk) -> None:
    """The answer says how long it takes to arrive, and that it is not as it would be."""
    fake.trouble.latency(0.25, times=1)
    slow, usual = (fake.handle(FakeRequest("GET", "/.well-known/jwks.json")) for _ in range(2))

    assert (0.25, True, 0.0, False) == (slow.delay, slow.is_spoilt, usual.delay, usual.is_spoilt)
    assert usual.body == slow.body


@pytest.mark.parametrize("kind", WITHOUT_EFFECT)
def test_request_that_does_not_get_there(fake: FakeClerk, clerk: Clerk, session: FakeSession, kind: str) -> None:
    """What is answered by the trouble changes nothing: no session, no revocation, no traded token, no webhook."""
    told = len(fake.webhooks)
    with_every_kind(fake.trouble)[kind]()
    for operation in POSTS:
        with pytest.raises(APIError):
            CALLS[operation](fake, clerk, session)

    assert [session] == fake.sessions()
    assert "active" == session.status
    assert told == len(fake.webhooks)
    fake.trouble.mend()
    assert refresh(fake, clerk, session)


def test_answer_that_is_cut(fake: FakeClerk, clerk: Clerk, session: FakeSession) -> None:
    """What was asked is done, though the answer breaks off."""
    fake.trouble.cut_body(times=1)
    with pytest.raises(APIConnectionError):
        clerk.sessions.revoke(session.id)

    assert "revoked" == session.status
    assert ["session.created", "session.revoked"] == [webhook.type for webhook in fake.webhooks]


def test_revocations_note_a_lost_answer(world: World, fake: FakeClerk, session: FakeSession, clock: Clock) -> None:
    """A revocation whose answer is cut may have been done, so the client's own list has it."""
    revocations = Revocations(clock=clock.time)
    clerk = world.clerk(fake.config(), transport=FakeTransport(fake), revocations=revocations)
    claims = clerk.verify_token(fake.session_token(session))
    fake.trouble.cut_body(times=1)
    with pytest.raises(APIConnectionError):
        clerk.sessions.revoke(session.id)

    assert revocations.is_revoked(claims)


@pytest.mark.parametrize("troubled", CALLS)
def test_one_operation(fake: FakeClerk, world: World, session: FakeSession, troubled: Operation) -> None:
    """Trouble of one operation leaves the seven others alone."""
    fake.add_template("hasura")
    clerk = world.clerk(fake.config(), transport=FakeTransport(fake))
    fake.trouble.rate_limit(LONG, operation=troubled)
    failed: list[str] = []
    for operation, call in sorted(CALLS.items(), key=lambda item: item[0] == "sessions.revoke"):
        try:
            call(fake, clerk, session)
        except RateLimitError:
            failed.append(operation)

    assert [troubled] == failed


def test_operations_are_all_there() -> None:
    """Each operation that can be troubled is asked for here."""
    assert set(get_args(Operation)) == set(CALLS)


def test_key_set_of_either_api(fake: FakeClerk) -> None:
    """The key set is the same operation at both APIs; what is no operation meets only trouble of everything."""
    fake.trouble.server_error(operation="jwks")

    assert [500, 500, 404] == [ask(fake, path) for path in ("/v1/jwks", "/.well-known/jwks.json", "/v1/users")]
    fake.trouble.server_error(502)
    assert 502 == ask(fake, "/v1/users")


@pytest.mark.parametrize("kind", KINDS)
def test_so_many_requests(fake: FakeClerk, kind: str) -> None:
    """Each kind lasts for so many requests of its operation, whatever else is asked in between."""
    spoilt: list[bool] = []
    fake.on_exchange.append(lambda request, answer: spoilt.append(answer.is_spoilt))
    with_every_kind(fake.trouble, operation="sessions.list", times=2)[kind]()
    for path in ("/v1/sessions", "/v1/jwks", "/v1/sessions?limit=1", "/v1/sessions"):
        ask(fake, path)

    assert [True, False, True, False] == spoilt


@pytest.mark.parametrize("kind", KINDS)
def test_for_a_time(fake: FakeClerk, clock: Clock, kind: str) -> None:
    """Each kind lasts for so many seconds of the instance's clock, however that moves, and not a moment more."""
    spoilt: list[bool] = []
    fake.on_exchange.append(lambda request, answer: spoilt.append(answer.is_spoilt))
    with_every_kind(fake.trouble, seconds=60)[kind]()
    for advance, seconds in ((fake.advance, 0), (fake.advance, 29.5), (clock.advance, 30.25), (fake.advance, 0.25)):
        advance(seconds)
        ask(fake)

    assert [True, True, True, False] == spoilt


def test_times_and_seconds(fake: FakeClerk) -> None:
    """With both bounds, the first that is reached ends it."""
    fake.trouble.server_error(times=2, seconds=10)
    fake.trouble.rate_limit(times=1, seconds=10, operation="sessions.list")
    few = [ask(fake) for _ in range(3)]
    fake.trouble.server_error(times=2, seconds=10)
    fake.advance(10)

    assert [500, 500, 200] == few
    assert [200, 200] == [ask(fake), ask(fake, "/v1/sessions")]


@pytest.mark.parametrize("kind", KINDS)
def test_without_end(fake: FakeClerk, kind: str) -> None:
    """Without bounds it lasts until it is mended, which ends every kind at once."""
    spoilt: list[bool] = []
    fake.on_exchange.append(lambda request, answer: spoilt.append(answer.is_spoilt))
    for begin in with_every_kind(fake.trouble).values():
        begin()
    fake.trouble.mend()
    ask(fake)
    with_every_kind(fake.trouble)[kind]()
    for _ in range(20):
        fake.advance(1e6)
        ask(fake)
    fake.trouble.mend()
    ask(fake)

    assert [False, *[True] * 20, False] == spoilt


def test_the_last_is_met_first(fake: FakeClerk) -> None:
    """Of several that answer, the last begun does, and what is behind it waits for the next request."""
    fake.trouble.rate_limit(times=1)
    fake.trouble.proxy_page(502, times=1, operation="jwks")
    fake.trouble.server_error(500, times=2)

    assert [500, 500, 502, 429, 200] == [ask(fake) for _ in range(5)]


def test_changes_add_to_what_is_behind_them(fake: FakeClerk) -> None:
    """A slow and cut answer is both; whatever answers by itself lies before or behind them as it was begun."""
    fake.trouble.latency(1)
    fake.trouble.cut_body()
    jwks = FakeRequest("GET", "/.well-known/jwks.json")
    both = fake.handle(jwks)
    fake.trouble.rate_limit(times=1)
    before = fake.handle(jwks)
    fake.trouble.mend()
    fake.trouble.rate_limit()
    fake.trouble.latency(1)
    behind = fake.handle(jwks)

    assert [(200, 1, "cut"), (429, 0, "whole"), (429, 1, "whole")] == [
        (answer.status, answer.delay, answer.ending) for answer in (both, before, behind)
    ]


def test_refused_all_the_same(fake: FakeClerk, clerk: Clerk) -> None:
    """A change to the answer is one to a refusal, too: the status of an error is told though its body is cut."""
    fake.trouble.cut_body(times=1)
    with pytest.raises(APIError) as caught:
        clerk.sessions.revoke("sess_none")

    assert 404 == getattr(caught.value, "status_code", None)


BAD: list[tuple[str, Callable[[Any], object]]] = [
    ("operation", lambda trouble: trouble.outage(operation="users.list")),
    ("operation", lambda trouble: trouble.latency(1, operation="")),
    ("times", lambda trouble: trouble.outage(times=0)),
    ("times", lambda trouble: trouble.rate_limit(times=-1)),
    ("times", lambda trouble: trouble.cut_body(times=1.5)),
    ("seconds", lambda trouble: trouble.server_error(seconds=0)),
    ("seconds", lambda trouble: trouble.proxy_page(seconds=-1)),
    ("seconds", lambda trouble: trouble.outage(seconds=float("nan"))),
    ("delay", lambda trouble: trouble.latency(-0.1)),
    ("delay", lambda trouble: trouble.latency(3601)),
    ("delay", lambda trouble: trouble.latency(float("nan"))),
    ("retry_after", lambda trouble: trouble.rate_limit(-1)),
    ("retry_after", lambda trouble: trouble.rate_limit(0.5)),
    ("retry_after", lambda trouble: trouble.rate_limit("1\r\nX: y")),
    ("status", lambda trouble: trouble.server_error(499)),
    ("status", lambda trouble: trouble.server_error(600)),
    ("status", lambda trouble: trouble.proxy_page(199)),
    ("status", lambda trouble: trouble.proxy_page(600)),
    ("status", lambda trouble: trouble.proxy_page(204)),
    ("status", lambda trouble: trouble.proxy_page(304)),
]


@pytest.mark.parametrize(("field", "begin"), BAD)
def test_arguments_without_sense(fake: FakeClerk, field: str, begin: Callable[[Any], object]) -> None:
    """An argument that makes no sense is refused by its name, and nothing goes wrong afterwards."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        begin(fake.trouble)

    assert 200 == ask(fake)


@pytest.mark.parametrize("status", [200, 203, 403, 404, 500, 502, 503, 504])
def test_proxy_pages_over_http(fake: FakeClerk, status: int) -> None:
    """A page arrives with its status, and the connection carries what comes after it."""
    with FakeServer(fake) as server, httpx.Client(trust_env=False) as client:
        fake.trouble.proxy_page(status, times=1)
        page, after = client.get(server.jwks_url), client.get(server.jwks_url)

    assert (status, "text/html") == (page.status_code, page.headers["Content-Type"])
    assert page.text.startswith("<!DOCTYPE html>")
    assert fake.jwks() == after.json()


def test_how_it_ends_over_http(fake: FakeClerk) -> None:
    """An outage closes the connection without a byte; a cut body ends at its half."""
    with FakeServer(fake) as server, httpx.Client(trust_env=False) as client:
        whole = client.get(server.jwks_url).content
        fake.trouble.outage(times=1)
        with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
            client.get(server.jwks_url)
        fake.trouble.cut_body(times=1)
        arrived = bytearray()
        with (  # noqa: PT012 - what arrives before the end counts
            pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"),
            client.stream("GET", server.jwks_url) as response,
        ):
            for piece in response.iter_raw():
                arrived += piece
        after = client.get(server.jwks_url).content

    assert whole[: len(whole) // 2] == arrived
    assert whole == after


def test_from_many_threads(fake: FakeClerk) -> None:
    """Of many requests at once, exactly as many are troubled as was said, whoever begins more meanwhile."""
    fake.jwks()
    statuses: list[int] = []
    fake.trouble.server_error(times=40)
    begun = threading.Barrier(9)
    interval = sys.getswitchinterval()

    def work() -> None:
        begun.wait()
        statuses.extend(ask(fake) for _ in range(25))

    def trouble() -> None:
        begun.wait()
        for _ in range(30):
            fake.trouble.rate_limit(times=1)

    try:
        sys.setswitchinterval(1e-5)
        with ThreadPoolExecutor(9) as pool:
            for future in [*(pool.submit(work) for _ in range(8)), pool.submit(trouble)]:
                future.result()
    finally:
        sys.setswitchinterval(interval)
    statuses.extend(ask(fake) for _ in range(70))  # what was begun late

    assert {500: 40, 429: 30, 200: 200} == {status: statuses.count(status) for status in set(statuses)}


def test_freed_with_its_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """An instance with trouble, webhooks and a rotated key is gone with its last name, and gives its keys back."""
    import gc

    spare: Any = keys._SPARE  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr("clerk_ext.testing.keys._SPARE", type(spare)(spare))
    fake = FakeClerk("short-lived")
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            for begin in with_every_kind(fake.trouble, times=1, seconds=9).values():
                begin()
            for _ in range(6):
                ask(fake)
        fake.send_webhooks_to(str)
        fake.revoke(fake.sign_in().session)
        fake.rotate_key()
        lent = [fake.public_key_pem()]
        gone = weakref.ref(fake)
        del fake

        assert gone() is None
    finally:
        gc.enable()
    with_them = [key.public_pem() for key in keys._SPARE]  # pyright: ignore[reportPrivateUsage]
    assert lent[0] in with_them


@pytest.mark.parametrize("keep_old", [True, False])
def test_rotation_in_the_middle(fake: FakeClerk, clerk: Clerk, session: FakeSession, keep_old: bool) -> None:
    """A key rotated while the key set cannot be had is known once it can; the old one lives on as was said."""
    old = fake.session_token(session, expires_in=600)
    clerk.verify_token(old)
    fake.trouble.outage(operation="jwks", seconds=30)
    fake.rotate_key(keep_old=keep_old, kid="ins_next")
    new = fake.session_token(session, expires_in=600)
    fake.advance(11)
    unavailable = clerk.authenticate_token(old).is_signed_in
    with pytest.raises(JWKSUnavailable):
        clerk.verify_token(new)
    fake.advance(30)

    assert unavailable  # the keys at hand are not lost by a failed fetch
    assert session.id == clerk.verify_token(new).session_id
    assert keep_old is clerk.authenticate_token(old).is_signed_in


def test_troubles_of_two_instances(clock: Clock) -> None:
    """Trouble of one instance is not that of another beside it."""
    acme, globex = FakeClerk("acme", clock=clock.time), FakeClerk("globex", clock=clock.time)
    acme.trouble.server_error()

    assert (500, 200) == (ask(acme), ask(globex))


def test_answers_are_not_shared(fake: FakeClerk) -> None:
    """Two spoilt answers of one trouble are equal, and neither can be changed."""
    fake.trouble.rate_limit(7)
    one, two = (fake.handle(FakeRequest("GET", "/v1/jwks")) for _ in range(2))

    assert one == two
    assert "7" == dict(one.headers)["Retry-After"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(one, "status", 200)  # noqa: B010 - the types forbid it too
