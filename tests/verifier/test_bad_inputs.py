"""Whatever comes in: a refusal with a reason, or good claims; never anything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import Reason

from .bench import b64, nested
from .edits import ALPHABET

if TYPE_CHECKING:
    from .judges import Judges


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


@given(parts=st.lists(st.text(ALPHABET, max_size=80), min_size=3, max_size=3))
def test_any_base64url(judges: Judges, parts: list[str]) -> None:
    """Nor does one of the right form."""
    assert judges.verdict(".".join(parts)) is not None


@given(raw=st.binary(max_size=200))
@example(raw=b"{}")
@example(raw=b" {} ")
def test_any_bytes_well_signed(judges: Judges, raw: bytes) -> None:
    """Bytes that the instance signed are still no payload, and no header; a JSON object among them lacks claims."""
    fake, bench = judges.bench.fake, judges.bench
    is_object = raw.strip()[:1] == b"{"

    assert judges.verdict(fake.sign(bench.header(), raw)) in {
        Reason.TOKEN_INVALID,
        Reason.TOKEN_VERIFICATION_FAILED if is_object else Reason.TOKEN_INVALID,
    }
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
    text = json.dumps(header)
    wanted = (
        "crit" not in header
        and header["typ"] == "JWT"
        and header["cat"] in ("cl_B7d4PD111AAA", "cl_I7d4PD111III")
        and header["alg"] == "RS256"
        and header["kid"] == judges.bench.fake.kid
        and "NaN" not in text
        and "Infinity" not in text
        and text.count(",") <= 16
        and text.count("[") + text.count("{") <= 8
    )

    assert wanted == accepted
