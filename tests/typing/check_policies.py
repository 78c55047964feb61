"""What type checkers see of policies, twins, counts and `has`: checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_type

import httpx  # noqa: TC002 - nothing here runs

from clerk_ext import AsyncClerk, Clerk, Reason, RequestState, SessionClaims, Stats


def policies(clerk: Clerk, asynchronous: AsyncClerk) -> None:
    """A view is a client of the same world."""
    assert_type(clerk.with_policy(), Clerk)
    assert_type(clerk.with_policy(authorized_parties=["https://a.example"], max_age=60), Clerk)
    assert_type(clerk.with_policy(authorized_parties=None, audience=None, max_age=None), Clerk)
    assert_type(clerk.with_policy(audience="api", accept_pending=True, allow_missing_azp=True), Clerk)
    assert_type(asynchronous.with_policy(audience={"api", "web"}), AsyncClerk)
    clerk.with_policy(accept_pending=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clerk.with_policy(max_age="60")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clerk.with_policy(clock_skew=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    clerk.with_policy(["https://a.example"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class MyClerk(Clerk):
    """Somebody's own subclass."""


def subclasses(mine: MyClerk) -> None:
    """A view of a subclass is of that subclass."""
    assert_type(mine.with_policy(max_age=60), MyClerk)


async def twins(
    clerk: Clerk, transport: httpx.AsyncBaseTransport, other: httpx.BaseTransport, asynchronous: AsyncClerk
) -> None:
    """The twin of the async world; it has none itself."""
    twin = clerk.as_async()
    assert_type(twin, AsyncClerk)
    assert_type(clerk.as_async(transport=transport), AsyncClerk)
    assert_type(clerk.with_policy(max_age=1).as_async(), AsyncClerk)
    assert_type(await twin.verify_token("x"), SessionClaims)
    assert_type(await twin.authenticate_token("x"), RequestState)
    assert_type(twin.stats(), Stats)
    clerk.as_async(transport=other)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    asynchronous.as_async()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def counts(clerk: Clerk) -> None:
    """Numbers, and numbers by reason."""
    stats = clerk.stats()
    assert_type(stats, Stats)
    assert_type(stats.tenant, str)
    assert_type(stats.verified + stats.cache_hits + stats.unavailable + stats.keys + stats.remembered, int)
    assert_type(stats.refused, Mapping[Reason, int])
    assert_type(stats.fetches.get("fetched"), int | None)
    stats.verified = 0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    stats.fetches["lost"]  # type: ignore[index]  # pyright: ignore[reportArgumentType]


def grants(claims: SessionClaims) -> None:
    """What may be asked."""
    assert_type(claims.has(role="org:admin", permission="org:invoices:create"), bool)
    assert_type(claims.has(feature="o:reports", plan="pro", reverification="strict_mfa"), bool)
    claims.has(reverification={"level": "second_factor", "afterMinutes": 10})
    claims.has(reverification={"level": "first_factor", "afterMinutes": 0.5})
    claims.has("org:admin")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    claims.has(role=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    claims.has(reverification="strictest")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    claims.has(reverification={"level": "second_factor"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    claims.has(reverification={"level": "third", "afterMinutes": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    claims.has(scope="org")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
