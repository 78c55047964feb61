"""The trust policy, pure: token + key + policy + now -> claims, or a `TokenVerificationError` with its reason.

The order is part of the policy: nothing of the payload is looked at before the signature holds. Each check stands
here once; ``docs/reasons.md`` is the table of them. Every error is raised ``from None``, since the causes (JSON,
base64) would carry pieces of the token into tracebacks.
"""

from __future__ import annotations

import binascii
import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn, cast

import attrs

from clerk_ext.errors import Reason, TokenVerificationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import TypeAlias

    from clerk_ext.tokens.keys import VerificationKey

    Claims: TypeAlias = dict[str, Any]
    KnownHeaders: TypeAlias = Mapping[str, tuple[str | None, str | None]]
    Check: TypeAlias = Callable[[Claims, "Policy", float], None]

MAX_TOKEN_LENGTH = 16_384
# What bounds the work on a header before its signature is known to be good.
MAX_HEADER_LENGTH, MAX_HEADER_COMMAS, MAX_HEADER_BRACKETS = 1_024, 16, 8
MAX_DEPTH = 32
_ROUNDING = 0.001  # seconds; sums of floats differ by less than this at the order in which they are added
MAX_TIME = 253_402_300_799  # 9999-12-31T23:59:59Z, the last second that a datetime can hold

# Clerk's token classes, the header's `cat`.
_CAT_SESSION, _CAT_IGNORE, _CAT_TEMPLATE = "cl_B7d4PD111AAA", "cl_I7d4PD111III", "cl_B7d4PD222AAA"
_ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})

# base64url to base64, with everything else (the padding and the other alphabet included) made undecodable.
_FROM_BASE64URL = bytes(
    byte if chr(byte).isalnum() and byte < 128 else {ord("-"): ord("+"), ord("_"): ord("/")}.get(byte, 0x21)
    for byte in range(256)
)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_a2b = binascii.a2b_base64
_PADDING = (b"", b"", b"==", b"=")
# By length modulo 4, what the last character may be: a group of two or three has 4 or 2 spare bits, which must be zero
# (RFC 7515 2, RFC 4648 3.5); a group of one cannot be.
_LAST = (frozenset(range(256)), frozenset[int](), frozenset(b"AQgw"), frozenset(b"AEIMQUYcgkosw048"))


@attrs.frozen
class Policy:
    """What a token must satisfy beyond its signature.

    Attributes:
        issuers: The values of ``iss`` to accept; None when none is known, and ``iss`` must merely be there.
        authorized_parties: The values of ``azp`` to accept; None for any.
        allow_missing_azp: Accept a token without ``azp`` although parties are configured.
        audience: ``aud`` must name one of these; None: there must be no ``aud`` (RFC 7519 4.1.3).
        clock_skew: Seconds of difference between Clerk's clock and ours to tolerate.
        accept_pending: Accept sessions that have tasks outstanding (``sts`` is ``pending``).
        max_age: The greatest age since ``iat`` in seconds, or None.
    """

    issuers: Collection[str] | None = None
    authorized_parties: Collection[str] | None = None
    allow_missing_azp: bool = False
    audience: Collection[str] | None = None
    clock_skew: float = 5.0
    accept_pending: bool = False
    max_age: float | None = None


@attrs.frozen
class Door:
    """One kind of token that may come in.

    Attributes:
        noun: What the messages call it.
        categories: The values of the header's ``cat`` to accept; an absent one always is.
        checks: The checks of the claims, in order, after the signature.
        unmarked: The same for a token without ``cat``, as older instances mint them.
    """

    noun: str
    categories: frozenset[str]
    checks: tuple[Check, ...]
    unmarked: tuple[Check, ...]


@attrs.define(eq=False, repr=False)
class ParsedToken:
    """A token whose form and header are in order, and whose signature nobody has looked at yet."""

    text: str
    header_segment: str
    header: bytes | None
    """The header's bytes; None where it is known from a verified token."""
    payload: bytes
    signature: bytes
    signed: bytes
    kid: str | None = None
    category: str | None = None


