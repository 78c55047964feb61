"""An application whose keys are still to be fetched answers everybody else meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_ext import AsyncClerk
from clerk_ext.testing import FakeClerk, FakeTransport
from tests import django_ready as django_ready

# isort: split
from django.core.handlers.asgi import ASGIHandler
from django.test import override_settings

from tests.conformance.apps import django_async, fastapi_app, starlette_app
from tests.conformance.apps.django_project import CLERK
from tests.conformance.contract import PARTY, Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from typing import TypeAlias

    Start: TypeAlias = Callable[[FakeClerk, httpx.AsyncBaseTransport], AbstractContextManager[Any]]


def made_by(make_app: Callable[[Setup, Any], Any], world: str) -> Start:
    """Start an application of FastAPI or Starlette."""

    @contextmanager
    def start(fake: FakeClerk, transport: httpx.AsyncBaseTransport) -> Generator[Any]:
        yield make_app(_Prepared([fake], transport), world)

    return start


@contextmanager
def django(fake: FakeClerk, transport: httpx.AsyncBaseTransport) -> Generator[Any]:
    """Start the project of Django with coroutine functions as views."""
    setup = _Prepared([fake], transport)
    clients = {"CLIENT": setup.clerk(), "ASYNC_CLIENT": setup.async_clerk()}
    with override_settings(CLERK=clients, ROOT_URLCONF=django_async.__name__, MIDDLEWARE=[CLERK]):
        yield ASGIHandler()


APPS = {
    "fastapi-sync": made_by(fastapi_app.make_app, "sync"),
    "fastapi-async": made_by(fastapi_app.make_app, "async"),
    "starlette-sync": made_by(starlette_app.make_app, "sync"),
    "starlette-async": made_by(starlette_app.make_app, "async"),
    "django-async": django,
}


class Held(httpx.AsyncBaseTransport):
    """Holds the fetch of keys until it is let go."""

    def __init__(self, fake: FakeClerk) -> None:
        self._inner = FakeTransport(fake)
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, then answer."""
        self.begun.set()
        await self.let_go.wait()
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("start", APPS.values(), ids=APPS)
def test_others_are_answered_meanwhile(start: Start) -> None:
    """Of 200 requests one fetches the keys and all wait for it, while another route answers; then all get in."""
    fake = FakeClerk("acme")

    async def run() -> tuple[httpx.Response, int, list[httpx.Response]]:
        transport = Held(fake)
        token = {"Authorization": f"Bearer {fake.sign_in(azp=PARTY).token}"}
        with start(fake, transport) as app:
            client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example.com")
            waiting = [asyncio.create_task(client.get("/me", headers=token)) for _ in range(200)]
            await transport.begun.wait()
            meanwhile = await client.get("/open", headers=token)
            done = sum(task.done() for task in waiting)
            transport.let_go.set()
            return meanwhile, done, await asyncio.gather(*waiting)

    meanwhile, done, answers = asyncio.run(run())

    assert (200, 0) == (meanwhile.status_code, done)
    assert [200] * 200 == [answer.status_code for answer in answers]
    assert 1 == len(fake.requests)


class _Prepared(Setup):
    """A setup with a transport of the test's own."""

    def __init__(self, fakes: list[FakeClerk], transport: httpx.AsyncBaseTransport) -> None:
        super().__init__(fakes)
        self.transport = transport

    def async_clerk(self) -> AsyncClerk:
        """The client on that transport."""
        return AsyncClerk(self.configs()[0], transport=self.transport)
