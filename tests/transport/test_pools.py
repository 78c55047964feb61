"""Connections: kept, apart, made anew after a fork and for each event loop, closed; and what goes over them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_ext import APIConnectionError, AsyncClerk, Clerk, JWKSUnavailable
from clerk_ext.config import API_VERSION
from clerk_ext.pools import KEYS, AsyncClients, AsyncPool, Clients, Pool
from clerk_ext.testing import FakeServer, FakeTransport
from clerk_ext.transport import Call, generated_client, user_agent
from tests.transport.loopback import SECRET, Loopback, Received, config_at, reply, session_json

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World

OK = reply(200, session_json())


def test_connection_is_reused(world: World) -> None:
    """Many calls, of different operations, go over one TCP connection."""
    with Loopback.script(OK) as server:
        clerk = world.clerk(config_at(server.url))
        for _ in range(5):
            clerk.sessions.get("sess_1")
            clerk.sessions.revoke("sess_1")

    assert (10, 1) == (len(server.received), server.connections)


def test_connection_is_reused_after_errors(world: World) -> None:
    """An error answer, read or not understood, gives its connection back."""
    answers = [
        reply(404, b"<html>"),
        reply(200, b"<html>"),
        reply(302, b"there"),
        reply(403, b"?", content_encoding="gzip"),
    ]
    with Loopback.script(*answers, OK) as server:
        clerk = world.clerk(config_at(server.url))
        for _ in answers[:3]:
            with pytest.raises(Exception, match="POST"):
                clerk.sessions.revoke("sess_1")

        assert 1 == server.connections
        with pytest.raises(Exception, match="403"):
            clerk.sessions.revoke("sess_1")
        assert "sess_1" == clerk.sessions.get("sess_1").id


def test_clients_have_their_own_connections(world: World) -> None:
    """What two clients send does not share a connection."""
    with Loopback.script(OK) as server:
        for _ in range(2):
            world.clerk(config_at(server.url)).sessions.get("sess_1")

    assert [1, 2] == [request.connection for request in server.received]


def test_cookies_are_not_kept(world: World) -> None:
    """A cookie that a server sets is not sent back: the next request may be another tenant's."""
    setting = reply(200, session_json(), set_cookie="__cf=1; Path=/; Max-Age=999", Set_Cookie2="a=b")
    with Loopback.script(setting) as server:
        clerk = world.clerk(config_at(server.url))
        for _ in range(2):
            clerk.sessions.get("sess_1")

    assert [False, False] == ["cookie" in request.headers for request in server.received]


@pytest.mark.parametrize("own_transport", [False, True])
def test_no_cookie_is_stored(runner: asyncio.Runner, own_transport: bool) -> None:
    """Nor is it stored where code that goes through the same client would send it."""
    setting = {"Set-Cookie": "a=1; Path=/; Max-Age=999"}

    def mock() -> httpx.MockTransport | None:
        return httpx.MockTransport(lambda _: httpx.Response(200, headers=setting)) if own_transport else None

    with Loopback.script(reply(200, set_cookie=setting["Set-Cookie"])) as server:
        pool = Pool(Clients(mock()))
        with_cookies = Call(httpx.Request("GET", server.url), lambda answer: answer.headers["set-cookie"])

        assert setting["Set-Cookie"] == pool.call(with_cookies)
        assert [] == list(pool.keys_client().cookies.jar)
        pool.close()

        async def asynchronous() -> int:
            pool = AsyncPool(AsyncClients(mock()))
            assert setting["Set-Cookie"] == await pool.call(with_cookies)
            stored = len(list(pool.keys_client().cookies.jar))
            await pool.aclose()
            return stored

        assert 0 == runner.run(asynchronous())


