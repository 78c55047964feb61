"""Sessions that are refused although their tokens have not expired yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Protocol

from clerk_ext.forks import mend_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext.tokens.claims import SessionClaims

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

    ``clerk.sessions.revoke`` adds to it. An entry is forgotten once no token can still carry what it revokes.
    Threads may share it.

    Args:
        token_lifetime: The longest lifetime in seconds of your session tokens. The default is the longest that the
            Backend API can give; if yours live a minute, as by default, say 60 and entries go away sooner.
        clock: Gives Unix seconds.
    """

    def __init__(self, *, token_lifetime: float = _LONGEST_LIFETIME, clock: Callable[[], float] = time.time) -> None:
        if not 0 < token_lifetime <= _LONGEST_LIFETIME:
            raise ValueError(f"token_lifetime: write a number of seconds up to {_LONGEST_LIFETIME:.0f}.")
        self._lifetime = token_lifetime
        self._clock = clock
        self._sessions: dict[str, float] = {}  # session id: when the entry may be forgotten
        self._users: dict[str, tuple[float, float]] = {}  # user id: (tokens from before are refused, when to forget)
        self._queue: deque[tuple[float, str]] = deque()
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock."""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._sessions) + len(self._users)

    def __repr__(self) -> str:
        return f"Revocations({len(self._sessions)} sessions, {len(self._users)} users)"

    def revoke_session(self, session_id: str) -> None:
        """Refuse every token of the session *session_id* from now on."""
        with self._lock:
            forget = self._forget_at(self._clock())
            self._sessions[session_id] = forget
            self._queue.append((forget, session_id))

    def revoke_user(self, user_id: str, before: float | None = None) -> None:
        """Refuse every token of the user *user_id* that was issued before a moment.

        Args:
            user_id: The user, ``user_…``.
            before: Unix seconds; now if left out. An earlier moment never takes back a later one.
        """
        with self._lock:
            before = self._clock() if before is None else before
            forget = self._forget_at(before)
            held = self._users.get(user_id)
            if held is None or held[0] < before:
                self._users[user_id] = (before, forget)
                self._queue.append((forget, user_id))

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Whether the session was revoked, or its user before the token was issued."""
        if claims.session_id in self._sessions:
            return True
        user = self._users.get(claims.user_id)
        return user is not None and claims.issued_at.timestamp() < user[0]

    def _forget_at(self, revoked: float) -> float:
        """When a token from before *revoked* has surely expired; on the way, forget what may be forgotten."""
        now = self._clock()
        while self._queue and self._queue[0][0] < now:
            _, key = self._queue.popleft()
            if self._sessions.get(key, now) < now:
                del self._sessions[key]
            if self._users.get(key, (now, now))[1] < now:
                del self._users[key]
        return revoked + self._lifetime + _GREATEST_SKEW
