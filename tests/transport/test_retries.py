"""What is asked again, how often and after how long: pure, and over real HTTP in both worlds."""

from __future__ import annotations

import email.utils
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext import APIConnectionError, APIError, APIResponseError, InternalServerError, RateLimitError
from clerk_ext.pools import AsyncClients, AsyncPool, Clients, Pool
from clerk_ext.retries import NEVER, WHERE_SAFE, RetryPolicy, retry_after_seconds
from clerk_ext.transport import Call, Pause, conversation
from tests.transport.loopback import Loopback, config_at, error_body, reply, session_json

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from clerk_ext import Clerk
    from tests.worlds import Clock, World

NOW = 1_767_225_600.0
"""2026-01-01T00:00:00Z, a Thursday: the time of the `clock` fixture."""
PAST_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"

CALLS: dict[str, tuple[str, Callable[[Clerk], object]]] = {
    "list": ("GET", lambda clerk: clerk.sessions.list()),
    "get": ("GET", lambda clerk: clerk.sessions.get("sess_1")),
    "page": ("GET", lambda clerk: clerk.sessions.page()),
    "iterate": ("GET", lambda clerk: list(clerk.sessions.iterate())),
    "jwks": ("GET", lambda clerk: clerk.jwks()),
    "create": ("POST", lambda clerk: clerk.sessions.create(user_id="user_1")),
    "revoke": ("POST", lambda clerk: clerk.sessions.revoke("sess_1")),
    "create_token": ("POST", lambda clerk: clerk.sessions.create_token("sess_1")),
    "template": ("POST", lambda clerk: clerk.sessions.create_token_from_template("sess_1", "hasura")),
    "refresh": (
        "POST",
        lambda clerk: clerk.sessions.refresh(
            "sess_1", expired_token="eyJ", refresh_token="r", request_origin="https://app.example"
        ),
    ),
}
"""Each operation, its method, and how it is called."""


def tries(world: World, clock: Clock, call: str, *answers: bytes) -> int:
    """How many requests a call makes that is answered so, without waiting in between."""
    with Loopback.script(*answers) as server:
        clerk = world.clerk(config_at(server.url, clock=clock.time, monotonic=clock.monotonic))
        with pytest.raises(APIError):
            CALLS[call][1](clerk)
        return len(server.received)


@pytest.mark.parametrize("retry_after", ["0", PAST_DATE], ids=["seconds", "date"])
@pytest.mark.parametrize("call", CALLS)
def test_too_many_requests(world: World, clock: Clock, call: str, retry_after: str) -> None:
    """429 comes before anything is done, so every call is made three times in all; but refresh once."""
    answer = reply(429, error_body("too_many_requests"), retry_after=retry_after)

    assert (1 if call == "refresh" else 3) == tries(world, clock, call, answer)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("call", CALLS)
def test_server_failure(world: World, clock: Clock, call: str, status: int) -> None:
    """A failed GET is made three times in all; a POST, which may have done its work, once."""
    answer = reply(status, b"<html>", retry_after="0")

    assert (3 if CALLS[call][0] == "GET" else 1) == tries(world, clock, call, answer)


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 408, 409, 410, 422, 425, 501, 505, 529])
@pytest.mark.parametrize("call", ["get", "revoke"])
def test_final_answers(world: World, clock: Clock, call: str, status: int) -> None:
    """What would be answered the same way again is not asked again."""
    answer = reply(status, b"" if status == 204 else b"<html>", retry_after="0")

    assert 1 == tries(world, clock, call, answer)


@pytest.mark.parametrize("call", ["create", "revoke", "create_token", "template", "refresh"])
def test_post_without_whole_answer(world: World, clock: Clock, call: str) -> None:
    """A POST whose answer is lost may have worked, so it is not made again."""
    assert 1 == tries(world, clock, call, reply(200, b"{", length=99))


