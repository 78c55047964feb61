"""Verified tokens, remembered so that the next request with the same token costs no signature check.

Bounded, and made so that a flood of tokens that are seen once cannot push out those that are in use: this is the CLOCK
algorithm with counters. A hit adds to the token's counter, up to three. When room is needed, a hand goes round, takes
one off each counter that it meets, and the first token that has none. A newcomer has none, and finds no room where all
that the hand meets is in use. A hit takes no lock; room is made under one.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from clerk_ext.forks import mend_after_fork

if TYPE_CHECKING:
    from clerk_ext.tokens.claims import SessionClaims
    from clerk_ext.tokens.keys import VerificationKey

# The end of the signature tells tokens apart as well as the whole, and takes a tenth of the time to hash.
_KEY_LENGTH = 32
_MOST_USES = 3
_MOST_STEPS = 64


class Remembered:
    """A verified token and what its verdict rests on.

    Attributes:
        token: The whole token, since the dictionary's key is a piece of it.
        kid: The key id that it names; None where keys are not looked up by id.
        key: The key that verified it; when the instance no longer has it, the verdict is void.
        valid_from: Unix seconds before which the policy may refuse it.
        valid_until: Unix seconds from which the policy may refuse it.
        claims: The verdict.
        uses: How many rounds of the hand it survives.
    """

    __slots__ = ("claims", "key", "kid", "token", "uses", "valid_from", "valid_until")

    def __init__(
        self,
        token: str,
        kid: str | None,
        key: VerificationKey,
        valid_from: float,
        valid_until: float,
        claims: SessionClaims,
    ) -> None:
        self.token: str = token
        self.kid: str | None = kid
        self.key: VerificationKey = key
        self.valid_from: float = valid_from
        self.valid_until: float = valid_until
        self.claims: SessionClaims = claims
        self.uses: int = 0


class RememberedTokens:
    """At most *size* verified tokens of one policy; with 0, none."""

    __slots__ = ("__weakref__", "_by_key", "_lock", "_round", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._by_key: dict[str, Remembered] = {}
        self._round: deque[Remembered] = deque()
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock, or have been in the midst of making room."""
        self._lock = threading.Lock()
        self._round = deque(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, token: str) -> Remembered | None:
        """What is remembered of *token*, or None. Whether it still holds is for the caller to see."""
        found = self._by_key.get(token[-_KEY_LENGTH:])
        if found is None or found.token != token:
            return None
        if found.uses < _MOST_USES:
            found.uses += 1
        return found

    def add(self, remembered: Remembered, now: float) -> None:
        """Remember a token that was verified just now, at *now* in Unix seconds, if there is room for it."""
        key = remembered.token[-_KEY_LENGTH:]
        with self._lock:
            if key not in self._by_key and not self._has_room(now):
                return
            # A token of the same key stays in the round, where the hand will see that it is not the one remembered.
            self._by_key[key] = remembered
            self._round.append(remembered)

    def _has_room(self, now: float) -> bool:
        if len(self._by_key) < self._size:
            return True
        for _ in range(min(_MOST_STEPS, len(self._round))):
            met = self._round.popleft()
            key = met.token[-_KEY_LENGTH:]
            if self._by_key.get(key) is not met:
                continue
            if met.uses == 0 or met.valid_until <= now:
                del self._by_key[key]
                return True
            met.uses -= 1
            self._round.append(met)
        return False

    def drop(self, remembered: Remembered) -> None:
        """Forget a token whose verdict does not hold any more."""
        with self._lock:
            key = remembered.token[-_KEY_LENGTH:]
            if self._by_key.get(key) is remembered:
                del self._by_key[key]
