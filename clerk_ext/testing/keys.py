"""RSA signing keys: generated once per process, lent to one living instance at a time.

Generating a 2048-bit key takes tens of milliseconds, so a test suite with an instance per test would spend
its time on that. A collected instance therefore gives its keys back for the next one; two living instances
never hold the same key, else a token of one would verify as the other's.
"""

from __future__ import annotations

import base64
import functools
import threading
from collections import deque
from typing import Final

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# A deque's own append and pop are atomic: keys come back from finalizers, which may run inside any other
# code, and there a lock could be waited for by the very thread that holds it.
_SPARE: Final[deque[SigningKey]] = deque()


@attrs.frozen(eq=False)
class SigningKey:
    """An RSA key pair that signs with RS256 (RFC 7518, section 3.3).

    Attributes:
        private_key: The key itself; never shown in ``repr``.
    """

    private_key: rsa.RSAPrivateKey = attrs.field(repr=False)

    @classmethod
    def generate(cls, bits: int = 2048) -> SigningKey:
        """Make a new key of this many bits, with the exponent 65537."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=bits))

    def sign(self, message: bytes) -> bytes:
        """Return the RS256 signature of these bytes."""
        return self.private_key.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether this key made that signature of these bytes."""
        try:
            self.private_key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def public_jwk(self, kid: str) -> dict[str, str]:
        """Return the public half as the JSON Web Key that Clerk would publish under this ``kid``."""
        numbers = self.private_key.public_key().public_numbers()
        return {
            "use": "sig",
            "kty": "RSA",
            "kid": kid,
            "alg": "RS256",
            "n": _base64url_uint(numbers.n),
            "e": _base64url_uint(numbers.e),
        }

    def public_pem(self) -> str:
        """Return the public half as PEM (SubjectPublicKeyInfo), as Clerk's dashboard shows it."""
        return (
            self.private_key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode("ascii")
        )


class KeyRing:
    """The keys of one instance, the one in use last. None is made before it is asked for: many never sign."""

    def __init__(self, kid: str) -> None:
        self._first_kid = kid
        self._published: tuple[tuple[str, SigningKey], ...] = ()
        self._borrowed: list[SigningKey] = []
        self._lock = threading.Lock()

    def published(self) -> tuple[tuple[str, SigningKey], ...]:
        """Return the keys that the key set shows, each with its ``kid``."""
        with self._lock:
            if not self._published:
                self._published = ((self._first_kid, self._borrow()),)
            return self._published

    def current(self) -> tuple[str, SigningKey]:
        """Return the key in use and its ``kid``."""
        return self.published()[-1]

    def rotate(self, kid: str, *, keep_old: bool) -> None:
        """Use a new key from now on, and show the others still or no longer."""
        kept = self.published() if keep_old else ()
        with self._lock:
            self._published = (*kept, (kid, self._borrow()))

    def give_back(self) -> None:
        """Leave the keys, those no longer shown too, to other instances; the ring is not used again."""
        _SPARE.extend(self._borrowed)

    def _borrow(self) -> SigningKey:
        try:
            key = _SPARE.pop()
        except IndexError:
            key = SigningKey.generate()
        self._borrowed.append(key)
        return key


@functools.cache
def foreign() -> SigningKey:
    """Return this process's forger: a key that is never lent to any instance."""
    return SigningKey.generate()


def _base64url_uint(number: int) -> str:
    """Encode an integer as RFC 7518, section 2, has it: big-endian, no byte more than it takes."""
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
