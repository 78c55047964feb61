"""Whatever comes in: a refusal with a reason, or good claims; never anything else."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk, jws
from jwcrypto.common import JWException

from clerk_ext import AsyncClerk, Clerk, Reason, TokenVerificationError
from clerk_ext.testing import FakeTransport
from tests.worlds import Clock

from .bench import OWN_KID, Bench, BenchClerk, b64, nested, own_key, stranger, unb64

if TYPE_CHECKING:
    from collections.abc import Iterator

BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@attrs.frozen
class Judges:
    """Verification in both worlds, and the bench."""

    bench: Bench
    sync: Clerk
    asynchronous: AsyncClerk
    runner: asyncio.Runner

    def verdict(self, token: object) -> Reason | None:
        """Why the token is refused, None if it is accepted: the same in both worlds, at any time."""
        verdicts = [self._verdict(token, door) for door in (self.sync.verify_token, self._awaited)]
        assert verdicts[0] == verdicts[1]
        return verdicts[0]

    def template_verdict(self, token: object) -> Reason | None:
        """The same at the template door."""
        return self._verdict(token, self.sync.verify_template_token)

    def _awaited(self, token: str) -> object:
        return self.runner.run(self.asynchronous.verify_token(token))

    def _verdict(self, token: object, door: Any) -> Reason | None:
        try:
            door(token)
        except TokenVerificationError as refused:
            reason = refused.reason
        else:
            return None
        assert type(reason) is Reason
        return reason


@pytest.fixture(scope="module")
def judges() -> Iterator[Judges]:
    """One instance and two clients for many examples."""
    clock = Clock()
    fake = BenchClerk("acme", clock=clock.time)
    config = fake.config(clock=clock.time, monotonic=clock.monotonic)
    with asyncio.Runner() as runner:
        yield Judges(
            Bench.of(fake, clock),
            Clerk(config, transport=FakeTransport(fake)),
            AsyncClerk(config, transport=FakeTransport(fake)),
            runner,
        )


class Hostile:
    """An object that fails whatever is asked of it."""

    def __bool__(self) -> bool:
        raise RuntimeError("asked whether true")

    def __str__(self) -> str:
        raise RuntimeError("asked for a str")

    __repr__ = __str__


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        5,
        1.5,
        True,
        b"",
        b"a.b.c",
        bytearray(b"a.b.c"),
        memoryview(b"a.b.c"),
        [],
        ["a", "b", "c"],
        ("a", "b", "c"),
        {},
        {"token": "a.b.c"},
        object(),
        Hostile(),
        str,
        "",
        ".",
        "..",
        "...",
        "." * 10_000_000,
        "a" * 10_000_000,
        "\0",
        "\ud800",
        "\udcff.\udcff.\udcff",
        "\ufeff",
        "é.é.é",
        "a.b.c",
        "null.null.null",
        ".".join([b64(nested(100_000)), "", ""]),
        ".".join([b64(nested(1_500)), "", ""]),
        ".".join([b64(b'{"a":' * 1_000), "", ""]),
        ".".join([b64(b'{"alg":"RS256","kid":"' + b"\\ud800" + b'"}'), "", ""]),
    ],
    ids=lambda value: (
        f"{type(value).__name__}{len(value) if hasattr(value, '__len__') and type(value) is not type else ''}"
    ),
)
def test_odd_values(judges: Judges, value: object) -> None:
    """What is no token at all is refused like a token, at both doors."""
    told = judges.verdict(value), judges.template_verdict(value)

    assert set(told) <= {Reason.TOKEN_INVALID, Reason.TOKEN_TOO_LARGE, Reason.JWK_KID_MISMATCH}


def test_subclass_of_str(judges: Judges) -> None:
    """A framework's own kind of str is a str."""

    class Header(str):
        """Such as a framework has."""

        __slots__ = ()

    assert judges.verdict(Header(judges.bench.token())) is None


@given(text=st.text())
def test_any_text(judges: Judges, text: str) -> None:
    """No text but a token passes, with or without dots in it."""
    assert judges.verdict(text) is not None
    assert judges.verdict(f"{text}.{text}.{text}") is not None


@given(parts=st.lists(st.text(BASE64URL, max_size=80), min_size=3, max_size=3))
def test_any_base64url(judges: Judges, parts: list[str]) -> None:
    """Nor does one of the right form."""
    assert judges.verdict(".".join(parts)) is not None


@given(raw=st.binary(max_size=200))
def test_any_bytes_well_signed(judges: Judges, raw: bytes) -> None:
    """Bytes that the instance signed are still no payload, and no header."""
    fake, bench = judges.bench.fake, judges.bench

    assert Reason.TOKEN_INVALID == judges.verdict(fake.sign(bench.header(), raw))
    assert judges.verdict(fake.sign(raw, bench.claims())) is not None


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
CLAIMS: Final = st.sampled_from(["sub", "sid", "iss", "aud", "azp", "exp", "iat", "nbf", "sts", "v", "o", "fea", "act"])
MEMBERS: Final = st.sampled_from(["alg", "kid", "typ", "cat", "crit", "jwk", "b64"])


