"""Flask: `ClerkAuth` for an application, `require` for its views, `claims` of the current request.

::

    auth = ClerkAuth()

    def create_app() -> Flask:
        app = Flask(__name__)
        auth.init_app(app, Clerk.from_env())

        @app.get("/settings")
        @require(role="org:admin")
        def settings() -> str:
            return claims.user_id

        return app
"""

from __future__ import annotations

import functools
import inspect
import weakref
from typing import TYPE_CHECKING, Any, Final, ParamSpec, cast

from flask import current_app, has_request_context, request
from flask.globals import request_ctx
from werkzeug.exceptions import Forbidden, HTTPException, InternalServerError, ServiceUnavailable, Unauthorized
from werkzeug.local import LocalProxy

from clerk_ext.access import SIGNED_IN, VARY, Denial, Requirement, check_details, check_impersonation, is_writing
from clerk_ext.clerk import Clerk
from clerk_ext.errors import TokenVerificationError, VerificationUnavailable
from clerk_ext.pools import make_ready
from clerk_ext.tenants import Tenants
from clerk_ext.visits import Gate, Visit

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from flask import Flask, Request, Response
    from flask.typing import ResponseReturnValue

    from clerk_ext.access import Asked, FrozenPolicy, Impersonation
    from clerk_ext.requests import RequestState
    from clerk_ext.tokens.claims import SessionClaims

__all__ = [
    "ClerkAuth",
    "Denied",
    "SyncVisit",
    "claims",
    "current_visit",
    "guard",
    "maybe_claims",
    "require",
]

P = ParamSpec("P")

_EXTENSION: Final = "clerk"
"""Where in ``app.extensions`` an application's `Gate` is."""
_CONFIG: Final = "CLERK"
_KEY: Final = "clerk_ext.visit"
"""Where in a request's environ its `SyncVisit` is.

Not in ``flask.g``, which requests share under an application context that somebody pushed around them, and which one
that is pushed inside a view hides from what completes the answer.
"""


class Denied(HTTPException):
    """A request is refused, as by ``flask.abort`` with 401, 403 or 503.

    The application's own handlers of these codes, of `HTTPException` or of this class may answer in its place.

    Attributes:
        denial: The answer.
    """

    def __init__(self, denial: Denial) -> None:
        super().__init__(str(denial.body.get("detail", denial.reason)))
        self.denial: Denial = denial

    def get_headers(self, environ: object = None, scope: object = None) -> list[tuple[str, str]]:
        """The answer's headers."""
        return [("Content-Type", "application/json"), ("Vary", VARY), *self.denial.headers.items()]

    def get_body(self, environ: object = None, scope: object = None) -> str:
        """The answer's body, as JSON."""
        return self.denial.content.decode()


# Flask looks for handlers by the code of the class.
class _SignedOut(Denied, Unauthorized):
    """401."""


class _Forbidden(Denied, Forbidden):
    """403."""


class _Unavailable(Denied, ServiceUnavailable):
    """503."""


_BY_STATUS: Final[dict[int, type[Denied]]] = {401: _SignedOut, 403: _Forbidden, 503: _Unavailable}


def _denied(denial: Denial) -> Denied:
    return _BY_STATUS[denial.status_code](denial)


class SyncVisit(Visit):
    """One request's sign-in, looked up when it is first asked for, and once.

    Args:
        gate: What the request passes.
        current: The request.
    """

    def __init__(self, gate: Gate, current: Request) -> None:
        super().__init__(current)
        self.gate: Gate = gate
        self.writes: bool = is_writing(current.method)

    @property
    def request(self) -> Request:
        """The request.

        Raises:
            RuntimeError: It is over.
        """
        current = self._current()
        if current is None:
            raise RuntimeError("clerk_ext: this request is over; ask who is signed in while it is there.")
        return current

    @request.setter
    def request(self, current: Request) -> None:
        # Weakly, since the request's environ refers to this object; and not by Flask's proxy, which inside of another
        # context is another request.
        self._current = weakref.ref(current)

    def is_of(self, current: Request) -> bool:
        """Whether this is the sign-in of a request, and not of one whose environ was copied."""
        return self._current() is current

    def state(self, policy: FrozenPolicy | None = None) -> RequestState:
        """Who is signed in, or why nobody is.

        Raises:
            VerificationUnavailable: It cannot be told now; `ClerkAuth.init_app` has it answered with 503.
        """
        return self.gate.state(self, policy)

    def require(self, requirement: Requirement = SIGNED_IN) -> SessionClaims | Denial:
        """The claims of a request that may do this, or what to answer."""
        return self.gate.require(self, requirement, writes=self.writes)


