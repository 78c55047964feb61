"""Which requests type checkers let through to `authenticate_request`: checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import assert_type
from wsgiref.types import WSGIEnvironment  # noqa: TC003 - nothing here runs

import flask
import httpx  # noqa: TC002 - nothing here runs
import starlette.requests
import starlette.types  # noqa: TC002 - nothing here runs
import werkzeug  # noqa: TC002 - nothing here runs

from clerk_ext import AsyncClerk, CheckResult, Clerk, Explanation, RequestState


def sync_requests(
    clerk: Clerk,
    of_httpx: httpx.Request,
    of_starlette: starlette.requests.Request,
    of_werkzeug: werkzeug.Request,
    headers: httpx.Headers,
    environ: WSGIEnvironment,
    plain: dict[str, str],
    octets: dict[str, list[bytes]],
) -> None:
    """Requests of frameworks, an environ, and dicts."""
    assert_type(clerk.authenticate_request(of_httpx), RequestState)
    clerk.authenticate_request(of_starlette)
    clerk.authenticate_request(of_werkzeug)
    clerk.authenticate_request(flask.request)
    clerk.authenticate_request(headers)
    clerk.authenticate_request(environ)
    clerk.authenticate_request(plain)
    clerk.authenticate_request(octets)
    clerk.authenticate_request([("authorization", "x")])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clerk.authenticate_request("Bearer x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def async_requests(clerk: AsyncClerk, scope: starlette.types.Scope) -> None:
    """The same in the async world, with an ASGI scope."""
    assert_type(await clerk.authenticate_request(scope), RequestState)


def explanations(clerk: Clerk) -> None:
    """What explain_token gives."""
    explanation = clerk.explain_token("x")
    assert_type(explanation, Explanation)
    assert_type(explanation.failed, CheckResult | None)
    assert_type(explanation.checks, tuple[CheckResult, ...])
