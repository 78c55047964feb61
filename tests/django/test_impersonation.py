"""Somebody acts as the user: ``IMPERSONATION`` holds for Django's own ways to ask for a user, too."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from django import VERSION
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required, user_passes_test
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import AsyncClient, Client, modify_settings, override_settings
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from clerk_ext.django import require, visit_of
from clerk_ext.django.rest_framework import ClerkAuthentication, requires
from clerk_ext.django.users import ClerkUser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest
    from rest_framework.request import Request

    from tests.django.conftest import Project

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
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


@require(policy={"accept_pending": True})
def pending(request: HttpRequest) -> HttpResponse:
    """For those who have something to do first, too."""
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


class Chosen(ByIsAuthenticated):
    """For those whom a method of its own lets in, whatever the class says."""

    permission_classes: Any = (requires(impersonation="allow", policy={"accept_pending": True}),)

    def get_permissions(self) -> Any:
        """Any user."""
        return [IsAuthenticated()]


class Curious:
    """A middleware that wants to know who it is, and can do without."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        """Ask."""
        with contextlib.suppress(PermissionDenied):
            assert request.user is not None
        return self._get_response(request)


urlpatterns = [
    path("login-required", by_login_required),
    path("auser", by_auser),
    path("allowed", allowed),
    path("state", by_state),
    path("is-authenticated", ByIsAuthenticated.as_view()),
    path("allowed-there", Allowed.as_view()),
    path("chosen", Chosen.as_view()),
    path("pending", pending),
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


def test_view_that_chooses_its_permissions(project: Project, impersonated: dict[str, str]) -> None:
    """Of what it asks nothing is known before, and what the project says holds."""
    assert 403 == Client().post("/chosen", headers=impersonated).status_code
    assert 401 == Client().post("/chosen", headers=project.headers(status="pending")).status_code
    assert 200 == Client().post("/chosen", headers=project.headers()).status_code


@pytest.mark.parametrize("between", [f"{__name__}.Curious", LOGIN_REQUIRED], ids=["curious", "login-required"])
def test_route_says_otherwise_than_who_asked_before(
    project: Project, impersonated: dict[str, str], between: str
) -> None:
    """What a middleware was refused is no matter of the view, which is not answered with 403 after its work is done."""
    if between == LOGIN_REQUIRED and VERSION < (5, 1):
        pytest.skip("LoginRequiredMiddleware came with Django 5.1")
    with modify_settings(MIDDLEWARE={"append": between}):
        allowed_there = Client().post("/allowed", headers=impersonated)
        to_do = Client().get("/pending", headers=project.headers(status="pending"))

    assert (200, b"user_") == (allowed_there.status_code, allowed_there.content[:5])
    assert (200, b"user_") == (to_do.status_code, to_do.content[:5])


def is_staff(user: Any) -> bool:
    """Whether somebody works here."""
    return bool(user.is_staff)


@user_passes_test(is_staff)
@require(impersonation="allow")
def of_staff(request: HttpRequest) -> HttpResponse:
    """For Django's own staff, and for whoever is signed in with Clerk."""
    return HttpResponse(str(request.user))


@require(policy={"accept_pending": True})
async def pending_async(request: HttpRequest) -> HttpResponse:
    """For those who have something to do first, too."""
    return HttpResponse(str(request.user))


urlpatterns += [path("of-staff", of_staff), path("pending-async", pending_async)]


@pytest.mark.skipif(VERSION < (5, 1), reason="LoginRequiredMiddleware came with Django 5.1")
@pytest.mark.usefixtures("database")
def test_nobody_is_judged_as_one_and_let_in_as_another(impersonated: dict[str, str]) -> None:
    """Where Clerk's user may not be told, a guarded view's other guards see nobody, and not the user of a session."""
    root, _ = get_user_model().objects.get_or_create(username="root", is_staff=True)
    browser = Client()
    browser.force_login(root)
    with modify_settings(MIDDLEWARE={"append": LOGIN_REQUIRED}):
        assert 403 == browser.post("/of-staff", headers=impersonated).status_code


@pytest.mark.skipif(VERSION < (5, 1), reason="LoginRequiredMiddleware came with Django 5.1")
def test_user_of_a_mapping_is_told_anew_in_async_code(project: Project) -> None:
    """Under another policy too, `request.user` needs no waiting after `require`, where it was told before."""
    with project.using(USER=ClerkUser), modify_settings(MIDDLEWARE={"append": LOGIN_REQUIRED}):
        answer = project.get_awaited("/pending-async")

    assert (200, b"user_") == (answer.status_code, answer.content[:5])
