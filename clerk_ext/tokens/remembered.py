"""Verified tokens, remembered so that the next request with the same token costs no signature check.

Bounded, and made so that a flood of tokens that are seen once cannot push out those that are in use (the S3-FIFO
algorithm). Newcomers wait in a short queue. Who was seen again by the time it reaches the end joins the tokens in use,
the others go, and only their keys are kept for a while: who comes back then joins the tokens in use at once. Those go
round; a hit adds to a token's counter, up to three, each round takes one off, and who has none left goes. A hit takes
no lock; room is made under one.

The memories of many tenants share a `Room`, which bounds them all together: who fills more than a fair share of it
makes room among its own tokens, unless others hold what has expired or fill more than theirs.
"""

from __future__ import annotations

import contextlib
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
_MOST_VISITS = 16
_FEW = 16


class Remembered:
    """A verified token and what its verdict rests on.

    Attributes:
        token: The whole token, since the dictionary's key is a piece of it.
        kid: The key id that it names; None where keys are not looked up by id.
        key: The key that verified it; when the instance no longer has it, the verdict is void.
        valid_from: Unix seconds before which the policy may refuse it.
        valid_until: Unix seconds from which the policy may refuse it.
        claims: The verdict.
        owner: Who passed it.
        uses: How many rounds of the hand it survives.
    """

    __slots__ = ("claims", "key", "kid", "owner", "token", "uses", "valid_from", "valid_until")

    def __init__(
        self,
        token: str,
        kid: str | None,
        key: VerificationKey,
        valid_from: float,
        valid_until: float,
        claims: SessionClaims,
        owner: object = None,
    ) -> None:
        self.token: str = token
        self.kid: str | None = kid
        self.key: VerificationKey = key
        self.valid_from: float = valid_from
        self.valid_until: float = valid_until
        self.claims: SessionClaims = claims
        self.owner: object = owner
        self.uses: int = 0

    def renew(self, other: Remembered) -> None:
        """Take over the newer verdict on the same token; of another one that ends alike, nothing."""
        if self.token == other.token:
            self.kid, self.key, self.claims = other.kid, other.key, other.claims
            self.valid_from, self.valid_until = other.valid_from, other.valid_until


