# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""Clerk session endpoints (version 2026-05-12): requests and typed answers."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import AuthenticatedClient
    from .errors import UnexpectedBody, UnexpectedStatus
    from .types import Response

__all__ = ("AuthenticatedClient", "Response", "UnexpectedBody", "UnexpectedStatus")

if not TYPE_CHECKING:
    _HOMES = {
        "AuthenticatedClient": "client",
        "Response": "types",
        "UnexpectedBody": "errors",
        "UnexpectedStatus": "errors",
    }

    def __getattr__(name):
        """Import the module that a public name lives in, when the name is first used."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value

    def __dir__():
        """List the public names, loaded or not."""
        return sorted({*globals(), *__all__})