def test_redirect_sets_no_cookie(world: World) -> None:
    """Nor one that comes with a redirect or an error."""
    with Loopback.script(reply(302, location="/x", set_cookie="a=1"), reply(404, set_cookie="b=1"), OK) as server:
        clerk = world.clerk(config_at(server.url))
        for _ in range(2):
            with pytest.raises(Exception, match="POST"):
                clerk.sessions.revoke("sess_1")
        clerk.sessions.get("sess_1")

    assert [False] * 3 == ["cookie" in request.headers for request in server.received]


def test_headers(world: World) -> None:
    """Each request says who asks, in which version of the API, and with which key; a body says what it is."""
    with Loopback.script(OK) as server:
        clerk = world.clerk(config_at(server.url, api_version="2025-11-10"))
        clerk.sessions.get("sess_1")
        clerk.sessions.create(user_id="user_1")
    get, post = server.received

    for request in (get, post):
        assert f"Bearer {SECRET}" == request.headers["authorization"]
        assert "2025-11-10" == request.headers["clerk-api-version"]
        assert user_agent() == request.headers["user-agent"]
        assert "application/json" == request.headers["accept"]
        assert server.url == f"http://{request.headers['host']}"
    assert user_agent().startswith("clerk-ext@")
    assert "content-type" not in get.headers
    assert "application/json" == post.headers["content-type"]


def test_version_by_default(world: World) -> None:
    """Left alone, the version is the one that the recorded specification describes."""
    with Loopback.script(OK) as server:
        world.clerk(config_at(server.url)).sessions.get("sess_1")

    assert [API_VERSION] == [request.headers["clerk-api-version"] for request in server.received]


def test_key_set_is_fetched_without_the_key(world: World, fake: FakeClerk, clock: Clock) -> None:
    """The Frontend API is another host: it sees no secret key; the Backend API sees it."""
    token = fake.session_token(fake.create_session(fake.add_user()))
    with FakeServer(fake) as frontend, Loopback.script(OK) as backend:
        config = fake.config(
            api_url=f"{backend.url}/v1", jwks_url=frontend.jwks_url, clock=clock.time, monotonic=clock.monotonic
        )
        clerk = world.clerk(config)
        clerk.verify_token(token)
        clerk.sessions.get("sess_1")

    assert [[]] == [request.header_values("authorization") for request in fake.requests]
    assert [f"Bearer {fake.secret_key}"] == [request.headers["authorization"] for request in backend.received]


def test_key_set_of_the_backend(world: World, fake: FakeClerk, clock: Clock) -> None:
    """With nothing but a secret key, the key set comes from the Backend API, with the key."""
    session = fake.create_session(fake.add_user())
    with FakeServer(fake) as server:
        config = server.config(
            publishable_key=None, jwks_url=None, issuer=fake.issuer, clock=clock.time, monotonic=clock.monotonic
        )
        claims = world.clerk(config).verify_token(fake.session_token(session))

    assert session.id == claims.session_id
    assert [("/v1/jwks", [f"Bearer {fake.secret_key}"])] == [
        (request.path, request.header_values("authorization")) for request in fake.requests
    ]


