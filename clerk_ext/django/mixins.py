"""`RequireMixin`: who may call a class-based view."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from clerk_ext.access import SIGNED_IN, Denial, Requirement
from clerk_ext.django.answers import refusal, varied
from clerk_ext.django.decorators import GUARDED, MARK
from clerk_ext.django.visits import visit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.views import View

    from clerk_ext.access import Asked
else:
    View = object


class RequireMixin(View):
    """Lets only those call a class-based view, sync or async, who are signed in and have what is asked for.

    Others are answered with 401, 403 or 503. Inside, `claims_of` gives the claims. Put it before the other bases::

        class Invoices(RequireMixin, ListView):
            required = {"role": "org:admin"}

    Attributes:
        required: What is asked for, by the names of `Asked`; being signed in alone if empty. It is checked when the
            class is made.
    """

    required: ClassVar[Asked] = {}
    _requirement: ClassVar[Requirement] = SIGNED_IN

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        before = cls.__mro__[: cls.__mro__.index(RequireMixin)]
        if any(base.__module__ == "django.views.generic.base" and base.__name__ == "View" for base in before):
            raise TypeError(
                f"{cls.__qualname__}: write RequireMixin before the other bases; after View it guards nothing."
            )
        cls._requirement = _requirement_of(cls.required)

    @classmethod
    def as_view(cls, *args: Any, **initkwargs: Any) -> Callable[..., Any]:
        """See Django's ``View.as_view``; it takes ``required``, too."""
        _requirement_of(initkwargs.get("required", {}))
        view = super().as_view(*args, **initkwargs)
        setattr(view, MARK, False)
        setattr(view, GUARDED, True)
        return view

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Answer a request, or refuse it."""
        own = vars(self).get("required")  # as as_view() or setup() gives it
        requirement = self._requirement if own is None else _requirement_of(own)
        visit = visit_of(request)
        if self.view_is_async:
            return self._dispatch(requirement, request, *args, **kwargs)
        verdict = visit.require(requirement)
        return refusal(verdict) if isinstance(verdict, Denial) else varied(super().dispatch(request, *args, **kwargs))

    async def _dispatch(self, requirement: Requirement, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        verdict = await visit_of(request).arequire(requirement)
        if isinstance(verdict, Denial):
            return refusal(verdict)
        response: Any = super().dispatch(request, *args, **kwargs)
        return varied(await response if inspect.isawaitable(response) else response)


def _requirement_of(required: object) -> Requirement:
    if not isinstance(required, Mapping):
        raise TypeError(f'required: write a dict such as {{"role": "org:admin"}}, not {type(required).__name__}.')
    return Requirement.of(**cast("Asked", required))
