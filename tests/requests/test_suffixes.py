"""Which cookies are read where plain and suffixed ones are there: Clerk's eight rules, the first that fits decides."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs
import pytest

from clerk_ext import Reason, TokenVerificationError
from clerk_ext.carriers import Instance, by_cookie, read
from tests.verifier.bench import b64

if TYPE_CHECKING:
    from clerk_ext.carriers import RequestLike

NOW: Final = 1_767_225_600
DEVELOPMENT: Final = "pk_test_Y2xlcmsuY2xlcmsuZGV2JA"
PRODUCTION: Final = "pk_live_ZmFrZS1jbGVyay10ZXN0LmNsZXJrLmFjY291bnRzLmRldiQ="
SUFFIXES: Final = {DEVELOPMENT: "QvfNY2dr", PRODUCTION: "qReyu04C"}
HOSTS: Final = {DEVELOPMENT: "clerk.clerk.dev", PRODUCTION: "fake-clerk-test.clerk.accounts.dev"}

Token: TypeAlias = "dict[str, Any] | str | None"

JUNK: Final = "junk"
GOOD: Final[dict[str, Any]] = {"iat": NOW - 10, "exp": NOW + 50}
NEWER: Final = GOOD | {"iat": NOW - 5}
EXPIRED: Final = GOOD | {"exp": NOW - 1}
FOREIGN: Final = GOOD | {"iss": "https://clerk.other.example"}
UAT: Final = str(NOW - 100)

NO_UAT: Final = Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT
NO_SESSION: Final = Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN
NOTHING: Final = Reason.SESSION_TOKEN_AND_UAT_MISSING


@attrs.frozen
class Row:
    """Four cookies, each absent if None, and which token is read, or why none is."""

    rule: str
    plain: Token
    plain_uat: str | None
    suffixed: Token
    suffixed_uat: str | None
    expected: str
    key: str = DEVELOPMENT


ROWS: Final = [
    Row("1, undecodable", JUNK, UAT, GOOD, UAT, "plain"),
    Row("1, no iss", GOOD | {"iss": None}, UAT, NEWER, UAT, "plain"),
    Row("1, iss no string", GOOD | {"iss": 5}, UAT, NEWER, UAT, "plain"),
    Row("1, iss empty", GOOD | {"iss": ""}, UAT, NEWER, UAT, "plain"),
    Row("1, undecodable, without its uat", JUNK, None, GOOD, UAT, NO_UAT),
    Row("not 1, iss is ours", GOOD, UAT, NEWER, UAT, "suffixed"),
    Row("not 1, no plain cookie", None, UAT, GOOD, UAT, "suffixed"),
    Row("not 1, empty plain cookie", "", UAT, GOOD, UAT, "suffixed"),
    Row("2, other instance's", FOREIGN, UAT, GOOD, UAT, "suffixed"),
    Row("2, other instance's and newer", FOREIGN | {"iat": NOW}, UAT, GOOD, UAT, "suffixed"),
    Row("2, other instance's, none of ours", FOREIGN, UAT, None, None, NOTHING),
    Row("2, other instance's, ours signed out", FOREIGN, UAT, GOOD, "0", NO_UAT),
    Row("2, our session without its uat", FOREIGN, UAT, GOOD, None, NO_UAT),
    Row(
        "2, host in front of another",
        FOREIGN | {"iss": "https://clerk.clerk.dev.evil.example"},
        UAT,
        None,
        None,
        NOTHING,
    ),
    Row("2, host with a path", FOREIGN | {"iss": "https://clerk.clerk.dev/x"}, UAT, None, None, NOTHING),
    Row("not 2, ours", GOOD, UAT, None, None, "plain"),
    Row("not 2, ours by http", GOOD | {"iss": "http://clerk.clerk.dev"}, UAT, None, None, "plain"),
    Row("not 2, ours without a scheme", GOOD | {"iss": "clerk.clerk.dev"}, UAT, None, None, "plain"),
    Row("3, nothing suffixed", GOOD, UAT, None, None, "plain"),
    Row("3, nothing suffixed, signed out", GOOD, "0", None, None, NO_UAT),
    Row("3, nothing suffixed, no session", None, UAT, None, None, NO_SESSION),
    Row("3, nothing at all", None, None, None, None, NOTHING),
    Row("3, suffixed ones empty", GOOD, UAT, "", "", "plain"),
    Row("not 3, a suffixed session", None, None, GOOD, UAT, "suffixed"),
    Row("not 3, a suffixed uat", GOOD, UAT, None, UAT, "plain"),
    Row("not 3, a suffixed uat, nothing plain", None, None, None, UAT, NO_SESSION),
    Row("4, plain is newer", NEWER, UAT, GOOD, UAT, "plain"),
    Row("4, suffixed has no iat", GOOD, UAT, {"exp": NOW + 50}, UAT, "plain"),
    Row("4, suffixed iat no number", GOOD, UAT, GOOD | {"iat": str(NOW)}, UAT, "plain"),
    Row("4, suffixed is junk", GOOD, UAT, JUNK, UAT, "plain"),
    Row("4, plain is newer, its uat absent", NEWER, None, GOOD, UAT, NO_UAT),
    Row("4, plain is newer, suffixed uat absent", NEWER, UAT, GOOD, None, "plain"),
    Row("not 4, as old", GOOD, UAT, GOOD | {"x": 1}, UAT, "suffixed"),
    Row("not 4, plain is older", GOOD, UAT, NEWER, UAT, "suffixed"),
    Row("not 4, plain has no iat", {"exp": NOW + 50}, UAT, GOOD, UAT, "suffixed"),
    Row("not 4, plain is newer but signed out", NEWER, "0", GOOD, UAT, "suffixed"),
    Row("5, suffixed signed out", GOOD, UAT, GOOD | {"x": 1}, "0", "plain"),
    Row("5, suffixed signed out, plain older", GOOD, UAT, NEWER, "0", "plain"),
    Row("5, suffixed signed out, plain uat absent", GOOD, None, None, "0", NO_UAT),
    Row("not 5, both signed out", GOOD, "0", None, "0", NOTHING),
    Row("not 5, another zero", None, None, GOOD, "00", NO_UAT),
    Row("6, expired", GOOD, "0", EXPIRED, UAT, NO_UAT),
    Row("6, expired just now", GOOD, "0", GOOD | {"exp": NOW}, UAT, NO_UAT),
    Row("6, expired, nothing plain but the uat", None, "0", EXPIRED, UAT, NOTHING),
    Row("6, expired, suffixed uat absent", GOOD, "0", EXPIRED, None, NO_UAT),
    Row("not 6, not expired", GOOD, "0", GOOD | {"x": 1}, UAT, "suffixed"),
    Row("not 6, no exp", GOOD, "0", {"iat": NOW}, UAT, "suffixed"),
    Row("not 6, production", GOOD, "0", EXPIRED, UAT, "suffixed", PRODUCTION),
    Row("not 6, plain signed in", GOOD, UAT, EXPIRED, UAT, "suffixed"),
    Row("not 6, plain uat absent", None, None, EXPIRED, UAT, "suffixed"),
    Row("7, no suffixed uat", GOOD, UAT, NEWER, None, "plain"),
    Row("7, empty suffixed uat", GOOD, UAT, NEWER, "", "plain"),
    Row("7, no suffixed uat, plain signed out", GOOD, "0", NEWER, None, NO_UAT),
    Row("7, no suffixed uat, nothing plain", None, None, GOOD, None, NOTHING),
    Row("not 7, a suffixed uat", GOOD, UAT, NEWER, UAT, "suffixed"),
    Row("8, suffixed ones alone", None, None, GOOD, UAT, "suffixed"),
    Row("8, in production", GOOD, UAT, NEWER, UAT, "suffixed", PRODUCTION),
    Row("8, suffixed session, older than its uat", GOOD, UAT, NEWER, str(NOW), "too old"),
]


def spelt(token: Token, key: str) -> str | None:
    """The token, unsigned: the choice believes none of it."""
    if not isinstance(token, dict):
        return token
    claims = {"iss": f"https://{HOSTS[key]}", **token}
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": "RS256", "typ": "JWT", "kid": "ins_a"}
    return f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}.AAAA"


def carried(request: RequestLike, key: str | None) -> str | TokenVerificationError:
    """The token among a request's cookies that an instance takes."""
    cookies = read(request)
    assert not isinstance(cookies, str | TokenVerificationError)
    return by_cookie(cookies, Instance.of(key), NOW)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule)
