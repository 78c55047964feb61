"""How the applications in Django are started: behind its test clients, and behind real servers."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests import django_ready as django_ready

# isort: split
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client, override_settings

from clerk_ext import Clerk
from tests.conformance.servers import answer_of, calling, in_turn_under_uvicorn, in_turn_under_waitress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from contextlib import AbstractContextManager

    from django.http import HttpResponse

    from tests.conformance.contract import Answer, Caller, Setup, Start

CLERK = "clerk_ext.django.middleware.ClerkMiddleware"
USUAL = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    CLERK,
]
"""The middleware of a usual project; without the one against CSRF, which wants cookies of its own."""


@contextmanager
def configured(setup: Setup, urls: str, middleware: list[str]) -> Generator[None]:
    """Have the project use the instances of a `Setup`."""
    clerk = setup.clerk()
    settings = {
        "CLIENT": clerk,
        # On the same keys and counts, where there is one instance.
        "ASYNC_CLIENT": clerk.as_async() if isinstance(clerk, Clerk) else setup.async_clerk(),
        "DETAILS": setup.details,
        "IMPERSONATION": setup.impersonation,
    }
    with override_settings(CLERK=settings, ROOT_URLCONF=urls, MIDDLEWARE=middleware):
        yield


def starting(urls: str, behind: Callable[[], AbstractContextManager[Caller]], middleware: list[str] = USUAL) -> Start:
    """Start the project with some URLs behind a test client or a server."""

    @contextmanager
    def start(setup: Setup) -> Generator[Caller]:
        with configured(setup, urls, middleware), behind() as call:
            yield call

    return start


@contextmanager
def client() -> Generator[Caller]:
    """Django's test client."""
    browser = Client(raise_request_exception=False)

    def call(method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return _answer(browser.generic(method, path, headers=dict(headers)))

    yield call


class _AsyncClient(AsyncClient):
    """One that adds no empty Cookie header to the one that it is given."""

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        factory: Any = super()
        scope: dict[str, Any] = factory._base_scope(**request)
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        return {**scope, "headers": [header for header in headers if header != (b"cookie", b"")]}


@contextmanager
def async_client() -> Generator[Caller]:
    """Django's test client for async projects."""
    browser = _AsyncClient(raise_request_exception=False)
    with asyncio.Runner() as runner:

        def call(method: str, path: str, headers: Mapping[str, str]) -> Answer:
            async def ask() -> Any:
                return await browser.generic(method, path, headers=dict(headers))

            return _answer(runner.run(ask()))

        yield call


@contextmanager
def waitress() -> Generator[Caller]:
    """The project under a WSGI server."""
    yield calling(in_turn_under_waitress(WSGIHandler()))


@contextmanager
def uvicorn() -> Generator[Caller]:
    """The project under an ASGI server."""
    yield calling(in_turn_under_uvicorn(ASGIHandler()))


def _answer(response: Any) -> Answer:
    given: HttpResponse = response
    return answer_of(given.status_code, given.items(), given.content)
