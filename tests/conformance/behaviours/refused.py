"""Nobody is signed in: nothing is brought, or what is brought is no good."""

from __future__ import annotations

from clerk_ext import Revocations
from clerk_ext.testing import FakeClerk
from tests.conformance.contract import PARTY
from tests.conformance.site import INVALID, NOT_SIGNED_IN, Site, behaviour, check_denied, check_refused


# Nothing is brought.
@behaviour()
def no_token_is_401(site: Site) -> None:
    """Who brings nothing is challenged, and told of no error (RFC 6750 3.1)."""
    check_denied(site.get("/me"), 401, "Bearer", NOT_SIGNED_IN)


@behaviour()
def no_token_is_told_in_clerks_headers(site: Site) -> None:
    """The headers are those of Clerk's SDKs."""
    headers = site.get("/me").headers

    assert "signed-out" == headers["x-clerk-auth-status"]
    assert "session-token-and-uat-missing" == headers["x-clerk-auth-reason"]
    assert "The request brings no session token." == headers["x-clerk-auth-message"]


@behaviour()
def no_token_needs_no_keys(site: Site) -> None:
    """Nothing is fetched to refuse it."""
    assert 401 == site.get("/me").status
    assert 0 == site.fetches()


@behaviour()
def other_schemes_are_no_token(site: Site) -> None:
    """A password of another system is nothing to us."""
    check_denied(site.get("/me", authorization="Basic dXNlcjpwYXNz"), 401, "Bearer", NOT_SIGNED_IN)


@behaviour()
def scheme_without_token_is_no_token(site: Site) -> None:
    """The word Bearer alone says nothing."""
    check_denied(site.get("/me", authorization="Bearer"), 401, "Bearer", NOT_SIGNED_IN)


@behaviour()
def signed_out_browser_is_401(site: Site) -> None:
    """A browser that is signed out may still have the cookie of its last session."""
    answer = site.get("/me", cookies={"__session": site.token(), "__client_uat": "0"})

    check_denied(answer, 401, "Bearer", NOT_SIGNED_IN)
    assert "session-token-but-no-client-uat" == answer.headers["x-clerk-auth-reason"]


@behaviour()
def browser_without_session_is_401(site: Site) -> None:
    """So may one that is signed in, and brings no token yet."""
    answer = site.get("/me", cookies={"__client_uat": "1700000000"})

    check_denied(answer, 401, "Bearer", NOT_SIGNED_IN)
    assert "client-uat-but-no-session-token" == answer.headers["x-clerk-auth-reason"]


# What is brought is no good.
@behaviour()
def forged_token_is_401(site: Site) -> None:
    """Another key signed it."""
    check_refused(site, site.fake.forge(site.token()), "token-invalid-signature")


@behaviour()
def expired_token_is_401(site: Site) -> None:
    """A minute has passed."""
    token = site.token()
    site.fake.advance(90)

    check_refused(site, token, "token-expired")


@behaviour()
def future_token_is_401(site: Site) -> None:
    """The instance's clock is far ahead."""
    site.fake.skew = 60

    check_refused(site, site.token(nbf=FakeClerk.REMOVE), "token-iat-in-the-future")


@behaviour()
def garbage_is_401(site: Site) -> None:
    """It is no token at all."""
    check_refused(site, "garbage", "token-invalid")


@behaviour()
def bytes_beyond_ascii_are_401(site: Site) -> None:
    """No server and no framework makes a 500 of them."""
    check_refused(site, "caf\xe9.caf\xe9.caf\xe9", "token-invalid")


@behaviour()
def huge_token_is_401(site: Site) -> None:
    """Nobody reads it."""
    check_refused(site, "a" * 16_500, "token-too-large")


@behaviour()
def token_for_other_pages_is_401(site: Site) -> None:
    """Somebody else's page obtained it."""
    check_refused(site, site.token(azp="https://evil.example.com"), "token-invalid-authorized-parties")


