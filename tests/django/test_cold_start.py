"""An async project whose keys are still to be fetched answers everybody else meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests import django_ready as django_ready

# isort: split
from django.core.handlers.asgi import ASGIHandler
from django.test import override_settings

from clerk_ext import AsyncClerk, Clerk
from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk


class Held(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Holds the fetch of keys until it is let go, whoever fetches them."""

    def __init__(self, fake: FakeClerk) -> None:
        self._inner = FakeTransport(fake)
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, then answer."""
        self.begun.set()
        assert self.let_go.wait(30)
        return self._inner.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Wait, then answer."""
        self.begun.set()
        await asyncio.to_thread(self.let_go.wait, 30)
        return await self._inner.handle_async_request(request)


@pytest.mark.parametrize("path", ["/guarded-awaited", "/whoami-awaited", "/guarded", "/whoami"])
def test_others_are_answered_meanwhile(fake: FakeClerk, path: str) -> None:
    """Of 200 requests one fetches the keys and all wait for it, while another view answers; then all get in."""
    held = Held(fake)
    config = fake.config()
    settings = {"CLIENT": Clerk(config, transport=held), "ASYNC_CLIENT": AsyncClerk(config, transport=held)}

    async def run() -> tuple[httpx.Response, int, list[httpx.Response]]:
        headers = dict(fake.sign_in().headers)
        app: Any = ASGIHandler()
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app.example.com") as client:
            waiting = [asyncio.create_task(client.get(path, headers=headers)) for _ in range(200)]
            while not held.begun.is_set():  # noqa: ASYNC110 - a thread may set it
                await asyncio.sleep(0)
            meanwhile = await client.get("/nothing-awaited", headers=headers)
            done = sum(task.done() for task in waiting)
            held.let_go.set()
            return meanwhile, done, await asyncio.gather(*waiting)

    with override_settings(CLERK=settings, MIDDLEWARE=["clerk_ext.django.middleware.ClerkMiddleware"]):
        meanwhile, done, answers = asyncio.run(run())

    assert (200, 0) == (meanwhile.status_code, done)
    assert [200] * 200 == [answer.status_code for answer in answers]
    assert 1 == len(fake.requests)
