"""What a Clerk instance knows: users, organisations, memberships, templates and sessions."""

from __future__ import annotations

import hashlib
import string
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .keys import SigningKey

SessionStatus: TypeAlias = Literal[
    "abandoned", "active", "ended", "expired", "pending", "removed", "replaced", "revoked"
]
LIVE_STATUSES: Final = frozenset({"active", "pending"})
"""Statuses in which a session still gives tokens."""

MIN_LIFETIME: Final = 30
MAX_LIFETIME: Final = 315_360_000
"""Bounds of a token's lifetime in seconds, for templates and for a single call alike."""

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BROWSER: Final = {
    "device_type": "Macintosh",
    "browser_name": "Firefox",
    "browser_version": "128.0",
    "ip_address": "192.0.2.10",
    "city": "Utrecht",
    "country": "NL",
}


def make_id(prefix: str, *seed: object) -> str:
    """Return the prefix and 27 base-62 characters, as Clerk's ids are made; the same for the same seed."""
    digest = hashlib.sha256(":".join([prefix, *map(str, seed)]).encode()).digest()
    number = int.from_bytes(digest, "big")
    letters: list[str] = []
    for _ in range(27):
        number, digit = divmod(number, 62)
        letters.append(_BASE62[digit])
    return prefix + "".join(letters)


@attrs.frozen
class FakeUser:
    """A user of the instance.

    Attributes:
        id: ``user_…``.
        features: Features that the user's own plan gives.
        plan: Slug of the user's own plan.
    """

    id: str
    features: tuple[str, ...] = ()
    plan: str | None = None


@attrs.frozen
class FakeOrganization:
    """An organisation of the instance.

    Attributes:
        id: ``org_…``.
        slug: The name in addresses and in the token's ``slg``.
        plan: Slug of the organisation's plan.
    """

    id: str
    slug: str
    plan: str | None = None


@attrs.frozen
class FakeMembership:
    """What a user is and may do in an organisation.

    Attributes:
        user: The member.
        organization: The organisation.
        role: Always with its prefix: ``org:admin``.
        permissions: Permission keys, each ``org:<feature>:<permission>``.
        features: Features that the organisation's plan gives its members.
    """

    user: FakeUser
    organization: FakeOrganization
    role: str
    permissions: tuple[str, ...]
    features: tuple[str, ...]


@attrs.frozen
class FakeTemplate:
    """A JWT template.

    Attributes:
        name: The name that the API is called with.
        claims: The template's own claims.
        lifetime: Seconds from issue to expiry.
        clock_skew: Seconds that ``nbf`` lies before the issue.
        signing_key: Signs in place of the instance's key: with RS256, or as a secret text with HS256.
    """

    name: str
    claims: Mapping[str, Any]
    lifetime: int
    clock_skew: int
    signing_key: SigningKey | str | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class FakeSignIn:
    """What a browser brings with a request after a sign-in.

    Attributes:
        session: The session.
        token: A session token, good for a minute by the instance's clock.
        cookies: The cookies that Clerk's frontend leaves on the application's host, plain and suffixed.
        headers: The header of a request that is sent across origins: ``Authorization: Bearer …``.
    """

    session: FakeSession
    token: str = attrs.field(repr=False)
    cookies: Mapping[str, str] = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)


@attrs.define(eq=False)
class FakeSession:
    """A user's session; the instance changes it in place. All times are Unix milliseconds.

    Attributes:
        id: ``sess_…``.
        user: Whose session it is.
        client_id: ``client_…``, the browser or device.
        status: Clerk's word for the state it is in.
        organization: The active organisation, if any.
        actor: Who impersonates the user, as the ``act`` claim has it.
        tasks: Keys of what the user still has to do; a pending session has at least one.
        activity_id: Identifies the latest activity; None for a session that the Backend API made.
        created_at: When the user signed in.
        updated_at: When the session last changed.
        last_active_at: When it was last used.
        expire_at: When it ends by itself.
        abandon_at: When it is given up if nobody uses it.
    """

    id: str
    user: FakeUser
    client_id: str
    status: SessionStatus
    organization: FakeOrganization | None
    actor: Mapping[str, Any] | None
    tasks: tuple[str, ...]
    activity_id: str | None
    created_at: int
    updated_at: int
    last_active_at: int
    expire_at: int
    abandon_at: int

    @property
    def is_live(self) -> bool:
        """Whether the session still gives tokens."""
        return self.status in LIVE_STATUSES

    def to_json(self) -> dict[str, Any]:
        """Return the session as the Backend API shows it."""
        return {
            "object": "session",
            "id": self.id,
            "client_id": self.client_id,
            "user_id": self.user.id,
            "status": self.status,
            "last_active_organization_id": None if self.organization is None else self.organization.id,
            "actor": None if self.actor is None else dict(self.actor),
            "latest_activity": None
            if self.activity_id is None
            else {"object": "session_activity", "id": self.activity_id, "is_mobile": False, **_BROWSER},
            "tasks": [{"key": key} for key in self.tasks] or None,
            "last_active_at": self.last_active_at,
            "expire_at": self.expire_at,
            "abandon_at": self.abandon_at,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }
