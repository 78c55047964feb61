"""Tokens made by recipe: the vocabulary that ``tests/vectors/README.md`` describes."""

from __future__ import annotations

import functools
import hmac
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from clerk_ext.testing import SigningKey

from .bench import OWN_KID, REMOVE, TEMPLATE_CAT, Bench, BenchClerk, b64, nested, own_key, pem, stranger, unb64
from .edits import edited

if TYPE_CHECKING:
    from collections.abc import Callable

Recipe: TypeAlias = "dict[str, Any]"

PARTS: Final = ("header", "payload", "signature")
# What an edit of these changes is not signed any more.
AFTER_SIGNING: Final = frozenset({"signature", "signature segment", "token"})
_MOST_FILLERS: Final = 64


class UnchangedError(Exception):
    """An edit found nothing to change: the token needs another filler."""


@functools.cache
def _short() -> SigningKey:
    return SigningKey.generate(1024)


@functools.cache
def _cube() -> SigningKey:
    return SigningKey(rsa.generate_private_key(public_exponent=3, key_size=2048))


# The keys of the instances themselves are not among them: the fakes sign with those.
_KEYS: Final[dict[str, Callable[[], SigningKey]]] = {
    "bench": own_key,
    "stranger": stranger,
    "short": _short,
    "cube": _cube,
}
_NAMES: Final[dict[str, Callable[[Bench], object]]] = {
    "absent": lambda bench: REMOVE,
    "bench.kid": lambda bench: OWN_KID,
    "instance.host": lambda bench: bench.fake.frontend_api,
    "instance.issuer": lambda bench: bench.fake.issuer,
    "instance.kid": lambda bench: bench.fake.kid,
    "instance.pem": pem,
    "other.issuer": lambda bench: bench.other.issuer,
    "other.kid": lambda bench: bench.other.kid,
    "session.id": lambda bench: bench.session.id,
    "session.user": lambda bench: bench.session.user.id,
}


def evaluated(bench: Bench, written: Any) -> Any:
    """The value that is meant by what a vector has."""
    if isinstance(written, list):
        return [evaluated(bench, item) for item in cast("list[object]", written)]
    if not isinstance(written, dict):
        return written
    members = cast("dict[str, Any]", written)
    match members:
        case {"$": name}:
            return _NAMES[name](bench)
        case {"$now": seconds}:
            return bench.now + seconds
        case {"$join": items}:
            return "".join(str(evaluated(bench, item)) for item in items)
        case {"$upper": item}:
            return str(evaluated(bench, item)).upper()
        case {"$repeat": [text, count]}:
            return text * count
        case {"$nested": levels}:
            return json.loads(nested(levels))
        case {"$power": [base, exponent]}:
            return base**exponent
        case {"$jwk": name, "kid": kid, **more}:
            jwk = {**_KEYS[name]().public_jwk(evaluated(bench, kid)), **evaluated(bench, more)}
            return {member: part for member, part in jwk.items() if part is not REMOVE}
        case _:
            assert not [name for name in members if name.startswith("$")], members
            return {name: evaluated(bench, member) for name, member in members.items()}


def made(bench: Bench, recipe: Recipe) -> object:
    """The token of *recipe*, or what is brought in place of one."""
    if "literal" in recipe:
        return evaluated(bench, recipe["literal"])
    if "length" in recipe:
        return _of_length(bench, recipe)
    for filler in range(_MOST_FILLERS):
        try:
            return _made(bench, recipe, filler)
        except UnchangedError:
            continue
    raise AssertionError(recipe)


def original(bench: Bench, recipe: Recipe) -> str | None:
    """The token of *recipe* before anybody changed what was signed; None if it was none at all."""
    if "literal" in recipe:
        return None
    edits = {place: steps for place, steps in recipe.get("edits", {}).items() if place not in AFTER_SIGNING}
    left_out = {"splice", "as", "edits"}
    return str(made(bench, {**{key: part for key, part in recipe.items() if key not in left_out}, "edits": edits}))


