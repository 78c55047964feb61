"""The application in FastAPI."""

# No annotations as text in this module: FastAPI looks for their names at the top, and these are imported as needed.
import asyncio
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request

from benchmarks.peers import CLERK_AUTH, OFFICIAL, OFFICIAL_SYNC, load
from benchmarks.sites import BARE, OPEN, OURS, USER, Place, Site, official, official_async


def make(way: str, place: Place) -> Site:
    """The application, guarded in one way."""
    app = FastAPI()
    _WAYS[way](app, place)

    @app.get(OPEN)
    async def anybody() -> str:
        return USER

    return Site(app)


def _bare(app: FastAPI, place: Place) -> None:
    @app.get("/me")
    async def me() -> str:
        return USER

    @app.get("/asleep")
    async def asleep() -> str:
        await asyncio.sleep(1)
        return USER


def _ours(app: FastAPI, place: Place) -> None:
    from clerk_ext import AsyncClerk
    from clerk_ext.fastapi import ClerkAuth, SignedIn

    ClerkAuth(AsyncClerk(place.config())).init_app(app)

    @app.get("/me")
    async def me(claims: SignedIn) -> str:
        return claims.user_id


def _unauthorized() -> HTTPException:
    return HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


def _official(app: FastAPI, place: Place) -> None:
    user_of = official_async(place)

    async def signed_in(request: Request) -> str:
        user = await user_of(request)
        if user is None:
            raise _unauthorized()
        return user

    @app.get("/me")
    async def me(user: Annotated[str, Depends(signed_in)]) -> str:
        return user


def _official_sync(app: FastAPI, place: Place) -> None:
    user_of = official(place)

    async def signed_in(request: Request) -> str:
        user = user_of(request)
        if user is None:
            raise _unauthorized()
        return user

    @app.get("/me")
    async def me(user: Annotated[str, Depends(signed_in)]) -> str:
        return user


def _clerk_auth(app: FastAPI, place: Place) -> None:
    module = load("fastapi_clerk_auth")
    bearer = module.ClerkHTTPBearer(
        module.ClerkConfig(jwks_url=place.jwks_url, issuer=place.issuer, verify_iss=True, leeway=5)
    )

    @app.get("/me")
    async def me(credentials: Annotated[Any, Depends(bearer)]) -> str:
        user: str = credentials.decoded["sub"]
        return user


_WAYS: dict[str, Callable[[FastAPI, Place], None]] = {
    BARE: _bare,
    OURS: _ours,
    OFFICIAL: _official,
    OFFICIAL_SYNC: _official_sync,
    CLERK_AUTH: _clerk_auth,
}
