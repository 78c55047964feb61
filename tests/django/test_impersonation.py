"""Somebody acts as the user: ``IMPERSONATION`` holds for Django's own ways to ask for a user, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from clerk_ext.django import require, visit_of
from clerk_ext.django.rest_framework import ClerkAuthentication, requires

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from rest_framework.request import Request

    from tests.django.conftest import Project

NOT_ALLOWED = {"detail": "Not allowed."}


@login_required
def by_login_required(request: HttpRequest) -> HttpResponse:
    """For any user."""
    return HttpResponse(str(request.user))


async def by_auser(request: Any) -> HttpResponse:
    """The same in async code."""
    return HttpResponse(str(await request.auser()))


@require(impersonation="allow")
def allowed(request: HttpRequest) -> HttpResponse:
    """For whoever acts as a user, too."""
    return HttpResponse(str(request.user))


def by_state(request: HttpRequest) -> HttpResponse:
    """Who it is, whatever they may do."""
    return HttpResponse(str(visit_of(request).state.is_signed_in))


class ByIsAuthenticated(APIView):
    """For any user."""

    authentication_classes = (ClerkAuthentication,)
    permission_classes: Any = (IsAuthenticated,)

    def post(self, request: Request) -> Response:
        """Say who."""
        return Response(str(request.user))


class Allowed(ByIsAuthenticated):
    """For whoever acts as a user, too."""

    permission_classes: Any = (requires(impersonation="allow"),)


urlpatterns = [
    path("login-required", by_login_required),
    path("auser", by_auser),
    path("allowed", allowed),
    path("state", by_state),
    path("is-authenticated", ByIsAuthenticated.as_view()),
    path("allowed-there", Allowed.as_view()),
]


@pytest.fixture(autouse=True)
def _here(project: Project) -> Iterator[None]:
    with override_settings(ROOT_URLCONF=__name__), project.using(IMPERSONATION="refuse"):
        yield


@pytest.fixture
def impersonated(project: Project) -> dict[str, str]:
    """The headers of somebody who acts as another user."""
    return project.headers(actor={"sub": "user_support"})


@pytest.mark.parametrize("route", ["/login-required", "/is-authenticated"])
def test_writing_is_refused(project: Project, impersonated: dict[str, str], route: str) -> None:
    """With our answer; users themselves are let in."""
    refused = Client().post(route, headers=impersonated)

    assert (403, NOT_ALLOWED) == (refused.status_code, refused.json())
    assert 200 == Client().post(route, headers=project.headers()).status_code


def test_writing_is_refused_in_async_code(project: Project, impersonated: dict[str, str]) -> None:
    """The same."""

    async def statuses() -> list[int]:
        browser = AsyncClient()
        everybody = (impersonated, project.headers())
        return [(await browser.post("/auser", headers=headers)).status_code for headers in everybody]

    assert [403, 200] == asyncio.run(statuses())


def test_reading_is_not(impersonated: dict[str, str]) -> None:
    """They may look."""
    assert 200 == Client().get("/login-required", headers=impersonated).status_code


@pytest.mark.parametrize("route", ["/allowed", "/allowed-there", "/state"])
def test_route_says_otherwise(impersonated: dict[str, str], route: str) -> None:
    """And then request.user is who they act as; so tells the sign-in itself."""
    assert 200 == Client().post(route, headers=impersonated).status_code
