"""Steps 3 and 4 of the trust policy: the key and the signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from clerk_ext import Reason

from . import cases_header
from .bench import OWN_KID, REMOVE, Bench, Case, b64, own_key, pem, stranger, unb64

if TYPE_CHECKING:
    from collections.abc import Callable


def other_signature(change: Callable[[bytes], bytes]) -> Callable[[Bench], str]:
    """A good token, the bytes of whose signature were changed."""

    def make(bench: Bench) -> str:
        *signed, signature = bench.signed().split(".")
        return ".".join([*signed, b64(change(unb64(signature)))])

    return make


def plus_modulus(signature: bytes) -> bytes:
    """Another number with the same remainder, as long as it fits into the same bytes or one more."""
    modulus = own_key().private_key.public_key().public_numbers().n
    number = int.from_bytes(signature, "big") + modulus
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def rotated(times: int, *, keep_old: bool = True) -> Callable[[Bench], object]:
    """Rotates the key of the instance, each under the instance's one ``kid``."""

    def prepare(bench: Bench) -> None:
        for _ in range(times):
            bench.fake.rotate_key(keep_old=keep_old)

    return prepare


def swapped(part: int) -> Callable[[Bench], str]:
    """Two good tokens, one part exchanged."""

    def make(bench: Bench) -> str:
        parts, others = bench.parts(), bench.parts(sub="user_other")
        parts[part] = others[part]
        return ".".join(parts)

    return make


_KID, _SIGNATURE = Reason.JWK_KID_MISMATCH, Reason.TOKEN_INVALID_SIGNATURE
_PEM = {"jwt_key": pem}

CASES: Final = [
    Case(3, "first of four", "Four keys under one kid are all tried.", lambda b: b.token(), prepare=rotated(3)),
    Case(
        4,
        "fifth of five",
        "A fifth is not.",
        lambda b: b.token(),
        _SIGNATURE,
        prepare=rotated(4),
    ),
    Case(3, "kid unknown", "A kid that the set has not.", lambda b: b.token(header={"kid": "ins_x"}), _KID),
    Case(3, "kid empty", "The empty kid.", lambda b: b.token(header={"kid": ""}), _KID),
    Case(3, "kid upper case", "A kid has one spelling.", lambda b: b.token(header={"kid": b.fake.kid.upper()}), _KID),
    Case(3, "kid path", "A kid is no path.", lambda b: b.token(header={"kid": "../../dev/null"}), _KID),
    Case(3, "other instance", "A good token of another instance.", lambda b: b.other.session_token(b.session), _KID),
    Case(
        3,
        "stranger's kid and key",
        "A key of its own under a name of its own.",
        lambda b: b.token(header={"kid": "ins_x", "jwk": stranger().public_jwk("ins_x")}, key=stranger()),
        _KID,
    ),
    Case(4, "PEM", "With a jwt_key alone.", lambda b: b.token(), settings=_PEM),
    Case(4, "PEM, forged", "A stranger's signature.", lambda b: b.token(key=stranger()), _SIGNATURE, settings=_PEM),
    Case(4, "PEM, other key of the set", "A jwt_key is the only key.", lambda b: b.signed(), _SIGNATURE, settings=_PEM),
    Case(
        4,
        "secret key alone",
        "With a secret key alone keys come from the Backend API.",
        lambda b: b.token(),
        settings={"publishable_key": None},
    ),
    Case(
        4,
        "secret key alone, forged",
        "They are keys like any others.",
        lambda b: b.token(key=stranger()),
        _SIGNATURE,
        settings={"publishable_key": None},
    ),
    Case(4, "forged", "A stranger's signature.", lambda b: b.fake.forge(b.token()), _SIGNATURE),
    Case(
        4,
        "other instance under our kid",
        "A token of another instance that claims to be of this one.",
        lambda b: b.other.session_token(b.session, header={"kid": b.fake.kid}, claims={"iss": b.fake.issuer}),
        _SIGNATURE,
    ),
    Case(4, "other key of the set", "Keys stand for their kid only.", lambda b: b.token(key=own_key()), _SIGNATURE),
    Case(4, "key gone", "A key that was replaced.", lambda b: b.token(key=stranger()), _SIGNATURE, prepare=rotated(1)),
    Case(4, "header swapped", "A signature is of one header.", lambda b: _reheaded(b), _SIGNATURE),
    Case(4, "payload swapped", "A signature is of one payload.", swapped(1), _SIGNATURE),
    Case(4, "signature swapped", "The signature of another token.", swapped(2), _SIGNATURE),
    Case(4, "signature empty", "No signature.", other_signature(lambda s: b""), _SIGNATURE),
    Case(4, "signature short", "A byte missing at the end.", other_signature(lambda s: s[:-1]), _SIGNATURE),
    Case(4, "signature beheaded", "A byte missing at the beginning.", other_signature(lambda s: s[1:]), _SIGNATURE),
    Case(4, "signature long", "A byte more at the end.", other_signature(lambda s: s + b"\0"), _SIGNATURE),
    Case(4, "signature with zero", "A zero before it.", other_signature(lambda s: b"\0" + s), _SIGNATURE),
    Case(4, "signature zero", "Nothing but zeros.", other_signature(lambda s: bytes(256)), _SIGNATURE),
    Case(4, "signature one", "The number 1.", other_signature(lambda s: bytes(255) + b"\1"), _SIGNATURE),
    Case(4, "signature ones", "Nothing but ones.", other_signature(lambda s: b"\xff" * 256), _SIGNATURE),
    Case(4, "signature plus modulus", "The same modulo the modulus.", other_signature(plus_modulus), _SIGNATURE),
    Case(4, "signature huge", "12,000 bytes.", other_signature(lambda s: bytes(11_000)), _SIGNATURE),
    Case(4, "signature reversed", "The other byte order.", other_signature(lambda s: s[::-1]), _SIGNATURE),
    *cases_header.SIGNATURES,
    Case(
        4,
        "signature before payload",
        "What a payload is made of is nobody's business before its signature holds.",
        lambda b: b.fake.sign(b.header(), b"\xef\xbb\xbf[", key=stranger()),
        _SIGNATURE,
    ),
    Case(
        4,
        "signature before expiry",
        "A forged token is not told whether it would have expired.",
        lambda b: b.token(key=stranger(), exp=0, sub=REMOVE, iss="https://evil.example"),
        _SIGNATURE,
    ),
]


def _reheaded(bench: Bench) -> str:
    header = b64(f'{{"alg":"RS256","kid":"{OWN_KID}","x":1}}'.encode())
    return ".".join([header, *bench.signed().split(".")[1:]])
