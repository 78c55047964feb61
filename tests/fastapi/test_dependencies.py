"""The dependencies of `clerk_ext.fastapi`: what OpenAPI shows, and what tests override."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI

from clerk_ext import AsyncClerk, ConfigurationError, SessionClaims
from clerk_ext.access import FrozenPolicy, Policy
from clerk_ext.fastapi import (
    ClerkAuth,
    MaybeSignedIn,
    SignedIn,
    Visit,
    current_visit,
    require,
    signed_in,
    signed_in_as,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext.testing import FakeClerk
    from tests.conformance.contract import Answer

ADMINS = require(role="org:admin")


@pytest.fixture
def claims(clerk_async: AsyncClerk, clerk_fake: FakeClerk) -> SessionClaims:
    """Claims of somebody, verified."""
    return asyncio.run(clerk_async.verify_token(clerk_fake.sign_in().token))


@pytest.fixture
def app(auth: ClerkAuth) -> FastAPI:
    """An application with a route of each kind."""
    app = FastAPI()
    auth.init_app(app)

    @app.get("/open")
    def open_() -> None: ...

    @app.get("/me")
    async def me(claims: SignedIn) -> str:
        return claims.user_id

    @app.get("/maybe")
    async def maybe(claims: MaybeSignedIn) -> bool:
        return claims is not None

    @app.get("/admin")
    async def admin(claims: Annotated[SessionClaims, Depends(require(role="org:admin"))]) -> str:
        return claims.user_id

    @app.get("/pending", dependencies=[Depends(require(policy={"accept_pending": True}))])
    async def pending() -> None: ...

    @app.get("/visit")
    async def visit(visit: Visit) -> str | None:
        return (await visit.state()).reason

    return app


def test_openapi_shows_both_ways_to_sign_in(app: FastAPI) -> None:
    """A bearer token, or the cookie; of routes that ask for it, and no others."""
    described = app.openapi()

    schemes = described["components"]["securitySchemes"]
    assert ("http", "bearer", "JWT") == tuple(
        schemes["ClerkSessionToken"][key] for key in ("type", "scheme", "bearerFormat")
    )
    assert ("apiKey", "cookie", "__session") == tuple(
        schemes["ClerkSessionCookie"][key] for key in ("type", "in", "name")
    )
    either: list[dict[str, list[str]]] = [{"ClerkSessionToken": []}, {"ClerkSessionCookie": []}]
    secured = {path: methods["get"].get("security") for path, methods in described["paths"].items()}
    assert {"/open": None} | dict.fromkeys(("/me", "/maybe", "/admin", "/pending", "/visit"), either) == secured


def test_openapi_shows_no_parameter_of_ours(app: FastAPI) -> None:
    """The cookie is a way to sign in and not an argument."""
    parameters = [methods["get"].get("parameters", []) for methods in app.openapi()["paths"].values()]

    assert [[]] * len(parameters) == parameters


def test_sign_in_is_overridden(
    app: FastAPI, clerk_fake: FakeClerk, get: Callable[..., Answer], claims: SessionClaims
) -> None:
    """As any dependency is: for the routes that have it."""
    app.dependency_overrides[signed_in] = lambda: claims

    assert claims.user_id == get(app, "/me").json
    assert 401 == get(app, "/admin").status


def test_visit_is_overridden(app: FastAPI, get: Callable[..., Answer], claims: SessionClaims) -> None:
    """Everybody is signed in, on every route; demands are still asked."""
    app.dependency_overrides[current_visit] = signed_in_as(claims)

    assert [200, 200, 403, 200] == [get(app, path).status for path in ("/me", "/maybe", "/admin", "/pending")]
    assert get(app, "/maybe").json is True


def test_visit_is_overridden_by_nobody(app: FastAPI, clerk_fake: FakeClerk, get: Callable[..., Answer]) -> None:
    """Nobody is signed in, whatever they bring."""
    app.dependency_overrides[current_visit] = signed_in_as(None)
    headers = clerk_fake.sign_in().headers

    assert [401, 401, 401] == [get(app, path, headers).status for path in ("/me", "/admin", "/pending")]
    assert "session-token-missing" == get(app, "/visit", headers).json


def test_demand_is_overridden(auth: ClerkAuth, get: Callable[..., Answer], claims: SessionClaims) -> None:
    """By the dependency itself, if it has a name."""
    app = FastAPI()
    auth.init_app(app)

    @app.get("/admin")
    def admin(claims: Annotated[SessionClaims, Depends(ADMINS)]) -> str:
        return claims.user_id

    app.dependency_overrides[ADMINS] = lambda: claims

    assert claims.user_id == get(app, "/admin").json


def test_router_is_guarded_as_a_whole(auth: ClerkAuth, clerk_fake: FakeClerk, get: Callable[..., Answer]) -> None:
    """With a dependency of the router."""
    router, app = APIRouter(dependencies=[Depends(require())]), FastAPI()

    @router.get("/inside")
    def inside() -> bool:
        return True

    app.include_router(router)
    auth.init_app(app)

    assert 401 == get(app, "/inside").status
    assert 200 == get(app, "/inside", clerk_fake.sign_in().headers).status


def test_demand_shows_itself() -> None:
    """In a traceback one sees what is asked for."""
    assert "Require(Requirement(demands={'role': 'org:admin'}, impersonation=None, policy=None))" == repr(
        require(role="org:admin")
    )


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"role": None}, "role: write a str, not NoneType"),
        ({"plan": " "}, "plan: is empty"),
        (
            {"reverification": "strct"},
            "reverification: write one of 'strict_mfa', 'strict', 'moderate', 'lax' or a dict",
        ),
        ({"reverification": {"level": "second_factor", "afterMinutes": 0}}, "reverification: write one of"),
        ({"impersonation": True}, "impersonation: write one of"),
        ({"policy": {"clock_skew": 1}}, "policy: with_policy has no argument 'clock_skew'"),
        ({"policy": "accept_pending"}, "policy: write a dict of the arguments of with_policy, not str"),
        ({"roles": "admin"}, "require: has no argument 'roles'; did you mean 'role'"),
    ],
)
def test_slip_is_told_when_the_route_is_made(asked: Any, told: str) -> None:
    """It would refuse everybody, or nobody, later."""
    with pytest.raises((TypeError, ValueError), match=told):
        require(**asked)


def test_policy_is_checked_when_the_route_is_made() -> None:
    """As `with_policy` would."""
    with pytest.raises(ConfigurationError, match="authorized_parties"):
        require(policy={"authorized_parties": []})


def test_routes_with_the_same_policy_share_a_client(clerk_async: AsyncClerk) -> None:
    """It remembers the tokens that it verified, for all of them."""
    gate = ClerkAuth(clerk_async).gate
    policies: list[Policy] = [{"max_age": 30}, {"max_age": 30.0}, {"max_age": 31}]
    first, second, other = (gate.under(clerk_async, FrozenPolicy.of(policy)) for policy in policies)

    assert first is second
    assert first is not other