@behaviour()
def token_without_session_is_401(site: Site) -> None:
    """It has no ``sid``."""
    check_refused(site, site.token(sid=FakeClerk.REMOVE), "token-invalid-session-id")


@behaviour()
def token_of_another_instance_is_401(site: Site) -> None:
    """Its key is unknown here."""
    other = FakeClerk("globex", clock=site.fake.clock)

    check_refused(site, other.sign_in(azp=PARTY).token, "jwk-kid-mismatch")


@behaviour()
def template_token_is_401(site: Site) -> None:
    """It outlives its session, and signs nobody in."""
    template = site.fake.add_template("hasura")
    token = site.fake.template_token(site.sign_in().session, template, azp=PARTY)

    check_refused(site, token, "token-type-mismatch")


@behaviour()
def machine_token_is_401(site: Site) -> None:
    """Nor does a machine's credential."""
    check_refused(site, "mt_0123456789abcdef", "token-type-mismatch")


@behaviour()
def pending_session_is_401(site: Site) -> None:
    """The user has tasks to do first."""
    check_refused(site, site.sign_in(status="pending").token, "session-pending")


@behaviour()
def token_with_audience_is_401(site: Site) -> None:
    """It is for somebody else (RFC 7519 4.1.3)."""
    check_refused(site, site.token(aud="api"), "token-invalid-audience")


@behaviour(revocations=Revocations)
def revoked_session_is_401(site: Site) -> None:
    """It is refused from the moment on, though it was remembered."""
    signed_in = site.sign_in()
    assert site.setup.revocations is not None
    assert 200 == site.get("/me", signed_in.token).status

    site.setup.revocations.revoke_session(signed_in.session.id)

    check_refused(site, signed_in.token, "session-revoked")


@behaviour()
def bad_header_is_not_saved_by_cookies(site: Site) -> None:
    """A token in the header beats the cookies."""
    signed_in = site.sign_in()
    answer = site.get("/me", site.fake.forge(signed_in.token), cookies=signed_in.cookies)

    check_denied(answer, 401, INVALID, NOT_SIGNED_IN)


@behaviour()
def forged_cookie_is_401(site: Site) -> None:
    """Cookies are verified like headers."""
    signed_in = site.sign_in()
    cookies = {"__session": site.fake.forge(signed_in.token), "__client_uat": signed_in.cookies["__client_uat"]}

    check_denied(site.get("/me", cookies=cookies), 401, INVALID, NOT_SIGNED_IN)


@behaviour()
def body_tells_nothing_of_the_failure(site: Site) -> None:
    """Neither the reason nor anything of the token."""
    token = site.fake.forge(site.token())
    answer = site.get("/me", token)

    assert b"signature" not in answer.content
    assert token.partition(".")[2][:20].encode() not in answer.content
    assert "error_description" not in answer.headers["www-authenticate"]


@behaviour()
def no_answer_shows_the_token(site: Site) -> None:
    """No header does, either."""
    token = site.fake.forge(site.token())
    parts = [part for part in token.split(".") if len(part) > 10]
    shown = repr(site.get("/me", token))

    assert [] == [part for part in parts if part in shown]


@behaviour(details=True)
def details_are_told_where_asked_for(site: Site) -> None:
    """The body has the reason as a word for programs, and a sentence for people."""
    answer = site.get("/me", site.fake.forge(site.token()))

    assert {"detail", "reason", "message"} == set(answer.json)
    assert ("Not signed in.", "token-invalid-signature") == (answer.json["detail"], answer.json["reason"])
    assert answer.json["message"] == answer.headers["x-clerk-auth-message"]
    assert answer.headers["www-authenticate"].startswith('Bearer error="invalid_token", error_description="')


@behaviour(details=True)
def details_of_nothing_brought(site: Site) -> None:
    """The challenge stays without an error."""
    answer = site.get("/me")

    assert "session-token-and-uat-missing" == answer.json["reason"]
    assert "Bearer" == answer.headers["www-authenticate"]
