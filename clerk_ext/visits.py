"""One request's sign-in, looked up when it is first asked for, and once: the two drivers of `access`.

A *gate* is what all requests of an application pass: its client, and what holds on every route. A *visit* is one
request at it. The glue of a framework makes both, and turns a `Denial` into an answer of its own.
"""

from __future__ import annotations

import copy
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from clerk_ext.access import SIGNED_IN, Denial, check_details, check_impersonation, judge, unavailable
from clerk_ext.access import signed_out as refuse_signed_out
from clerk_ext.clerk import AsyncClerk, Clerk
from clerk_ext.errors import Reason, TokenVerificationError, UnknownTenant, VerificationUnavailable
from clerk_ext.requests import RequestState, signed_out
from clerk_ext.tenants import AsyncTenants, Tenants, find_again, locate, locate_async

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from clerk_ext.access import FrozenPolicy, Impersonation, Requirement
    from clerk_ext.carriers import RequestLike
    from clerk_ext.tokens.claims import SessionClaims

    Outcome: TypeAlias = RequestState | VerificationUnavailable

C = TypeVar("C", Clerk, AsyncClerk)


class Visit:
    """What one request's token came to, under each policy that was asked for.

    Args:
        request: The request, as the client and a resolver of tenants take it.
    """

    def __init__(self, request: RequestLike) -> None:
        self.request: Any = request  # whoever made the visit knows of which framework it is
        self._outcomes: dict[FrozenPolicy | None, Outcome] = {}
        self._pretended: RequestState | None = None
        self.granted: SessionClaims | None = None
        """The claims of who was let through last: `headers` call nobody signed out who was."""

    def recall(self, policy: FrozenPolicy | None) -> RequestState | None:
        """The state under a policy if it was asked for before.

        Raises:
            VerificationUnavailable: It was, and could not be told.
        """
        if self._pretended is not None:
            self._outcomes[policy] = self._pretended
        outcome = self._outcomes.get(policy)
        if isinstance(outcome, VerificationUnavailable):
            raise copy.copy(outcome)
        return outcome

    def note(self, policy: FrozenPolicy | None, outcome: Outcome) -> None:
        """Remember what was found; the latest is what `headers` tell of."""
        self._outcomes.pop(policy, None)
        # A copy of an error, which has neither traceback nor cause: those refer to frames that refer to this visit.
        self._outcomes[policy] = copy.copy(outcome) if isinstance(outcome, VerificationUnavailable) else outcome

    def pretend(self, state: RequestState) -> None:
        """Take a state for what the token came to, under whatever policy: for tests."""
        self._pretended = state

    @property
    def is_asked(self) -> bool:
        """Whether anybody asked who is signed in: then the answer depends on it."""
        return bool(self._outcomes)

    @property
    def latest(self) -> RequestState | None:
        """The state that was asked for last, if it could be told."""
        outcome = next(reversed(self._outcomes.values()), None)
        return outcome if isinstance(outcome, RequestState) else None

    @property
    def headers(self) -> Mapping[str, str]:
        """What Clerk's SDKs add to an answer where a request is signed out: ``x-clerk-auth-…``."""
        latest = self.latest if self.granted is None else None
        return {} if latest is None else latest.headers


class _Gate(Generic[C]):
    """What `Gate` and `AsyncGate` have in common."""

    def __init__(self, *, details: bool, impersonation: Impersonation) -> None:
        check_details(details)
        check_impersonation(impersonation)
        self.details: bool = details
        self.impersonation: Impersonation = impersonation
        # Weakly: of tenants that are removed nothing stays.
        self._under: weakref.WeakKeyDictionary[C, dict[FrozenPolicy, C]] = weakref.WeakKeyDictionary()

    def under(self, clerk: C, policy: FrozenPolicy) -> C:
        """A tenant's client with another policy: made once, since it remembers the tokens that it verified."""
        made = self._under.setdefault(clerk, {})
        if policy not in made:
            made[policy] = clerk.with_policy(**dict(policy.changes))
        return made[policy]

    def verdict(self, state: RequestState, requirement: Requirement, *, writes: bool) -> SessionClaims | Denial:
        """See `judge`."""
        return judge(state, requirement, writes=writes, impersonation=self.impersonation, details=self.details)

    def grant(self, visit: Visit, verdict: SessionClaims | Denial) -> SessionClaims | Denial:
        """A verdict, of which the visit remembers whom it lets through."""
        if not isinstance(verdict, Denial):
            visit.granted = verdict
        return verdict

    def unavailable(self, outage: VerificationUnavailable) -> Denial:
        """See `unavailable`."""
        return unavailable(outage, details=self.details)

    def answer_to(self, error: TokenVerificationError | VerificationUnavailable) -> Denial:
        """What to answer where an endpoint lets an error escape."""
        if isinstance(error, VerificationUnavailable):
            return self.unavailable(error)
        return refuse_signed_out(signed_out(None, error), details=self.details)


