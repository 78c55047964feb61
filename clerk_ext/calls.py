"""Clerk's session endpoints without I/O: arguments checked and made into requests, answers read.

What `Sessions` and `AsyncSessions` share. Ranges are those of the recorded specification; a test compares them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs

from clerk_ext.errors import APIResponseError, ConfigurationError
from clerk_ext.retries import NEVER
from clerk_ext.transport import Call, generated_client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
_MOST_FRUITLESS = 100
"""Pages in a row without a new session, beyond those that all known sessions fill, which make no sense any more."""


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
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(f"{name}: is not Unicode text; it holds a lone surrogate.")


def check_ids(**arguments: object) -> None:
    """Refuse what is no id; a credential in its place would end up in URLs, hence in logs."""
    _texts(**arguments)
    for name, value in arguments.items():
        if str(value).startswith(("eyJ", "sk_")):
            raise ValueError(f"{name}: this looks like a token or a key; write an id.")


def _given(**arguments: object) -> dict[str, object]:
    return {name: value for name, value in arguments.items() if value is not None}


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

        check_ids(**_given(client_id=client_id, user_id=user_id))
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

    def walk(self, client_id: str | None, user_id: str | None, status: str | None, page_size: int) -> Walk:
        """``GET /sessions?paginated=true`` as often as it takes to bring every session."""
        _whole("page_size", page_size, *LIMITS)
        return Walk(lambda limit, offset: self._list(client_id, user_id, status, limit, offset, True), page_size)

    def get(self, session_id: str) -> Call[Session]:
        """``GET /sessions/{session_id}``."""
        from clerk_sessions_api.api.sessions import get_session as operation

        check_ids(session_id=session_id)
        return Call(operation.build_request(self._client, session_id), operation.parse_success)

    def create(self, user_id: str, active_organization_id: str | None) -> Call[Session]:
        """``POST /sessions``."""
        from clerk_sessions_api.api.sessions import create_session as operation
        from clerk_sessions_api.models import CreateSessionBody

        check_ids(user_id=user_id, **_given(active_organization_id=active_organization_id))
        body = CreateSessionBody(user_id=user_id, active_organization_id=active_organization_id)
        return Call(operation.build_request(self._client, body=body), operation.parse_success)

    def revoke(self, session_id: str) -> Call[Session]:
        """``POST /sessions/{session_id}/revoke``."""
        from clerk_sessions_api.api.sessions import revoke_session as operation

        check_ids(session_id=session_id)
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

        check_ids(session_id=session_id)
        _texts(
            expired_token=expired_token,
            refresh_token=refresh_token,
            request_origin=request_origin,
            **_given(request_originating_ip=request_originating_ip),
        )
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

        check_ids(session_id=session_id)
        body = _token_body(expires_in_seconds)
        request = operation.build_request(self._client, session_id, body=body)
        return Call(request, lambda response: operation.parse_success(response).jwt)

    def create_token_from_template(
        self, session_id: str, template_name: str, expires_in_seconds: int | None
    ) -> Call[str]:
        """``POST /sessions/{session_id}/tokens/{template_name}``."""
        from clerk_sessions_api.api.sessions import create_session_token_from_template as operation

        check_ids(session_id=session_id)
        _texts(template_name=template_name)
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
    """Headers as the API wants them: each name with a list of values, also of mappings that give a name twice."""
    if headers is None:
        return None
    lists: dict[str, list[str]] = {}
    for name, value in headers.items():
        values = [value] if isinstance(value, str) else value
        if not isinstance(name, str) or not isinstance(values, Sequence) or not all(isinstance(v, str) for v in values):
            raise TypeError("request_headers: write a str, or a list of them, for each name.")
        lists.setdefault(name, []).extend(values)
    return lists


class Walk:
    """Every session, page after page, each id once: what to ask for next, and what an answer brings.

    Each page begins with the session that ended the page before it. If it does not, sessions before it have gone and
    moved the others forward: the walk steps back to known ground, so that none is missed.
    """

    def __init__(self, ask: Callable[[int, int], httpx.Request], page_size: int) -> None:
        self._ask = ask
        self._limit = max(2, page_size)  # one session of each page is known already
        self._offset = 0
        self._seen: set[str] = set()
        self._known_ground: set[str] = set()  # of what stands before these in the list, nothing was missed
        self._fruitless = 0
        self._done = False

    def next_call(self) -> Call[Found] | None:
        """The next page to ask for; None at the end."""
        return None if self._done else Call(self._ask(self._limit, self._offset), _read_list)

    def take(self, found: Found) -> list[Session]:
        """Those of a page's sessions that are new."""
        new = {session.id: session for session in found.sessions if session.id not in self._seen}
        self._seen.update(new)
        self._fruitless = 0 if new else self._fruitless + 1
        if self._fruitless > _MOST_FRUITLESS + len(self._seen) // (self._limit - 1):
            raise APIResponseError("GET /sessions: the pages do not follow each other (offset, total_count)", 200)
        if self._offset == 0 or (found.sessions and found.sessions[0].id in self._known_ground):
            self._known_ground.update(session.id for session in found.sessions)
            end = self._offset + len(found.sessions)
            self._done = len(found.sessions) <= 1 or (found.total is not None and end >= found.total)
            self._offset = end - 1
        else:
            self._offset = max(0, self._offset - self._limit)
        return list(new.values())
