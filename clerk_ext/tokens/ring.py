"""A tenant's key cache under its lock, with the fetch under way: what both worlds share."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

from clerk_ext.forks import mend_after_fork
from clerk_ext.tokens.jwks import KeyCache, Timings
from clerk_ext.tokens.tally import Tally

if TYPE_CHECKING:
    import logging
    from concurrent.futures import Future

    import httpx

    from clerk_ext.config import ClerkConfig
    from clerk_ext.tokens.jwks import Fetch, Hit, Instant, Keys, Unavailable, Unknown, Wait


# Without compression the size limit holds for what arrives as well as for what it becomes.
_REQUEST_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


def _logger() -> logging.Logger:
    import logging  # costs an import more than all of this module, and outages are rare

    return logging.getLogger("clerk_ext.keys")


class FetchFailed(Exception):
    """A fetch of the key set failed; the message says why in our words.

    Attributes:
        retry_after: Seconds that the server asks to wait, if it does.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeyRoom:
    """How many keys many tenants may hold together; who has tried to fetch longest ago goes first.

    A tenant in use fetches its keys every five minutes, and tries more often when that fails: these are the idle ones.

    Args:
        size: The most keys.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[KeyRing, int] = {}  # in the order of their last fetches
        self._used = 0
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may hold the lock, or have been in the midst of counting."""
        self._lock = threading.Lock()
        self._used = sum(self._held.values())

    def __len__(self) -> int:
        return self._used

    def tried(self, ring: KeyRing) -> None:
        """*ring* has fetched, or tried to. Not to be called with the lock of a ring held, which is taken here."""
        with self._lock:
            self._used -= self._held.pop(ring, 0)
            count = 0 if ring.has_left else ring.cache.size
            if count:
                self._used += count
                self._held[ring] = count
            while self._used > self._size and len(self._held) > 1:
                idle = next(iter(self._held))
                self._used -= self._held.pop(idle)
                idle.forget()

    def leave(self, ring: KeyRing) -> None:
        """*ring* is not in use any more."""
        with self._lock:
            ring.has_left = True
            self._used -= self._held.pop(ring, 0)


@functools.lru_cache(maxsize=64)  # many tenants have the same
def _timings(fresh: float, stale: float, expire: float, pause: float, max_pause: float, ticket: float) -> Timings:
    return Timings(fresh=fresh, stale=stale, expire=expire, pause=pause, max_pause=max_pause, ticket=ticket)


