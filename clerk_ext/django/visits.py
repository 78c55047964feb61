"""One request's sign-in in Django, for sync and for async code: ``request.clerk``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.core.exceptions import SynchronousOnlyOperation
from django.urls import Resolver404, get_resolver
from django.utils.functional import SimpleLazyObject

from clerk_ext.access import SIGNED_IN, Denial, is_writing
from clerk_ext.django import conf
from clerk_ext.django.answers import Refused, is_async
from clerk_ext.django.users import ClerkUser, nobody
from clerk_ext.visits import Visit

if TYPE_CHECKING:
    from collections.abc import Generator

    from django.http import HttpRequest

    from clerk_ext.access import FrozenPolicy, Requirement
    from clerk_ext.clerk import AsyncClerk, Clerk
    from clerk_ext.errors import TokenVerificationError, VerificationUnavailable
    from clerk_ext.requests import RequestState
    from clerk_ext.tenants import AsyncTenants, Tenants
    from clerk_ext.tokens.claims import SessionClaims

KEY: Final = "clerk"
"""The attribute of a request that its visit is."""
_UNKNOWN: Final = object()


def _runs_a_loop() -> bool:
    """Whether this thread runs an event loop, which a look-up would block."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class DjangoVisit(Visit):
    """One request's sign-in, looked up when it is first asked for, and once.

    Sync code reads ``request.clerk.state``; async code writes ``state = await request.clerk``, after which the other
    form does as well.

    Args:
        request: The request.
        settings: What was made of the project's settings; the current ones if left out.
    """

    request: HttpRequest

    def __init__(self, request: HttpRequest, settings: conf.Conf | None = None) -> None:
        super().__init__(request)
        self.conf: conf.Conf = settings or conf.current()
        self.escaped: TokenVerificationError | VerificationUnavailable | Refused | None = None
        """What left a middleware inside ours, and became Django's answer 500."""
        self.lapse: VerificationUnavailable | Refused | None = None
        """Why ``request.user`` could not be told."""
        self.denial: Denial | None = None
        """What somebody answered who does not set all of its headers."""
        self._user: Any = _UNKNOWN
        self._lazy: Any = None
        self._before: Any = None
        self._auser_before: Any = None
        self._is_of_admin: bool | None = None
        self._told_of: SessionClaims | None = None
        self.is_guarded: bool = False
        """Whether the view that will run asks by itself, so that a middleware before it need not be told why not."""

    @property
    def client(self) -> Clerk | Tenants:
        """The client of the project's settings, for calls such as ``client.sessions.revoke(…)``."""
        return self.conf.gate.clerk

    @property
    def async_client(self) -> AsyncClerk | AsyncTenants:
        """The same for async code.

        Raises:
            ImproperlyConfigured: There is none.
        """
        return self.conf.async_gate.clerk

    def look(self, policy: FrozenPolicy | None = None) -> RequestState:
        """Who is signed in, or why nobody is, for sync code.

        Raises:
            VerificationUnavailable: It cannot be told now. Answer 503.
            SynchronousOnlyOperation: This is async code, and nobody awaited it before.
        """
        self._mind_the_loop(policy)
        return self.conf.gate.state(self, policy)

    def _mind_the_loop(self, policy: FrozenPolicy | None) -> None:
        is_known = policy in self._outcomes or self._pretended is not None
        if not is_known and _runs_a_loop():
            raise SynchronousOnlyOperation(
                "Who is signed in may have to be fetched, which would block the event loop. "
                "Write `await request.clerk` or `await request.auser()` first, or put @require() above the view."
            )

    async def alook(self, policy: FrozenPolicy | None = None) -> RequestState:
        """The same for async code.

        Raises:
            VerificationUnavailable: It cannot be told now. Answer 503.
        """
        return await self.conf.async_gate.state(self, policy)

    @property
    def state(self) -> RequestState:
        """Who is signed in, or why nobody is; see `look`, also for what is raised."""
        return self.look()

    def __await__(self) -> Generator[Any, None, RequestState]:
        return self.alook().__await__()

    @property
    def claims(self) -> SessionClaims | None:
        """The claims of who is signed in, None if nobody is; see `look`, also for what is raised."""
        return self.look().claims

    @property
    def _writes(self) -> bool:
        return is_writing(self.request.method or "GET")

    def require(self, requirement: Requirement = SIGNED_IN) -> SessionClaims | Denial:
        """The claims of a request that may do this, or what to answer, for sync code.

        Raises:
            SynchronousOnlyOperation: This is async code, and nobody awaited it before.
        """
        self._mind_the_loop(requirement.policy)
        return self._settled(self.conf.gate.require(self, requirement, writes=self._writes))

    async def arequire(self, requirement: Requirement = SIGNED_IN) -> SessionClaims | Denial:
        """The same for async code."""
        was_told = self._user is not _UNKNOWN or self.lapse is not None
        verdict = self._settled(await self.conf.async_gate.require(self, requirement, writes=self._writes))
        if was_told and self._user is _UNKNOWN and not isinstance(verdict, Denial):
            await self.auser()  # whoever read request.user without waiting still can
        return verdict

    def _settled(self, verdict: SessionClaims | Denial) -> SessionClaims | Denial:
        """A verdict, which ``request.user`` follows, also where a middleware asked for it before the view did."""
        if isinstance(verdict, Denial):
            if isinstance(self.lapse, Refused):
                self.lapse = None
        elif self.lapse is not None or (self._user is not _UNKNOWN and verdict is not self._told_of):
            self.lapse, self._user = None, _UNKNOWN
            if getattr(self.request, "user", None) is self._lazy:  # else somebody has signed in, or out, meanwhile
                self._lazy = SimpleLazyObject(self.user)
                setattr(self.request, "user", self._lazy)  # noqa: B010 - its type is Django's
        return verdict

    def _let_through(self, state: RequestState) -> SessionClaims | None:
        """The claims of who is signed in, where nobody requires anything.

        Raises:
            Refused: They act as another user, and may not do so here.
        """
        if state.claims is None:
            return None
        gate = self.conf.gate
        verdict = gate.grant(self, gate.verdict(state, SIGNED_IN, writes=self._writes))
        if isinstance(verdict, Denial):
            raise Refused(verdict)
        return verdict

    # request.user

    def install(self) -> None:
        """Become ``request.clerk``, and tell ``request.user`` and ``request.auser()``."""
        request = self.request
        self._before = getattr(request, "user", None)
        self._auser_before = getattr(request, "auser", None)
        self._lazy = SimpleLazyObject(self.user)
        for name, value in ((KEY, self), ("user", self._lazy), ("auser", self.auser)):
            setattr(request, name, value)

    def user(self) -> Any:
        """Who ``request.user`` is, for sync code.

        Raises:
            VerificationUnavailable: It cannot be told now. Answer 503.
            SynchronousOnlyOperation: This is async code, and nobody awaited it before.
        """
        if self._user is _UNKNOWN:
            claims = None
            if not self._is_for_admin():
                try:
                    claims = self.granted or self._let_through(self.look())
                except conf.LAPSES as lapse:
                    self.lapse = lapse
                    if self.is_guarded:  # not who the middleware before ours tells of: the view will see another one
                        return nobody()
                    raise
            self._told_of = claims
            self._user = self._user_before() if claims is None else self.user_of(claims)
        return self._user

    async def auser(self) -> Any:
        """Who ``request.user`` is, for async code.

        Raises:
            VerificationUnavailable: It cannot be told now. Answer 503.
        """
        assigned = getattr(self.request, "user", None)
        if assigned is not self._lazy:  # somebody has signed in, or out, meanwhile
            return assigned
        if self._user is _UNKNOWN:
            claims = None
            if not self._is_for_admin():
                claims = self.granted or self._let_through(await self.alook())
            self._told_of = claims
            self._user = await (self._auser_before_us() if claims is None else self._auser_of(claims))
        return self._user

    def user_of(self, claims: SessionClaims) -> Any:
        """The user of some claims, for sync code.

        Raises:
            SynchronousOnlyOperation: This is async code, and the project's mapping may block.
        """
        user_of = self.conf.user_of
        if user_of is None:
            return ClerkUser(claims)
        if _runs_a_loop():
            raise SynchronousOnlyOperation(
                "CLERK['USER'] may block the event loop. Write `await request.auser()` first."
            )
        user = async_to_sync(user_of)(claims) if is_async(user_of) else user_of(claims)
        return nobody() if user is None else user

    async def _auser_of(self, claims: SessionClaims) -> Any:
        user_of = self.conf.user_of
        if user_of is None:
            return ClerkUser(claims)
        user = await (user_of if is_async(user_of) else sync_to_async(user_of, thread_sensitive=True))(claims)
        return nobody() if user is None else user

    def _user_before(self) -> Any:
        """Who the middleware before ours says that it is."""
        if self._before is None:
            return nobody()
        # Asked here, so that what cannot be told on an event loop is asked again when it can.
        bool(self._before.is_authenticated)
        return self._before

    async def _auser_before_us(self) -> Any:
        if self._auser_before is not None:
            return await self._auser_before()
        return await sync_to_async(self._user_before, thread_sensitive=True)()

    def _is_for_admin(self) -> bool:
        """Whether Django's admin answers, which has users of its own."""
        if self._is_of_admin is None:
            match = self.request.resolver_match
            if not apps.is_installed("django.contrib.admin"):
                self._is_of_admin = False
                return False
            if match is None:  # a middleware asks, before Django has chosen the view
                try:
                    match = get_resolver(getattr(self.request, "urlconf", None)).resolve(self.request.path_info)
                except Resolver404:
                    return False
            self._is_of_admin = "admin" in match.app_names
        return self._is_of_admin


