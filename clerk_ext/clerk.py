"""One tenant's front door: `Clerk`, and `AsyncClerk` with the same names awaited."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from clerk_ext.config import ClerkConfig
from clerk_ext.errors import TokenVerificationError
from clerk_ext.requests import signed_in, signed_out, without_token
from clerk_ext.tokens.judge import Judge
from clerk_ext.tokens.ring import KeyRing
from clerk_ext.tokens.token import Policy
from clerk_ext.tokens.verifier import AsyncVerifier, Verifier
from clerk_ext.transport import AsyncPool, Pool

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    import httpx

    from clerk_ext.calls import SessionCalls
    from clerk_ext.requests import RequestState
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.sessions import AsyncSessions, Sessions
    from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
    from clerk_sessions_api.models import JSONWebKeySet


def _policy(config: ClerkConfig) -> Policy:
    def chosen(values: object) -> frozenset[str] | None:
        return None if values is None else frozenset(values)  # type: ignore[call-overload]

    return Policy(
        issuers=config.issuers,
        authorized_parties=chosen(config.authorized_parties),
        allow_missing_azp=config.allow_missing_azp,
        audience=chosen(config.audience),
        clock_skew=config.clock_skew,
        accept_pending=config.accept_pending,
        max_age=config.max_age,
    )


def _judge(config: ClerkConfig, revocations: RevocationCheck | None) -> Judge:
    if config.issuers is None:
        import logging

        logging.getLogger("clerk_ext").warning(
            "tenant %s: no issuer is known, so that the iss of a token cannot be compared; add publishable_key, "
            "frontend_api or issuer",
            config.name,
        )
    return Judge(config, _policy(config), KeyRing(config), revocations)


class Clerk:
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
        self._config = config
        self._pool = Pool(transport=transport, clock=config.clock, monotonic=config.monotonic)
        self._judge = _judge(config, revocations)
        self._verifier = Verifier(self._judge, self._pool)

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

    @functools.cached_property
    def sessions(self) -> Sessions:
        """The session endpoints."""
        from clerk_ext.sessions import Sessions  # many processes only verify

        return Sessions(self._calls, self._pool, self._judge.revocations)

    @functools.cached_property
    def _calls(self) -> SessionCalls:
        from clerk_ext.calls import SessionCalls

        return SessionCalls(self._config)

    @property
    def config(self) -> ClerkConfig:
        """The instance's settings."""
        return self._config

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
            return without_token(self._config.name)
        try:
            return signed_in(session_token, self._verifier.session(session_token))
        except TokenVerificationError as refusal:
            return signed_out(self._config.name, refusal)

    def verify_template_token(self, jwt: str) -> TemplateClaims:
        """Verify a token that was minted from a JWT template, and nothing else.

        Such a token has no session: it stays valid until it expires, even when its session is revoked.

        Raises:
            TokenVerificationError: It is refused; ``.reason`` says why. Answer 401.
            VerificationUnavailable: It cannot be judged now. Answer 503.
        """
        return self._verifier.template(jwt)

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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._config!r})"


class AsyncClerk:
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
        self._config = config
        self._pool = AsyncPool(transport=transport, clock=config.clock, monotonic=config.monotonic)
        self._judge = _judge(config, revocations)
        self._verifier = AsyncVerifier(self._judge, self._pool)

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

    @functools.cached_property
    def sessions(self) -> AsyncSessions:
        """The session endpoints."""
        from clerk_ext.sessions import AsyncSessions  # many processes only verify

        return AsyncSessions(self._calls, self._pool, self._judge.revocations)

    @functools.cached_property
    def _calls(self) -> SessionCalls:
        from clerk_ext.calls import SessionCalls

        return SessionCalls(self._config)

    @property
    def config(self) -> ClerkConfig:
        """The instance's settings."""
        return self._config

    async def verify_token(self, session_token: str) -> SessionClaims:
        """See `Clerk.verify_token`."""
        return await self._verifier.session(session_token)

    async def authenticate_token(self, session_token: str | None) -> RequestState:
        """See `Clerk.authenticate_token`."""
        if not session_token:
            return without_token(self._config.name)
        try:
            return signed_in(session_token, await self._verifier.session(session_token))
        except TokenVerificationError as refusal:
            return signed_out(self._config.name, refusal)

    async def verify_template_token(self, jwt: str) -> TemplateClaims:
        """See `Clerk.verify_template_token`."""
        return await self._verifier.template(jwt)

    async def prewarm(self) -> None:
        """See `Clerk.prewarm`."""
        await self._verifier.run(self._judge.prewarm())

    async def jwks(self) -> JSONWebKeySet:
        """See `Clerk.jwks`."""
        return await self._pool.call(self._calls.jwks())

    async def aclose(self) -> None:
        """Close the connections of the running event loop. A later call opens new ones."""
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

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._config!r})"
