"""Ways around the sign-in that are none: requests within requests, scopes that go on, endpoints that will not end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext import AsyncClerk, AsyncTenants, Revocations
from clerk_ext.access import Denial, Requirement
from clerk_ext.asgi import KEY, ClerkMiddleware, answer, visit_in
from clerk_ext.streams import AsyncVisit
from clerk_ext.testing import FakeClerk, FakeTransport
from clerk_ext.visits import AsyncGate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FRESH = Requirement.of(policy={"max_age": 5})


def gate_of(fake: FakeClerk, **options: Any) -> AsyncGate:
    """What the requests of an application pass."""
    return AsyncGate(AsyncClerk(fake.config(), transport=FakeTransport(fake), **options))


def scope_of(kind: str, token: str, method: str = "GET") -> dict[str, Any]:
    """The scope of a request."""
    scope = {"type": kind, "headers": [(b"authorization", b"Bearer " + token.encode())]}
    return scope | ({"method": method} if kind == "http" else {})


async def guarded(scope: Any, receive: Any, send: Any) -> None:
    """Let nobody write who acts as another user."""
    verdict = await visit_in(scope).require(Requirement.of(impersonation="refuse"))
    if isinstance(verdict, Denial):
        await answer(verdict, scope, send)
    else:
        await send({"type": "http.response.start", "status": 200, "headers": []})


def statuses(app: Callable[..., Awaitable[None]], scope: dict[str, Any]) -> list[int]:
    """The statuses that an application answers with."""
    sent = list[Any]()

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    return [message["status"] for message in sent if "status" in message]


def test_request_within_a_request_has_a_sign_in_of_its_own() -> None:
    """A batch that is read must not write; what it sends is judged by its own method and headers."""
    fake = FakeClerk("acme")
    token = fake.sign_in(actor={"sub": "user_support"}).token

    async def batch(scope: Any, receive: Any, send: Any) -> None:
        await visit_in(scope).state()
        await inner({**scope, "method": "DELETE"}, receive, send)

    gate = gate_of(fake)
    inner = ClerkMiddleware(guarded, gate)

    assert [403] == statuses(ClerkMiddleware(batch, gate), scope_of("http", token))


def test_application_that_goes_on_with_a_scope_has_its_own_sign_in() -> None:
    """Not that of another instance, whose application had the scope before."""
    customers, staff = FakeClerk("customers"), FakeClerk("staff")

    async def nothing(scope: Any, receive: Any, send: Any) -> None: ...

    first = ClerkMiddleware(nothing, gate_of(customers))

    async def one_after_the_other(scope: Any, receive: Any, send: Any) -> None:
        await first(scope, receive, send)
        await guarded(scope, receive, send)

    app = ClerkMiddleware(one_after_the_other, gate_of(staff))

    assert [401] == statuses(app, scope_of("http", customers.sign_in().token))


def test_scope_is_let_go() -> None:
    """It refers to no visit any more, which refers to it."""
    fake = FakeClerk("acme")
    scope = scope_of("http", fake.sign_in().token)

    assert [200] == statuses(ClerkMiddleware(guarded, gate_of(fake)), scope)
    assert KEY not in scope


@pytest.mark.parametrize("way", ["late", "stricter", "swallows", "closes", "cancels-the-watch"])
def test_websocket_ends_whatever_its_endpoint_does(way: str) -> None:
    """It asks late, asked for more in vain, does not want to be cancelled, or hinders whoever looks."""
    fake = FakeClerk("acme")
    revocations = Revocations(clock=fake.clock)
    signed_in = fake.sign_in()
    fake.advance(20)
    sent = list[Any]()

    async def run() -> None:
        is_open = asyncio.Event()

        async def endpoint(scope: Any, receive: Any, send: Any) -> None:
            visit = visit_in(scope)
            if way == "late":
                await send({"type": "websocket.accept"})
            await visit.require()
            if way == "stricter":
                assert isinstance(await visit.require(FRESH), Denial)
            if way != "late":
                await send({"type": "websocket.accept"})
            is_open.set()
            while True:
                try:
                    if (await receive())["type"] == "websocket.disconnect":
                        return
                except asyncio.CancelledError:
                    if way == "closes":
                        try:  # as Starlette's does
                            await send({"type": "websocket.close", "code": 1000})
                        except OSError:
                            raise EOFError from None
                    if way != "swallows":
                        raise

        async def receive() -> Any:
            await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        app = ClerkMiddleware(endpoint, gate_of(fake, revocations=revocations), recheck=0.01)
        task = asyncio.create_task(app(scope_of("websocket", signed_in.token), receive, send))
        await is_open.wait()
        if way == "cancels-the-watch":
            await asyncio.sleep(0)
            for other in asyncio.all_tasks():
                if other.get_name() == "clerk-recheck":
                    other.cancel()
            asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        revocations.revoke_session(signed_in.session.id)
        await asyncio.wait_for(task, 10)
        assert not [other for other in asyncio.all_tasks() if other.get_name() == "clerk-recheck"]

    asyncio.run(run())

    assert (1013 if way == "cancels-the-watch" else 3000) == sent[-1]["code"]


def test_renewal_changes_all_or_nothing() -> None:
    """A token that one of the policies refuses is taken by none of them."""
    fake = FakeClerk("acme")
    session = fake.create_session(fake.add_user())

    async def run() -> tuple[bool, set[str | None]]:
        visit = AsyncVisit(gate_of(fake), scope_of("http", fake.session_token(session)), writes=False)
        first = (await visit.state()).token
        await visit.require(FRESH)
        fake.advance(1)
        second = fake.session_token(session)
        fake.advance(30)
        renewed = (await visit.renew(second)).is_signed_in
        return renewed, {(await visit.state()).token, (await visit.state(FRESH.policy)).token} - {first}

    assert (False, set()) == asyncio.run(run())


def test_requirements_are_remembered_once() -> None:
    """A websocket that asks with each message grows by none of them."""
    fake = FakeClerk("acme")

    async def run() -> int:
        visit = AsyncVisit(gate_of(fake), scope_of("http", fake.sign_in().token), writes=False)
        for _ in range(100):
            await visit.require()
        return len(visit._required)  # pyright: ignore[reportPrivateUsage]

    assert 1 == asyncio.run(run())


def test_request_within_a_request_is_of_its_own_tenant() -> None:
    """A resolver that reads the path is asked again for another path: a token of one tenant is none of the other's."""
    acme, globex = FakeClerk("acme"), FakeClerk("globex")
    tenants = AsyncTenants(
        [acme.config(), globex.config()],
        transport=FakeTransport(acme, globex),
        resolver=lambda request: request["path"].split("/")[1],
    )

    async def batch(scope: Any, receive: Any, send: Any) -> None:
        await visit_in(scope).require()
        await inner({**scope, "path": "/globex/members"}, receive, send)

    gate = AsyncGate(tenants)
    inner = ClerkMiddleware(guarded, gate)
    scope = {**scope_of("http", acme.sign_in().token), "path": "/acme/batch"}

    assert [401] == statuses(ClerkMiddleware(batch, gate), scope)