class Gate(_Gate[Clerk]):
    """What the requests of an application pass.

    Args:
        clerk: Whose sessions are good here.
        details: Whether the bodies of denials tell why.
        impersonation: What holds on routes that say nothing of it.

    Raises:
        TypeError: *clerk* is of another world or no client.
    """

    def __init__(
        self, clerk: Clerk | Tenants, *, details: bool = False, impersonation: Impersonation = "allow"
    ) -> None:
        _check(clerk, (Clerk, Tenants), "a Clerk or Tenants")
        super().__init__(details=details, impersonation=impersonation)
        self.clerk: Clerk | Tenants = clerk

    def state(self, visit: Visit, policy: FrozenPolicy | None = None) -> RequestState:
        """Who is signed in, or why nobody is.

        Raises:
            VerificationUnavailable: It cannot be told now.
        """
        state = visit.recall(policy)
        if state is None:
            try:
                state = self._look(visit.request, policy)
            except VerificationUnavailable as outage:
                visit.note(policy, outage)
                raise
            visit.note(policy, state)
        return state

    def _look(self, request: RequestLike, policy: FrozenPolicy | None) -> RequestState:
        if policy is None:
            return self.clerk.authenticate_request(request)
        if isinstance(self.clerk, Clerk):
            return self.under(self.clerk, policy).authenticate_request(request)
        found = locate(self.clerk, request)
        if isinstance(found, RequestState):
            return found
        clerk, token = self.under(found[0], policy), found[1]
        return clerk.authenticate_request(request) if token is None else clerk.authenticate_token(token)

    def require(self, visit: Visit, requirement: Requirement = SIGNED_IN, *, writes: bool) -> SessionClaims | Denial:
        """The claims of a request that may do this, or what to answer."""
        try:
            state = self.state(visit, requirement.policy)
        except VerificationUnavailable as outage:
            return self.unavailable(outage)
        return self.grant(visit, self.verdict(state, requirement, writes=writes))


class AsyncGate(_Gate[AsyncClerk]):
    """The same as `Gate`, awaited: nothing here blocks the event loop.

    Args:
        clerk: Whose sessions are good here.
        details: Whether the bodies of denials tell why.
        impersonation: What holds on routes that say nothing of it.

    Raises:
        TypeError: *clerk* is of another world or no client.
    """

    def __init__(
        self, clerk: AsyncClerk | AsyncTenants, *, details: bool = False, impersonation: Impersonation = "allow"
    ) -> None:
        _check(clerk, (AsyncClerk, AsyncTenants), "an AsyncClerk or AsyncTenants")
        super().__init__(details=details, impersonation=impersonation)
        self.clerk: AsyncClerk | AsyncTenants = clerk

    async def state(self, visit: Visit, policy: FrozenPolicy | None = None) -> RequestState:
        """See `Gate.state`."""
        state = visit.recall(policy)
        if state is None:
            try:
                state = await self._look(visit.request, policy)
            except VerificationUnavailable as outage:
                visit.note(policy, outage)
                raise
            visit.note(policy, state)
        return state

    async def _look(self, request: RequestLike, policy: FrozenPolicy | None) -> RequestState:
        if policy is None:
            return await self.clerk.authenticate_request(request)
        if isinstance(self.clerk, AsyncClerk):
            return await self.under(self.clerk, policy).authenticate_request(request)
        found = await locate_async(self.clerk, request)
        if isinstance(found, RequestState):
            return found
        clerk, token = self.under(found[0], policy), found[1]
        return await (clerk.authenticate_request(request) if token is None else clerk.authenticate_token(token))

    async def again(self, token: str, tenant: str, policy: FrozenPolicy | None = None) -> RequestState:
        """What a token comes to now at a tenant that was found before.

        Raises:
            VerificationUnavailable: It cannot be told now.
        """
        clerk = self.clerk
        if isinstance(clerk, AsyncTenants):
            try:
                clerk = await find_again(clerk, tenant, token)
            except (UnknownTenant, TokenVerificationError):  # it was removed meanwhile
                return signed_out(
                    None, TokenVerificationError(Reason.TENANT_UNKNOWN, "The tenant is not known here any more.")
                )
        if policy is not None:
            clerk = self.under(clerk, policy)
        return await clerk.authenticate_token(token)

    async def require(
        self, visit: Visit, requirement: Requirement = SIGNED_IN, *, writes: bool
    ) -> SessionClaims | Denial:
        """See `Gate.require`."""
        try:
            state = await self.state(visit, requirement.policy)
        except VerificationUnavailable as outage:
            return self.unavailable(outage)
        return self.grant(visit, self.verdict(state, requirement, writes=writes))


_OTHERS = {
    "Clerk": "; clerk.as_async() makes one",
    "Tenants": "; it takes the same settings",
    "AsyncClerk": "; it takes the same settings",
    "AsyncTenants": "; it takes the same settings",
}


def _check(clerk: object, kinds: tuple[type, ...], wanted: str) -> None:
    if not isinstance(clerk, kinds):
        given = type(clerk).__name__
        raise TypeError(f"clerk: give {wanted}, not {given}{_OTHERS.get(given, '')}.")
