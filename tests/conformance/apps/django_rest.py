"""The application in Django REST framework, with permission classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests import django_ready as django_ready

# isort: split
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from clerk_ext.django import claims_of, visit_of
from clerk_ext.django.rest_framework import ClerkAuthentication, IsSignedIn, requires
from tests.conformance.apps.django_project import client, starting, waitress
from tests.conformance.contract import METHODS, REQUIRED, Column, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.urls import URLPattern
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.request import Request


class _View(APIView):
    authentication_classes: Sequence[type[BaseAuthentication]] = (ClerkAuthentication,)
    permission_classes: Sequence[Any] = (IsSignedIn,)

    def get(self, request: Request) -> Response:
        return Response(shown(claims_of(request)))


for _method in METHODS:
    setattr(_View, _method.lower(), _View.get)


class _Open(_View):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response({"open": True})


class _Maybe(_Open):
    def get(self, request: Request) -> Response:
        user = visit_of(request).user()
        return Response({"user": user.pk if user.is_authenticated else None})


class _ByHand(_Open):
    def get(self, request: Request) -> Response:
        return Response(shown(visit_of(request).client.verify_token(request.headers["x-token"])))


class _Twice(_View):
    authentication_classes = ()
    permission_classes = (requires(role="org:admin"),)

    def check_permissions(self, request: Request) -> None:
        assert visit_of(request).state is not None
        super().check_permissions(request)


class _Varies(_View):
    def get(self, request: Request) -> Response:
        return Response(shown(claims_of(request)), headers={"Vary": "Accept"})


urlpatterns: list[URLPattern] = [
    *(path(route[1:], _View.as_view(permission_classes=[requires(**asked)])) for route, asked in REQUIRED.items()),
    path("open", _Open.as_view()),
    path("maybe", _Maybe.as_view()),
    path("by-hand", _ByHand.as_view()),
    path("twice", _Twice.as_view()),
    path("varies", _Varies.as_view()),
]

COLUMNS = [
    Column("drf", "sync", "Client", starting(__name__, client)),
    Column("drf", "sync", "waitress", starting(__name__, waitress)),
]