@pytest.mark.parametrize("asked", [False, True])
def test_headers_that_can_be_read_once(asked: bool) -> None:
    """None is lost: an application may give any iterable of them."""
    fake = FakeClerk("acme")
    sent = list[Any]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if asked:
            await visit_in(scope).state()
        await send({"type": "http.response.start", "status": 200, "headers": iter([(b"set-cookie", b"a=b")])})

    async def send(message: Any) -> None:
        sent.extend(message["headers"])

    async def receive() -> Any:
        raise AssertionError

    async def run() -> None:
        await ClerkMiddleware(app, gate_of(fake))(scope_of("http", fake.sign_in().token), receive, send)

    asyncio.run(run())

    assert (b"set-cookie", b"a=b") in sent


def test_claims_are_those_of_the_fresh_token() -> None:
    """What `claims_of` gives goes on with the sign-in."""
    fake = FakeClerk("acme")
    signed_in = fake.sign_in()

    async def run() -> bool:
        visit = AsyncVisit(gate_of(fake), scope_of("http", signed_in.token), writes=False)
        await visit.require()
        fake.advance(10)
        state = await visit.renew(fake.session_token(signed_in.session))
        return visit.granted is state.claims

    assert asyncio.run(run())


def test_endpoint_whose_client_has_left_is_not_cut() -> None:
    """What it does after an event stream, such as a background task, runs to its end."""
    fake = FakeClerk("acme")
    revocations = Revocations(clock=fake.clock)
    signed_in = fake.sign_in()
    watching = list[int]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await visit_in(scope).require()
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await receive()
        await asyncio.sleep(0)
        watching.append(len([task for task in asyncio.all_tasks() if task.get_name() == "clerk-recheck"]))

    async def send(message: Any) -> None: ...

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def run() -> None:
        gate = gate_of(fake, revocations=revocations)
        await ClerkMiddleware(app, gate, recheck=0.01)(scope_of("http", signed_in.token), receive, send)

    asyncio.run(run())

    assert [0] == watching


def test_headers_that_are_changed_in_place() -> None:
    """A request within a request that writes its token into the same list is another one all the same."""
    fake = FakeClerk("acme")
    gate = gate_of(fake)

    async def batch(scope: Any, receive: Any, send: Any) -> None:
        await visit_in(scope).require()
        scope["headers"][:] = [(b"authorization", b"Bearer rubbish")]
        await ClerkMiddleware(guarded, gate)(dict(scope), receive, send)

    scope = scope_of("http", fake.sign_in().token)
    scope["headers"] = list(scope["headers"])

    assert [401] == statuses(ClerkMiddleware(batch, gate), scope)


def test_stream_that_goes_on_after_a_disconnect_is_cut() -> None:
    """As where a request within a request is told that nobody listens, and its answer is passed on."""
    fake = FakeClerk("acme")
    revocations = Revocations(clock=fake.clock)
    sent = list[Any]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        claims: Any = await visit_in(scope).require()
        await receive()
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        revocations.revoke_session(claims.session_id)
        for _ in range(500):
            await asyncio.sleep(0.01)
            await send({"type": "http.response.body", "body": b"more", "more_body": True})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def run() -> None:
        gate = gate_of(fake, revocations=revocations)
        await ClerkMiddleware(app, gate, recheck=0.01)(scope_of("http", fake.sign_in().token), receive, send)

    asyncio.run(run())

    assert not sent[-1]["more_body"]
    assert len(sent) < 500
