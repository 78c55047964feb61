"""The issuer that an unverified payload names, and how deeply a payload nests, however it is spelt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clerk_ext import Clerk, Reason, Tenants, TokenVerificationError
from clerk_ext.testing import FakeClerk, FakeTransport
from clerk_ext.tokens import token as tokens
from clerk_ext.tokens.token import MAX_DEPTH, ParsedToken, claims_of, issuer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

NOW: Final = 1_767_225_600
ACME: Final = FakeClerk("acme", clock=lambda: float(NOW))
GLOBEX: Final = FakeClerk("globex", clock=lambda: float(NOW))
FAKES: Final = {fake.slug: fake for fake in (ACME, GLOBEX)}
GOOD: Final[list[tuple[str, Any]]] = [("sub", "user_a"), ("sid", "sess_a"), ("iat", NOW), ("exp", NOW + 60)]

is_deeper: Final[Callable[[bytes, int], bool]] = tokens._is_deeper  # pyright: ignore[reportPrivateUsage]


class Members(list[tuple[str, Any]]):
    """The members of an object in their order; a name may stand there twice."""


Json: TypeAlias = "Members | list[Any] | Any"

# What could be taken for the claim: its name and value as text, in quotes, in pieces, or nearly.
words: Final = st.sampled_from([
    "iss", "Iss", "iss ", '"iss"', '"iss":', f'"iss":"{GLOBEX.issuer}"', f'","iss":"{ACME.issuer}', "x", "", "\\", '"',
    "[{", "]}", ACME.issuer, GLOBEX.issuer, f"{ACME.issuer}/", "https://nobody.example", "acme", "\u0131ss", "é", "😀",
])  # fmt: skip
issuers: Final = st.sampled_from([ACME.issuer, GLOBEX.issuer])
scalars: Final[st.SearchStrategy[Any]] = words | issuers | st.integers(-9, 9) | st.booleans() | st.none()
names: Final = st.just("iss") | words


def _containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.lists(st.tuples(names, inner), max_size=4).map(Members)


values: Final = st.recursive(scalars, _containers, max_leaves=8)
texts: Final = st.recursive(scalars | st.text(), _containers, max_leaves=20)


def spelt(value: Json, random: Random, escaped: float | None = None) -> str:
    """A value as JSON: blanks anywhere, and some characters of strings, often none, escaped without need."""
    rate = random.choice([0.0, 0.0, 0.0, 0.1, 0.5]) if escaped is None else escaped

    def blank() -> str:
        return random.choice(["", "", "", " ", "\t", "\r\n", "   "])

    def row(items: list[str]) -> str:
        return f"{blank()},{blank()}".join(items)

    def inner(item: Json) -> str:
        return spelt(item, random, rate)

    match value:
        case str():
            return f'"{"".join(_escape(one) if random.random() < rate else _plain(one) for one in value)}"'
        case Members():
            pairs = [f"{inner(name)}{blank()}:{blank()}{inner(member)}" for name, member in value]
            return f"{{{blank()}{row(pairs)}{blank()}}}"
        case list():
            return f"[{blank()}{row([inner(item) for item in cast('list[Any]', value)])}{blank()}]"
        case _:
            return json.dumps(value)


def _plain(character: str) -> str:
    return json.dumps(character, ensure_ascii=False)[1:-1]


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02X}" for at in range(0, len(units), 2))


def read(payload: bytes) -> dict[str, Any] | None:
    """What plain `json` finds in a payload; None if a member stands there twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            raise ValueError
        return members

    try:
        return cast("dict[str, Any]", json.loads(payload.decode(), object_pairs_hook=unique))
    except ValueError:
        return None


def parsed(payload: bytes) -> ParsedToken:
    """A token of which only the payload matters."""
    return ParsedToken("", "", None, payload, b"", b"")


def made(**settings: Any) -> Iterator[Tenants]:
    """Tenants of both instances, with these settings."""
    configs = [fake.config(**settings) for fake in FAKES.values()]
    with Tenants(configs, transport=FakeTransport(*FAKES.values())) as tenants:
        yield tenants