def refuse(reason: Reason, message: str) -> NoReturn:
    """Refuse the token."""
    raise TokenVerificationError(reason, message) from None


def parse(token: object, door: Door, known_headers: KnownHeaders) -> ParsedToken:
    """Check form and header of a compact JWS (RFC 7515 3.1 and 4.1).

    Args:
        token: What the caller got from somewhere; anything but a `str` is refused too.
        door: The kind of token that may come in.
        known_headers: Header segments of tokens that were verified before, with the ``kid`` and ``cat`` in them.

    Raises:
        TokenVerificationError: The token is refused.
    """
    parsed = split(token, known_headers)
    if parsed.header is None:
        if parsed.category is not None and parsed.category not in door.categories:
            _wrong_class(door)
    else:
        header = header_of(parsed)
        for check in HEADER_CHECKS:
            check(header, door)
        parsed.kid, parsed.category = key_and_class(header)
    return parsed


def split(token: object, known_headers: KnownHeaders) -> ParsedToken:
    """Check the form alone, and decode the parts; a header that is known need not be.

    Raises:
        TokenVerificationError: The token is refused.
    """
    if not isinstance(token, str):
        refuse(Reason.TOKEN_INVALID, f"A token is a str; this is of type {type(token).__name__}.")
    if len(token) > MAX_TOKEN_LENGTH:
        refuse(Reason.TOKEN_TOO_LARGE, f"The token is longer than {MAX_TOKEN_LENGTH} characters.")
    if not token.isascii():
        refuse(Reason.TOKEN_INVALID, "The token holds characters outside ASCII.")
    text = token.encode()
    first, last = text.find(b"."), text.rfind(b".")
    if first == last or text.find(b".", first + 1) != last:
        refuse(Reason.TOKEN_INVALID, "The token does not consist of three parts with dots between them.")
    if first > MAX_HEADER_LENGTH:
        refuse(Reason.TOKEN_TOO_LARGE, f"The token's header is longer than {MAX_HEADER_LENGTH} characters.")
    header_segment = token[:first]
    known = known_headers.get(header_segment)
    header = _base64url(text[:first], "header") if known is None else None
    payload = _base64url(text[first + 1 : last], "payload")
    signature = _base64url(text[last + 1 :], "signature")
    kid, category = known or (None, None)
    return ParsedToken(token, header_segment, header, payload, signature, text[:last], kid, category)


def header_of(token: ParsedToken) -> Claims:
    """The header as a JSON object that is small enough to be looked at before the signature is."""
    raw = token.header or b""
    if raw.count(b",") > MAX_HEADER_COMMAS or raw.count(b"[") + raw.count(b"{") > MAX_HEADER_BRACKETS:
        refuse(Reason.TOKEN_INVALID, "The token's header has too many members.")
    return _json_object(raw, "header", _HEADER)


def key_and_class(header: Claims) -> tuple[str | None, str | None]:
    """The ``kid`` and ``cat`` of a header that passed its checks."""
    kid = header.get("kid")
    return (kid if isinstance(kid, str) else None), header.get("cat")


def _crit(header: Claims, _door: Door) -> None:
    if "crit" in header:
        refuse(Reason.TOKEN_INVALID, "The token's header names critical extensions (crit); none is understood.")


def _typ(header: Claims, _door: Door) -> None:
    if "typ" in header and header["typ"] != "JWT":
        if _is_in(header["typ"], _ACCESS_TOKEN_TYPES):
            refuse(Reason.TOKEN_TYPE_MISMATCH, "The token is an OAuth access token (header typ).")
        refuse(Reason.TOKEN_INVALID, "The token's header has a typ other than JWT.")


def _cat(header: Claims, door: Door) -> None:
    if "cat" not in header:
        return
    if not isinstance(header["cat"], str):
        refuse(Reason.TOKEN_TYPE_MISMATCH, "The token's header has a cat that is no string.")
    if header["cat"] not in door.categories:
        _wrong_class(door)


