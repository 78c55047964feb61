"""Step 1 of the trust policy: the form of the token."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from clerk_ext import Reason

from .bench import OWN_KID, REMOVE, TEMPLATE_CAT, Bench, Case, b64, unb64

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def of_length(length: int) -> Callable[[Bench], str]:
    """A good token of exactly so many characters."""

    def make(bench: Bench) -> str:
        for pad in range(4):  # base64url has no text of 4 n + 1 characters: let the header take some
            header = {"pad": "x" * pad}
            rest = (length - len(bench.token(header=header, filler=""))) * 3 // 4
            for filler in range(rest - 3, rest + 4):
                token = bench.token(header=header, filler="x" * filler)
                if len(token) == length:
                    return token
        raise AssertionError(length)

    return make


def respelt(part: int, respell: Callable[[str], str]) -> Callable[[Bench], str]:
    """A token with another spelling of one part, signed as it is spelt where the part is signed."""

    def make(bench: Bench) -> str:
        for attempt in range(64):  # until the part has a spelling of this kind
            header = json.dumps(bench.header(kid=OWN_KID, pad=f"?~>{'x' * attempt}")).encode()
            payload = json.dumps(bench.claims(pad="?~" * attempt)).encode()
            parts = bench.signed(b64(header), b64(payload)).split(".")
            changed = respell(parts[part])
            if changed == parts[part]:
                continue
            parts[part] = changed
            return ".".join(parts) if part == 2 else bench.signed(parts[0], parts[1])
        raise AssertionError(part)

    return make


def padded(segment: str) -> str:
    """With the padding that base64 has and a JWS has not."""
    return segment + "=" * (-len(segment) % 4)


def other_alphabet(segment: str) -> str:
    """The same bytes in base64 instead of base64url."""
    return segment.replace("-", "+").replace("_", "/")


def spare_bits(segment: str) -> str:
    """The same bytes with a spare bit set in the last character."""
    if len(segment) % 4 < 2:
        return segment
    other = segment[:-1] + ALPHABET[ALPHABET.index(segment[-1]) | 1]
    assert unb64(segment) == unb64(other)
    return other


def good(bench: Bench) -> str:
    """A good token."""
    return bench.token()


def between(text: str) -> Callable[[str], str]:
    """With *text* in the middle."""
    return lambda segment: segment[:8] + text + segment[8:]


SPELLINGS: Final[dict[str, tuple[str, Callable[[str], str]]]] = {
    "padding": ("base64 padding", padded),
    "pure padding": ("padding where none would be due", lambda segment: segment + "===="),
    "other alphabet": ("the alphabet of base64", other_alphabet),
    "spare bits": ("spare bits that are not zero", spare_bits),
    "one character over": ("a length that no bytes have", lambda segment: segment + "A" * (1 + -len(segment) % 4)),
    "newline within": ("a newline, which lenient decoders skip", between("\n")),
    "blank within": ("a blank, which lenient decoders skip", between(" ")),
    "bang within": ("a character that lenient decoders skip", between("!")),
    "null within": ("a null character", between("\0")),
    "percent encoding": ("percent encoding", lambda segment: f"%{ord(segment[0]):X}{segment[1:]}"),
}
PARTS: Final = ("header", "payload", "signature")

CASES: Final = [
    Case(1, "good", "A good token is accepted.", good),
    Case(1, "own key", "A good token of the second key of the set is accepted.", lambda b: b.signed()),
    Case(1, "longest", "16,384 characters are not too many.", of_length(16_384)),
    Case(1, "too long", "16,385 characters are.", of_length(16_385), Reason.TOKEN_TOO_LARGE),
    Case(1, "huge", "Size is looked at before anything.", lambda b: "é" * 10_000_000, Reason.TOKEN_TOO_LARGE),
    Case(1, "bytes", "Bytes are no token, even good ones.", lambda b: b.token().encode(), Reason.TOKEN_INVALID),
    Case(1, "int", "A number is no token.", lambda b: 5, Reason.TOKEN_INVALID),
    Case(1, "None", "None is no token.", lambda b: None, Reason.TOKEN_INVALID),
    Case(1, "list", "Parts are no token.", lambda b: b.parts(), Reason.TOKEN_INVALID),
    Case(1, "empty", "An empty token.", lambda b: "", Reason.TOKEN_INVALID),
    Case(1, "surrogate", "A lone surrogate.", lambda b: f"{b.token()}\ud800", Reason.TOKEN_INVALID),
    Case(1, "umlaut", "Characters beyond ASCII.", lambda b: f"ä{b.token()}", Reason.TOKEN_INVALID),
    Case(
        1,
        "full-width digits",
        "Digits that are none in ASCII.",
        lambda b: b.token()[:-1] + "\uff11",
        Reason.TOKEN_INVALID,
    ),
    Case(1, "one part", "One part.", lambda b: b.parts()[0], Reason.TOKEN_INVALID),
    Case(1, "two parts", "No signature part.", lambda b: ".".join(b.parts()[:2]), Reason.TOKEN_INVALID),
    Case(1, "four parts", "A part too many.", lambda b: f"{b.token()}.AAAA", Reason.TOKEN_INVALID),
    Case(1, "five parts", "An encrypted token.", lambda b: ".".join([*b.parts(), "AAAA", ""]), Reason.TOKEN_INVALID),
    Case(1, "final dot", "A dot at the end.", lambda b: f"{b.token()}.", Reason.TOKEN_INVALID),
    Case(1, "first dot", "A dot at the beginning.", lambda b: f".{b.token()}", Reason.TOKEN_INVALID),
    Case(1, "dots", "Nothing but dots.", lambda b: "..", Reason.TOKEN_INVALID),
    Case(1, "Bearer", "The scheme of the header left on.", lambda b: f"Bearer {b.token()}", Reason.TOKEN_INVALID),
    Case(1, "blank before", "Blanks are not trimmed.", lambda b: f" {b.token()}", Reason.TOKEN_INVALID),
    Case(1, "newline after", "Newlines are not trimmed.", lambda b: f"{b.token()}\n", Reason.TOKEN_INVALID),
    Case(1, "quotes", "Quotes are not taken off.", lambda b: f'"{b.token()}"', Reason.TOKEN_INVALID),
    Case(
        1,
        "JSON serialization",
        "The other serialization of a JWS.",
        lambda b: json.dumps(dict(zip(("protected", "payload", "signature"), b.parts(), strict=True))),
        Reason.TOKEN_INVALID,
    ),
    *(
        Case(
            1, f"{name} in {part}", f"{why.capitalize()} in the {part}.", respelt(index, respell), Reason.TOKEN_INVALID
        )
        for index, part in enumerate(PARTS)
        for name, (why, respell) in SPELLINGS.items()
    ),
    Case(
        1,
        "form before header",
        "A fault of the signature's spelling is told before one of the header.",
        lambda b: f"{b.token(header={'alg': 'none'})}=",
        Reason.TOKEN_INVALID,
    ),
    Case(
        1,
        "form before class",
        "So it is before the class of the token.",
        lambda b: f"{b.token(header={'cat': TEMPLATE_CAT})}=",
        Reason.TOKEN_INVALID,
    ),
    Case(
        1,
        "form before signature",
        "A payload in no canonical spelling is told before its bad signature.",
        lambda b: ".".join([b.parts()[0], f"{b.parts()[1]}====", b.parts()[2]]),
        Reason.TOKEN_INVALID,
    ),
    Case(
        1,
        "form before key",
        "And before the key is asked for.",
        lambda b: f"{b.token(header={'kid': REMOVE, 'alg': 'HS256'})}=",
        Reason.TOKEN_INVALID,
    ),
]