@pytest.fixture(scope="module")
def tenants() -> Iterator[Tenants]:
    """Both instances, for all examples."""
    yield from made()


@pytest.fixture(scope="module")
def sharing() -> Iterator[Tenants]:
    """Both with the keys of one: nothing but the claim tells them apart."""
    yield from made(jwks_url=ACME.jwks_url)


@pytest.fixture(scope="module")
def clerks() -> Iterator[dict[str, Clerk]]:
    """A client of each instance alone."""
    clerks = {slug: Clerk(fake.config(), transport=FakeTransport(fake)) for slug, fake in FAKES.items()}
    yield clerks
    for clerk in clerks.values():
        clerk.close()


def in_any_order(members: tuple[list[tuple[str, Any]], str | None]) -> st.SearchStrategy[list[tuple[str, Any]]]:
    """These members and those of a good payload; the claim perhaps among them, and perhaps more than once."""
    more, issuer = members
    claim: list[tuple[str, Any]] = [("iss", issuer)] if issuer else []
    return st.permutations([*GOOD, *more, *claim])


payloads: Final = st.tuples(st.lists(st.tuples(words, values), max_size=2), issuers | st.none() | issuers).flatmap(
    in_any_order
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.sampled_from([ACME, GLOBEX]), payloads, st.randoms(use_true_random=False))
def test_accepted_by_its_tenant_alone(
    tenants: Tenants, clerks: dict[str, Clerk], signer: FakeClerk, members: list[tuple[str, Any]], random: Random
) -> None:
    """A payload that its instance signed is accepted exactly if its claim iss says it, and by that tenant."""
    payload = spelt(Members(members), random).encode("utf-8", "surrogatepass")
    token = signer.sign({"alg": "RS256", "typ": "JWT", "kid": signer.kid}, payload)
    says = (read(payload) or {}).get("iss")
    state = tenants.authenticate_token(token)
    alone = {slug: clerk.authenticate_token(token).is_signed_in for slug, clerk in clerks.items()}

    assert (says == signer.issuer) == state.is_signed_in
    assert {slug: slug == signer.slug and state.is_signed_in for slug in FAKES} == alone
    if state.is_signed_in:
        assert signer.slug == state.tenant
    elif read(payload) is not None and isinstance(says, str) and says:
        by_issuer = {fake.issuer: slug for slug, fake in FAKES.items()}
        assert by_issuer.get(says) == state.tenant
        assert (says in by_issuer) != (state.reason is Reason.TENANT_UNKNOWN)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads, st.randoms(use_true_random=False))
def test_claim_decides(sharing: Tenants, members: list[tuple[str, Any]], random: Random) -> None:
    """Of tenants with the same keys the one accepts a payload that its claim iss says, and none if it says nobody."""
    payload = spelt(Members(members), random).encode("utf-8", "surrogatepass")
    state = sharing.authenticate_token(ACME.sign({"alg": "RS256", "typ": "JWT", "kid": ACME.kid}, payload))
    says = (read(payload) or {}).get("iss")
    meant = [slug for slug, fake in FAKES.items() if fake.issuer == says]

    assert meant == ([state.claims.tenant] if state.claims else [])
    assert meant == ([state.tenant] if state.is_signed_in else [])


@given(payloads | st.lists(st.tuples(names, texts)), st.randoms(use_true_random=False))
def test_says_what_the_claim_does(members: list[tuple[str, Any]], random: Random) -> None:
    """Where the claim is a text that is not empty, it is what is found, whatever else looks like it."""
    payload = spelt(Members(members), random).encode("utf-8", "surrogatepass")
    claims = read(payload)
    says = (claims or {}).get("iss")
    found = issuer_of(parsed(payload))

    if claims is not None and isinstance(says, str) and says:
        assert says == found
    elif claims is not None and b'"iss"' not in payload:
        assert found is None


