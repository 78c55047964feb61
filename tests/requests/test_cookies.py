"""Cookies by RFC 6265 5.4, and what `__client_uat` says of the session cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext import Reason
from clerk_ext.testing import FakeClerk, FakeTransport
from tests.verifier.bench import MACHINE_CAT, REMOVE, TEMPLATE_CAT, stranger

from .kinds import cookie, cookies

if TYPE_CHECKING:
    from clerk_ext import Clerk
    from tests.verifier.bench import Bench
    from tests.worlds import World

NEIGHBOURS = {
    "no equals sign": "flag",
    "name of ours without equals sign": "__session; __client_uat",
    "empty": "",
    "empty name": "=value",
    "empty name and value": "=",
    "empty value": "empty=",
    "equals signs": "a=b=c==",
    "quote": 'a="',
    "quotes": 'a="b c"',
    "quoted semicolon": 'a="b; c="',
    "comma": "a=b,c",
    "comma before a name of ours": "a=b,__session=evil",
    "non-ASCII": "\xe4=\xff",
    "not UTF-8": "a=\xc3(",
    "control character": "a=\x01\x7f",
    "attributes": "Path=/; Domain=example.com; HttpOnly; Secure; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
    "dollar attributes": '$Version="1"; $Path="/"',
    "JSON": 'a={"b": [1, 2]}',
    "percent": "a=%3B%20__session%3Devil",
    "backslash": "a=\\",
    "duplicates": "a=1; a=2; a=3",
    "huge": "a=" + "b" * 200_000,
    "many": "; ".join(f"a{number}={number}" for number in range(2_000)),
    "space in a name": "a b=c",
    "names that begin like ours": "__session2=evil; __session_=evil; __sessions=evil; __client_uat2=0; __client_uat_=0",
    "names that end like ours": "x__session=evil; x__client_uat=0; __Host-__session=evil",
    "names of other case": "__SESSION=evil; __Client_Uat=0",
    "suffix of another instance": "__session_AAAAAAAA=evil; __client_uat_AAAAAAAA=0",
    "other white space": "\xa0__session=evil; __session\x85=evil; \x1c__session=evil; \x0c__client_uat=0",
}


@pytest.mark.parametrize("neighbour", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_neighbours(clerk: Clerk, bench: Bench, neighbour: str) -> None:
    """Whatever stands beside Clerk's cookies hides none of them and is taken for none, on any side of them."""
    token = bench.token()
    since, session = (f"{name}={value}" for name, value in cookies(bench.now - 100, token))
    lines = [
        f"{neighbour}; {since}; {session}",
        f"{since}; {neighbour}; {session}",
        f"{session};{since};{neighbour}",
        f"  {session}  ;\t{since} ; {neighbour};",
    ]

    assert [token] * 4 == [clerk.authenticate_request({"Cookie": line}).token for line in lines]


def test_quoted_values(clerk: Clerk, bench: Bench) -> None:
    """A value may stand in quotes, which are not part of it (RFC 6265 4.1.1)."""
    token = bench.token()
    line = f'__session="{token}"; __client_uat="{bench.now - 100}"'

    assert token == clerk.authenticate_request({"Cookie": line}).token


def test_first_of_duplicates(clerk: Clerk, bench: Bench) -> None:
    """Of cookies of one name the first counts: browsers send that of the most specific path first."""
    token = bench.token()
    line = cookie(*cookies(bench.now - 100, token), *cookies(0, "x.y.z"))
    later = cookie(*cookies(0, "x.y.z"), *cookies(bench.now - 100, token))

    assert token == clerk.authenticate_request({line[0]: line[1]}).token
    assert Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT == clerk.authenticate_request({later[0]: later[1]}).reason


@pytest.mark.parametrize(
    "value", ["", "x", "x.y.z", '"', "mt_abc", "a" * 20_000, "\xe9.\xe9.\xe9"], ids=lambda v: v[:9]
)
def test_no_token_in_the_cookie(clerk: Clerk, bench: Bench, value: str) -> None:
    """What is no token in the session cookie is refused like one in a header; an empty cookie is none."""
    reason = clerk.authenticate_request({"Cookie": cookie(*cookies(bench.now - 100, value))[1]}).reason
    expected = {"": Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN, "a" * 20_000: Reason.TOKEN_TOO_LARGE}

    assert expected.get(value, Reason.TOKEN_INVALID) == reason
    assert [] == bench.fake.requests


SIGNED_OUT_UATS = [
    "0",
    "",
    "00",
    "-1",
    "-5000000000",
    "+1",
    "1.5",
    "1e9",
    "0x10",
    "abc",
    "NaN",
    "9" * 16,
    "9" * 5_000,
    "٣",
    "²",
    "1²",
    "1_0",
]


@pytest.mark.parametrize("since", SIGNED_OUT_UATS, ids=lambda since: since[:20] or "empty")
def test_signed_out_browser(clerk: Clerk, bench: Bench, since: str) -> None:
    """`__client_uat` of 0 says that the browser is signed out; what is no such number says no more than that."""
    with_token = cookie(*cookies(since, bench.token()))[1]
    alone = cookie(("__client_uat", since))[1]

    assert Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT == clerk.authenticate_request({"cookie": with_token}).reason
    assert Reason.SESSION_TOKEN_AND_UAT_MISSING == clerk.authenticate_request({"cookie": alone}).reason
    assert [] == bench.fake.requests


