"""What is done for a token before its signature is checked is bounded: counted in calls and bytes, never in time."""

from __future__ import annotations

import contextlib
import json
import sys
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from clerk_ext import Clerk, Reason, TokenVerificationError
from clerk_ext.testing import FakeTransport

from .bench import Bench, b64, nested, stranger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.worlds import Clock

    from .bench import BenchClerk

LONGEST: Final = 768  # bytes of a header: 1,024 characters
PARSES: Final = "_json_object"
CHECKS: Final = "holds"  # the signature
DECODES: Final = "a2b_base64"


@pytest.fixture
def plain(fake: BenchClerk, bench: Bench, clock: Clock) -> Iterator[Clerk]:
    """A client with its keys at hand, that remembers no token."""
    config = fake.config(clock=clock.time, monotonic=clock.monotonic, token_cache_size=0)
    with Clerk(config, transport=FakeTransport(fake)) as clerk:
        clerk.verify_token(bench.signed())
        yield clerk


def calls(clerk: Clerk, token: str) -> tuple[Reason | None, Counter[str]]:
    """The verdict, and how often each function was called for it, C's included."""
    counted: Counter[str] = Counter()
    reason: Reason | None = None

    def count(frame: FrameType, event: str, called: Any) -> None:
        if event == "call":
            counted[frame.f_code.co_name] += 1
        elif event == "c_call":
            counted[called.__name__] += 1

    sys.setprofile(count)
    try:
        clerk.verify_token(token)
    except TokenVerificationError as refused:
        reason = refused.reason
    finally:
        sys.setprofile(None)
    return reason, counted


