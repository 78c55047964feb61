"""Starlette: `ClerkAuth` for an application, `require` for its endpoints, a backend for `AuthenticationMiddleware`.

::

    auth = ClerkAuth(AsyncClerk.from_env())

    @require(role="org:admin")
    async def settings(request: Request) -> Response:
        claims = claims_of(request)
        ...

    app = Starlette(routes=[Route("/settings", settings)], lifespan=auth.lifespan)
    auth.init_app(app)
"""

from __future__ import annotations

import functools
import inspect
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, BaseUser
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from clerk_ext.access import VARY, Denial, Requirement
from clerk_ext.asgi import KEY, ClerkMiddleware, answer, visit_in
from clerk_ext.errors import ClerkError, TokenVerificationError, VerificationUnavailable
from clerk_ext.pools import make_ready
from clerk_ext.streams import RECHECK, AsyncVisit, check_recheck
from clerk_ext.tenants import AsyncTenants
from clerk_ext.visits import AsyncGate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
    from typing import Unpack

    from starlette.applications import Starlette
    from starlette.types import Receive, Scope, Send

    from clerk_ext.access import Asked, Impersonation
    from clerk_ext.clerk import AsyncClerk
    from clerk_ext.tokens.claims import SessionClaims

__all__ = [
    "AsyncVisit",
    "ClerkAuth",
    "ClerkBackend",
    "ClerkMiddleware",
    "ClerkUser",
    "DenialResponse",
    "Denied",
    "claims_of",
    "maybe_claims_of",
    "require",
    "visit_of",
]

P = ParamSpec("P")
T = TypeVar("T")

_LOG: Final = logging.getLogger("clerk_ext")


class Denied(HTTPException):
    """A request is refused; `ClerkAuth.init_app` has it answered.

    Attributes:
        denial: The answer.
    """

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.status_code, str(denial.body.get("detail", denial.reason)), dict(denial.headers))
        self.denial: Denial = denial


def let_through(verdict: T | Denial) -> T:
    """A verdict that refuses nobody.

    Raises:
        Denied: It does.
    """
    if isinstance(verdict, Denial):
        raise Denied(verdict)
    return verdict


