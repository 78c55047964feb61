"""Django REST framework: `ClerkAuthentication`, and permissions: `IsSignedIn`, `requires`.

::

    class Invoices(ListAPIView):
        authentication_classes = [ClerkAuthentication]
        permission_classes = [requires(permission="org:invoices:read")]

``request.user`` is who ``request.user`` is elsewhere in the project, and ``request.auth`` the claims. The middleware
should be installed, too: it adds those headers that an exception here cannot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException
from rest_framework.permissions import BasePermission
from rest_framework.views import APIView

from clerk_ext.access import SIGNED_IN, VARY, Denial, Requirement, signed_out
from clerk_ext.django.visits import visit_for
from clerk_ext.errors import VerificationUnavailable

if TYPE_CHECKING:
    from typing import Unpack

    from rest_framework.request import Request

    from clerk_ext.access import Asked
    from clerk_ext.django.visits import DjangoVisit
    from clerk_ext.tokens.claims import SessionClaims

__all__ = ["ClerkAuthentication", "Denied", "IsSignedIn", "requires"]

_CHALLENGE = "www-authenticate"
_CHOOSERS = ("get_permissions", "check_permissions")
"""The methods by which a view may ask others than its ``permission_classes``."""


class Denied(APIException):
    """A request is refused; an exception handler may read the answer's `denial`.

    Attributes:
        denial: The answer.
    """

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.reason, denial.reason)
        self.denial: Denial = denial
        self.status_code: int = denial.status_code
        # The class would make strings of all that is in it, also of the minutes of a reverification.
        self.detail: Any = dict(denial.body)
        # These two become headers in the framework's own exception handler.
        self.auth_header: str | None = denial.headers.get(_CHALLENGE)
        self.wait: int = int(denial.headers.get("retry-after", 0))

    def get_codes(self) -> str:
        """The reason, for exception handlers."""
        return self.denial.reason

    def get_full_details(self) -> dict[str, Any]:
        """The body and the reason, for exception handlers."""
        return {"message": self.detail, "code": self.denial.reason}

    def __str__(self) -> str:
        return self.denial.reason


def _asked(request: Request) -> DjangoVisit:
    """The sign-in of a request; the answer says what it depends on, to a cache between view and middleware, too."""
    view = (request.parser_context or {}).get("view")
    headers: dict[str, str] | None = getattr(view, "headers", None)
    if headers is not None and VARY not in (vary := headers.get("Vary", "")):
        headers["Vary"] = f"{vary}, {VARY}" if vary else VARY
    return visit_for(request)


def _refuse(request: Request, denial: Denial) -> Denied:
    visit_for(request).denial = denial
    return Denied(denial)


def _requirements_of(request: Request) -> list[Requirement]:
    """What the view's permissions ask for."""
    view: object = (request.parser_context or {}).get("view")
    # Not get_permissions(): a view's own may depend on the user. Of what those ask nothing is known here.
    if any(getattr(type(view), name, None) is not getattr(APIView, name) for name in _CHOOSERS):
        return []
    return [
        permission.requirement
        for permission in getattr(view, "permission_classes", ())
        if isinstance(permission, type) and issubclass(permission, _Permission)
    ]


class ClerkAuthentication(BaseAuthentication):
    """Who is signed in with Clerk, by the token of a header or a cookie.

    A request without a token is left to other classes; one whose token is refused is answered with 401, and one of
    which nobody can tell with 503.
    """

    def authenticate(self, request: Request) -> tuple[Any, SessionClaims] | None:
        """The user and the claims; None if the request brings no token, or the project has no user for it.

        Raises:
            Denied: 401 or 503.
        """
        visit, required = _asked(request), _requirements_of(request)
        # Or else the token would be refused before the permission is asked that has another policy.
        policy = next((requirement.policy for requirement in required if requirement.policy), None)
        try:
            state = visit.look(policy)
        except VerificationUnavailable as outage:
            raise _refuse(request, visit.conf.denial_of(outage)) from outage
        if state.claims is None:
            denial = signed_out(state, details=visit.conf.gate.details)
            if denial.headers[_CHALLENGE] == "Bearer":  # nothing was brought that could be at fault
                return None
            raise _refuse(request, denial)
        if not required:  # the permissions of others know nothing of who acts as another user
            verdict = visit.require()
            if isinstance(verdict, Denial):
                raise _refuse(request, verdict)
        user = visit.user_of(state.claims)
        return (user, state.claims) if user.is_authenticated else None

    def authenticate_header(self, request: Request) -> str:
        """The value of ``WWW-Authenticate``, which has the framework answer 401 and not 403."""
        state = visit_for(request).latest
        if state is None or state.reason is None:
            return "Bearer"
        return signed_out(state, details=False).headers[_CHALLENGE]


class _Permission(BasePermission):
    """What `IsSignedIn` and the classes of `requires` have in common.

    They may be combined by ``&``, ``|`` and ``~``. A combination is answered in the framework's words.
    """

    requirement: ClassVar[Requirement] = SIGNED_IN
    _denied: Denied | None = None

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the request may do this.

        Raises:
            Denied: It cannot be told now: 503.
        """
        verdict = _asked(request).require(self.requirement)
        if not isinstance(verdict, Denial):
            return True
        self._denied = _refuse(request, verdict)
        if verdict.status_code == 503:
            raise self._denied
        return False

    def has_object_permission(self, request: Request, view: APIView, obj: object) -> bool:
        """The same, whatever the object: the framework's default, True, is refused to everybody by ``~``."""
        return self.has_permission(request, view)

    @property
    def message(self) -> str | None:
        """What the framework asks for in order to refuse a request, of a permission that is part of no combination.

        Raises:
            Denied: The answer: 401 or 403.
        """
        if self._denied is not None:
            raise self._denied
        return None


class IsSignedIn(_Permission):
    """Lets those through who are signed in with Clerk."""


def requires(**asked: Unpack[Asked]) -> type[BasePermission]:
    """A permission class that lets those through who are signed in and have what is asked for.

    Args:
        asked: ``role``, ``permission``, ``feature``, ``plan``, ``reverification``, ``impersonation``, ``policy``; see
            `clerk_ext.access.Asked`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: One has a value that nobody could have.
    """
    return type("Requires", (_Permission,), {"requirement": Requirement.of(**asked), "__doc__": _Permission.__doc__})
