"""`ClerkMiddleware`: adds a request's sign-in, which costs nothing until somebody asks for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar

import django
from asgiref.sync import markcoroutinefunction
from django.apps import apps
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.signals import got_request_exception
from django.utils.module_loading import import_string

from clerk_ext.django import conf
from clerk_ext.django.answers import is_async, refusal, varied
from clerk_ext.django.decorators import GUARDED, MARK
from clerk_ext.django.visits import KEY, DjangoVisit, visit_of
from clerk_ext.pools import make_ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from clerk_ext.access import Denial


class ClerkMiddleware:
    """Adds ``request.clerk``, and tells ``request.user`` and ``request.auser()``; for sync and async projects.

    It refuses nothing by itself; what asks for the sign-in does. Where nobody is signed in with Clerk, the middleware
    before it tells who ``request.user`` is, and so in Django's admin; therefore it stands after
    ``AuthenticationMiddleware``, and before ``LoginRequiredMiddleware``.

    Args:
        get_response: What is inside.

    Raises:
        ImproperlyConfigured: The setting ``CLERK`` cannot work.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        conf.current()  # a project whose settings cannot work does not start
        make_ready()
        self._get_response = get_response
        self._is_async = is_async(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        # Set only where it is needed: for Django, each such method is another call on every request.
        if login_required_middleware() is not None:
            self.process_view: Callable[..., Any] = self._look_early_async if self._is_async else self._look_early

    def __call__(self, request: HttpRequest) -> Any:
        """Let a request through."""
        visit = DjangoVisit(request)
        visit.install()
        if self._is_async:
            return self._pass_async(visit)
        return _finished(visit, self._get_response(request))

    async def _pass_async(self, visit: DjangoVisit) -> HttpResponseBase:
        return _finished(visit, await self._get_response(visit.request))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what a view lets escape: a refused token with 401, an outage with 503."""
        if isinstance(exception, conf.ANSWERED):
            return refusal(visit_of(request).conf.denial_of(exception))
        return None

    # LoginRequiredMiddleware asks for request.user where no view runs yet, and an outage would be Django's 500.

    def _look_early(self, request: HttpRequest, view: object, *_: object) -> HttpResponse | None:
        if not _is_asked_for(view):
            return None
        visit = visit_of(request)
        visit.is_guarded = bool(getattr(view, GUARDED, False))
        try:
            visit.user()
        except conf.LAPSES as lapse:
            return refusal(visit.conf.denial_of(lapse))
        return None

    async def _look_early_async(self, request: HttpRequest, view: object, *_: object) -> HttpResponse | None:
        if not _is_asked_for(view):
            return None
        visit = visit_of(request)
        visit.is_guarded = bool(getattr(view, GUARDED, False))
        try:
            await visit.auser()
        except conf.LAPSES as lapse:
            if visit.is_guarded:
                return None
            return refusal(visit.conf.denial_of(lapse))
        return None


def _is_asked_for(view: object) -> bool:
    """Whether ``LoginRequiredMiddleware`` asks for the user before a view; before Django 6.1 it does always."""
    return django.VERSION < (6, 1) or bool(getattr(view, MARK, True))


def _finished(visit: DjangoVisit, response: HttpResponseBase) -> HttpResponseBase:
    """A response with what the sign-in has to add."""
    if visit.escaped is not None and response.status_code == 500:
        response = _in_place_of(response, visit.conf.denial_of(visit.escaped))
    elif visit.lapse is not None and (response.status_code < 400 or _is_of(visit.lapse, response)):
        # {% if user.is_authenticated and … %} takes any error for False: the page shows somebody as signed out.
        response = _in_place_of(response, visit.conf.denial_of(visit.lapse))
    if visit.is_asked:
        varied(response)
        _add(response, visit.headers)
    if visit.denial is not None and visit.denial.status_code == response.status_code:
        _add(response, visit.denial.headers)
    return response


def _is_of(lapse: Exception, response: HttpResponseBase) -> bool:
    """Whether a response is what somebody makes of ours: of an outage, that nobody is signed in."""
    return response.status_code == 403 or (response.status_code == 401 and not isinstance(lapse, PermissionDenied))


def _in_place_of(response: HttpResponseBase, denial: Denial) -> HttpResponseBase:
    """A refusal in place of a response, which nobody will close otherwise."""
    response.close()
    return refusal(denial)


def _add(response: HttpResponseBase, headers: Any) -> None:
    for name, value in headers.items():
        response.headers.setdefault(name, value)


def _note(request: HttpRequest | None = None, **_: object) -> None:
    """Remember what Django is about to answer with 500; it is the exception that is handled right now."""
    visit, error = getattr(request, KEY, None), sys.exc_info()[1]
    if isinstance(visit, DjangoVisit) and isinstance(error, conf.ANSWERED):
        visit.escaped = error


got_request_exception.connect(_note, dispatch_uid="clerk_ext.django.middleware")


def login_required_middleware() -> str | None:
    """The path of Django's ``LoginRequiredMiddleware`` in the settings, or of one that is made of it."""
    if not apps.is_installed("django.contrib.auth"):
        return None
    from django.contrib.auth import middleware

    original: object = getattr(middleware, "LoginRequiredMiddleware", None)  # Django 5.1
    paths: list[str] = list(settings.MIDDLEWARE) if isinstance(original, type) else []
    return next((path for path in paths if is_a(path, original)), None)


def is_a(path: str, kind: object) -> bool:
    """Whether what has this path is a class, or made of it."""
    try:
        found: object = import_string(path)
    except ImportError:  # which Django itself tells of
        return False
    return isinstance(found, type) and isinstance(kind, type) and issubclass(found, kind)
