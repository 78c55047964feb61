"""`require` and `RequireMixin`, on functions, methods and classes, sync and async."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.views import View

from clerk_ext.django import RequireMixin, claims_of, require, visit_of
from clerk_ext.django.visits import DjangoVisit

if TYPE_CHECKING:
    from clerk_ext.access import Asked
    from tests.django.conftest import Project

GUARDED = ["/guarded", "/guarded-awaited", "/awaited", "/decorated-dispatch", "/decorated-dispatch-awaited"]


def member(project: Project, role: str) -> dict[str, str]:
    """The headers of a member of an organisation."""
    user, acme = project.fake.add_user(), project.fake.add_organization("acme")
    project.fake.add_membership(user, acme, role=role)
    return project.headers(user=user, organization=acme)


@pytest.mark.parametrize("path", GUARDED)
def test_guard(project: Project, path: str) -> None:
    """Who is signed in gets in, nobody else does; in projects of both kinds."""
    for signed_out in (project.browser(signed_in=False).get(path), project.get_awaited(path, {})):
        assert (401, "Bearer") == (signed_out.status_code, signed_out["WWW-Authenticate"])
        assert {"detail": "Not signed in."} == signed_out.json()
    assert 200 == project.browser().get(path).status_code
    assert 200 == project.get_awaited(path).status_code


@pytest.mark.parametrize("path", ["/decorated-methods", "/decorated-methods-awaited"])
def test_guarded_methods(project: Project, path: str) -> None:
    """Each by itself, with Django's method_decorator or without."""
    signed_in, signed_out = project.browser(), project.browser(signed_in=False)

    assert b"open" == signed_out.get(path).content
    assert [401, 401] == [signed_out.post(path).status_code, signed_out.put(path).status_code]
    assert [200, 200] == [signed_in.post(path).status_code, signed_in.put(path).status_code]


@pytest.mark.parametrize("path", ["/guarded-by-role", "/plain"])
def test_demand(project: Project, path: str) -> None:
    """Who is known and has not what is asked for is told so."""
    browser = project.browser(signed_in=False)

    assert b"org:admin" == browser.get(path, headers=member(project, "org:admin")).content
    refused = browser.get(path, headers=member(project, "org:member"))
    assert (403, {"detail": "Not allowed."}) == (refused.status_code, refused.json())


@pytest.mark.parametrize("path", ["/cached", "/cached-class"])
def test_cached_view(project: Project, path: str) -> None:
    """Django's cache_page gives nobody what was made for somebody else."""
    browser, users = project.browser(signed_in=False), [project.fake.add_user() for _ in range(2)]
    # By cookie: of Authorization newer releases of Django take care by themselves.
    cookies = [project.fake.sign_in(user).cookies for user in users]
    headers = [{"Cookie": "; ".join(f"{name}={value}" for name, value in them.items())} for them in cookies]

    for _ in range(2):
        for user, theirs in zip(users, headers, strict=True):
            assert f"{user.id} {user.id}" == browser.get(path, headers=theirs).content.decode()
        assert 401 == browser.get(path).status_code


def test_head_and_methods(project: Project) -> None:
    """A class answers them as without the mixin, once somebody is let in."""
    browser, headers = project.browser(signed_in=False), member(project, "org:admin")

    assert (200, b"") == ((answer := browser.head("/plain", headers=headers)).status_code, answer.content)
    assert b"written" == browser.post("/plain", headers=headers).content
    assert 405 == browser.delete("/plain", headers=headers).status_code
    assert 405 == browser.post("/awaited", headers=headers).status_code
    assert 401 == browser.head("/plain").status_code


def test_demand_of_a_route(project: Project) -> None:
    """What as_view() is given replaces what the class says."""
    browser = project.browser(signed_in=False)

    assert 200 == browser.get("/plain-for-members", headers=member(project, "org:member")).status_code
    assert 403 == browser.get("/plain-for-members", headers=member(project, "org:admin")).status_code


def test_mixin_says_nothing_more_than_signed_in(project: Project) -> None:
    """Unless the class does; a class made of one that does inherits it."""

    class Lenient(RequireMixin, View):
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse()

    class Strict(Lenient):
        required: ClassVar[Asked] = {"plan": "pro"}

    class Stricter(Strict):
        pass

    def status(kind: type[RequireMixin]) -> int:
        request = RequestFactory(headers=project.headers()).get("/")
        DjangoVisit(request).install()
        response: HttpResponse = kind.as_view()(request)
        return response.status_code

    assert [200, 403, 403] == [status(Lenient), status(Strict), status(Stricter)]


def test_slips_are_seen_when_the_view_is_made() -> None:
    """And not by the first user."""
    with pytest.raises(ValueError, match="role: is empty"):
        require(role="")
    with pytest.raises(ValueError, match="reverification: write one of"):
        type("Slip", (RequireMixin, View), {"required": {"reverification": "often"}})
    with pytest.raises(TypeError, match="require: has no argument 'rolle'; did you mean 'role'"):
        type("Slip", (RequireMixin, View), {"required": {"rolle": "org:admin"}})
    with pytest.raises(TypeError, match="plan: write a str, not int"):
        RequireMixin.as_view(required={"plan": 5})


def test_guard_of_a_class(project: Project) -> None:
    """It says what to write."""
    view: Any = View
    with pytest.raises(TypeError, match="give the class a RequireMixin"):
        require()(view)


def test_guard_of_what_is_no_view() -> None:
    """There is no request to look at."""

    @require()
    def helper(number: int) -> int:
        return number

    with pytest.raises(TypeError, match=r"helper' takes no request"):
        helper(5)


def test_view_that_answers_nothing(project: Project) -> None:
    """Django says so, and not the guard."""
    request = RequestFactory(headers=project.headers()).get("/")
    DjangoVisit(request).install()

    def view(request: HttpRequest) -> None:
        """Forgets to answer."""

    guarded: Any = require()(view)
    assert guarded(request) is None


def test_guard_keeps_what_the_view_is() -> None:
    """Its name, its kind, and what other decorators have marked it with."""

    async def view(request: HttpRequest) -> HttpResponse:
        """Its words."""
        return HttpResponse()

    view.__dict__["csrf_exempt"] = True
    guarded: Any = require()(view)

    assert ("view", "Its words.", True) == (guarded.__name__, guarded.__doc__, guarded.csrf_exempt)
    assert inspect.iscoroutinefunction(guarded)
    assert guarded.login_required is False


def test_mixin_marks_its_views() -> None:
    """LoginRequiredMiddleware leaves them to us."""
    view: Any = type("Marked", (RequireMixin, View), {}).as_view()  # type: ignore[attr-defined]

    assert view.login_required is False


def test_mixin_after_the_view() -> None:
    """It would guard nothing, and is refused where it is written."""
    bases: Any = (View, RequireMixin)
    with pytest.raises(TypeError, match="Open: write RequireMixin before the other bases"):
        type("Open", bases, {})


def test_claims_are_those_that_were_let_through(project: Project) -> None:
    """Whatever is asked under the project's own policy after a view's own has let somebody in; so is the user."""

    @require(policy={"accept_pending": True})
    def view(request: HttpRequest) -> HttpResponse:
        assert request.user.is_authenticated
        assert not visit_of(request).state.is_signed_in
        return HttpResponse(claims_of(request).user_id)

    request = RequestFactory().get("/", headers=project.headers(status="pending"))
    visit = DjangoVisit(request)
    visit.install()

    assert b"user_" == view(request).content[:5]
