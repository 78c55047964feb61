"""Any number of Clerk instances in one process: `Tenants`, and `AsyncTenants` with the same names awaited."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypedDict, TypeVar
from urllib.parse import urlsplit

import attrs

from clerk_ext.clerk import AsyncClerk, Clerk, async_clerk_of, check_transport, clerk_of
from clerk_ext.errors import ClerkError, TokenVerificationError, UnknownTenant, VerificationUnavailable
from clerk_ext.requests import RequestState, missing, signed_in, signed_out
from clerk_ext.tenancy.crews import in_threads
from clerk_ext.tenancy.loading import Loaders, run, run_async
from clerk_ext.tenancy.registry import Bounds
from clerk_ext.tenancy.routing import TenantsDoor
from clerk_ext.tokens.token import SESSION, TEMPLATE
from clerk_ext.tokens.verifier import AsyncVerifier, Verifier

if TYPE_CHECKING:
    import asyncio
    import os
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self, Unpack

    import httpx

    from clerk_ext.carriers import RequestLike
    from clerk_ext.config import ClerkConfig
    from clerk_ext.pools import AsyncClients, AsyncPool, Clients, Pool
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.tenancy.loading import Loader
    from clerk_ext.tenancy.registry import LoadSteps
    from clerk_ext.tenancy.routing import Resolver
    from clerk_ext.tenancy.settings import Settings
    from clerk_ext.tenancy.sweeps import SweepProgress, SweepReport
    from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
    from clerk_ext.tokens.judge import Judge

T = TypeVar("T")


class TenantsOptions(TypedDict, total=False):
    """The keyword arguments of `Tenants` and `AsyncTenants`; see there."""

    load_by_name: Loader | None
    load_by_issuer: Loader | None
    resolver: Resolver | None
    revocations: RevocationCheck | None
    token_cache_size: int
    key_cache_size: int
    loaded_tenants: int
    load_timeout: float
    monotonic: Callable[[], float]


class SyncOptions(TenantsOptions, total=False):
    """The keyword arguments of `Tenants`; see there."""

    transport: httpx.BaseTransport | None


class AsyncOptions(TenantsOptions, total=False):
    """The keyword arguments of `AsyncTenants`; see there."""

    transport: httpx.AsyncBaseTransport | None


class Tenants(TenantsDoor[Verifier, Clerk]):
    """Any number of Clerk instances in one process, each with its own keys, tokens and secrets.

    ``tenants["acme"]`` is the `Clerk` of one of them. ``verify_token`` and its like choose the tenant by the token's
    issuer, or by your *resolver*; what the token says only selects, and the verdict rests on that tenant's keys and
    issuers alone. All share connections and bounded memory, so that a tenant costs kilobytes. Threads may share it; a
    fork may inherit it.

    Args:
        configs: Their settings: a list of `ClerkConfig`, or a mapping of names to a `ClerkConfig` or to its fields.
            A tenant of which no issuer is known is found by name only.
        load_by_name: Finds the settings of a tenant that is not known yet, or None. May be a coroutine function. It
            runs in a thread of its own, once for all who wait.
        load_by_issuer: The same by the issuer of a token, which is a stranger's word: look it up, never fetch from it.
            The settings that come back must list it.
        resolver: Chooses the tenant of a request by its name, in place of the token's issuer: by host name, path or
            header. None, or a name that nobody knows, refuses the request.
        transport: What everything is sent through, the fetches of key sets included; closing it stays with you.
        revocations: Asked on every verification of a session token; see `Revocations`.
        token_cache_size: How many verified tokens to remember, of all tenants together, about 4 KB each.
        key_cache_size: How many keys to hold, of all tenants together, about 2 KB each.
        loaded_tenants: How many of the tenants that a loader found to keep; the idle ones go first.
        load_timeout: Seconds that a loader may take.
        monotonic: Gives seconds that never run backwards; for tests.

    Raises:
        ConfigurationError: Two tenants have the same name or the same issuer.
    """

    def __init__(
        self,
        configs: Settings = (),
        *,
        load_by_name: Loader | None = None,
        load_by_issuer: Loader | None = None,
        resolver: Resolver | None = None,
        transport: httpx.BaseTransport | None = None,
        revocations: RevocationCheck | None = None,
        token_cache_size: int = 16_384,
        key_cache_size: int = 32_768,
        loaded_tenants: int = 10_000,
        load_timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_transport(transport, "BaseTransport")
        from clerk_ext.pools import Clients

        self._clients: Clients = Clients(transport)
        self._open(
            configs,
            _Verifiers(self._clients),
            clerk_of,
            loaders=Loaders(load_by_name, load_by_issuer, load_timeout),
            resolver=resolver,
            revocations=revocations,
            bounds=Bounds(
                token_cache_size=token_cache_size,
                key_cache_size=key_cache_size,
                loaded_tenants=loaded_tenants,
                load_timeout=load_timeout,
            ),
            monotonic=monotonic,
        )

    @classmethod
    def from_toml(
        cls, path: str | os.PathLike[str], environ: Mapping[str, str] | None = None, **options: Unpack[SyncOptions]
    ) -> Self:
        """The tenants of a TOML file.

        ::

            [defaults]                            # optional: for all of them
            clock_skew = 10

            [tenants.acme]
            publishable_key = "pk_live_…"
            secret_key_env = "ACME_SECRET_KEY"    # the variable that holds it: no secret belongs into the file
            authorized_parties = ["https://acme.example.com"]

        Args:
            path: The file.
            environ: Where to read the secrets; the process's environment if left out.
            options: The keyword arguments of the class.

        Raises:
            ConfigurationError: The file is faulty; the message lists every fault with its table and key.
        """
        from clerk_ext.tenancy.settings import configs_of_toml

        return cls(configs_of_toml(path, environ), **options)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[SyncOptions]) -> Self:
        """The tenants of the environment: ``CLERK_TENANTS=acme,globex``, ``CLERK_ACME_SECRET_KEY`` and so on.

        Of each tenant the variables of `ClerkConfig.from_env` are read, with its name after ``CLERK_``: in capitals,
        and ``_`` for ``-``.

        Args:
            environ: Where to read; the process's environment if left out.
            options: The keyword arguments of the class.

        Raises:
            ConfigurationError: Values cannot work; the message lists every one with its variable.
        """
        from clerk_ext.tenancy.settings import configs_of_environ

        return cls(configs_of_environ(environ), **options)

    def _run(self, steps: LoadSteps[T]) -> T:
        return run(steps, self._registry, self._loaders)

    def __getitem__(self, name: str) -> Clerk:
        """The client of a tenant, which is loaded if need be. Closing it leaves the shared connections open.

        Raises:
            UnknownTenant: There is none of that name.
            TenantUnavailable: It cannot be loaded now.
        """
        return self._registry.client(self._run(self._named(name)))

    def load(self, name: str) -> Clerk:
        """The same as ``tenants[name]``: `AsyncTenants` has it too, awaited.

        Raises:
            UnknownTenant: There is none of that name.
            TenantUnavailable: It cannot be loaded now.
        """
        return self[name]

    def refresh(self, name: str) -> Clerk:
        """Load a tenant anew: it stays if its settings are the same, is replaced if not, and goes if it is gone.

        Raises:
            UnknownTenant: The loader does not know it any more.
            TenantUnavailable: It cannot be loaded now; what was known of it stays in use.
            ValueError: It was given, not loaded.
        """
        return self._registry.client(self._run(self._refreshed(name)))

    def verify_token(self, session_token: str, request: object = None) -> SessionClaims:
        """Verify a session token with the keys of the tenant that it is for; ``claims.tenant`` names it.

        Args:
            session_token: The JWT of the ``Authorization`` header or the ``__session`` cookie.
            request: What your resolver chooses by; needed if there is one.

        Raises:
            TokenVerificationError: It is refused; ``.reason`` says why. Answer 401.
            VerificationUnavailable: It cannot be judged now. Answer 503.
        """
        if self._resolver is None:
            claims = self._registry.recall(session_token)
            if claims is not None:
                return claims
        slot, parsed = self._counted(self._chosen(session_token, request, SESSION))
        return self._registry.verifier(slot).session(session_token, parsed)

    def _counted(self, steps: LoadSteps[T]) -> T:
        try:
            return self._run(steps)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            self._count(verdict)
            raise

    def authenticate_token(self, session_token: str | None, request: object = None) -> RequestState:
        """Verify a session token without raising for it: the state says whether the request is signed in.

        Args:
            session_token: The token, or None or ``""`` where the request has none.
            request: What your resolver chooses by; needed if there is one.

        Raises:
            VerificationUnavailable: It cannot be judged now. Answer 503: an outage must not look like signed out.
        """
        if not session_token:
            return self._refused(missing())
        if self._resolver is None:
            try:
                claims = self._registry.recall(session_token)
            except TokenVerificationError as refusal:
                return signed_out(self._registry.whose(session_token), refusal)
            if claims is not None:
                return signed_in(session_token, claims)
        tenant = None
        try:
            slot, parsed = self._counted(self._chosen(session_token, request, SESSION))
            tenant = slot.config.name
            return signed_in(session_token, self._registry.verifier(slot).session(session_token, parsed))
        except TokenVerificationError as refusal:
            return signed_out(tenant, refusal)

    def authenticate_request(self, request: RequestLike) -> RequestState:
        """Find the session token of a request and its tenant, and verify it; see `Clerk.authenticate_request`.

        Of a host to which several instances write cookies each tenant finds its own. Without a resolver the newest
        token that one of them finds is taken.

        Args:
            request: Anything with headers; what your resolver needs, if there is one.

        Raises:
            VerificationUnavailable: It cannot be judged now. Answer 503: an outage must not look like signed out.
            TypeError: *request* has no headers that can be read.
        """
        found = self._counted(self._carried(request))
        if isinstance(found, RequestState):
            return found
        if isinstance(found, str):
            return self.authenticate_token(found)
        clerk, token = found
        return clerk.authenticate_request(request) if token is None else clerk.authenticate_token(token)

    def verify_template_token(self, jwt: str, request: object = None) -> TemplateClaims:
        """Verify a token that was minted from a JWT template, and nothing else; see `Clerk.verify_template_token`.

        Args:
            jwt: The token.
            request: What your resolver chooses by; needed if there is one.

        Raises:
            TokenVerificationError: It is refused; ``.reason`` says why. Answer 401.
            VerificationUnavailable: It cannot be judged now. Answer 503.
        """
        slot, _ = self._counted(self._chosen(jwt, request, TEMPLATE))
        return self._registry.verifier(slot).template(jwt)

    def prewarm(self, names: Iterable[str] | None = None, *, concurrency: int = 16) -> dict[str, ClerkError]:
        """Fetch the key sets of many tenants now, so that no first request needs to wait.

        Args:
            names: Which; all that are known if left out.
            concurrency: How many at a time.

        Returns:
            The tenants whose keys cannot be had, by name, with the error of each; empty if all can.
        """
        wanted = self._wanted(names)
        failures: dict[str, ClerkError] = {}

        def warm(name: str) -> None:
            try:
                verifier = self._registry.verifier(self._run(self._named(name)))
                verifier.run(verifier.judge.prewarm())
            except (UnknownTenant, VerificationUnavailable) as failure:
                failures[name] = failure

        in_threads(warm, wanted, _checked_concurrency(concurrency), threading.Event())
        return {name: failures[name] for name in wanted if name in failures}

    def revoke_sessions_of(
        self,
        user_ids: Iterable[str] = (),
        *,
        tenant: str | None = None,
        dry_run: bool = False,
        concurrency: int = 4,
        progress: Callable[[SweepProgress], object] | None = None,
        resume: SweepReport | None = None,
    ) -> SweepReport:
        """End every live session of users, at one tenant or at all, within the rates that Clerk allows.

        Each user's sessions are listed anew until none is left. What fails is told in the report and hinders nothing
        else; to do what is left, call it again with ``resume=report``. One that is interrupted can be begun anew: what
        has ended does not end twice.

        Args:
            user_ids: The users, ``user_…``.
            tenant: The tenant; all that are known if left out.
            dry_run: Only tell which sessions would end.
            concurrency: How many users at a time.
            progress: Called after each session and each user, one call at a time. What it raises stops the sweep.
            resume: The report of an earlier sweep.

        Raises:
            TypeError: An argument is of the wrong type; nothing was sent.
            ValueError: A user id is none; nothing was sent.
        """
        from clerk_ext.tenancy.sweeping import sweep_all

        sweep = self._sweep(user_ids, tenant, resume, progress)
        sweep_all(sweep, self.load, self._paces, _checked_concurrency(concurrency), dry_run=dry_run)
        return sweep.report()

    def close(self) -> None:
        """Close the connections of all tenants. A later call opens new ones."""
        self._clients.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncTenants(TenantsDoor[AsyncVerifier, AsyncClerk]):
    """The same as `Tenants`, awaited, on asyncio.

    ``tenants["acme"]`` gives those that are known; ``await tenants.load("acme")`` also those that a loader has to find.
    Event loops may share it; each has its own connections. A loader that is a plain function runs in a thread.

    Args:
        configs: See `Tenants`, also for the others.
        load_by_name: …
        load_by_issuer: …
        resolver: …
        transport: …
        revocations: …
        token_cache_size: …
        key_cache_size: …
        loaded_tenants: …
        load_timeout: …
        monotonic: …

    Raises:
        ConfigurationError: Two tenants have the same name or the same issuer.
    """

    def __init__(
        self,
        configs: Settings = (),
        *,
        load_by_name: Loader | None = None,
        load_by_issuer: Loader | None = None,
        resolver: Resolver | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        revocations: RevocationCheck | None = None,
        token_cache_size: int = 16_384,
        key_cache_size: int = 32_768,
        loaded_tenants: int = 10_000,
        load_timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        check_transport(transport, "AsyncBaseTransport")
        from clerk_ext.pools import AsyncClients

        self._clients: AsyncClients = AsyncClients(transport)
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself refers to its tasks weakly
        self._open(
            configs,
            _AsyncVerifiers(self._clients),
            async_clerk_of,
            loaders=Loaders(load_by_name, load_by_issuer, load_timeout),
            resolver=resolver,
            revocations=revocations,
            bounds=Bounds(
                token_cache_size=token_cache_size,
                key_cache_size=key_cache_size,
                loaded_tenants=loaded_tenants,
                load_timeout=load_timeout,
            ),
            monotonic=monotonic,
        )

    @classmethod
    def from_toml(
        cls,
        path: str | os.PathLike[str],
        environ: Mapping[str, str] | None = None,
        **options: Unpack[AsyncOptions],
    ) -> Self:
        """See `Tenants.from_toml`."""
        from clerk_ext.tenancy.settings import configs_of_toml

        return cls(configs_of_toml(path, environ), **options)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **options: Unpack[AsyncOptions]) -> Self:
        """See `Tenants.from_env`."""
        from clerk_ext.tenancy.settings import configs_of_environ

        return cls(configs_of_environ(environ), **options)

    async def _run(self, steps: LoadSteps[T]) -> T:
        return await run_async(steps, self._registry, self._loaders, self._tasks)

    async def _counted(self, steps: LoadSteps[T]) -> T:
        try:
            return await self._run(steps)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            self._count(verdict)
            raise

    def __getitem__(self, name: str) -> AsyncClerk:
        """The client of a tenant that is known; ``await tenants.load(name)`` asks the loader, too.

        Raises:
            UnknownTenant: There is none of that name.
        """
        slot = self._registry.held(("name", name))
        if slot is None:
            raise UnknownTenant(name, "add() it, or await load(), which asks the loader.")
        return self._registry.client(slot)

    async def load(self, name: str) -> AsyncClerk:
        """The client of a tenant, which is loaded if need be.

        Raises:
            UnknownTenant: There is none of that name.
            TenantUnavailable: It cannot be loaded now.
        """
        return self._registry.client(await self._run(self._named(name)))

    async def refresh(self, name: str) -> AsyncClerk:
        """See `Tenants.refresh`."""
        return self._registry.client(await self._run(self._refreshed(name)))

    async def verify_token(self, session_token: str, request: object = None) -> SessionClaims:
        """See `Tenants.verify_token`."""
        if self._resolver is None:
            claims = self._registry.recall(session_token)
            if claims is not None:
                return claims
        slot, parsed = await self._counted(self._chosen(session_token, request, SESSION))
        return await self._registry.verifier(slot).session(session_token, parsed)

    async def authenticate_token(self, session_token: str | None, request: object = None) -> RequestState:
        """See `Tenants.authenticate_token`."""
        if not session_token:
            return self._refused(missing())
        if self._resolver is None:
            try:
                claims = self._registry.recall(session_token)
            except TokenVerificationError as refusal:
                return signed_out(self._registry.whose(session_token), refusal)
            if claims is not None:
                return signed_in(session_token, claims)
        tenant = None
        try:
            slot, parsed = await self._counted(self._chosen(session_token, request, SESSION))
            tenant = slot.config.name
            return signed_in(session_token, await self._registry.verifier(slot).session(session_token, parsed))
        except TokenVerificationError as refusal:
            return signed_out(tenant, refusal)

    async def authenticate_request(self, request: RequestLike) -> RequestState:
        """See `Tenants.authenticate_request`."""
        found = await self._counted(self._carried(request))
        if isinstance(found, RequestState):
            return found
        if isinstance(found, str):
            return await self.authenticate_token(found)
        clerk, token = found
        return await (clerk.authenticate_request(request) if token is None else clerk.authenticate_token(token))

    async def verify_template_token(self, jwt: str, request: object = None) -> TemplateClaims:
        """See `Tenants.verify_template_token`."""
        slot, _ = await self._counted(self._chosen(jwt, request, TEMPLATE))
        return await self._registry.verifier(slot).template(jwt)

    async def prewarm(self, names: Iterable[str] | None = None, *, concurrency: int = 16) -> dict[str, ClerkError]:
        """See `Tenants.prewarm`."""
        import asyncio

        wanted = self._wanted(names)
        waiting, failures = iter(wanted), dict[str, ClerkError]()

        async def warm() -> None:
            for name in waiting:
                try:
                    verifier = self._registry.verifier(await self._run(self._named(name)))
                    await verifier.run(verifier.judge.prewarm())
                except (UnknownTenant, VerificationUnavailable) as failure:
                    failures[name] = failure

        await asyncio.gather(*(warm() for _ in range(_checked_concurrency(concurrency))))
        return {name: failures[name] for name in wanted if name in failures}

    async def revoke_sessions_of(
        self,
        user_ids: Iterable[str] = (),
        *,
        tenant: str | None = None,
        dry_run: bool = False,
        concurrency: int = 4,
        progress: Callable[[SweepProgress], object] | None = None,
        resume: SweepReport | None = None,
    ) -> SweepReport:
        """See `Tenants.revoke_sessions_of`."""
        from clerk_ext.tenancy.sweeping import sweep_all_async

        sweep = self._sweep(user_ids, tenant, resume, progress)
        await sweep_all_async(sweep, self.load, self._paces, _checked_concurrency(concurrency), dry_run=dry_run)
        return sweep.report()

    async def aclose(self) -> None:
        """Close the running event loop's connections of all tenants. A later call opens new ones."""
        await self._clients.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


