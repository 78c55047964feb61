"""One tenant's front door: `Clerk`, and `AsyncClerk` with the same names awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from clerk_ext.config import ClerkConfig
from clerk_ext.errors import TokenVerificationError
from clerk_ext.requests import RequestState, missing, signed_in, signed_out
from clerk_ext.tokens.judge import UNCHANGED, Judge, Unchanged, warn_of_unknown_issuer
from clerk_ext.tokens.ring import KeyRing
from clerk_ext.tokens.verifier import AsyncVerifier, Verifier

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import TracebackType
    from typing import Self

    import httpx

    from clerk_ext.calls import SessionCalls
    from clerk_ext.carriers import Cookies, Instance, RequestLike
    from clerk_ext.pools import AsyncPool, Pool
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.sessions import AsyncSessions, NoteRevoked, Sessions
    from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
    from clerk_ext.tokens.explanation import Explanation
    from clerk_ext.tokens.tally import Stats
    from clerk_sessions_api.models import JSONWebKeySet


P = TypeVar("P", bound="Pool | AsyncPool")
V = TypeVar("V", Verifier, AsyncVerifier)


def judge_of(config: ClerkConfig, revocations: RevocationCheck | None) -> Judge:
    """The judge of a lone tenant, on keys of its own."""
    warn_of_unknown_issuer(config)
    return Judge(config, KeyRing(config), revocations)


def check_transport(transport: object, kind: str) -> None:
    """Refuse what is not one of httpx's transports of *kind*.

    Raises:
        TypeError: It is not.
    """
    if transport is not None:
        import httpx

        if not isinstance(transport, getattr(httpx, kind)):
            raise TypeError(f"transport: give an httpx.{kind}, not {type(transport).__name__}.")


class FrontDoor(Generic[V, P]):
    """What `Clerk` and `AsyncClerk` have in common: all that does no I/O."""

    _verifier: V
    _judge: Judge
    _pool: P
    _owns_pool: bool

    def _open(self, verifier: V, pool: P, *, owns_pool: bool) -> None:
        self._verifier = verifier
        self._judge = verifier.judge
        self._pool = pool
        self._owns_pool = owns_pool
        # Not functools.cached_property, whose lock of Python 3.11 a forked child could inherit locked.
        self._instance: Instance | None = None
        self._made_calls: SessionCalls | None = None

    @staticmethod
    def _check(config: object, transport: object, kind: str) -> None:
        if not isinstance(config, ClerkConfig):
            raise TypeError(f"config: give a ClerkConfig, not {type(config).__name__}.")
        check_transport(transport, kind)

    @classmethod
    def _sharing(cls, verifier: V, pool: P, *, owns_pool: bool) -> Self:
        """A client on keys and a pool that others use too."""
        made = cls.__new__(cls)
        made._open(verifier, pool, owns_pool=owns_pool)
        return made

    @property
    def config(self) -> ClerkConfig:
        """The instance's settings."""
        return self._judge.config

    def stats(self) -> Stats:
        """What verifications and fetches of keys came to since the client was made.

        Clients that share keys (`with_policy`, `as_async`) share the counts.
        """
        return self._judge.stats()

    @property
    def _calls(self) -> SessionCalls:
        if self._made_calls is None:
            from clerk_ext.calls import SessionCalls

            self._made_calls = SessionCalls(self.config)
        return self._made_calls

    @property
    def _note(self) -> NoteRevoked:
        from clerk_ext.sessions import NoteRevoked

        return NoteRevoked(self._judge.revocations, self.config.name if self._judge.shared else None)

    def _carried_by(self, request: RequestLike) -> str | RequestState:
        """The token of a request, or the state of one that brings none to verify."""
        from clerk_ext.carriers import read  # hashlib and more, which who passes tokens does not need

        found = read(request)
        if isinstance(found, str):
            return found
        if not isinstance(found, TokenVerificationError):
            found = self._in_cookies(found)
        return self._refused(found) if isinstance(found, TokenVerificationError) else found

    def _in_cookies(self, cookies: Cookies) -> str | TokenVerificationError:
        """The token of the instance's cookies, or why a request is signed out without a look at one."""
        from clerk_ext.carriers import Instance, by_cookie

        if self._instance is None:
            self._instance = Instance.of(self.config.publishable_key)
        return by_cookie(cookies, self._instance, self.config.clock())

    def _without_token(self) -> RequestState:
        return self._refused(missing())

    def _refused(self, refusal: TokenVerificationError) -> RequestState:
        self._judge.count(refusal)
        return signed_out(self.config.name, refusal)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config!r})"


