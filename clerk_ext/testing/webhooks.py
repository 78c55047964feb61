"""Session events as webhooks: what an instance tells an application, signed as Svix signs (Clerk docs, "Webhooks")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .records import FakeSession

Event: TypeAlias = Literal["session.created", "session.pending", "session.ended", "session.removed", "session.revoked"]

BY_STATUS: Final[Mapping[str, Event]] = {
    "pending": "session.pending",
    "ended": "session.ended",
    "removed": "session.removed",
    "revoked": "session.revoked",
}
"""The event that tells of a status; of the others Clerk tells nothing."""

_PREFIX: Final = "whsec_"
_PATIENCE: Final = 15.0


@attrs.frozen
class FakeWebhook:
    """A message to an application.

    Attributes:
        type: The event.
        id: ``msg_…``, the same for each attempt to deliver it.
        body: What is sent, as it is signed.
        headers: ``svix-id``, ``svix-timestamp``, ``svix-signature`` and the content type.
    """

    type: Event
    id: str
    body: bytes = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(repr=False)

    def json(self) -> dict[str, Any]:
        """Return the body as JSON."""
        content: dict[str, Any] = json.loads(self.body)
        return content


Target: TypeAlias = "str | Callable[[FakeWebhook], object]"


def secret_of(*seed: str) -> str:
    """Return a signing secret, ``whsec_…``; the same for the same seed."""
    return _PREFIX + base64.b64encode(hashlib.sha256(":".join(seed).encode()).digest()[:24]).decode()


def message(
    event: Event, session: FakeSession, *, instance_id: str, message_id: str, now: float, secret: str
) -> FakeWebhook:
    """Return the message that tells of *event*.

    Args:
        event: What happened.
        session: To which session.
        instance_id: At which instance.
        message_id: ``msg_…``.
        now: Unix seconds.
        secret: What signs it, ``whsec_…``.
    """
    user = {"object": "user", "id": session.user.id}
    envelope = {
        "object": "event",
        "type": event,
        "data": {**session.to_json(), "user": user},
        "timestamp": int(now * 1000),
        "instance_id": instance_id,
        "event_attributes": {"http_request": {"client_ip": "192.0.2.10", "user_agent": "fake"}},
    }
    body = json.dumps(envelope, separators=(",", ":")).encode()
    timestamp = str(int(now))
    headers = {
        "Content-Type": "application/json",
        "svix-id": message_id,
        "svix-timestamp": timestamp,
        "svix-signature": signature(secret, message_id, timestamp, body),
    }
    return FakeWebhook(event, message_id, body, headers)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the ``svix-signature`` header of a message: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = b".".join([message_id.encode(), timestamp.encode(), body])
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


class Deliveries:
    """Where messages go: functions are called at once, URLs by a thread of their own, one message after the other."""

    def __init__(self) -> None:
        self._targets: list[Target] = []
        self._posts: deque[tuple[str, FakeWebhook]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_delivering = False
        self.failures: list[str] = []

    def add(self, target: Target) -> None:
        """Send every message to *target* from now on.

        Raises:
            TypeError: It is neither a URL nor a function.
            ValueError: It is no http URL.
        """
        if isinstance(target, str):
            if not _is_http_url(target):
                raise ValueError("target: must be an http URL, or a function that takes a FakeWebhook")
        elif not callable(target):
            raise TypeError(f"target: must be a URL or a function, not {type(target).__name__}")
        with self._lock:
            self._targets.append(target)

    def send(self, webhooks: Iterable[FakeWebhook]) -> None:
        """Deliver messages everywhere: whatever a function raises is raised when all have been told."""
        with ExitStack() as stack:
            for webhook in reversed([*webhooks]):
                for target in reversed(self._targets):
                    if callable(target):
                        stack.callback(target, webhook)
                    else:
                        stack.callback(self._post, target, webhook)

    def _post(self, url: str, webhook: FakeWebhook) -> None:
        with self._lock:
            self._posts.append((url, webhook))
            if not self._is_delivering:
                self._thread = threading.Thread(target=self._deliver, name="fake-clerk-webhooks", daemon=True)
                self._thread.start()
                self._is_delivering = True

    def _deliver(self) -> None:
        """Work off what there is, then end: an instance whose test is over leaves no thread."""
        while True:
            with self._lock:
                if not self._posts:
                    self._is_delivering = False
                    return
                url, webhook = self._posts.popleft()
            failure = _attempt(url, webhook)
            if failure is not None:
                self.failures.append(f"{webhook.type} to {url}: {failure}")

    def wait(self, timeout: float) -> bool:
        """Wait until all is delivered or has failed; whether it is."""
        with self._lock:
            thread = self._thread
        if thread is None:
            return True
        thread.join(timeout)
        return not thread.is_alive()


def _is_http_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an address that is none
        return False


def _attempt(url: str, webhook: FakeWebhook) -> str | None:
    """Send a message, and return why it is not delivered, if it is not.

    It goes straight there, past any proxy, and follows no redirect, as Svix follows none: an application that wants
    a sign-in first has not taken it.
    """
    parts = urlsplit(url)
    make = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = make(parts.hostname or "", parts.port, timeout=_PATIENCE)
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request("POST", target, webhook.body, dict(webhook.headers))
            status = connection.getresponse().status
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as failure:
        return f"{type(failure).__name__}: {failure}"
    return None if 200 <= status <= 299 else f"the answer was {status}"
