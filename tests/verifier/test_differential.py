"""Our verdict is jwcrypto's, wherever our policy does not differ by design; where it does is listed here, and shown.

jwcrypto is asked for what it can check: the signature by the key that `kid` names, RS256 alone, that the claims are
there, and `iss`, `aud`, `azp`, `exp`, `nbf` as the policy has them.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import attrs
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jwcrypto import jwk, jws, jwt

from clerk_ext import Clerk, Reason, TokenVerificationError

from .bench import APP, IGNORE_CAT, OWN_KID, REMOVE, SESSION_CAT, TEMPLATE_CAT, Bench, b64, own_key, stranger, unb64
from .edits import EDITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .judges import Judges

Members: TypeAlias = "dict[str, Any]"
SKEW: Final = 5
AUDIENCE: Final = "api"
LAST: Final = 253_402_300_799


@attrs.frozen
class Asked:
    """What the two were asked about.

    Attributes:
        header: The header.
        claims: The payload.
        now: Unix seconds.
        strict: Whether an audience and a party are configured.
    """

    header: Members
    claims: Members
    now: int
    strict: bool


def jwcrypto_accepts(bench: Bench, token: str, asked: Asked) -> bool:
    """Whether jwcrypto accepts the token by what it can be asked for."""
    wanted: Members = {"sub": None, "sid": None, "iss": bench.fake.issuer, "iat": None, "exp": asked.now - SKEW}
    if "nbf" in asked.claims:
        wanted["nbf"] = asked.now + SKEW
    if asked.strict:
        wanted |= {"aud": AUDIENCE, "azp": APP}
    try:
        judged: Any = jwt.JWT(check_claims=wanted, algs=["RS256"], expected_type="JWS", strict_serialization=True)
        judged.deserialize(token, _keys(json.dumps(bench.fake.jwks())))
    except Exception:  # noqa: BLE001 - it refuses in many ways
        return False
    return True


@functools.cache
def _keys(jwks: str) -> jwk.JWKSet:
    return jwk.JWKSet.from_json(jwks)


def we_accept(clerk: Clerk, token: str) -> bool:
    """Whether verify_token does, the same at first sight and again."""
    verdicts: set[bool] = set()
    for _ in range(2):
        try:
            clerk.verify_token(token)
        except TokenVerificationError:
            verdicts.add(False)
        else:
            verdicts.add(True)
    (verdict,) = verdicts
    return verdict


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= cast("float", value) <= LAST


def _named(value: object) -> bool:
    return isinstance(value, str) and value != ""


# Where we refuse what jwcrypto accepts: why, in which cases, and one of them: members of header and payload.
STRICTER: Final[dict[str, tuple[Callable[[Asked], bool], Members, Members]]] = {
    "crit is refused, whatever is in it": (lambda a: "crit" in a.header, {"crit": []}, {}),
    "typ is JWT or absent (RFC 8725 3.11)": (lambda a: a.header.get("typ", "JWT") != "JWT", {"typ": "at+jwt"}, {}),
    "cat is of the session class or absent": (
        lambda a: a.header.get("cat", SESSION_CAT) not in (SESSION_CAT, IGNORE_CAT),
        {"cat": TEMPLATE_CAT},
        {},
    ),
    "kid is there: not every key is tried": (lambda a: "kid" not in a.header, {"kid": REMOVE}, {}),
    "sub names somebody": (lambda a: not _named(a.claims.get("sub")), {}, {"sub": ""}),
    "sub is no machine": (lambda a: str(a.claims.get("sub")).startswith("mch_"), {}, {"sub": "mch_1"}),
    "sid names a session": (lambda a: not _named(a.claims.get("sid")), {}, {"sid": 5}),
    "aud is absent where none is configured": (lambda a: not a.strict and "aud" in a.claims, {}, {"aud": "x"}),
    "exp, iat and nbf are times in Unix seconds": (
        lambda a: not all(_is_time(a.claims[name]) for name in ("exp", "iat", "nbf") if name in a.claims),
        {},
        {"iat": -1.5},
    ),
    "exp at the very end of the skew is over": (lambda a: a.claims.get("exp") == a.now - SKEW, {}, {"exp": -SKEW}),
    "iat is not in the future": (
        lambda a: _is_time(a.claims.get("iat")) and a.claims["iat"] > a.now + SKEW,
        {},
        {"iat": 60},
    ),
    "sts is active or absent": (lambda a: a.claims.get("sts", "active") != "active", {}, {"sts": "pending"}),
}
# Where we accept what jwcrypto refuses.
LAXER: Final[dict[str, tuple[Callable[[Asked], bool], Members, Members]]] = {
    "jti and a claim typ are not read": (
        lambda a: not all(isinstance(a.claims[name], str) for name in ("jti", "typ") if name in a.claims),
        {},
        {"jti": 5},
    ),
}

# How the two read bytes: tokens that jwcrypto accepts and we refuse, each made of a good one's parts and signed.
SPELLINGS: Final[dict[str, Callable[[Bench], str]]] = {
    "padding in the signature": lambda bench: bench.signed() + "==",
    "a spare bit of the signature": lambda bench: _spare(bench.signed()),
    "a member twice in the header": lambda bench: bench.signed(header=b64(_twice(bench.header(kid=OWN_KID), "x"))),
    "a member twice in the payload": lambda bench: bench.signed(payload=b64(_twice(bench.claims(), "x"))),
    "NaN in the payload": lambda bench: bench.signed(payload=b64(_json({**bench.claims(), "x": float("nan")}))),
    "Infinity in disguise": lambda bench: bench.signed(payload=b64(_json(bench.claims())[:-1] + b',"x":1e999}')),
    "a payload nested too deeply": lambda bench: bench.signed(
        payload=b64(_json(bench.claims())[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}")
    ),
    "a header nested too deeply": lambda bench: bench.signed(
        header=b64(_json(bench.header(kid=OWN_KID))[:-1] + b',"x":' + b"[" * 40 + b"]" * 40 + b"}")
    ),
    "a header of too many members": lambda bench: bench.signed(
        header=b64(_json({**bench.header(kid=OWN_KID), **{f"x{n}": n for n in range(40)}}))
    ),
    "a header that is too long": lambda bench: bench.signed(
        header=b64(_json({**bench.header(kid=OWN_KID), "x": "x" * 1_000}))
    ),
    "a token that is too long": lambda bench: bench.token(x="x" * 16_384),
}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _twice(members: object, name: str) -> bytes:
    return _json(members)[:-1] + f',"{name}":1,"{name}":2}}'.encode()


def _spare(token: str) -> str:
    signed, dot, signature = token.rpartition(".")
    other = EDITS["spare bit"](signature.encode()).decode()
    assert signature != other
    return signed + dot + other


def made(judges: Judges, header: Members, claims: Members, *, strict: bool = False) -> tuple[str, Asked]:
    """A token of these members, times being seconds from now, signed with a key of the set; and what is asked."""
    bench = judges.bench
    times = {name: value + bench.now for name, value in claims.items() if type(value) is int and name in _TIMES}
    head, body = bench.header(**{"kid": OWN_KID, **header}), bench.claims(**{**claims, **times})
    if strict:
        body = {"aud": AUDIENCE, "azp": APP, **body}
    return bench.signed(b64(_json(head)), b64(_json(body))), Asked(head, body, bench.now, strict)


def clerk_for(judges: Judges, asked: Asked) -> Clerk:
    """A client of the policy that was asked for."""
    return judges.sync.with_policy(audience=AUDIENCE, authorized_parties=[APP]) if asked.strict else judges.sync


_TIMES: Final = {"exp", "iat", "nbf"}


@pytest.mark.parametrize("why", STRICTER)
def test_stricter(judges: Judges, why: str) -> None:
    """We refuse what jwcrypto accepts, and it is that difference alone."""
    _, header, claims = STRICTER[why]
    token, asked = made(judges, header, claims)

    assert jwcrypto_accepts(judges.bench, token, asked)
    assert not we_accept(judges.sync, token)
    assert [why] == [name for name, (differs, _, _) in STRICTER.items() if differs(asked)]


@pytest.mark.parametrize("why", LAXER)
def test_laxer(judges: Judges, why: str) -> None:
    """We accept what jwcrypto refuses, and it is that difference alone."""
    _, header, claims = LAXER[why]
    token, asked = made(judges, header, claims)

    assert not jwcrypto_accepts(judges.bench, token, asked)
    assert we_accept(judges.sync, token)
    assert LAXER[why][0](asked)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_stricter_spelling(judges: Judges, spelling: str) -> None:
    """We refuse a spelling or a size that jwcrypto reads."""
    token = SPELLINGS[spelling](judges.bench)
    asked = Asked({}, {}, judges.bench.now, strict=False)

    assert jwcrypto_accepts(judges.bench, token, asked)
    assert not we_accept(judges.sync, token)


ODD: Final = st.sampled_from([None, True, 0, 5, -1, 1.5, "", "x", "active", [], ["x"], {}, {"x": 1}])
TIME: Final = st.sampled_from(
    [-10_000, -60, -6, -5, -4, -1, 0, 1, 4, 5, 6, 60, 10_000, 10**12, 10**400, 0.5, 1e9, 1e300, REMOVE]
)
CLAIMS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "exp": TIME | ODD,
    "iat": TIME | ODD,
    "nbf": TIME | ODD,
    "sub": st.sampled_from(["user_1", "mch_1", "mch", REMOVE]) | ODD,
    "sid": st.sampled_from(["sess_1", REMOVE]) | ODD,
    "iss": st.sampled_from(["https://evil.example", "https://acme.clerk.accounts.dev", REMOVE]) | ODD,
    "aud": st.sampled_from([AUDIENCE, [AUDIENCE], ["x", AUDIENCE], [AUDIENCE, 5], [[AUDIENCE]], REMOVE]) | ODD,
    "azp": st.sampled_from([APP, [APP], f"{APP}/", REMOVE]) | ODD,
    "sts": st.sampled_from(["active", "pending", REMOVE]) | ODD,
    "jti": ODD,
    "v": ODD,
    "o": ODD,
    "x": st.text(max_size=5) | ODD,
}
HEADER: Final[dict[str, st.SearchStrategy[Any]]] = {
    "alg": st.sampled_from(["RS256", "RS384", "PS256", "HS256", "none", "rs256", REMOVE]) | ODD,
    "typ": st.sampled_from(["JWT", "jwt", "at+jwt", REMOVE]) | ODD,
    "cat": st.sampled_from([SESSION_CAT, IGNORE_CAT, TEMPLATE_CAT, REMOVE]) | ODD,
    "kid": st.sampled_from([OWN_KID, "ins_other", REMOVE]) | ODD,
    "crit": st.sampled_from([["x"], ["b64"]]) | ODD,
    "jwk": st.just(stranger().public_jwk(OWN_KID)) | ODD,
    "x": ODD,
}


def some(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Members]:
    """None, a few or all of these members: with many odd ones both refuse nearly everything."""
    names = st.lists(st.sampled_from(sorted(members)), max_size=2, unique=True) | st.just(sorted(members))
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: members[name] for name in chosen}))


@given(header=some(HEADER), claims=some(CLAIMS), strict=st.booleans())
@settings(max_examples=400)
def test_agreement(judges: Judges, header: Members, claims: Members, strict: bool) -> None:
    """Of any header and claims, well signed, both say the same, unless a listed difference is there."""
    token, asked = made(judges, header, claims, strict=strict)
    assume(not any(differs(asked) for differs, _, _ in LAXER.values()))
    stricter = any(differs(asked) for differs, _, _ in STRICTER.values())
    theirs = jwcrypto_accepts(judges.bench, token, asked)

    assert (theirs and not stricter) == we_accept(clerk_for(judges, asked), token)


def _oracle(token: str) -> bool:
    """Whether jwcrypto finds an RS256 signature of the bench's own key on it."""
    try:
        judged: Any = jws.JWS()
        judged.allowed_algs = ["RS256"]
        judged.deserialize(token)
        judged.verify(jwk.JWK(**own_key().public_jwk(OWN_KID)))
    except Exception:  # noqa: BLE001 - it refuses in many ways
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
def test_signatures(judges: Judges, data: st.DataObject) -> None:
    """We agree with jwcrypto on which tokens bear the key's RS256 signature."""
    token = _variant(data, judges.bench.signed())
    verdict = judges.verdict(token)
    unsigned = {Reason.TOKEN_INVALID_SIGNATURE, Reason.TOKEN_INVALID_ALGORITHM}

    assert _oracle(token) == (verdict not in unsigned)


@functools.cache
def _own_jwk() -> jwk.JWK:
    return jwk.JWK.from_pyca(own_key().private_key)


@given(payload=st.binary(max_size=60))
@example(payload=b"{}")
@settings(max_examples=15)  # jwcrypto checks the private key anew for each signature
def test_any_payload_that_jwcrypto_signs(judges: Judges, payload: bytes) -> None:
    """What jwcrypto signs holds for us: the fault that is left is the payload's."""
    signed: Any = jws.JWS(payload)
    signed.add_signature(_own_jwk(), None, json.dumps({"alg": "RS256", "kid": OWN_KID}))

    verdict = judges.verdict(cast("str", signed.serialize(compact=True)))
    assert verdict in {Reason.TOKEN_INVALID, Reason.TOKEN_VERIFICATION_FAILED}  # the latter where it is an object
