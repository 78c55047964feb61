"""The test clients of FastAPI and Starlette: httpx on the application itself, on an event loop of the test's own."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from tests.conformance.contract import Column
from tests.conformance.servers import answer_of, calling, in_turn_under_uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from tests.conformance.contract import Answer, Caller, Setup, World


@contextmanager
def in_process(app: Any) -> Generator[Caller]:
    """Calls of an ASGI application without a socket."""
    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example.com")

        def call(method: str, path: str, headers: Mapping[str, str]) -> Answer:
            encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            response = runner.run(client.request(method, path, headers=encoded))
            return answer_of(response.status_code, response.headers.multi_items(), response.content)

        yield call
        runner.run(client.aclose())


def columns_of(framework: str, make_app: Callable[[Setup, World], Any]) -> list[Column]:
    """A framework's columns: both worlds in-process, and one under a real server."""

    def column(world: World, behind: str) -> Column:
        @contextmanager
        def start(setup: Setup) -> Generator[Caller]:
            app = make_app(setup, world)
            if behind == "uvicorn":
                yield calling(in_turn_under_uvicorn(app))
            else:
                with in_process(app) as call:
                    yield call

        return Column(framework, world, behind, start)

    return [column("sync", "httpx"), column("async", "httpx"), column("async", "uvicorn")]
