"""Fixtures for pytest, found through an entry point. Nothing heavy is imported before a test asks for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from clerk_ext import AsyncClerk, Clerk, Tenants
    from clerk_ext.testing import FakeClerk, FakeOrganization, FakeUser


@pytest.fixture
def clerk_fake() -> FakeClerk:
    """A fake Clerk instance, a new one for each test."""
    from clerk_ext.testing import FakeClerk

    return FakeClerk("test")


@pytest.fixture
def clerk_fake_other(clerk_fake: FakeClerk) -> FakeClerk:
    """A second fake Clerk instance, on the clock of ``clerk_fake``."""
    from clerk_ext.testing import FakeClerk

    return FakeClerk("other", clock=clerk_fake.clock)


@pytest.fixture
def clerk(clerk_fake: FakeClerk) -> Iterator[Clerk]:
    """A `Clerk` of the fake instance, in-process."""
    from clerk_ext import Clerk
    from clerk_ext.testing import FakeTransport

    with Clerk(clerk_fake.config(), transport=FakeTransport(clerk_fake)) as clerk:
        yield clerk


@pytest.fixture
def clerk_async(clerk_fake: FakeClerk) -> AsyncClerk:
    """An `AsyncClerk` of the fake instance, in-process: it opens nothing that would have to be closed."""
    from clerk_ext import AsyncClerk
    from clerk_ext.testing import FakeTransport

    return AsyncClerk(clerk_fake.config(), transport=FakeTransport(clerk_fake))


@pytest.fixture
def clerk_tenants(clerk_fake: FakeClerk, clerk_fake_other: FakeClerk) -> Iterator[Tenants]:
    """`Tenants` of two fake instances, in-process: ``test``, ``clerk_fake``, and ``other``, ``clerk_fake_other``."""
    from clerk_ext import Tenants
    from clerk_ext.testing import FakeTransport

    fakes = [clerk_fake, clerk_fake_other]
    with Tenants([fake.config() for fake in fakes], transport=FakeTransport(*fakes)) as tenants:
        yield tenants


@pytest.fixture
def clerk_token(clerk_fake: FakeClerk) -> Callable[..., str]:
    """Makes session tokens of a signed-in user: ``clerk_token()``, ``clerk_token(azp="https://app.example.com")``.

    Any claim can be given by its name, or in a mapping if its name is no Python name, and left out by
    ``FakeClerk.REMOVE``. A ``user`` and an ``organization`` are those of the instance, the user a new member if none is
    given; ``expires_in`` counts seconds from now; ``version`` and ``header`` are those of ``session_token``.
    """

    def make(
        claims: Mapping[str, object] | None = None,
        /,
        *,
        user: FakeUser | None = None,
        organization: FakeOrganization | None = None,
        expires_in: float = 60,
        version: Literal[1, 2] | None = None,
        header: Mapping[str, object] | None = None,
        **named: object,
    ) -> str:
        session = clerk_fake.create_session(user or clerk_fake.add_member(organization), organization=organization)
        return clerk_fake.session_token(
            session, version=version, expires_in=expires_in, claims={**(claims or {}), **named}, header=header or {}
        )

    return make