class Clerk(FrontDoor[Verifier, "Pool"]):
    """One Clerk instance: verifies its session tokens and calls its session endpoints.

    Threads may share it; a fork may inherit it. Nothing is sent before it is needed.

    Args:
        config: The instance's settings.
        transport: What everything is sent through, the fetch of the key set included; closing it stays with you.
        revocations: Asked on every verification of a session token; see `Revocations`.
    """

    def __init__(
        self,
        config: ClerkConfig,
        *,
        transport: httpx.BaseTransport | None = None,
        revocations: RevocationCheck | None = None,
    ) -> None:
        self._check(config, transport, "BaseTransport")
        from clerk_ext.pools import Clients, Pool

        pool = Pool(Clients(transport), clock=config.clock, monotonic=config.monotonic)
        self._open(Verifier(judge_of(config, revocations), pool), pool, owns_pool=True)

    def _open(self, verifier: Verifier, pool: Pool, *, owns_pool: bool) -> None:
        super()._open(verifier, pool, owns_pool=owns_pool)
        self._sessions: Sessions | None = None

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        revocations: RevocationCheck | None = None,
    ) -> Self:
        """A `Clerk` with the settings of the environment; see `ClerkConfig.from_env`.

        Raises:
            ConfigurationError: A value cannot work.
        """
        return cls(ClerkConfig.from_env(environ), transport=transport, revocations=revocations)

    def with_policy(
        self,
        *,
        authorized_parties: Collection[str] | Unchanged | None = UNCHANGED,
        allow_missing_azp: bool | Unchanged = UNCHANGED,
        accept_pending: bool | Unchanged = UNCHANGED,
        audience: str | Collection[str] | Unchanged | None = UNCHANGED,
        max_age: float | Unchanged | None = UNCHANGED,
    ) -> Self:
        """A client of the same instance with another policy; what is left out stays.

        It shares keys, connections, revocations and counts, and never a verified token. Closing it leaves the
        connections open. Make it once and keep it: it remembers the tokens that it verified.

        Args:
            authorized_parties: The origins whose tokens to accept; None for any.
            allow_missing_azp: Also accept tokens that name no party, as the Backend API mints them.
            accept_pending: Accept sessions with outstanding tasks.
            audience: One or several values of which ``aud`` must name one; None refuses tokens with an ``aud``.
            max_age: The greatest age of a token since ``iat``, in seconds; None for no limit beyond ``exp``.

        Raises:
            ConfigurationError: A value cannot work.
        """
        judge = self._judge.with_policy(
            authorized_parties=authorized_parties,
            allow_missing_azp=allow_missing_azp,
            accept_pending=accept_pending,
            audience=audience,
            max_age=max_age,
        )
        return self._sharing(Verifier(judge, self._pool), self._pool, owns_pool=False)

    def as_async(self, *, transport: httpx.AsyncBaseTransport | None = None) -> AsyncClerk:
        """The same client for asyncio: on the same keys, verified tokens, revocations and counts.

        Args:
            transport: What it sends everything through. Needed if this client was given a transport that is not for
                both worlds: else requests would silently go another way.

        Raises:
            ValueError: A transport is needed and was not given.
            TypeError: *transport* is not for asyncio.
        """
        self._check(self.config, transport, "AsyncBaseTransport")
        pool = self._pool.as_async(transport)
        return AsyncClerk._sharing(AsyncVerifier(self._judge, pool), pool, owns_pool=True)

    @property
    def sessions(self) -> Sessions:
        """The session endpoints."""
        if self._sessions is None:
            from clerk_ext.sessions import Sessions  # many processes only verify

            self._sessions = Sessions(self._calls, self._pool, self._note)
        return self._sessions

    def verify_token(self, session_token: str) -> SessionClaims:
        """Verify a session token.

        Args:
            session_token: The JWT of the ``Authorization`` header or the ``__session`` cookie.

        Raises:
            TokenVerificationError: It is refused; ``.reason`` says why. Answer 401.
            VerificationUnavailable: It cannot be judged now. Answer 503.
        """
        return self._verifier.session(session_token)

    def authenticate_token(self, session_token: str | None) -> RequestState:
        """Verify a session token without raising for it: the state says whether the request is signed in.

        Args:
            session_token: The token, or None or ``""`` where the request has none.

        Raises:
            VerificationUnavailable: It cannot be judged now. Answer 503: an outage must not look like signed out.
        """
        if not session_token:
            return self._without_token()
        try:
            return signed_in(session_token, self._verifier.session(session_token))
        except TokenVerificationError as refusal:
            return signed_out(self.config.name, refusal)

    def authenticate_request(self, request: RequestLike) -> RequestState:
        """Find the session token of a request and verify it (Clerk docs, ``authenticateRequest()``).

        A token in the ``Authorization`` header (``Bearer``) beats the ``__session`` cookie, which counts only if the
        ``__client_uat`` cookie says that the browser is signed in, and since before the token was issued.

        Args:
            request: Anything with headers: a request of httpx, Starlette, FastAPI, Django, Flask; a mapping of header
                names to values; a WSGI environ; an ASGI scope.

        Raises:
            VerificationUnavailable: It cannot be judged now. Answer 503: an outage must not look like signed out.
            TypeError: *request* has no headers that can be read.
        """
        carried = self._carried_by(request)
        return carried if isinstance(carried, RequestState) else self.authenticate_token(carried)

    def verify_template_token(self, jwt: str) -> TemplateClaims:
        """Verify a token that was minted from a JWT template, and nothing else.

        Such a token has no session: it stays valid until it expires, even when its session is revoked.

        Raises:
            TokenVerificationError: It is refused; ``.reason`` says why. Answer 401.
            VerificationUnavailable: It cannot be judged now. Answer 503.
        """
        return self._verifier.template(jwt)

    def explain_token(self, session_token: str) -> Explanation:
        """Say of each check whether a session token passes it, in order, and what to do where it fails.

        For people: print it. It holds nothing secret. It verifies anew, counts nowhere and remembers nothing.

        Raises:
            VerificationUnavailable: It cannot be judged now.
        """
        from clerk_ext.tokens.explanation import explain

        return self._verifier.run(explain(self._judge, session_token))

    def prewarm(self) -> None:
        """Fetch the key set now, so that the first request need not wait for it.

        Raises:
            JWKSUnavailable: It cannot be had.
        """
        self._verifier.run(self._judge.prewarm())

    def jwks(self) -> JSONWebKeySet:
        """The instance's key set as the Backend API gives it.

        Raises:
            ConfigurationError: There is no secret key.
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.jwks())

    def close(self) -> None:
        """Close the connections. A later call opens new ones."""
        if self._owns_pool:
            self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClerk(FrontDoor[AsyncVerifier, "AsyncPool"]):
    """The same as `Clerk`, awaited, on asyncio.

    Event loops may share it; each has its own connections. Tokens are verified on the loop itself: it takes less time
    than handing them to a thread.

    Args:
        config: The instance's settings.
        transport: What everything is sent through, the fetch of the key set included; closing it stays with you.
        revocations: Asked on every verification of a session token; see `Revocations`.
    """

    def __init__(
        self,
        config: ClerkConfig,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        revocations: RevocationCheck | None = None,
    ) -> None:
        self._check(config, transport, "AsyncBaseTransport")
        from clerk_ext.pools import AsyncClients, AsyncPool

        pool = AsyncPool(AsyncClients(transport), clock=config.clock, monotonic=config.monotonic)
        self._open(AsyncVerifier(judge_of(config, revocations), pool), pool, owns_pool=True)

    def _open(self, verifier: AsyncVerifier, pool: AsyncPool, *, owns_pool: bool) -> None:
        super()._open(verifier, pool, owns_pool=owns_pool)
        self._sessions: AsyncSessions | None = None

    @classmethod
    def from_env(
        cls,
        environ: Mapping[str, str] | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        revocations: RevocationCheck | None = None,
    ) -> Self:
        """See `Clerk.from_env`."""
        return cls(ClerkConfig.from_env(environ), transport=transport, revocations=revocations)

    def with_policy(
        self,
        *,
        authorized_parties: Collection[str] | Unchanged | None = UNCHANGED,
        allow_missing_azp: bool | Unchanged = UNCHANGED,
        accept_pending: bool | Unchanged = UNCHANGED,
        audience: str | Collection[str] | Unchanged | None = UNCHANGED,
        max_age: float | Unchanged | None = UNCHANGED,
    ) -> Self:
        """See `Clerk.with_policy`."""
        judge = self._judge.with_policy(
            authorized_parties=authorized_parties,
            allow_missing_azp=allow_missing_azp,
            accept_pending=accept_pending,
            audience=audience,
            max_age=max_age,
        )
        return self._sharing(AsyncVerifier(judge, self._pool), self._pool, owns_pool=False)

    @property
    def sessions(self) -> AsyncSessions:
        """The session endpoints."""
        if self._sessions is None:
            from clerk_ext.sessions import AsyncSessions  # many processes only verify

            self._sessions = AsyncSessions(self._calls, self._pool, self._note)
        return self._sessions

    async def verify_token(self, session_token: str) -> SessionClaims:
        """See `Clerk.verify_token`."""
        return await self._verifier.session(session_token)

    async def authenticate_token(self, session_token: str | None) -> RequestState:
        """See `Clerk.authenticate_token`."""
        if not session_token:
            return self._without_token()
        try:
            return signed_in(session_token, await self._verifier.session(session_token))
        except TokenVerificationError as refusal:
            return signed_out(self.config.name, refusal)

    async def authenticate_request(self, request: RequestLike) -> RequestState:
        """See `Clerk.authenticate_request`."""
        carried = self._carried_by(request)
        return carried if isinstance(carried, RequestState) else await self.authenticate_token(carried)

    async def verify_template_token(self, jwt: str) -> TemplateClaims:
        """See `Clerk.verify_template_token`."""
        return await self._verifier.template(jwt)

    async def explain_token(self, session_token: str) -> Explanation:
        """See `Clerk.explain_token`."""
        from clerk_ext.tokens.explanation import explain

        return await self._verifier.run(explain(self._judge, session_token))

    async def prewarm(self) -> None:
        """See `Clerk.prewarm`."""
        await self._verifier.run(self._judge.prewarm())

    async def jwks(self) -> JSONWebKeySet:
        """See `Clerk.jwks`."""
        return await self._pool.call(self._calls.jwks())

    async def aclose(self) -> None:
        """Close the connections of the running event loop. A later call opens new ones."""
        if self._owns_pool:
            await self._pool.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


# What `Tenants` needs of a client and users do not.


def clerk_of(verifier: Verifier) -> Clerk:
    """The client of one of many tenants: closing it leaves the pool open."""
    return Clerk._sharing(verifier, verifier.pool, owns_pool=False)  # pyright: ignore[reportPrivateUsage]


def async_clerk_of(verifier: AsyncVerifier) -> AsyncClerk:
    """See `clerk_of`."""
    return AsyncClerk._sharing(verifier, verifier.pool, owns_pool=False)  # pyright: ignore[reportPrivateUsage]


def calls_of(clerk: Clerk | AsyncClerk) -> SessionCalls:
    """A client's operations as requests and readings of answers."""
    return clerk._calls  # pyright: ignore[reportPrivateUsage]


def note_of(clerk: Clerk | AsyncClerk) -> NoteRevoked:
    """What tells a client's revocations of a session that ended."""
    return clerk._note  # pyright: ignore[reportPrivateUsage]


def pool_of(clerk: FrontDoor[V, P]) -> P:
    """What a client sends through."""
    return clerk._pool  # pyright: ignore[reportPrivateUsage]


def refused_by(clerk: Clerk | AsyncClerk, refusal: TokenVerificationError) -> RequestState:
    """The state of a request that a client refuses without a look at a token."""
    return clerk._refused(refusal)  # pyright: ignore[reportPrivateUsage]


def in_cookies(clerk: Clerk | AsyncClerk, cookies: Cookies) -> str | TokenVerificationError:
    """The token of a client's cookies, or why it refuses a request without a look at one."""
    return clerk._in_cookies(cookies)  # pyright: ignore[reportPrivateUsage]
