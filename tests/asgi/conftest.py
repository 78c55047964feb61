"""An application with a websocket and event streams, under a real server."""

from __future__ import annotations

import http.client
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware
from websockets.sync.client import connect

from clerk_ext import AsyncClerk, Revocations, SessionClaims
from clerk_ext.fastapi import ClerkAuth, MaybeSignedIn, SignedIn, Visit, require
from clerk_ext.testing import FakeClerk, FakeTransport
from tests.conformance.servers import under_uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from fastapi import Request, Response
    from starlette.middleware.base import RequestResponseEndpoint
    from websockets.sync.client import ClientConnection


class Switch(Revocations):
    """Revocations that may fail to answer."""

    is_broken = False

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Answer, or fail."""
        if self.is_broken:
            raise RuntimeError("no memory")
        return super().is_revoked(claims)


@attrs.define
class Streams:
    """The application while it runs.

    Attributes:
        fake: The instance whose users it serves.
        revocations: What it asks.
        port: Where it listens.
        ended: Set when the endpoint's own code has ended.
    """

    fake: FakeClerk
    revocations: Switch
    port: int = 0
    ended: threading.Event = attrs.field(factory=threading.Event)

    @contextmanager
    def socket(self, path: str, token: str | None) -> Generator[ClientConnection]:
        """An open websocket."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        with connect(f"ws://127.0.0.1:{self.port}{path}", additional_headers=headers, proxy=None) as connection:
            yield connection

    @contextmanager
    def stream(self, path: str, token: str | None) -> Generator[http.client.HTTPResponse]:
        """An answer whose head has come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
        with connection.getresponse() as response:
            yield response
        connection.close()


def make_app(streams: Streams, go_on: threading.Event) -> FastAPI:
    """Make it."""
    clerk = AsyncClerk(streams.fake.config(), transport=FakeTransport(streams.fake), revocations=streams.revocations)
    auth = ClerkAuth(clerk, recheck=0.01)
    app = FastAPI(lifespan=auth.lifespan)

    async def untouched(request: Request, call_next: RequestResponseEndpoint) -> Response:
        return await call_next(request)

    app.add_middleware(BaseHTTPMiddleware, dispatch=untouched)
    auth.init_app(app)

    async def talk(websocket: WebSocket, visit: Visit) -> None:
        await websocket.accept()
        try:
            async for text in websocket.iter_text():
                if text.startswith("token "):
                    state = await visit.renew(text.removeprefix("token "))
                    await websocket.send_json({"renewed": state.is_signed_in, "reason": state.reason})
                else:
                    await websocket.send_json({"echo": text})
        finally:
            streams.ended.set()

    @app.websocket("/talk")
    async def signed_in_talk(websocket: WebSocket, visit: Visit, claims: SignedIn) -> None:
        await talk(websocket, visit)

    @app.websocket("/admins")
    async def admins_talk(
        websocket: WebSocket, visit: Visit, claims: Annotated[SessionClaims, Depends(require(role="org:admin"))]
    ) -> None:
        await talk(websocket, visit)

    @app.websocket("/write", dependencies=[Depends(require(impersonation="refuse"))])
    async def write(websocket: WebSocket, visit: Visit) -> None:
        await talk(websocket, visit)

    @app.websocket("/anybody")
    async def anybody(websocket: WebSocket, visit: Visit, claims: MaybeSignedIn) -> None:
        await talk(websocket, visit)

    async def events() -> AsyncGenerator[str]:
        import asyncio

        try:
            yield "data: begun\n\n"
            await asyncio.Event().wait()
        finally:
            streams.ended.set()

    async def file() -> AsyncGenerator[bytes]:
        import asyncio

        yield b"first,"
        await asyncio.to_thread(go_on.wait, 10)
        yield b"last"

    @app.get("/events")
    async def signed_in_events(claims: SignedIn) -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    @app.get("/file")
    async def signed_in_file(claims: SignedIn) -> StreamingResponse:
        return StreamingResponse(file(), media_type="text/csv")

    return app


@pytest.fixture
def go_on() -> threading.Event:
    """When set, the file of the application goes on."""
    return threading.Event()


@pytest.fixture
def streams(go_on: threading.Event) -> Generator[Streams]:
    """The application, running."""
    fake = FakeClerk("acme")
    made = Streams(fake, Switch(clock=fake.clock))
    app: Any = make_app(made, go_on)
    with under_uvicorn(app) as made.port:
        yield made
        go_on.set()
