"""A route asks something else of the token, or the endpoint calls the client itself."""

from __future__ import annotations

from tests.conformance.site import INVALID, NOT_SIGNED_IN, UNAVAILABLE, Site, behaviour, check_denied, check_refused


# A route asks something else of the token.
@behaviour()
def pending_session_is_let_in_where_the_route_says_so(site: Site) -> None:
    """For the page on which the tasks are done."""
    assert 200 == site.get("/pending", site.sign_in(status="pending").token).status
    assert 200 == site.get("/pending", site.token()).status


@behaviour()
def what_one_route_accepts_is_not_remembered_for_another(site: Site) -> None:
    """Policies share keys and never verified tokens."""
    token = site.sign_in(status="pending").token
    assert 200 == site.get("/pending", token).status

    check_refused(site, token, "session-pending")
    assert 200 == site.get("/pending", token).status
    assert 1 == site.fetches()


@behaviour()
def audience_of_a_route(site: Site) -> None:
    """It must be named, and then is."""
    assert 200 == site.get("/audience", site.token(aud=["api", "web"])).status
    check_denied(site.get("/audience", site.token()), 401, INVALID, NOT_SIGNED_IN)


@behaviour()
def party_of_a_route(site: Site) -> None:
    """The pages of the back office, and no others."""
    assert 200 == site.get("/party", site.token(azp="https://admin.example.com")).status
    check_denied(site.get("/party", site.token()), 401, INVALID, NOT_SIGNED_IN)


@behaviour()
def age_of_a_route(site: Site) -> None:
    """A token that others still take is too old for it."""
    token = site.token()
    assert 200 == site.get("/fresh", token).status
    site.fake.advance(40)

    answer = site.get("/fresh", token)
    assert (401, "token-too-old") == (answer.status, answer.headers["x-clerk-auth-reason"])
    assert 200 == site.get("/me", token).status


# The endpoint calls the client itself.
@behaviour()
def error_of_a_token_that_escapes_is_401(site: Site) -> None:
    """What an endpoint does not catch is answered alike."""
    answer = site.get("/by-hand", x_token="garbage")

    assert (401, INVALID, NOT_SIGNED_IN) == (answer.status, answer.headers["www-authenticate"], answer.json)
    assert "token-invalid" == answer.headers["x-clerk-auth-reason"]


@behaviour()
def outage_that_escapes_is_503(site: Site) -> None:
    """It has the same body, and says when to ask again."""
    site.fake.trouble.outage()
    answer = site.get("/by-hand", x_token=site.token())

    assert (503, UNAVAILABLE) == (answer.status, answer.json)
    assert int(answer.headers["retry-after"]) >= 1


@behaviour()
def nothing_escapes_where_the_token_is_good(site: Site) -> None:
    """The endpoint goes on."""
    assert 200 == site.get("/by-hand", x_token=site.token()).status
