"""Clerk's session endpoints without I/O: arguments checked and made into requests, answers read.

What `Sessions` and `AsyncSessions` share. Ranges are those of the recorded specification; a test compares them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from clerk_ext.errors import APIResponseError, ConfigurationError
from clerk_ext.retries import NEVER
from clerk_ext.transport import Call, generated_client

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    import httpx

    from clerk_ext.config import ClerkConfig
    from clerk_sessions_api import AuthenticatedClient
    from clerk_sessions_api.models import (
        CreateSessionTokenBody,
        JSONWebKeySet,
        Session,
        SessionPage,
        SessionStatusFilter,
    )

StatusFilter: TypeAlias = Literal["abandoned", "active", "ended", "expired", "removed", "replaced", "revoked"]
LIMITS = (1, 500)
"""The least and the most sessions that one page may have."""
LIFETIMES = (30, 315_360_000)
"""The shortest and the longest lifetime of a token that is minted, in seconds."""


def _whole(name: str, value: object, least: int, most: int | None = None) -> None:
    """Refuse what is no int within bounds."""
    if type(value) is not int:
        raise TypeError(f"{name}: write an int, not {type(value).__name__}.")
    if value < least or (most is not None and value > most):
        upper = "up" if most is None else f"to {most}"
        raise ValueError(f"{name}: {value} is out of range; write a number from {least} {upper}.")


def _texts(**arguments: object) -> None:
    """Refuse what is no str, or an empty one that would silently mean another question."""
    for name, value in arguments.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}: write a str, not {type(value).__name__}.")
        if not value:
            raise ValueError(f"{name}: is empty.")


def _given(**arguments: object) -> None:
    _texts(**{name: value for name, value in arguments.items() if value is not None})


class SessionCalls:
    """The operations as requests and readings of answers, without I/O."""

    def __init__(self, config: ClerkConfig) -> None:
        self._config = config
        self._made: AuthenticatedClient | None = None

    @property
    def _client(self) -> AuthenticatedClient:
        if self._made is None:
            if self._config.secret_key is None:
                raise ConfigurationError(
                    "secret_key",
                    "the Backend API needs it. Give ClerkConfig the key that begins with sk_test_ or sk_live_.",
                )
            self._made = generated_client(self._config)
        return self._made

    def jwks(self) -> Call[JSONWebKeySet]:
        """``GET /jwks``."""
        from clerk_sessions_api.api.jwks import get_jwks as operation

        return Call(operation.build_request(self._client), operation.parse_success)

    def _list(
        self,
        client_id: str | None,
        user_id: str | None,
        status: str | None,
        limit: int,
        offset: int,
        paginated: bool | None,
    ) -> httpx.Request:
        from clerk_sessions_api.api.sessions import get_session_list as operation

        _given(client_id=client_id, user_id=user_id)
        _whole("limit", limit, *LIMITS)
        _whole("offset", offset, 0)
        return operation.build_request(
            self._client,
            client_id=client_id,
            user_id=user_id,
            status=_status_filter(status),
            paginated=paginated,
            limit=limit,
            offset=offset,
        )

    def listing(
        self, client_id: str | None, user_id: str | None, status: str | None, limit: int, offset: int
    ) -> Call[list[Session]]:
        """``GET /sessions``: the bare array."""
        return Call(
            self._list(client_id, user_id, status, limit, offset, None),
            lambda response: _read_list(response).sessions,
        )

    def page(
        self, client_id: str | None, user_id: str | None, status: str | None, limit: int, offset: int
    ) -> Call[SessionPage]:
        """``GET /sessions?paginated=true``: the object that tells the total."""

        def parse(response: httpx.Response) -> SessionPage:
            from clerk_sessions_api.models import SessionPage

            found = _read_list(response)
            total = found.total
            if total is None:  # a bare array, as the published specification has it: its end tells the total
                if len(found.sessions) >= limit or (offset and not found.sessions):
                    raise APIResponseError(
                        "GET /sessions: the server tells no total_count; use list() or iterate()",
                        response.status_code,
                    )
                total = offset + len(found.sessions)
            return SessionPage(data=found.sessions, total_count=total)

        return Call(self._list(client_id, user_id, status, limit, offset, True), parse)

    def pages(
        self, client_id: str | None, user_id: str | None, status: str | None, page_size: int
    ) -> Generator[Call[Found], Found, None]:
        """The calls that bring every session, page after page; what each brought is sent in."""
        offset, total, count = 0, None, page_size
        while count if total is None else offset < total:
            found = yield Call(self._list(client_id, user_id, status, page_size, offset, True), _read_list)
            count = len(found.sessions)
            # Sessions that went meanwhile moved those behind them forward: step back by as many, to miss none.
            gone = 0 if total is None or found.total is None else max(0, total - found.total)
            offset, total = offset + count - gone, found.total
            if count == 0:
                return

    def get(self, session_id: str) -> Call[Session]:
        """``GET /sessions/{session_id}``."""
        from clerk_sessions_api.api.sessions import get_session as operation

        _texts(session_id=session_id)
        return Call(operation.build_request(self._client, session_id), operation.parse_success)

    def create(self, user_id: str, active_organization_id: str | None) -> Call[Session]:
        """``POST /sessions``."""
        from clerk_sessions_api.api.sessions import create_session as operation
        from clerk_sessions_api.models import CreateSessionBody

        _texts(user_id=user_id)
        _given(active_organization_id=active_organization_id)
        body = CreateSessionBody(user_id=user_id, active_organization_id=active_organization_id)
        return Call(operation.build_request(self._client, body=body), operation.parse_success)

    def revoke(self, session_id: str) -> Call[Session]:
        """``POST /sessions/{session_id}/revoke``."""
        from clerk_sessions_api.api.sessions import revoke_session as operation

        _texts(session_id=session_id)
        return Call(operation.build_request(self._client, session_id), operation.parse_success)

    def refresh(
        self,
        session_id: str,
        expired_token: str,
        refresh_token: str,
        request_origin: str,
        format: Literal["token", "cookie"],
        request_headers: Mapping[str, str | Sequence[str]] | None,
        request_originating_ip: str | None,
    ) -> Call[str | list[str]]:
        """``POST /sessions/{session_id}/refresh``; each expired token is taken once, so it is never sent again."""
        from clerk_sessions_api.api.sessions import refresh_session as operation
        from clerk_sessions_api.models import RefreshFormat, RefreshSessionBody, SessionToken

        _texts(
            session_id=session_id,
            expired_token=expired_token,
            refresh_token=refresh_token,
            request_origin=request_origin,
        )
        _given(request_originating_ip=request_originating_ip)
        if format not in ("token", "cookie"):
            raise ValueError("format: write 'token' or 'cookie'.")
        body = RefreshSessionBody(
            expired_token=expired_token,
            refresh_token=refresh_token,
            request_origin=request_origin,
            request_headers=_header_lists(request_headers),
            format=RefreshFormat(format),
            request_originating_ip=request_originating_ip,
        )

        def parse(response: httpx.Response) -> str | list[str]:
            answer = operation.parse_success(response)
            is_token = isinstance(answer, SessionToken)
            if is_token != (format == "token"):
                raise APIResponseError(f"refresh: the answer is not in the format {format!r}", response.status_code)
            return answer.jwt if isinstance(answer, SessionToken) else answer.cookies

        return Call(operation.build_request(self._client, session_id, body=body), parse, NEVER)

    def create_token(self, session_id: str, expires_in_seconds: int | None) -> Call[str]:
        """``POST /sessions/{session_id}/tokens``."""
        from clerk_sessions_api.api.sessions import create_session_token as operation

        _texts(session_id=session_id)
        body = _token_body(expires_in_seconds)
        request = operation.build_request(self._client, session_id, body=body)
        return Call(request, lambda response: operation.parse_success(response).jwt)

    def create_token_from_template(
        self, session_id: str, template_name: str, expires_in_seconds: int | None
    ) -> Call[str]:
        """``POST /sessions/{session_id}/tokens/{template_name}``."""
        from clerk_sessions_api.api.sessions import create_session_token_from_template as operation

        _texts(session_id=session_id, template_name=template_name)
        body = _token_body(expires_in_seconds)
        request = operation.build_request(self._client, session_id, template_name, body=body)
        return Call(request, lambda response: operation.parse_success(response).jwt)


def _status_filter(status: str | None) -> SessionStatusFilter | None:
    from clerk_sessions_api.models import SessionStatusFilter

    try:
        return None if status is None else SessionStatusFilter(status)
    except ValueError:
        known = ", ".join(SessionStatusFilter)
        raise ValueError(f"status: Clerk cannot filter by {status!r}; write one of {known}.") from None


@attrs.frozen
class Found:
    """Sessions of one answer, and how many there are in all, if it says."""

    sessions: list[Session]
    total: int | None


def _read_list(response: httpx.Response) -> Found:
    from clerk_sessions_api.api.sessions import get_session_list as operation

    answer = operation.parse_success(response)
    return Found(answer, None) if isinstance(answer, list) else Found(answer.data, answer.total_count)


def _token_body(expires_in_seconds: int | None) -> CreateSessionTokenBody:
    from clerk_sessions_api.models import CreateSessionTokenBody

    if expires_in_seconds is not None:
        _whole("expires_in_seconds", expires_in_seconds, *LIFETIMES)
    return CreateSessionTokenBody(expires_in_seconds=expires_in_seconds)


def _header_lists(headers: Mapping[str, str | Sequence[str]] | None) -> dict[str, list[str]] | None:
    """Headers as the API wants them: each name with a list of values."""
    if headers is None:
        return None
    return {name: [value] if isinstance(value, str) else list(value) for name, value in headers.items()}


class Once:
    """Lets each session through a single time: pages overlap when sessions come and go between them."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, sessions: list[Session]) -> list[Session]:
        """Those of *sessions* that were not let through before."""
        new = [session for session in sessions if session.id not in self._seen]
        self._seen.update(session.id for session in new)
        return new
