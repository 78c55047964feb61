"""The refresh operation: an expired session token and the browser's refresh cookie for a fresh session token.

A body of the wrong shape is a 400; every other refusal is a 401, each with the code that Clerk has for it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from .exchange import FaultError
from .tokens import SESSION_CATEGORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .instance import FakeClerk

OLDEST_TOKEN: Final = 7 * 86_400
"""Seconds since its issue after which a token is too old to be traded. Clerk's own bound is not published."""

_ORIGIN: Final = re.compile(r"https?://[^\s/?#@]+")
_REQUIRED: Final = ("expired_token", "refresh_token", "request_origin")
_KNOWN: Final = frozenset({*_REQUIRED, "request_headers", "format", "request_originating_ip"})


def refresh(fake: FakeClerk, session_id: str, body: Mapping[str, Any], suffixed: bool) -> object:
    """Trade an expired token; each can be traded once.

    Args:
        fake: The instance.
        session_id: The session that the request names.
        body: The request's body.
        suffixed: Whether the cookie is wanted under its suffixed name too.

    Raises:
        FaultError: The request is refused.
    """
    _check_shape(body)
    token, origin = body["expired_token"], body["request_origin"]
    if not _ORIGIN.fullmatch(origin):
        raise _refusal("refresh_request_origin_invalid", "request_origin is no web origin")
    header, claims = _open(fake, token)
    _check_token(fake, header, claims, session_id, origin)
    session = fake.find_session(session_id)
    if session is None:
        raise _refusal("session_refresh_session_not_found", "no session has this id")
    if not session.is_live:
        raise _refusal("session_refresh_inactive_session", "the session is over")
    if session.user.id != claims.get("sub"):
        raise _refusal("session_refresh_user_not_found", "the session has no such user")
    if body["refresh_token"] != fake.refresh_token(session):
        raise _refusal("refresh_token_not_found", "the session has no such refresh token")
    if not fake.consume(token):
        raise _refusal("session_refresh_expired_session_token_consumed", "the expired token was traded before")
    jwt = fake.session_token(session, version=2 if claims.get("v") == 2 else 1, azp=origin)
    if body.get("format") != "cookie":
        return {"object": "token", "jwt": jwt}
    names = ["__session", f"__session_{cookie_suffix(fake.publishable_key)}"]
    attributes = "Path=/; Max-Age=31536000; Secure; SameSite=Lax"
    return {
        "object": "cookies",
        "cookies": [f"{name}={jwt}; {attributes}" for name in (names if suffixed else names[:1])],
    }


def cookie_suffix(publishable_key: str) -> str:
    """Return what Clerk appends to the names of the cookies of this instance."""
    digest = hashlib.sha1(publishable_key.encode(), usedforsecurity=False).digest()
    return base64.urlsafe_b64encode(digest)[:8].decode("ascii")


def _check_shape(body: Mapping[str, Any]) -> None:
    if unknown := sorted(set(body) - _KNOWN):
        raise _malformed(unknown[0], "is not a field of this request")
    for field in _REQUIRED:
        if not isinstance(body.get(field), str):
            raise _malformed(field, "must be a string, and present")
    if body.get("format") not in (None, "token", "cookie"):
        raise _malformed("format", "must be token or cookie")
    if not isinstance(body.get("request_headers"), dict | None):
        raise _malformed("request_headers", "must be an object")
    if not isinstance(body.get("request_originating_ip"), str | None):
        raise _malformed("request_originating_ip", "must be a string")


def _open(fake: FakeClerk, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token that the instance signed, whatever its age."""
    parts = token.split(".")
    try:
        header, claims = (json.loads(_octets(part)) for part in parts[:2])
        signature = _octets(parts[2])
    except (ValueError, IndexError, RecursionError):
        header, claims, signature = None, None, b""
    if len(parts) != 3 or not isinstance(header, dict) or not isinstance(claims, dict):
        raise _refusal("expired_session_token_invalid", "expired_token is no token")
    if not fake.signed(token.rpartition(".")[0].encode("ascii"), signature):
        raise _refusal("expired_session_token_invalid", "expired_token is not signed by this instance")
    return cast(dict[str, Any], header), cast(dict[str, Any], claims)


def _check_token(
    fake: FakeClerk, header: Mapping[str, Any], claims: Mapping[str, Any], session_id: str, origin: str
) -> None:
    """Check what the token says of itself against the request."""
    if header.get("cat", SESSION_CATEGORY) != SESSION_CATEGORY:
        raise _refusal("session_refresh_session_token_ineligible", "expired_token is no session token")
    if "azp" not in claims:
        raise _refusal("expired_session_token_missing_azp", "expired_token has no azp")
    if claims["azp"] != origin:
        raise _refusal("refresh_request_origin_azp_mismatch", "request_origin is not the token's azp")
    if "sid" not in claims:
        raise _refusal("expired_session_token_missing_sid", "expired_token has no sid")
    if claims["sid"] != session_id:
        raise _refusal("refresh_sid_mismatch", "expired_token is of another session")
    if "iat" not in claims:
        raise _refusal("session_refresh_expired_session_token_missing_iat", "expired_token has no iat")
    if not _is_number(claims["iat"]):
        raise _refusal("session_refresh_cannot_determine_session_token_age", "expired_token has an iat of no use")
    if fake.clock() - claims["iat"] > OLDEST_TOKEN:
        raise _refusal("session_refresh_expired_session_token_too_old", "expired_token is too old")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _octets(segment: str) -> bytes:
    """Decode a base64url segment; ValueError if it is none (RFC 7515, section 2: no padding)."""
    return base64.b64decode(segment + "=" * (-len(segment) % 4), b"-_", validate=True)


def _malformed(param: str, rule: str) -> FaultError:
    return FaultError(400, "request_body_invalid", f"{param} {rule}", param=param)


def _refusal(code: str, message: str) -> FaultError:
    return FaultError(401, code, message)
