"""From a JWKS or a PEM to keys that verify: the only place where jwcrypto works.

Pure: bytes in, keys out. What cannot verify a Clerk token (private, symmetric, foreign, malformed entries) is
skipped and counted, so that a strange entry never takes the good ones down.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, cast

import attrs
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_JWKS_BYTES = 65_536
MAX_JWKS_KEYS = 32
MAX_KEYS_PER_KID = 4
MIN_BITS, MAX_BITS = 2048, 8192

# RFC 7518 6.3.2 and 6.4: members that only private and symmetric keys have.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
# RFC 7518 2: base64url without padding.
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+\Z")
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----\s*\Z", re.DOTALL)

_PADDING = PKCS1v15()
_HASH = SHA256()


class UnusableKeys(Exception):
    """The bytes give no key that could verify a token; the message says why, without showing them."""


@attrs.frozen(eq=False, repr=False, weakref_slot=False)  # there may be tens of thousands
class VerificationKey:
    """An RSA public key ready to verify RS256 (RFC 7518 3.3).

    Attributes:
        thumbprint: RFC 7638 SHA-256 thumbprint: the identity of the key material, whatever its ``kid``.
        public_key: The key object of `cryptography`.
    """

    thumbprint: str
    public_key: RSAPublicKey

    def holds(self, signature: bytes, signed: bytes) -> bool:
        """Whether *signature* is this key's RS256 signature of *signed*."""
        try:
            self.public_key.verify(signature, signed, _PADDING, _HASH)
        except InvalidSignature:
            return False
        return True

    def __reduce__(self) -> tuple[Callable[[str, bytes], VerificationKey], tuple[str, bytes]]:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        # cryptography's keys refuse to be pickled; a config with a jwt_key goes to other processes all the same.
        return _from_der, (self.thumbprint, self.public_key.public_bytes(Encoding.DER, PublicFormat.PKCS1))

    def __repr__(self) -> str:
        return f"VerificationKey(thumbprint={self.thumbprint[:8]!r}…)"


@attrs.frozen
class KeySet:
    """The usable keys of one JWKS.

    Attributes:
        by_kid: ``kid`` to the keys under it, at most `MAX_KEYS_PER_KID` each, in the order of the set.
        skipped: How many entries of the set could not be used.
    """

    by_kid: Mapping[str, tuple[VerificationKey, ...]]
    skipped: int = 0


def parse_jwks(body: bytes) -> KeySet:
    """Read a JWKS (RFC 7517 5) as Clerk serves it.

    Args:
        body: The bytes of the answer, at most `MAX_JWKS_BYTES`.

    Raises:
        UnusableKeys: Not a JSON object with a ``keys`` array, too large, or without a single usable key.
    """
    if len(body) > MAX_JWKS_BYTES:
        raise UnusableKeys(f"the JWKS is larger than {MAX_JWKS_BYTES} bytes")
    document: object
    try:
        # No number matters here, and one of more digits than int() takes must not cost us the whole set.
        document = json.loads(body, parse_int=float)
    except (ValueError, RecursionError):
        raise UnusableKeys("the JWKS is not JSON") from None
    entries = cast("dict[str, object]", document).get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise UnusableKeys('the JWKS is not a JSON object with a "keys" array')
    entries = cast("list[object]", entries)
    if len(entries) > MAX_JWKS_KEYS:
        raise UnusableKeys(f"the JWKS holds more than {MAX_JWKS_KEYS} keys")
    by_kid: dict[str, tuple[VerificationKey, ...]] = {}
    skipped = 0
    for entry in entries:
        kid_and_key = _usable(entry)
        held = by_kid.get(kid_and_key[0], ()) if kid_and_key else ()
        if kid_and_key is None or len(held) == MAX_KEYS_PER_KID:
            skipped += 1
        else:
            by_kid[kid_and_key[0]] = (*held, kid_and_key[1])
    if not by_kid:
        raise UnusableKeys(f"the JWKS holds no RSA key that could verify a session token ({skipped} skipped)")
    return KeySet(by_kid, skipped)