def test_success_after_failures(world: World, clock: Clock) -> None:
    """The caller sees the answer that came at last; each try is the same request, on the same connection."""
    busy = reply(429, error_body("too_many_requests"), retry_after="0")
    with Loopback.script(busy, busy, reply(200, session_json())) as server:
        clerk = world.clerk(config_at(server.url, clock=clock.time))

        assert "sess_1" == clerk.sessions.create(user_id="user_1").id
    assert [b'{"user_id":"user_1"}'] * 3 == [request.body for request in server.received]
    assert 1 == server.connections
    assert 1 == len({tuple(sorted(request.headers.items())) for request in server.received})


@pytest.mark.parametrize(
    ("retry_after", "expected"),
    [
        ("11", 11.0),
        ("3600", 3600.0),
        ("9" * 400, 1e9),
        ("Thu, 01 Jan 2026 01:00:00 GMT", 3600.0),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_long_wait_is_the_callers(world: World, clock: Clock, status: int, retry_after: str, expected: float) -> None:
    """A wait beyond the budget of ten seconds is not waited: the error comes at once and tells it."""
    with Loopback.script(reply(status, b"", retry_after=retry_after)) as server:
        clerk = world.clerk(config_at(server.url, clock=clock.time, monotonic=clock.monotonic))
        with pytest.raises((RateLimitError, InternalServerError)) as caught:
            clerk.sessions.list()

    assert (status, expected) == (caught.value.status_code, caught.value.retry_after)
    assert 1 == len(server.received)


class Script(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Gives answers in turn, or raises them."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = iter(answers)

    def _next(self) -> httpx.Response:
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._next()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._next()


def text_call(method: str = "GET", retry: RetryPolicy = WHERE_SAFE) -> Call[str]:
    """A call that gives the answer's text."""
    return Call(httpx.Request(method, "https://api.example/v1/x"), lambda response: response.text, retry)


def test_pool_sleeps_as_told(clock: Clock) -> None:
    """The pool waits as long as the answer says, or twice as long each time, less up to half of it at random."""
    slept: list[float] = []
    script = Script(
        httpx.Response(503, headers={"Retry-After": "7"}),
        httpx.ConnectError("no"),
        httpx.Response(200, text="at last"),
    )
    pool = Pool(
        Clients(script),
        clock=clock.time,
        monotonic=clock.monotonic,
        sleep=slept.append,
    )

    assert "at last" == pool.call(text_call())
    assert 7.0 == slept[0]
    assert 0.25 <= slept[1] <= 0.5
    assert 2 == len(slept)
    pool.close()


def test_async_pool_sleeps(clock: Clock, runner: asyncio.Runner) -> None:
    """The async pool goes through the same steps; a wait of no seconds is none."""
    script = Script(httpx.Response(429, headers={"Retry-After": "0"}), httpx.Response(200, text="at last"))
    pool = AsyncPool(
        AsyncClients(script),
        clock=clock.time,
        monotonic=clock.monotonic,
    )

    assert "at last" == runner.run(pool.call(text_call("POST")))
    runner.run(pool.aclose())


def test_conversation(clock: Clock) -> None:
    """A call is: a request, a wait, the same request …, and then the error, whose cause is what httpx raised."""
    call = text_call()
    steps = conversation(call, clock.time, clock.monotonic)
    failures = [httpx.ReadTimeout("one"), httpx.ReadTimeout("two"), httpx.ReadTimeout("three")]
    waits: list[float] = []
    step = next(steps)
    for failure in failures[:2]:
        assert call.request is step
        step = steps.send(failure)
        assert isinstance(step, Pause)
        waits.append(step.seconds)
        clock.advance(step.seconds)
        step = next(steps)
    with pytest.raises(APIConnectionError, match=r"ReadTimeout: three\)$") as caught:
        steps.send(failures[2])

    assert failures[2] is caught.value.__cause__
    assert 0.125 <= waits[0] <= 0.25 <= waits[1] <= 0.5


def test_budget_is_of_all_tries(clock: Clock) -> None:
    """Time that tries take counts: no other is begun ten seconds after the first."""
    steps = conversation(text_call(), clock.time, clock.monotonic)
    next(steps)
    clock.advance(5.0)
    pause = steps.send(httpx.Response(503, headers={"Retry-After": "5"}))
    clock.advance(5.0)

    assert Pause(5.0) == pause
    next(steps)
    with pytest.raises(InternalServerError):
        steps.send(httpx.Response(503, headers={"Retry-After": "1"}))


@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]),
    status=st.none() | st.integers(200, 599),
    retry_after=st.none() | st.floats(0, 1e9),
    attempt=st.integers(1, 5),
    spent=st.floats(0, 100),
    jitter=st.floats(0, 1),
)
def test_policy(
    method: str, status: int | None, retry_after: float | None, attempt: int, spent: float, jitter: float
) -> None:
    """Never after the third try, never past ten seconds, never what is unsafe; else as long as asked."""

    def delay(policy: RetryPolicy) -> float | None:
        return policy.delay(
            method=method, status_code=status, retry_after=retry_after, attempt=attempt, spent=spent, jitter=jitter
        )

    wait = delay(WHERE_SAFE)
    safe = status == 429 or (method == "GET" and status in {None, 500, 502, 503, 504})

    assert delay(NEVER) is None
    if not safe or attempt >= 3 or spent > 10.0:
        assert wait is None
    elif wait is not None:
        assert 0.0 <= wait <= 10.0 - spent + 1e-9
        assert (retry_after is None) or (retry_after == wait)
        assert retry_after is not None or 0.125 <= wait <= 0.5
    else:
        assert spent + (0.5 if retry_after is None else retry_after) > 10.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("000000000120", 120.0),
        ("9999999999", 1e9),
        ("9" * 5000, 1e9),
        ("Thu, 01 Jan 2026 00:02:00 GMT", 120.0),
        ("Thursday, 01-Jan-26 00:02:00 GMT", 120.0),
        ("Thu Jan  1 00:02:00 2026", 120.0),
        ("Wed, 31 Dec 2025 23:59:59 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 1e9),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("²", None),
        ("soon", None),
        ("5 seconds", None),
        ("10:00", None),
        ("2026-01-01", None),
        ("1,2", None),
        ("Thu, 01 Jan 2026 00:02:00 PST", None),
        ("Thu, 01 Jan 2026 00:02:00", None),
        ("Thu, 41 Jan 2026 00:02:00 GMT", None),
        ("Thu, 01 Foo 2026 00:02:00 GMT", None),
        ("Thu, 01 Jan 2026 25:02:00 GMT", None),
    ],
)
def test_retry_after(value: str, expected: float | None) -> None:
    """Whole seconds or one of the three date forms of RFC 9110 5.6.7; anything else says nothing."""
    assert expected == retry_after_seconds({"Retry-After": value}, NOW)


