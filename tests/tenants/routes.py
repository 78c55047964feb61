"""What tests of routing have in common: tokens of fake instances, verdicts in a word, and requests that are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clerk_ext import TokenVerificationError, VerificationUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clerk_ext import Tenants
    from clerk_ext.tenancy.routing import TenantsStats
    from clerk_ext.testing import FakeClerk


def token_of(fake: FakeClerk, **claims: Any) -> str:
    """A session token of a new session of a new user, with these claims instead of the good ones."""
    return fake.session_token(fake.create_session(fake.add_user()), claims=claims)


def template_of(fake: FakeClerk, **claims: Any) -> str:
    """A JWT-template token, likewise."""
    if fake.find_template("hasura") is None:
        fake.add_template("hasura", lifetime=60)
    return fake.template_token(fake.create_session(fake.add_user()), "hasura", claims=claims)


def told(door: Callable[..., object], *arguments: object) -> str:
    """What a door says of a token in a word: that it is accepted, why it is refused, or why it cannot be judged."""
    try:
        door(*arguments)
    except TokenVerificationError as refused:
        return refused.reason
    except VerificationUnavailable as unavailable:
        return type(unavailable).__name__
    return "accepted"


def afresh(token: str) -> str:
    """The same text as a new object, as each request brings it."""
    return "".join(list(token))


def asked(fakes: Mapping[str, FakeClerk]) -> dict[str, int]:
    """How many requests went to each instance."""
    return {slug: len(fake.requests) for slug, fake in fakes.items()}


def counted(tenants: Tenants) -> int:
    """How many verdicts were counted, at each tenant and at none."""
    stats = tenants.stats()
    return stats.unavailable + sum(stats.refused.values()) + sum(of_tenants(stats))


def of_tenants(stats: TenantsStats) -> list[int]:
    """How many verdicts were counted at each tenant."""
    return [one.verified + one.unavailable + sum(one.refused.values()) for one in stats.tenants.values()]
