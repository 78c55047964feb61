"""The libraries that we compare with. None has to be installed: what is missing is left out of the table."""

from __future__ import annotations

import importlib
import importlib.util
from importlib import metadata
from typing import Any, Final

PYJWT, JOSERFC, JWCRYPTO, OFFICIAL = "PyJWT", "joserfc", "jwcrypto", "official"
OFFICIAL_SYNC, CLERK_AUTH = "official, sync", "clerk-auth"
PEERS: Final = (PYJWT, JOSERFC, JWCRYPTO, OFFICIAL)
"""Those that verify tokens."""
SIGN_IN_PEERS: Final = (OFFICIAL, OFFICIAL_SYNC, CLERK_AUTH)
"""Those that sign requests in; the official SDK has a form to await, and one that people call in `async def`, too."""
DISTRIBUTIONS: Final = {
    PYJWT: "PyJWT",
    JOSERFC: "joserfc",
    JWCRYPTO: "jwcrypto",
    OFFICIAL: "clerk-backend-api",
    CLERK_AUTH: "fastapi-clerk-auth",
}
_PACKAGES: Final = {
    PYJWT: "jwt",
    JOSERFC: "joserfc",
    JWCRYPTO: "jwcrypto",
    OFFICIAL: "clerk_backend_api",
    OFFICIAL_SYNC: "clerk_backend_api",
    CLERK_AUTH: "fastapi_clerk_auth",
}


def installed(peer: str) -> bool:
    """Whether *peer* can be imported here."""
    return importlib.util.find_spec(_PACKAGES[peer]) is not None


def load(module: str) -> Any:
    """A module of a peer's, untyped, since type checkers run where the peers are not installed."""
    return importlib.import_module(module)


def version(distribution: str) -> str:
    """The installed version, or ``–``."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "–"
