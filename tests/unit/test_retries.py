"""When a request is sent again, and what ``Retry-After`` says."""

from __future__ import annotations

import datetime as dt
import math
import time
from email.utils import format_datetime
from typing import Final

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext.retries import NEVER, WHERE_SAFE, RetryPolicy, retry_after_seconds

NOW: Final = 1_767_225_600.0  # Thu, 01 Jan 2026 00:00:00 GMT


@pytest.mark.parametrize(
    ("method", "status", "retry_after", "attempt", "spent", "expected"),
    [
        # A GET is repeated when the connection or the server failed.
        ("GET", None, None, 1, 0.0, 0.25),
        ("GET", 500, None, 1, 0.0, 0.25),
        ("GET", 502, None, 1, 0.0, 0.25),
        ("GET", 503, None, 1, 0.0, 0.25),
        ("GET", 504, None, 1, 0.0, 0.25),
        # Not when it was answered.
        ("GET", 400, None, 1, 0.0, None),
        ("GET", 401, None, 1, 0.0, None),
        ("GET", 404, None, 1, 0.0, None),
        ("GET", 422, None, 1, 0.0, None),
        ("GET", 501, None, 1, 0.0, None),
        # Anything else may have had its effect.
        ("POST", None, None, 1, 0.0, None),
        ("POST", 500, None, 1, 0.0, None),
        ("POST", 503, 1.0, 1, 0.0, None),
        # Except on 429, which Clerk answers before it does anything.
        ("GET", 429, None, 1, 0.0, 0.25),
        ("POST", 429, None, 1, 0.0, 0.25),
        ("POST", 429, 2.0, 1, 0.0, 2.0),
        # The wait doubles, and ends after three tries.
        ("GET", 500, None, 2, 0.0, 0.5),
        ("GET", 500, None, 3, 0.0, None),
        ("POST", 429, 1.0, 3, 0.0, None),
        # What the answer asks for is honoured, however short.
        ("GET", 503, 3.0, 1, 0.0, 3.0),
        ("GET", 503, 0.0, 2, 0.0, 0.0),
        # Ten seconds in all.
        ("GET", 500, None, 1, 9.75, 0.25),
        ("GET", 500, None, 1, 9.76, None),
        ("GET", 429, 10.0, 1, 0.0, 10.0),
        ("GET", 429, 10.1, 1, 0.0, None),
        ("GET", 429, 6.0, 2, 5.0, None),
        ("GET", None, None, 2, 30.0, None),
    ],
)
def test_delay(
    method: str, status: int | None, retry_after: float | None, attempt: int, spent: float, expected: float | None
) -> None:
    """(method, status, Retry-After, try, seconds spent) gives the wait before the next try, or None."""
    delay = WHERE_SAFE.delay(
        method=method, status_code=status, retry_after=retry_after, attempt=attempt, spent=spent, jitter=1.0
    )

    assert expected == delay


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 0.125), (0.5, 0.1875), (1.0, 0.25)])
def test_jitter_spreads_the_backoff(jitter: float, expected: float) -> None:
    """Callers that failed together come back between half of the wait and all of it."""
    delay = WHERE_SAFE.delay(method="GET", status_code=500, retry_after=None, attempt=1, spent=0.0, jitter=jitter)

    assert expected == delay


@pytest.mark.parametrize("jitter", [0.0, 1.0])
def test_jitter_never_shortens_what_was_asked(jitter: float) -> None:
    """A server that asks for 2 s gets 2 s."""
    delay = WHERE_SAFE.delay(method="GET", status_code=429, retry_after=2.0, attempt=1, spent=0.0, jitter=jitter)

    assert 2.0 == delay


@pytest.mark.parametrize("status", [None, 429, 500])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_never(method: str, status: int | None) -> None:
    """What Clerk accepts once only is never sent again, not even when it asks to."""
    delay = NEVER.delay(method=method, status_code=status, retry_after=1.0, attempt=1, spent=0.0, jitter=1.0)

    assert None is delay


@given(
    tries=st.integers(1, 10),
    total=st.floats(0, 100),
    answers=st.lists(st.none() | st.floats(0, 200), min_size=10, max_size=10),
    jitter=st.floats(0, 1),
)
def test_tries_and_time_are_bounded(tries: int, total: float, answers: list[float | None], jitter: float) -> None:
    """However the server answers, no more than `tries` are begun, none of them later than `total` seconds."""
    policy = RetryPolicy(tries=tries, total=total)
    begun, spent = 1, 0.0
    for retry_after in answers:
        delay = policy.delay(
            method="GET", status_code=429, retry_after=retry_after, attempt=begun, spent=spent, jitter=jitter
        )
        if delay is None:
            break
        begun, spent = begun + 1, spent + delay

        assert 0.0 <= delay
    assert begun <= tries
    assert spent <= total