class ClerkAuth:
    """Sign-in for a Starlette or FastAPI application.

    Args:
        clerk: Whose sessions are good here. Its requests never block the event loop.
        details: Whether the bodies of refusals tell why; their headers always do.
        impersonation: What somebody who acts as another user may do where a route says nothing of it: ``"allow"``
            everything; ``"refuse"`` reading alone; ``"refuse-all"`` nothing.
        recheck: Seconds from one look at the sign-in of an open event stream or websocket to the next; it also
            happens when the token expires.

    Raises:
        TypeError: *clerk* is of the other world or no client.
        ValueError: Another argument has no value of its kind.
    """

    def __init__(
        self,
        clerk: AsyncClerk | AsyncTenants,
        *,
        details: bool = False,
        impersonation: Impersonation = "allow",
        recheck: float = RECHECK,
    ) -> None:
        check_recheck(recheck)
        self.gate: AsyncGate = AsyncGate(clerk, details=details, impersonation=impersonation)
        self.recheck: float = recheck

    @property
    def clerk(self) -> AsyncClerk | AsyncTenants:
        """Whose sessions are good here."""
        return self.gate.clerk

    def __repr__(self) -> str:
        return f"ClerkAuth({self.clerk!r})"

    def init_app(self, app: Starlette) -> None:
        """Have an application look for sign-ins, and answer refusals; a mounted application needs it of its own.

        What endpoints raise is answered, too: `TokenVerificationError` with 401, `VerificationUnavailable` with 503.

        Raises:
            RuntimeError: The application runs already, or has a sign-in already.
        """
        installed: list[object] = [middleware.cls for middleware in app.user_middleware]
        if ClerkMiddleware in installed:
            raise RuntimeError(
                "clerk_ext: this application has its ClerkAuth already; call init_app once, and add no "
                "ClerkMiddleware by hand."
            )
        make_ready()  # Starlette makes its middleware when it is first called, which is on the event loop
        app.add_middleware(ClerkMiddleware, gate=self.gate, recheck=self.recheck, request_of=HTTPConnection)
        respond: Any = self._respond  # to both kinds of connection, for which Starlette has a type each
        for kind in (Denied, TokenVerificationError, VerificationUnavailable):
            app.add_exception_handler(kind, respond)

    async def _prewarm(self) -> Mapping[str, ClerkError]:
        """The tenants whose keys cannot be had."""
        if isinstance(self.clerk, AsyncTenants):
            return await self.clerk.prewarm()
        try:
            await self.clerk.prewarm()
        except VerificationUnavailable as outage:
            return {self.clerk.config.name: outage}
        return {}

    async def _respond(self, connection: HTTPConnection, error: Exception) -> Response | None:
        response = self._response(error)
        if isinstance(connection, WebSocket):  # older releases drop what handlers return here
            await response(connection.scope, connection.receive, connection.send)
            return None
        return response

    def _response(self, error: Exception) -> Response:
        if isinstance(error, Denied):
            return DenialResponse(error.denial)
        assert isinstance(error, (TokenVerificationError, VerificationUnavailable))
        return DenialResponse(self.gate.answer_to(error))

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncGenerator[None]:
        """Fetch the keys before the first request, and close the connections after the last one.

        Give it to the application, or enter it in a lifespan of your own. If the keys cannot be had the application
        starts all the same: they are fetched again when they are needed.
        """
        try:
            for name, failure in (await self._prewarm()).items():
                _LOG.warning("the keys of tenant %s cannot be had now: %s", name, failure)
            yield
        finally:
            await self.clerk.aclose()


class DenialResponse(Response):
    """A refusal as a response, to a request or to a websocket that is not accepted yet."""

    def __init__(self, denial: Denial) -> None:
        headers = {"vary": VARY, **denial.headers}
        super().__init__(denial.content, denial.status_code, headers, "application/json")
        self._denial = denial

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if scope["type"] == "websocket":
            await answer(self._denial, scope, send)
        else:
            await super().__call__(scope, receive, send)


def visit_of(connection: HTTPConnection) -> AsyncVisit:
    """The sign-in of a request or websocket: ``await visit.state()`` tells who it is.

    Raises:
        RuntimeError: Nobody called `ClerkAuth.init_app` with its application.
    """
    return visit_in(connection.scope)


def claims_of(connection: HTTPConnection) -> SessionClaims:
    """The claims of a request that `require` let through.

    Raises:
        RuntimeError: Nobody was let through, or nobody asked yet.
    """
    claims = visit_of(connection).granted
    if claims is None:
        raise RuntimeError("claims_of: nobody was let through here; put @require() above the endpoint.")
    return claims


async def maybe_claims_of(connection: HTTPConnection) -> SessionClaims | None:
    """The claims of who is signed in; None if nobody is.

    Raises:
        Denied: 503 if it cannot be told; 403 if they act as another user and may not do so here.
        RuntimeError: See `visit_of`.
    """
    return let_through(await visit_of(connection).maybe())