def _alg(header: Claims, _door: Door) -> None:
    if header.get("alg") != "RS256":
        refuse(Reason.TOKEN_INVALID_ALGORITHM, "The token is not signed with RS256 (header alg).")


def _wrong_class(door: Door) -> NoReturn:
    refuse(Reason.TOKEN_TYPE_MISMATCH, f"The token is not a {door.noun} (header cat).")


def signing_key(token: ParsedToken, keys: tuple[VerificationKey, ...]) -> VerificationKey | None:
    """The one of *keys* whose signature the token bears, or None."""
    for key in keys:
        if key.holds(token.signature, token.signed):
            return key
    return None


def claims_of(payload: bytes) -> Claims:
    """The payload as a JSON object (RFC 7519 7.2), for a token whose signature holds."""
    if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH and _is_deeper(payload, MAX_DEPTH):
        refuse(Reason.TOKEN_INVALID, f"The token's payload is nested more than {MAX_DEPTH} levels deep.")
    return _json_object(payload, "payload", _PAYLOAD)


def unverified_claims(token: str) -> Claims | None:
    """What *token* claims, believed by nobody: to choose between tokens, not to accept one. None if unreadable."""
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii() or token.count(".") != 2:
        return None
    try:
        return claims_of(_base64url(token.split(".")[1].encode(), "payload"))
    except TokenVerificationError:
        return None


_ISS = b'"iss"'
_ISSUER = re.compile(rb'"iss"[ \t\r\n]*:[ \t\r\n]*"([!#-\[\]-~]+)"')


def issuer_of(token: ParsedToken) -> str | None:
    """The issuer that *token* names, believed by nobody: to choose whose keys decide. None if it names none."""
    payload = token.payload
    if payload.count(_ISS) == 1 and b"\\" not in payload:
        # As Clerk writes it, wherever it stands: the tenant whose issuer it is looks at the claim itself, too.
        found = _ISSUER.match(payload, payload.find(_ISS))
        if found:
            return found[1].decode()
    try:
        issuer = claims_of(payload).get("iss")
    except TokenVerificationError:
        return None
    return issuer if isinstance(issuer, str) and issuer else None


def claims_our_issuer(token: ParsedToken, policy: Policy) -> bool:
    """Whether the unverified payload names one of our issuers: only to decide if a fetch is worth it."""
    issuer = issuer_of(token)
    return issuer is not None and (policy.issuers is None or issuer in policy.issuers)


def check_claims(claims: Claims, category: str | None, door: Door, policy: Policy, now: float) -> None:
    """Run every check of *door* in order.

    Args:
        claims: The payload of a token whose signature holds.
        category: The ``cat`` of its header, if any.
        door: The kind of token.
        policy: What to demand.
        now: Unix seconds.

    Raises:
        TokenVerificationError: The first check that failed.
    """
    for check in door.unmarked if category is None else door.checks:
        check(claims, policy, now)


def validity(claims: Claims, policy: Policy) -> tuple[float, float]:
    """From when until when, in Unix seconds, the times of *claims* surely pass: the bounds themselves are left out."""
    skew = policy.clock_skew
    begins = max(claims["iat"], claims.get("nbf", 0)) - skew
    ends = claims["exp"] + skew
    if policy.max_age is not None:
        ends = min(ends, claims["iat"] + policy.max_age + skew)
    return begins + _ROUNDING, ends - _ROUNDING


def _base64url(segment: bytes, part: str) -> bytes:
    """Decode canonical base64url without padding (RFC 7515 2)."""
    size = len(segment) & 3
    if size and segment[-1] not in _LAST[size]:
        refuse(Reason.TOKEN_INVALID, f"The token's {part} is not canonical base64url.")
    try:
        return _a2b(segment.translate(_FROM_BASE64URL) + _PADDING[size], strict_mode=True)
    except binascii.Error:
        refuse(Reason.TOKEN_INVALID, f"The token's {part} is not canonical base64url.")


