"""When the sign-in of a request is looked up, and that no event loop waits for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import SynchronousOnlyOperation
from django.test import RequestFactory, modify_settings

from clerk_ext.django import ClerkUser, claims_of, visit_of
from clerk_ext.django.visits import DjangoVisit

if TYPE_CHECKING:
    from tests.django.conftest import Project


def test_nothing_is_looked_up_before_somebody_asks(project: Project) -> None:
    """A view that asks for nothing costs no fetch, and its answer does not depend on who asks."""
    answer = project.browser().get("/nothing")

    assert (200, 0) == (answer.status_code, project.fetches())
    assert not answer.has_header("Vary")
    assert not project.get_awaited("/nothing").has_header("Vary")
    assert 0 == project.fetches()


def test_answers_depend_on_who_asks(project: Project) -> None:
    """Also where request.user was all that the view asked for."""
    answer = project.browser(signed_in=False).get("/whoami")

    assert "Authorization, Cookie" == answer["Vary"]
    assert "signed-out" == answer["x-clerk-auth-status"]
    assert not project.browser().get("/whoami").has_header("x-clerk-auth-status")


@pytest.mark.parametrize("path", ["/whoami-on-the-loop", "/state-on-the-loop"])
def test_event_loop_is_not_blocked(project: Project, path: str) -> None:
    """Sync access in an async view says what to write in its place; nothing was fetched for it."""
    with pytest.raises(SynchronousOnlyOperation, match=r"await request\.clerk.*await request\.auser\(\).*@require\(\)"):
        project.get_awaited(path)
    assert 0 == project.fetches()


@pytest.mark.parametrize("path", ["/whoami-awaited", "/state-awaited", "/guarded-awaited"])
def test_sync_access_works_after_the_awaited_one(project: Project, path: str) -> None:
    """What is known needs no fetch."""
    assert 200 == project.get_awaited(path).status_code
    assert 1 == project.fetches()


@pytest.mark.parametrize("path", ["/whoami", "/guarded", "/whoami-awaited", "/guarded-awaited"])
def test_views_of_both_kinds_work_in_projects_of_both(project: Project, path: str) -> None:
    """Django runs sync views of async projects in threads, and async ones of sync projects on a loop of their own."""
    assert 200 == project.browser().get(path).status_code
    assert 200 == project.get_awaited(path).status_code
    assert 1 == project.fetches()


def test_both_worlds_share_what_is_known(project: Project) -> None:
    """One fetch of the keys, and one look at a request's token."""
    request = RequestFactory(headers=project.headers()).get("/")
    visit = DjangoVisit(request)

    async def ask() -> object:
        return await visit

    assert asyncio.run(ask()) is visit.state
    assert (1, 1) == (project.fetches(), project.clerk.stats().verified)


def test_signed_out_user_of_the_session_in_async_code(project: Project, database: None) -> None:
    """Who has no session is nobody, which Django tells without its database."""
    assert "False AnonymousUser" == project.get_awaited("/whoami-awaited", {}).content.decode()


def test_bare_request_in_async_code(project: Project) -> None:
    """Without any middleware before ours, and without a method, nobody is signed in."""
    request: Any = RequestFactory().get("/")
    request.method = None
    visit = DjangoVisit(request)
    visit.install()

    async def ask() -> object:
        return await request.auser()

    assert AnonymousUser() == asyncio.run(ask()) == request.user
    assert 401 == getattr(visit.require(), "status_code", None)


def test_project_without_the_admin(project: Project) -> None:
    """No view is of the admin then."""
    with modify_settings(INSTALLED_APPS={"remove": "django.contrib.admin"}):
        visit = DjangoVisit(RequestFactory(headers=project.headers()).get("/admin/"))
        visit.install()

        assert visit.user() == asyncio.run(visit.auser()) == ClerkUser(claims_of(visit.request))


def test_user_that_the_project_assigns(project: Project) -> None:
    """It stays, for async code too."""
    assert "found" == project.get_awaited("/assigned").content.decode()


def test_streams(project: Project) -> None:
    """They carry the same headers."""
    answer: Any = project.browser().get("/stream")
    assert b"!" == b"".join(answer.streaming_content)[-1:]
    assert "Authorization, Cookie" == answer["Vary"]

    async def content(answer: Any) -> bytes:
        return b"".join([part async for part in answer.streaming_content])

    answer = project.get_awaited("/stream-awaited")
    assert b"!" == asyncio.run(content(answer))[-1:]
    assert "Authorization, Cookie" == answer["Vary"]


def test_missing_middleware_is_named(project: Project) -> None:
    """Whoever asks learns what to add."""
    with pytest.raises(RuntimeError, match=r"clerk_ext\.django\.middleware\.ClerkMiddleware"):
        visit_of(RequestFactory().get("/"))


def test_claims_that_nobody_asked_for(project: Project) -> None:
    """A guard is missing above the view."""
    with pytest.raises(RuntimeError, match=r"put @require\(\) above the view"):
        project.browser().get("/claims-unasked")
    with pytest.raises(RuntimeError, match="ClerkMiddleware"):
        claims_of(RequestFactory().get("/"))


def test_calls_of_the_api_in_a_view(project: Project) -> None:
    """The project's client is at hand."""
    signed_in = project.fake.sign_in()

    assert 200 == project.browser().get("/ended", headers=dict(signed_in.headers)).status_code
    assert "revoked" == signed_in.session.status