def require(**asked: Unpack[Asked]) -> Callable[[Callable[P, Any]], Callable[P, Coroutine[Any, Any, Any]]]:
    """Let only those into an endpoint who are signed in and have what is asked for.

    For functions, sync and async, of a ``Request`` or a ``WebSocket``, and methods of an ``HTTPEndpoint``. Others are
    answered with 401, 403 or 503. Inside, `claims_of` gives the claims.

    Args:
        asked: ``role``, ``permission``, ``feature``, ``plan``, ``reverification``, ``impersonation``, ``policy``; see
            `clerk_ext.access.Asked`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: One has a value that nobody could have.
    """
    requirement = Requirement.of(**asked)

    def decorate(endpoint: Callable[P, Any]) -> Callable[P, Coroutine[Any, Any, Any]]:
        if inspect.isclass(endpoint):
            raise TypeError("require: is for functions and methods; put it above the methods of the class.")

        is_async = inspect.iscoroutinefunction(endpoint)

        @functools.wraps(endpoint)
        async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            scope = next((it.scope for it in (*args, *kwargs.values()) if isinstance(it, HTTPConnection)), None)
            if scope is None:
                raise TypeError(f"require: {endpoint.__qualname__} takes no Request and no WebSocket.")
            verdict = await visit_in(scope).require(requirement)
            if isinstance(verdict, Denial):
                if scope["type"] == "websocket":
                    raise Denied(verdict)
                return DenialResponse(verdict)
            if is_async:
                return await endpoint(*args, **kwargs)
            return await run_in_threadpool(endpoint, *args, **kwargs)

        return guarded

    return decorate


class ClerkUser(BaseUser):
    """Who is signed in, as ``request.user``.

    Attributes:
        claims: The claims of the session token.
    """

    def __init__(self, claims: SessionClaims) -> None:
        self.claims: SessionClaims = claims

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The user's id: a session token has no name."""
        return self.claims.user_id

    @property
    def identity(self) -> str:
        """The user's id, ``user_…``."""
        return self.claims.user_id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClerkUser) and _identity(self) == _identity(other)

    def __hash__(self) -> int:
        return hash(_identity(self))

    def __repr__(self) -> str:
        return f"ClerkUser({self.identity!r}, tenant={self.claims.tenant!r})"


def _identity(user: ClerkUser) -> tuple[str, str]:
    return user.claims.tenant, user.identity


class _Refused(AuthenticationError):
    """What the backend raises when nobody can tell, or where nobody may act as another user."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.reason)
        self.denial: Denial = denial


class ClerkBackend(AuthenticationBackend):
    """Sign-in for Starlette's own ``AuthenticationMiddleware``: ``request.user`` is a `ClerkUser`.

    ``request.auth.scopes`` holds ``authenticated``, the role and the permissions in the active organisation, for
    Starlette's ``requires("org:invoices:create")``. Every request is looked at before it reaches the application::

        app = Starlette(
            middleware=[Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error)], …
        )
        auth.init_app(app)

    It needs `ClerkAuth.init_app`, which looks again at what stays open, and tells in answers what they depend on.

    Args:
        auth: The application's sign-in.
    """

    def __init__(self, auth: ClerkAuth) -> None:
        self._gate = auth.gate

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Who is signed in; None if nobody is.

        Raises:
            AuthenticationError: It cannot be told now; `on_error` answers it with 503. Or they act as another user
                and may not do so; it answers that with 403.
            RuntimeError: Nobody called `ClerkAuth.init_app` of this sign-in with the application, or somebody added
                ``AuthenticationMiddleware`` after that, which puts it outside.
        """
        visit = conn.scope.get(KEY)
        # A mounted application may have a sign-in of its own, and that around it vouches for nobody here.
        if not isinstance(visit, AsyncVisit) or visit.gate is not self._gate:
            raise RuntimeError(
                "ClerkBackend: call init_app of its ClerkAuth with this application, after AuthenticationMiddleware "
                "is added: what is added last is outside."
            )
        claims = await visit.maybe()
        if isinstance(claims, Denial):
            raise _Refused(claims)
        if claims is None:
            return None
        role = () if claims.org_role is None else (claims.org_role,)
        return AuthCredentials(["authenticated", *role, *claims.org_permissions]), ClerkUser(claims)

    def on_error(self, conn: HTTPConnection, error: AuthenticationError) -> Response:
        """The answer where nobody can tell who is signed in, or they may not act as another user."""
        assert isinstance(error, _Refused)
        return DenialResponse(error.denial)
