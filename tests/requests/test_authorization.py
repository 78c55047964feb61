"""The Authorization header: which token it brings, if any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clerk_ext import Reason

from .kinds import cookie, cookies

if TYPE_CHECKING:
    from clerk_ext import Clerk
    from tests.verifier.bench import Bench

HEADER = {
    "as it should be": "Bearer {}",
    "lower case": "bearer {}",
    "upper case": "BEARER {}",
    "mixed case": "bEaReR {}",
    "spaces": "  Bearer   {}  ",
    "tab": "Bearer\t{}",
    "bare": "{}",
    "bare with spaces": "  {} ",
    "after Basic": "Basic dTpw, Bearer {}",
    "before Basic": "Bearer {}, Basic dTpw",
    "after Digest": 'Digest username="u", realm="a, b", Bearer {}',
    "first of two": "Bearer {}, Bearer x.y.z",
}
COOKIES = {
    "empty": "",
    "blank": "  ",
    "no token": "Bearer",
    "no token but a space": "Bearer ",
    "lower case, no token": "bearer",
    "other scheme": "Basic dTpw",
    "other scheme with parameters": 'Digest username="u", realm="r"',
    "scheme that merely begins so": "BearerX {}",
    "scheme that merely ends so": "X-Bearer {}",
    "two words": "{} {}",
}
REFUSED = {
    "quoted": ('Bearer "{}"', Reason.TOKEN_INVALID),
    "scheme twice": ("Bearer Bearer {}", Reason.TOKEN_INVALID),
    "two tokens": ("Bearer {} {}", Reason.TOKEN_INVALID),
    "colon": ("Bearer: {}", None),
    "commas alone": (",,", Reason.TOKEN_INVALID),
    "word": ("Bearer null", Reason.TOKEN_INVALID),
    "bare word": ("undefined", Reason.TOKEN_INVALID),
    "machine token": ("Bearer mt_a", Reason.TOKEN_TYPE_MISMATCH),
    "OAuth access token": ("Bearer oat_a", Reason.TOKEN_TYPE_MISMATCH),
    "API key": ("Bearer ak_a", Reason.TOKEN_TYPE_MISMATCH),
    "bare API key": ("ak_a", Reason.TOKEN_TYPE_MISMATCH),
    "machine token in other case": ("Bearer MT_a", Reason.TOKEN_INVALID),
    "huge": ("Bearer " + "a" * 100_000, Reason.TOKEN_TOO_LARGE),
    "non-ASCII": ("Bearer \xe9.\xe9.\xe9", Reason.TOKEN_INVALID),
    "surrogate": ("Bearer \udc80", Reason.TOKEN_INVALID),
}


@pytest.mark.parametrize("form", HEADER.values(), ids=HEADER)
def test_token_of_the_header(clerk: Clerk, bench: Bench, form: str) -> None:
    """The token is taken from the header, in any case of the scheme, whatever schemes stand beside it."""
    token = bench.token()

    assert token == clerk.authenticate_request({"Authorization": form.format(token)}).token


@pytest.mark.parametrize("form", COOKIES.values(), ids=COOKIES)
def test_no_token_in_the_header(clerk: Clerk, bench: Bench, form: str) -> None:
    """A header without a bearer token leaves the request to its cookies, and signed out where it has none."""
    in_cookie, in_header = bench.token(), bench.token(jti="another")
    header = {"Authorization": form.format(in_header, in_header)}
    _, line = cookie(*cookies(bench.now - 100, in_cookie))

    assert in_cookie == clerk.authenticate_request({**header, "Cookie": line}).token
    assert Reason.SESSION_TOKEN_AND_UAT_MISSING == clerk.authenticate_request(header).reason


@pytest.mark.parametrize(("form", "reason"), REFUSED.values(), ids=REFUSED)
def test_other_tokens(clerk: Clerk, bench: Bench, form: str, reason: Reason | None) -> None:
    """What is no session token is told apart, and beats the cookies all the same; other schemes do not."""
    token = bench.token()
    _, line = cookie(*cookies(bench.now - 100, token))
    state = clerk.authenticate_request({"Authorization": form.format(token, token), "Cookie": line})

    assert reason == state.reason
    assert (reason is None) == state.is_signed_in


def test_no_keys_for_machines(clerk: Clerk, bench: Bench) -> None:
    """A machine's credential costs no fetch, and counts as a refusal."""
    clerk.authenticate_request({"authorization": "Bearer ak_a"})

    assert [] == bench.fake.requests
    assert {Reason.TOKEN_TYPE_MISMATCH: 1} == dict(clerk.stats().refused)