# What the glue for frameworks needs of tenants and users do not.


def locate(tenants: Tenants, request: RequestLike) -> tuple[Clerk, str | None] | RequestState:
    """Whose a request is: the client and, if it had to be looked for, its token; or the state of one without.

    Raises:
        VerificationUnavailable: It cannot be told now.
    """
    try:
        return tenants._counted(tenants._located(request))  # pyright: ignore[reportPrivateUsage]
    except TokenVerificationError as refusal:
        return signed_out(None, refusal)


async def locate_async(tenants: AsyncTenants, request: RequestLike) -> tuple[AsyncClerk, str | None] | RequestState:
    """See `locate`."""
    try:
        return await tenants._counted(tenants._located(request))  # pyright: ignore[reportPrivateUsage]
    except TokenVerificationError as refusal:
        return signed_out(None, refusal)


async def find_again(tenants: AsyncTenants, name: str, token: str) -> AsyncClerk:
    """The client of a tenant that a token was verified for before.

    Raises:
        UnknownTenant: It is not known any more; a `TokenVerificationError` where the token names it.
        TenantUnavailable: It cannot be loaded now.
    """
    return await tenants._run(tenants._still(name, token))  # pyright: ignore[reportPrivateUsage]


@attrs.frozen
class _Place:
    """Which connections a tenant uses, and by which clocks: the same for most."""

    api: str
    clock: Callable[[], float]
    monotonic: Callable[[], float]

    @classmethod
    def of(cls, config: ClerkConfig) -> _Place:
        """Those of its API host."""
        parts = urlsplit(config.api_url)
        return cls(f"{parts.scheme}://{parts.netloc.lower()}", config.clock, config.monotonic)


