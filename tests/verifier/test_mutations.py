"""Whatever is changed in a token that was accepted, in its bytes or in their spelling: it is another token, refused.

The good token was verified before, so that its header is known and it is remembered, in both worlds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .bench import OWN_KID, b64, own_key, unb64
from .edits import ALPHABET, EDITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .judges import Judges

SIZE: Final = 256  # bytes of a signature
# Edits of a segment's text that lenient decoders do not notice.
SPELLINGS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "padding": EDITS["padding"],
    "base64": EDITS["base64"],
    "spare bit": EDITS["spare bit"],
    "odd length": EDITS["odd length"],
    "percent": EDITS["percent"],
    "more padding": lambda text: text + b"====",
    "upper case": bytes.upper,
    "lower case": bytes.lower,
    "hexadecimal": lambda text: unb64(text.decode()).hex().encode(),
    "integer": lambda text: str(int.from_bytes(unb64(text.decode()), "big")).encode(),
    "quoted": lambda text: b'"' + text + b'"',
}


def refused_beside(judges: Judges, good: str, changed: str) -> None:
    """Assert that *changed* is refused at either door and never recognised, while *good* is accepted and recognised."""
    assert judges.verdict(good) is None
    hits = judges.hits()

    assert good != changed
    assert judges.verdict(changed) is not None
    assert judges.verdict(changed) is not None
    assert judges.template_verdict(changed) is not None
    assert hits == judges.hits()
    assert judges.verdict(good) is None
    assert hits + 2 == judges.hits()


def respelt(good: str, part: int, text: str) -> str:
    """*good* with this text in place of one part."""
    parts = good.split(".")
    parts[part] = text
    return ".".join(parts)


@given(data=st.data())
@settings(max_examples=150)
def test_bytes(judges: Judges, data: st.DataObject) -> None:
    """Bytes of header, payload or signature that are replaced, inserted, left out, doubled or moved."""
    good = judges.bench.signed()
    part = data.draw(st.integers(0, 2), label="part")
    raw = unb64(good.split(".")[part])
    begin, end = sorted([data.draw(st.integers(0, len(raw))), data.draw(st.integers(0, len(raw)))])
    piece = raw[begin:end]
    new = data.draw(
        st.sampled_from([b"", piece * 2, piece[::-1], bytes(len(piece))])
        | st.binary(min_size=len(piece), max_size=len(piece))
        | st.binary(max_size=300)
    )
    changed = raw[:begin] + new + raw[end:]
    if changed != raw:
        refused_beside(judges, good, respelt(good, part, b64(changed)))


@given(places=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 100_000)), min_size=1, max_size=3))
@settings(max_examples=150)
def test_bits(judges: Judges, places: set[tuple[int, int]]) -> None:
    """Bits turned over, up to three, anywhere."""
    good = judges.bench.token()
    parts = [bytearray(unb64(part)) for part in good.split(".")]
    for part, place in places:
        bit = place % (8 * len(parts[part]))
        parts[part][bit // 8] ^= 1 << bit % 8
    changed = ".".join(b64(bytes(part)) for part in parts)
    if changed != good:  # two places may be one bit, turned over twice
        refused_beside(judges, good, changed)


@given(data=st.data())
@settings(max_examples=150)
def test_characters(judges: Judges, data: st.DataObject) -> None:
    """A character of the token that is replaced, inserted or left out, at any place."""
    good = judges.bench.signed()
    place = data.draw(st.integers(0, len(good) - 1))
    character = data.draw(st.sampled_from(f"{ALPHABET}+/=. \n\0é"))
    kind = data.draw(st.sampled_from(["replace", "insert", "delete"]))
    changed = good[:place] + (character if kind != "delete" else "") + good[place + (kind != "insert") :]
    if changed != good:
        refused_beside(judges, good, changed)


@given(front=st.text(ALPHABET + ".", max_size=60), kept=st.integers(1, 400))
def test_end_of_a_good_token(judges: Judges, front: str, kept: int) -> None:
    """Anything that ends as the good token does: the end is what the memory of verified tokens looks by."""
    good = judges.bench.signed()
    if not good.endswith(front + good[-kept:]):
        refused_beside(judges, good, front + good[-kept:])


RESPELT: Final[dict[str, Callable[[Any], str]]] = {
    "blanks": lambda value: json.dumps(value, indent=1),
    "order": lambda value: json.dumps(dict(reversed(value.items())), separators=(",", ":")),
    "escapes": lambda value: json.dumps(value, separators=(",", ":")).replace("a", "\\u0061"),
    "a blank": lambda value: json.dumps(value, separators=(",", ":")).replace(",", " ,", 1),
}


@pytest.mark.parametrize("part", [0, 1])
@pytest.mark.parametrize("way", RESPELT)
def test_json(judges: Judges, way: str, part: int) -> None:
    """Header or payload with the same members in another spelling of JSON: the bytes are what was signed."""
    good = judges.bench.token()
    value = json.loads(unb64(good.split(".")[part]))

    refused_beside(judges, good, respelt(good, part, b64(RESPELT[way](value).encode())))


@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings(judges: Judges, spelling: str, part: int) -> None:
    """A part in each other spelling that decodes to the same bytes somewhere."""
    bench = judges.bench
    for attempt in range(64):  # until the part has a spelling of this kind
        header = b64(json.dumps(bench.header(kid=OWN_KID, pad="?~" * attempt)).encode())
        good = bench.signed(header, b64(json.dumps(bench.claims(pad="?~" * attempt)).encode()))
        text = good.split(".")[part]
        other = SPELLINGS[spelling](text.encode()).decode()
        if other != text:
            refused_beside(judges, good, respelt(good, part, other))
            return
    raise AssertionError(spelling)


@given(place=st.integers(0, 342), junk=st.text(min_size=1, max_size=3))
@settings(max_examples=150)
def test_junk_within_the_signature(judges: Judges, place: int, junk: str) -> None:
    """Characters within the signature that lenient decoders skip, of any script."""
    good = judges.bench.signed()
    text = good.split(".")[2]

    refused_beside(judges, good, respelt(good, 2, text[:place] + junk + text[place:]))


def test_last_characters(judges: Judges) -> None:
    """Of the spellings of a signature's last bits one passes."""
    good = judges.bench.signed()
    others = [good[:-1] + last for last in ALPHABET if last != good[-1]]

    assert 63 == len(others)
    for other in others:
        refused_beside(judges, good, other)


@given(
    times=st.integers(-3, 300),
    zeros=st.integers(0, 40),
    tail=st.binary(max_size=3),
    order=st.sampled_from(["big", "little"]),
)
@settings(max_examples=150)
def test_numbers(judges: Judges, times: int, zeros: int, tail: bytes, order: Any) -> None:
    """The same number modulo the modulus, with zeros before it, with more behind it, in the other byte order."""
    good = judges.bench.signed()
    modulus = own_key().private_key.public_key().public_numbers().n
    number = int.from_bytes(unb64(good.split(".")[2]), "big") + times * modulus
    if number < 0:
        number = modulus - (-number % modulus)
    raw = bytes(zeros) + number.to_bytes(max(SIZE, (number.bit_length() + 7) // 8), order) + tail
    changed = respelt(good, 2, b64(raw))
    if changed != good:
        refused_beside(judges, good, changed)


@given(raw=st.binary(max_size=600))
def test_any_signature(judges: Judges, raw: bytes) -> None:
    """Bytes of any length in place of the signature."""
    good = judges.bench.token()

    refused_beside(judges, good, respelt(good, 2, b64(raw)))
