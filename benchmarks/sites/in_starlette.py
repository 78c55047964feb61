"""The application in Starlette."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from benchmarks.peers import OFFICIAL, OFFICIAL_SYNC
from benchmarks.sites import BARE, OPEN, OURS, USER, Place, Site, official, official_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import TypeAlias

    from starlette.requests import Request
    from starlette.responses import Response

    Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]

_UNAUTHORIZED = {"WWW-Authenticate": "Bearer"}


def make(way: str, place: Place) -> Site:
    """The application, guarded in one way."""
    routes = [Route(OPEN, _anybody), Route("/asleep", _asleep)]
    if way == OURS:
        return _ours(routes, place)
    return Site(Starlette(routes=[*routes, Route("/me", _WAYS[way](place))]))


async def _anybody(request: Request) -> Response:
    return PlainTextResponse(USER)


async def _asleep(request: Request) -> Response:
    await asyncio.sleep(1)
    return PlainTextResponse(USER)


def _ours(routes: list[Route], place: Place) -> Site:
    from clerk_ext import AsyncClerk
    from clerk_ext.starlette import ClerkAuth, claims_of, require

    @require()
    async def me(request: Request) -> Response:
        return PlainTextResponse(claims_of(request).user_id)

    app = Starlette(routes=[*routes, Route("/me", me)])
    ClerkAuth(AsyncClerk(place.config())).init_app(app)
    return Site(app)


def _answer(user: str | None) -> Response:
    if user is None:
        return PlainTextResponse("Unauthorized", 401, _UNAUTHORIZED)
    return PlainTextResponse(user)


def _official(place: Place) -> Endpoint:
    user_of = official_async(place)

    async def me(request: Request) -> Response:
        return _answer(await user_of(request))

    return me


def _official_sync(place: Place) -> Endpoint:
    user_of = official(place)

    async def me(request: Request) -> Response:
        return _answer(user_of(request))

    return me


_WAYS: dict[str, Callable[[Place], Endpoint]] = {
    BARE: lambda _: _anybody,
    OFFICIAL: _official,
    OFFICIAL_SYNC: _official_sync,
}
