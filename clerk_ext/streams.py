"""What outlives the request that opened it: the sign-in of a websocket or an event stream, looked at while it is open.

Clerk's session tokens live for a minute. So an open stream's sign-in is looked at again now and then, and when its
token expires; it ends with it. A websocket goes on for as long as it is given fresh tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING, Any, Final

from clerk_ext.access import SIGNED_IN, VARY, Denial, Requirement
from clerk_ext.errors import Reason, TokenVerificationError, VerificationUnavailable
from clerk_ext.requests import signed_out
from clerk_ext.tokens.claims import SessionClaims, seconds_left
from clerk_ext.visits import AsyncGate, Visit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import TypeAlias

    from clerk_ext.access import FrozenPolicy
    from clerk_ext.carriers import RequestLike
    from clerk_ext.requests import RequestState
    from clerk_ext.visits import Outcome

    Scope: TypeAlias = MutableMapping[str, Any]
    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Send: TypeAlias = Callable[[Message], Awaitable[None]]

RECHECK: Final = 5.0
"""Seconds from one look at an open stream's sign-in to the next."""
CLOSE_CODES: Final = {401: 3000, 403: 3003, 503: 1013}
"""Unauthorized, Forbidden, Try Again Later (registry of RFC 6455 11.7)."""
_OVERTIME: Final = 1.0
_VARY: Final = VARY.encode()
_VARY_FIELDS: Final = frozenset(_VARY.lower().split(b", "))
_ANYBODY: Final = Requirement(impersonation="allow")


class AsyncVisit(Visit):
    """One request's sign-in, looked up when it is first asked for, and once.

    Args:
        gate: What the request passes.
        request: The request, as the client and a resolver of tenants take it.
        writes: Whether it may change something.
    """

    def __init__(self, gate: AsyncGate, request: RequestLike, *, writes: bool) -> None:
        super().__init__(request)
        self.gate: AsyncGate = gate
        self.writes: bool = writes
        self.brought: object = None
        self.is_accepted: bool = False  # of a websocket
        self.on_note: Callable[[], None] | None = None  # whoever watches over a stream wants to know
        self._required: list[Requirement] = []

    def note(self, policy: FrozenPolicy | None, outcome: Outcome) -> None:
        """Remember what was found, and tell who watches."""
        super().note(policy, outcome)
        if self.on_note is not None:
            self.on_note()

    async def state(self, policy: FrozenPolicy | None = None) -> RequestState:
        """Who is signed in, or why nobody is.

        Raises:
            VerificationUnavailable: It cannot be told now. Answer 503.
        """
        return await self.gate.state(self, policy)

    async def require(self, requirement: Requirement = SIGNED_IN) -> SessionClaims | Denial:
        """The claims of a request that may do this, or what to answer."""
        verdict = await self.gate.require(self, requirement, writes=self.writes)
        if isinstance(verdict, SessionClaims) and requirement not in self._required:
            self._required.append(requirement)
        return verdict

    async def maybe(self) -> SessionClaims | Denial | None:
        """The claims of who is signed in, None if nobody is; or what to answer where it cannot be told.

        Or where somebody acts as another user, and may not do so here.
        """
        verdict = await self.require()
        return None if isinstance(verdict, Denial) and verdict.status_code == 401 else verdict

    async def renew(self, token: str) -> RequestState:
        """Go on with a fresh token of the same session, as a client may send it over an open websocket.

        Clerk's session tokens live for a minute; a websocket stays open for as long as it is given new ones.

        Returns:
            What the token came to. Where that is signed out, since it is refused or of another session, nothing
            changes: the websocket ends with the token that it has.

        Raises:
            VerificationUnavailable: It cannot be told now; nothing changes.
            RuntimeError: Nobody was signed in before.
        """
        if self._pretended is not None:
            return self._pretended
        held = self._held()
        if not held:
            raise RuntimeError("renew: nobody is signed in on this connection; let the client open another.")
        fresh: list[tuple[FrozenPolicy | None, RequestState]] = []
        for policy, _, claims in held:
            state = await self.gate.again(token, claims.tenant, policy)
            if state.claims is None:
                return state
            if _whose(state.claims) != _whose(claims):
                return signed_out(claims.tenant, _of_another_session())
            fresh.append((policy, state))
        for policy, state in fresh:
            self.note(policy, state)
        latest = fresh[-1][1]
        if self.granted is not None and latest.claims is not None:
            self.gate.grant(self, latest.claims)
        return latest

    def _held(self) -> list[tuple[FrozenPolicy | None, RequestState, SessionClaims]]:
        """The policies under which somebody is signed in, but for tests' pretence, which does not end."""
        if self._pretended is not None:
            return []
        return [
            (policy, state, state.claims)
            for policy, state in self._outcomes.items()
            if not isinstance(state, VerificationUnavailable) and state.claims is not None
        ]

    async def end(self) -> Denial | None:
        """Look at the sign-in again: what to answer if it does not hold any more, None if it does.

        Where it cannot be told, it holds until the token expires.
        """
        for policy, state, claims in self._held():
            assert state.token is not None
            try:
                fresh = await self.gate.again(state.token, claims.tenant, policy)
            except VerificationUnavailable as outage:
                if seconds_left(claims) <= 0 and self._outcomes.get(policy) is state:
                    return self.gate.unavailable(outage)
                continue
            if self._outcomes.get(policy) is not state:  # it was renewed meanwhile, and will be looked at
                continue
            # Where nobody required anything, nobody was judged, and being signed in is all that can end.
            for requirement in [asked for asked in self._required if asked.policy == policy] or [_ANYBODY]:
                verdict = self.gate.verdict(fresh, requirement, writes=self.writes)
                if isinstance(verdict, Denial):
                    return verdict
        return None

    def seconds_left(self) -> float:
        """Seconds until the token expires; infinity where nobody is signed in."""
        return min((seconds_left(claims) for _, _, claims in self._held()), default=math.inf)


