"""Which tenant a token or a request is for: what `Tenants` and `AsyncTenants` have in common, without I/O."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from clerk_ext.clerk import AsyncClerk, Clerk, in_cookies, refused_by
from clerk_ext.errors import (
    Reason,
    TenantUnavailable,
    TokenVerificationError,
    UnknownTenant,
    VerificationUnavailable,
)
from clerk_ext.forks import mend_after_fork
from clerk_ext.requests import RequestState, signed_out
from clerk_ext.tenancy.registry import Registry, not_asked
from clerk_ext.tenancy.settings import checked, configs_of
from clerk_ext.tokens.token import SESSION, issuer_of, refuse, unverified_claims
from clerk_ext.tokens.verifier import AsyncVerifier, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from clerk_ext.carriers import Cookies, RequestLike
    from clerk_ext.config import ClerkConfig
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.tenancy.loading import Loaders
    from clerk_ext.tenancy.loads import Outcome as LoadOutcome
    from clerk_ext.tenancy.registry import Bounds, LoadSteps, Slot
    from clerk_ext.tenancy.settings import Settings
    from clerk_ext.tenancy.sweeping import Paces
    from clerk_ext.tenancy.sweeps import Sweep, SweepProgress, SweepReport
    from clerk_ext.tokens.judge import Judge
    from clerk_ext.tokens.tally import Stats
    from clerk_ext.tokens.token import Door, ParsedToken

    Resolver: TypeAlias = Callable[[Any], str | None]

V = TypeVar("V", Verifier, AsyncVerifier)
C = TypeVar("C", Clerk, AsyncClerk)


@attrs.frozen(kw_only=True)
class TenantsStats:
    """Counts since the tenants were made.

    Attributes:
        tenants: The counts of each tenant that was in use, by its name.
        refused: Tokens and requests that were refused before a tenant was found, by reason.
        unavailable: Those for which no tenant could be found in time.
        loads: Loads by outcome: ``found``, ``missing`` (there is no such tenant), ``failed``, and ``stale`` (the
            tenant was changed by hand meanwhile, or the answer came too late).
        remembered: Verified tokens at hand, of all together.
        keys: Keys at hand, of all together.
    """

    tenants: Mapping[str, Stats]
    refused: Mapping[Reason, int]
    unavailable: int
    loads: Mapping[LoadOutcome, int]
    remembered: int
    keys: int


class TenantsDoor(Generic[V, C]):
    """What `Tenants` and `AsyncTenants` have in common: all that does no I/O."""

    _registry: Registry[V, C]
    _loaders: Loaders
    _resolver: Resolver | None

    def _open(
        self,
        configs: Settings,
        verifier: Callable[[Judge], V],
        client: Callable[[V], C],
        *,
        loaders: Loaders,
        resolver: Resolver | None,
        revocations: RevocationCheck | None,
        bounds: Bounds,
        monotonic: Callable[[], float],
    ) -> None:
        if resolver is not None and not callable(resolver):
            raise TypeError(f"resolver: give a function of a request, not {type(resolver).__name__}.")
        self._loaders = loaders
        self._resolver = resolver
        self._kept_paces: Paces | None = None
        self.after_fork()
        mend_after_fork(self)
        self._registry = Registry(
            verifier, client, revocations=revocations, loaders=loaders.kinds, bounds=bounds, monotonic=monotonic
        )
        self._registry.add(configs_of(configs))

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock."""
        self._lock = threading.Lock()

    def add(self, config: ClerkConfig) -> None:
        """Add a tenant; requests may run meanwhile.

        Raises:
            ConfigurationError: There is one with its name, or with one of its issuers.
        """
        self._registry.add([checked(config)])

    def replace(self, config: ClerkConfig) -> None:
        """Put a tenant in the place of that of the same name; requests may run meanwhile.

        Its keys and verified tokens go with it. A `Clerk` that somebody still holds goes on with the old settings.

        Raises:
            ConfigurationError: Another tenant has one of its issuers.
            UnknownTenant: There is none of that name.
        """
        self._registry.replace(checked(config))

    def remove(self, name: str) -> None:
        """Take a tenant out, its keys and verified tokens with it; requests may run meanwhile.

        Its tokens are refused from now on, unless a loader finds it again. A `Clerk` that somebody still holds goes on.

        Raises:
            UnknownTenant: There is none of that name.
        """
        self._registry.remove(name)

    def __contains__(self, name: object) -> bool:
        """Whether there is a tenant of that name; those that a loader has not found yet are not counted."""
        return name in self._registry

    def __iter__(self) -> Iterator[str]:
        """The names of the tenants; those that a loader has not found yet are not among them."""
        return iter(self._registry.names())

    def __len__(self) -> int:
        """How many tenants there are; those that a loader has not found yet are not counted."""
        return len(self._registry)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        names = self._registry.names()
        shown = ", ".join(map(repr, names[:3])) + (", …" if len(names) > 3 else "")
        return f"<{type(self).__name__}: {len(names)} tenants{': ' if names else ''}{shown}>"

    def stats(self) -> TenantsStats:
        """What verifications, fetches of keys and loads came to since the tenants were made."""
        registry = self._registry
        tally = registry.tally
        return TenantsStats(
            tenants={slot.config.name: slot.judge.stats() for slot in registry.slots() if slot.judge is not None},
            refused=dict(tally.refused),
            unavailable=tally.unavailable,
            loads=dict(registry.loads_by_outcome),
            remembered=registry.remembered,
            keys=registry.keys,
        )

    # Finding the tenant, in steps that say what has to be loaded.

    def _named(self, name: object) -> LoadSteps[Slot[V, C]]:
        """The tenant of a name."""
        if not isinstance(name, str):
            raise TypeError(f"name: write a str, not {type(name).__name__}.")
        slot = yield from self._registry.find(("name", name))
        if slot is None:
            raise UnknownTenant(name)
        return slot

    def _refreshed(self, name: str) -> LoadSteps[Slot[V, C]]:
        slot = yield from self._registry.refresh(name)
        if slot is None:
            raise UnknownTenant(name)
        return slot

    def _routed(self, parsed: ParsedToken) -> LoadSteps[Slot[V, C]]:
        """The tenant whose issuer a token names. What it names is believed by nobody: it only selects."""
        issuer = issuer_of(parsed)
        slot = None if issuer is None else (yield from self._registry.find(("issuer", issuer)))
        return _known(slot, "The token was issued by no tenant that is known here (claim iss).")

    def _resolved(self, request: object) -> LoadSteps[Slot[V, C]]:
        """The tenant that the resolver chooses."""
        assert self._resolver is not None
        if request is None:
            raise TypeError("request: is needed, since a resolver chooses the tenant.")
        name: object = self._resolver(request)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"resolver: must return the name of a tenant or None, not {type(name).__name__}.")
        slot = None if name is None else (yield from self._registry.find(("name", name)))
        return _known(slot, "The request is for no tenant that is known here.")

    def _chosen(self, token: object, request: object, door: Door) -> LoadSteps[tuple[Slot[V, C], ParsedToken | None]]:
        """The tenant that a token is for, and the token as far as it had to be read for that."""
        if self._resolver is not None:
            return (yield from self._resolved(request)), None
        parsed = self._registry.parse(token, door)
        return (yield from self._routed(parsed)), parsed

    def _carried(self, request: RequestLike) -> LoadSteps[tuple[C, str | None] | RequestState | str]:
        """Whose a request is: the client and, if it had to be looked for, its token; or the state without one.

        A token alone names its tenant itself.
        """
        from clerk_ext.carriers import read

        try:
            if self._resolver is not None:
                return self._registry.client((yield from self._resolved(request))), None
            found = read(request)
            if isinstance(found, Mapping):
                return (yield from self._by_cookies(found))
        except TokenVerificationError as refusal:
            return self._refused(refusal)
        return self._refused(found) if isinstance(found, TokenVerificationError) else found

    def _located(self, request: RequestLike) -> LoadSteps[tuple[C, str | None] | RequestState]:
        """The same, a token that comes alone followed to its tenant, too."""
        found = yield from self._carried(request)
        if not isinstance(found, str):
            return found
        slot, _ = yield from self._chosen(found, None, SESSION)
        return self._registry.client(slot), found

    def _still(self, name: str, token: str) -> LoadSteps[C]:
        """The client of a tenant that was found before; one that was loaded by issuer may have been let go."""
        try:
            slot = yield from self._named(name)
        except UnknownTenant:
            if self._resolver is not None:
                raise
            slot, _ = yield from self._chosen(token, None, SESSION)
            if slot.config.name != name:
                raise
        return self._registry.client(slot)

    def _by_cookies(self, cookies: Cookies) -> LoadSteps[tuple[C, str] | RequestState | str]:
        """The client whose cookies are there and its token; or the state of a request that brings none to verify.

        A token alone where none of the cookies names an issuer: what is wrong with it is for its verification to say.
        """
        from clerk_ext.carriers import by_cookie_of_nobody, issuers_of

        refused: tuple[C, TokenVerificationError] | None = None
        unavailable: TenantUnavailable | None = None
        has_loaded = False
        issuers = issuers_of(cookies)
        for issuer in issuers:
            # One load for each request: a stranger's cookies must not make it wait for many. Of what is left out then
            # nothing can be said; the next request, for which the first is known or missing, gets further.
            would_load = self._registry.would_load(("issuer", issuer))
            if would_load and has_loaded:
                unavailable = unavailable or not_asked()
                continue
            has_loaded = has_loaded or would_load
            try:
                slot = yield from self._registry.find(("issuer", issuer))
            except TenantUnavailable as unknown:
                unavailable = unknown
                continue
            if slot is None:
                continue
            client = self._registry.client(slot)
            found = in_cookies(client, cookies)
            if isinstance(found, TokenVerificationError):
                refused = refused or (client, found)
            elif not _is_anothers(found, slot.config):
                return client, found
        if unavailable is not None:
            raise unavailable
        if refused is not None:
            return refused_by(*refused)
        if issuers:
            refuse(Reason.TENANT_UNKNOWN, "The session cookies are of no tenant that is known here (claim iss).")
        nobodys = by_cookie_of_nobody(cookies)
        return nobodys if isinstance(nobodys, str) else self._refused(nobodys)

    def _refused(self, refusal: TokenVerificationError) -> RequestState:
        """The state of a request that was refused before a tenant was found."""
        self._count(refusal)
        return signed_out(None, refusal)

    def _count(self, verdict: TokenVerificationError | VerificationUnavailable) -> None:
        if isinstance(verdict, TokenVerificationError):
            self._registry.tally.refuse(verdict.reason)
        else:
            self._registry.tally.unavailable += 1

    # Work on many.

    def _wanted(self, names: Iterable[str] | None) -> list[str]:
        if isinstance(names, str):
            raise TypeError("names: is a single str; write a list of them.")
        return list(dict.fromkeys(self._registry.names() if names is None else names))

    @property
    def _paces(self) -> Paces:
        kept = self._kept_paces
        if kept is None:
            from clerk_ext.tenancy.sweeping import Paces

            with self._lock:
                kept = self._kept_paces = self._kept_paces or Paces()
        return kept

    def _sweep(
        self,
        user_ids: Iterable[str],
        tenant: str | None,
        resume: SweepReport | None,
        progress: Callable[[SweepProgress], object] | None,
    ) -> Sweep:
        from clerk_ext.tenancy.sweeps import Sweep, pairs_of

        pairs = pairs_of(user_ids, tenant, self._registry.names(), resume)
        return Sweep(pairs, before=resume, progress=progress)


def _is_anothers(token: str, config: ClerkConfig) -> bool:
    """Whether a token names an issuer, and it is none of the tenant's: the plain cookie may be another instance's."""
    issuer = (unverified_claims(token) or {}).get("iss")
    return isinstance(issuer, str) and bool(issuer) and issuer not in (config.issuers or ())


def _known(slot: Slot[V, C] | None, otherwise: str) -> Slot[V, C]:
    if slot is None:
        refuse(Reason.TENANT_UNKNOWN, otherwise)
    return slot
