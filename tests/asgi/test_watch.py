"""When an open stream is looked at again, and that nobody else's cancellation is swallowed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext import AsyncClerk, Revocations
from clerk_ext.access import Requirement
from clerk_ext.asgi import ClerkMiddleware, visit_in
from clerk_ext.streams import AsyncVisit
from clerk_ext.testing import FakeClerk, FakeTransport
from clerk_ext.visits import AsyncGate

if TYPE_CHECKING:
    from clerk_ext.streams import Message, Receive, Scope, Send
    from clerk_ext.testing import FakeSession

LONG = 600.0
"""Seconds between two looks: longer than any test waits."""


class Socket:
    """A websocket whose endpoint waits for ever, and what it was sent."""

    def __init__(self, fake: FakeClerk, *, recheck: float = LONG, clock_skew: float = 5.0) -> None:
        self.revocations = Revocations(clock=fake.clock)
        config = fake.config(clock_skew=clock_skew)
        clerk = AsyncClerk(config, transport=FakeTransport(fake), revocations=self.revocations)
        self._app = ClerkMiddleware(self._endpoint, AsyncGate(clerk), recheck=recheck)
        self.is_open = asyncio.Event()
        self.sent: list[Message] = []
        self.visit: AsyncVisit | None = None
        self.requirement = Requirement()

    async def _endpoint(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.visit = visit_in(scope)
        await self.visit.require(self.requirement)
        await send({"type": "websocket.accept"})
        self.is_open.set()
        await receive()

    async def _receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    async def open(self, token: str) -> asyncio.Task[None]:
        """Let somebody open it."""
        scope = {"type": "websocket", "headers": [(b"authorization", b"Bearer " + token.encode())]}
        task: asyncio.Task[None] = asyncio.create_task(self._run(scope))
        await self.is_open.wait()
        return task

    async def _run(self, scope: Scope) -> None:
        await self._app(scope, self._receive, self._send)


def watches() -> list[asyncio.Task[Any]]:
    """The tasks that look at open streams."""
    return [task for task in asyncio.all_tasks() if task.get_name() == "clerk-recheck"]


def admin(fake: FakeClerk) -> FakeSession:
    """The session of an organisation's administrator."""
    user, organization = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(user, organization, role="org:admin")
    return fake.create_session(user, organization=organization)


def test_look_when_the_token_expires(clerk_fake: FakeClerk) -> None:
    """It does not wait for the next look that would be due."""

    async def run() -> Message:
        socket = Socket(clerk_fake, clock_skew=0)
        session = clerk_fake.create_session(clerk_fake.add_user())
        task = await socket.open(clerk_fake.session_token(session, expires_in=1))
        await asyncio.wait_for(task, 10)
        return socket.sent[-1]

    assert {"type": "websocket.close", "code": 3000, "reason": "token-expired"} == asyncio.run(run())


def test_look_when_a_fresh_token_comes(clerk_fake: FakeClerk) -> None:
    """One that lacks what was asked for ends it at once."""

    async def run() -> Message:
        socket = Socket(clerk_fake)
        socket.requirement = Requirement.of(role="org:admin")
        session = admin(clerk_fake)
        task = await socket.open(clerk_fake.session_token(session))
        assert socket.visit is not None
        await socket.visit.renew(clerk_fake.session_token(session, claims={"o": clerk_fake.REMOVE}))
        await asyncio.wait_for(task, 10)
        return socket.sent[-1]

    assert {"type": "websocket.close", "code": 3003, "reason": "role-missing"} == asyncio.run(run())


def test_one_fresh_token_is_one_look(clerk_fake: FakeClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not look again and again from then on."""
    looks = 0
    end = AsyncVisit.end

    async def counted(visit: AsyncVisit) -> Any:
        nonlocal looks
        looks += 1
        return await end(visit)

    monkeypatch.setattr(AsyncVisit, "end", counted)

    async def run() -> None:
        socket = Socket(clerk_fake)
        session = clerk_fake.create_session(clerk_fake.add_user())
        task = await socket.open(clerk_fake.session_token(session))
        assert socket.visit is not None
        await socket.visit.renew(clerk_fake.session_token(session))
        for _ in range(50):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())

    assert 1 == looks


def test_server_that_stops_is_not_held_up(clerk_fake: FakeClerk) -> None:
    """Who cancels the request while it is being ended gets what they want."""

    async def run() -> bool:
        socket = Socket(clerk_fake, recheck=0.01)
        signed_in = clerk_fake.sign_in()
        task = await socket.open(signed_in.token)

        (watch,) = watches()
        watch.add_done_callback(lambda _: task.cancel())  # after ours, and before the endpoint notices
        socket.revocations.revoke_session(signed_in.session.id)
        await asyncio.wait([task], timeout=10)
        return task.cancelled()

    assert asyncio.run(run())


def test_cancellation_of_others_passes(clerk_fake: FakeClerk) -> None:
    """And nobody looks any more."""

    async def run() -> tuple[bool, int]:
        socket = Socket(clerk_fake)
        task = await socket.open(clerk_fake.sign_in().token)
        looking = watches()
        task.cancel()
        await asyncio.wait([task], timeout=10)
        done, _ = await asyncio.wait(looking, timeout=10)
        return task.cancelled(), len(done)

    assert (True, 1) == asyncio.run(run())


@pytest.mark.parametrize("kind", ["text/event-stream", "text/html"])
def test_answer_that_is_complete_is_not_watched(clerk_fake: FakeClerk, kind: str) -> None:
    """Whatever the endpoint does after it, nobody cancels it."""

    async def run() -> int:
        clerk = AsyncClerk(clerk_fake.config(), transport=FakeTransport(clerk_fake))

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await visit_in(scope).require()
            head = [(b"content-type", kind.encode())]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            await asyncio.sleep(0)
            found.append(len(watches()))

        async def send(message: Message) -> None: ...

        async def receive() -> Message:
            raise AssertionError

        found: list[int] = []
        headers = [(b"authorization", b"Bearer " + clerk_fake.sign_in().token.encode())]
        scope = {"type": "http", "method": "GET", "headers": headers}
        await ClerkMiddleware(app, AsyncGate(clerk), recheck=0.01)(scope, receive, send)
        return found[0]

    assert 0 == asyncio.run(run())
