"""Verified tokens, remembered so that the next request with the same token costs no signature check.

Bounded, and made so that a flood of tokens that are seen once cannot push out those that are in use (the S3-FIFO
algorithm). Newcomers wait in a short queue. Who was seen again by the time it reaches the end joins the tokens in use,
the others go, and only their keys are kept for a while: who comes back then joins the tokens in use at once. Those go
round; a hit adds to a token's counter, up to three, each round takes one off, and who has none left goes. A hit takes
no lock; room is made under one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
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

    def renew(self, other: Remembered) -> None:
        """Take over the newer verdict on the same token; of another one that ends alike, nothing."""
        if self.token == other.token:
            self.kid, self.key, self.claims = other.kid, other.key, other.claims
            self.valid_from, self.valid_until = other.valid_from, other.valid_until


class RememberedTokens:
    """At most *size* verified tokens of one policy."""

    __slots__ = ("__weakref__", "_by_key", "_gone", "_in_use", "_lock", "_newcomers", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._by_key: dict[str, Remembered] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        self._in_use: deque[Remembered] = deque()
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock, or have been in the midst of making room."""
        self._lock = threading.Lock()
        self._tidy()

    def _tidy(self) -> None:
        """Leave out of the queues what is not remembered any more."""
        in_use = set(map(id, self._in_use))
        self._newcomers: deque[Remembered] = deque(r for r in self._by_key.values() if id(r) not in in_use)
        self._in_use = deque(r for r in self._in_use if self._by_key.get(_key_of(r.token)) is r)

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
        key = _key_of(remembered.token)
        with self._lock:
            held = self._by_key.get(key)
            if held is not None:
                held.renew(remembered)
            elif len(self._by_key) < self._size or (self._by_key and self._has_made_room(now)):
                # First into a queue, then remembered: an exception in between, as a signal may raise, must not leave a
                # token that nothing ever makes room for.
                (self._in_use if key in self._gone else self._newcomers).append(remembered)
                self._by_key[key] = remembered
                self._gone.pop(key, None)
                if len(self._newcomers) + len(self._in_use) > 2 * self._size:
                    self._tidy()

    def _has_made_room(self, now: float) -> bool:
        for _ in range(_MOST_STEPS):
            # What has expired goes before newcomers do, if it is next in line.
            is_newcomer = not self._in_use or (
                len(self._newcomers) > self._size // 10 and self._in_use[0].valid_until > now
            )
            queue = self._newcomers if is_newcomer else self._in_use
            met = queue[0]
            key = _key_of(met.token)
            if self._by_key.get(key) is not met:
                queue.popleft()
            elif met.uses == 0 or met.valid_until <= now:
                del self._by_key[key]
                queue.popleft()
                if is_newcomer:
                    self._note_gone(key)
                return True
            else:
                met.uses = 0 if is_newcomer else met.uses - 1
                self._in_use.append(met)
                queue.popleft()
        return False

    def _note_gone(self, key: str) -> None:
        self._gone[key] = None
        if len(self._gone) > self._size:
            self._gone.popitem(last=False)

    def drop(self, remembered: Remembered) -> None:
        """Forget a token whose verdict does not hold any more."""
        with self._lock:
            key = _key_of(remembered.token)
            if self._by_key.get(key) is remembered:
                del self._by_key[key]


def _key_of(token: str) -> str:
    return token[-_KEY_LENGTH:]
