"""FastAPI: `ClerkAuth` for an application, and dependencies for its routes.

::

    auth = ClerkAuth(AsyncClerk.from_env())
    app = FastAPI(lifespan=auth.lifespan)
    auth.init_app(app)

    @app.get("/me")
    async def me(claims: SignedIn) -> str:
        return claims.user_id

    @app.delete("/invoices/{number}", dependencies=[Depends(require(permission="org:invoices:delete"))])
    def delete(number: int) -> None: ...
"""

# No annotations as text in this module: older releases of FastAPI cannot read those of objects that are called.
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeAlias, Unpack

from fastapi import Depends
from fastapi.openapi.models import APIKey, APIKeyIn, HTTPBearer
from fastapi.openapi.models import SecurityBase as SecurityBaseModel
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from clerk_ext.access import Asked, Requirement
from clerk_ext.asgi import visit_in
from clerk_ext.requests import missing, signed_out
from clerk_ext.requests import signed_in as signed_in_state
from clerk_ext.starlette import ClerkAuth, Denied, let_through
from clerk_ext.streams import AsyncVisit
from clerk_ext.tokens.claims import SessionClaims

__all__ = [
    "AsyncVisit",
    "ClerkAuth",
    "Denied",
    "MaybeSignedIn",
    "Require",
    "SignedIn",
    "Visit",
    "current_visit",
    "maybe_signed_in",
    "require",
    "signed_in",
    "signed_in_as",
]


class _Scheme(SecurityBase):
    """A way to bring a session token, as the OpenAPI description shows it."""

    def __init__(self, model: HTTPBearer | APIKey, name: str) -> None:
        self.model: SecurityBaseModel = model
        self.scheme_name: str = name


class _Cookie(_Scheme):
    async def __call__(self, connection: HTTPConnection) -> AsyncVisit:
        return visit_in(connection.scope)


# FastAPI's models are built by their fields' aliases, which only pydantic's plugins know.
_COOKIE = _Cookie(
    APIKey.model_validate(
        {
            "in": APIKeyIn.cookie,
            "name": "__session",
            "description": "The same in the cookie that Clerk's frontend sets, beside `__client_uat`.",
        }
    ),
    "ClerkSessionCookie",
)


class _Bearer(_Scheme):
    # The one rests on the other, since FastAPI takes its time for each dependency of a request.
    async def __call__(self, visit: Annotated[AsyncVisit, Depends(_COOKIE)]) -> AsyncVisit:
        return visit

    def __repr__(self) -> str:
        return "current_visit"


current_visit: Callable[..., Awaitable[AsyncVisit]] = _Bearer(
    HTTPBearer(bearerFormat="JWT", description="A session token of Clerk, from `getToken()`."), "ClerkSessionToken"
)
"""The request's sign-in, looked up when it is first asked for; what all dependencies here rest on.

A test that overrides it (``app.dependency_overrides[current_visit] = signed_in_as(claims)``) signs everybody in. It
raises `RuntimeError` where nobody called `ClerkAuth.init_app` with the application.
"""


class Require:
    """A dependency that lets only those through who have what is asked for; see `require`."""

    def __init__(self, requirement: Requirement) -> None:
        self.requirement: Requirement = requirement

    async def __call__(self, visit: Annotated[AsyncVisit, Depends(current_visit)]) -> SessionClaims:
        """The claims.

        Raises:
            Denied: 401, 403 or 503.
        """
        return let_through(await visit.require(self.requirement))

    def __repr__(self) -> str:
        return f"Require({self.requirement!r})"


def require(**asked: Unpack[Asked]) -> Require:
    """A dependency that lets only those through who are signed in and have what is asked for.

    Use it as ``dependencies=[Depends(require(role="org:admin"))]`` or as
    ``Annotated[SessionClaims, Depends(require(role="org:admin"))]``. Others are answered with 401, 403 or 503.

    Args:
        asked: ``role``, ``permission``, ``feature``, ``plan``, ``reverification``, ``impersonation``, ``policy``; see
            `clerk_ext.access.Asked`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: One has a value that nobody could have.
    """
    return Require(Requirement.of(**asked))


async def signed_in(visit: Annotated[AsyncVisit, Depends(current_visit)]) -> SessionClaims:
    """The claims of who is signed in.

    Raises:
        Denied: 401 if nobody is, 503 if it cannot be told.
    """
    return let_through(await visit.require())


async def maybe_signed_in(visit: Annotated[AsyncVisit, Depends(current_visit)]) -> SessionClaims | None:
    """The claims of who is signed in; None if nobody is.

    Raises:
        Denied: 503 if it cannot be told; 403 if they act as another user and may not do so here.
    """
    return let_through(await visit.maybe())


SignedIn: TypeAlias = Annotated[SessionClaims, Depends(signed_in)]
"""A parameter for the claims of who is signed in; others are refused."""
MaybeSignedIn: TypeAlias = Annotated[SessionClaims | None, Depends(maybe_signed_in)]
"""A parameter for the claims of who is signed in, or None."""
Visit: TypeAlias = Annotated[AsyncVisit, Depends(current_visit)]
"""A parameter for the sign-in itself: ``await visit.state()``, ``await visit.renew(token)``."""


def signed_in_as(claims: SessionClaims | None) -> Callable[[HTTPConnection], AsyncVisit]:
    """For tests: what to override `current_visit` with, so that everybody is signed in with these claims.

    Args:
        claims: None, so that nobody is signed in.
    """
    state = signed_out("test", missing()) if claims is None else signed_in_state("", claims)

    def visit(connection: HTTPConnection) -> AsyncVisit:
        found = visit_in(connection.scope)
        found.pretend(state)
        return found

    return visit
