"""The application in Starlette."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from clerk_ext.starlette import ClerkAuth, claims_of, maybe_claims_of, require
from tests.conformance.asgi_client import columns_of
from tests.conformance.contract import METHODS, REQUIRED, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from tests.conformance.contract import Setup, World


def _show(request: Request) -> JSONResponse:
    return JSONResponse(shown(claims_of(request)))


async def _show_awaited(request: Request) -> JSONResponse:
    return JSONResponse(shown(claims_of(request)))


def _open(request: Request) -> JSONResponse:
    return JSONResponse({"open": True})


async def _open_awaited(request: Request) -> JSONResponse:
    return JSONResponse({"open": True})


async def _maybe(request: Request) -> JSONResponse:
    claims = await maybe_claims_of(request)
    return JSONResponse({"user": claims.user_id if claims else None})


@require(role="org:admin")
async def _admin(request: Request) -> JSONResponse:
    return JSONResponse(shown(claims_of(request)))


async def _twice(request: Request) -> JSONResponse:
    await maybe_claims_of(request)
    answer: JSONResponse = await _admin(request)
    return answer


@require()
def _varies(request: Request) -> JSONResponse:
    return JSONResponse(shown(claims_of(request)), headers={"Vary": "Accept"})


def make_app(setup: Setup, world: World) -> Starlette:
    """Make it, with endpoints of one world."""
    clerk = setup.async_clerk()

    async def by_hand(request: Request) -> JSONResponse:
        return JSONResponse(shown(await clerk.verify_token(request.headers["x-token"])))

    show: Callable[[Request], Any] = _show if world == "sync" else _show_awaited
    others: Mapping[str, Callable[[Request], Any]] = {
        "/open": _open if world == "sync" else _open_awaited,
        "/maybe": _maybe,
        "/by-hand": by_hand,
        "/twice": _twice,
        "/varies": _varies,
    }
    app = Starlette(
        routes=[
            *(Route(path, require(**asked)(show), methods=list(METHODS)) for path, asked in REQUIRED.items()),
            *(Route(path, endpoint) for path, endpoint in others.items()),
        ]
    )
    ClerkAuth(clerk, details=setup.details, impersonation=setup.impersonation).init_app(app)
    return app


COLUMNS = columns_of("starlette", make_app)
