"""The middleware by itself, around an application of no framework."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext.asgi import ClerkMiddleware, answer, visit_in
from clerk_ext.visits import AsyncGate

if TYPE_CHECKING:
    from clerk_ext import AsyncClerk
    from clerk_ext.asgi import ASGIApp
    from clerk_ext.streams import Message, Receive, Scope, Send
    from clerk_ext.testing import FakeClerk


def http(path: str = "/", **headers: str) -> dict[str, Any]:
    """The scope of a request."""
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "headers": encoded, "extensions": None}


def sent(app: ASGIApp, scope: Scope) -> list[Message]:
    """What an application sends."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(_call(app, scope, receive, send))
    return messages


async def _call(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def who(scope: Scope, receive: Receive, send: Send) -> None:
    """Say who is signed in."""
    claims = (await visit_in(scope).state()).claims
    await send({"type": "http.response.start", "status": 200, "headers": [(b"Vary", b"Accept")]})
    await send({"type": "http.response.body", "body": claims.user_id.encode() if claims else b"nobody"})


def test_application_of_no_framework(clerk_async: AsyncClerk, clerk_fake: FakeClerk) -> None:
    """It finds the sign-in in the scope, and its answer gets the headers."""
    app = ClerkMiddleware(who, AsyncGate(clerk_async))
    signed_in = clerk_fake.sign_in()
    start, body = sent(app, http(**signed_in.headers))

    assert signed_in.session.user.id.encode() == body["body"]
    assert [(b"Vary", b"Accept"), (b"vary", b"Authorization, Cookie")] == start["headers"]
    start, body = sent(app, http())
    assert (b"nobody", True) == (body["body"], (b"x-clerk-auth-status", b"signed-out") in start["headers"])


def test_other_messages_pass(clerk_async: AsyncClerk) -> None:
    """The start and stop of an application are none of ours."""
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    scope = {"type": "lifespan"}

    assert [] == sent(ClerkMiddleware(app, AsyncGate(clerk_async)), scope)
    assert [{"type": "lifespan"}] == seen


def test_nothing_is_left_to_the_garbage_collector(clerk_async: AsyncClerk, clerk_fake: FakeClerk) -> None:
    """The sign-in of a request goes with it."""
    seen: list[weakref.ref[object]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(weakref.ref(visit_in(scope)))
        await who(scope, receive, send)

    made = ClerkMiddleware(app, AsyncGate(clerk_async))
    gc.disable()
    try:
        sent(made, http())
        sent(made, http(**clerk_fake.sign_in().headers))

        assert [None, None] == [visit() for visit in seen]
    finally:
        gc.enable()


def test_outer_sign_in_is_there_again_after_an_inner_one(clerk_async: AsyncClerk) -> None:
    """Each application asks its own."""
    inner, outer = AsyncGate(clerk_async), AsyncGate(clerk_async)
    gates: list[AsyncGate] = []

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        await ClerkMiddleware(note, inner)(scope, receive, send)
        await note(scope, receive, send)

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        gates.append(visit_in(scope).gate)

    sent(ClerkMiddleware(both, outer), http())

    assert [inner, outer] == gates


@pytest.mark.parametrize(("status", "code"), [(401, 3000), (503, 1013)])
def test_server_that_cannot_answer_a_websocket(
    clerk_async: AsyncClerk, clerk_fake: FakeClerk, status: int, code: int
) -> None:
    """It closes it, which clients see as 403; the reason goes with it."""
    if status == 503:
        clerk_fake.trouble.outage()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        verdict: Any = await visit_in(scope).require()
        assert status == verdict.status_code
        await answer(verdict, scope, send)

    scope = http(**clerk_fake.sign_in().headers) if status == 503 else http()
    scope["type"] = "websocket"
    (closed,) = sent(ClerkMiddleware(app, AsyncGate(clerk_async)), scope)

    assert ("websocket.close", code) == (closed["type"], closed["code"])
    assert closed["reason"] in {"session-token-and-uat-missing", "unavailable"}