class ClerkAuth:
    """Sign-in for Flask applications: one object may serve several, each with a client of its own.

    Args:
        clerk: Whose sessions are good in applications for which `init_app` names no other.
        details: Whether the bodies of refusals tell why; their headers always do.
        impersonation: What somebody who acts as another user may do where a view says nothing of it: ``"allow"``
            everything; ``"refuse"`` reading alone; ``"refuse-all"`` nothing.

    Raises:
        TypeError: *clerk* is of the other world or no client.
        ValueError: *impersonation* has no value of its kind.
    """

    def __init__(
        self, clerk: Clerk | Tenants | None = None, *, details: bool = False, impersonation: Impersonation = "allow"
    ) -> None:
        check_details(details)
        check_impersonation(impersonation)
        self._clerk = clerk
        self._details = details
        self._impersonation: Impersonation = impersonation
        if clerk is not None:
            self._gate(clerk)

    def init_app(self, app: Flask, clerk: Clerk | Tenants | None = None) -> None:
        """Have an application look for sign-ins, and answer refusals.

        What views raise is answered, too: `TokenVerificationError` with 401, `VerificationUnavailable` with 503,
        unless the application has handlers of its own for these classes.

        Args:
            app: The application. ``app.extensions["clerk"].clerk`` is its client from then on.
            clerk: Whose sessions are good here. Left out: the one that this object was made with, or
                ``app.config["CLERK"]``, or what the environment says (`Clerk.from_env`).

        Raises:
            ConfigurationError: The environment is asked, and a value there cannot work.
            TypeError: The client is of the other world or none.
            RuntimeError: This application has been here before.
        """
        if _EXTENSION in app.extensions:
            raise RuntimeError(f"clerk_ext: application {app.name!r} has its ClerkAuth already; call init_app once.")
        if clerk is None:
            clerk = self._clerk
        gate = self._gate(_configured(app) if clerk is None else clerk)
        make_ready()
        app.after_request(_complete)
        handlers = app.error_handler_spec[None][None]
        for kind in (TokenVerificationError, VerificationUnavailable):
            if kind not in handlers:
                app.register_error_handler(kind, _respond)
        if not app.error_handler_spec[None][InternalServerError.code]:
            app.register_error_handler(InternalServerError, _respond_late)
        app.extensions[_EXTENSION] = gate

    def _gate(self, clerk: Clerk | Tenants) -> Gate:
        return Gate(clerk, details=self._details, impersonation=self._impersonation)


def _configured(app: Flask) -> Clerk | Tenants:
    clerk = cast("dict[str, Any]", app.config).get(_CONFIG)
    if clerk is None:
        return Clerk.from_env()
    if not isinstance(clerk, Clerk | Tenants):
        raise TypeError(f"app.config[{_CONFIG!r}]: give a Clerk or Tenants, not {type(clerk).__name__}.")
    return clerk


def _current_gate() -> Gate:
    app = request_ctx.app  # and not current_app, which is another one inside of ``with other.app_context()``
    gate = app.extensions.get(_EXTENSION)
    if not isinstance(gate, Gate):
        raise RuntimeError(
            f"clerk_ext: application {app.name!r} has no ClerkAuth; call ClerkAuth(clerk).init_app(app)."
        )
    return gate


def _current_request() -> Request:
    if not has_request_context():
        raise RuntimeError(
            "clerk_ext: nobody is signed in outside of a request; "
            "hand over what you need of the claims, or use app.test_request_context()."
        )
    proxy = cast("LocalProxy[Request]", request)
    return proxy._get_current_object()  # pyright: ignore[reportPrivateUsage] - documented, in spite of its name


def current_visit() -> SyncVisit:
    """The current request's sign-in: ``current_visit().state()`` tells who it is, or why nobody is signed in.

    Raises:
        RuntimeError: There is no request, or nobody called `ClerkAuth.init_app` with its application.
    """
    current = _current_request()
    visit = current.environ.get(_KEY)
    if not isinstance(visit, SyncVisit) or not visit.is_of(current):
        visit = current.environ[_KEY] = SyncVisit(_current_gate(), current)
    return visit


