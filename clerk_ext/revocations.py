"""Sessions that are refused although their tokens have not expired yet."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from typing import TYPE_CHECKING, Protocol

from clerk_ext.forks import mend_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from clerk_ext.tokens.claims import SessionClaims

    _Whose: TypeAlias = str | tuple[str, str]
    """An id, or one at one tenant alone."""

_LONGEST_LIFETIME = 315_360_000.0
"""The most seconds that the Backend API lets a session token live (``expires_in_seconds``)."""
_GREATEST_SKEW = 300.0


class RevocationCheck(Protocol):
    """What `Clerk` asks on every verification: in memory and at once, since it stands on every request's way."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Whether the session that *claims* speak of was revoked."""
        ...


class Revocations:
    """Revoked sessions and users, in the memory of this process.

    ``clerk.sessions.revoke`` adds to it; that of a tenant of `Tenants` adds what holds for this tenant alone. An entry
    is forgotten once no token can still carry what it revokes.
    Threads may share it.

    Args:
        token_lifetime: The longest lifetime in seconds of your session tokens. The default is the longest that the
            Backend API can give; if yours live a minute, as by default, say 60 and entries go away sooner.
        clock: Gives Unix seconds.
    """

    def __init__(self, *, token_lifetime: float = _LONGEST_LIFETIME, clock: Callable[[], float] = time.time) -> None:
        if not 0 < token_lifetime <= _LONGEST_LIFETIME:
            raise ValueError(f"token_lifetime: write a number of seconds up to {_LONGEST_LIFETIME:.0f}.")
        # Clerk's clock may be ahead by the skew when it issues the last token, and the skew extends that one's life.
        self._kept = token_lifetime + 2 * _GREATEST_SKEW
        self._clock = clock
        self._sessions: dict[_Whose, float] = {}  # session id: when it was revoked
        self._users: dict[_Whose, float] = {}  # user id: tokens from before this moment are refused
        self._of_tenants = False  # whether some entry is of one tenant alone
        # A heap of (moment, number, id, whether a session's): one place for each entry, however often it is revoked.
        self._queue: list[tuple[float, int, _Whose, bool]] = []
        self._numbers = itertools.count()
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions) + len(self._users)

    def __bool__(self) -> bool:
        return True  # an empty one is one

    def __repr__(self) -> str:
        return f"Revocations({len(self._sessions)} sessions, {len(self._users)} users)"

    def revoke_session(self, session_id: str, *, tenant: str | None = None) -> None:
        """Refuse every token of the session *session_id* from now on.

        Args:
            session_id: The session, ``sess_…``.
            tenant: Only tokens of this tenant; those of any if left out.
        """
        self._revoke(self._sessions, session_id, tenant, self._clock())

    def revoke_user(self, user_id: str, before: float | None = None, *, tenant: str | None = None) -> None:
        """Refuse every token of the user *user_id* that was issued before a moment.

        Args:
            user_id: The user, ``user_…``.
            before: Unix seconds; now if left out. An earlier moment never takes back a later one.
            tenant: Only tokens of this tenant; those of any if left out.

        Raises:
            ValueError: *before* is no finite number.
        """
        if before is not None and not math.isfinite(before):
            raise ValueError("before: write a moment in Unix seconds.")
        self._revoke(self._users, user_id, tenant, self._clock() if before is None else before)

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Whether the session was revoked, or its user before the token was issued."""
        if claims.session_id in self._sessions:
            return True
        before = self._users.get(claims.user_id)
        if before is not None and claims.issued_at.timestamp() < before:
            return True
        return self._of_tenants and self._is_revoked_at(claims.tenant, claims)

    def _is_revoked_at(self, tenant: str, claims: SessionClaims) -> bool:
        before = self._users.get((tenant, claims.user_id))
        return (tenant, claims.session_id) in self._sessions or (
            before is not None and claims.issued_at.timestamp() < before
        )

    def _revoke(self, held: dict[_Whose, float], name: str, tenant: str | None, moment: float) -> None:
        key = name if tenant is None else (tenant, name)
        with self._lock:
            self._forget()
            known = held.get(key)
            if known is None or known < moment:
                held[key] = moment
            self._of_tenants = self._of_tenants or tenant is not None
            if known is None:  # last: a fork in between costs memory, the other way round an entry
                heapq.heappush(self._queue, (moment, next(self._numbers), key, held is self._sessions))

    def _forget(self) -> None:
        """Drop the entries whose last token has surely expired."""
        horizon = self._clock() - self._kept
        while self._queue and self._queue[0][0] < horizon:
            _, number, key, is_session = heapq.heappop(self._queue)
            held = self._sessions if is_session else self._users
            if held[key] < horizon:
                del held[key]
            else:  # revoked once more since it was queued
                heapq.heappush(self._queue, (held[key], number, key, is_session))
