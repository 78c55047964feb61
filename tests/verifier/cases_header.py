"""Step 2 of the trust policy: the header."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from clerk_ext import Reason

from .bench import (
    IGNORE_CAT,
    MACHINE_CAT,
    OWN_KID,
    REMOVE,
    SESSION_CAT,
    TEMPLATE_CAT,
    Bench,
    Case,
    b64,
    nested,
    own_key,
    pem,
    stranger,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding

EVIL: Final = "https://evil.example/jwks.json"


def with_header(**members: object) -> Callable[[Bench], str]:
    """A token, well signed, with these members in its header."""
    return lambda bench: bench.token(header=members)


def header_json(change: Callable[[str], str | bytes]) -> Callable[[Bench], str]:
    """A token, well signed, whose header's JSON was changed."""

    def make(bench: Bench) -> str:
        changed = change(json.dumps(bench.header()))
        return bench.raw_header(changed if isinstance(changed, bytes) else changed.encode())

    return make


def of_bytes(size: int) -> Callable[[str], str]:
    """The header, filled up to so many bytes."""
    return lambda header: f'{header[:-1]}, "pad": "{"x" * (size - len(header) - 11)}"}}'


def of_members(count: int) -> Callable[[Bench], str]:
    """A token whose header has so many members."""
    return lambda bench: bench.token(header={f"x{number}": number for number in range(count - 4)})


def hmac_by(secret: Callable[[Bench], bytes], digest: str = "sha256", **header: object) -> Callable[[Bench], str]:
    """A token with an HMAC for its signature, the key of which anybody may know."""

    def make(bench: Bench) -> str:
        segment = b64(json.dumps(bench.header(**header)).encode())
        return bench.signed(segment, sign=lambda data: hmac.digest(secret(bench), data, digest))

    return make


def rsa(
    pad: AsymmetricPadding, digest: hashes.HashAlgorithm, alg: object = "RS256", **header: object
) -> Callable[[Bench], str]:
    """A token that a key of the set has signed in another way than RS256."""

    def make(bench: Bench) -> str:
        segment = b64(json.dumps(bench.header(alg=alg, kid=OWN_KID, **header)).encode())
        return bench.signed(segment, sign=lambda data: own_key().private_key.sign(data, pad, digest))

    return make


def pss(digest: hashes.HashAlgorithm) -> padding.PSS:
    """The padding of PS256 and its like (RFC 7518 3.5)."""
    return padding.PSS(padding.MGF1(digest), digest.digest_size)


def _pem(bench: Bench) -> bytes:
    return pem(bench).encode()


def unsigned(bench: Bench) -> str:
    """A token with ``alg: none`` and the empty signature that goes with it (RFC 7518 3.6)."""
    return ".".join([*bench.token(header={"alg": "none"}).split(".")[:2], ""])


def pointing(**more: object) -> dict[str, object]:
    """Members of a header that point at a stranger's key."""
    jwk: dict[str, Any] = stranger().public_jwk("ins_stranger")
    return {"jwk": jwk, "jku": EVIL, "x5u": EVIL, "x5c": ["MIIB"], "x5t": "AAAA", "x5t#S256": "AAAA", **more}


_SHA256, _SHA384, _SHA512, _PKCS1 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512(), padding.PKCS1v15()
_ALGORITHM, _TYPE, _INVALID = Reason.TOKEN_INVALID_ALGORITHM, Reason.TOKEN_TYPE_MISMATCH, Reason.TOKEN_INVALID
_SIGNATURE = Reason.TOKEN_INVALID_SIGNATURE

