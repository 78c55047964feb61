"""Trouble on command: what a server, or the way to it, does wrong for some requests or for a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

import attrs

from .exchange import FakeResponse

if TYPE_CHECKING:
    from collections.abc import Callable

Operation: TypeAlias = Literal[
    "jwks",
    "sessions.list",
    "sessions.create",
    "sessions.get",
    "sessions.revoke",
    "sessions.refresh",
    "sessions.create_token",
    "sessions.create_token_from_template",
]
"""The names of our client's calls; ``jwks`` is the key set at either API."""

_OPERATIONS: Final = frozenset(get_args(Operation))
_WITHOUT_BODY: Final = (204, 205, 304)
_PROXY_PAGE: Final = b"<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head><body><h1>502</h1></body></html>\n"


@attrs.define(eq=False)
class _Trouble:
    """One thing that goes wrong, as long as it lasts: an answer in place of the instance's, or a change to it."""

    effect: FakeResponse | Callable[[FakeResponse], FakeResponse]
    operation: Operation | None
    left: int | None
    until: float | None


class Troubles:
    """What goes wrong at an instance.

    Each kind takes the same three arguments. What was begun last is met first: a request that it answers gets no
    further, neither to older trouble, which waits for the next one, nor to the instance, where nothing changes.

    Args:
        clock: Gives the instance's time in Unix seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._troubles: list[_Trouble] = []

    def outage(
        self, *, operation: Operation | None = None, times: int | None = None, seconds: float | None = None
    ) -> None:
        """No answer: in-process the connection cannot be made, over HTTP it is closed.

        Args:
            operation: The call that is troubled; any if None.
            times: How many requests; without end if None.
            seconds: How long, by the instance's clock; without end if None.

        Raises:
            ValueError: An argument makes no sense.
        """
        self._begin(FakeResponse(503, ending="none"), operation, times, seconds)

    def latency(
        self,
        delay: float,
        *,
        operation: Operation | None = None,
        times: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Answer after *delay* seconds of real time; the rest as for `outage`."""
        if not 0 <= delay <= 3_600:
            raise ValueError("delay: must be 0 to 3600 seconds")
        self._begin(lambda answer: attrs.evolve(answer, delay=delay), operation, times, seconds)

    def rate_limit(
        self,
        retry_after: int = 1,
        *,
        operation: Operation | None = None,
        times: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Answer 429 with ``Retry-After`` in seconds; the rest as for `outage`."""
        if not isinstance(retry_after, int) or retry_after < 0:
            raise ValueError("retry_after: must be 0 or more, in whole seconds")
        body = _errors("too_many_requests", "Too many requests. Please try again in a bit.")
        answer = FakeResponse(429, {"Content-Type": "application/json", "Retry-After": str(retry_after)}, body)
        self._begin(answer, operation, times, seconds)

    def server_error(
        self,
        status: int = 500,
        *,
        operation: Operation | None = None,
        times: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Answer with a 5xx status and Clerk's body for it; the rest as for `outage`."""
        if not 500 <= status <= 599:
            raise ValueError("status: must be 500 to 599")
        code = "service_unavailable" if status == 503 else "internal_clerk_error"
        answer = FakeResponse(status, {"Content-Type": "application/json"}, _errors(code, "Oops, an error."))
        self._begin(answer, operation, times, seconds)

    def proxy_page(
        self,
        status: int = 502,
        *,
        operation: Operation | None = None,
        times: int | None = None,
        seconds: float | None = None,
    ) -> None:
        """Answer with the HTML of a proxy in between; the rest as for `outage`."""
        if not 200 <= status <= 599 or status in _WITHOUT_BODY:
            raise ValueError("status: must be 200 to 599, and one that comes with a body")
        answer = FakeResponse(status, {"Content-Type": "text/html"}, _PROXY_PAGE)
        self._begin(answer, operation, times, seconds)

    def cut_body(
        self, *, operation: Operation | None = None, times: int | None = None, seconds: float | None = None
    ) -> None:
        """Break off in the middle of the body, when all is done that was asked; the rest as for `outage`."""
        self._begin(lambda answer: attrs.evolve(answer, ending="cut"), operation, times, seconds)

    def mend(self) -> None:
        """End all trouble."""
        with self._lock:
            self._troubles.clear()

    def spoil(self, operation: str | None, answer: Callable[[], FakeResponse]) -> FakeResponse:
        """The answer as it arrives, after whatever troubles it; *answer* makes it, if the request gets so far."""
        changes: list[Callable[[FakeResponse], FakeResponse]] = []
        arrived: FakeResponse | None = None
        for effect in self._met(operation):
            if isinstance(effect, FakeResponse):
                arrived = effect
            else:
                changes.append(effect)
        if not changes and arrived is None:
            return answer()
        arrived = arrived or answer()
        for change in reversed(changes):
            arrived = change(arrived)
        return attrs.evolve(arrived, is_spoilt=True)

    def _met(self, operation: str | None) -> list[FakeResponse | Callable[[FakeResponse], FakeResponse]]:
        """What a request meets on its way, up to the first that answers it."""
        met: list[FakeResponse | Callable[[FakeResponse], FakeResponse]] = []
        with self._lock:
            now = self._clock()
            self._troubles = [it for it in self._troubles if it.left != 0 and (it.until is None or now < it.until)]
            for trouble in reversed(self._troubles):
                if trouble.operation not in (None, operation):
                    continue
                if trouble.left is not None:
                    trouble.left -= 1
                met.append(trouble.effect)
                if isinstance(trouble.effect, FakeResponse):
                    break
        return met

    def _begin(
        self,
        effect: FakeResponse | Callable[[FakeResponse], FakeResponse],
        operation: Operation | None,
        times: int | None,
        seconds: float | None,
    ) -> None:
        if operation is not None and operation not in _OPERATIONS:
            raise ValueError(f"operation: must be one of {', '.join(sorted(_OPERATIONS))}")
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError("times: must be 1 or more, or None for no end")
        if seconds is not None and not seconds > 0:
            raise ValueError("seconds: must be more than 0, or None for no end")
        until = None if seconds is None else self._clock() + seconds
        with self._lock:
            self._troubles.append(_Trouble(effect, operation, times, until))


def _errors(code: str, message: str) -> bytes:
    return f'{{"errors":[{{"message":"{message}","long_message":"{message}","code":"{code}"}}]}}'.encode()