class KeyRing:
    """The keys of one tenant, for any number of threads and event loops.

    Args:
        config: The tenant's settings.
        room: What its keys count in, together with those of other tenants.

    Attributes:
        config: The tenant's settings.
        tally: What fetches and verifications come to.
        has_left: Whether its keys count in no room any more.
        cache: For `KeyCache.peek`, which needs no lock; all else goes through the methods here.
    """

    __slots__ = ("__weakref__", "_flight", "_lock", "_room", "cache", "config", "has_left", "tally")

    def __init__(self, config: ClerkConfig, room: KeyRoom | None = None) -> None:
        self.config: ClerkConfig = config
        self._room = room
        self.has_left: bool = False
        self.tally: Tally = Tally()
        self.cache: KeyCache = KeyCache(
            _timings(
                config.jwks_fresh,
                config.jwks_stale,
                config.jwks_expire,
                config.jwks_pause,
                config.jwks_max_pause,
                config.timeout + 1.0,
            )
        )
        self.after_fork()
        if room is None:  # else who has many of them sees to it
            mend_after_fork(self)

    def after_fork(self) -> None:
        """The parent's thread or task that fetched is not here: nobody would report its fetch."""
        self._lock: threading.Lock = threading.Lock()
        self._flight: tuple[int, Future[None]] | None = None
        self.cache.abandon()

    def _now(self) -> Instant:
        return self.config.monotonic(), self.config.clock()

    def usable(self, kid: str) -> Keys:
        """See `KeyCache.usable`."""
        return self.cache.usable(kid, self._now())

    def __len__(self) -> int:
        return len(self.cache)

    def lookup(self, kid: str, *, may_fetch: bool = True) -> Hit | Fetch | Wait | Unknown | Unavailable:
        """See `KeyCache.lookup`."""
        with self._lock:
            return self.cache.lookup(kid, self._now(), may_fetch=may_fetch)

    def may_suspect(self) -> bool:
        """See `KeyCache.may_suspect`."""
        with self._lock:
            return self.cache.may_suspect(self._now())

    def suspect(self) -> Fetch | Wait | None:
        """See `KeyCache.suspect`."""
        with self._lock:
            return self.cache.suspect(self._now())

    def prefetch(self, *, may_fetch: bool = True) -> Fetch | Wait | Unavailable | None:
        """See `KeyCache.prefetch`."""
        with self._lock:
            return self.cache.prefetch(self._now(), may_fetch=may_fetch)

    def flight(self, ticket: int) -> tuple[Future[None], float]:
        """What ends when the fetch of *ticket* does, and the seconds after which it has failed."""
        from concurrent.futures import Future

        with self._lock:
            left = self.cache.open_for(ticket, self._now())
            if left <= 0.0:
                landed: Future[None] = Future()
                landed.set_result(None)
                return landed, 0.0
            if self._flight is None or self._flight[0] != ticket:
                self._flight = (ticket, Future())
            return self._flight[1], left

    def landed(self, ticket: int, outcome: bytes | FetchFailed) -> None:
        """Report the fetch of *ticket*, and let everybody who waits for it go on."""
        from clerk_ext.tokens.keys import UnusableKeys, parse_jwks  # loads cryptography, which can wait

        keys = None
        if isinstance(outcome, bytes):
            try:
                keys = parse_jwks(outcome)
            except UnusableKeys as unusable:
                outcome = FetchFailed(str(unusable))
        with self._lock:
            if keys:
                counted = self.cache.fetched(ticket, keys.by_kid, self._now())
            else:
                retry_after = outcome.retry_after if isinstance(outcome, FetchFailed) else None
                counted = self.cache.failed(ticket, self._now(), retry_after)
            self._release(ticket)
        if self._room is not None:
            self._room.tried(self)
        if not counted:
            self.tally.late += 1
            _logger().warning("tenant %s: a fetch of the key set ended too late to count", self.config.name)
        elif keys:
            self.tally.fetched += 1
            _logger().info(
                "tenant %s: key set fetched, %d key ids, %d entries skipped",
                self.config.name,
                len(keys.by_kid),
                keys.skipped,
            )
        else:
            self.tally.failed += 1
            _logger().warning("tenant %s: the key set cannot be had: %s", self.config.name, outcome)

    def forget(self) -> None:
        """Let the keys go; who asks next fetches them anew."""
        with self._lock:
            self.cache.forget(self._now())

    def leave(self) -> None:
        """The tenant is gone: its keys no longer count, and live as long as somebody still uses them."""
        if self._room is not None:
            mend_after_fork(self)
            self._room.leave(self)

    def abandoned(self, ticket: int) -> None:
        """The fetch of *ticket* was cut short on our side; whoever waits for it looks up anew."""
        with self._lock:
            self.cache.abandon(ticket)
            self._release(ticket)
        self.tally.abandoned += 1

    def _release(self, ticket: int) -> None:
        flight = self._flight
        if flight is not None and flight[0] == ticket:
            self._flight = None
            flight[1].set_result(None)

    def request(self) -> httpx.Request:
        """The request for the key set: at its URL, or with the secret key at the Backend API."""
        import httpx

        from clerk_ext.transport import generated_client, user_agent

        config = self.config
        if config.keys_url is None:
            from clerk_sessions_api.api.jwks import get_jwks

            request = get_jwks.build_request(generated_client(config))
            request.headers.update(_REQUEST_HEADERS)
            return request
        headers = {"User-Agent": user_agent(), **_REQUEST_HEADERS}
        timeout = httpx.Timeout(config.timeout).as_dict()
        return httpx.Request("GET", config.keys_url, headers=headers, extensions={"timeout": timeout})

    def check(self, response: httpx.Response) -> None:
        """Refuse an answer by its head: any status but 200, redirects included, and any coding that could grow.

        Raises:
            FetchFailed: The answer is not to be read.
        """
        if response.status_code != 200:
            from clerk_ext.retries import retry_after_seconds

            retry_after = retry_after_seconds(response.headers, self.config.clock())
            raise FetchFailed(f"the server answered {response.status_code}", retry_after)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchFailed("the answer is compressed, which was not asked for")


def take(chunk: bytes, body: bytearray) -> None:
    """Add *chunk* to *body*, up to the size that a key set may have.

    Raises:
        FetchFailed: It is larger.
    """
    from clerk_ext.tokens.keys import MAX_JWKS_BYTES

    body += chunk
    if len(body) > MAX_JWKS_BYTES:
        raise FetchFailed(f"the answer is larger than {MAX_JWKS_BYTES} bytes")
