"""Connections, shared: the httpx clients of a process or of an event loop, and what a tenant sends through.

One TLS context serves the whole process, since making one takes longer than a request; one client serves each group of
requests, whichever tenant they are of. What only one tenant may know (its secret key) is in the request alone.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final, TypeVar, cast

from clerk_ext.forks import mend_after_fork
from clerk_ext.transport import Pause, conversation, cut, failures
from clerk_ext.turns import Turns

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable
    from http.cookiejar import CookieJar

    import httpx

    from clerk_ext.transport import Call

T = TypeVar("T")

ALL: Final = ""
"""The group of a client that shares its connections with nobody: everything."""
KEYS: Final = "keys"
"""The group of the key sets of many tenants: each has a host of its own, and asks it once in five minutes."""

_FIRST_NEEDED = (
    "clerk_ext.carriers",
    "clerk_ext.tokens.keys",
    "clerk_sessions_api.api.jwks.get_jwks",
    "httpcore",
    "jwcrypto.jwk",
)
_LOADED_BY_ANYIO = "anyio._backends._asyncio"
"""What anyio imports when it first connects; a name of its own, which may go away."""

# The connections of a group that tenants share; httpx gives an API host as many by default.
_MOST = 100
# Key sets come from a host for each tenant: those that hang must leave room for the others, within bounds.
_MOST_KEYS = 256


@functools.cache  # holds no lock meanwhile, which a forked child would inherit
def _tls_context() -> ssl.SSLContext:
    """One TLS context for the whole process: making one takes longer than a request."""
    import httpx

    return httpx.create_ssl_context()


def make_ready() -> None:
    """Load what the first fetch of keys needs.

    For applications on an event loop, before it runs: there, imports and the TLS context would have everybody wait.
    """
    for module in _FIRST_NEEDED:
        importlib.import_module(module)
    with contextlib.suppress(ImportError):
        importlib.import_module(_LOADED_BY_ANYIO)
    with contextlib.suppress(OSError):  # certificates that cannot be read; the fetch, if there is one, will tell
        _tls_context()


def _no_cookies() -> CookieJar:
    """A jar that takes nothing: pools are shared by tenants, and no tenant's cookie may reach another."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))


def _limits(group: str) -> httpx.Limits:
    import httpx

    if group == KEYS:
        return httpx.Limits(max_connections=_MOST_KEYS, max_keepalive_connections=0)
    return httpx.Limits(max_connections=_MOST, max_keepalive_connections=20)


class Clients:
    """The clients of the sync world, each made on first use and again after a fork.

    Args:
        transport: What they send through; closing it stays with its maker.
    """

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        self.transport = transport
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's connections: two processes on one of them would mix their answers."""
        self._lock = threading.Lock()
        self._made: dict[str, httpx.Client] = {}
        self._turns: dict[str, Turns[threading.Event]] = {}

    def of(self, group: str) -> httpx.Client:
        """The client of a group of requests."""
        made = self._made.get(group)
        if made is not None:
            return made
        with self._lock:
            if group not in self._made:
                self._made[group] = self._new_client(group)
            return self._made[group]

    def _new_client(self, group: str) -> httpx.Client:
        import httpx

        if self.transport is not None:
            return httpx.Client(transport=self.transport, cookies=_no_cookies())
        return httpx.Client(verify=_tls_context(), cookies=_no_cookies(), limits=_limits(group))

    def take_turn(self, group: str, whose: str, patience: float | None) -> bool:
        """Wait until an instance may send a request of *group*, at most *patience* seconds; whether it may."""
        turn = threading.Event()
        with self._lock:
            turns = self._turns.setdefault(group, Turns(_MOST))
            if turns.take(whose, turn):
                return True
        try:
            if turn.wait(patience):
                return True
        except BaseException:
            if self._had_come(group, whose, turn):
                self.end_turn(group, whose)
            raise
        return self._had_come(group, whose, turn)

    def _had_come(self, group: str, whose: str, turn: threading.Event) -> bool:
        """Wait no longer; whether the turn has come in the meantime."""
        with self._lock:
            return not self._turns[group].give_up(whose, turn)

    def end_turn(self, group: str, whose: str) -> None:
        """Let the next one go."""
        with self._lock:
            turns = self._turns.get(group)
            going = turns.end(whose) if turns else []
        for turn in going:
            turn.set()

    def close(self) -> None:
        """Close the connections; a transport that was passed in stays its maker's to close."""
        with self._lock:
            made, self._made = self._made, {}
        if self.transport is None:
            for client in made.values():
                client.close()


