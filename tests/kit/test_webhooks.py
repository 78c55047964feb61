"""Session events as webhooks: what is told of which change, to whom, in what form, and how it is signed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self, cast, get_args

import httpx
import pytest

from clerk_ext.testing import FakeClerk, FakeServer, FakeTransport, webhooks
from tests.recorded import SPEC

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeRequest, FakeResponse, FakeSession, FakeWebhook, SessionStatus
    from tests.worlds import Clock

STATUSES: list[SessionStatus] = [
    "abandoned",
    "active",
    "ended",
    "expired",
    "pending",
    "removed",
    "replaced",
    "revoked",
]
TOLD = {
    "pending": ["session.pending"],
    "ended": ["session.ended"],
    "removed": ["session.removed"],
    "revoked": ["session.revoked"],
}


@pytest.fixture
def heard(fake: FakeClerk) -> list[FakeWebhook]:
    """What a function is told."""
    heard: list[FakeWebhook] = []
    fake.send_webhooks_to(heard.append)
    return heard


class Application:
    """An application on loopback that takes messages, and answers each with the next of these.

    Args:
        answers: A status, or the bytes to send in place of any answer; the last one for ever.
    """

    def __init__(self, *answers: int | bytes) -> None:
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self._answers = list(answers) or [200]

    def __enter__(self) -> Self:
        application = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                application.received.append(
                    (self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                )
                answers = application._answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, bytes):
                    self.wfile.write(answer)
                    return
                self.send_response(answer)
                self.send_header("Location", "/sign-in")
                self.end_headers()

            def do_GET(self) -> None:
                application.received.append(("GET " + self.path, {}, b""))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        host, port = cast("tuple[str, int]", self._server.server_address)
        return f"http://{host}:{port}/hooks"

    @property
    def types(self) -> list[str]:
        """The events that came, in order."""
        return [json.loads(body)["type"] for _, _, body in self.received]


def dead_url() -> str:
    """A URL at which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}/"


