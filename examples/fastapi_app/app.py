"""Invoices of the active organisation, in FastAPI: members read, holders of a permission write, admins delete."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from typing import Annotated, cast

from fastapi import APIRouter, Body, Depends, FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect

from clerk_ext import AsyncClerk, AsyncTenants, SessionClaims
from clerk_ext.fastapi import ClerkAuth, SignedIn, Visit, require, signed_in

router = APIRouter()


def of_the_organization(claims: SignedIn, request: Request) -> list[str]:
    """The invoices that this request is about."""
    if claims.org_id is None:
        raise HTTPException(409, "Choose an organisation first.")
    return cast("list[str]", request.app.state.invoices[claims.org_id])


Invoices = Annotated[list[str], Depends(of_the_organization)]
Writer = Annotated[SessionClaims, Depends(require(permission="org:invoices:create"))]


@router.get("/invoices")
async def show(invoices: Invoices) -> list[str]:
    """Show all."""
    return invoices


@router.post("/invoices", status_code=201)
async def create(text: Annotated[str, Body(embed=True)], claims: Writer, invoices: Invoices) -> dict[str, str]:
    """Add one."""
    invoices.append(text)
    return {"text": text, "by": claims.user_id}


@router.delete("/invoices", dependencies=[Depends(require(role="org:admin", reverification="strict"))])
def clear(invoices: Invoices) -> list[str]:
    """Delete all; Clerk's frontend asks for a second factor first, unless that was done in the last ten minutes."""
    invoices.clear()
    return invoices


@router.websocket("/chat", dependencies=[Depends(signed_in)])
async def chat(websocket: WebSocket, visit: Visit) -> None:
    """Talk to a user; the browser sends a fresh session token now and then, or the connection ends with the old one."""
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        async for message in websocket.iter_json():
            if "token" in message:
                await websocket.send_json({"renewed": (await visit.renew(message["token"])).is_signed_in})
            else:
                await websocket.send_json({"echo": message["text"]})


def create_app(clerk: AsyncClerk | AsyncTenants | None = None) -> FastAPI:
    """Make the application; without a client it takes the settings of the environment (CLERK_…)."""
    # Whoever acts as a user may look, and change nothing.
    auth = ClerkAuth(clerk or AsyncClerk.from_env(), impersonation="refuse")
    app = FastAPI(title="Invoices", lifespan=auth.lifespan)
    auth.init_app(app)
    app.include_router(router)
    app.state.invoices = defaultdict[str, list[str]](list)
    return app
