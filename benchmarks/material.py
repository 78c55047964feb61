"""What the work is done on: a token, its key, and sessions as the API gives them."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.caller import SESSION_ID
from clerk_ext.testing import SigningKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ISSUER: Final = "https://bench.clerk.accounts.dev"
PARTY: Final = "https://app.example.com"
KID: Final = "ins_2bench0123456789a"
PAGE_SIZE: Final = 500
_LIFETIME: Final = 3600


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@attrs.frozen
class SignedToken:
    """A session token of version 2 with an organisation, and the key that signed it.

    Attributes:
        text: The token.
        forged: The same with another signature, well-formed.
        jwk: The public key as the instance's key set has it.
        public_key: The same, ready to verify.
    """

    text: str
    forged: str
    jwk: dict[str, str]
    public_key: RSAPublicKey

    @classmethod
    def mint(cls) -> SignedToken:
        """Mint one that is good for an hour."""
        key = SigningKey.generate()
        now = int(time.time())
        header = {"alg": "RS256", "kid": KID, "typ": "JWT"}
        claims = {
            "azp": PARTY,
            "exp": now + _LIFETIME,
            "fea": "o:invoices",
            "fva": [4, -1],
            "iat": now,
            "iss": ISSUER,
            "jti": "0123456789abcdef0123",
            "nbf": now - 10,
            "o": {"fpm": "1", "id": "org_2bench0123456789abcdefghijk", "per": "read", "rol": "manager"},
            "pla": "o:pro",
            "sid": SESSION_ID,
            "sts": "active",
            "sub": "user_2bench0123456789abcdefghijk",
            "v": 2,
        }
        signed = f"{_base64url(_compact(header))}.{_base64url(_compact(claims))}"
        signature = key.sign(signed.encode())
        forgery = bytes([signature[0] ^ 1]) + signature[1:]
        return cls(
            f"{signed}.{_base64url(signature)}",
            f"{signed}.{_base64url(forgery)}",
            key.public_jwk(KID),
            key.private_key.public_key(),
        )

    def jwks(self) -> bytes:
        """The key set as a server gives it."""
        return _compact({"keys": [self.jwk]})


def session(number: int = 0, *, unknown: bool = False) -> dict[str, Any]:
    """A session as the API gives it, with fields that no model knows if *unknown*."""
    now = 1_767_225_600_000 + number
    more = {"risk_score": 12, "labels": ["a", "b"]} if unknown else {}
    return {
        "object": "session",
        "id": f"{SESSION_ID[:11]}{number:020d}",
        "user_id": "user_2bench0123456789abcdefghijk",
        "client_id": "client_2bench0123456789abcdefgh",
        "status": "active",
        "last_active_at": now,
        "last_active_organization_id": None,
        "actor": None,
        "latest_activity": {
            "object": "session_activity",
            "id": "sess_activity_2bench0123456789abcdef",
            "device_type": "Macintosh",
            "is_mobile": False,
            "browser_name": "Firefox",
            "browser_version": "146.0",
            "ip_address": "203.0.113.7",
            "city": "Porto Santo",
            "country": "Portugal",
            **more,
        },
        "tasks": None,
        "expire_at": now + 604_800_000,
        "abandon_at": now + 2_592_000_000,
        "updated_at": now,
        "created_at": now,
        **more,
    }


def one_session() -> bytes:
    """The body of an answer with one session."""
    return _compact(session())


def page_of_sessions(*, unknown: bool) -> bytes:
    """The body of an answer with a list of sessions."""
    return _compact([session(number, unknown=unknown) for number in range(PAGE_SIZE)])


def sizes() -> str:
    """How large all of it is."""
    token, page = len(SignedToken.mint().text), len(page_of_sessions(unknown=False))
    return f"The token has {token} characters, a session {len(one_session())} bytes, the page {page:,} bytes."