@given(changes=st.dictionaries(CLAIMS, JSON, min_size=1))
def test_any_claims_well_signed(judges: Judges, changes: dict[str, Any]) -> None:
    """Claims of any type are judged, and those of a token that passes can be read, every one."""
    token = judges.bench.token(**changes)
    if judges.verdict(token) is not None:
        return
    claims = judges.sync.verify_token(token)
    read = [getattr(claims, name) for name in dir(claims) if not name.startswith("_") and name not in {"has", "custom"}]

    assert claims.user_id
    assert claims.session_id
    assert judges.bench.fake.issuer == claims.issuer
    assert len(read) > 20
    assert repr(claims)


@given(changes=st.dictionaries(MEMBERS, JSON, min_size=1))
def test_any_header_well_signed(judges: Judges, changes: dict[str, Any]) -> None:
    """A header passes only with what the policy wants, whatever else it has."""
    accepted = judges.verdict(judges.bench.token(header=changes)) is None
    header = judges.bench.header(**changes)
    wanted = (
        "crit" not in header
        and header["typ"] == "JWT"
        and header["cat"] in ("cl_B7d4PD111AAA", "cl_I7d4PD111III")
        and header["alg"] == "RS256"
        and header["kid"] == judges.bench.fake.kid
        and "NaN" not in json.dumps(header)
        and "Infinity" not in json.dumps(header)
    )

    assert wanted == accepted


@given(data=st.data())
@settings(max_examples=300)
def test_any_change_of_a_good_token(judges: Judges, data: st.DataObject) -> None:
    """A token that differs from a good one in any character, at any place, is refused."""
    good = judges.bench.signed()
    place = data.draw(st.integers(0, len(good) - 1))
    character = data.draw(st.sampled_from(f"{BASE64URL}+/=. \n\0é"))
    kind = data.draw(st.sampled_from(["replace", "insert", "delete"]))
    changed = good[:place] + (character if kind != "delete" else "") + good[place + (kind != "insert") :]
    if changed == good:
        return

    assert judges.verdict(good) is None
    assert judges.verdict(changed) is not None


def test_every_last_character(judges: Judges) -> None:
    """Of the spellings of a signature's last bits one passes: a token is not two tokens."""
    good = judges.bench.signed()
    passing = [last for last in BASE64URL if judges.verdict(good[:-1] + last) is None]

    assert [good[-1]] == passing


@functools.cache
def _own_jwk() -> jwk.JWK:
    return jwk.JWK.from_pyca(own_key().private_key)


def _oracle(token: str) -> bool:
    """Whether jwcrypto finds an RS256 signature of the bench's own key on it."""
    try:
        judged: Any = jws.JWS()
        judged.allowed_algs = ["RS256"]
        judged.deserialize(token)
        judged.verify(jwk.JWK(**own_key().public_jwk(OWN_KID)))
    except (JWException, ValueError, TypeError, KeyError):
        return False
    return True


def _variant(data: st.DataObject, token: str) -> str:
    header, payload, signature = token.split(".")
    raw = bytearray(unb64(signature))
    match data.draw(st.sampled_from(["same", "flip", "cut", "grow", "forge", "payload", "header"])):
        case "flip":
            raw[data.draw(st.integers(0, 255))] ^= 1 << data.draw(st.integers(0, 7))
        case "cut":
            del raw[data.draw(st.integers(0, 255)) :]
        case "grow":
            raw += data.draw(st.binary(min_size=1, max_size=4))
        case "forge":
            raw = bytearray(stranger().sign(f"{header}.{payload}".encode()))
        case "payload":
            payload = b64(data.draw(st.binary(max_size=40)))
        case "header":
            members = {"alg": data.draw(st.sampled_from(["RS256", "RS512", "HS256", "none"])), "kid": OWN_KID}
            header = b64(json.dumps(members).encode())
        case _:
            pass
    return f"{header}.{payload}.{b64(bytes(raw))}"


@given(data=st.data())
def test_signature_verdict_is_that_of_jwcrypto(judges: Judges, data: st.DataObject) -> None:
    """We agree with jwcrypto on which tokens bear the key's RS256 signature."""
    token = _variant(data, judges.bench.signed())
    verdict = judges.verdict(token)
    unsigned = {Reason.TOKEN_INVALID_SIGNATURE, Reason.TOKEN_INVALID_ALGORITHM}

    assert _oracle(token) == (verdict not in unsigned)


@given(payload=st.binary(max_size=60))
@settings(max_examples=15)  # jwcrypto checks the private key anew for each signature
def test_any_payload_that_jwcrypto_signs(judges: Judges, payload: bytes) -> None:
    """What jwcrypto signs holds for us: the fault that is left is the payload's."""
    signed: Any = jws.JWS(payload)
    signed.add_signature(_own_jwk(), None, json.dumps({"alg": "RS256", "kid": OWN_KID}))

    assert Reason.TOKEN_INVALID == judges.verdict(cast("str", signed.serialize(compact=True)))