class _Rejected(ValueError):
    """JSON that we do not take, although `json` would."""


def _unique(pairs: list[tuple[str, Any]]) -> Claims:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Rejected
    return members


def _finite(literal: str) -> float:
    number = float(literal)
    if math.isinf(number):
        raise _Rejected
    return number


def _reject_constant(_: str) -> NoReturn:
    raise _Rejected


def _unread(_: str) -> float:
    return 0.0


class _Json:
    """A JSON reader that takes no member twice, no NaN and no Infinity."""

    def __init__(self, parse_int: Callable[[str], float] | None, parse_float: Callable[[str], float]) -> None:
        decoder = json.JSONDecoder(
            object_pairs_hook=_unique, parse_constant=_reject_constant, parse_int=parse_int, parse_float=parse_float
        )
        self.decode = decoder.decode
        self.scan = cast("Callable[[str, int], tuple[object, int]]", cast("Any", decoder).scan_once)


_PAYLOAD = _Json(parse_int=None, parse_float=_finite)
# No number of a header matters, and reading long ones takes long: quadratic time, for integers.
_HEADER = _Json(parse_int=_unread, parse_float=_unread)


def _json_object(raw: bytes, part: str, reader: _Json) -> Claims:
    """Parse strict JSON (RFC 8259, RFC 8725 3.7): UTF-8 without a byte order mark, one object."""
    try:
        text = raw.decode()
        # decode() looks for white space around the value, in Python, and takes as long as the rest together.
        value, end = reader.scan(text, 0) if text[:1] == "{" else (None, -1)
        if end != len(text):
            value = reader.decode(text)
    except (ValueError, RecursionError, StopIteration):  # StopIteration is how the scanner misses a value
        refuse(Reason.TOKEN_INVALID, f"The token's {part} is not JSON in UTF-8 with each member once.")
    if not isinstance(value, dict):
        refuse(Reason.TOKEN_INVALID, f"The token's {part} is not a JSON object.")
    return cast("Claims", value)


