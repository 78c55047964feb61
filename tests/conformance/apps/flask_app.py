"""The application in Flask."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from clerk_ext.flask import ClerkAuth, claims, maybe_claims, require
from tests.conformance.contract import METHODS, REQUIRED, Column, shown
from tests.conformance.servers import answer_of, calling, in_turn_under_waitress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from tests.conformance.contract import Answer, Caller, Setup, Start, World


def _show() -> dict[str, str | None]:
    return shown(claims)


async def _show_awaited() -> dict[str, str | None]:
    return shown(claims)


def _maybe() -> dict[str, str | None]:
    found = maybe_claims()
    return {"user": None if found is None else found.user_id}


async def _maybe_awaited() -> dict[str, str | None]:
    return _maybe()


def _open() -> dict[str, bool]:
    return {"open": True}


async def _open_awaited() -> dict[str, bool]:
    return {"open": True}


@require(role="org:admin")
def _admin() -> dict[str, str | None]:
    return shown(claims)


def _twice() -> Any:
    maybe_claims()
    return _admin()


async def _twice_awaited() -> Any:
    return _twice()


def _varies() -> tuple[dict[str, str | None], dict[str, str]]:
    return shown(claims), {"Vary": "Accept"}


async def _varies_awaited() -> tuple[dict[str, str | None], dict[str, str]]:
    return _varies()


def make_app(setup: Setup, world: World) -> Flask:
    """Make it, with views of one world."""
    clerk = setup.clerk()
    app = Flask(__name__)
    ClerkAuth(details=setup.details, impersonation=setup.impersonation).init_app(app, clerk)

    def by_hand() -> dict[str, str | None]:
        return shown(clerk.verify_token(request.headers["x-token"]))

    async def by_hand_awaited() -> dict[str, str | None]:
        return by_hand()

    is_sync = world == "sync"
    for path, asked in REQUIRED.items():
        view = require(**asked)(_show if is_sync else _show_awaited)
        app.add_url_rule(path, path, view, methods=list(METHODS))
    others: Mapping[str, Callable[[], Any]] = {
        "/open": _open if is_sync else _open_awaited,
        "/maybe": _maybe if is_sync else _maybe_awaited,
        "/by-hand": by_hand if is_sync else by_hand_awaited,
        "/twice": _twice if is_sync else _twice_awaited,
        "/varies": require()(_varies if is_sync else _varies_awaited),
    }
    for path, other in others.items():
        app.add_url_rule(path, path, other)
    return app


def _in_process(world: World) -> Start:
    @contextmanager
    def start(setup: Setup) -> Generator[Caller]:
        client = make_app(setup, world).test_client(use_cookies=False)

        def call(method: str, path: str, headers: Mapping[str, str]) -> Answer:
            response = client.open(path, method=method, headers=dict(headers))
            return answer_of(response.status_code, response.headers.items(), response.data)

        yield call

    return start


@contextmanager
def _served(setup: Setup) -> Generator[Caller]:
    yield calling(in_turn_under_waitress(make_app(setup, "sync")))


COLUMNS = [
    Column("flask", "sync", "test_client", _in_process("sync")),
    Column("flask", "async", "test_client", _in_process("async")),
    Column("flask", "sync", "waitress", _served),
]