def _plain(request: object) -> HttpRequest:
    """Django's request inside of one of Django REST framework."""
    return cast("HttpRequest", getattr(request, "_request", request))


def visit_of(request: HttpRequest) -> DjangoVisit:
    """The sign-in of a request, which is also ``request.clerk``.

    Raises:
        RuntimeError: The middleware is missing.
    """
    visit = getattr(_plain(request), KEY, None)
    if not isinstance(visit, DjangoVisit):
        raise RuntimeError(
            "clerk_ext: this request has not passed ClerkMiddleware; "
            'add "clerk_ext.django.middleware.ClerkMiddleware" to MIDDLEWARE.'
        )
    return visit


def visit_for(request: HttpRequest) -> DjangoVisit:
    """The same, made here where the middleware is missing."""
    plain = _plain(request)
    visit = getattr(plain, KEY, None)
    if not isinstance(visit, DjangoVisit):
        visit = DjangoVisit(plain)
        setattr(plain, KEY, visit)
    return visit


def claims_of(request: HttpRequest) -> SessionClaims:
    """The claims of a request that `require` let through.

    Raises:
        RuntimeError: Nobody was let through, or nobody asked yet; or the middleware is missing.
    """
    claims = visit_of(request).granted
    if claims is None:
        raise RuntimeError("claims_of: nobody was let through here; put @require() above the view.")
    return claims
