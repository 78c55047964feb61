"""The views of the tests' project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, auth
from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.template import RequestContext, Template
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import cache_page

from clerk_ext import VerificationUnavailable
from clerk_ext.django import RequireMixin, claims_of, require, visit_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from django.http import HttpRequest
    from django.urls import URLPattern, URLResolver

    from clerk_ext.access import Asked


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """A view that ``LoginRequiredMiddleware`` leaves alone."""

    def opened(request: HttpRequest) -> Any:
        return view(request)

    opened.__dict__["login_required"] = False
    return opened


def whoami(request: HttpRequest) -> HttpResponse:
    """Who it is."""
    return HttpResponse(f"{request.user.__class__.__name__} {request.user.is_authenticated} {request.user}")


async def whoami_awaited(request: Any) -> HttpResponse:
    """Who it is, asked in the form of async code first."""
    user = await request.auser()
    assert user == request.user
    return HttpResponse(f"{user.is_authenticated} {request.user}")


async def whoami_on_the_loop(request: HttpRequest) -> HttpResponse:
    """Who it is, asked in the form of sync code."""
    return HttpResponse(str(request.user))


async def state_on_the_loop(request: HttpRequest) -> HttpResponse:
    """The sign-in, asked in the form of sync code."""
    return HttpResponse(visit_of(request).state.status)


async def state_awaited(request: HttpRequest) -> HttpResponse:
    """The sign-in, in the form of async code and then in the other one."""
    visit = visit_of(request)
    state = await visit
    assert state is visit.state
    assert state.claims is visit.claims
    return HttpResponse(f"{state.status} {request.user}")


@require()
async def guarded_awaited(request: HttpRequest) -> HttpResponse:
    """Who it is, behind a guard."""
    return HttpResponse(f"{claims_of(request).user_id} {request.user}")


@require()
def guarded(request: HttpRequest) -> HttpResponse:
    """The same, sync."""
    return HttpResponse(f"{claims_of(request).user_id} {request.user}")


@require(role="org:admin")
def guarded_by_role(request: HttpRequest) -> HttpResponse:
    """For administrators."""
    return HttpResponse(claims_of(request).org_role)


def claims_unasked(request: HttpRequest) -> HttpResponse:
    """Claims that nobody asked for before."""
    return HttpResponse(claims_of(request).user_id)


def page(text: str) -> Callable[[HttpRequest], HttpResponse]:
    """A view that renders a template."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(Template(text).render(RequestContext(request, {"yes": True})))

    return view


def sign_in_staff(request: HttpRequest) -> HttpResponse:
    """Sign somebody of the project's own in, as a login page does."""
    auth.login(request, User.objects.get(username="staff"))
    return HttpResponse(str(request.user))


async def assigned(request: Any) -> HttpResponse:
    """A user that the project itself has found."""
    request.user = User(username="found")
    return HttpResponse(str(await request.auser()))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """A streamed answer."""
    return StreamingHttpResponse(iter([str(request.user), "!"]))


async def stream_awaited(request: Any) -> StreamingHttpResponse:
    """The same, async."""
    user = await request.auser()

    async def parts() -> AsyncGenerator[str]:
        yield str(user)
        yield "!"

    return StreamingHttpResponse(parts())


def broken(request: HttpRequest) -> HttpResponse:
    """A fault of the project."""
    raise LookupError(str(request.user))


def degraded(request: HttpRequest) -> HttpResponse:
    """A page that can do without knowing."""
    try:
        return HttpResponse(visit_of(request).state.status)
    except VerificationUnavailable:
        return HttpResponse("unknown")


def nothing(request: HttpRequest) -> HttpResponse:
    """Asks nothing."""
    return HttpResponse("nothing")


async def nothing_awaited(request: HttpRequest) -> HttpResponse:
    """Asks nothing, in async code."""
    return HttpResponse("nothing")


def ended(request: HttpRequest) -> HttpResponse:
    """Ends the session at Clerk, by the project's client."""
    visit_of(request).client.sessions.revoke(claims_of(request).session_id)  # type: ignore[union-attr]
    return HttpResponse()


class Plain(RequireMixin, View):
    """A class of sync methods."""

    required: ClassVar[Asked] = {"role": "org:admin"}

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).org_role)

    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("written")


class Whoami(RequireMixin, View):
    """For everybody who is signed in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{claims_of(request).user_id} {request.user}")


class Awaited(RequireMixin, View):
    """A class of async methods."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)


@method_decorator(require(), name="dispatch")
class DecoratedDispatch(View):
    """A class whose dispatch is guarded."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)


@method_decorator(require(), name="dispatch")
class DecoratedDispatchAwaited(View):
    """The same, async."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)


class DecoratedMethods(View):
    """A class some of whose methods are guarded."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("open")

    @require()
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)

    @method_decorator(require())
    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)


class DecoratedMethodsAwaited(View):
    """The same, async; not every release of Django has a method_decorator for such methods."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("open")

    @require()
    async def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)

    @require(impersonation="refuse")
    async def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(claims_of(request).user_id)


urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("whoami", whoami),
    path("whoami-awaited", whoami_awaited),
    path("whoami-on-the-loop", whoami_on_the_loop),
    path("state-on-the-loop", state_on_the_loop),
    path("state-awaited", state_awaited),
    path("guarded", guarded),
    path("guarded-awaited", guarded_awaited),
    path("guarded-by-role", guarded_by_role),
    path("claims-unasked", claims_unasked),
    path("page", page("{% if user.is_authenticated %}{{ user }}{% else %}nobody{% endif %}")),
    path("page-that-takes-errors-for-false", page("{% if user.is_authenticated and yes %}in{% else %}out{% endif %}")),
    path("perms", page('{{ perms.org }} {% if "org:invoices:create" in perms %}may{% else %}may not{% endif %}')),
    path("sign-in-staff", sign_in_staff),
    path("assigned", assigned),
    path("stream", stream),
    path("stream-awaited", stream_awaited),
    path("broken", broken),
    path("degraded", degraded),
    path("nothing", nothing),
    path("nothing-awaited", nothing_awaited),
    path("public", public(nothing)),
    path("ended", require()(ended)),
    path("cached", cache_page(60)(guarded)),
    path("cached-class", cache_page(60)(Whoami.as_view())),
    path("plain", Plain.as_view()),
    path("plain-for-members", Plain.as_view(required={"role": "org:member"})),
    path("awaited", Awaited.as_view()),
    path("decorated-dispatch", DecoratedDispatch.as_view()),
    path("decorated-methods", DecoratedMethods.as_view()),
    path("decorated-methods-awaited", DecoratedMethodsAwaited.as_view()),
    path("decorated-dispatch-awaited", DecoratedDispatchAwaited.as_view()),
]
