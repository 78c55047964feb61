"""Nobody can tell who is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clerk_ext import Revocations
from tests.conformance.site import NOT_SIGNED_IN, UNAVAILABLE, Site, behaviour, check_denied

if TYPE_CHECKING:
    from clerk_ext import SessionClaims


@behaviour()
def outage_is_503(site: Site) -> None:
    """Neither a bad token nor a signed-out user."""
    site.fake.trouble.outage()
    answer = site.get("/me", site.token())

    check_denied(answer, 503, None, UNAVAILABLE)
    assert [] == [name for name in answer.headers if name.startswith("x-clerk-auth")]


@behaviour()
def outage_says_when_to_ask_again(site: Site) -> None:
    """In whole seconds (RFC 9110 10.2.3)."""
    site.fake.trouble.outage()

    assert 1 <= int(site.get("/me", site.token()).headers["retry-after"]) <= 60


@behaviour()
def outage_lets_nobody_pass_a_demand(site: Site) -> None:
    """It is 503 there, too."""
    site.fake.trouble.outage()

    check_denied(site.get("/role", site.member()), 503, None, UNAVAILABLE)


@behaviour()
def outage_lets_nobody_pass_a_policy(site: Site) -> None:
    """It is 503 there, too."""
    site.fake.trouble.outage()

    check_denied(site.get("/pending", site.token()), 503, None, UNAVAILABLE)


@behaviour()
def nothing_brought_in_an_outage_is_401(site: Site) -> None:
    """That can be told without keys."""
    site.fake.trouble.outage()

    check_denied(site.get("/me"), 401, "Bearer", NOT_SIGNED_IN)


@behaviour()
def outage_with_keys_at_hand_is_not_noticed(site: Site) -> None:
    """They are good for an hour."""
    assert 200 == site.get("/me", site.token()).status
    site.fake.trouble.outage()
    site.fake.advance(400)

    assert 200 == site.get("/me", site.token()).status
    assert 401 == site.get("/me", site.fake.forge(site.token())).status


@behaviour()
def outage_ends(site: Site) -> None:
    """The next request after the pause gets in."""
    site.fake.trouble.outage()
    assert 503 == site.get("/me", site.token()).status
    site.fake.trouble.mend()
    site.fake.advance(61)

    assert 200 == site.get("/me", site.token()).status


@behaviour()
def page_of_a_proxy_in_place_of_keys_is_503(site: Site) -> None:
    """So is any answer that is no key set."""
    site.fake.trouble.proxy_page(operation="jwks")

    check_denied(site.get("/me", site.token()), 503, None, UNAVAILABLE)


class _Broken(Revocations):
    """Revocations whose memory is gone."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Fail."""
        raise RuntimeError("no memory")


@behaviour(revocations=_Broken)
def broken_revocations_are_503(site: Site) -> None:
    """Whether it was revoked cannot be told."""
    check_denied(site.get("/me", site.token()), 503, None, UNAVAILABLE)


@behaviour(details=True)
def details_of_an_outage(site: Site) -> None:
    """What could not be had."""
    site.fake.trouble.outage()
    answer = site.get("/me", site.token())

    assert (503, "unavailable") == (answer.status, answer.json["reason"])
    assert "key set" in answer.json["message"]
