"""`require` on Starlette's endpoints, and its own `AuthenticationMiddleware` with our backend."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from clerk_ext.starlette import ClerkAuth, ClerkBackend, ClerkUser, claims_of, require, visit_of
from tests.conformance.asgi_client import in_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from clerk_ext import AsyncClerk
    from clerk_ext.testing import FakeClerk
    from tests.conformance.contract import Answer


@pytest.fixture
def auth(clerk_async: AsyncClerk) -> ClerkAuth:
    """The sign-in of an application."""
    return ClerkAuth(clerk_async)


def get(app: Starlette, path: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Ask an application for a path."""
    with in_process(app) as call:
        return call("GET", path, headers or {})


class Page(HTTPEndpoint):
    """A page for those who are signed in."""

    @require()
    async def get(self, request: Request) -> Response:
        """Show it."""
        return PlainTextResponse(claims_of(request).user_id)


def test_method_of_a_class_is_guarded(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """Like a function."""
    app = Starlette(routes=[Route("/", Page)])
    auth.init_app(app)
    signed_in = clerk_fake.sign_in()

    assert signed_in.session.user.id.encode() == get(app, "/", signed_in.headers).content
    assert 401 == get(app, "/").status


def test_class_itself_cannot_be_guarded() -> None:
    """The error says what to do."""
    with pytest.raises(TypeError, match="put it above the methods"):
        require()(Page)


def test_endpoint_without_request_is_told(auth: ClerkAuth) -> None:
    """It is none."""

    @require()
    async def endpoint(number: int) -> None: ...

    with pytest.raises(TypeError, match=r"endpoint takes no Request and no WebSocket"):
        asyncio.run(endpoint(1))


def test_claims_that_nobody_asked_for(auth: ClerkAuth) -> None:
    """They are not there by themselves."""

    async def unguarded(request: Request) -> Response:
        return PlainTextResponse(claims_of(request).user_id)

    app = Starlette(routes=[Route("/", unguarded)])
    auth.init_app(app)

    with pytest.raises(RuntimeError, match=r"put @require\(\) above the endpoint"):
        get(app, "/")


def test_mounted_application_is_guarded_too(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """Its refusals are the same, without handlers of its own."""
    inner = Starlette(routes=[Route("/page", Page)])
    app = Starlette(routes=[Mount("/inner", inner)])
    auth.init_app(app)
    answer = get(app, "/inner/page")

    assert (401, {"detail": "Not signed in."}) == (answer.status, answer.json)
    assert 200 == get(app, "/inner/page", clerk_fake.sign_in().headers).status


# Starlette's own way.


async def who(request: Request) -> Response:
    """Say who asks, and what they may."""
    return JSONResponse(
        {"user": request.user.display_name, "in": request.user.is_authenticated, "may": request.auth.scopes}
    )


@requires("org:invoices:create")
async def invoices(request: Request) -> Response:
    """For those who may create some."""
    return PlainTextResponse("created")


def with_backend(auth: ClerkAuth, *, installed: bool = True) -> Starlette:
    """An application with Starlette's own middleware."""
    backend = ClerkBackend(auth)
    middleware = Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error)
    app = Starlette(routes=[Route("/who", who), Route("/invoices", invoices)], middleware=[middleware])
    if installed:
        auth.init_app(app)
    return app


@pytest.mark.parametrize("other", [False, True])
def test_backend_alone_is_told(auth: ClerkAuth, clerk_async: AsyncClerk, other: bool) -> None:
    """Nobody would look again at a websocket that it let in, and no answer would say what it depends on."""
    app = with_backend(auth, installed=False)
    if other:
        ClerkAuth(clerk_async).init_app(app)

    with pytest.raises(RuntimeError, match="init_app"):
        get(app, "/who")


def test_backend_tells_user_and_scopes(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """Role and permissions are scopes, for Starlette's `requires`."""
    app = with_backend(auth)
    ada, acme = clerk_fake.add_user(), clerk_fake.add_organization("acme")
    clerk_fake.add_membership(ada, acme, role="org:admin", permissions=["org:invoices:create"], features=["invoices"])
    headers = clerk_fake.sign_in(ada, organization=acme).headers

    scopes = ["authenticated", "org:admin", "org:invoices:create"]
    assert {"user": ada.id, "in": True, "may": scopes} == get(app, "/who", headers).json
    assert 200 == get(app, "/invoices", headers).status
    assert 403 == get(app, "/invoices", clerk_fake.sign_in().headers).status


def test_backend_of_nobody(auth: ClerkAuth) -> None:
    """Starlette's own user, who is not authenticated."""
    assert {"user": "", "in": False, "may": []} == get(with_backend(auth), "/who").json


def test_backend_in_an_outage(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """It is 503: neither 400, as Starlette has it, nor signed out."""
    clerk_fake.trouble.outage()
    answer = get(with_backend(auth), "/who", clerk_fake.sign_in().headers)

    assert 503 == answer.status
    assert int(answer.headers["retry-after"]) >= 1


def test_users_are_compared_by_who_they_are(clerk_async: AsyncClerk, clerk_fake: FakeClerk) -> None:
    """Not by their tokens; nothing secret is shown."""
    ada = clerk_fake.add_user()

    async def users() -> list[ClerkUser]:
        tokens = [clerk_fake.sign_in(user).token for user in (ada, ada, None)]
        return [ClerkUser(await clerk_async.verify_token(token)) for token in tokens]

    first, second, other = asyncio.run(users())

    assert first == second
    assert {first} == {second}
    assert first != other
    assert f"ClerkUser({ada.id!r}, tenant='test')" == repr(first)


def test_visit_of_a_request(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """The state itself, without a demand."""

    async def reason(request: Request) -> Response:
        state: Any = await visit_of(request).state()
        return JSONResponse({"reason": state.reason})

    app = Starlette(routes=[Route("/", reason)])
    auth.init_app(app)

    assert {"reason": "session-token-and-uat-missing"} == get(app, "/").json