def maybe_claims() -> SessionClaims | None:
    """The claims of who is signed in; None if nobody is.

    Raises:
        Denied: 403 where they act as another user, and may not do so here.
        VerificationUnavailable: It cannot be told now; `ClerkAuth.init_app` has it answered with 503.
        RuntimeError: See `current_visit`.
    """
    visit = current_visit()
    return visit.granted or (None if visit.state().claims is None else _let_through())


def _let_through(requirement: Requirement = SIGNED_IN) -> SessionClaims:
    verdict = current_visit().require(requirement)
    if isinstance(verdict, Denial):
        raise _denied(verdict)
    return verdict


def _claims() -> SessionClaims:
    return current_visit().granted or _let_through()


claims: SessionClaims = cast("SessionClaims", LocalProxy(_claims))
"""The claims of the current request, as `require` found them.

Where nobody asked yet this asks whether anybody is signed in, and refuses the request (`Denied`) if not. It is a proxy
as ``flask.request`` is: give `maybe_claims()` to other threads, and to whatever outlives the request.
"""


def require(**asked: Unpack[Asked]) -> Callable[[Callable[P, Any]], Callable[P, Any]]:
    """Let only those into a view who are signed in and have what is asked for.

    For views, ``def`` and ``async def``, below ``@app.route``; methods of a ``MethodView``, and the ``decorators`` of
    a class of views. Others are answered with 401, 403 or 503. Inside, `claims` are the claims. The preflight requests
    (OPTIONS) that Flask answers by itself pass.

    Args:
        asked: ``role``, ``permission``, ``feature``, ``plan``, ``reverification``, ``impersonation``, ``policy``; see
            `clerk_ext.access.Asked`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: One has a value that nobody could have.
    """
    requirement = Requirement.of(**asked)

    def decorate(view: Callable[P, Any]) -> Callable[P, Any]:
        if inspect.isclass(view):
            raise TypeError("require: is for functions and methods; write decorators = [require(...)] into the class.")

        # A plain function around an async view, too: keys are never fetched on an event loop.
        @functools.wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
            _let_through(requirement)
            return current_app.ensure_sync(view)(*args, **kwargs)

        return guarded

    return decorate


def guard(**asked: Unpack[Asked]) -> Callable[[], None]:
    """The same for all views of a blueprint or an application: ``blueprint.before_request(guard(role="org:admin"))``.

    Args:
        asked: ``role``, ``permission``, ``feature``, ``plan``, ``reverification``, ``impersonation``, ``policy``; see
            `clerk_ext.access.Asked`.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: One has a value that nobody could have.
    """
    requirement = Requirement.of(**asked)

    def refuse_others() -> None:
        rule = request.url_rule
        if request.method == "OPTIONS" and rule is not None and getattr(rule, "provide_automatic_options", False):
            return  # a preflight, which Flask answers by itself
        _let_through(requirement)

    return refuse_others


def _respond(error: Exception) -> HTTPException | ResponseReturnValue:
    """Answer what a view let escape, by way of the application's handlers of the status."""
    assert isinstance(error, (TokenVerificationError, VerificationUnavailable))
    return current_app.handle_http_exception(_denied(_current_gate().answer_to(error)))


def _respond_late(error: InternalServerError) -> HTTPException | ResponseReturnValue:
    """The same for what the handler of another error, or a function that completes answers, let escape."""
    cause = error.original_exception
    if isinstance(cause, TokenVerificationError | VerificationUnavailable):
        return _respond(cause)
    return cause if isinstance(cause, Denied) else _left_to_others(error)


def _left_to_others(error: InternalServerError) -> HTTPException | ResponseReturnValue:
    """What the application's handlers of `HTTPException` or all errors say: Flask looks for those of 500 first."""
    for name in (*request.blueprints, None):
        handlers = current_app.error_handler_spec[name][None]
        for kind in type(error).__mro__:
            if (handler := handlers.get(cast("type[Exception]", kind))) is not None:
                return cast("ResponseReturnValue", current_app.ensure_sync(handler)(error))
    return error


def _complete(response: Response) -> Response:
    """Say in an answer what the sign-in came to if anybody asked."""
    current = _current_request()
    visit = current.environ.get(_KEY)
    if isinstance(visit, SyncVisit) and visit.is_of(current) and visit.is_asked:
        response.vary.update(VARY.split(", "))
        for name, value in visit.headers.items():
            response.headers.setdefault(name, value)
    return response