class Counting(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Counts what passes, and whether it was closed."""

    def __init__(self, inner: FakeTransport) -> None:
        self.inner = inner
        self.paths: list[str] = []
        self.closed = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        return self.inner.handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.path)
        return await self.inner.handle_async_request(request)

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def test_custom_transport(world: World, fake: FakeClerk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything goes through a transport that was passed in, whatever the environment says of proxies."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    session = fake.create_session(fake.add_user())
    transport = Counting(FakeTransport(fake))
    clerk = world.clerk(fake.config(clock=clock.time, monotonic=clock.monotonic), transport=transport)
    clerk.verify_token(fake.session_token(session))
    clerk.sessions.get(session.id)
    clerk.jwks()

    assert ["/.well-known/jwks.json", f"/v1/sessions/{session.id}", "/v1/jwks"] == transport.paths
    clerk.close()
    clerk.close()
    assert 0 == transport.closed
    clerk.sessions.get(session.id)
    assert 4 == len(transport.paths)


def test_close(world: World) -> None:
    """Closing ends the connections; a later call opens a new one; closing twice, or before any call, is nothing."""
    with Loopback.script(OK) as server:
        clerk = world.clerk(config_at(server.url))
        clerk.close()
        clerk.sessions.get("sess_1")
        clerk.close()
        clerk.close()
        clerk.sessions.get("sess_1")

    assert [1, 2] == [request.connection for request in server.received]


def test_context_managers() -> None:
    """Leaving the block closes the connections, in both worlds, also when the block fails."""
    with Loopback.script(OK) as server:
        clerk = Clerk(config_at(server.url))
        client = clerk._pool.clients.of("")  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(ZeroDivisionError), clerk as entered:  # noqa: PT012 - the call has to come first
            entered.sessions.get("sess_1")
            raise ZeroDivisionError

        async def asynchronous() -> bool:
            async with AsyncClerk(config_at(server.url)) as clerk:
                client = clerk._pool.clients.of("")  # pyright: ignore[reportPrivateUsage]
                await clerk.sessions.get("sess_1")
            return client.is_closed

        assert client.is_closed
        assert asyncio.run(asynchronous())


def test_closed_in_between(clock: Clock, runner: asyncio.Runner) -> None:
    """A call whose client another thread closes at the last moment is made again where that is safe."""
    with Loopback.script(OK) as server:
        clerk = Clerk(config_at(server.url))
        clients = clerk._pool.clients  # pyright: ignore[reportPrivateUsage]
        stale = httpx.Client()
        stale.close()
        fresh, stales = clients.of(""), iter([stale])

        def of(_: str) -> httpx.Client:
            return next(stales, fresh)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clients, "of", of)

            assert "sess_1" == clerk.sessions.get("sess_1").id
            stales = iter([stale])
            with pytest.raises(APIConnectionError, match="closed"):
                clerk.sessions.revoke("sess_1")
        clerk.close()

        async def asynchronous() -> None:
            clerk = AsyncClerk(config_at(server.url))
            clients = clerk._pool.clients  # pyright: ignore[reportPrivateUsage]
            stale = httpx.AsyncClient()
            await stale.aclose()
            fresh, stales = clients.of(""), iter([stale])

            def of(_: str) -> httpx.AsyncClient:
                return next(stales, fresh)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(clients, "of", of)
                assert "sess_1" == (await clerk.sessions.get("sess_1")).id
                stales = iter([stale])
                with pytest.raises(APIConnectionError, match="closed"):
                    await clerk.sessions.revoke("sess_1")
            await clerk.aclose()

        runner.run(asynchronous())


class Gate:
    """A lock that nobody gets before a number of threads want it."""

    def __init__(self, threads: int) -> None:
        self._barrier = threading.Barrier(threads)
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._barrier.wait(5)
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_one_client_for_all_threads() -> None:
    """Threads that come first together, all of them before there is a client, get the same one."""
    clients = Clients()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(4) as threads:
        patch.setattr(clients, "_lock", Gate(4))
        given = [threads.submit(clients.of, "") for _ in range(4)]
        wait(given)
    clients.close()

    assert 1 == len({id(client.result()) for client in given})


def tls_context(client: httpx.Client | httpx.AsyncClient) -> Any:
    """The TLS context that a client connects with."""
    inner: Any = client
    return inner._transport._pool._ssl_context


def test_tls_context_is_shared(runner: asyncio.Runner) -> None:
    """All pools of a process, of both worlds, share one TLS context, which verifies."""
    pools = [Clients(), Clients()]
    contexts = {id(tls_context(pool.of(group))) for pool in pools for group in ("", KEYS, "https://api.clerk.com")}

    async def asynchronous() -> int:
        pool = AsyncClients()
        context = tls_context(pool.of(""))
        await pool.aclose()
        return id(context)

    contexts.add(runner.run(asynchronous()))
    context = tls_context(pools[0].of(""))
    for pool in pools:
        pool.close()

    assert 1 == len(contexts)
    assert context.check_hostname
    assert "CERT_REQUIRED" == context.verify_mode.name


def test_event_loops_have_their_own_connections() -> None:
    """One async client serves loop after loop, each over connections of its own."""
    with Loopback.script(OK) as server:
        clerk = AsyncClerk(config_at(server.url))

        async def use() -> None:
            await clerk.sessions.get("sess_1")
            await clerk.sessions.get("sess_1")
            await clerk.aclose()
            await clerk.aclose()

        asyncio.run(use())
        asyncio.run(use())

    assert [1, 1, 2, 2] == [request.connection for request in server.received]


def test_loops_at_the_same_time(clock: Clock) -> None:
    """Loops of several threads use one async client at the same time, and close each their own part of it."""
    with Loopback.script(OK) as server:
        clerk = AsyncClerk(config_at(server.url))
        barrier = threading.Barrier(4)

        async def use() -> int:
            barrier.wait(5)
            ids = {(await clerk.sessions.get("sess_1")).id for _ in range(5)}
            await clerk.aclose()
            return len(ids)

        with ThreadPoolExecutor(4) as threads:
            outcomes = [threads.submit(asyncio.run, use()) for _ in range(4)]
            assert [1] * 4 == [outcome.result() for outcome in outcomes]

    assert 4 == server.connections


def test_cancelled_call(runner: asyncio.Runner) -> None:
    """A call that is cancelled while it waits gives its connection up; the next one is not disturbed."""
    waits = threading.Event()

    def answer(_: Received) -> bytes | None:
        if waits.is_set():
            return OK
        waits.set()
        return None

    async def use() -> str:
        async with AsyncClerk(config_at(server.url)) as clerk:
            call = asyncio.create_task(clerk.sessions.get("sess_1"))
            await asyncio.to_thread(waits.wait, 5)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            return (await clerk.sessions.get("sess_1")).id

    with Loopback(answer) as server:
        assert "sess_1" == runner.run(use())
    assert [1, 2] == [request.connection for request in server.received]


def test_closed_loops_are_let_go() -> None:
    """A loop that ended without closing its client is forgotten when another loop comes."""
    clients = AsyncClients(httpx.MockTransport(lambda request: httpx.Response(200)))

    async def client() -> tuple[asyncio.AbstractEventLoop, httpx.AsyncClient]:
        assert clients.of("") is clients.of("")
        return asyncio.get_running_loop(), clients.of("")

    first = asyncio.run(client())
    second = asyncio.run(client())
    kept = [(loop, here.made[""]) for loop, here in clients._loops.items()]  # pyright: ignore[reportPrivateUsage]

    assert first[1] is not second[1]
    assert [second] == kept


def test_goes_through_send(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call is one `send` of httpx's client, with the request ready: where instrumentation hooks in."""
    sent: list[str] = []
    send, async_send = httpx.Client.send, httpx.AsyncClient.send

    def watched(client: httpx.Client, request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append(f"{request.method} {request.url.path}")
        return send(client, request, **options)

    async def watched_async(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append(f"{request.method} {request.url.path}")
        return await async_send(client, request, **options)

    monkeypatch.setattr(httpx.Client, "send", watched)
    monkeypatch.setattr(httpx.AsyncClient, "send", watched_async)
    with Loopback.script(reply(429, retry_after="0"), OK) as server:
        clerk = world.clerk(config_at(server.url))
        clerk.sessions.get("sess_1")
        clerk.sessions.revoke("sess_1")

    assert ["GET /v1/sessions/sess_1"] * 2 + ["POST /v1/sessions/sess_1/revoke"] == sent
    assert server.targets == sent


def test_timeouts_are_set(world: World) -> None:
    """Each request carries the configured timeout for each of its waits."""
    seen: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, json=session_json())

    clerk = world.clerk(config_at("https://api.example", timeout=1.5), transport=httpx.MockTransport(answer))
    clerk.sessions.get("sess_1")

    assert [{"connect": 1.5, "read": 1.5, "write": 1.5, "pool": 1.5}] == seen


def test_generated_client_shows_no_key() -> None:
    """The generated client of a tenant knows the key and does not show it."""
    client = generated_client(config_at("https://api.example"))

    assert "AuthenticatedClient(base_url='https://api.example/v1')" == repr(client)
    assert SECRET not in str(client)


def run_script(script: str, *arguments: str) -> str:
    """Run a program in a process of its own, every warning an error; what it prints."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


PROLOGUE = """
import asyncio, os, sys, threading
import httpx
from clerk_ext import AsyncClerk, Clerk, ClerkConfig
config = ClerkConfig(secret_key="sk_test_x", issuer="https://acme.example", api_url=sys.argv[1] + "/v1")
"""


def test_no_resource_is_left_open() -> None:
    """Clients that are closed leave nothing for Python's development mode to warn of."""
    with Loopback.script(OK) as server:
        run_script(
            PROLOGUE
            + """
import gc
with Clerk(config) as clerk:
    clerk.sessions.get("sess_1")
async def main():
    async with AsyncClerk(config) as clerk:
        await asyncio.gather(*(clerk.sessions.get("sess_1") for _ in range(3)))
asyncio.run(main())
del clerk
gc.collect()
""",
            server.url,
        )

    assert 4 == len(server.received)


fork_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")


@fork_only
def test_fork() -> None:
    """A forked child has a client of its own: parent and child never share a connection, even if a lock was held."""
    with Loopback.script(OK) as server:
        run_script(
            PROLOGUE
            + """
import warnings
clerk = Clerk(config)
clerk.sessions.get("parent")
asynchronous = AsyncClerk(config)
held, go_on = threading.Event(), threading.Event()
def hold():
    with clerk._pool.clients._lock, asynchronous._pool.clients._lock:
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
    clerk.sessions.get("child")
    clerk.sessions.get("child")
    clerk.close()
    async def main():
        await asynchronous.sessions.get("child")
        await asynchronous.aclose()
    asyncio.run(main())
    os._exit(0)
go_on.set()
thread.join()
assert os.waitpid(child, 0)[1] == 0, "the child failed"
clerk.sessions.get("parent")
clerk.close()
""",
            server.url,
        )
    seen = [(request.target.rpartition("/")[2], request.connection) for request in server.received]

    assert [("parent", 1), ("child", 2), ("child", 2), ("child", 3), ("parent", 1)] == seen


@fork_only
def test_fork_while_the_tls_context_is_made() -> None:
    """A child that is forked while a thread of the parent makes the TLS context makes its own, and does not wait."""
    with Loopback.script(OK) as server:
        run_script(
            PROLOGUE
            + """
import warnings
parent, begun, go_on = os.getpid(), threading.Event(), threading.Event()
create = httpx.create_ssl_context
def slow():
    if os.getpid() == parent:
        begun.set()
        go_on.wait(20)
    return create()
httpx.create_ssl_context = slow
clerk = Clerk(config)
thread = threading.Thread(target=lambda: clerk.sessions.get("parent"))
thread.start()
begun.wait(20)
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    import signal
    signal.alarm(10)
    clerk.sessions.get("child")
    os._exit(0)
status = os.waitpid(child, 0)[1]
go_on.set()
thread.join()
clerk.close()
assert status == 0, "the child waits for ever"
""",
            server.url,
        )

    assert ["GET /v1/sessions/child", "GET /v1/sessions/parent"] == server.targets


def test_prewarm_through_a_dead_pool(world: World) -> None:
    """When nothing can be reached, the key set cannot be had: no exception of httpx's comes out of verification."""
    clerk = world.clerk(config_at("http://127.0.0.1:9", jwks_url="http://127.0.0.1:9/jwks"))
    with pytest.raises(JWKSUnavailable):
        clerk.prewarm()