class Room:
    """What several memories may hold together.

    Args:
        size: The most tokens that they may hold; None where each one's own bound is enough.

    Attributes:
        by_key: What the indexed ones among them hold, by the same keys.
    """

    __slots__ = ("__weakref__", "_hand", "_used", "by_key", "lock", "size")

    def __init__(self, size: int | None = None) -> None:
        self.size: int | None = size
        self.by_key: dict[str, Remembered] = {}
        self._hand: deque[RememberedTokens] = deque()  # those that hold something
        self._used = 0
        self.lock: threading.Lock = threading.Lock()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock, or have been in the midst of making room."""
        self.lock = threading.Lock()
        for memory in self._hand:
            memory.tidy()
        self._used = sum(map(len, self._hand))

    def __len__(self) -> int:
        return self._used

    def get(self, token: str) -> Remembered | None:
        """See `RememberedTokens.get`: of whichever indexed memory holds it."""
        return used(self.by_key.get(token[-_KEY_LENGTH:]), token)

    def enter(self, memory: RememberedTokens) -> None:
        """*memory* is about to hold its first token."""
        self._hand.append(memory)

    def leave(self, memory: RememberedTokens) -> None:
        """*memory* holds nothing any more, and never will."""
        with contextlib.suppress(ValueError):  # it never did
            self._hand.remove(memory)

    def grew(self, memory: RememberedTokens, now: float) -> None:
        """*memory* holds one more; one of them all goes if that is too many."""
        self._used += 1
        if self.size is None or self._used <= self.size:
            return
        share = self.size // len(self._hand)
        greedy = len(memory) > share
        for _ in range(_MOST_VISITS):
            visited = self._hand[0]
            if not len(visited):
                visited.start_over()
                self._hand.popleft()
            elif visited.forget_expired(now):
                return
            elif not greedy and len(visited) > share:
                visited.forget_one(now)
                return
            else:
                self._hand.rotate(-1)
        memory.forget_one(now)

    def shrank(self) -> None:
        """Some memory holds one less."""
        self._used -= 1


_NONE: dict[str, Remembered] = {}  # what every empty memory holds, and nobody changes


class _Queues:
    """In which order the tokens of a memory go. Most tenants are idle most of the time, and then have none."""

    __slots__ = ("gone", "in_use", "newcomers")

    def __init__(self) -> None:
        self.newcomers: deque[Remembered] = deque()
        self.in_use: deque[Remembered] = deque()
        self.gone: OrderedDict[str, None] = OrderedDict()


class RememberedTokens:
    """At most *size* verified tokens of one policy.

    Args:
        size: The most tokens.
        room: What it shares with other memories.
        indexed: Whether the room finds its tokens too.
    """

    __slots__ = ("_by_key", "_index", "_queues", "_room", "_size")

    def __init__(self, size: int, room: Room | None = None, *, indexed: bool = False) -> None:
        self._size = size
        self._room = Room() if room is None else room
        self._index = self._room.by_key if indexed else None
        self._by_key: dict[str, Remembered] = _NONE
        self._queues: _Queues | None = None

    def __len__(self) -> int:
        return len(self._by_key)

    def get(self, token: str) -> Remembered | None:
        """What is remembered of *token*, or None. Whether it still holds is for the caller to see."""
        return used(self._by_key.get(token[-_KEY_LENGTH:]), token)

    def add(self, remembered: Remembered, now: float) -> None:
        """Remember a token that was verified just now, at *now* in Unix seconds, if there is room for it."""
        key = _key_of(remembered.token)
        with self._room.lock:
            if not self._size:
                return
            queues = self._queues
            if queues is None:
                self._room.enter(self)
                self._by_key = {}
                queues = self._queues = _Queues()
            held = self._by_key.get(key)
            if held is not None:
                held.renew(remembered)
                if self._index is not None:
                    self._index[key] = held
            elif len(self._by_key) < self._size or (self._by_key and self.make_room(now)):
                # First into a queue, then remembered: an exception in between, as a signal may raise, must not leave a
                # token that nothing ever makes room for.
                (queues.in_use if key in queues.gone else queues.newcomers).append(remembered)
                self._by_key[key] = remembered
                queues.gone.pop(key, None)
                if self._index is not None:
                    self._index[key] = remembered
                if len(queues.newcomers) + len(queues.in_use) > 2 * len(self._by_key) + _FEW:
                    self.tidy()
                self._room.grew(self, now)

    def start_over(self) -> None:
        """Give back what an empty memory still takes. The caller holds the room's lock."""
        self._by_key = _NONE
        self._queues = None

    def tidy(self) -> None:
        """Leave out of the queues what is not remembered any more. The caller holds the room's lock."""
        queues = self._queues
        if queues is not None:
            in_use = set(map(id, queues.in_use))
            queues.newcomers = deque(r for r in self._by_key.values() if id(r) not in in_use)
            queues.in_use = deque(r for r in queues.in_use if self._by_key.get(_key_of(r.token)) is r)

    def forget_expired(self, now: float) -> bool:
        """Forget a token that has expired, if it is next in line. The caller holds the room's lock."""
        queues = self._queues
        for queue in () if queues is None else (queues.newcomers, queues.in_use):
            met = self._next(queue)
            if met is not None and met.valid_until <= now:
                queue.popleft()
                self._forget(_key_of(met.token), met)
                return True
        return False

    def forget_one(self, now: float) -> None:
        """Forget a token, also where all are in use. The caller holds the room's lock."""
        queues = self._queues
        if self.make_room(now) or queues is None:
            return
        for queue in (queues.newcomers, queues.in_use):
            met = self._next(queue)
            if met is not None:
                queue.popleft()
                self._forget(_key_of(met.token), met)
                return

    def _next(self, queue: deque[Remembered]) -> Remembered | None:
        """The next token in line that is still remembered."""
        while queue:
            if self._by_key.get(_key_of(queue[0].token)) is queue[0]:
                return queue[0]
            queue.popleft()
        return None

    def make_room(self, now: float) -> bool:
        """Forget one token; whether one was found that may go. The caller holds the room's lock."""
        queues = self._queues
        if queues is None:
            return False
        newcomers, in_use = queues.newcomers, queues.in_use
        for _ in range(_MOST_STEPS):
            # What has expired goes before newcomers do, if it is next in line.
            is_newcomer = not in_use or (len(newcomers) > len(self._by_key) // 10 and in_use[0].valid_until > now)
            queue = newcomers if is_newcomer else in_use
            if not queue:
                return False
            met = queue[0]
            key = _key_of(met.token)
            if self._by_key.get(key) is not met:
                queue.popleft()
            elif met.uses == 0 or met.valid_until <= now:
                self._forget(key, met)
                queue.popleft()
                if is_newcomer:
                    queues.gone[key] = None
                    while len(queues.gone) > min(self._size, 2 * len(self._by_key) + _FEW):
                        queues.gone.popitem(last=False)
                return True
            else:
                met.uses = 0 if is_newcomer else met.uses - 1
                in_use.append(met)
                queue.popleft()
        return False

    def _forget(self, key: str, remembered: Remembered) -> None:
        del self._by_key[key]
        if self._index is not None and self._index.get(key) is remembered:
            del self._index[key]
        self._room.shrank()

    def drop(self, remembered: Remembered) -> None:
        """Forget a token whose verdict does not hold any more."""
        with self._room.lock:
            key = _key_of(remembered.token)
            if self._by_key.get(key) is remembered:
                self._forget(key, remembered)

    def close(self) -> None:
        """Forget every token, and remember none from now on: whoever asked for them is gone."""
        with self._room.lock:
            self._size = 0
            for key, remembered in list(self._by_key.items()):
                self._forget(key, remembered)
            self.start_over()
            self._room.leave(self)


def used(found: Remembered | None, token: str) -> Remembered | None:
    """*found*, one use more, if it is of this very *token*."""
    if found is None or found.token != token:
        return None
    if found.uses < _MOST_USES:
        found.uses += 1
    return found


def _key_of(token: str) -> str:
    return token[-_KEY_LENGTH:]
