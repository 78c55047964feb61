"""An application on a fake instance, and calls of it without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clerk_ext.fastapi import ClerkAuth
from tests.conformance.asgi_client import in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI

    from clerk_ext import AsyncClerk
    from tests.conformance.contract import Answer


@pytest.fixture
def auth(clerk_async: AsyncClerk) -> ClerkAuth:
    """The sign-in of an application."""
    return ClerkAuth(clerk_async)


@pytest.fixture
def get() -> Callable[..., Answer]:
    """Ask an application for a path."""

    def ask(app: FastAPI, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        with in_process(app) as call:
            return call(method, path, headers or {})

    return ask
