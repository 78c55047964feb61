"""Nobody can tell who is signed in: 503 from wherever it is noticed, never an error 500 and never a signed-out user."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from clerk_ext import Reason, TokenVerificationError, VerificationUnavailable
from clerk_ext.django import visit_of
from clerk_ext.django.middleware import ClerkMiddleware
from clerk_ext.django.visits import DjangoVisit
from tests import django_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from tests.django.conftest import Project

OURS = "clerk_ext.django.middleware.ClerkMiddleware"
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
since_5_1 = pytest.mark.skipif(django.VERSION < (5, 1), reason="LoginRequiredMiddleware came with Django 5.1")


@pytest.fixture
def _outage(project: Project) -> Iterator[None]:
    project.fake.trouble.outage()
    yield
    project.fake.trouble.mend()


def curious(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware that asks for the user before the view does."""

    def middleware(request: Any) -> HttpResponseBase:
        assert request.user.is_authenticated in (True, False)
        return get_response(request)

    return middleware


def refusing(get_response: object) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware that lets an error of ours escape."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        raise TokenVerificationError(Reason.TOKEN_INVALID, "It is none.")

    return middleware


def careless(get_response: object) -> Callable[[HttpRequest], HttpResponseBase]:
    """A middleware that fails for reasons of its own after it has met an outage."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        with contextlib.suppress(VerificationUnavailable):
            assert visit_of(request).claims is None
        raise LookupError("of its own")

    return middleware


def check_unavailable(answer: Any) -> None:
    """The answer is ours."""
    assert 503 == answer.status_code
    assert {"detail": "Whether you are signed in cannot be told now. Try again."} == answer.json()
    assert int(answer["Retry-After"]) >= 1
    assert "Authorization, Cookie" == answer["Vary"]


@pytest.mark.usefixtures("_outage")
@pytest.mark.parametrize(
    "path",
    ["/whoami", "/whoami-awaited", "/page", "/page-that-takes-errors-for-false", "/perms", "/guarded", "/stream"],
)
def test_outage_in_a_view(project: Project, path: str) -> None:
    """In the view itself, in a template, in a context processor, and where a template takes an error for False."""
    check_unavailable(project.browser().get(path))
    check_unavailable(project.get_awaited(path))


@pytest.mark.usefixtures("_outage")
def test_outage_in_a_view_is_no_error_of_the_project(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged as one, and no traceback."""
    with caplog.at_level(logging.WARNING, "django.request"):
        check_unavailable(project.browser().get("/whoami"))

    assert [] == [record for record in caplog.records if record.exc_info]


@pytest.mark.usefixtures("_outage")
def test_outage_in_another_middleware(project: Project) -> None:
    """Inside ours, as late as that."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, f"{__name__}.curious"]):
        check_unavailable(project.browser(raise_request_exception=False).get("/nothing"))
        check_unavailable(project.get_awaited("/nothing", raise_request_exception=False))


def test_refused_token_in_another_middleware(project: Project) -> None:
    """It is 401."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, f"{__name__}.refusing"]):
        answer = project.browser(raise_request_exception=False).get("/nothing")

    assert (401, 'Bearer error="invalid_token"') == (answer.status_code, answer["WWW-Authenticate"])
    assert "token-invalid" == answer["x-clerk-auth-reason"]


@pytest.mark.usefixtures("_outage")
def test_outage_that_a_view_can_do_without(project: Project) -> None:
    """Who catches it has answered."""
    answer = project.browser().get("/degraded")

    assert (200, b"unknown") == (answer.status_code, answer.content)


@pytest.mark.usefixtures("_outage")
def test_other_errors_beside_an_outage_stay_errors(project: Project) -> None:
    """What is not ours is left alone."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, f"{__name__}.careless"]):
        answer = project.browser(raise_request_exception=False).get("/nothing")

    assert 500 == answer.status_code


def test_other_errors_are_left_alone(project: Project) -> None:
    """A fault of the project is one."""
    with pytest.raises(LookupError):
        project.browser().get("/broken")
    assert 500 == project.browser(raise_request_exception=False).get("/broken").status_code


@since_5_1
@pytest.mark.usefixtures("_outage")
def test_outage_where_a_login_is_required(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    """LoginRequiredMiddleware asks before the view runs; nobody is sent to a login page."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, LOGIN_REQUIRED]):
        check_unavailable(project.browser().get("/nothing"))
        check_unavailable(project.get_awaited("/nothing"))

    assert [] == [record for record in caplog.records if record.exc_info]


@since_5_1
def test_required_login(project: Project) -> None:
    """Who is signed in with Clerk needs no other login; who is not is sent there, but by a view of ours refused."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, LOGIN_REQUIRED]):
        assert 200 == project.browser().get("/nothing").status_code

        signed_out = project.browser(signed_in=False)
        assert 302 == signed_out.get("/nothing").status_code
        assert 200 == signed_out.get("/public").status_code
        refused = ["/guarded", "/guarded-awaited", "/plain", "/awaited", "/decorated-dispatch"]
        assert [401] * 5 == [signed_out.get(path).status_code for path in refused]
        awaited = [project.get_awaited(path, {}).status_code for path in ["/nothing", "/public", *refused]]
        assert [302, 200, *[401] * 5] == awaited


@since_5_1
def test_required_login_asks_once(project: Project) -> None:
    """One look at the token serves the middleware and the view."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, LOGIN_REQUIRED]):
        assert 200 == project.browser().get("/whoami").status_code

    assert 1 == project.clerk.stats().verified


@since_5_1
@pytest.mark.usefixtures("_outage")
def test_open_view_where_a_login_is_required(project: Project) -> None:
    """From Django 6.1 on, LoginRequiredMiddleware does not ask who it is there, and neither do we."""
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, LOGIN_REQUIRED]):
        answers = [project.browser().get("/public"), project.get_awaited("/public")]

    assert [200 if django.VERSION >= (6, 1) else 503] * 2 == [answer.status_code for answer in answers]


@since_5_1
@pytest.mark.usefixtures("_outage")
@pytest.mark.parametrize("version", [(5, 2), (6, 1)])
def test_open_view_in_the_way_of_each_release(
    project: Project, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int]
) -> None:
    """Whether Django asks before an open view or not, what it meets is no error 500."""
    monkeypatch.setattr(django, "VERSION", (*version, 0, "final", 0))
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, LOGIN_REQUIRED]):
        answers = [
            project.browser(raise_request_exception=False).get("/public"),
            project.get_awaited("/public", raise_request_exception=False),
        ]

    assert {200, 503} >= {answer.status_code for answer in answers}


@pytest.mark.usefixtures("_outage")
def test_outage_is_remembered_for_the_request(project: Project) -> None:
    """Who asks again is told the same, and nothing is fetched again."""
    visit = DjangoVisit(RequestFactory(headers=project.headers()).get("/whoami"))

    for _ in range(2):
        with pytest.raises(VerificationUnavailable):
            visit.user()
    assert visit.lapse is not None
    assert 1 == project.fetches()


@pytest.mark.usefixtures("_outage")
@pytest.mark.parametrize("status", [200, 302, 401, 403])
def test_outage_that_somebody_takes_for_signed_out(project: Project, status: int) -> None:
    """Whatever a view answers to it, it is 503."""

    def view(request: HttpRequest) -> HttpResponse:
        try:
            assert request.user.is_authenticated
        except VerificationUnavailable:
            return HttpResponse("please sign in", status=status)
        raise AssertionError

    request = RequestFactory().get("/", headers=project.headers())

    assert 503 == ClerkMiddleware(view)(request).status_code
