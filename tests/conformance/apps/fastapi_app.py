"""The application in FastAPI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from clerk_ext import SessionClaims
from clerk_ext.fastapi import ClerkAuth, MaybeSignedIn, Require, SignedIn, require
from tests.conformance.asgi_client import columns_of
from tests.conformance.contract import METHODS, REQUIRED, shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.contract import Setup, World

Admin: TypeAlias = Annotated[SessionClaims, Depends(require(role="org:admin"))]


def _shower(required: Require, world: World) -> Callable[..., Any]:
    """An endpoint that shows the claims of who is let through."""

    def plain(claims: Annotated[SessionClaims, Depends(required)]) -> dict[str, str | None]:
        return shown(claims)

    async def awaited(claims: Annotated[SessionClaims, Depends(required)]) -> dict[str, str | None]:
        return shown(claims)

    made = plain if world == "sync" else awaited
    made.__annotations__["claims"] = Annotated[SessionClaims, Depends(required)]  # FastAPI cannot see this function
    return made


def make_app(setup: Setup, world: World) -> FastAPI:
    """Make it, with endpoints of one world."""
    clerk = setup.async_clerk()
    app = FastAPI()
    ClerkAuth(clerk, details=setup.details, impersonation=setup.impersonation).init_app(app)
    for path, asked in REQUIRED.items():
        app.add_api_route(path, _shower(require(**asked), world), methods=list(METHODS))
    (_sync_routes if world == "sync" else _async_routes)(app)

    @app.get("/by-hand")
    async def by_hand(request: Request) -> dict[str, str | None]:
        return shown(await clerk.verify_token(request.headers["x-token"]))

    return app


def _sync_routes(app: FastAPI) -> None:
    @app.get("/open")
    def open_() -> dict[str, bool]:
        return {"open": True}

    @app.get("/maybe")
    def maybe(claims: MaybeSignedIn) -> dict[str, str | None]:
        return {"user": claims.user_id if claims else None}

    @app.get("/twice")
    def twice(claims: MaybeSignedIn, admin: Admin) -> dict[str, str | None]:
        assert claims == admin
        return shown(admin)

    @app.get("/varies")
    def varies(claims: SignedIn, response: Response) -> dict[str, str | None]:
        response.headers["Vary"] = "Accept"
        return shown(claims)


def _async_routes(app: FastAPI) -> None:
    @app.get("/open")
    async def open_() -> dict[str, bool]:
        return {"open": True}

    @app.get("/maybe")
    async def maybe(claims: MaybeSignedIn) -> dict[str, str | None]:
        return {"user": claims.user_id if claims else None}

    @app.get("/twice")
    async def twice(claims: MaybeSignedIn, admin: Admin) -> dict[str, str | None]:
        assert claims == admin
        return shown(admin)

    @app.get("/varies")
    async def varies(claims: SignedIn) -> JSONResponse:
        return JSONResponse(shown(claims), headers={"Vary": "Accept"})


COLUMNS = columns_of("fastapi", make_app)