def _usable(entry: object) -> tuple[str, VerificationKey] | None:
    """The ``kid`` and key of one JWKS entry, or None where the trust policy has no use for it."""
    if not isinstance(entry, dict):
        return None
    jwk = cast("dict[str, Any]", entry)
    kid, n, e = jwk.get("kid"), jwk.get("n"), jwk.get("e")
    operations = jwk.get("key_ops", ["verify"])
    if (
        jwk.get("kty") != "RSA"
        or not isinstance(kid, str)
        or not _PRIVATE_MEMBERS.isdisjoint(jwk)
        or jwk.get("use", "sig") != "sig"
        or jwk.get("alg", "RS256") != "RS256"
        or not isinstance(operations, list)
        or "verify" not in operations
        or not (isinstance(n, str) and _BASE64URL.match(n))
        or not (isinstance(e, str) and _BASE64URL.match(e))
        or len(n) > MAX_BITS // 6 + 4
        or len(e) > 12
    ):
        return None
    key = _key_from_numbers(n, e)
    return None if key is None else (kid, key)


def _key_from_numbers(n: str, e: str) -> VerificationKey | None:
    from jwcrypto.common import JWException
    from jwcrypto.jwk import JWK

    try:
        return _checked(JWK(kty="RSA", n=n, e=e).get_op_key("verify"))
    except (JWException, ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _checked(public_key: object) -> VerificationKey | None:
    from jwcrypto.jwk import JWK

    if not isinstance(public_key, RSAPublicKey):
        return None
    numbers = public_key.public_numbers()
    # An even modulus is no product of two great primes: a slip or worse.
    if not MIN_BITS <= public_key.key_size <= MAX_BITS or numbers.e < 65_537 or not numbers.e & numbers.n & 1:
        return None
    # Of the numbers, not of their spelling: leading zero octets make no other key.
    return VerificationKey(JWK.from_pyca(public_key).thumbprint(), public_key)


def _from_der(thumbprint: str, der: bytes) -> VerificationKey:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return VerificationKey(thumbprint, cast("RSAPublicKey", load_der_public_key(der)))


def key_from_pem(pem: str) -> VerificationKey:
    r"""Read the "JWKS public key" of Clerk's dashboard.

    Args:
        pem: The PEM text. Newlines written as ``\n`` (as environment files have them) and the bare base64 body
            without its BEGIN and END lines are understood.

    Raises:
        UnusableKeys: Not the PEM of an RSA public key of 2048 to 8192 bits with an odd exponent of at least 65537.
    """
    from jwcrypto.common import JWException
    from jwcrypto.jwk import JWK

    text = pem.replace("\\r", "").replace("\\n", "\n").replace("\r", "").strip()
    label, body = "PUBLIC KEY", text
    if text.startswith("-----"):
        found = _PEM.match(text)
        if found is None:
            raise UnusableKeys("is not PEM: it needs matching BEGIN and END lines")
        label, body = found.group(1), found.group(2)
    if "PRIVATE" in label:
        raise UnusableKeys("is a private key; paste the public one")
    if label not in {"PUBLIC KEY", "RSA PUBLIC KEY"}:
        raise UnusableKeys(f"is the PEM of a {label.lower()}; paste the public key")
    try:
        der = base64.b64decode("".join(body.split()), validate=True)
        wrapped = base64.encodebytes(der).decode()
        jwk = JWK.from_pem(f"-----BEGIN {label}-----\n{wrapped}-----END {label}-----\n".encode())
        key = _checked(jwk.get_op_key("verify"))
    except (JWException, ValueError, TypeError, UnsupportedAlgorithm):
        raise UnusableKeys("does not decode as the PEM of a public key") from None
    if key is None:
        raise UnusableKeys("is not an RSA key of 2048 to 8192 bits with an odd exponent of at least 65537")
    return key
