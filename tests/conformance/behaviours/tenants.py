"""Several instances."""

from __future__ import annotations

from clerk_ext.testing import FakeClerk
from tests.conformance.contract import PARTY
from tests.conformance.site import Site, behaviour, check_refused


def _two() -> list[FakeClerk]:
    acme = FakeClerk("acme")
    return [acme, FakeClerk("globex", clock=acme.clock)]


@behaviour(fakes=_two)
def tenants_are_told_by_their_issuers(site: Site) -> None:
    """Each token is verified with its own tenant's keys."""
    tokens = [fake.sign_in(azp=PARTY).token for fake in site.setup.fakes]

    assert ["acme", "globex"] == [site.get("/me", token).json["tenant"] for token in tokens]


@behaviour(fakes=_two)
def tenants_are_told_by_their_cookies(site: Site) -> None:
    """Browsers bring them, too."""
    signed_in = [fake.sign_in(azp=PARTY) for fake in site.setup.fakes]

    assert ["acme", "globex"] == [site.get("/me", cookies=it.cookies).json["tenant"] for it in signed_in]


@behaviour(fakes=_two)
def unknown_tenant_is_401(site: Site) -> None:
    """Nothing is fetched for it."""
    stranger = FakeClerk("initech", clock=site.fake.clock)

    check_refused(site, stranger.sign_in(azp=PARTY).token, "tenant-unknown")
    assert 0 == site.fetches()


@behaviour(fakes=_two)
def tenants_have_policies_by_route(site: Site) -> None:
    """Each tenant's client with the route's policy."""
    for fake in site.setup.fakes:
        token = fake.sign_in(azp=PARTY, status="pending").token
        assert fake.slug == site.get("/pending", token).json["tenant"]
        check_refused(site, token, "session-pending")


@behaviour(fakes=_two)
def tenants_do_not_share_outages(site: Site) -> None:
    """The others' users notice nothing."""
    acme, globex = site.setup.fakes
    acme.trouble.outage()

    assert 503 == site.get("/me", acme.sign_in(azp=PARTY).token).status
    assert 200 == site.get("/me", globex.sign_in(azp=PARTY).token).status


@behaviour(fakes=_two, resolver_header="x-tenant")
def resolver_chooses_the_tenant(site: Site) -> None:
    """By what it knows of the framework's own request."""
    acme, globex = (fake.sign_in(azp=PARTY).token for fake in site.setup.fakes)

    assert "globex" == site.get("/me", globex, x_tenant="globex").json["tenant"]
    assert 401 == site.get("/me", acme, x_tenant="globex").status


@behaviour(fakes=_two, resolver_header="x-tenant")
def resolver_that_finds_none_is_401(site: Site) -> None:
    """However good the token is."""
    answer = site.get("/me", site.token())

    assert (401, "tenant-unknown") == (answer.status, answer.headers["x-clerk-auth-reason"])


@behaviour(fakes=_two, resolver_header="x-tenant")
def resolver_and_policy_go_together(site: Site) -> None:
    """The route's policy is asked of the tenant's client."""
    token = site.sign_in(status="pending").token

    assert "acme" == site.get("/pending", token, x_tenant="acme").json["tenant"]
    assert 401 == site.get("/pending", token, x_tenant="globex").status
