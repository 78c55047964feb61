"""Session events as webhooks: what an instance tells an application, signed as Svix signs (Clerk docs, "Webhooks")."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import queue
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
        self._posts: queue.SimpleQueue[tuple[str, FakeWebhook]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._idle = threading.Condition()
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self.failures: list[str] = []

    def add(self, target: Target) -> None:
        """Send every message to *target* from now on.

        Raises:
            TypeError: It is neither a URL nor a function.
            ValueError: It is no http URL.
        """
        if isinstance(target, str):
            if not target.startswith(("http://", "https://")):
                raise ValueError("target: must be an http URL, or a function that takes a FakeWebhook")
        elif not callable(target):
            raise TypeError(f"target: must be a URL or a function, not {type(target).__name__}")
        with self._lock:
            self._targets.append(target)

    def __bool__(self) -> bool:
        return bool(self._targets)

    def send(self, webhook: FakeWebhook) -> None:
        """Deliver a message everywhere."""
        for target in list(self._targets):
            if callable(target):
                target(webhook)
            else:
                self._post(target, webhook)

    def _post(self, url: str, webhook: FakeWebhook) -> None:
        with self._idle:
            self._waiting += 1
        self._posts.put((url, webhook))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._deliver, name="fake-clerk-webhooks", daemon=True)
                self._thread.start()

    def _deliver(self) -> None:
        while True:
            url, webhook = self._posts.get()
            request = urllib.request.Request(url, webhook.body, dict(webhook.headers), method="POST")  # noqa: S310
            try:
                with urllib.request.urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310 - http, as checked
                    answer.read()
            except (OSError, urllib.error.URLError) as failure:  # a status of 400 and more is one, too
                self.failures.append(f"{webhook.type} to {url}: {failure}")
            with self._idle:
                self._waiting -= 1
                self._idle.notify_all()

    def wait(self, timeout: float) -> bool:
        """Wait until all is delivered or has failed; whether it is."""
        with self._idle:
            return self._idle.wait_for(lambda: self._waiting == 0, timeout)
