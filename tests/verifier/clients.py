"""Clients of the bench's instance, and what they say of a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clerk_ext import Clerk, JWKSUnavailable, TokenVerificationError

if TYPE_CHECKING:
    from tests.worlds import World

    from .bench import Bench


def client_of(world: World, bench: Bench, url: str, **settings: Any) -> Clerk:
    """A client that has its keys from this URL."""
    settings = {"clock": bench.clock.time, "monotonic": bench.clock.monotonic, "timeout": 2.0, **settings}
    return world.clerk(bench.fake.config(jwks_url=url, **settings))


def told(clerk: Clerk, token: str) -> str:
    """The verdict in a word."""
    try:
        clerk.verify_token(token)
    except TokenVerificationError as refused:
        return refused.reason
    except JWKSUnavailable:
        return "unavailable"
    return "accepted"
