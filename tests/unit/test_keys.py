"""From a JWKS or a PEM to keys that verify: odd entries never take the good ones down."""

from __future__ import annotations

import base64
import datetime as dt
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext.testing import SigningKey
from clerk_ext.tokens.keys import UnusableKeys, VerificationKey, key_from_pem, parse_jwks

from .twins import each_twin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SPKI: Final = serialization.PublicFormat.SubjectPublicKeyInfo
PKCS1: Final = serialization.PublicFormat.PKCS1
PEM: Final = serialization.Encoding.PEM
DER: Final = serialization.Encoding.DER


@functools.cache
def keys_made() -> tuple[SigningKey, ...]:
    """A few RSA keys of 2048 bits, made once."""
    return tuple(SigningKey.generate() for _ in range(3))


def key(number: int = 0) -> SigningKey:
    """One of our keys."""
    return keys_made()[number]


def encoded(number: int, zeros: int = 0) -> str:
    """A number in base64url as RFC 7518 2 has it, behind so many zero octets that it should not have."""
    octets = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def jwk(number: int = 0, kid: Any = "ins_1", **changes: Any) -> dict[str, Any]:
    """A good entry, changed; `...` takes a member out."""
    changed = {**key(number).public_jwk(kid), **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def body(entries: Sequence[object], **more: object) -> bytes:
    """The bytes of a JWKS."""
    return json.dumps({"keys": entries, **more}).encode()


def thumbprint(n: int, e: int) -> str:
    """RFC 7638 by hand: the required members in alphabetical order, without white space."""
    text = f'{{"e":"{encoded(e)}","kty":"RSA","n":"{encoded(n)}"}}'
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def thumbprint_of(number: int = 0) -> str:
    """The thumbprint of one of our keys."""
    numbers = key(number).private_key.public_key().public_numbers()
    return thumbprint(numbers.n, numbers.e)


def thumbprints(body: bytes) -> dict[str, list[str]]:
    """What `parse_jwks` finds, as thumbprints."""
    return {kid: [key.thumbprint for key in keys] for kid, keys in parse_jwks(body).by_kid.items()}


# --- good sets


def test_one_key() -> None:
    """The set as Clerk serves it: one RSA key, which verifies what its private half signs."""
    keys = parse_jwks(body([jwk()]))
    (found,) = keys.by_kid["ins_1"]

    assert 0 == keys.skipped
    assert found.holds(key().sign(b"text"), b"text")
    assert not found.holds(key().sign(b"text"), b"other")
    assert not found.holds(key(1).sign(b"text"), b"text")
    assert not found.holds(b"", b"text")


def test_thumbprint_of_the_rfc() -> None:
    """The worked example of RFC 7638 3.1."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
        "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5h"
        "ajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    entry = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}

    assert {"2011-04-29": ["NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"]} == thumbprints(body([entry]))


def test_thumbprint_is_of_the_numbers() -> None:
    """The identity of a key does not hang on its `kid`, nor on how its numbers are spelt."""
    numbers = key().private_key.public_key().public_numbers()
    entries = [jwk(), jwk(kid="other", use=...), jwk(kid="zeros", n=encoded(numbers.n, 2), e=encoded(numbers.e, 1))]

    assert {kid: [thumbprint_of()] for kid in ("ins_1", "other", "zeros")} == thumbprints(body(entries))


@pytest.mark.parametrize(
    "changes",
    [
        {"use": ...},
        {"alg": ...},
        {"use": ..., "alg": ...},
        {"key_ops": ["verify"]},
        {"key_ops": ["sign", "verify"], "use": ...},
        {"kid": ""},
        {"x5c": ["MIIB"], "x5t": "abc", "x5t#S256": "abc", "x5u": "https://evil.example.com"},
        {"unknown": {"deep": [1, {"er": None}]}},
        {"ext": True},
    ],
    ids=str,
)
def test_entries_that_are_used(changes: dict[str, Any]) -> None:
    """Optional members may be missing, and what is no business of ours does not matter."""
    entry = jwk(**changes)

    assert {entry["kid"]: [thumbprint_of()]} == thumbprints(body([entry]))


@pytest.mark.parametrize("bits", [2048, 2049, 3072, 4096, 8192])
@pytest.mark.parametrize("exponent", [65_537, 65_539, 2**32 + 1])
def test_sizes_that_are_used(bits: int, exponent: int) -> None:
    """2048 to 8192 bits with an odd exponent from 65537."""
    n = 2 ** (bits - 1) + 1

    assert {"k": [thumbprint(n, exponent)]} == thumbprints(
        body([{"kty": "RSA", "kid": "k", "n": encoded(n), "e": encoded(exponent)}])
    )


# --- entries that are skipped

_N: Final = 2**2047 + 1


def _members(public: Any) -> dict[str, Any]:
    from jwcrypto.jwk import JWK

    return {"kid": "ins_1", **JWK.from_pyca(public).export(as_dict=True)}


def _private() -> dict[str, Any]:
    return _members(key().private_key)


ODD: Final[dict[str, Callable[[], object]]] = {
    "null": lambda: None,
    "number": lambda: 5,
    "text": lambda: "key",
    "list": lambda: [jwk()],
    "empty": dict[str, Any],
    "private key": _private,
    "private key by one member": lambda: jwk(d="AQAB"),
    "private key by a null": lambda: jwk(d=None),
    "prime": lambda: jwk(p="AQAB"),
    "other primes": lambda: jwk(oth=[]),
    "symmetric": lambda: {"kty": "oct", "kid": "ins_1", "k": "c2VjcmV0", "alg": "HS256"},
    "symmetric in disguise": lambda: jwk(k="c2VjcmV0"),
    "EC": lambda: _members(ec.generate_private_key(ec.SECP256R1()).public_key()),
    "OKP": lambda: _members(ed25519.Ed25519PrivateKey.generate().public_key()),
    "X25519": lambda: _members(x25519.X25519PrivateKey.generate().public_key()),
    "no kty": lambda: jwk(kty=...),
    "kty in lower case": lambda: jwk(kty="rsa"),
    "kty no text": lambda: jwk(kty=["RSA"]),
    "no kid": lambda: jwk(kid=...),
    "kid null": lambda: jwk(kid=None),
    "kid number": lambda: jwk(kid=5),
    "kid list": lambda: jwk(kid=["ins_1"]),
    "use enc": lambda: jwk(use="enc"),
    "use null": lambda: jwk(use=None),
    "alg RS512": lambda: jwk(alg="RS512"),
    "alg PS256": lambda: jwk(alg="PS256"),
    "alg HS256": lambda: jwk(alg="HS256"),
    "alg none": lambda: jwk(alg="none"),
    "alg null": lambda: jwk(alg=None),
    "key_ops sign": lambda: jwk(key_ops=["sign"]),
    "key_ops empty": lambda: jwk(key_ops=[]),
    "key_ops text": lambda: jwk(key_ops="verify"),
    "key_ops null": lambda: jwk(key_ops=None),
    "key_ops object": lambda: jwk(key_ops={"verify": True}),
    "no n": lambda: jwk(n=...),
    "no e": lambda: jwk(e=...),
    "n null": lambda: jwk(n=None),
    "n number": lambda: jwk(n=_N),
    "e number": lambda: jwk(e=65_537),
    "n empty": lambda: jwk(n=""),
    "e empty": lambda: jwk(e=""),
    "n padded": lambda: jwk(n=key().public_jwk("x")["n"] + "=="),
    "n newline": lambda: jwk(n=key().public_jwk("x")["n"] + "\n"),
    "n other alphabet": lambda: jwk(n="+/" * 171),
    "n one character over": lambda: jwk(n=key().public_jwk("x")["n"] + "AAA"),
    "n zero": lambda: jwk(n="AA"),
    "n even": lambda: jwk(n=encoded(2**2047)),
    "n small": lambda: jwk(n=encoded(2**1023 + 1)),
    "n one bit short": lambda: jwk(n=encoded(2**2046 + 1)),
    "n one bit over": lambda: jwk(n=encoded(2**8192 + 1)),
    "n huge": lambda: jwk(n=encoded(2**40_000 + 1)),
    "n small behind zeros": lambda: jwk(n=encoded(2**1023 + 1, 256)),
    "e zero": lambda: jwk(e="AA"),
    "e one": lambda: jwk(e=encoded(1)),
    "e three": lambda: jwk(e=encoded(3)),
    "e small": lambda: jwk(e=encoded(65_535)),
    "e even": lambda: jwk(e=encoded(65_538)),
    "e huge": lambda: jwk(e=encoded(2**256 + 1)),
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_odd_entry_is_skipped(case: str, first: bool) -> None:
    """An entry that cannot verify is counted and left out; the good one beside it stays, under the same `kid` too."""
    odd = ODD[case]()
    keys = parse_jwks(body([odd, jwk()] if first else [jwk(), odd]))

    assert 1 == keys.skipped
    assert ["ins_1"] == list(keys.by_kid)
    assert [thumbprint_of()] == [found.thumbprint for found in keys.by_kid["ins_1"]]


@pytest.mark.parametrize("case", ODD)
def test_odd_entry_alone(case: str) -> None:
    """A set without a usable key is a failure, and its message shows nothing of it."""
    with pytest.raises(UnusableKeys, match=r"no RSA key that could verify .* \(1 skipped\)"):
        parse_jwks(body([ODD[case]()]))


def test_number_of_more_digits_than_python_reads() -> None:
    """JSON knows no longest number: one of 5000 digits in an odd entry leaves the good key where it is."""
    text = body([{"kty": "RSA", "kid": "odd", "n": 0, "e": 1}, jwk()]).decode().replace('"n": 0', f'"n": {"9" * 5000}')

    assert {"ins_1": [thumbprint_of()]} == thumbprints(text.encode())


def test_several_keys() -> None:
    """Keys under names of their own, in the order of the set."""
    assert {"a": [thumbprint_of(0)], "b": [thumbprint_of(1)]} == thumbprints(body([jwk(0, "a"), jwk(1, "b")]))


def test_several_keys_under_one_name() -> None:
    """Up to four keys under one `kid` are kept, in order; a fifth is skipped."""
    order = [0, 1, 2, 1, 0]
    keys = parse_jwks(body([jwk(number) for number in order]))

    assert [thumbprint_of(number) for number in order[:4]] == [found.thumbprint for found in keys.by_kid["ins_1"]]
    assert 1 == keys.skipped


def test_fifth_key_under_one_name_harms_no_other() -> None:
    """A crowded name does not crowd the others out."""
    keys = parse_jwks(body([*[jwk() for _ in range(5)], jwk(1, "b")]))

    assert [4, 1] == [len(found) for found in keys.by_kid.values()]


# --- sets that are refused whole


def test_number_of_keys() -> None:
    """32 entries are taken, 33 are not, whatever they are."""
    assert 31 == parse_jwks(body([jwk(), *[None] * 31])).skipped
    with pytest.raises(UnusableKeys, match="more than 32 keys"):
        parse_jwks(body([jwk(), *[None] * 32]))


def test_size() -> None:
    """64 KiB to the byte."""
    small = body([jwk()])
    largest = small + b" " * (65_536 - len(small))

    assert {"ins_1": [thumbprint_of()]} == thumbprints(largest)
    with pytest.raises(UnusableKeys, match="larger than 65536 bytes"):
        parse_jwks(largest + b" ")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"<html>down for maintenance</html>",
        b"{",
        b'{"keys": [',
        b'{"keys": [{}]',
        b"\xff\xfe\x00",
        b'{"keys": ["\xff"]}',
        b"[" * 60_000,
        b'{"keys": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    ],
    ids=lambda text: repr(text[:20]),
)
def test_not_json(text: bytes) -> None:
    """What is no JSON, or nested beyond reason, is refused without showing it."""
    with pytest.raises(UnusableKeys) as caught:
        parse_jwks(text)

    assert "the JWKS is not JSON" == str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b"5",
        b'"keys"',
        b"[]",
        b"{}",
        b'{"Keys": []}',
        b'{"keys": null}',
        b'{"keys": {}}',
        b'{"keys": "x"}',
        b'{"errors": []}',
    ],
)
def test_no_key_set(text: bytes) -> None:
    """JSON that is no object with an array of keys."""
    with pytest.raises(UnusableKeys, match='not a JSON object with a "keys" array'):
        parse_jwks(text)


def test_empty_set() -> None:
    """A set of nothing is a failure: it must not replace the keys at hand."""
    with pytest.raises(UnusableKeys, match=r"\(0 skipped\)"):
        parse_jwks(body([]))


def test_other_members_of_the_set() -> None:
    """Members beside "keys" do not matter (RFC 7517 5)."""
    assert {"ins_1": [thumbprint_of()]} == thumbprints(body([jwk()], issuer="x", next=None))


# --- any entry at all

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NUMBER = st.one_of(
    st.integers(1, 2**2100).map(encoded),
    st.integers(2**2047, 2**2048 - 1).map(encoded),
    st.text("ABCDEFxyz019-_", max_size=12),
    st.sampled_from(["AQAB", "AQAA", "Aw", "AA"]),
)
_ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "kty": st.just("RSA") | _JSON,
        "kid": st.sampled_from(["ins_1", "other"]) | _JSON,
        "n": _NUMBER | _JSON,
        "e": _NUMBER | _JSON,
        "use": st.just("sig") | _JSON,
        "alg": st.just("RS256") | _JSON,
        "key_ops": st.just(["verify"]) | _JSON,
        "d": _JSON,
        "k": _JSON,
    },
)


@given(entries=st.lists(_ENTRY | _JSON, max_size=5), place=st.integers(0, 5))
def test_any_entries(entries: list[object], place: int) -> None:
    """Whatever stands beside it, the good key is found; whatever else is found fits the trust policy."""
    entries.insert(place, jwk(kid="good"))
    keys = parse_jwks(body(entries))
    found = [one for many in keys.by_kid.values() for one in many]

    assert thumbprint_of() in [one.thumbprint for one in keys.by_kid["good"]]
    assert len(entries) == keys.skipped + len(found)
    for one in found:
        numbers = one.public_key.public_numbers()
        assert 2048 <= numbers.n.bit_length() <= 8192
        assert numbers.e >= 65_537
        assert 1 == numbers.e % 2 == numbers.n % 2
        assert thumbprint(numbers.n, numbers.e) == one.thumbprint
        assert not one.holds(b"\x01" * 256, b"text")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(text: bytes) -> None:
    """No answer of a server raises anything but `UnusableKeys`."""
    with pytest.raises(UnusableKeys):
        parse_jwks(text)


# --- PEM


def pem(public: rsa.RSAPublicKey, format: serialization.PublicFormat = SPKI) -> str:
    """A public key as PEM."""
    return public.public_bytes(PEM, format).decode()


def own() -> rsa.RSAPublicKey:
    """The public half of our first key."""
    return key().private_key.public_key()


def lines(text: str) -> list[str]:
    """The base64 of a PEM, line by line."""
    return text.strip().splitlines()[1:-1]


SPELLINGS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": lambda text: text,
    "stripped": lambda text: text.strip(),
    "space around": lambda text: f"\n\n  {text}  \n",
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "CR": lambda text: text.replace("\n", "\r \n"),
    "newlines escaped": lambda text: text.replace("\n", "\\n"),
    "CRLF escaped": lambda text: text.replace("\n", "\\r\\n"),
    "in one line": lambda text: "".join(text.split("\n")),
    "with spaces for newlines": lambda text: text.replace("\n", " "),
    "indented": lambda text: text.replace("\n", "\n    "),
    "in long lines": lambda text: "\n".join([text.split("\n")[0], "".join(lines(text)), text.strip().split("\n")[-1]]),
    "body alone": lambda text: "\n".join(lines(text)),
    "body in one line": lambda text: "".join(lines(text)),
    "body with newlines escaped": lambda text: "\\n".join(lines(text)),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_a_pem(spelling: str) -> None:
    """Whatever an environment file or a dashboard makes of the PEM, it is the same key."""
    found = key_from_pem(SPELLINGS[spelling](pem(own())))

    assert thumbprint_of() == found.thumbprint
    assert found.holds(key().sign(b"text"), b"text")


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if "body" not in name])
def test_spellings_of_a_pkcs1_pem(spelling: str) -> None:
    """The older form, ``RSA PUBLIC KEY``, is understood too."""
    assert thumbprint_of() == key_from_pem(SPELLINGS[spelling](pem(own(), PKCS1))).thumbprint


def _private_pem(format: serialization.PrivateFormat) -> str:
    return key().private_key.private_bytes(PEM, format, serialization.NoEncryption()).decode()


def _certificate() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "clerk.example.com")])
    builder = x509.CertificateBuilder(
        name, name, own(), 1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    )
    return builder.sign(key().private_key, hashes.SHA256()).public_bytes(PEM).decode()


def _public(private: Any) -> str:
    return cast("str", private.public_key().public_bytes(PEM, SPKI).decode())


def _unknown_algorithm() -> str:
    # SubjectPublicKeyInfo with an object identifier of nobody's.
    der = bytes.fromhex("3011300b06092a864886f70d01017f" + "0302000100")
    der = b"\x30" + bytes([len(der) - 2]) + der[2:]
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"


def _unknown_curve() -> str:
    # An EC key on secp112r1, which nobody supports any more.
    der = bytes.fromhex(
        "3032301006072a8648ce3d020106052b81040006031e0004" + "09487239995a5ee76b55f9c2f098a89ce5af8724c0a23e0e0ff77500"
    )
    return f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n"


BAD_PEMS: Final[dict[str, tuple[Callable[[], str], str]]] = {
    "empty": (lambda: "", "does not decode"),
    "words": (lambda: "my public key", "does not decode"),
    "not ASCII": (lambda: "schlüssel", "does not decode"),
    "lone surrogate": (lambda: "\ud800", "does not decode"),
    "nul": (lambda: "\0", "does not decode"),
    "bytes of nothing": (lambda: "AAAA" * 20, "does not decode"),
    "dashes": (lambda: "-----", "BEGIN and END"),
    "cut off": (lambda: pem(own())[:-20], "BEGIN and END"),
    "body cut off": (lambda: "\n".join(lines(pem(own()))[:-1]), "does not decode"),
    "end of another": (lambda: pem(own()).replace("END PUBLIC", "END PRIVATE"), "BEGIN and END"),
    "two keys": (lambda: pem(own()) * 2, "BEGIN and END|does not decode"),
    "character too many": (lambda: pem(own()).replace("MII", "M!II", 1), "does not decode"),
    "garbage inside": (lambda: pem(own()).replace("M", "!", 1), "does not decode"),
    "PKCS1 under the other name": (lambda: pem(own(), PKCS1).replace("RSA PUBLIC", "PUBLIC"), "does not decode"),
    "private, PKCS8": (lambda: _private_pem(serialization.PrivateFormat.PKCS8), "private key; paste the public one"),
    "private, PKCS1": (
        lambda: _private_pem(serialization.PrivateFormat.TraditionalOpenSSL),
        "private key; paste the public one",
    ),
    "private, OpenSSH": (
        lambda: _private_pem(serialization.PrivateFormat.OpenSSH),
        "private key; paste the public one",
    ),
    "private, body alone": (
        lambda: "\n".join(lines(_private_pem(serialization.PrivateFormat.PKCS8))),
        "does not decode",
    ),
    "private as public": (
        lambda: _private_pem(serialization.PrivateFormat.PKCS8).replace("PRIVATE", "PUBLIC"),
        "does not decode",
    ),
    "certificate": (_certificate, "PEM of a certificate; paste the public key"),
    "EC": (lambda: _public(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
    "Ed25519": (lambda: _public(ed25519.Ed25519PrivateKey.generate()), "not an RSA key|does not decode"),
    "X25519": (lambda: _public(x25519.X25519PrivateKey.generate()), "not an RSA key|does not decode"),
    "DSA": (lambda: _public(dsa.generate_private_key(1024)), "not an RSA key|does not decode"),
    "unknown algorithm": (_unknown_algorithm, "does not decode"),
    "unknown curve": (_unknown_curve, "does not decode"),
    "small": (lambda: _public(rsa.generate_private_key(65_537, 1024)), "2048 to 8192 bits"),
    "exponent 3": (lambda: _public(rsa.generate_private_key(3, 2048)), "at least 65537"),
    "huge": (lambda: pem(rsa.RSAPublicNumbers(65_537, 2**8192 + 1).public_key()), "2048 to 8192 bits"),
    "JWK": (lambda: json.dumps(jwk()), "does not decode"),
    "SSH": (
        lambda: own().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode(),
        "does not decode",
    ),
}


@pytest.mark.parametrize("case", BAD_PEMS)
def test_bad_pem(case: str) -> None:
    """What is no RSA public key says what it is instead, and shows nothing of what was pasted."""
    make, message = BAD_PEMS[case]
    with pytest.raises(UnusableKeys, match=message) as caught:
        key_from_pem(make())

    assert len(str(caught.value)) < 100
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(
    st.text(max_size=200)
    | st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode())
    | st.tuples(st.sampled_from(["PUBLIC KEY", "RSA PUBLIC KEY", "PRIVATE KEY", "X"]), st.binary(max_size=200)).map(
        lambda made: f"-----BEGIN {made[0]}-----\n{base64.b64encode(made[1]).decode()}\n-----END {made[0]}-----"
    )
)
def test_any_text_as_pem(text: str) -> None:
    """No text raises anything but `UnusableKeys`."""
    with pytest.raises(UnusableKeys):
        key_from_pem(text)


# --- as a value


@each_twin
def test_duplicates_verify(twin: Callable[[Any], Any]) -> None:
    """A key can be copied and sent to another process, and verifies there."""
    found = key_from_pem(pem(own()))
    other: VerificationKey = twin(found)

    assert found.thumbprint == other.thumbprint
    assert other.holds(key().sign(b"text"), b"text")
    assert not other.holds(key(1).sign(b"text"), b"text")


def test_repr_is_short() -> None:
    """`repr` tells keys apart and shows nothing else."""
    assert f"VerificationKey(thumbprint='{thumbprint_of()[:8]}'…)" == repr(key_from_pem(pem(own())))


def test_another_scheme_does_not_pass() -> None:
    """RS256 alone: neither PSS padding nor another hash of the same key."""
    found = key_from_pem(pem(own()))
    private = key().private_key
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)

    assert not found.holds(private.sign(b"text", pss, hashes.SHA256()), b"text")
    assert not found.holds(private.sign(b"text", padding.PKCS1v15(), hashes.SHA512()), b"text")