def test_no_retry_after() -> None:
    """An answer without the header asks for nothing."""
    assert retry_after_seconds({}, NOW) is None


@given(st.integers(0, 2_000_000_000))
def test_retry_after_date(moment: int) -> None:
    """A date that a server writes is the time from now till then."""
    value = email.utils.formatdate(moment, usegmt=True)

    assert max(0.0, moment - NOW) == retry_after_seconds({"Retry-After": value}, NOW)


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, [0-9A-Za-z :-]{0,30}( GMT)?", fullmatch=True))
def test_retry_after_of_any_kind(value: str) -> None:
    """Whatever the header says, it is a wait of no negative length, or nothing."""
    wait = retry_after_seconds({"Retry-After": value}, NOW)

    assert wait is None or wait >= 0.0


@given(
    status=st.integers(200, 599),
    body=st.binary(max_size=40)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["errors", "code", "message", "long_message", "meta", "clerk_trace_id", "x"]), inner
            )
        ),
        max_leaves=12,
    ),
)
def test_any_answer(status: int, body: Any) -> None:
    """Any status with any body is an answer or an `APIError` that has the status."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    steps = conversation(text_call("POST", NEVER), lambda: NOW, lambda: 0.0)
    next(steps)
    with pytest.raises((StopIteration, APIError)) as caught:
        steps.send(httpx.Response(status, content=content))

    if status == 200:
        assert isinstance(caught.value, StopIteration)
    else:
        assert isinstance(caught.value, APIError)
        assert status == getattr(caught.value, "status_code", None)
        assert (status < 400) == isinstance(caught.value, APIResponseError)