def prepare(bench: Bench, setup: list[dict[str, Any]]) -> None:
    """Do what comes before the token is brought."""
    for step in setup:
        match evaluated(bench, step):
            case {"rotate": times}:
                for _ in range(times):
                    bench.fake.rotate_key()
            case {"serve": jwk}:
                _served(bench).append(jwk)
            case {"withdraw": kid}:
                served = _served(bench)
                served[:] = [entry for entry in served if entry["kid"] != kid]
            case {"revoke session": session_id}:
                bench.revocations.revoke_session(session_id)
            case {"revoke user": user_id}:
                bench.revocations.revoke_user(user_id)
            case _:
                raise AssertionError(step)


def _served(bench: Bench) -> list[dict[str, Any]]:
    assert isinstance(bench.fake, BenchClerk)
    return bench.fake.served


def _of_length(bench: Bench, recipe: Recipe) -> str:
    length = recipe["length"]
    for pad in range(4):  # base64url has no text of 4 n + 1 characters: let the header take some
        header = {"pad": "x" * pad}
        rest = (length - len(bench.token(header=header, filler=""))) * 3 // 4
        for filler in range(rest - 3, rest + 4):
            token = bench.token(header=header, filler="x" * filler)
            if len(token) == length:
                return token
    raise AssertionError(length)


def _made(bench: Bench, recipe: Recipe, filler: int) -> object:
    edits = cast("dict[str, list[list[object]]]", evaluated(bench, recipe.get("edits", {})))
    signer = cast("str | dict[str, Any]", recipe.get("signer", "instance"))

    def changed(place: str, data: bytes) -> bytes:
        if place not in edits:
            return data
        after = edited(data, edits[place])
        if after == data:
            raise UnchangedError
        return after

    header, claims = _members(bench, recipe, signer, filler)
    header_bytes = changed("header", json.dumps(header, separators=(",", ":")).encode())
    payload_bytes = changed("payload", json.dumps(claims, separators=(",", ":")).encode())
    spelt = [b64(header_bytes).encode(), b64(payload_bytes).encode()]
    segments = [changed("header segment", spelt[0]), changed("payload segment", spelt[1])]
    if signer in ("instance", "other"):
        assert spelt == segments, "the fakes spell segments properly: let another key sign"
        fake = bench.fake if signer == "instance" else bench.other
        signature = unb64(fake.sign(header_bytes, payload_bytes).rpartition(".")[2])
    else:
        signature = _signature(bench, signer, b".".join(segments))
    segments.append(changed("signature segment", b64(changed("signature", signature)).encode()))
    for part, donor in recipe.get("splice", {}).items():
        segments[PARTS.index(part)] = str(made(bench, donor)).split(".")[PARTS.index(part)].encode()
    token = changed("token", b".".join(segments))
    return _brought(token, recipe.get("as", "text"))


def _members(
    bench: Bench, recipe: Recipe, signer: str | dict[str, Any], filler: int
) -> tuple[dict[str, object], dict[str, object]]:
    header: dict[str, Any] = {"filler": "?~" * filler} if filler else {}
    claims: dict[str, Any] = dict(header)
    if recipe.get("base") == "template":
        header["cat"] = TEMPLATE_CAT
        claims |= {"sid": REMOVE, "sts": REMOVE}
    if "bench" in (signer, signer.get("key") if isinstance(signer, dict) else None):
        header["kid"] = OWN_KID
    header |= {name: evaluated(bench, member) for name, member in recipe.get("header", {}).items()}
    claims |= {name: evaluated(bench, member) for name, member in recipe.get("claims", {}).items()}
    return bench.header(**header), bench.claims(**claims)


def _signature(bench: Bench, signer: str | dict[str, Any], signed: bytes) -> bytes:
    if isinstance(signer, str):
        return _KEYS[signer]().sign(signed)
    if "hmac" in signer:
        return hmac.digest(str(evaluated(bench, signer["hmac"])).encode(), signed, signer["hash"])
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[signer["hash"]]
    pss = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    pad = {"PKCS1v15": padding.PKCS1v15(), "PSS": pss}[signer["padding"]]
    return _KEYS[signer["key"]]().private_key.sign(signed, pad, algorithm)


def _brought(token: bytes, kind: str) -> object:
    text = token.decode("utf-8", "surrogatepass")
    match kind:
        case "text":
            return text
        case "bytes":
            return token
        case "parts":
            return text.split(".")
        case _:
            header, payload, signature = text.split(".")
            assert kind == "JSON serialization", kind
            return json.dumps({"protected": header, "payload": payload, "signature": signature})