def is_signed(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Check a message by Svix's rule, which the kit has no part in here."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{headers['svix-id']}.{headers['svix-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["svix-signature"].split(" ")


def test_own_vector() -> None:
    """A known message has the signature that another implementation gave it, with the secret's prefix or without."""
    secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
    for written in (secret, secret.removeprefix("whsec_")):
        assert "v1,STEbCZM/JKLZR9Js9miPj0Y4WIOOGLYC8BMVW/gYFD8=" == webhooks.signature(
            written, "msg_1", "1700000000", b'{"type":"session.revoked"}'
        )


def test_secret() -> None:
    """Each instance has a secret of Svix's form, the same whenever it is made, and its own in each environment."""
    made = [FakeClerk("acme"), FakeClerk("globex"), FakeClerk("acme", environment="production")]
    secrets = [fake.webhook_secret for fake in made]

    assert [24] * 3 == [len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets]
    assert [True] * 3 == [secret.startswith("whsec_") for secret in secrets]
    assert 3 == len(set(secrets))
    assert secrets[0] == FakeClerk("acme").webhook_secret


@pytest.mark.parametrize("is_pending", [False, True])
def test_sign_in(fake: FakeClerk, heard: list[FakeWebhook], is_pending: bool) -> None:
    """A new session is told of as created, or as pending."""
    session = fake.sign_in(status="pending" if is_pending else "active").session

    assert ["session.pending" if is_pending else "session.created"] == [webhook.type for webhook in heard]
    assert (session.id, "pending" if is_pending else "active") == (
        heard[0].json()["data"]["id"],
        heard[0].json()["data"]["status"],
    )


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_every_change(fake: FakeClerk, before: SessionStatus, after: SessionStatus) -> None:
    """A change to one of four statuses is told of, once; no change, or one to another status, is not."""
    session = fake.create_session(fake.add_user(), status=before)
    heard: list[FakeWebhook] = []
    fake.send_webhooks_to(heard.append)
    fake.set_status(session, after)

    assert (TOLD.get(after, []) if before != after else []) == [webhook.type for webhook in heard]
    assert [after] * len(heard) == [webhook.json()["data"]["status"] for webhook in heard]


def test_expiry_is_not_told(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """Of a session that expires by itself nothing is told, as Clerk has no event for it."""
    session = fake.create_session(fake.add_user())
    fake.advance(7 * 86_400)

    assert "expired" == fake.sessions()[0].status
    assert ["session.created"] == [webhook.type for webhook in heard]
    assert session.expire_at == session.updated_at


def test_through_the_api(fake: FakeClerk, clerk: Clerk, heard: list[FakeWebhook]) -> None:
    """What the API does is told before its answer comes; a second revocation, a refusal and a read change nothing."""
    session_id = clerk.sessions.create(user_id=fake.add_user().id).id
    counts = [len(heard)]
    clerk.sessions.revoke(session_id)
    counts.append(len(heard))
    clerk.sessions.revoke(session_id)
    clerk.sessions.get(session_id)
    with pytest.raises(Exception, match="404"):
        clerk.sessions.revoke("sess_none")

    assert [1, 2] == counts
    assert ["session.created", "session.revoked"] == [webhook.type for webhook in heard]
    assert heard == fake.webhooks


@pytest.mark.parametrize("bare", [False, True])
def test_envelope(fake: FakeClerk, clock: Clock, heard: list[FakeWebhook], bare: bool) -> None:
    """The envelope has what it must have: milliseconds, the session as the API shows it, and its user."""
    clock.unix += 0.25
    session = fake.open_session(fake.add_user()) if bare else fake.sign_in(actor={"sub": "user_boss"}).session
    fake.advance(90)
    fake.revoke(session)
    (created, revoked) = heard
    envelope = revoked.json()

    assert {"object", "type", "data", "timestamp", "instance_id", "event_attributes"} == envelope.keys()
    assert ("event", "session.revoked", fake.instance_id) == (
        envelope["object"],
        envelope["type"],
        envelope["instance_id"],
    )
    assert {**session.to_json(), "user": {"object": "user", "id": session.user.id}} == envelope["data"]
    assert {"client_ip", "user_agent"} == envelope["event_attributes"]["http_request"].keys()
    assert [1_767_225_600_250, 1_767_225_690_250] == [webhook.json()["timestamp"] for webhook in heard]
    assert ["1767225600", "1767225690"] == [webhook.headers["svix-timestamp"] for webhook in heard]
    assert "active" == created.json()["data"]["status"]  # as it was then
    assert envelope["data"]["updated_at"] == envelope["timestamp"]
    assert set(SPEC["components"]["schemas"]["Session"]["required"]) <= envelope["data"].keys()


def test_headers(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """A message brings Svix's three headers; the signature holds for this id, time and body, and no other."""
    fake.sign_in()
    fake.sign_in()
    one, other = heard
    headers = dict(one.headers)

    assert {"Content-Type", "svix-id", "svix-timestamp", "svix-signature"} == headers.keys()
    assert "application/json" == headers["Content-Type"]
    assert one.id == headers["svix-id"]
    assert one.id.startswith("msg_")
    assert is_signed(fake.webhook_secret, headers, one.body)
    assert not is_signed(fake.webhook_secret, headers, other.body)
    assert not is_signed(fake.webhook_secret, headers | {"svix-id": other.id}, one.body)
    assert not is_signed(fake.webhook_secret, headers | {"svix-timestamp": "1"}, one.body)
    assert not is_signed(FakeClerk("other").webhook_secret, headers, one.body)


def test_another_secret(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """The secret may be set to that of an application's settings."""
    fake.webhook_secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
    fake.sign_in()

    assert is_signed("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", dict(heard[0].headers), heard[0].body)


def test_events_are_clerks() -> None:
    """There are the five events that Clerk documents."""
    assert {f"session.{it}" for it in ("created", "pending", "ended", "removed", "revoked")} == set(
        get_args(webhooks.Event)
    )
    assert {it for kinds in TOLD.values() for it in kinds} == set(webhooks.BY_STATUS.values())


def change_much(fake: FakeClerk) -> list[str]:
    """Change sessions in each way that is told of, and return what is to be told."""
    session = fake.sign_in().session
    for status in ("pending", "active", "ended", "replaced", "removed", "revoked"):
        fake.set_status(session, status)
    return ["session.created", "session.pending", "session.ended", "session.removed", "session.revoked"]


def test_several_targets(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """Functions and URLs all get every message, the same one, in order; who comes later hears from then on."""
    with Application() as one, Application(204) as other:
        fake.send_webhooks_to(one.url)
        fake.send_webhooks_to(other.url)
        expected = change_much(fake)
        late: list[FakeWebhook] = []
        fake.send_webhooks_to(late.append)
        fake.sign_in()
        fake.wait_for_webhooks()

    expected += ["session.created"]
    assert expected == [webhook.type for webhook in heard] == one.types == other.types
    assert ["session.created"] == [webhook.type for webhook in late]
    assert one.received == [
        (path, {**headers, "host": one.received[0][1]["host"]}, body) for path, headers, body in other.received
    ]
    assert [webhook.body for webhook in heard] == [body for _, _, body in one.received]
    assert heard == fake.webhooks
    assert len(heard) == len({webhook.id for webhook in heard})
    assert [True] * len(heard) == [is_signed(fake.webhook_secret, headers, body) for _, headers, body in one.received]
    assert {"/hooks"} == {path for path, _, _ in one.received}
    assert {"application/json"} == {headers["content-type"] for _, headers, _ in one.received}


def test_url_with_query(fake: FakeClerk) -> None:
    """A URL's query goes along; a URL without a path is asked for the root."""
    with Application() as application:
        fake.send_webhooks_to(application.url + "?source=clerk")
        fake.send_webhooks_to(application.url.removesuffix("/hooks"))
        fake.sign_in()
        fake.wait_for_webhooks()

    assert ["/hooks?source=clerk", "/"] == [path for path, _, _ in application.received]


def test_past_a_proxy(fake: FakeClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy in the environment, which does not know this machine's addresses, is not asked."""
    monkeypatch.setenv("http_proxy", dead_url())
    with Application() as application:
        fake.send_webhooks_to(application.url)
        fake.sign_in()
        fake.wait_for_webhooks()

    assert ["session.created"] == application.types


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (500, "the answer was 500"),
        (404, "the answer was 404"),
        (302, "the answer was 302"),
        (307, "the answer was 307"),
        (b"+OK ready\r\n", "BadStatusLine"),
        (b"", "RemoteDisconnected"),
    ],
)
def test_not_taken(fake: FakeClerk, answer: int | bytes, told: str) -> None:
    """An application that answers anything but 2xx, a redirect too, has not taken it; the next one is sent still."""
    with Application(answer, 200) as application:
        fake.send_webhooks_to(application.url)
        fake.sign_in()
        with pytest.raises(RuntimeError, match=rf"session\.created to {application.url}: .*{told}"):
            fake.wait_for_webhooks()
        fake.revoke(fake.sessions()[0])
        fake.wait_for_webhooks()

    assert ["session.created", "session.revoked"] == application.types


def test_nobody_there(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """A dead URL fails each message, told one at a time, and keeps it from nobody else."""
    url = dead_url()
    with Application() as application:
        fake.send_webhooks_to(url)
        fake.send_webhooks_to(application.url)
        fake.sign_in()
        fake.sign_in()
        for _ in range(2):
            with pytest.raises(RuntimeError, match="ConnectionRefusedError"):
                fake.wait_for_webhooks()
        fake.wait_for_webhooks()

    assert ["session.created"] * 2 == application.types
    assert 2 == len(heard)


def test_application_that_hangs(fake: FakeClerk) -> None:
    """An application that does not answer in time is told of, and what changed it does not wait."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as silent:
        fake.send_webhooks_to(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        fake.sign_in()
        with pytest.raises(RuntimeError, match=r"not delivered within 0\.05 s"):
            fake.wait_for_webhooks(0.05)
        connection = stack.enter_context(silent.accept()[0])
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        fake.wait_for_webhooks()


def test_nothing_to_wait_for(fake: FakeClerk) -> None:
    """Without a URL, and without a message, there is nothing to wait for."""
    fake.wait_for_webhooks(0)
    fake.send_webhooks_to(dead_url())
    fake.wait_for_webhooks(0)


def test_no_thread_is_left(fake: FakeClerk) -> None:
    """When all is delivered, no thread of the instance is left; a later message starts a new one."""
    with Application() as application:
        fake.send_webhooks_to(application.url)
        for _ in range(3):
            fake.sign_in()
            fake.wait_for_webhooks()
            assert [] == [thread for thread in threading.enumerate() if thread.name == "fake-clerk-webhooks"]

    assert ["session.created"] * 3 == application.types


def test_target_that_raises(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """What a function raises comes out of what caused it, which is done; who else listens is told all the same."""

    def fail(webhook: FakeWebhook) -> None:
        raise LookupError(webhook.type)

    fake.send_webhooks_to(fail)
    last: list[FakeWebhook] = []
    fake.send_webhooks_to(last.append)
    with Application() as application:
        fake.send_webhooks_to(application.url)
        with pytest.raises(LookupError, match=r"session\.created"):
            fake.sign_in()
        with pytest.raises(LookupError, match=r"session\.revoked"):
            fake.revoke(fake.sessions()[0])
        fake.wait_for_webhooks()

    assert ["revoked"] == [session.status for session in fake.sessions()]
    assert heard == last == fake.webhooks
    assert ["session.created", "session.revoked"] == application.types


def test_target_that_raises_at_a_request(fake: FakeClerk) -> None:
    """In-process it goes to the sender, over HTTP to whoever stops the server, and the client gets a 500."""
    session = fake.sign_in().session
    fake.send_webhooks_to(lambda webhook: pytest.fail(webhook.type))
    headers = {"Authorization": f"Bearer {fake.secret_key}"}
    with (
        httpx.Client(transport=FakeTransport(fake)) as client,
        pytest.raises(pytest.fail.Exception, match=r"session\.revoked"),
    ):
        client.post(f"{fake.api_url}/sessions/{session.id}/revoke", headers=headers)
    fake.set_status(session, "active")
    server = FakeServer(fake)
    statuses: list[int] = []
    with pytest.raises(pytest.fail.Exception, match=r"session\.revoked"), server:  # noqa: PT012 - raised on leaving
        answer = httpx.post(f"{server.api_url}/sessions/{session.id}/revoke", headers=headers, trust_env=False)
        statuses.append(answer.status_code)

    assert [500] == statuses
    assert [200, 200] == [status for _, status in fake.exchanges()]


@pytest.mark.parametrize("by_api", [False, True])
def test_target_asks_over_http(fake: FakeClerk, by_api: bool) -> None:
    """A function may call the instance over HTTP, and change it there, while it is told."""
    told: list[tuple[str, str]] = []
    with FakeServer(fake) as server, httpx.Client(trust_env=False, timeout=5) as client:
        headers = {"Authorization": f"Bearer {fake.secret_key}"}

        def ask(webhook: FakeWebhook) -> None:
            session_id = webhook.json()["data"]["id"]
            url = f"{server.api_url}/sessions/{session_id}"
            if webhook.type == "session.created":
                client.post(f"{url}/revoke", headers=headers)
            told.append((webhook.type, client.get(url, headers=headers).json()["status"]))

        fake.send_webhooks_to(ask)
        if by_api:
            body = {"user_id": fake.add_user().id}
            with httpx.Client(trust_env=False, timeout=10) as other:
                assert 200 == other.post(f"{server.api_url}/sessions", json=body, headers=headers).status_code
        else:
            fake.sign_in()

    # The second is told within the first, before the request that causes it is answered.
    assert [("session.revoked", "revoked"), ("session.created", "revoked")] == told
    assert ["session.created", "session.revoked"] == [webhook.type for webhook in fake.webhooks]


def test_told_before_watchers(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """Who watches exchanges finds that the events of an exchange have been told."""
    found: list[int] = []

    def watch(request: FakeRequest, response: FakeResponse) -> None:
        found.append(len(heard))

    session = fake.sign_in().session
    fake.on_exchange.append(watch)
    with httpx.Client(transport=FakeTransport(fake)) as client:
        client.post(
            f"{fake.api_url}/sessions/{session.id}/revoke", headers={"Authorization": f"Bearer {fake.secret_key}"}
        )

    assert [2] == found


def test_from_many_threads(fake: FakeClerk) -> None:
    """Each thread has been told of its own changes when they are done, in their order; every id is another's."""
    heard: dict[str, list[str]] = {}
    fake.send_webhooks_to(lambda webhook: heard.setdefault(webhook.json()["data"]["id"], []).append(webhook.type))
    begun = threading.Barrier(8)

    def work() -> list[list[str]]:
        begun.wait()
        found: list[list[str]] = []
        for _ in range(20):
            session = fake.sign_in().session
            fake.set_status(session, "ended")
            fake.set_status(session, "removed")
            found.append(list(heard[session.id]))
        return found

    fake.jwks()
    with Application() as application, ThreadPoolExecutor(8) as pool:
        fake.send_webhooks_to(application.url)
        futures = [pool.submit(work) for _ in range(8)]
        results = [found for future in futures for found in future.result()]
        fake.wait_for_webhooks(30)

    assert [["session.created", "session.ended", "session.removed"]] * 160 == results
    assert 480 == len(fake.webhooks) == len({webhook.id for webhook in fake.webhooks})
    assert sorted(webhook.id for webhook in fake.webhooks) == sorted(
        headers["svix-id"] for _, headers, _ in application.received
    )
    assert [True] * 480 == [
        {"session.created": "active", "session.ended": "ended", "session.removed": "removed"}[it["type"]]
        == it["data"]["status"]
        for it in (webhook.json() for webhook in fake.webhooks)
    ]


BAD: list[tuple[type[Exception], Any]] = [
    (ValueError, ""),
    (ValueError, "localhost:8000/hooks"),
    (ValueError, "ftp://localhost/hooks"),
    (ValueError, "http://"),
    (ValueError, "http:///hooks"),
    (ValueError, "http://localhost:port/hooks"),
    (ValueError, "http://localhost:70000/hooks"),
    (ValueError, "http://[::1/hooks"),
    (TypeError, None),
    (TypeError, 8000),
    (TypeError, b"http://localhost/"),
]


@pytest.mark.parametrize(("error", "target"), BAD)
def test_no_target(fake: FakeClerk, error: type[Exception], target: Any) -> None:
    """What is neither an http URL nor a function is refused at once."""
    with pytest.raises(error, match=r"^target: "):
        fake.send_webhooks_to(target)
    fake.sign_in()
    fake.wait_for_webhooks(0)


def test_url_that_cannot_be_asked(fake: FakeClerk) -> None:
    """A URL that only turns out to be none when it is asked fails as a dead one does."""
    fake.send_webhooks_to("http://127.0.0.1/a b")
    fake.sign_in()
    with pytest.raises(RuntimeError, match="InvalidURL"):
        fake.wait_for_webhooks()


def test_newest_are_kept(fake: FakeClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of messages does not grow without end; every one of them was told."""
    monkeypatch.setattr("clerk_ext.testing.instance.REQUESTS_KEPT", 10)
    told: list[FakeWebhook] = []
    fake.send_webhooks_to(told.append)
    for _ in range(25):
        fake.sign_in()

    assert 25 == len(told)
    assert told[-len(fake.webhooks) :] == fake.webhooks
    assert 9 <= len(fake.webhooks) <= 10


def test_nothing_secret_is_shown(fake: FakeClerk, heard: list[FakeWebhook]) -> None:
    """No repr shows the secret, a signature or whose session it is; type and id are shown."""
    session: FakeSession = fake.sign_in().session
    (webhook,) = heard
    shown: str = repr([fake, webhook, fake.webhooks])
    hidden: list[str] = [fake.webhook_secret, webhook.headers["svix-signature"], session.user.id, session.id]

    assert [] == [secret for secret in hidden if secret in shown]
    assert f"FakeWebhook(type='session.created', id='{webhook.id}')" == repr(webhook)


def test_same_from_run_to_run(clock: Clock) -> None:
    """Two instances of one slug that live through the same tell the same."""

    def told() -> list[FakeWebhook]:
        fake = FakeClerk("acme", clock=clock.time)
        change_much(fake)
        return fake.webhooks

    first, second = told(), told()
    unchanged: Callable[[FakeWebhook], tuple[str, bytes]] = lambda webhook: (webhook.id, webhook.body)  # noqa: E731

    assert [unchanged(webhook) for webhook in first] == [unchanged(webhook) for webhook in second]
