"""The application in Django, with coroutine functions as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, JsonResponse
from django.urls import path

from clerk_ext.django import claims_of, require, visit_of
from tests.conformance.apps.django_project import CLERK, USUAL, async_client, starting, uvicorn
from tests.conformance.contract import REQUIRED, Column, shown

if TYPE_CHECKING:
    from django.http import HttpResponse


async def _show(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(claims_of(request)))


async def _open(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"open": True})


async def _maybe(request: HttpRequest) -> JsonResponse:
    user = await request.auser()
    return JsonResponse({"user": user.pk if user.is_authenticated else None})


async def _by_hand(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(await visit_of(request).async_client.verify_token(request.headers["x-token"])))


async def _twice(request: HttpRequest) -> HttpResponse:
    await _maybe(request)
    return await require(role="org:admin")(_show)(request)


@require()
async def _varies(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(claims_of(request)), headers={"Vary": "Accept"})


urlpatterns = [
    *(path(route[1:], require(**asked)(_show)) for route, asked in REQUIRED.items()),
    path("open", _open),
    path("maybe", _maybe),
    path("by-hand", _by_hand),
    path("twice", _twice),
    path("varies", _varies),
]

# Most of Django's own middleware hands requests to threads; without it nothing but the event loop is there.
COLUMNS = [
    Column("django", "async", "AsyncClient", starting(__name__, async_client, [CLERK])),
    Column("django", "async", "uvicorn", starting(__name__, uvicorn, [CLERK])),
    Column("django", "async", "uvicorn-usual", starting(__name__, uvicorn, USUAL)),
]
