"""What views and middleware answer, and whether they are awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from clerk_ext.access import VARY

if TYPE_CHECKING:
    from clerk_ext.access import Denial

_VARY: Final = tuple(VARY.split(", "))


class Refused(PermissionDenied):
    """Somebody acts as another user, and may not do so here.

    Attributes:
        denial: The answer.
    """

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.reason)
        self.denial: Denial = denial


def refusal(denial: Denial) -> HttpResponse:
    """A denial as a response."""
    headers = {**denial.headers, "vary": VARY}
    return HttpResponse(denial.content, status=denial.status_code, content_type="application/json", headers=headers)


def varied(response: Any) -> Any:
    """A response that says what it depends on: here already, for a cache between the view and the middleware."""
    if isinstance(response, HttpResponseBase):
        patch_vary_headers(response, _VARY)
    return response


def is_async(function: object) -> bool:
    """Whether a function, or an object that is called like one, has to be awaited."""
    # Python's own of 3.11 does not know what Django has marked.
    functions: tuple[Any, Any] = (function, getattr(type(function), "__call__", None))  # noqa: B004 - awaited or not
    return any(map(iscoroutinefunction, functions))  # pyright: ignore[reportDeprecated]
