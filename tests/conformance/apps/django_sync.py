"""The application in Django, with plain functions as views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, JsonResponse
from django.urls import path

from clerk_ext.django import claims_of, require, visit_of
from tests.conformance.apps.django_project import client, starting, waitress
from tests.conformance.contract import REQUIRED, Column, shown

if TYPE_CHECKING:
    from django.http import HttpResponse


def _show(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(claims_of(request)))


def _open(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"open": True})


def _maybe(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": request.user.pk if request.user.is_authenticated else None})


def _by_hand(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(visit_of(request).client.verify_token(request.headers["x-token"])))


def _twice(request: HttpRequest) -> HttpResponse:
    _maybe(request)
    return require(role="org:admin")(_show)(request)


@require()
def _varies(request: HttpRequest) -> JsonResponse:
    return JsonResponse(shown(claims_of(request)), headers={"Vary": "Accept"})


urlpatterns = [
    *(path(route[1:], require(**asked)(_show)) for route, asked in REQUIRED.items()),
    path("open", _open),
    path("maybe", _maybe),
    path("by-hand", _by_hand),
    path("twice", _twice),
    path("varies", _varies),
]

COLUMNS = [
    Column("django", "sync", "Client", starting(__name__, client)),
    Column("django", "sync", "waitress", starting(__name__, waitress)),
]
