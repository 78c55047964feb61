"""What the work is done on: a token, its key, and sessions as the API gives them."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any, Final

import attrs

from benchmarks.caller import SESSION_ID
from clerk_ext.testing import SigningKey
from clerk_ext.tokens.token import MAX_HEADER_BRACKETS, MAX_HEADER_COMMAS, MAX_HEADER_LENGTH

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

ISSUER: Final = "https://bench.clerk.accounts.dev"
PARTY: Final = "https://app.example.com"
KID: Final = "ins_2bench0123456789a"
UNKNOWN_KID: Final = "ins_2bench9876543210z"
PAGE_SIZE: Final = 500
_LIFETIME: Final = 3600


def base64url(raw: bytes) -> str:
    """Encode *raw* without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@attrs.frozen
class Mint:
    """An instance's signing key, and what can be signed with it.

    The plain token is of version 2 with an organisation, good for an hour.
    """

    key: SigningKey = attrs.field(factory=SigningKey.generate)
    now: int = attrs.field(factory=lambda: int(time.time()))

    def token(
        self, number: int = 0, *, header: bytes | None = None, lifetime: int = _LIFETIME, issuer: str = ISSUER
    ) -> bytes:
        """Sign a token: another for each *number*, with *header* if given, expired if *lifetime* is negative."""
        issued = self.now + min(0, 2 * lifetime)
        claims = {
            "azp": PARTY,
            "exp": issued + abs(lifetime),
            "fea": "o:invoices",
            "fva": [4, -1],
            "iat": issued,
            "iss": issuer,
            "jti": f"{number:020x}",
            "nbf": issued - 10,
            "o": {"fpm": "1", "id": "org_2bench0123456789abcdefghijk", "per": "read", "rol": "manager"},
            "pla": "o:pro",
            "sid": SESSION_ID,
            "sts": "active",
            "sub": "user_2bench0123456789abcdefghijk",
            "v": 2,
        }
        signed = f"{base64url(header or header_of(KID))}.{base64url(_compact(claims))}"
        return f"{signed}.{base64url(self.key.sign(signed.encode()))}".encode()

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as the instance's key set has it."""
        return self.key.public_jwk(KID)

    @property
    def public_key(self) -> RSAPublicKey:
        """The same, ready to verify."""
        return self.key.private_key.public_key()

    def jwks(self, keys: int = 1) -> bytes:
        """A key set of this many keys as a server gives it, the one that signs last; the others share one material."""
        others = SigningKey.generate() if keys > 1 else None
        entries = [others.public_jwk(f"{KID}{number}") for number in range(keys - 1)] if others else []
        return _compact({"keys": [*entries, self.jwk]})


def header_of(kid: str, **more: object) -> bytes:
    """A header as Clerk writes it, with *more* members."""
    return _compact({"alg": "RS256", "kid": kid, "typ": "JWT", **more})


def greatest_headers() -> dict[str, bytes]:
    """Headers as large as one may be, or as full, each of another make; all name a key that the instance has not."""
    opening = header_of(UNKNOWN_KID)[:-1].decode() + ',"x":'
    spare = MAX_HEADER_LENGTH * 3 // 4 - len(opening) - 1
    nested, members = MAX_HEADER_BRACKETS - 1, MAX_HEADER_COMMAS - 3
    each = spare // members
    values = {
        "nested objects": '{"a":' * nested + f'"{"x" * (spare - 6 * nested - 2)}"' + "}" * nested,
        "many members": "{" + ",".join(f'"{number:02d}":"{"x" * (each - 8)}"' for number in range(members)) + "}",
        "a long string": '"' + '\\"' * (spare // 2 - 1) + '"',
        "a long number": "9" * spare,
        "many numbers": "[" + ",".join(["1." + "9" * (each - 4)] * members) + "]",
    }
    headers = {make: f"{opening}{value}}}".encode() for make, value in values.items()}
    assert all(0.9 * MAX_HEADER_LENGTH < len(base64url(header)) <= MAX_HEADER_LENGTH for header in headers.values())
    return headers


def forged(token: bytes) -> bytes:
    """The same token with another signature, well-formed."""
    signed, _, segment = token.rpartition(b".")
    signature = base64.urlsafe_b64decode(segment + b"==")
    return signed + b"." + base64url(bytes([signature[0] ^ 1]) + signature[1:]).encode()


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
    token, page = len(Mint().token()), len(page_of_sessions(unknown=False))
    return f"The token has {token} characters, a session {len(one_session())} bytes, the page {page:,} bytes."
