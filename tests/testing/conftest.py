"""An instance whose every answer is judged by the recorded spec, and four ways to ask it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import httpx
import pytest

from clerk_ext.testing import FakeClerk, FakeServer, FakeTransport
from tests.recorded import validate_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = 1_800_000_000


@attrs.define
class Clock:
    """Unix seconds that pass when told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@attrs.frozen
class Ask:
    """Sends a request to the Backend API of the instance, with its secret key unless headers say otherwise."""

    url: str
    secret_key: str
    send: Callable[[str, str, dict[str, Any]], httpx.Response]

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        options.setdefault("headers", {"Authorization": f"Bearer {self.secret_key}"})
        return self.send(method, self.url + path, options)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeClerk:
    """A development instance on that clock; an answer that the recorded spec does not allow fails the test."""
    fake = FakeClerk(clock=clock)
    fake.on_exchange.append(validate_answer)
    return fake


@pytest.fixture(params=["in process", "in process, async", "loopback", "loopback, async"])
def ask(request: pytest.FixtureRequest, fake: FakeClerk) -> Iterator[Ask]:
    """One callable, four ways: every case that uses it runs in-process and over HTTP, in both worlds."""
    with ExitStack() as stack:
        if "loopback" in request.param:
            url = stack.enter_context(FakeServer(fake)).url
            transport = None
        else:
            url = "https://api.clerk.com"
            transport = FakeTransport(fake)
        if "async" in request.param:
            runner = stack.enter_context(asyncio.Runner())
            async_client = httpx.AsyncClient(transport=transport, trust_env=False)
            stack.callback(lambda: runner.run(async_client.aclose()))

            def send(method: str, url: str, options: dict[str, Any]) -> httpx.Response:
                return runner.run(async_client.request(method, url, **options))
        else:
            client = stack.enter_context(httpx.Client(transport=transport, trust_env=False))

            def send(method: str, url: str, options: dict[str, Any]) -> httpx.Response:
                return client.request(method, url, **options)

        yield Ask(url, fake.secret_key, send)
