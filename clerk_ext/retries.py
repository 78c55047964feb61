"""When to send a request again: pure, and the same for both worlds."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRANSIENT = frozenset({500, 502, 503, 504})
_TOO_MANY_REQUESTS = 429
_FAR = 1e9  # what no server means, yet a number that can be waited for
# The three forms of RFC 9110 5.6.7, and nothing else of what a reader of human dates would understand.
_HTTP_DATE = (
    r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT"
    r"|[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
)


@attrs.frozen
class RetryPolicy:
    """How often and how long to try.

    Attributes:
        tries: The most requests for one call.
        total: Seconds after the first try beyond which no other is begun.
        first: Seconds before the second try where the answer does not say; doubles each time.
    """

    tries: int = 3
    total: float = 10.0
    first: float = 0.25

    def delay(
        self,
        *,
        method: str,
        status_code: int | None,
        retry_after: float | None,
        attempt: int,
        spent: float,
        jitter: float,
    ) -> float | None:
        """Seconds to wait before trying again, or None to give up.

        A GET is repeated when the connection or the server failed; any method on 429, which Clerk answers before it
        does anything. A longer wait than the budget allows is for the caller to decide on: the error tells it.

        Args:
            method: The HTTP method.
            status_code: The status of the answer; None when no whole answer came.
            retry_after: Seconds that the answer asks to wait, if it does.
            attempt: The number of the try that failed, from 1.
            spent: Seconds since the first try began.
            jitter: A random number, 0 to 1: callers that failed together do not come back together.
        """
        transient = status_code is None or status_code in _TRANSIENT
        if attempt >= self.tries or not (status_code == _TOO_MANY_REQUESTS or (method == "GET" and transient)):
            return None
        backoff = self.first * 2.0 ** (attempt - 1) * (0.5 + jitter / 2)
        wait = backoff if retry_after is None else retry_after
        return wait if spent + wait <= self.total else None


WHERE_SAFE = RetryPolicy()
"""For everything that may be repeated."""
NEVER = RetryPolicy(tries=1)
"""For what Clerk accepts once only: each expired token refreshes a single time."""


def retry_after_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Read ``Retry-After``: whole seconds or an HTTP date (RFC 9110 10.2.3).

    Args:
        headers: The answer's headers, case-insensitive.
        now: Unix seconds.

    Returns:
        Seconds from now, never negative; None where the header is absent or says neither.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _FAR)
    if not re.fullmatch(_HTTP_DATE, value, re.ASCII):
        return None
    from dateutil import parser

    try:
        moment = parser.parse(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return min(max(0.0, moment.timestamp() - now), _FAR)
    except (ValueError, OverflowError):
        return None
