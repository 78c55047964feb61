"""A client, an application without views, and somebody who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from flask import Flask

from clerk_ext import Clerk
from clerk_ext.flask import ClerkAuth
from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock


@pytest.fixture
def clerk(fake: FakeClerk, clock: Clock) -> Clerk:
    """A client of the fake instance."""
    return Clerk(fake.config(monotonic=clock.monotonic), transport=FakeTransport(fake))


@pytest.fixture
def app(clerk: Clerk) -> Flask:
    """An application with sign-in; tests add views."""
    app = Flask("shop")
    ClerkAuth(clerk).init_app(app)
    return app


@pytest.fixture
def signed_in(fake: FakeClerk) -> Mapping[str, str]:
    """The headers of somebody who is signed in."""
    return fake.sign_in().headers