def _is_deeper(raw: bytes, most: int) -> bool:
    """Whether arrays and objects nest more than *most* levels, brackets inside strings left out."""
    # Odd pieces between quotes are string contents; an escaped quote or backslash must not split them.
    outside = b"".join(raw.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    brackets = outside.translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(most):
        if not brackets:
            return False
        left = brackets.replace(b"[]", b"")  # one level, the innermost everywhere
        if len(left) == len(brackets):  # they do not match: no JSON
            return True
        brackets = left
    return bool(brackets)


def _is_in(value: object, allowed: Collection[str]) -> bool:
    return isinstance(value, str) and value in allowed


def _sub(claims: Claims, _policy: Policy, _now: float) -> None:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        refuse(Reason.TOKEN_VERIFICATION_FAILED, "The token names no user (claim sub).")
    if subject.startswith("mch_"):
        refuse(Reason.TOKEN_TYPE_MISMATCH, "The token is a machine's, not a user's (claim sub).")


def _sid(claims: Claims, _policy: Policy, _now: float) -> None:
    session_id = claims.get("sid")
    if not isinstance(session_id, str) or not session_id:
        refuse(
            Reason.TOKEN_INVALID_SESSION_ID,
            "The token names no session (claim sid). A JWT-template token has none: verify_template_token takes it.",
        )


def _no_sid(claims: Claims, _policy: Policy, _now: float) -> None:
    if "sid" in claims:
        refuse(Reason.TOKEN_TYPE_MISMATCH, "The token is a session's (claim sid): verify_token takes it.")


def _iss(claims: Claims, policy: Policy, _now: float) -> None:
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or not issuer:
        refuse(Reason.TOKEN_INVALID_ISSUER, "The token names no issuer (claim iss).")
    if policy.issuers is not None and issuer not in policy.issuers:
        refuse(
            Reason.TOKEN_INVALID_ISSUER,
            "The token was issued by another Clerk instance than the configured one (claim iss).",
        )


def _aud(claims: Claims, policy: Policy, _now: float) -> None:
    if policy.audience is None:
        if "aud" in claims:
            refuse(
                Reason.TOKEN_INVALID_AUDIENCE,
                "The token is meant for an audience (claim aud), and none is configured. If it is yours, set audience.",
            )
        return
    audience = claims.get("aud")
    named = cast("list[object]", audience) if isinstance(audience, list) else [audience]
    if not all(isinstance(name, str) for name in named) or not any(name in policy.audience for name in named):
        refuse(Reason.TOKEN_INVALID_AUDIENCE, "The token is not meant for the configured audience (claim aud).")


def _azp(claims: Claims, policy: Policy, _now: float) -> None:
    if policy.authorized_parties is None or (policy.allow_missing_azp and "azp" not in claims):
        return
    if "azp" not in claims:
        refuse(
            Reason.TOKEN_INVALID_AUTHORIZED_PARTIES,
            "The token names no authorized party (claim azp). If the Backend API minted it, set allow_missing_azp.",
        )
    if not _is_in(claims["azp"], policy.authorized_parties):
        refuse(
            Reason.TOKEN_INVALID_AUTHORIZED_PARTIES,
            "The token was obtained by a party that is not among authorized_parties (claim azp).",
        )


def _times(claims: Claims, policy: Policy, now: float) -> None:
    expires, skew = _seconds(claims.get("exp"), "exp"), policy.clock_skew
    if now - expires >= skew:
        refuse(Reason.TOKEN_EXPIRED, f"The token expired {now - expires:.0f} s ago (claim exp).")
    age = now - _seconds(claims.get("iat"), "iat")
    if -age > skew:
        refuse(
            Reason.TOKEN_IAT_IN_THE_FUTURE,
            f"The token was issued {-age:.0f} s in the future (claim iat). Check this machine's clock.",
        )
    if "nbf" in claims:
        ahead = _seconds(claims["nbf"], "nbf") - now
        if ahead > skew:
            refuse(
                Reason.TOKEN_NOT_ACTIVE_YET,
                f"The token becomes valid in {ahead:.0f} s (claim nbf). Check this machine's clock.",
            )
    if policy.max_age is not None and age > policy.max_age + skew:
        refuse(Reason.TOKEN_TOO_OLD, "The token was issued longer ago than max_age allows (claim iat).")


def _seconds(value: object, name: str) -> float:
    # type() because bool is an int to Python; NaN and infinities never come out of the JSON parser.
    if (type(value) is int or type(value) is float) and 0 <= value <= MAX_TIME:
        return value
    refuse(Reason.TOKEN_VERIFICATION_FAILED, f"The token has no {name} in Unix seconds (claim {name}).")


def _sts(claims: Claims, policy: Policy, _now: float) -> None:
    if "sts" not in claims or claims["sts"] == "active":
        return
    if claims["sts"] != "pending":
        refuse(Reason.SESSION_STATUS_UNKNOWN, "The session's status is neither active nor pending (claim sts).")
    if not policy.accept_pending:
        refuse(
            Reason.SESSION_PENDING,
            "The user has tasks to do before the session is active (claim sts). To let them in, set accept_pending.",
        )


HEADER_CHECKS = (_crit, _typ, _cat, _alg)
_SESSION: tuple[Check, ...] = (_sub, _sid, _iss, _aud, _azp, _times, _sts)
_TEMPLATE: tuple[Check, ...] = (_sub, _iss, _aud, _azp, _times)

SESSION = Door("session token", frozenset({_CAT_SESSION, _CAT_IGNORE}), _SESSION, unmarked=_SESSION)
TEMPLATE = Door("JWT-template token", frozenset({_CAT_TEMPLATE}), _TEMPLATE, unmarked=(_no_sid, *_TEMPLATE))
