"""What an instance holds besides its keys: users, organisations, memberships, templates, sessions."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, get_args

from .records import (
    MAX_LIFETIME,
    MIN_LIFETIME,
    FakeMembership,
    FakeOrganization,
    FakeSession,
    FakeTemplate,
    FakeUser,
    SessionStatus,
    make_id,
)
from .tokens import RESERVED_CLAIMS
from .webhooks import BY_STATUS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from .keys import SigningKey
    from .webhooks import Event

SESSION_LIFETIME: Final = 7 * 86_400_000
ABANDONED_AFTER: Final = 30 * 86_400_000
"""Milliseconds from sign-in until a session expires, and until it counts as abandoned."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_DNS_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PERMISSION: Final = re.compile(r"org:[^:,\s]+:[^:,\s]+")
_FEATURE: Final = re.compile(r"[^:,\s]+")
_STATUSES: Final = frozenset(get_args(SessionStatus))

Item = TypeVar("Item")


class MovableClock:
    """The time in Unix seconds: that of another clock, and what was advanced."""

    def __init__(self, base: Callable[[], float]) -> None:
        self._base = base
        self.moved: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self._base() + self.moved


class InstanceState:
    """The records of one instance, under one lock."""

    def __init__(
        self,
        slug: str = "example",
        *,
        environment: Literal["development", "production"] = "development",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not _DNS_LABEL.fullmatch(slug):
            raise ValueError("slug: no DNS label; use lower-case letters, digits and inner hyphens: 'example'")
        if environment not in ("development", "production"):
            raise ValueError("environment: must be 'development' or 'production'")
        self.slug = slug
        self.environment = environment
        self.clock: MovableClock = MovableClock(clock)
        self.skew: float = 0.0
        self._users: dict[str, FakeUser] = {}
        self._organizations: dict[str, FakeOrganization] = {}
        self._memberships: dict[tuple[str, str], FakeMembership] = {}
        self._templates: dict[str, FakeTemplate] = {}
        self._sessions: dict[str, FakeSession] = {}
        self._counters: dict[str, int] = {}
        self._lock = threading.RLock()

    def advance(self, seconds: float) -> None:
        """Let time pass, for the instance and for each client with the settings of its ``config``.

        Raises:
            ValueError: It would go back.
        """
        if not seconds >= 0:
            raise ValueError("seconds: must be 0 or more; time does not go back")
        self.clock.moved += seconds

    def own_clock(self) -> float:
        """Return the time by which tokens are made: ahead of ``clock`` by ``skew`` seconds, as a clock that is off."""
        return self.clock() + self.skew

    @contextmanager
    def _change(self) -> Generator[None, None, None]:
        """Keep every other thread away from a change and from what is announced of it."""
        with self._lock:
            yield

    def _announce(self, event: Event, session: FakeSession) -> None:
        """Tell whoever listens that something happened to a session, once the change that it is part of is done."""

    def add_user(
        self, user_id: str | None = None, *, features: Iterable[str] = (), plan: str | None = None
    ) -> FakeUser:
        """Add a user; ``features`` and ``plan`` are those of the user's own subscription.

        Raises:
            ValueError: There is such a user, or a name is malformed.
        """
        with self._lock:
            user = FakeUser(user_id or self.new_id("user_"), _features(features), _plan(plan))
            return _add(self._users, user.id, user, "user_id")

    def add_member(self, organization: FakeOrganization | None = None) -> FakeUser:
        """Add a user and, where there is one, make them a member of the organisation, with the default role.

        Raises:
            ValueError: The organisation is of another instance.
        """
        user = self.add_user()
        if organization is not None:
            self.add_membership(user, organization)
        return user

    def add_organization(
        self, slug: str, *, organization_id: str | None = None, plan: str | None = None
    ) -> FakeOrganization:
        """Add an organisation.

        Raises:
            ValueError: There is such an organisation, or the plan is malformed.
        """
        with self._lock:
            organization = FakeOrganization(organization_id or self.new_id("org_"), slug, _plan(plan))
            return _add(self._organizations, organization.id, organization, "organization_id")

    def add_membership(
        self,
        user: FakeUser,
        organization: FakeOrganization,
        role: str = "org:admin",
        permissions: Iterable[str] = (),
        features: Iterable[str] = (),
    ) -> FakeMembership:
        """Make the user a member, or change what the member is and may do.

        Args:
            user: The member.
            organization: The organisation.
            role: With or without its prefix ``org:``.
            permissions: Each ``org:<feature>:<permission>``; its feature needs no mention in ``features``.
            features: Names of what the organisation's plan gives its members.

        Raises:
            ValueError: A name is malformed, or user or organisation are of another instance.
        """
        granted = tuple(permissions)
        if not all(_PERMISSION.fullmatch(permission) for permission in granted):
            raise ValueError("permissions: each must be org:<feature>:<permission>: 'org:invoices:create'")
        with self._lock:
            self._check_user(user)
            if self._organizations.get(organization.id) is not organization:
                raise ValueError("organization: not of this instance; make it with its add_organization")
            membership = FakeMembership(
                user, organization, "org:" + role.removeprefix("org:"), granted, _features(features)
            )
            self._memberships[user.id, organization.id] = membership
            return membership

    def add_template(
        self,
        name: str,
        claims: Mapping[str, Any] = NOTHING,
        lifetime: int = 60,
        audience: str | Sequence[str] | None = None,
        *,
        clock_skew: int = 5,
        signing_key: SigningKey | str | None = None,
    ) -> FakeTemplate:
        """Add a JWT template.

        Args:
            name: The name that the API is called with.
            claims: The claims of its own.
            lifetime: Seconds from issue to expiry, 30 to 315360000.
            audience: The ``aud`` claim.
            clock_skew: Seconds that ``nbf`` lies before the issue, 0 to 300.
            signing_key: Signs in place of the instance's key: a ``SigningKey`` with RS256, a secret text with HS256.

        Raises:
            ValueError: There is such a template, a claim is one that Clerk sets, a number is out of range, or the
                secret text is empty.
        """
        if reserved := sorted(RESERVED_CLAIMS.intersection(claims)):
            raise ValueError(f"claims: Clerk itself sets {', '.join(reserved)}; leave out what it sets")
        if signing_key == "":
            raise ValueError("signing_key: is empty; anybody could sign with that")
        if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
            raise ValueError(f"lifetime: must be {MIN_LIFETIME} to {MAX_LIFETIME} seconds")
        if not 0 <= clock_skew <= 300:
            raise ValueError("clock_skew: must be 0 to 300 seconds")
        own = dict(claims) if audience is None else {**claims, "aud": audience}
        with self._lock:
            return _add(self._templates, name, FakeTemplate(name, own, lifetime, clock_skew, signing_key), "name")

    def create_session(
        self,
        user: FakeUser,
        *,
        organization: FakeOrganization | None = None,
        client_id: str | None = None,
        status: SessionStatus = "active",
        actor: Mapping[str, Any] | None = None,
        tasks: Iterable[str] = (),
    ) -> FakeSession:
        """Sign a user in, as a browser would.

        Args:
            user: Who signs in.
            organization: The active organisation; the user must be a member.
            client_id: The browser or device; a new one if None.
            status: The session's status.
            actor: Who impersonates the user: the ``act`` claim.
            tasks: Keys of what the user still has to do; a pending session has ``choose-organization`` by
                default.

        Raises:
            ValueError: The user is of another instance or no member, or the status is not one of Clerk's.
        """
        outstanding = tuple(tasks)
        _check_status(status)
        with self._change():
            session = self._open_session(user, organization, client_id)
            session.status = status
            session.actor = actor
            session.tasks = outstanding or (("choose-organization",) if status == "pending" else ())
            session.activity_id = self.new_id("sess_activity_")
            self._announce("session.pending" if status == "pending" else "session.created", session)
        return session

    def open_session(
        self, user: FakeUser, organization: FakeOrganization | None = None, client_id: str | None = None
    ) -> FakeSession:
        """Make an active session that no browser has used yet, as the Backend API does.

        Raises:
            ValueError: The user is of another instance, or no member of the organisation.
        """
        with self._change():
            session = self._open_session(user, organization, client_id)
            self._announce("session.created", session)
        return session

    def _open_session(
        self, user: FakeUser, organization: FakeOrganization | None, client_id: str | None
    ) -> FakeSession:
        with self._lock:
            self._check_user(user)
            if organization is not None and self.membership(user, organization) is None:
                raise ValueError("organization: the user is no member; call add_membership first")
            now = self._milliseconds()
            session = FakeSession(
                id=self.new_id("sess_"),
                user=user,
                client_id=client_id or self.new_id("client_"),
                status="active",
                organization=organization,
                actor=None,
                tasks=(),
                activity_id=None,
                created_at=now,
                updated_at=now,
                last_active_at=now,
                expire_at=now + SESSION_LIFETIME,
                abandon_at=now + ABANDONED_AFTER,
            )
            self._sessions[session.id] = session
            return session

    def set_status(self, session: FakeSession, status: SessionStatus) -> None:
        """Change a session's status.

        Raises:
            ValueError: The status is not one of Clerk's.
        """
        _check_status(status)
        event = BY_STATUS.get(status)
        with self._change():
            changed = session.status != status
            session.status = status
            session.updated_at = self._milliseconds()
            if changed and event is not None:
                self._announce(event, session)

    def revoke(self, session: FakeSession) -> None:
        """End a session as the application would: the API gives no further token for it."""
        self.set_status(session, "revoked")

    def users(self) -> list[FakeUser]:
        """Return every user, in the order in which they were added."""
        return list(self._users.values())

    def clients(self) -> dict[str, list[FakeSession]]:
        """Return the browsers and devices, ``client_…``, each with its sessions, newest first."""
        clients: dict[str, list[FakeSession]] = {}
        for session in self.sessions():
            clients.setdefault(session.client_id, []).append(session)
        return clients

    def find_user(self, user_id: str) -> FakeUser | None:
        """Return the user with this id."""
        return self._users.get(user_id)

    def find_organization(self, organization_id: str) -> FakeOrganization | None:
        """Return the organisation with this id."""
        return self._organizations.get(organization_id)

    def find_template(self, name: str) -> FakeTemplate | None:
        """Return the template with this name."""
        return self._templates.get(name)

    def find_session(self, session_id: str) -> FakeSession | None:
        """Return the session with this id, in the status that it has by now."""
        with self._lock:
            session = self._sessions.get(session_id)
            if session is not None:
                self._age(session)
            return session

    def sessions(self) -> list[FakeSession]:
        """Return every session, newest first, each in the status that it has by now."""
        with self._lock:
            newest_first = list(reversed(self._sessions.values()))
            for session in newest_first:
                self._age(session)
        return sorted(newest_first, key=lambda session: session.created_at, reverse=True)

    def membership(self, user: FakeUser, organization: FakeOrganization) -> FakeMembership | None:
        """Return the user's membership in the organisation."""
        return self._memberships.get((user.id, organization.id))

    def new_id(self, prefix: str) -> str:
        """Return the next identifier with this prefix."""
        with self._lock:
            count = self._counters[prefix] = self._counters.get(prefix, 0) + 1
        return make_id(prefix, self.slug, count)

    def _check_user(self, user: FakeUser) -> None:
        if self._users.get(user.id) is not user:
            raise ValueError("user: not of this instance; make it with its add_user")

    def _milliseconds(self) -> int:
        return int(self.clock() * 1000)

    def _age(self, session: FakeSession) -> None:
        if session.is_live and self._milliseconds() >= session.expire_at:
            session.status, session.updated_at = "expired", session.expire_at


def _add(items: dict[str, Item], key: str, item: Item, field: str) -> Item:
    if key in items:
        raise ValueError(f"{field}: {key!r} is taken; choose another")
    items[key] = item
    return item


def _features(names: Iterable[str]) -> tuple[str, ...]:
    features = tuple(names)
    if not all(_FEATURE.fullmatch(name) for name in features):
        raise ValueError("features: each must be a name without colon, comma or space: 'reports'")
    return features


def _plan(name: str | None) -> str | None:
    if name is not None and not _FEATURE.fullmatch(name):
        raise ValueError("plan: must be a slug without colon, comma or space: 'pro'")
    return name


def _check_status(status: SessionStatus) -> None:
    if status not in _STATUSES:
        raise ValueError(f"status: must be one of {', '.join(sorted(_STATUSES))}")
