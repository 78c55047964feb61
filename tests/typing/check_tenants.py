"""What type checkers see of `Tenants` and `AsyncTenants`: checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path  # noqa: TC003 - nothing here runs
from typing import assert_type

import httpx  # noqa: TC002 - nothing here runs

from clerk_ext import (
    AsyncClerk,
    AsyncTenants,
    Clerk,
    ClerkConfig,
    ClerkError,
    Reason,
    RequestState,
    Revocations,
    SessionClaims,
    Stats,
    SweepProgress,
    SweepReport,
    SweptSession,
    TemplateClaims,
    Tenants,
    TenantsStats,
)


def load(name: str) -> ClerkConfig | None:
    """A loader that may block."""
    return ClerkConfig(name=name, jwks_url="https://a.example") if name else None


async def load_async(name: str) -> ClerkConfig | None:
    """A loader that is awaited."""
    return load(name)


def by_host(request: httpx.Request) -> str | None:
    """A resolver of one framework's requests."""
    return request.url.host or None


def wrong_loader(number: int) -> ClerkConfig:
    """No loader."""
    return ClerkConfig(name=str(number))


def wrong_resolver(request: httpx.Request) -> int:
    """No resolver."""
    return len(request.url.host)


def construction(
    config: ClerkConfig,
    path: Path,
    transport: httpx.HTTPTransport,
    async_transport: httpx.AsyncHTTPTransport,
    revocations: Revocations,
) -> None:
    """From settings, a mapping, a file, the environment and loaders, as the class that was asked."""
    assert_type(Tenants(), Tenants)
    assert_type(Tenants([config], transport=transport, revocations=revocations, resolver=by_host), Tenants)
    assert_type(Tenants(item for item in (config, config)), Tenants)
    assert_type(Tenants({"acme": config}), Tenants)
    assert_type(Tenants({"acme": {"publishable_key": "pk_test_x", "clock_skew": 1.0}}), Tenants)
    assert_type(Tenants(load_by_name=load, load_by_issuer=load_async, load_timeout=1), Tenants)
    assert_type(AsyncTenants((config,), transport=async_transport, load_by_name=load), AsyncTenants)
    assert_type(AsyncTenants(load_by_issuer=load_async, loaded_tenants=5, token_cache_size=9), AsyncTenants)
    assert_type(Tenants.from_toml(path, {"A": "b"}, transport=transport, resolver=by_host), Tenants)
    assert_type(AsyncTenants.from_toml("tenants.toml", load_timeout=2.0), AsyncTenants)
    assert_type(Tenants.from_env(key_cache_size=9), Tenants)
    assert_type(AsyncTenants.from_env({"CLERK_TENANTS": "acme"}, revocations=revocations), AsyncTenants)


def wrong_construction(
    config: ClerkConfig, transport: httpx.HTTPTransport, async_transport: httpx.AsyncHTTPTransport
) -> None:
    """What type checkers refuse."""
    Tenants(config)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tenants([config], transport=async_transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncTenants([config], transport=transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tenants([config], by_host)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    Tenants(load_by_name=wrong_loader)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tenants(resolver=wrong_resolver)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tenants.from_env(transport=async_transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    AsyncTenants.from_toml("a", transport=transport)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Tenants.from_toml(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class MyTenants(Tenants):
    """Somebody's own subclass."""


def collection(tenants: Tenants, mine: MyTenants, asynchronous: AsyncTenants, config: ClerkConfig) -> None:
    """A collection of clients by name, which may change."""
    assert_type(tenants["acme"], Clerk)
    assert_type(asynchronous["acme"], AsyncClerk)
    assert_type(tenants.load("acme"), Clerk)
    assert_type(tenants.refresh("acme"), Clerk)
    assert_type("acme" in tenants, bool)
    assert_type(iter(tenants), Iterator[str])
    assert_type([name for name in asynchronous], list[str])  # noqa: C416 - it is the iteration that is looked at
    assert_type(len(tenants), int)
    assert_type(tenants.add(config), None)
    assert_type(asynchronous.replace(config), None)
    assert_type(tenants.remove("acme"), None)
    assert_type(MyTenants.from_env(), MyTenants)
    with mine as entered:
        assert_type(entered, MyTenants)
    tenants[5]  # type: ignore[index]  # pyright: ignore[reportArgumentType]
    tenants["acme"] = config  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    tenants.add("acme")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def verification(tenants: Tenants, request: httpx.Request) -> None:
    """Every door of the sync world; a request of any kind goes to the resolver."""
    assert_type(tenants.verify_token("t"), SessionClaims)
    assert_type(tenants.verify_token("t", request), SessionClaims)
    assert_type(tenants.authenticate_token(None, request), RequestState)
    assert_type(tenants.authenticate_token("t").tenant, str | None)
    assert_type(tenants.authenticate_request(request), RequestState)
    assert_type(tenants.authenticate_request({"Cookie": "a=b"}), RequestState)
    assert_type(tenants.verify_template_token("t", request=request), TemplateClaims)
    tenants.verify_token(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tenants.authenticate_request("t")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def async_verification(tenants: AsyncTenants, request: httpx.Request) -> None:
    """Every door of the async world."""
    assert_type(await tenants.verify_token("t", request), SessionClaims)
    assert_type(await tenants.authenticate_token(None), RequestState)
    assert_type(await tenants.authenticate_request(request), RequestState)
    assert_type(await tenants.verify_template_token("t"), TemplateClaims)
    assert_type(await tenants.load("acme"), AsyncClerk)
    assert_type(await tenants.refresh("acme"), AsyncClerk)
    assert_type(await tenants.prewarm(["acme"], concurrency=4), dict[str, ClerkError])
    assert_type(await tenants.revoke_sessions_of(["user_a"], tenant="acme", dry_run=True), SweepReport)
    assert_type(await tenants.aclose(), None)
    async with tenants as entered:
        assert_type(entered, AsyncTenants)
    with tenants:  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportGeneralTypeIssues]
        pass


def note(progress: SweepProgress) -> None:
    """Told of each step."""
    assert_type(progress.latest, SweptSession | None)
    assert_type(progress.users_done / progress.users, float)


def work(tenants: Tenants) -> None:
    """Work on many."""
    assert_type(tenants.prewarm(), dict[str, ClerkError])
    report = tenants.revoke_sessions_of(iter(["user_a"]), concurrency=2, progress=note)
    assert_type(report, SweepReport)
    assert_type(tenants.revoke_sessions_of(resume=report), SweepReport)
    assert_type(report.is_complete, bool)
    assert_type(report.sessions, tuple[SweptSession, ...])
    assert_type(report.unfinished, tuple[tuple[str, str], ...])
    assert_type(report.of("failed"), list[SweptSession])
    assert_type(report.sessions[0].error, ClerkError | None)
    report.of("lost")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tenants.prewarm(16)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tenants.prewarm(["acme"], 16)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def counts(tenants: Tenants, asynchronous: AsyncTenants) -> None:
    """Numbers by tenant, by reason and by outcome."""
    stats = tenants.stats()
    assert_type(stats, TenantsStats)
    assert_type(asynchronous.stats(), TenantsStats)
    assert_type(stats.tenants, Mapping[str, Stats])
    assert_type(stats.refused, Mapping[Reason, int])
    assert_type(stats.loads.get("found"), int | None)
    assert_type(stats.unavailable + stats.remembered + stats.keys, int)
    stats.loads["lost"]  # type: ignore[index]  # pyright: ignore[reportArgumentType]
    stats.keys = 0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def revocations_of_tenants(revocations: Revocations) -> None:
    """A revocation may be of one tenant alone, by keyword."""
    revocations.revoke_session("sess_a", tenant="acme")
    revocations.revoke_user("user_a", 1.5, tenant=None)
    revocations.revoke_session("sess_a", "acme")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
