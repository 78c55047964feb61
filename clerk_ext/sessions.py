"""Clerk's session endpoints as users want them: `Sessions`, and `AsyncSessions` with the same names awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

import attrs

from clerk_ext.errors import APIStatusError
from clerk_ext.revocations import Revocations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from clerk_ext.calls import SessionCalls, StatusFilter
    from clerk_ext.pools import AsyncPool, Pool
    from clerk_ext.revocations import RevocationCheck
    from clerk_sessions_api.models import Session, SessionPage

    SessionList: TypeAlias = list[Session]  # inside the classes below, `list` is their method
    Cookies: TypeAlias = list[str]


class Sessions:
    """Clerk's session endpoints (Clerk docs, "Backend API", Sessions)."""

    def __init__(self, calls: SessionCalls, pool: Pool, note: NoteRevoked) -> None:
        self._calls = calls
        self._pool = pool
        self._note = note

    def list(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        status: StatusFilter | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> SessionList:
        """Sessions of a client or a user, newest first; Clerk expects one of the two to be given.

        Clerk removes sessions that ended long ago.

        Args:
            client_id: Only those of this client, ``client_…``.
            user_id: Only those of this user, ``user_…``.
            status: Only those in this state.
            limit: The most to give, 1 to 500.
            offset: How many of the newest to leave out.

        Raises:
            ValueError: An argument is out of range; nothing was sent.
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.listing(client_id, user_id, status, limit, offset))

    def page(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        status: StatusFilter | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> SessionPage:
        """The same as `list`, with the number of sessions that there are in all (``total_count``).

        Raises:
            ValueError: An argument is out of range; nothing was sent.
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.page(client_id, user_id, status, limit, offset))

    def iterate(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        status: StatusFilter | None = None,
        page_size: int = 100,
    ) -> Iterator[Session]:
        """Every session, page after page, each id once.

        Sessions that come or go between two pages make no other one be missed.

        Args:
            client_id: Only those of this client, ``client_…``.
            user_id: Only those of this user, ``user_…``.
            status: Only those in this state.
            page_size: How many to ask for at a time, 1 to 500; each page repeats the last session of the one before.

        Raises:
            ValueError: An argument is out of range; nothing was sent. Raised with the first session asked for.
            APIError: No good answer came; the sessions until then were given.
        """
        walk = self._calls.walk(client_id, user_id, status, page_size)
        while (call := walk.next_call()) is not None:
            yield from walk.take(self._pool.call(call))

    def get(self, session_id: str) -> Session:
        """One session.

        Raises:
            NotFoundError: This instance has no session of that id.
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.get(session_id))

    def create(self, *, user_id: str, active_organization_id: str | None = None) -> Session:
        """Sign a user in without a browser, for tests: production instances refuse it.

        Args:
            user_id: The user, ``user_…``.
            active_organization_id: The organisation to be active in the session, ``org_…``.

        Raises:
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.create(user_id, active_organization_id))

    def revoke(self, session_id: str) -> Session:
        """End a session, whose user has to sign in again.

        Its tokens stay valid until they expire, a minute by default, wherever they are verified without asking a
        `Revocations`; the one of this client, if it has one, is told, also where the answer is lost.

        Raises:
            NotFoundError: This instance has no session of that id.
            APIError: No good answer came.
        """
        call = self._calls.revoke(session_id)
        try:
            session = self._pool.call(call)
        except BaseException as failure:
            if may_have_been_done(failure):
                self._note(session_id)
            raise
        self._note(session_id)
        return session

    @overload
    def refresh(
        self,
        session_id: str,
        *,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["token"] = "token",
        request_headers: Mapping[str, str | Sequence[str]] | None = None,
        request_originating_ip: str | None = None,
    ) -> str: ...

    @overload
    def refresh(
        self,
        session_id: str,
        *,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["cookie"],
        request_headers: Mapping[str, str | Sequence[str]] | None = None,
        request_originating_ip: str | None = None,
    ) -> Cookies: ...

    def refresh(
        self,
        session_id: str,
        *,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["token", "cookie"] = "token",
        request_headers: Mapping[str, str | Sequence[str]] | None = None,
        request_originating_ip: str | None = None,
    ) -> str | Cookies:
        """Trade an expired session token for a fresh one.

        Each expired token can be traded once, so this is never tried again by itself.

        Args:
            session_id: The session, ``sess_…``.
            expired_token: Its expired token, the value of the ``__session`` cookie.
            refresh_token: The value of the ``__refresh_…`` cookie.
            request_origin: The origin of the browser's request; the token's ``azp`` must be the same.
            format: ``"token"`` for the new token, ``"cookie"`` for ``Set-Cookie`` values.
            request_headers: The headers of the browser's request.
            request_originating_ip: The address that it came from.

        Returns:
            The token (a JWT), or the list of ``Set-Cookie`` values.

        Raises:
            AuthenticationError: It cannot be refreshed; ``.errors[0].code`` says why.
            APIError: No good answer came.
        """
        return self._pool.call(
            self._calls.refresh(
                session_id,
                expired_token,
                refresh_token,
                request_origin,
                format,
                request_headers,
                request_originating_ip,
            )
        )

    def create_token(self, session_id: str, *, expires_in_seconds: int | None = None) -> str:
        """Mint a session token.

        Args:
            session_id: The session, ``sess_…``.
            expires_in_seconds: Its lifetime, 30 to 315360000 seconds; the instance's default if left out.

        Returns:
            The token, a JWT.

        Raises:
            ValueError: An argument is out of range; nothing was sent.
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.create_token(session_id, expires_in_seconds))

    def create_token_from_template(
        self, session_id: str, template_name: str, *, expires_in_seconds: int | None = None
    ) -> str:
        """Mint a token from one of the instance's JWT templates.

        Args:
            session_id: The session, ``sess_…``.
            template_name: The template's name, not its id.
            expires_in_seconds: Its lifetime, 30 to 315360000 seconds; the template's if left out.

        Returns:
            The token, a JWT; `verify_template_token` is its door.

        Raises:
            ValueError: An argument is out of range; nothing was sent.
            NotFoundError: There is no such session, or no such template.
            APIError: No good answer came.
        """
        return self._pool.call(self._calls.create_token_from_template(session_id, template_name, expires_in_seconds))


class AsyncSessions:
    """Clerk's session endpoints, awaited: the same names and arguments as `Sessions`."""

    def __init__(self, calls: SessionCalls, pool: AsyncPool, note: NoteRevoked) -> None:
        self._calls = calls
        self._pool = pool
        self._note = note

    async def list(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        status: StatusFilter | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> SessionList:
        """See `Sessions.list`."""
        return await self._pool.call(self._calls.listing(client_id, user_id, status, limit, offset))

    async def page(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        status: StatusFilter | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> SessionPage:
        """See `Sessions.page`."""
        return await self._pool.call(self._calls.page(client_id, user_id, status, limit, offset))

    async def iterate(
        self,
        *,
        client_id: str | None = None,
        user_id: str | None = None,
        status: StatusFilter | None = None,
        page_size: int = 100,
    ) -> AsyncIterator[Session]:
        """See `Sessions.iterate`."""
        walk = self._calls.walk(client_id, user_id, status, page_size)
        while (call := walk.next_call()) is not None:
            for session in walk.take(await self._pool.call(call)):
                yield session

    async def get(self, session_id: str) -> Session:
        """See `Sessions.get`."""
        return await self._pool.call(self._calls.get(session_id))

    async def create(self, *, user_id: str, active_organization_id: str | None = None) -> Session:
        """See `Sessions.create`."""
        return await self._pool.call(self._calls.create(user_id, active_organization_id))

    async def revoke(self, session_id: str) -> Session:
        """See `Sessions.revoke`."""
        call = self._calls.revoke(session_id)
        try:
            session = await self._pool.call(call)
        except BaseException as failure:
            if may_have_been_done(failure):
                self._note(session_id)
            raise
        self._note(session_id)
        return session

    @overload
    async def refresh(
        self,
        session_id: str,
        *,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["token"] = "token",
        request_headers: Mapping[str, str | Sequence[str]] | None = None,
        request_originating_ip: str | None = None,
    ) -> str: ...

    @overload
    async def refresh(
        self,
        session_id: str,
        *,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["cookie"],
        request_headers: Mapping[str, str | Sequence[str]] | None = None,
        request_originating_ip: str | None = None,
    ) -> Cookies: ...

    async def refresh(
        self,
        session_id: str,
        *,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["token", "cookie"] = "token",
        request_headers: Mapping[str, str | Sequence[str]] | None = None,
        request_originating_ip: str | None = None,
    ) -> str | Cookies:
        """See `Sessions.refresh`."""
        return await self._pool.call(
            self._calls.refresh(
                session_id,
                expired_token,
                refresh_token,
                request_origin,
                format,
                request_headers,
                request_originating_ip,
            )
        )

    async def create_token(self, session_id: str, *, expires_in_seconds: int | None = None) -> str:
        """See `Sessions.create_token`."""
        return await self._pool.call(self._calls.create_token(session_id, expires_in_seconds))

    async def create_token_from_template(
        self, session_id: str, template_name: str, *, expires_in_seconds: int | None = None
    ) -> str:
        """See `Sessions.create_token_from_template`."""
        return await self._pool.call(
            self._calls.create_token_from_template(session_id, template_name, expires_in_seconds)
        )


def may_have_been_done(failure: BaseException) -> bool:
    """Whether the server may have done what was asked: it did not say no, its answer is lost or unreadable."""
    return not isinstance(failure, APIStatusError) or failure.status_code >= 500


@attrs.frozen
class NoteRevoked:
    """Tells the revocations that a client asks of a session that it ended.

    Attributes:
        revocations: What it asks; only the built-in one takes notes.
        tenant: The tenant alone that it is about, where several share the revocations.
    """

    revocations: RevocationCheck | None
    tenant: str | None

    def __call__(self, session_id: str) -> None:
        """The session was revoked, or may have been."""
        if isinstance(self.revocations, Revocations):
            self.revocations.revoke_session(session_id, tenant=self.tenant)