JSON: Final = [
    Case(2, "blanks in header", "White space of JSON is fine.", header_json(lambda h: f"\n {h}\t\r\n")),
    Case(2, "unknown members", "Members that nobody knows are fine.", with_header(oiat=5, x={"y": [None]})),
    Case(1, "header of 768 bytes", "A header of 1,024 characters is fine.", header_json(of_bytes(768))),
    Case(1, "header of 769 bytes", "More is not.", header_json(of_bytes(769)), Reason.TOKEN_TOO_LARGE),
    Case(2, "17 members", "17 members are fine.", of_members(17)),
    Case(2, "18 members", "More are not.", of_members(18), _INVALID),
    Case(2, "header of 8 brackets", "8 brackets are fine.", with_header(x=json.loads(nested(7)))),
    Case(2, "header nested", "More are not.", with_header(x=json.loads(nested(8))), _INVALID),
    Case(2, "header nested deeply", "Too many of them.", header_json(lambda h: nested(300)), _INVALID),
    Case(2, "empty header", "No header.", lambda b: b.raw_header(b""), _INVALID),
    Case(2, "header no JSON", "No JSON.", lambda b: b.raw_header(b"alg: RS256"), _INVALID),
    Case(2, "header array", "An array.", header_json(lambda h: f"[{h}]"), _INVALID),
    Case(2, "header string", "A string.", header_json(json.dumps), _INVALID),
    Case(2, "header null", "null.", lambda b: b.raw_header(b"null"), _INVALID),
    Case(2, "header cut", "Cut JSON.", header_json(lambda h: h[:-1]), _INVALID),
    Case(2, "header with tail", "JSON with more behind it.", header_json(lambda h: f"{h}{{}}"), _INVALID),
    Case(2, "header with BOM", "A byte order mark.", header_json(lambda h: f"\ufeff{h}"), _INVALID),
    Case(2, "header in UTF-16", "Another encoding.", header_json(lambda h: h.encode("utf-16")), _INVALID),
    Case(2, "header in UTF-16LE", "The same, unmarked.", header_json(lambda h: h.encode("utf-16-le")), _INVALID),
    Case(2, "header in Latin-1", "No UTF-8.", header_json(lambda h: f'{h[:-1]},"x":"é"}}'.encode("latin-1")), _INVALID),
    Case(2, "header NaN", "NaN is no JSON.", header_json(lambda h: f'{h[:-1]},"x":NaN}}'), _INVALID),
    Case(2, "alg twice", "The second alg.", header_json(lambda h: f'{{"alg":"none",{h[1:]}'), _INVALID),
    Case(
        2, "alg twice, escaped", "The same in disguise.", header_json(lambda h: f'{{"\\u0061lg":"x",{h[1:]}'), _INVALID
    ),
    Case(2, "kid twice", "The second kid.", header_json(lambda h: f'{h[:-1]},"kid":"ins_2"}}'), _INVALID),
    Case(2, "twice within", "Twice within.", header_json(lambda h: f'{h[:-1]},"x":{{"y":1,"y":1}}}}'), _INVALID),
]