def test_rule(row: Row) -> None:
    """Session and uat are both read plain, or both suffixed, as the first rule that fits says."""
    suffix = SUFFIXES[row.key]
    plain, suffixed = spelt(row.plain, row.key), spelt(row.suffixed, row.key)
    cookies = {
        "__session": plain,
        "__client_uat": row.plain_uat,
        f"__session_{suffix}": suffixed,
        f"__client_uat_{suffix}": row.suffixed_uat,
    }
    line = "; ".join(f"{name}={value}" for name, value in cookies.items() if value is not None)
    found = carried({"Cookie": line}, row.key)
    expected = {"plain": plain, "suffixed": suffixed, "too old": Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT}

    assert plain != suffixed or plain is None
    assert expected.get(row.expected, row.expected) == (
        found.reason if isinstance(found, TokenVerificationError) else found
    )


def test_each_rule_has_its_cases() -> None:
    """Every rule is met, and all but the last also just missed."""
    rules = {row.rule.partition(",")[0] for row in ROWS}

    assert {*map(str, range(1, 9)), *(f"not {rule}" for rule in range(1, 8))} == rules
    assert len(ROWS) == len({row.rule for row in ROWS})


@pytest.mark.parametrize("key", SUFFIXES)
def test_published_vectors(key: str) -> None:
    """The suffixes that Clerk's own tests have for these publishable keys."""
    instance = Instance.of(key)

    assert SUFFIXES[key] == instance.suffix
    assert HOSTS[key] == instance.host
    assert (key == PRODUCTION) == instance.is_production


