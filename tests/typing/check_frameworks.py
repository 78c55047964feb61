"""What type checkers see of the glue of frameworks: checked by mypy and pyright, never run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, assert_type

from fastapi import Depends, FastAPI

from clerk_ext import AsyncClerk, AsyncTenants, Clerk, RequestState, SessionClaims
from clerk_ext import fastapi as of_fastapi
from clerk_ext import flask as of_flask
from clerk_ext import starlette as of_starlette
from clerk_ext.access import Denial

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.requests import Request
    from starlette.responses import Response


async def in_fastapi(
    clerk: Clerk,
    asynchronous: AsyncClerk,
    tenants: AsyncTenants,
    claims: of_fastapi.SignedIn,
    maybe: of_fastapi.MaybeSignedIn,
    visit: of_fastapi.Visit,
    admin: Annotated[SessionClaims, Depends(of_fastapi.require(role="org:admin"))],
) -> None:
    """Parameters are what they say, and only clients of asyncio are taken."""
    assert_type(claims, SessionClaims)
    assert_type(maybe, SessionClaims | None)
    assert_type(admin, SessionClaims)
    assert_type(await visit.state(), RequestState)
    assert_type(await visit.renew("…"), RequestState)
    assert_type(await visit.require(), SessionClaims | Denial)
    auth = of_fastapi.ClerkAuth(asynchronous, details=True, impersonation="refuse", recheck=1)
    FastAPI(lifespan=auth.lifespan)
    assert_type(of_fastapi.ClerkAuth(tenants).clerk, AsyncClerk | AsyncTenants)
    of_fastapi.ClerkAuth(clerk)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    of_fastapi.ClerkAuth(asynchronous, impersonation="deny")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def demands() -> None:
    """A slip in a demand is seen before the program runs."""
    of_fastapi.require(role="org:admin", permission="org:a:b", feature="f", plan="p", impersonation="refuse-all")
    of_fastapi.require(reverification={"level": "first_factor", "afterMinutes": 5})
    of_fastapi.require(policy={"accept_pending": True, "max_age": 30, "audience": ["api"]})
    of_fastapi.require(roles="org:admin")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    of_fastapi.require(role=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    of_fastapi.require(reverification="strct")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    of_fastapi.require(policy={"clock_skew": 5})  # type: ignore[typeddict-unknown-key]  # pyright: ignore[reportArgumentType]


@of_starlette.require(role="org:admin")
async def page(request: Request) -> Response:
    """An endpoint keeps its parameters."""
    assert_type(of_starlette.claims_of(request), SessionClaims)
    raise NotImplementedError


@of_flask.require()
def view(number: int) -> str:
    """So does a view."""
    assert_type(of_flask.maybe_claims(), SessionClaims | None)
    assert_type(of_flask.current_visit().state(), RequestState)
    return of_flask.claims.user_id


def kept(clerk: Clerk, asynchronous: AsyncClerk) -> None:
    """What decorators leave of a function."""
    guarded: Callable[[Request], Coroutine[Any, Any, Any]] = page
    assert guarded is not None
    view(1)
    view("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    of_flask.ClerkAuth(clerk)
    of_flask.ClerkAuth(asynchronous)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
