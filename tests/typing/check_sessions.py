"""What type checkers see of the session calls and of the clients: checked by mypy and pyright, never run."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any, assert_type

import httpx  # noqa: TC002 - nothing here runs

from clerk_ext import (
    AsyncClerk,
    Clerk,
    ClerkConfig,
    JSONWebKeySet,
    NotFoundError,
    RequestState,
    Revocations,
    Session,
    SessionClaims,
    SessionPage,
    SessionStatus,
    TemplateClaims,
)
from clerk_sessions_api.models import ErrorDetail

ORIGIN = "https://app.example.com"


def sync_calls(clerk: Clerk) -> None:
    """Every call of the sync world."""
    assert_type(clerk.sessions.list(user_id="user_1", status="active", limit=5, offset=1), list[Session])
    assert_type(clerk.sessions.page(client_id="client_1"), SessionPage)
    assert_type(clerk.sessions.iterate(user_id="user_1", page_size=50), Iterator[Session])
    assert_type(clerk.sessions.get("sess_1"), Session)
    assert_type(clerk.sessions.create(user_id="user_1", active_organization_id=None), Session)
    assert_type(clerk.sessions.revoke("sess_1"), Session)
    assert_type(clerk.sessions.create_token("sess_1", expires_in_seconds=60), str)
    assert_type(clerk.sessions.create_token_from_template("sess_1", "hasura"), str)
    assert_type(clerk.jwks(), JSONWebKeySet)
    assert_type(clerk.verify_token("t"), SessionClaims)
    assert_type(clerk.verify_template_token("t"), TemplateClaims)
    assert_type(clerk.authenticate_token(None), RequestState)
    assert_type(clerk.config, ClerkConfig)
    assert_type(clerk.prewarm(), None)
    assert_type(clerk.close(), None)
    with clerk as entered:
        assert_type(entered, Clerk)


def sync_refresh(clerk: Clerk, format: str) -> None:
    """The format decides whether a token or cookies come."""
    refresh = clerk.sessions.refresh
    assert_type(refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN), str)
    assert_type(refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN, format="token"), str)
    assert_type(refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN, format="cookie"), list[str])
    refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN, request_headers={"a": "b", "c": ["d"]})
    # A variable of unknown format has no single answer.
    refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN, format=format)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def wrong_calls(clerk: Clerk) -> None:
    """What type checkers refuse; an ignore that is not needed is an error itself."""
    clerk.sessions.list("user_1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    clerk.sessions.list(status="pending")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clerk.sessions.list(limit="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clerk.sessions.get(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def async_calls(clerk: AsyncClerk) -> None:
    """Every call of the async world."""
    assert_type(await clerk.sessions.list(user_id="user_1", status="active", limit=5, offset=1), list[Session])
    assert_type(await clerk.sessions.page(client_id="client_1"), SessionPage)
    assert_type(clerk.sessions.iterate(user_id="user_1", page_size=50), AsyncIterator[Session])
    async for session in clerk.sessions.iterate():
        assert_type(session, Session)
    assert_type(await clerk.sessions.get("sess_1"), Session)
    assert_type(await clerk.sessions.create(user_id="user_1"), Session)
    assert_type(await clerk.sessions.revoke("sess_1"), Session)
    assert_type(await clerk.sessions.create_token("sess_1"), str)
    assert_type(await clerk.sessions.create_token_from_template("sess_1", "hasura", expires_in_seconds=60), str)
    refresh = clerk.sessions.refresh
    assert_type(await refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN), str)
    assert_type(
        await refresh("s", expired_token="t", refresh_token="r", request_origin=ORIGIN, format="cookie"), list[str]
    )
    assert_type(await clerk.jwks(), JSONWebKeySet)
    assert_type(await clerk.verify_token("t"), SessionClaims)
    assert_type(await clerk.verify_template_token("t"), TemplateClaims)
    assert_type(await clerk.authenticate_token("t"), RequestState)
    assert_type(await clerk.prewarm(), None)
    assert_type(await clerk.aclose(), None)
    async with clerk as entered:
        assert_type(entered, AsyncClerk)


def models(session: Session, page: SessionPage) -> None:
    """The fields of an answer."""
    assert_type(session.status, SessionStatus | str)
    assert_type(session.expire_at, dt.datetime)
    assert_type(session.expire_at_ms, int)
    assert_type(session.actor, dict[str, Any] | None)
    assert_type(page.data, list[Session])
    assert_type(page.total_count, int)


def errors(error: NotFoundError) -> None:
    """The fields of an error."""
    assert_type(error.status_code, int)
    assert_type(error.errors, tuple[ErrorDetail, ...])
    assert_type(error.clerk_trace_id, str | None)
    assert_type(error.retry_after, float | None)


def construction(
    config: ClerkConfig,
    transport: httpx.HTTPTransport,
    async_transport: httpx.AsyncHTTPTransport,
    revocations: Revocations,
) -> None:
    """Clients are made from a configuration, or from the environment as the class that was asked."""
    assert_type(Clerk(config, transport=transport, revocations=revocations), Clerk)
    assert_type(AsyncClerk(config, transport=async_transport, revocations=revocations), AsyncClerk)
    assert_type(Clerk.from_env(), Clerk)
    assert_type(AsyncClerk.from_env({"CLERK_SECRET_KEY": "sk_test_x"}), AsyncClerk)
    Clerk(config, transport=async_transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncClerk(config, transport=transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