class Pool:
    """What a tenant sends through, in the sync world; or several, whose requests differ in nothing but themselves.

    Args:
        clients: The connections.
        in_turns: Whether instances take turns, since there are several. The secret key of a request tells them apart.
        api: The group of the calls of the Backend API.
        keys: The group of the key set.
        clock: Gives Unix seconds.
        monotonic: Gives seconds that never run backwards.
        sleep: Lets seconds pass.
    """

    __slots__ = ("_api", "_clock", "_in_turns", "_keys", "_monotonic", "_sleep", "clients")

    def __init__(
        self,
        clients: Clients,
        *,
        in_turns: bool = False,
        api: str = ALL,
        keys: str = ALL,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.clients: Clients = clients
        self._in_turns = in_turns
        self._api = api
        self._keys = keys
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep

    def keys_client(self) -> httpx.Client:
        """The client that fetches the key set."""
        return self.clients.of(self._keys)

    def call(self, call: Call[T]) -> T:
        """Send *call*, again where that is safe and may help, and parse the answer.

        Raises:
            APIError: No good answer came.
        """
        steps = conversation(call, self._clock, self._monotonic)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    step = next(steps)
                else:
                    step = steps.send(self._in_turn(step))
        except StopIteration as done:
            return cast("T", done.value)

    def _in_turn(self, request: httpx.Request) -> httpx.Response | Exception:
        if not self._in_turns:
            return self._send(request)
        whose = request.headers["Authorization"]
        if not self.clients.take_turn(self._api, whose, _patience(request)):
            return _no_turn()
        try:
            return self._send(request)
        finally:
            self.clients.end_turn(self._api, whose)

    def _send(self, request: httpx.Request) -> httpx.Response | Exception:
        try:
            client = self.clients.of(self._api)
        except Exception as failure:  # noqa: BLE001 - a proxy or certificate file that the environment names and is none
            return failure
        try:
            response = client.send(request, stream=True)
        except failures() as failure:
            return failure
        except RuntimeError as failure:  # closed by another thread in between
            if client.is_closed:
                return failure
            raise
        try:
            response.read()
        except failures() as failure:
            return cut(response, failure)
        finally:
            response.close()
        return response

    def as_async(self, transport: httpx.AsyncBaseTransport | None) -> AsyncPool:
        """The like of it for the async world, with connections of its own.

        Raises:
            ValueError: This one has a transport that is for its own world only, and none is given for the other.
        """
        given = self.clients.transport
        if transport is None and given is not None:
            import httpx

            if not isinstance(given, httpx.AsyncBaseTransport):
                raise ValueError("transport: this client sends through a transport of yours; give an async one too.")
            transport = given
        return AsyncPool(AsyncClients(transport), clock=self._clock, monotonic=self._monotonic)

    def close(self) -> None:
        """See `Clients.close`."""
        self.clients.close()


class _Loop:
    """What belongs to one event loop."""

    def __init__(self) -> None:
        self.made: dict[str, httpx.AsyncClient] = {}
        self.turns: dict[str, Turns[asyncio.Future[None]]] = {}


class AsyncClients:
    """The clients of the async world: each running event loop has its own."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.transport = transport
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Loop]
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """Forget the parent's connections: two processes on one of them would mix their answers."""
        self._lock = threading.Lock()
        self._loops = weakref.WeakKeyDictionary()

    def _here(self) -> _Loop:
        """What belongs to the running loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        here = self._loops.get(loop)
        if here is None:
            with self._lock:
                # A client's connections keep their loop alive, so that closed loops have to be let go of by hand.
                for closed in [other for other in self._loops if other.is_closed()]:
                    del self._loops[closed]
                here = self._loops[loop] = _Loop()
        return here

    def of(self, group: str) -> httpx.AsyncClient:
        """The client of a group of requests, on the running loop."""
        made = self._here().made
        client = made.get(group)
        if client is None:
            client = made[group] = self._new_client(group)
        return client

    def _new_client(self, group: str) -> httpx.AsyncClient:
        import httpx

        if self.transport is not None:
            return httpx.AsyncClient(transport=self.transport, cookies=_no_cookies())
        return httpx.AsyncClient(verify=_tls_context(), cookies=_no_cookies(), limits=_limits(group))

    async def take_turn(self, group: str, whose: str, patience: float | None) -> bool:
        """Wait until an instance may send a request of *group*, at most *patience* seconds; whether it may."""
        import asyncio

        turns = self._here().turns.setdefault(group, Turns(_MOST))
        turn = asyncio.get_running_loop().create_future()
        if turns.take(whose, turn):
            return True
        try:
            await asyncio.wait([turn], timeout=patience)
        except BaseException:
            if not turns.give_up(whose, turn):
                self.end_turn(group, whose)
            raise
        return not turns.give_up(whose, turn)

    def end_turn(self, group: str, whose: str) -> None:
        """Let the next one go."""
        for turn in self._here().turns[group].end(whose):
            if not turn.done():
                turn.set_result(None)

    async def aclose(self) -> None:
        """Close the running loop's connections; a transport that was passed in stays its maker's to close."""
        import asyncio

        with self._lock:
            here = self._loops.get(asyncio.get_running_loop())
        if here is not None:
            made, here.made = here.made, {}
            if self.transport is None:
                for client in made.values():
                    await client.aclose()


class AsyncPool:
    """What one tenant sends through, in the async world; see `Pool`."""

    __slots__ = ("_api", "_clock", "_in_turns", "_keys", "_monotonic", "clients")

    def __init__(
        self,
        clients: AsyncClients,
        *,
        in_turns: bool = False,
        api: str = ALL,
        keys: str = ALL,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.clients: AsyncClients = clients
        self._in_turns = in_turns
        self._api = api
        self._keys = keys
        self._clock = clock
        self._monotonic = monotonic

    def keys_client(self) -> httpx.AsyncClient:
        """The client of the running loop that fetches the key set."""
        return self.clients.of(self._keys)

    async def call(self, call: Call[T]) -> T:
        """Send *call*, again where that is safe and may help, and parse the answer.

        Raises:
            APIError: No good answer came.
        """
        import asyncio

        steps = conversation(call, self._clock, self._monotonic)
        try:
            step = next(steps)
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = next(steps)
                else:
                    step = steps.send(await self._in_turn(step))
        except StopIteration as done:
            return cast("T", done.value)

    async def _in_turn(self, request: httpx.Request) -> httpx.Response | Exception:
        if not self._in_turns:
            return await self._send(request)
        whose = request.headers["Authorization"]
        if not await self.clients.take_turn(self._api, whose, _patience(request)):
            return _no_turn()
        try:
            return await self._send(request)
        finally:
            self.clients.end_turn(self._api, whose)

    async def _send(self, request: httpx.Request) -> httpx.Response | Exception:
        try:
            client = self.clients.of(self._api)
        except Exception as failure:  # noqa: BLE001 - a proxy or certificate file that the environment names and is none
            return failure
        try:
            response = await client.send(request, stream=True)
        except failures() as failure:
            return failure
        except RuntimeError as failure:  # closed by another task in between
            if client.is_closed:
                return failure
            raise
        try:
            await response.aread()
        except failures() as failure:
            return cut(response, failure)
        finally:
            await response.aclose()
        return response

    async def aclose(self) -> None:
        """See `AsyncClients.aclose`."""
        await self.clients.aclose()


def _patience(request: httpx.Request) -> float | None:
    """Seconds that a request may wait for a connection."""
    return cast("float | None", request.extensions.get("timeout", {}).get("pool"))


def _no_turn() -> Exception:
    import httpx

    return httpx.PoolTimeout("all connections to it are in use")