def test_without_client_uat(clerk: Clerk, bench: Bench) -> None:
    """A session cookie alone is that of a browser that has signed out."""
    state = clerk.authenticate_request({"cookie": f"__session={bench.token()}"})

    assert ("signed-out", Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT) == (state.status, state.reason)


def test_client_uat_alone(clerk: Clerk, bench: Bench) -> None:
    """A browser that is signed in may have no token yet."""
    state = clerk.authenticate_request({"cookie": f"__client_uat={bench.now}"})

    assert ("signed-out", Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN) == (state.status, state.reason)


@pytest.mark.parametrize(
    ("offset", "reason"),
    [
        (-1, None),
        (0, None),
        (1, Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT),
        (10**12, Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT),
    ],
)
def test_token_older_than_the_sign_in(clerk: Clerk, bench: Bench, offset: int, reason: Reason | None) -> None:
    """A token that was issued before the latest sign-in is not the current one; in the same second it is."""
    line = cookie(*cookies(bench.now + offset, bench.token()))[1]

    assert reason == clerk.authenticate_request({"cookie": line}).reason


@pytest.mark.parametrize(
    ("header", "claims", "reason"),
    [
        ({"cat": TEMPLATE_CAT}, {}, Reason.TOKEN_TYPE_MISMATCH),
        ({"cat": MACHINE_CAT}, {}, Reason.TOKEN_TYPE_MISMATCH),
        ({"typ": "at+jwt"}, {}, Reason.TOKEN_TYPE_MISMATCH),
        ({"alg": "HS256"}, {}, Reason.TOKEN_INVALID_ALGORITHM),
        ({}, {"iat": REMOVE}, Reason.TOKEN_VERIFICATION_FAILED),
        ({}, {"iat": "1"}, Reason.TOKEN_VERIFICATION_FAILED),
        ({}, {"iat": True}, Reason.TOKEN_VERIFICATION_FAILED),
        ({}, {"iat": -1}, Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT),
        ({}, {"iat": 1.5}, Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT),
        ({}, {"exp": 1}, Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT),
    ],
    ids=repr,
)
def test_kind_before_age(
    clerk: Clerk, bench: Bench, header: dict[str, object], claims: dict[str, Any], reason: Reason
) -> None:
    """That a token is of the wrong kind is told before that it is too old; its times are checked after that."""
    line = cookie(*cookies(bench.now + 1, bench.token(header=header, **claims)))[1]

    assert reason == clerk.authenticate_request({"cookie": line}).reason


def test_cookie_is_verified(clerk: Clerk, bench: Bench) -> None:
    """The cookie's token is verified like any other: signature, issuer, times."""
    bad = {
        Reason.TOKEN_INVALID_SIGNATURE: bench.token(key=stranger()),
        Reason.TOKEN_INVALID_ISSUER: bench.token(iss="https://evil.example"),
        Reason.TOKEN_EXPIRED: bench.token(iat=bench.now - 90, exp=bench.now - 30),
        Reason.SESSION_PENDING: bench.token(sts="pending"),
    }
    lines = {reason: cookie(("__client_uat", 1), ("__session", token))[1] for reason, token in bad.items()}
    # Without suffixed cookies, and with an issuer that is not this instance's, there is no cookie of ours.
    expected = {reason: reason for reason in bad} | {Reason.TOKEN_INVALID_ISSUER: Reason.SESSION_TOKEN_AND_UAT_MISSING}

    assert expected == {reason: clerk.authenticate_request({"cookie": line}).reason for reason, line in lines.items()}


@pytest.mark.parametrize("end", ["", "_QvfNY2dr"])
def test_plain_only_without_publishable_key(world: World, bench: Bench, end: str) -> None:
    """Without a publishable key no suffix is known, and only plain cookies are looked at."""
    config = bench.fake.config(
        publishable_key=None,
        frontend_api=bench.fake.frontend_api,
        clock=bench.clock.time,
        monotonic=bench.clock.monotonic,
    )
    clerk = world.clerk(config, transport=FakeTransport(bench.fake))
    state = clerk.authenticate_request({"cookie": cookie(*cookies(bench.now - 100, bench.token(), end))[1]})

    assert (not end) == state.is_signed_in


def test_two_instances_on_one_host(world: World, bench: Bench) -> None:
    """Each instance takes its own cookies, whichever of the two wrote the plain ones last."""
    from clerk_ext.carriers import Instance

    def of(fake: FakeClerk) -> tuple[Clerk, str, tuple[tuple[str, object], ...]]:
        config = fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
        token = fake.session_token(fake.create_session(fake.add_user()))
        suffixed = cookies(bench.now - 100, token, f"_{Instance.of(fake.publishable_key).suffix}")
        return world.clerk(config, transport=FakeTransport(fake)), token, tuple(suffixed)

    sides = [of(bench.fake), of(bench.other)]
    suffixed = [pair for *_, pairs in sides for pair in pairs]
    for _, last, _ in sides:
        line = cookie(*cookies(bench.now - 50, last), *suffixed)[1]

        assert [token for _, token, _ in sides] == [
            clerk.authenticate_request({"cookie": line}).token for clerk, *_ in sides
        ]