class _Verifiers:
    """Makes the verifier of a tenant. Not a method of `Tenants`, whom its registry would then keep alive."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._pools: dict[_Place, Pool] = {}

    def __call__(self, judge: Judge) -> Verifier:
        """Make it."""
        place = _Place.of(judge.config)
        pool = self._pools.get(place)
        if pool is None:
            from clerk_ext.pools import KEYS, Pool

            # Key sets apart, so that hanging calls hold none of them up.
            pool = self._pools[place] = Pool(self._clients, in_turns=True, keys=KEYS, **attrs.asdict(place))
        return Verifier(judge, pool)


class _AsyncVerifiers:
    """See `_Verifiers`."""

    def __init__(self, clients: AsyncClients) -> None:
        self._clients = clients
        self._pools: dict[_Place, AsyncPool] = {}

    def __call__(self, judge: Judge) -> AsyncVerifier:
        """Make it."""
        place = _Place.of(judge.config)
        pool = self._pools.get(place)
        if pool is None:
            from clerk_ext.pools import KEYS, AsyncPool

            pool = self._pools[place] = AsyncPool(self._clients, in_turns=True, keys=KEYS, **attrs.asdict(place))
        return AsyncVerifier(judge, pool)


def _checked_concurrency(concurrency: object) -> int:
    if type(concurrency) is not int:
        raise TypeError(f"concurrency: write an int, not {type(concurrency).__name__}.")
    if not 1 <= concurrency <= 1_000:
        raise ValueError("concurrency: write a number from 1 to 1000.")
    return concurrency