def _of_another_session() -> TokenVerificationError:
    return TokenVerificationError(
        Reason.TOKEN_INVALID_SESSION_ID, "The token is of another session than the one that opened the connection."
    )


def _whose(claims: SessionClaims) -> tuple[str, str, str]:
    return claims.tenant, claims.user_id, claims.session_id


def check_recheck(seconds: object) -> None:
    """Check a setting of that name.

    Raises:
        ValueError: It is no number above 0.
    """
    if type(seconds) not in (int, float) or not 0 < seconds < math.inf:  # type: ignore[operator]
        raise ValueError(f"recheck: write a number of seconds above 0, not {seconds!r}.")


class HasEnded(OSError):
    """What sending raises once the sign-in has ended, as it does once a client has left (ASGI)."""


class Stream:
    """An answer on its way; if it is one that lasts, a task looks at the sign-in again and ends it."""

    def __init__(self, visit: AsyncVisit, receive: Receive, send: Send, recheck: float) -> None:
        self._visit = visit
        self._receive = receive
        self._send = send
        self._noted: asyncio.Event | None = None
        self.has_begun: bool = False
        self._recheck = recheck
        self._watch: asyncio.Task[Denial] | None = None
        self._is_open = False
        self._is_over = False
        self._has_left = False
        self._denial: Denial | None = None
        self._is_ours: bool | None = None
        self._task = asyncio.current_task()
        self._cancelling = 0 if self._task is None else self._task.cancelling()

    async def send_http(self, message: Message) -> None:
        """Send a message of an HTTP answer."""
        self._check()
        self.has_begun = True
        self._has_left = False  # or a middleware alone, or a request around this one, says so
        if message["type"] == "http.response.start":
            message = self._begun(message)
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._close()
        self._watch_over()
        await self._send(message)

    def _begun(self, message: Message) -> Message:
        """The head of an answer, with what the sign-in came to if anybody asked."""
        given = list(message.get("headers", ()))  # any iterable, by ASGI, which may be read once
        message = {**message, "headers": given}
        headers = [(bytes(name).lower(), bytes(value)) for name, value in given]
        self._is_open = any(
            name == b"content-type" and value.lower().startswith(b"text/event-stream") for name, value in headers
        )
        if not self._visit.is_asked:
            return message
        added = [(name.encode(), value.encode()) for name, value in self._visit.headers.items()]
        if added:
            present = {name for name, _ in headers}
            added = [header for header in added if header[0] not in present]
        varies = b",".join(value for name, value in headers if name == b"vary")
        if not _VARY_FIELDS <= {field.strip() for field in varies.lower().split(b",")}:
            added.append((b"vary", _VARY))
        return {**message, "headers": [*given, *added]}

    async def receive_http(self) -> Message:
        """Receive a message of a request."""
        message = await self._receive()
        if message["type"] == "http.disconnect":  # unless it goes on to send, what the endpoint does is not ours to cut
            self._has_left = True
            watch, self._watch = self._watch, None
            if watch is not None:
                watch.cancel()
        return message

    async def send_websocket(self, message: Message) -> None:
        """Send a message of a websocket."""
        if self._denial is not None and message["type"] == "websocket.close":
            return  # it is about to be closed, with a reason
        self._check()
        self.has_begun = True
        if message["type"] == "websocket.accept":
            self._is_open = self._visit.is_accepted = True
        elif message["type"] == "websocket.close":
            self._close()
        await self._send(message)
        self._watch_over()

    async def receive_websocket(self) -> Message:
        """Receive a message of a websocket; once it has ended, that."""
        if self._denial is not None:
            return {"type": "websocket.disconnect", "code": CLOSE_CODES[self._denial.status_code]}
        message = await self._receive()
        if message["type"] == "websocket.disconnect":  # what the endpoint does from now on is not ours to cut
            self._close()
        return message

    def _check(self) -> None:
        if self._denial is not None:
            raise HasEnded("The sign-in has ended.")

    def _close(self) -> None:
        self._is_open = False
        self.forget()

    def _watch_over(self) -> None:
        if not self._is_open or self._is_over or self._has_left or self._watch is not None:
            return
        self._visit.on_note = self._noticed
        self._noted = self._noted or asyncio.Event()
        if self._visit.seconds_left() < math.inf:
            self._watch = asyncio.create_task(self._look_again(), name="clerk-recheck")
            self._watch.add_done_callback(self._cut)

    def _noticed(self) -> None:
        """Somebody asked, or brought a fresh token."""
        if self._noted is not None:
            self._noted.set()
        self._watch_over()

    async def _look_again(self) -> Denial:
        noted = self._noted
        assert noted is not None
        while True:
            left = self._visit.seconds_left()
            # Past its expiry a token is good for as long as the clock skew allows.
            delay = min(self._recheck, left if left > 0 else _OVERTIME)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(noted.wait(), delay)
            noted.clear()
            denial = await self._visit.end()
            if denial is not None:
                return denial

    def _cut(self, watch: asyncio.Task[Denial]) -> None:
        """Cancel the application once the sign-in has ended, or where nobody looks any more."""
        if self._is_over or watch is not self._watch:
            return
        failed = watch.cancelled() or watch.exception() is not None
        if failed:
            asyncio.get_running_loop().call_exception_handler(
                {
                    "message": "clerk_ext: an open stream is ended, since its sign-in cannot be looked at",
                    "exception": asyncio.CancelledError() if watch.cancelled() else watch.exception(),
                }
            )
        if self._is_open and self._task is not None:
            outage = VerificationUnavailable("The sign-in cannot be looked at.")
            self._denial = self._visit.gate.unavailable(outage) if failed else watch.result()
            self._task.cancel()

    def has_cancelled(self) -> bool:
        """Whether the application was cancelled by the watch and nobody else; the same as `asyncio.timeout` does."""
        if self._is_ours is None and self._denial is not None and self._task is not None:
            self._is_ours = self._task.uncancel() <= self._cancelling
        return bool(self._is_ours)

    async def say_goodbye(self) -> None:
        """End what the watch has cancelled: an event stream as if it were complete, so that the browser asks anew."""
        if not self.has_cancelled() or self._denial is None or not self._is_open:
            return
        goodbye: Message = {"type": "http.response.body", "body": b"", "more_body": False}
        if self._visit.is_accepted:
            code = CLOSE_CODES[self._denial.status_code]
            goodbye = {"type": "websocket.close", "code": code, "reason": self._denial.reason}
        with contextlib.suppress(OSError):  # the client has left meanwhile
            await self._send(goodbye)

    def forget(self) -> None:
        """Stop to look."""
        self._is_over = True
        self._visit.on_note = None
        if self._watch is not None:
            self._watch.cancel()
