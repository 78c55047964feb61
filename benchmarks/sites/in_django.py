"""The application in Django, sync and async; a process can have Django's settings only once, so each way has a path."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any, Final

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path

from benchmarks.peers import OFFICIAL, OFFICIAL_SYNC
from benchmarks.sites import BARE, OPEN, OURS, USER, Place, Site, official, official_async

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from django.urls import URLPattern

    Views: TypeAlias = dict[str, Callable[[Place], Any]]

_OURS: Final = "clerk_ext.django.middleware.ClerkMiddleware"


def make(way: str, place: Place) -> Site:
    """The application for WSGI, guarded in one way."""
    views: Views = {BARE: lambda _: _anybody, OURS: _ours, OFFICIAL: _official}
    return _make(way, place, views[way], _anybody, WSGIHandler)


def make_async(way: str, place: Place) -> Site:
    """The application for ASGI, guarded in one way."""
    views: Views = {
        BARE: lambda _: _anybody_async,
        OURS: _ours_async,
        OFFICIAL: _official_async,
        OFFICIAL_SYNC: _official_blocking,
    }
    return _make(way, place, views[way], _anybody_async, ASGIHandler)


urlpatterns: list[URLPattern] = []


def _make(way: str, place: Place, view: Callable[[Place], Any], anybody: Any, handler: Callable[[], Any]) -> Site:
    _set_up(place)
    route = f"me/{way}"
    urlpatterns[:0] = [path(route, view(place)), path(OPEN[1:], anybody), path("asleep", _asleep)]
    # A handler reads the list of the middleware when it is made. None of Django's own is in it: the floor is the least.
    with override_settings(MIDDLEWARE=[_OURS] if way == OURS else []):
        return Site(handler(), f"/{route}")


def _set_up(place: Place) -> None:
    if settings.configured:
        return
    clerk = {"ISSUER": place.issuer, "JWKS_URL": place.jwks_url, "AUTHORIZED_PARTIES": [place.party]}
    settings.configure(
        SECRET_KEY="of the benchmarks",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=sys.modules[__name__],
        LOGGING_CONFIG=None,
        CLERK=clerk,
    )
    django.setup()


def _anybody(request: HttpRequest) -> HttpResponse:
    return HttpResponse(USER)


async def _anybody_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse(USER)


async def _asleep(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(1)
    return HttpResponse(USER)


def _ours(place: Place) -> Any:
    from clerk_ext.django import claims_of, require

    @require()
    def me(request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)

    return me


def _ours_async(place: Place) -> Any:
    from clerk_ext.django import claims_of, require

    @require()
    async def me(request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)

    return me


def _answer(user: str | None) -> HttpResponse:
    if user is None:
        return HttpResponse("Unauthorized", status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(user)


def _official(place: Place) -> Any:
    user_of = official(place)

    def me(request: HttpRequest) -> HttpResponse:
        return _answer(user_of(request))

    return me


def _official_async(place: Place) -> Any:
    user_of = official_async(place)

    async def me(request: HttpRequest) -> HttpResponse:
        return _answer(await user_of(request))

    return me


def _official_blocking(place: Place) -> Any:
    user_of = official(place)

    async def me(request: HttpRequest) -> HttpResponse:
        return _answer(user_of(request))

    return me