MEMBERS: Final = [
    Case(2, "crit", "Critical extensions are refused (RFC 7515 4.1.11).", with_header(crit=["exp"], exp=1), _INVALID),
    Case(2, "crit empty", "Even none.", with_header(crit=[]), _INVALID),
    Case(2, "crit null", "Even null.", with_header(crit=None), _INVALID),
    Case(2, "crit b64", "An unencoded payload (RFC 7797).", with_header(crit=["b64"], b64=False), _INVALID),
    Case(2, "typ absent", "A token without typ is fine.", with_header(typ=REMOVE)),
    Case(2, "typ lower case", "typ has one spelling.", with_header(typ="jwt"), _INVALID),
    Case(2, "typ null", "null is not absent.", with_header(typ=None), _INVALID),
    Case(2, "typ empty", "Nor is the empty string.", with_header(typ=""), _INVALID),
    Case(2, "typ list", "Nor a list.", with_header(typ=["JWT"]), _INVALID),
    Case(2, "typ logout", "Another use of JWTs.", with_header(typ="logout+jwt"), _INVALID),
    Case(2, "typ at+jwt", "An OAuth access token.", with_header(typ="at+jwt"), _TYPE),
    Case(2, "typ application/at+jwt", "The same, in full.", with_header(typ="application/at+jwt"), _TYPE),
    Case(2, "cat absent", "A token without cat is fine.", with_header(cat=REMOVE)),
    Case(2, "cat ignore", "The class that says nothing is fine.", with_header(cat=IGNORE_CAT)),
    Case(2, "cat template", "A JWT-template token is no session token.", with_header(cat=TEMPLATE_CAT), _TYPE),
    Case(2, "cat machine", "Nor is a machine's.", with_header(cat=MACHINE_CAT), _TYPE),
    Case(2, "cat unknown", "Nor one of a class to come.", with_header(cat="cl_B7d4PD444AAA"), _TYPE),
    Case(2, "cat lower case", "Classes have one spelling.", with_header(cat=SESSION_CAT.lower()), _TYPE),
    Case(2, "cat empty", "The empty string is no class.", with_header(cat=""), _TYPE),
    Case(2, "cat null", "Nor is null.", with_header(cat=None), _TYPE),
    Case(2, "cat number", "Nor a number.", with_header(cat=1), _TYPE),
    Case(2, "cat list", "Nor a list.", with_header(cat=[SESSION_CAT]), _TYPE),
    Case(2, "class before algorithm", "The class is told first.", with_header(cat=TEMPLATE_CAT, alg="HS256"), _TYPE),
    Case(2, "none", "An unsigned token.", unsigned, _ALGORITHM),
    Case(2, "none, signed", "A signature does not help it.", with_header(alg="none"), _ALGORITHM),
    Case(2, "None", "However it is spelt.", with_header(alg="nOnE"), _ALGORITHM),
    Case(
        2,
        "HS256 by the PEM",
        "The public key for a secret.",
        hmac_by(_pem, alg="HS256"),
        _ALGORITHM,
    ),
    Case(2, "HS256 by nothing", "An empty secret.", hmac_by(lambda b: b"", alg="HS256"), _ALGORITHM),
    Case(2, "RS384", "Clerk signs with RS256 only.", rsa(_PKCS1, _SHA384, "RS384"), _ALGORITHM),
    Case(2, "RS512", "The same.", rsa(_PKCS1, _SHA512, "RS512"), _ALGORITHM),
    Case(2, "PS256", "The same.", rsa(pss(_SHA256), _SHA256, "PS256"), _ALGORITHM),
    Case(2, "ES256", "A key of another kind.", with_header(alg="ES256"), _ALGORITHM),
    Case(2, "alg lower case", "alg has one spelling.", with_header(alg="rs256"), _ALGORITHM),
    Case(2, "alg with blank", "No blanks.", with_header(alg="RS256 \t"), _ALGORITHM),
    Case(2, "alg absent", "An algorithm must be there.", with_header(alg=REMOVE), _ALGORITHM),
    Case(2, "alg null", "null is none.", with_header(alg=None), _ALGORITHM),
    Case(2, "alg list", "Nor is a list.", with_header(alg=["RS256"]), _ALGORITHM),
    Case(2, "alg number", "Nor a number.", with_header(alg=256), _ALGORITHM),
    Case(2, "kid absent", "A token must name its key.", with_header(kid=REMOVE), _INVALID),
    Case(2, "kid null", "null names none.", with_header(kid=None), _INVALID),
    Case(2, "kid number", "Nor does a number.", with_header(kid=1), _INVALID),
    Case(2, "kid list", "Nor a list.", lambda b: b.token(header={"kid": [b.fake.kid]}), _INVALID),
    Case(2, "pointers", "Keys and addresses in the header are not looked at.", with_header(**pointing())),
    Case(
        2,
        "PEM without kid",
        "With a jwt_key the kid is ignored: absent,",
        with_header(kid=REMOVE),
        settings={"jwt_key": pem},
    ),
    Case(
        2,
        "PEM with number for kid",
        "no string,",
        with_header(kid=7),
        settings={"jwt_key": pem},
    ),
    Case(
        2,
        "PEM with other kid",
        "or another's.",
        lambda b: b.token(header={"kid": b.other.kid}),
        settings={"jwt_key": pem},
    ),
]

CASES: Final = [*JSON, *MEMBERS]

SIGNATURES: Final = [
    Case(
        4,
        "HMAC under RS256",
        "The PEM for a secret, under another name.",
        hmac_by(_pem),
        _SIGNATURE,
    ),
    Case(4, "SHA-384 under RS256", "Another hash.", rsa(_PKCS1, _SHA384), _SIGNATURE),
    Case(4, "PSS under RS256", "Another padding.", rsa(pss(_SHA256), _SHA256), _SIGNATURE),
    Case(
        4,
        "key embedded",
        "A stranger's signature with the stranger's key in the header.",
        lambda b: b.token(header=pointing(), key=stranger()),
        _SIGNATURE,
    ),
    Case(
        4,
        "key embedded under our kid",
        "The same with our kid in the embedded key.",
        lambda b: b.token(header={"jwk": stranger().public_jwk(b.fake.kid)}, key=stranger()),
        _SIGNATURE,
    ),
]
