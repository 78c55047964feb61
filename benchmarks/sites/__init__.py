"""A little application in each framework, bare or with sign-in in one of several ways; a module for each framework.

Nothing of ours or of a peer's is imported before a way needs it: each is at its own when a process is asked first.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.peers import load

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from clerk_ext import ClerkConfig

FASTAPI, STARLETTE, FLASK = "FastAPI", "Starlette", "Flask"
DJANGO, DJANGO_ASYNC = "Django", "Django async"
FRAMEWORKS: Final = {
    FASTAPI: "in_fastapi",
    STARLETTE: "in_starlette",
    DJANGO: "in_django",
    DJANGO_ASYNC: "in_django",
    FLASK: "in_flask",
}
"""The frameworks, and the modules of their applications."""
SYNC: Final = (DJANGO, FLASK)
"""Those whose applications are WSGI's; the others are ASGI's."""
BARE, OURS = "bare", "ours"
USER: Final = "user_2bench0123456789abcdefghijk"
OPEN: Final = "/open"
"""A route that is nobody's business, in every application."""


@attrs.frozen
class Place:
    """Where the application finds its instance.

    Attributes:
        url: Of the server that gives the key set.
        issuer: What tokens name.
        party: What tokens name as the origin that they were made for.
        secret_key: For those who need one.
    """

    url: str
    issuer: str
    party: str
    secret_key: str

    @property
    def jwks_url(self) -> str:
        """Where the key set is, for everybody."""
        return f"{self.url}/v1/jwks"

    def config(self) -> ClerkConfig:
        """Our settings."""
        from clerk_ext import ClerkConfig

        return ClerkConfig(issuer=self.issuer, jwks_url=self.jwks_url, authorized_parties=[self.party])


@attrs.frozen
class Site:
    """An application.

    Attributes:
        app: What a server calls.
        path: The route that tells who is signed in; where the application is bare, it tells it without a look.
    """

    app: Any
    path: str = "/me"


def make(framework: str, way: str, place: Place) -> Site:
    """An application of a framework, guarded in one way."""
    module = importlib.import_module(f"{__name__}.{FRAMEWORKS[framework]}")
    made: Site = module.make(way, place) if framework != DJANGO_ASYNC else module.make_async(way, place)
    return made


def official(place: Place) -> Callable[[Any], str | None]:
    """How the official SDK tells whose a request is."""
    authenticate, options = _official("authenticate_request", place)

    def user_of(request: Any) -> str | None:
        state = authenticate(request, options)
        return state.payload["sub"] if state.is_signed_in else None

    return user_of


def official_async(place: Place) -> Callable[[Any], Awaitable[str | None]]:
    """The same, awaited."""
    authenticate, options = _official("authenticate_request_async", place)

    async def user_of(request: Any) -> str | None:
        state = await authenticate(request, options)
        return state.payload["sub"] if state.is_signed_in else None

    return user_of


def _official(function: str, place: Place) -> tuple[Any, Any]:
    """One of its functions, and options; it knows one address for key sets, which is changed here."""
    types, module = (load(f"clerk_backend_api.security.{name}") for name in ("types", "authenticaterequest"))
    module.VerifyTokenOptions = partial(types.VerifyTokenOptions, api_url=place.url)
    options = types.AuthenticateRequestOptions(secret_key=place.secret_key, authorized_parties=[place.party])
    return getattr(module, function), options
