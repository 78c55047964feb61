"""Somebody is signed in, or nobody needs to be."""

from __future__ import annotations

from tests.conformance.contract import METHODS, PARTY
from tests.conformance.site import (
    INSUFFICIENT,
    NOT_ALLOWED,
    NOT_SIGNED_IN,
    UNAVAILABLE,
    Site,
    behaviour,
    check_denied,
    vary_of,
)


# Somebody is signed in.
@behaviour()
def bearer_token_signs_in(site: Site) -> None:
    """The claims are those of the token."""
    signed_in = site.sign_in()
    answer = site.get("/me", signed_in.token)

    assert 200 == answer.status
    assert (signed_in.session.user.id, signed_in.session.id) == (answer.json["user"], answer.json["session"])
    assert "acme" == answer.json["tenant"]


@behaviour()
def cookies_sign_in(site: Site) -> None:
    """So do the cookies that Clerk's frontend sets."""
    signed_in = site.sign_in()

    assert signed_in.session.user.id == site.get("/me", cookies=signed_in.cookies).json["user"]


@behaviour()
def suffixed_cookies_sign_in(site: Site) -> None:
    """Where instances share a host, each has cookies of its own."""
    signed_in = site.sign_in()
    plain = ("__session", "__client_uat", "__clerk_db_jwt")
    suffixed = {name: value for name, value in signed_in.cookies.items() if name not in plain}

    assert 200 == site.get("/me", cookies=suffixed).status


@behaviour()
def foreign_cookies_do_not_disturb(site: Site) -> None:
    """Whatever else a browser brings."""
    signed_in = site.sign_in()

    assert 200 == site.get("/me", cookies={"theme": "dark", "__session_x": "1", "a b": '"', **signed_in.cookies}).status


@behaviour()
def scheme_is_read_in_any_letter_case(site: Site) -> None:
    """RFC 9110 11.1."""
    assert 200 == site.get("/me", authorization=f"bEARER {site.token()}").status


@behaviour()
def good_header_beats_bad_cookies(site: Site) -> None:
    """What the header says counts."""
    assert 200 == site.get("/me", site.token(), cookies={"__session": "garbage", "__client_uat": "0"}).status


@behaviour()
def signed_in_answer_has_no_headers_of_refusal(site: Site) -> None:
    """Neither a challenge nor a reason."""
    headers = site.get("/me", site.token()).headers

    assert [] == [name for name in headers if name.startswith("x-clerk-auth") or name == "www-authenticate"]


@behaviour()
def signed_in_answer_depends_on_who_asks(site: Site) -> None:
    """Caches are told (RFC 9110 12.5.5)."""
    assert {"authorization", "cookie"} <= vary_of(site.get("/me", site.token()))


@behaviour()
def own_vary_is_kept(site: Site) -> None:
    """What the endpoint says of its own stays beside it."""
    assert {"accept", "authorization", "cookie"} == vary_of(site.get("/varies", site.token()))


@behaviour()
def every_method_signs_in(site: Site) -> None:
    """A bearer token needs no protection against forged forms."""
    token = site.token()

    assert [200] * len(METHODS) == [site.get("/me", token, method=method).status for method in METHODS]


@behaviour()
def every_method_is_refused(site: Site) -> None:
    """With the same answer."""
    assert [401] * len(METHODS) == [site.get("/me", method=method).status for method in METHODS]


@behaviour()
def organisation_of_a_token_of_version_1(site: Site) -> None:
    """The older format reads the same."""
    user, organization = site.fake.add_user(), site.fake.add_organization("acme")
    site.fake.add_membership(user, organization, role="org:admin")
    session = site.fake.create_session(user, organization=organization)
    answer = site.get("/role", site.fake.session_token(session, version=1, azp=PARTY))

    assert (200, organization.id) == (answer.status, answer.json["org"])


@behaviour()
def many_requests_make_one_fetch(site: Site) -> None:
    """Good and bad ones alike."""
    token = site.token()
    for _ in range(5):
        assert 200 == site.get("/me", token).status
        assert 401 == site.get("/me", site.fake.forge(token)).status

    assert 1 == site.fetches()


@behaviour()
def who_asks_twice_is_told_the_same(site: Site) -> None:
    """A request's sign-in is looked up once."""
    assert 200 == site.get("/twice", site.member()).status
    check_denied(site.get("/twice", site.token()), 403, INSUFFICIENT, NOT_ALLOWED)
    check_denied(site.get("/twice"), 401, "Bearer", NOT_SIGNED_IN)


# Nobody needs to be signed in.
@behaviour()
def public_route_asks_nobody(site: Site) -> None:
    """Not even what a bad token is."""
    answer = site.get("/open", "garbage")

    assert (200, {"open": True}) == (answer.status, answer.json)
    assert [] == [name for name in answer.headers if name.startswith("x-clerk-auth")]
    assert {"authorization", "cookie"}.isdisjoint(vary_of(answer))


@behaviour()
def public_route_fetches_nothing(site: Site) -> None:
    """A good token is no reason to look, either."""
    assert 200 == site.get("/open", site.token()).status
    assert 0 == site.fetches()


@behaviour()
def public_route_works_in_an_outage(site: Site) -> None:
    """Nobody waits for what nobody asks."""
    site.fake.trouble.outage()

    assert 200 == site.get("/open", site.token()).status


@behaviour()
def optional_sign_in_with_nothing(site: Site) -> None:
    """The endpoint runs, and the headers tell why nobody is signed in."""
    answer = site.get("/maybe")

    assert (200, {"user": None}) == (answer.status, answer.json)
    assert "session-token-and-uat-missing" == answer.headers["x-clerk-auth-reason"]
    assert {"authorization", "cookie"} <= vary_of(answer)


@behaviour()
def optional_sign_in_with_a_token(site: Site) -> None:
    """It knows who asks."""
    signed_in = site.sign_in()

    assert {"user": signed_in.session.user.id} == site.get("/maybe", signed_in.token).json


@behaviour()
def optional_sign_in_with_a_bad_token(site: Site) -> None:
    """As if there were none."""
    answer = site.get("/maybe", site.fake.forge(site.token()))

    assert (200, {"user": None}) == (answer.status, answer.json)
    assert "token-invalid-signature" == answer.headers["x-clerk-auth-reason"]


@behaviour()
def optional_sign_in_in_an_outage(site: Site) -> None:
    """Nobody is taken for signed out because we cannot tell."""
    site.fake.trouble.outage()

    check_denied(site.get("/maybe", site.token()), 503, None, UNAVAILABLE)
