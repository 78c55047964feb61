"""Connections of all tenants: few, however many tenants there are, apart by API host, and shared out fairly."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from clerk_ext import APIConnectionError, AsyncTenants, ClerkConfig, Tenants, pools
from clerk_ext.pools import AsyncClients, Clients
from clerk_ext.testing.keys import SigningKey
from tests.transport.loopback import Loopback, Received, reply, session_json
from tests.transport.test_pools import fork_only, run_script, tls_context

if TYPE_CHECKING:
    from tests.worlds import World

LATEST: Final = 10.0
"""Seconds: nothing that a test waits for takes as long."""
SOON: Final = 0.05
OK: Final = reply(200, session_json())
KEY: Final = SigningKey.generate()
KEY_SET: Final = reply(200, {"keys": [KEY.public_jwk("ins_1")]})


def config_of(name: str, api: Loopback, keys: Loopback | None = None, **settings: Any) -> ClerkConfig:
    """A tenant of an API; its keys are served at an address of its own."""
    return ClerkConfig(
        name=name,
        secret_key=f"sk_test_{name}",
        issuer=f"https://{name}.example.com",
        api_url=f"{api.url}/v1",
        jwks_url=f"{(keys or api).url}/{name}/jwks.json",
        **settings,
    )


def answer(request: Received) -> bytes:
    """A key set, or a session."""
    return KEY_SET if request.target.endswith("jwks.json") else OK


class Made:
    """The clients of httpx that were made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clients: list[httpx.Client | httpx.AsyncClient] = []
        for kind in (httpx.Client, httpx.AsyncClient):
            self._watch(kind, monkeypatch)

    def _watch(self, kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        made, clients = kind.__init__, self.clients

        def watched(client: Any, *arguments: Any, **options: Any) -> None:
            made(client, *arguments, **options)
            clients.append(client)

        monkeypatch.setattr(kind, "__init__", watched)

    @property
    def connections(self) -> int:
        """How many connections they hold, idle ones too."""
        clients: list[Any] = [*self.clients]
        return sum(len(client._transport._pool.connections) for client in clients)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The clients of httpx that the test makes."""
    return Made(monkeypatch)


# --- few, however many tenants


def test_one_connection_for_all_tenants(world: World, made: Made) -> None:
    """200 tenants that call one after the other use one client and one connection of their API host."""
    with Loopback(answer) as api:
        tenants = world.tenants([config_of(f"t{n}", api) for n in range(200)])
        for name in tenants:
            tenants[name].sessions.get("sess_1")
        of_calls = len(made.clients), made.connections
        at_first = api.connections
        for name in tenants:
            tenants[name].sessions.revoke("sess_1")
        tenants.close()

    assert ((1, 1), 1) == (of_calls, at_first)
    assert 1 == api.connections
    assert 400 == len(api.received)


def test_key_fetches_leave_no_connection(world: World, made: Made) -> None:
    """Key sets of 60 tenants come over connections that are closed, through one client for all of them."""
    with Loopback(answer) as api, Loopback(answer) as keys:
        tenants = world.tenants([config_of(f"t{n}", api, keys) for n in range(60)])
        failures = tenants.prewarm(concurrency=5)
        after_keys = len(made.clients), made.connections
        tenants["t7"].sessions.get("sess_1")
        with_call = len(made.clients), made.connections
        tenants.close()

    assert {} == failures
    assert (60, 60) == (len(keys.received), keys.connections)
    assert ((1, 0), (2, 1)) == (after_keys, with_call)


def test_one_tls_context(world: World, made: Made) -> None:
    """All clients of any tenants share one TLS context."""
    with Loopback(answer) as api, Loopback(answer) as other, Loopback(answer) as keys:
        for _ in range(2):
            tenants = world.tenants([config_of("a", api, keys), config_of("b", other, keys)])
            tenants.prewarm()
            for name in tenants:
                tenants[name].sessions.get("sess_1")
        contexts = {id(tls_context(client)) for client in made.clients}

    assert (6, 1) == (len(made.clients), len(contexts))


def test_apart_by_api_host(world: World, made: Made) -> None:
    """Each API host has a client of its own: what one sends goes over no connection of another's."""
    with Loopback(answer) as first, Loopback(answer) as second:
        configs = [config_of(f"t{n}", (first, second)[n % 2]) for n in range(6)]
        tenants = world.tenants(configs)
        for _ in range(2):
            for name in tenants:
                tenants[name].sessions.get("sess_1")
        clients = len(made.clients)

    assert 2 == clients
    assert (1, 1) == (first.connections, second.connections)
    assert (6, 6) == (len(first.received), len(second.received))


def test_keys_of_the_backend_are_fetched_apart(world: World, made: Made) -> None:
    """Key sets that come from the API host do not go over the connections of calls, which may all hang."""
    with Loopback(lambda request: KEY_SET if request.target == "/v1/jwks" else OK) as api:
        config = ClerkConfig(name="a", secret_key="sk_test_a", issuer="https://a.example.com", api_url=f"{api.url}/v1")
        tenants = world.tenants([config])
        tenants.prewarm()
        tenants["a"].sessions.get("sess_1")

        assert (2, 2, 1) == (len(made.clients), api.connections, made.connections)


def test_other_policy_and_replaced_tenants_share(world: World, made: Made) -> None:
    """Clients of another policy, and what takes a tenant's place, go over the same connection."""
    with Loopback(answer) as api:
        tenants = world.tenants([config_of("a", api)])
        tenants["a"].sessions.get("sess_1")
        tenants["a"].with_policy(accept_pending=True).sessions.get("sess_2")
        tenants.replace(config_of("a", api, max_age=5.0))
        tenants["a"].sessions.get("sess_3")
        tenants.add(config_of("b", api))
        tenants["b"].sessions.get("sess_4")
        clients = len(made.clients)

    assert (1, 1) == (clients, api.connections)


# --- what belongs to one tenant alone


def test_secret_of_each_request(world: World) -> None:
    """Over the one connection each request carries the secret key of its own tenant, and no other."""
    with Loopback(answer) as api:
        tenants = world.tenants([config_of(f"t{n}", api) for n in range(5)])
        for _ in range(2):
            for name in tenants:
                tenants[name].sessions.get(f"sess_{name}")
                tenants[name].sessions.revoke(f"sess_{name}")
        tenants.prewarm()
    calls = [request for request in api.received if not request.target.endswith("jwks.json")]
    fetches = [request for request in api.received if request.target.endswith("jwks.json")]

    assert (20, 5) == (len(calls), len(fetches))
    for request in calls:
        name = request.target.split("/")[3].removeprefix("sess_")
        assert f"Bearer sk_test_{name}" == request.headers["authorization"]
    assert [False] * 5 == ["authorization" in request.headers for request in fetches]


def test_cookies_of_one_tenant(world: World, made: Made) -> None:
    """A cookie that comes with one tenant's answer is not kept, and goes with no request of another or for keys."""
    setting = reply(200, session_json(), set_cookie="__cf=of-acme; Path=/; Max-Age=999")
    with Loopback.script(setting) as api:
        tenants = world.tenants([config_of("acme", api), config_of("globex", api)])
        tenants["acme"].sessions.get("sess_1")
        tenants["globex"].sessions.get("sess_1")
        tenants.prewarm()
        tenants["acme"].sessions.get("sess_1")
        kept = [cookie.name for client in made.clients for cookie in client.cookies.jar]

    assert [] == kept
    assert 5 == len(api.received)
    assert [] == [request for request in api.received if "cookie" in request.headers]


# --- made anew, closed


def test_closed_and_used_again(world: World, made: Made) -> None:
    """Closing the tenants closes every connection; closing one tenant's client closes none; a later call opens one."""
    with Loopback(answer) as api:
        tenants = world.tenants([config_of("a", api), config_of("b", api)])
        tenants["a"].sessions.get("sess_1")
        tenants["a"].close()
        after_one = [client.is_closed for client in made.clients]
        tenants["b"].sessions.get("sess_1")
        connections = api.connections
        tenants.close()
        after_all = [client.is_closed for client in made.clients]
        tenants["a"].sessions.get("sess_1")

        assert ([False], 1, [True]) == (after_one, connections, after_all)
        assert 2 == api.connections


def test_transport_is_its_makers(world: World) -> None:
    """A transport that was passed in carries all, and is not closed."""
    closed: list[str] = []

    class Transport(httpx.MockTransport):
        def close(self) -> None:
            closed.append("close")

        async def aclose(self) -> None:
            closed.append("aclose")

    with Loopback(answer) as api:
        transport = Transport(lambda request: httpx.Response(200, json=session_json()))
        tenants = world.tenants([config_of("a", api)], transport=transport)
        tenants["a"].sessions.get("sess_1")
        tenants.close()

    assert ([], 0) == (closed, api.connections)


def test_event_loops_have_their_own() -> None:
    """Event loops that use the same tenants one after the other, or at once, have connections of their own."""
    with Loopback(answer) as api:
        tenants = AsyncTenants([config_of("a", api), config_of("b", api)])
        barrier = threading.Barrier(2)

        async def use() -> None:
            for _ in range(2):
                for name in ("a", "b"):
                    await tenants[name].sessions.get("sess_1")
            await tenants.aclose()

        def together() -> None:
            barrier.wait(LATEST)
            asyncio.run(use())

        asyncio.run(use())
        asyncio.run(use())
        one_after_the_other = api.connections
        with ThreadPoolExecutor(2) as threads:
            for future in [threads.submit(together) for _ in range(2)]:
                future.result(LATEST)

    assert (2, 4) == (one_after_the_other, api.connections)
    assert [4] * 4 == list(Counter(request.connection for request in api.received).values())


@fork_only
def test_fork() -> None:
    """A forked child has connections and turns of its own, even if the locks were held and turns were taken."""
    with Loopback(answer) as api:
        run_script(
            """
import os, sys, threading, warnings
from clerk_ext import ClerkConfig, Tenants
tenants = Tenants([
    ClerkConfig(name=name, secret_key="sk_test_" + name, issuer=f"https://{name}.example.com", api_url=sys.argv[1])
    for name in ("a", "b")
])
tenants["a"].sessions.get("parent")
held, go_on = threading.Event(), threading.Event()
clients, group = tenants._clients, "/".join(sys.argv[1].split("/")[:3])
assert list(clients._turns) == [group]
taken = []
for name in ("a", "b"):
    while clients.take_turn(group, "Bearer sk_test_" + name, 0):
        taken.append(name)
assert len(taken) > 50
def hold():
    with clients._lock, tenants._registry._lock, tenants._registry._room.lock:
        held.set()
        go_on.wait(20)
thread = threading.Thread(target=hold)
thread.start()
held.wait(20)
warnings.simplefilter("ignore")  # of forking with threads (Python 3.12), and of sockets that the child lets go
child = os.fork()
if child == 0:
    import signal
    signal.alarm(20)
    for name in ("a", "b"):
        tenants[name].sessions.get("child")
    tenants.close()
    os._exit(0)
go_on.set()
thread.join()
assert os.waitpid(child, 0)[1] == 0, "the child failed"
for name in taken:
    clients.end_turn(group, "Bearer sk_test_" + name)
tenants["a"].sessions.get("parent")
tenants.close()
""",
            f"{api.url}/v1",
        )
    seen = [(request.target.rpartition("/")[2], request.connection) for request in api.received]

    assert [("parent", 1), ("child", 2), ("child", 2), ("parent", 1)] == seen


# --- fairness


class Held:
    """An API that holds the requests for sessions called so until it is told to let them go."""

    def __init__(self, number: int) -> None:
        self._go = threading.Event()
        self._reached = threading.Semaphore(0)
        self._number = number

    def __call__(self, request: Received) -> bytes:
        """Answer, or wait first."""
        if request.target.endswith("hangs"):
            self._reached.release()
            self._go.wait(LATEST)
        return OK

    def all_arrived(self) -> bool:
        """Whether as many requests hang as were expected."""
        return all(self._reached.acquire(timeout=LATEST) for _ in range(self._number))

    def one_more(self) -> bool:
        """Whether another one hangs."""
        return self._reached.acquire(blocking=False)

    def let_go(self) -> None:
        """Answer them all."""
        self._go.set()


@pytest.fixture(params=[6, None], ids=["few", "as they are"])
def share(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many connections one tenant may take, of fewer than usual and of as many as usual."""
    if request.param is not None:
        monkeypatch.setattr(pools, "_MOST", request.param)
    return (pools._MOST + 1) // 2  # pyright: ignore[reportPrivateUsage]


def test_hanging_tenant_leaves_room(share: int) -> None:
    """While more requests of one tenant hang than its share is, one of another gets through; then all of them do."""
    held = Held(share)
    with Loopback(held) as api, ExitStack() as ends:
        tenants = ends.enter_context(Tenants([config_of("a", api), config_of("b", api)]))
        threads = ends.enter_context(ThreadPoolExecutor(share + 4))
        ends.callback(held.let_go)
        hanging = [threads.submit(tenants["a"].sessions.get, "hangs") for _ in range(share + 3)]
        assert held.all_arrived()
        through = threads.submit(tenants["b"].sessions.get, "sess_b").result(LATEST)
        beyond = held.one_more()
        held.let_go()
        ended = [future.result(LATEST).id for future in hanging]

    assert ("sess_1", False) == (through.id, beyond)
    assert ["sess_1"] * (share + 3) == ended


def test_hanging_tenant_leaves_room_async(share: int) -> None:
    """The same in the async world."""
    held = Held(share)

    async def use(api: Loopback) -> tuple[str, bool, list[str]]:
        async with AsyncTenants([config_of("a", api), config_of("b", api)]) as tenants:
            hanging = [asyncio.create_task(tenants["a"].sessions.get("hangs")) for _ in range(share + 3)]
            assert await asyncio.to_thread(held.all_arrived)
            through = await asyncio.wait_for(tenants["b"].sessions.get("sess_b"), LATEST)
            beyond = held.one_more()
            held.let_go()
            return through.id, beyond, [session.id for session in await asyncio.gather(*hanging)]

    with Loopback(held) as api:
        assert ("sess_1", False, ["sess_1"] * (share + 3)) == asyncio.run(use(api))


@pytest.fixture
def one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one connection, which one tenant may have."""
    monkeypatch.setattr(pools, "_MOST", 1)


@pytest.mark.usefixtures("one_turn")
def test_waiting_too_long() -> None:
    """Who waits for a connection longer than the timeout hears that there was none, and stands in nobody's way."""
    held = Held(1)
    with Loopback(held) as api, ExitStack() as ends:
        configs = [config_of("a", api), config_of("b", api, timeout=SOON)]
        tenants = ends.enter_context(Tenants(configs))
        threads = ends.enter_context(ThreadPoolExecutor(1))
        ends.callback(held.let_go)
        hanging = threads.submit(tenants["a"].sessions.get, "hangs")
        assert held.all_arrived()
        with pytest.raises(APIConnectionError, match="in use"):
            tenants["b"].sessions.revoke("sess_b")
        held.let_go()
        hanging.result(LATEST)

        assert "sess_1" == tenants["a"].sessions.get("sess_a").id
        assert "sess_1" == tenants["b"].sessions.revoke("sess_b").id
    assert 3 == len(api.received)


@pytest.mark.usefixtures("one_turn")
def test_waiting_too_long_async() -> None:
    """The same in the async world."""
    held = Held(1)

    async def use(api: Loopback) -> None:
        async with AsyncTenants([config_of("a", api), config_of("b", api, timeout=SOON)]) as tenants:
            hanging = asyncio.create_task(tenants["a"].sessions.get("hangs"))
            assert await asyncio.to_thread(held.all_arrived)
            with pytest.raises(APIConnectionError, match="in use"):
                await tenants["b"].sessions.revoke("sess_b")
            held.let_go()
            await hanging
            assert "sess_1" == (await tenants["a"].sessions.get("sess_a")).id
            assert "sess_1" == (await tenants["b"].sessions.revoke("sess_b")).id

    with Loopback(held) as api:
        asyncio.run(use(api))
    assert 3 == len(api.received)


@pytest.mark.usefixtures("one_turn")
def test_cancelled_while_waiting() -> None:
    """A task that is cancelled while it waits for a connection takes none, and those behind it have theirs."""
    held = Held(1)

    async def use(api: Loopback) -> list[str]:
        async with AsyncTenants([config_of(name, api) for name in "abc"]) as tenants:
            hanging = asyncio.create_task(tenants["a"].sessions.get("hangs"))
            assert await asyncio.to_thread(held.all_arrived)
            waiting = [asyncio.create_task(tenants[name].sessions.get(f"sess_{name}")) for name in "bbca"]
            await asyncio.sleep(0)
            for task in waiting[:1]:
                task.cancel()
            held.let_go()
            outcomes = await asyncio.gather(hanging, *waiting, return_exceptions=True)
            return [type(outcome).__name__ for outcome in outcomes]

    with Loopback(held) as api:
        names = asyncio.run(asyncio.wait_for(use(api), LATEST))
    assert ["Session", "CancelledError", "Session", "Session", "Session"] == names


@pytest.mark.usefixtures("one_turn")
def test_cancelled_when_its_turn_has_come() -> None:
    """A task that is cancelled right when its turn has come passes the turn on."""

    async def use() -> tuple[bool, str, bool]:
        clients = AsyncClients()
        assert await clients.take_turn("", "a", None)
        first = asyncio.create_task(clients.take_turn("", "b", None))
        second = asyncio.create_task(clients.take_turn("", "c", LATEST))
        await asyncio.sleep(0)
        clients.end_turn("", "a")  # the turn is that of the first one, which has not run since
        first.cancel()
        (outcome,) = await asyncio.gather(first, return_exceptions=True)
        got = await second
        clients.end_turn("", "c")
        return got, type(outcome).__name__, await clients.take_turn("", "d", 0.0)

    assert (True, "CancelledError", True) == asyncio.run(use())


@pytest.mark.usefixtures("one_turn")
@pytest.mark.parametrize("in_time", [True, False], ids=["its turn had come", "it waits"])
def test_interrupted_thread(monkeypatch: pytest.MonkeyPatch, in_time: bool) -> None:
    """A thread that is interrupted while it waits, or right when its turn has come, loses no turn for the others."""
    clients = Clients()
    assert clients.take_turn("", "a", None)

    class Interrupting(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if in_time:
                clients.end_turn("", "a")
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("clerk_ext.pools.threading.Event", Interrupting)
        with pytest.raises(KeyboardInterrupt):
            clients.take_turn("", "b", LATEST)
    if not in_time:
        clients.end_turn("", "a")

    assert clients.take_turn("", "c", 0.0)
    assert not clients.take_turn("", "d", 0.0)


@pytest.mark.usefixtures("one_turn")
def test_turn_that_comes_at_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn that comes between the end of the wait and giving up is used, not lost."""
    clients = Clients()
    assert clients.take_turn("", "a", None)

    class Late(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            clients.end_turn("", "a")
            return False

    with monkeypatch.context() as patch:
        patch.setattr("clerk_ext.pools.threading.Event", Late)
        assert clients.take_turn("", "b", SOON)

    assert not clients.take_turn("", "c", 0.0)
    clients.end_turn("", "b")
    assert clients.take_turn("", "d", 0.0)


@pytest.mark.usefixtures("one_turn")
def test_failed_call_ends_its_turn(world: World) -> None:
    """A call that fails, whatever of it, leaves its connection to the next one."""
    with Loopback.script(reply(404), reply(200, b"<html>"), None, OK) as api:
        tenants = world.tenants([config_of("a", api, timeout=SOON), config_of("b", api)])
        for _ in range(3):
            with pytest.raises(Exception, match="POST"):
                tenants["a"].sessions.revoke("sess_1")

        assert "sess_1" == tenants["b"].sessions.get("sess_1").id


@pytest.mark.usefixtures("one_turn")
def test_api_hosts_take_no_turns_from_each_other() -> None:
    """Where every connection of one API host hangs, calls of another host are not held up."""
    held = Held(1)
    with Loopback(held) as api, Loopback(answer) as other, ExitStack() as ends:
        tenants = ends.enter_context(Tenants([config_of("a", api), config_of("b", other)]))
        threads = ends.enter_context(ThreadPoolExecutor(1))
        ends.callback(held.let_go)
        threads.submit(tenants["a"].sessions.get, "hangs")
        assert held.all_arrived()

        assert "sess_1" == tenants["b"].sessions.get("sess_b").id
