"""A project in Django whose users are those of the test's instance."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from tests import django_ready as django_ready

# isort: split
from django.test import AsyncClient, Client, override_settings
from django.test.utils import setup_databases, teardown_databases

from clerk_ext import Clerk
from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock


@attrs.frozen
class Project:
    """The project's client, and browsers that may be signed in."""

    fake: FakeClerk
    clerk: Clerk

    def using(self, **more: Any) -> override_settings:
        """The project with further keys of ``CLERK``."""
        return override_settings(CLERK={"CLIENT": self.clerk, **more})

    def browser(self, *, signed_in: bool = True, **options: Any) -> Client:
        """A test client."""
        return Client(headers=self.headers() if signed_in else None, **options)

    def get_awaited(
        self, path: str, headers: dict[str, str] | None = None, cookies: Mapping[str, str] = {}, **options: Any
    ) -> Any:
        """The answer of an async project; somebody is signed in unless headers say otherwise."""
        browser = AsyncClient(**options)
        browser.cookies.load(dict(cookies))

        async def ask() -> Any:
            return await browser.get(path, headers=self.headers() if headers is None else headers)

        return asyncio.run(ask())

    def headers(self, **options: Any) -> dict[str, str]:
        """The headers of somebody who is signed in."""
        return dict(self.fake.sign_in(**options).headers)

    def fetches(self) -> int:
        """How often the key set was asked for."""
        return len(self.fake.requests)


@pytest.fixture
def project(fake: FakeClerk, clock: Clock) -> Iterator[Project]:
    """The project of ``tests.django.site``."""
    config = fake.config(clock=clock.time, monotonic=clock.monotonic)
    with Clerk(config, transport=FakeTransport(fake)) as clerk:
        made = Project(fake, clerk)
        with made.using():
            yield made


@pytest.fixture(scope="session")
def database() -> Iterator[None]:
    """An empty database in memory, with the tables of Django's own applications."""
    made = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(made, verbosity=0)
