"""Sign-in for any ASGI application, without a framework: a middleware for HTTP and websockets.

It adds an `AsyncVisit` to the scope of each request, which asks for the sign-in only when somebody wants to know it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from clerk_ext.access import VARY, Denial, is_writing
from clerk_ext.errors import TokenVerificationError, VerificationUnavailable
from clerk_ext.pools import make_ready
from clerk_ext.streams import CLOSE_CODES, RECHECK, AsyncVisit, HasEnded, Stream, check_recheck

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from clerk_ext.carriers import RequestLike
    from clerk_ext.streams import Receive, Scope, Send
    from clerk_ext.visits import AsyncGate

    ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY: Final = "clerk_ext"
"""Where in the scope of a request its `AsyncVisit` is."""


def visit_in(scope: Scope) -> AsyncVisit:
    """The sign-in of a request.

    Raises:
        RuntimeError: The middleware is missing.
    """
    visit = scope.get(KEY)
    if not isinstance(visit, AsyncVisit):
        raise RuntimeError(
            "clerk_ext: this application has no ClerkMiddleware; "
            "call ClerkAuth(clerk).init_app(app), of a mounted application, too."
        )
    # What another middleware or a request within the request has made a writing one is one.
    visit.writes = visit.writes or is_writing_in(scope)
    return visit


def is_writing_in(scope: Scope) -> bool:
    """Whether a request may change something: as a websocket may, and by its method."""
    return scope["type"] == "websocket" or is_writing(scope["method"])


async def answer(denial: Denial, scope: Scope, send: Send) -> None:
    """Refuse a request or a websocket; one that is accepted is closed.

    A server that cannot answer a websocket's request itself (no extension ``websocket.http.response``) closes it,
    which clients see as 403.
    """
    prefix: Literal["http", "websocket.http"] = "http"
    if scope["type"] == "websocket":
        visit = scope.get(KEY)
        is_accepted = isinstance(visit, AsyncVisit) and visit.is_accepted
        if is_accepted or "websocket.http.response" not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": CLOSE_CODES[denial.status_code], "reason": denial.reason})
            return
        prefix = "websocket.http"
    content = denial.content
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(content)).encode()),
        (b"vary", VARY.encode()),
        *((name.encode(), value.encode()) for name, value in denial.headers.items()),
    ]
    await send({"type": f"{prefix}.response.start", "status": denial.status_code, "headers": headers})
    await send({"type": f"{prefix}.response.body", "body": content})


class ClerkMiddleware:
    """Adds a request's `AsyncVisit` to its scope, and what its sign-in came to to the answer's headers.

    It refuses nothing by itself; what asks for the sign-in does. Only what an application lets escape of
    `TokenVerificationError` and `VerificationUnavailable` is answered here, with 401 and 503.

    Args:
        app: The application inside.
        gate: What its requests pass.
        recheck: Seconds from one look at an open event stream's or websocket's sign-in to the next.
        request_of: What the client and a resolver of tenants are given of a scope; the scope itself if left out.

    Raises:
        ValueError: *recheck* is no number above 0.
    """

    def __init__(
        self,
        app: ASGIApp,
        gate: AsyncGate,
        *,
        recheck: float = RECHECK,
        request_of: Callable[[Scope], RequestLike] | None = None,
    ) -> None:
        check_recheck(recheck)
        make_ready()
        self._app = app
        self._gate = gate
        self._recheck = recheck
        self._request_of = request_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        kind = scope["type"]
        outer = scope.get(KEY)
        if kind not in ("http", "websocket") or (
            isinstance(outer, AsyncVisit) and outer.gate is self._gate and outer.brought == _brought(scope)
        ):
            await self._app(scope, receive, send)
            return
        request = scope if self._request_of is None else self._request_of(scope)
        visit = AsyncVisit(self._gate, request, writes=is_writing_in(scope))
        visit.brought = _brought(scope)
        scope[KEY] = visit
        stream = Stream(visit, receive, send, self._recheck)
        try:
            if kind == "http":
                await self._app(scope, stream.receive_http, stream.send_http)
            else:
                await self._app(scope, stream.receive_websocket, stream.send_websocket)
        except (asyncio.CancelledError, HasEnded):
            if not stream.has_cancelled():
                raise
        except (TokenVerificationError, VerificationUnavailable) as error:
            if stream.has_begun:
                raise
            await answer(self._gate.answer_to(error), scope, send)
        finally:
            stream.forget()
            if outer is not None:  # who goes on with this scope goes on with its own sign-in
                scope[KEY] = outer
            await stream.say_goodbye()  # also where an endpoint that was cancelled raises something else
        if outer is None:
            scope.pop(KEY, None)  # a scope that refers to itself stays until the garbage collector comes


def _brought(scope: Scope) -> tuple[object, ...]:
    """What tells a request from one within it: where it goes, and what it brings."""
    headers: Any = scope.get("headers")
    kept = tuple(cast("list[object]", headers)) if isinstance(headers, list) else headers  # it may change in place
    return (*(scope.get(name) for name in ("type", "method", "path", "query_string")), kept)