SPELLINGS: Final[dict[str, tuple[str, str | None]]] = {
    "as Clerk writes it": ('{"exp":1,"iss":"https://a.example","sub":"u"}', "https://a.example"),
    "blanks": ('{ "iss" \n:\t"https://a.example" \r}', "https://a.example"),
    "escaped slash": ('{"iss":"https:\\/\\/a.example"}', "https://a.example"),
    "escaped value": ('{"iss":"\\u0068ttps://a.example"}', "https://a.example"),
    "escaped name": ('{"\\u0069ss":"https://a.example"}', "https://a.example"),
    "escaped elsewhere": ('{"a":"\\n","iss":"https://a.example"}', "https://a.example"),
    "escaped name, another within": ('{"a":{"iss":"https://b.example"},"\\u0069ss":"https://a.example"}', "https://a.example"),
    "also within": ('{"a":{"iss":"https://b.example"},"iss":"https://a.example"}', "https://a.example"),
    "also within, after": ('{"iss":"https://a.example","a":[{"iss":"https://b.example"}]}', "https://a.example"),
    "a value called iss": ('{"a":"iss","iss":"https://a.example"}', "https://a.example"),
    "a value called iss, then text": ('{"a":["iss","b"],"iss":"https://a.example"}', "https://a.example"),
    "its value is iss": ('{"iss":"iss"}', "iss"),
    "in a text": ('{"a":"\\"iss\\":\\"https://b.example\\"","iss":"https://a.example"}', "https://a.example"),
    "space": ('{"iss":"https://a.example "}', "https://a.example "),
    "é": ('{"iss":"https://é.example"}', "https://é.example"),
    "twice": ('{"iss":"https://a.example","iss":"https://a.example"}', None),
    "twice, one escaped": ('{"iss":"https://a.example","i\\u0073s":"https://b.example"}', None),
    "a value called iss alone": ('{"a":"iss"}', None),
    "missing": ('{"sub":"u"}', None),
    "null": ('{"iss":null}', None),
    "number": ('{"iss":5}', None),
    "list": ('{"iss":["https://a.example"]}', None),
    "empty": ('{"iss":""}', None),
    "empty, with an escape": ('{"iss":"","a":"\\n"}', None),
    "array": ('["iss"]', None),
    "text": ('"iss"', None),
    "nothing": ("", None),
    "no JSON": ("iss: https://a.example", None),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spelling(spelling: str) -> None:
    """However it is spelt, the claim is found; what only looks like it is not."""
    payload, issuer = SPELLINGS[spelling]

    assert issuer == issuer_of(parsed(payload.encode()))


@given(st.binary() | st.text().map(lambda text: f'{{"iss":"{text}'.encode("utf-8", "surrogatepass")))
def test_any_bytes(payload: bytes) -> None:
    """Whatever the payload is, there is an answer."""
    found = issuer_of(parsed(payload))

    assert found is None or isinstance(found, str)
    assert is_deeper(payload, MAX_DEPTH) in (True, False)


def depth(value: Json) -> int:
    """How many levels of arrays and objects."""
    match value:
        case Members():
            return 1 + max((depth(member) for _, member in value), default=0)
        case list():
            return 1 + max(map(depth, cast("list[Any]", value)), default=0)
        case _:
            return 0


@given(texts, st.integers(0, 7), st.randoms(use_true_random=False))
def test_depth(value: Json, most: int, random: Random) -> None:
    """Nesting is judged as by counting levels, whatever brackets, quotes and backslashes the strings hold."""
    assert (depth(value) > most) == is_deeper(spelt(value, random).encode("utf-8", "surrogatepass"), most)


@given(
    st.integers(MAX_DEPTH - 2, MAX_DEPTH + 2), st.lists(st.booleans(), min_size=40, max_size=40), st.text('[]{}\\"é')
)
def test_limit(levels: int, kinds: list[bool], text: str) -> None:
    """A payload may nest to the limit and no deeper, in arrays and objects alike, beside any other text."""
    value: Any = text
    for is_list in kinds[: levels - 1]:
        value = [value] if is_list else {"a": value}
    claims = {"t": "[{" * 40 + text, "a": value}
    payload = json.dumps(claims, ensure_ascii=False).encode()
    if levels <= MAX_DEPTH:
        assert claims == claims_of(payload)
        return
    with pytest.raises(TokenVerificationError, match=f"nested more than {MAX_DEPTH} levels") as refused:
        claims_of(payload)
    assert refused.value.reason is Reason.TOKEN_INVALID


ISS: Final = f'"iss":"{ACME.issuer}"'
HUGE: Final[dict[str, str]] = {
    "arrays": "[" * 5_000 + "]" * 5_000,
    "arrays that do not end": "[" * 11_000,
    "ends alone": "]" * 11_000,
    "objects": '{"a":' * 1_900 + "1" + "}" * 1_900,
    "objects that do not end": '{"a":' * 2_000,
    "pairs": "[]" * 5_500,
    "pairs the wrong way": "][" * 5_500,
    "crossed": "[{" * 2_750 + "]}" * 2_750,
    "quotes": '"' * 11_001,
    "backslashes": "\\" * 11_000,
    "quotes with backslashes": '\\"' * 5_500,
    "a comb": "[[]," * 2_200 + "[]" + "]" * 2_200,
    "claim, then arrays": f'{{{ISS},"a":{"[" * 5_000}{"]" * 5_000}}}',
    "arrays, then claim": f'{{"a":{"[" * 5_000}{"]" * 5_000},{ISS}}}',
    "claim within": f'{{"a":{"[" * 5_000}{{{ISS}}}{"]" * 5_000}}}',
    "claims": f"{{{','.join([ISS] * 250)}}}",
    "claim, then a long number": f'{{{ISS},"a":{"9" * 11_000}}}',
    "long number": f'{{"a":{"9" * 11_000},"\\u0069ss":"{ACME.issuer}"}}',
}
WIDE: Final[dict[str, str]] = {
    "empty arrays": f"[{'[],' * 3_500}[]]",
    "empty objects": f"[{'{},' * 3_500}{{}}]",
    "brackets in a text": f'"{"[" * 11_000}"',
    "quotes and brackets in a text": f'"{chr(92)}"{(chr(92) + chr(34) + "[") * 3_000}"',
    "backslashes in a text": f'"{chr(92) * 2 * 5_000}[{chr(92) * 2}"',
}


@pytest.mark.parametrize("shape", HUGE)
def test_huge(tenants: Tenants, shape: str) -> None:
    """What is too deep or no JSON is refused like any other token, whoever signed it, and counts as no failure."""
    token = ACME.sign({"alg": "RS256", "typ": "JWT", "kid": ACME.kid}, HUGE[shape].encode())
    forged = ACME.forge(token)
    states = [tenants.authenticate_token(token), tenants.authenticate_token(forged)]

    assert [False, False] == [state.is_signed_in for state in states]
    assert states[0].reason in {Reason.TOKEN_INVALID, Reason.TENANT_UNKNOWN}
    assert states[1].reason in {Reason.TOKEN_INVALID_SIGNATURE, Reason.TENANT_UNKNOWN}
    assert states[0].tenant == states[1].tenant


@pytest.mark.parametrize("shape", WIDE)
@pytest.mark.parametrize("is_first", [True, False])
def test_wide(tenants: Tenants, shape: str, is_first: bool) -> None:
    """Much that is not deep is accepted, before the claim or after it."""
    rest = json.dumps(dict(GOOD))[1:-1]
    wide = f'"a":{WIDE[shape]}'
    payload = f"{{{','.join([wide, rest, ISS] if is_first else [ISS, rest, wide])}}}"
    token = ACME.sign({"alg": "RS256", "typ": "JWT", "kid": ACME.kid}, payload.encode())

    assert "acme" == tenants.verify_token(token).tenant
    assert json.loads(payload) == claims_of(payload.encode())
