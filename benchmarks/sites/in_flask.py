"""The application in Flask."""

from __future__ import annotations

from flask import Flask, request
from werkzeug.exceptions import Unauthorized

from benchmarks.peers import OFFICIAL
from benchmarks.sites import BARE, OPEN, OURS, USER, Place, Site, official


def make(way: str, place: Place) -> Site:
    """The application, guarded in one way."""
    app = Flask(__name__)
    {BARE: _bare, OURS: _ours, OFFICIAL: _official}[way](app, place)

    @app.get(OPEN)
    def anybody() -> str:
        return USER

    return Site(app)


def _bare(app: Flask, place: Place) -> None:
    @app.get("/me")
    def me() -> str:
        return USER


def _ours(app: Flask, place: Place) -> None:
    from clerk_ext import Clerk
    from clerk_ext.flask import ClerkAuth, claims, require

    ClerkAuth(Clerk(place.config())).init_app(app)

    @app.get("/me")
    @require()
    def me() -> str:
        return claims.user_id


def _official(app: Flask, place: Place) -> None:
    user_of = official(place)

    @app.get("/me")
    def me() -> str:
        user = user_of(request)
        if user is None:
            raise Unauthorized
        return user
