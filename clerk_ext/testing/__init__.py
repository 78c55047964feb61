"""A fake Clerk instance that really signs, for tests without an account.

Make a ``FakeClerk``, give it users and sessions, and let a client at it: in-process by a ``FakeTransport``,
or over real HTTP on loopback by a ``FakeServer``. Nothing here shares code with what verifies tokens.
"""

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
