"""Changes to bytes: the part of the vectors' vocabulary that ``tests/vectors/README.md`` calls edits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, cast

from .bench import own_key, unb64

if TYPE_CHECKING:
    from collections.abc import Callable

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def octets(text: object) -> bytes:
    """UTF-8, lone surrogates included: a text in JSON may have them."""
    return str(text).encode("utf-8", "surrogatepass")


def _replace(data: bytes, old: object, new: object) -> bytes:
    return data.replace(octets(old), octets(new))


def _insert(data: bytes, place: object, text: object) -> bytes:
    at = cast("int", place)
    return data[:at] + octets(text) + data[at:]


def _cut(data: bytes, count: object) -> bytes:
    return data[: -cast("int", count)]


def _behead(data: bytes, count: object) -> bytes:
    return data[cast("int", count) :]


def _members(data: bytes, text: object) -> bytes:
    return data[:-1] + b"," + octets(text) + b"}"


def _first_members(data: bytes, text: object) -> bytes:
    return b"{" + octets(text) + b"," + data[1:]


def _count_members(data: bytes, count: object) -> bytes:
    return _members(data, ",".join(f'"x{number}":{number}' for number in range(cast("int", count))))


def _fill(data: bytes, size: object) -> bytes:
    filled = _members(data, '"fill":"' + "x" * (cast("int", size) - len(data) - len(',"fill":""')) + '"')
    assert size == len(filled)
    return filled


def _padding(segment: bytes) -> bytes:
    return segment + b"=" * (-len(segment) % 4)


def _base64(segment: bytes) -> bytes:
    return segment.replace(b"-", b"+").replace(b"_", b"/")


def _spare_bit(segment: bytes) -> bytes:
    if len(segment) % 4 < 2:
        return segment
    text = segment.decode()
    other = text[:-1] + ALPHABET[ALPHABET.index(text[-1]) | 1]
    assert unb64(text) == unb64(other)
    return other.encode()


def _odd_length(segment: bytes) -> bytes:
    return segment + b"A" * (1 + -len(segment) % 4)


def _percent(segment: bytes) -> bytes:
    return b"%%%X" % segment[0] + segment[1:]


def _plus_modulus(signature: bytes) -> bytes:
    number = int.from_bytes(signature, "big") + own_key().private_key.public_key().public_numbers().n
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _flip(data: bytes, place: object, bit: object) -> bytes:
    changed = bytearray(data)
    changed[cast("int", place)] ^= 1 << cast("int", bit)
    return bytes(changed)


def _deflate(data: bytes) -> bytes:
    import zlib

    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def _set(data: bytes, text: object) -> bytes:
    return octets(text)


def _set_bytes(data: bytes, digits: object) -> bytes:
    return bytes.fromhex(str(digits))


def _append(data: bytes, text: object) -> bytes:
    return data + octets(text)


def _append_bytes(data: bytes, digits: object) -> bytes:
    return data + bytes.fromhex(str(digits))


def _prepend(data: bytes, text: object) -> bytes:
    return octets(text) + data


def _prepend_bytes(data: bytes, digits: object) -> bytes:
    return bytes.fromhex(str(digits)) + data


def _reverse(data: bytes) -> bytes:
    return data[::-1]


def _encode(data: bytes, name: object) -> bytes:
    return data.decode().encode(str(name))


def _member_of_bytes(data: bytes, digits: object) -> bytes:
    return data[:-1] + b',"x":"' + bytes.fromhex(str(digits)) + b'"}'


def _as_json_string(data: bytes) -> bytes:
    return json.dumps(data.decode()).encode()


EDITS: Final[dict[str, Callable[..., bytes]]] = {
    "set": _set,
    "set bytes": _set_bytes,
    "append": _append,
    "append bytes": _append_bytes,
    "prepend": _prepend,
    "prepend bytes": _prepend_bytes,
    "insert": _insert,
    "replace": _replace,
    "cut": _cut,
    "behead": _behead,
    "flip": _flip,
    "reverse": _reverse,
    "encode": _encode,
    "deflate": _deflate,
    "members": _members,
    "first members": _first_members,
    "more members": _count_members,
    "fill to": _fill,
    "member of bytes": _member_of_bytes,
    "as JSON string": _as_json_string,
    "padding": _padding,
    "base64": _base64,
    "spare bit": _spare_bit,
    "odd length": _odd_length,
    "percent": _percent,
    "plus modulus": _plus_modulus,
}


def edited(data: bytes, edits: list[list[object]]) -> bytes:
    """*data* after these edits, one after the other."""
    for name, *arguments in edits:
        data = EDITS[cast("str", name)](data, *arguments)
    return data