def asked(value: str, now: float = NOW) -> float | None:
    """What a Retry-After of this value asks for."""
    return retry_after_seconds({"Retry-After": value}, now)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("1", 1.0), ("120", 120.0), (" 5 ", 5.0), ("007", 7.0), ("9" * 30, 1e9), ("9" * 5000, 1e9)],
)
def test_seconds(value: str, seconds: float) -> None:
    """Whole seconds are what they are; what nobody could wait for is a great number, but a number."""
    assert seconds == asked(value)


@pytest.mark.parametrize(
    "value",
    ["Thu, 01 Jan 2026 00:01:30 GMT", "Thursday, 01-Jan-26 00:01:30 GMT", "Thu Jan  1 00:01:30 2026"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_the_three_forms_of_http_dates(value: str) -> None:
    """Each form of RFC 9110 5.6.7 is read, in GMT."""
    assert 90.0 == asked(value)
    assert 0.0 == asked(value, NOW + 90.0)
    assert 0.0 == asked(value, NOW + 1e6)


def test_asctime_with_a_day_of_two_digits() -> None:
    """The C function pads the day with a space only where it has one digit."""
    assert 864_000.0 == asked("Sun Jan 11 00:00:00 2026")


def test_date_that_is_far_away() -> None:
    """A date thousands of years off is as far as a number of seconds may be."""
    assert 1e9 == asked("Fri, 31 Dec 9999 23:59:59 GMT")


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "soon",
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "1 s",
        "5, 10",
        "٣",
        "²",
        "NaN",
        "Infinity",
        "2026-01-01T00:01:30Z",
        "tomorrow",
        "10:00",
        "Jan 2026",
        "Thu, 01 Jan 2026",
        "Thu, 01 Jan 2026 00:01:30",
        "Thu, 01 Jan 2026 00:01:30 PST",
        "Thu, 01 Jan 2026 00:01:30 +0100",
        "Thu, 32 Jan 2026 00:01:30 GMT",
        "Thu, 00 Jan 2026 00:01:30 GMT",
        "Thu, 01 Foo 2026 00:01:30 GMT",
        "Zzz, 01 Jan 2026 00:01:30 GMT",
        "Thu, 01 Jan 2026 25:01:30 GMT",
        "Thu, 01 Jan 2026 00:61:30 GMT",
        "Thu, Jan Jan 00:01:30 GMT",
        "Thursday, 00:01:30 GMT",
        "Thu Feb 30 00:01:30 2026",
    ],
)
def test_nonsense(value: str) -> None:
    """What is neither says nothing."""
    assert None is asked(value)


def test_absent() -> None:
    """No header, no wish."""
    assert None is retry_after_seconds({}, NOW)


def test_header_of_a_response() -> None:
    """The headers of an answer are found in any case."""
    assert 4.0 == retry_after_seconds(httpx.Headers({"retry-AFTER": "4"}), NOW)


@given(seconds=st.integers(0, int(NOW + 1e9)))
def test_every_date_that_python_writes(seconds: int) -> None:
    """Any moment in the form that servers send is read to the second."""
    date = format_datetime(dt.datetime.fromtimestamp(seconds, dt.UTC), usegmt=True)

    assert max(0.0, seconds - NOW) == asked(date)


@given(
    value=st.text()
    | st.from_regex(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", fullmatch=True)
    | st.from_regex(r"[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT", fullmatch=True)
    | st.from_regex(r"[A-Z][a-z]{2} (Jan|Feb|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4}", fullmatch=True),
    now=st.floats(0, 4e9),
)
@example("Mon Jan  0 00:00:00 0001", 0.0)
@example("Mon, 01 Jan 0001 00:00:00 GMT", 0.0)
def test_anything(value: str, now: float) -> None:
    """Nothing that a server may send raises, or gives less than no wait."""
    seconds = asked(value, now)

    assert seconds is None or (seconds >= 0.0 and math.isfinite(seconds))


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone of a process cannot be set on Windows")
def test_date_in_a_process_on_british_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """GMT is GMT even where the local clock is called so in winter and is an hour ahead in summer."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "GMT0BST,M3.5.0/1,M10.5.0")
        time.tzset()
        summer = [asked("Wed, 01 Jul 2026 00:00:00 GMT"), asked("Wed Jul  1 00:00:00 2026")]
    time.tzset()

    assert [181 * 86_400.0] * 2 == summer