def filled(start: bytes, piece: bytes, end: bytes, size: int = LONGEST) -> bytes:
    """*start*, then *piece* as often as it fits into so many bytes, then *end*."""
    return start + piece * ((size - len(start) - len(end)) // len(piece)) + end


# Headers that are as costly as can be and within the limits; none has a kid that the set has.
WITHIN: Final[dict[str, Callable[[int], bytes]]] = {
    "a long string": lambda size: filled(b'{"alg":"RS256","kid":"x","x":"', b"x", b'"}', size),
    "a long string of escapes": lambda size: filled(b'{"alg":"RS256","kid":"x","x":"', b"\\u00e9", b'"}', size),
    "a long string of quotes": lambda size: filled(b'{"alg":"RS256","kid":"x","x":"', b'\\"', b'"}', size),
    "a long name": lambda size: filled(b'{"alg":"RS256","kid":"x","', b"x", b'":1}', size),
    "a long kid": lambda size: filled(b'{"alg":"RS256","kid":"', b"k", b'"}', size),
    "a long number": lambda size: filled(b'{"alg":"RS256","kid":"x","x":', b"9", b"}", size),
    "a long exponent": lambda size: filled(b'{"alg":"RS256","kid":"x","x":1e', b"9", b"}", size),
    "white space": lambda size: filled(b'{"alg":"RS256","kid":"x"', b" ", b"}", size),
}
# Headers beyond the limits of members and nesting.
BEYOND: Final[dict[str, Callable[[int], bytes]]] = {
    "members": lambda size: filled(b'{"alg":"RS256","kid":"x"', b',"x":1', b"}", size),
    "items": lambda size: filled(b'{"alg":"RS256","kid":"x","x":[1', b",1", b"]}", size),
    "commas": lambda size: filled(b"", b",", b"", size),
    "open arrays": lambda size: filled(b'{"alg":"RS256","kid":"x","x":', b"[", b"", size),
    "open objects": lambda size: filled(b"", b'{"x":', b"", size),
    "arrays": lambda size: b'{"alg":"RS256","kid":"x","x":' + nested((size - 30) // 2) + b"}",
}


def with_header(bench: Bench, header: bytes) -> str:
    """A token of this header, signed by nobody."""
    return f"{b64(header)}.{bench.parts()[1]}.{b64(bytes(256))}"


@pytest.mark.parametrize("shape", WITHIN)
def test_greatest_header(plain: Clerk, bench: Bench, shape: str) -> None:
    """The greatest header is parsed once, with as many calls as a small one; the signature is not looked at."""
    reason, few = calls(plain, with_header(bench, WITHIN[shape](100)))
    greatest = WITHIN[shape](LONGEST)
    told, many = calls(plain, with_header(bench, greatest))

    assert LONGEST - 6 < len(greatest) <= LONGEST
    assert (Reason.JWK_KID_MISMATCH,) * 2 == (reason, told)
    assert few == many
    assert (1, 0, 3) == (many[PARSES], many[CHECKS], many[DECODES])


def test_most_members(plain: Clerk, bench: Bench) -> None:
    """As many members, objects and numbers as are allowed add a call each, and no more."""
    base: dict[str, object] = {"alg": "RS256", "kid": "x"}
    objects: list[dict[str, object]] = [{}] * 6
    full: dict[str, object] = {**base, **{f"x{number}": number for number in range(8)}, "y": objects}
    few, many = (calls(plain, with_header(bench, json.dumps(header).encode())) for header in (base, full))

    assert Reason.JWK_KID_MISMATCH == few[0] == many[0]
    assert few[1].total() < many[1].total() <= few[1].total() + 2 * 8 + 2 * 17


@pytest.mark.parametrize("shape", BEYOND)
def test_header_beyond_limits(plain: Clerk, bench: Bench, shape: str) -> None:
    """A header of too many members or brackets is not parsed, and costs the same whatever its size is."""
    told = [calls(plain, with_header(bench, BEYOND[shape](size))) for size in (240, LONGEST)]

    assert [Reason.TOKEN_INVALID] * 2 == [reason for reason, _ in told]
    assert told[0][1] == told[1][1]
    assert (0, 0) == (told[0][1][PARSES], told[0][1][CHECKS])


@pytest.mark.parametrize("shape", [*WITHIN, *BEYOND])
def test_header_too_long(plain: Clerk, bench: Bench, shape: str) -> None:
    """A longer header is not even decoded: with thousands of members, nested by the thousand, or one long text."""
    make = (WITHIN | BEYOND)[shape]
    for size in (LONGEST + 9, 11_000):
        reason, counted = calls(plain, with_header(bench, make(size)))

        assert Reason.TOKEN_TOO_LARGE == reason
        assert (0, 0, 0) == (counted[PARSES], counted[CHECKS], counted[DECODES])


PAYLOADS: Final = {
    "members": filled(b"{", b'"x":1,', b'"y":1}', 11_000),
    "nested": nested(5_500),
    "open": b"[" * 11_000,
    "number": filled(b'{"x":', b"9", b"}", 11_000),
    "string": filled(b'{"x":"', b"\\u00e9", b'"}', 11_000),
}


@pytest.mark.parametrize("shape", PAYLOADS)
def test_payload_of_a_forged_token(plain: Clerk, bench: Bench, shape: str) -> None:
    """The payload of a forged token is decoded and hashed, never parsed, and the signature is checked once."""
    token = bench.fake.sign(bench.header(), PAYLOADS[shape], key=stranger())
    reason, counted = calls(plain, token)
    _, small = calls(plain, bench.fake.sign(bench.header(), b"{}", key=stranger()))

    assert Reason.TOKEN_INVALID_SIGNATURE == reason
    assert small == counted
    assert (1, 1, 3) == (counted[PARSES], counted[CHECKS], counted[DECODES])  # what is parsed is the header


@pytest.mark.parametrize(("rotations", "checks"), [(0, 1), (1, 2), (3, 4), (4, 4), (9, 4)])
def test_signatures_of_one_kid(bench: Bench, clock: Clock, rotations: int, checks: int) -> None:
    """However many keys the set has under a kid, four are tried at most."""
    for _ in range(rotations):
        bench.fake.rotate_key()
    config = bench.fake.config(clock=clock.time, monotonic=clock.monotonic)
    with Clerk(config, transport=FakeTransport(bench.fake)) as clerk:
        clerk.prewarm()
        reason, counted = calls(clerk, bench.token(key=stranger()))

    assert Reason.TOKEN_INVALID_SIGNATURE == reason
    assert checks == counted[CHECKS]


def test_what_is_counted(plain: Clerk, bench: Bench) -> None:
    """A good token shows what the others are compared with: a header and a payload parsed, one signature checked."""
    reason, counted = calls(plain, bench.token())
    _, known = calls(plain, bench.token())

    assert reason is None
    assert (2, 1, 3) == (counted[PARSES], counted[CHECKS], counted[DECODES])
    assert (1, 1, 2) == (known[PARSES], known[CHECKS], known[DECODES])


@pytest.mark.parametrize("character", ["a", ".", "é", "\ud800"])
def test_huge_token(plain: Clerk, character: str) -> None:
    """A token of millions of characters is not copied: its length is all that is looked at."""
    token = character * 5_000_000
    tracemalloc.start()
    try:
        with contextlib.suppress(TokenVerificationError):
            plain.verify_token(token)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert Reason.TOKEN_TOO_LARGE == calls(plain, token)[0]
    assert peak < 50_000


@pytest.mark.parametrize("shape", [*WITHIN, *BEYOND])
def test_memory_for_a_header(plain: Clerk, bench: Bench, shape: str) -> None:
    """The greatest header takes a few times its size."""
    token = with_header(bench, (WITHIN | BEYOND)[shape](LONGEST))
    tracemalloc.start()
    try:
        with contextlib.suppress(TokenVerificationError):
            plain.verify_token(token)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 50_000