def test_suffix_is_of_the_key_as_configured() -> None:
    """Padding changes the suffix, and the host it does not."""
    padded, bare = Instance.of(f"{DEVELOPMENT}=="[:-1]), Instance.of(DEVELOPMENT)

    assert bare.host == padded.host
    assert bare.suffix != padded.suffix


def key_of(host: str) -> str:
    """The publishable key of a development instance."""
    return f"pk_test_{base64.b64encode(f'{host}$'.encode()).decode()}"


def test_suffix_is_url_safe() -> None:
    """A suffix may be part of a cookie's name: the two characters of base64 that may not are others."""
    keys = [key_of(f"clerk.example{number}.com") for number in range(50)]
    plain = [base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()[:8] for key in keys]

    assert any("/" in suffix for suffix in plain)
    assert any("+" in suffix for suffix in plain)
    assert [suffix.replace("/", "_").replace("+", "-") for suffix in plain] == [Instance.of(key).suffix for key in keys]


def test_host_in_lower_case() -> None:
    """Hosts compare without case, and issuers are in lower case."""
    assert "clerk.example.com" == Instance.of(key_of("Clerk.Example.COM")).host


def test_no_publishable_key() -> None:
    """Without one only plain cookies are looked at."""
    cookies = {name: f"__session{name}={JUNK}{name}; __client_uat{name}={UAT}" for name in ("", "_QvfNY2dr")}
    found = [carried({"Cookie": line}, None) for line in ("; ".join(cookies.values()), cookies[""])]

    assert [JUNK, JUNK] == found
