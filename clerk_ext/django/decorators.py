"""`require`: who may call a view."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from django.http import HttpRequest

from clerk_ext.access import Denial, Requirement
from clerk_ext.django.answers import is_async, refusal, varied
from clerk_ext.django.visits import DjangoVisit, visit_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from clerk_ext.access import Asked

V = TypeVar("V", bound="Callable[..., Any]")

MARK: Final = "login_required"
"""The attribute of a view by which ``LoginRequiredMiddleware`` knows whom to send to a login page (Django 5.1)."""

GUARDED: Final = "clerk_ext_guarded"
"""The attribute of a view that asks for the sign-in by itself, before anything in it runs."""


def require(**asked: Unpack[Asked]) -> Callable[[V], V]:
    """Let only those call a view who are signed in and have what is asked for.

    For functions, sync and async, and for methods, also by ``method_decorator``. Others are answered with 401, 403 or
    503, under ``LoginRequiredMiddleware``, too. Inside, `claims_of` gives the claims.

    Args:
        asked: ``role``, ``permission``, ``feature``, ``plan``, ``reverification``, ``impersonation``, ``policy``; see
            `clerk_ext.access.Asked`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: One has a value that nobody could have.
    """
    requirement = Requirement.of(**asked)

    def decorate(view: V) -> V:
        if inspect.isclass(view):
            raise TypeError("require: is for functions and methods; give the class a RequireMixin.")
        guarded = _async_guard(view, requirement) if _is_async(view) else _guard(view, requirement)
        setattr(guarded, MARK, False)
        setattr(guarded, GUARDED, True)
        return cast("V", guarded)

    return decorate


def _guard(view: Callable[..., Any], requirement: Requirement) -> Callable[..., Any]:
    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        verdict = _visit(view, args, kwargs).require(requirement)
        return refusal(verdict) if isinstance(verdict, Denial) else varied(view(*args, **kwargs))

    return guarded


def _async_guard(view: Callable[..., Any], requirement: Requirement) -> Callable[..., Any]:
    @functools.wraps(view)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        verdict = await _visit(view, args, kwargs).arequire(requirement)
        return refusal(verdict) if isinstance(verdict, Denial) else varied(await view(*args, **kwargs))

    return guarded


def _is_async(view: Callable[..., Any]) -> bool:
    # method_decorator decorates a bound method inside of a partial; dispatch of an async class is no coroutine
    # function, but returns what is awaited.
    owner = getattr(getattr(view, "func", None), "__self__", None)
    is_dispatch = getattr(view, "__name__", "") == "dispatch"
    return is_async(view) or (is_dispatch and getattr(owner, "view_is_async", False))


def _visit(view: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> DjangoVisit:
    for argument in (*args[:2], *kwargs.values()):
        if isinstance(getattr(argument, "_request", argument), HttpRequest):
            return visit_of(argument)
    raise TypeError(f"require: {getattr(view, '__qualname__', view)!r} takes no request.")
