"""A fake Clerk instance that really signs, for tests without an account.

Make a ``FakeClerk``, give it users and sessions, and let a client at it: in-process by a ``FakeTransport``,
or over real HTTP on loopback by a ``FakeServer``. Nothing here shares code with what verifies tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exchange import FakeRequest, FakeResponse
    from .instance import FakeClerk
    from .keys import SigningKey
    from .records import (
        FakeMembership,
        FakeOrganization,
        FakeSession,
        FakeSignIn,
        FakeTemplate,
        FakeUser,
        SessionStatus,
    )
    from .server import FakeServer
    from .transport import FakeTransport
    from .trouble import Operation, Troubles
    from .webhooks import FakeWebhook

__all__ = [
    "FakeClerk",
    "FakeMembership",
    "FakeOrganization",
    "FakeRequest",
    "FakeResponse",
    "FakeServer",
    "FakeSession",
    "FakeSignIn",
    "FakeTemplate",
    "FakeTransport",
    "FakeUser",
    "FakeWebhook",
    "Operation",
    "SessionStatus",
    "SigningKey",
    "Troubles",
]

_LAZY = {
    **dict.fromkeys(("FakeRequest", "FakeResponse"), "exchange"),
    "FakeClerk": "instance",
    "SigningKey": "keys",
    **dict.fromkeys(
        (
            "FakeMembership",
            "FakeOrganization",
            "FakeSession",
            "FakeSignIn",
            "FakeTemplate",
            "FakeUser",
            "SessionStatus",
        ),
        "records",
    ),
    "FakeServer": "server",
    "FakeTransport": "transport",
    **dict.fromkeys(("Operation", "Troubles"), "trouble"),
    "FakeWebhook": "webhooks",
}

if not TYPE_CHECKING:  # pragma: no branch - type checkers would take any misspelt import for good

    def __getattr__(name: str) -> object:
        """Load a name when it is first asked for (PEP 562): every run of pytest imports this package for its plugin."""
        if name in _LAZY:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __all__
