"""They are signed in, and may not do this."""

from __future__ import annotations

from typing import Any, Final

from clerk_ext.testing import FakeClerk
from tests.conformance.contract import PARTY
from tests.conformance.site import INSUFFICIENT, INVALID, NOT_ALLOWED, NOT_SIGNED_IN, Site, behaviour, check_denied


# They are known, and may not do this.
@behaviour()
def role_lets_in(site: Site) -> None:
    """Who has it."""
    assert 200 == site.get("/role", site.member("org:admin")).status


@behaviour()
def other_role_is_403(site: Site) -> None:
    """Who is known is not asked to sign in again."""
    check_denied(site.get("/role", site.member("org:member")), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour()
def no_organisation_is_403(site: Site) -> None:
    """A role is one in the active organisation."""
    check_denied(site.get("/role", site.token()), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour()
def demand_of_nobody_is_401(site: Site) -> None:
    """Who is not signed in is told that first."""
    check_denied(site.get("/role"), 401, "Bearer", NOT_SIGNED_IN)


@behaviour()
def demand_of_a_bad_token_is_401(site: Site) -> None:
    """Whatever the token says of itself."""
    check_denied(site.get("/role", site.fake.forge(site.member())), 401, INVALID, NOT_SIGNED_IN)


@behaviour()
def permission_lets_in(site: Site) -> None:
    """Who has it."""
    token = site.member("org:member", ("org:invoices:create",), features=["invoices"])

    assert 200 == site.get("/permission", token).status


@behaviour()
def other_permission_is_403(site: Site) -> None:
    """One that begins alike is another."""
    token = site.member("org:member", ("org:invoices:read",), features=["invoices"])

    check_denied(site.get("/permission", token), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour()
def feature_lets_in(site: Site) -> None:
    """Of the organisation's plan, or of the user's."""
    assert 200 == site.get("/feature", site.token(fea="u:reports")).status
    assert 200 == site.get("/feature", site.member(features=["reports"])).status


@behaviour()
def missing_feature_is_403(site: Site) -> None:
    """Not of a name that begins alike."""
    check_denied(site.get("/feature", site.token(fea="u:reports-beta")), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour()
def plan_lets_in(site: Site) -> None:
    """Written like a feature."""
    assert 200 == site.get("/plan", site.member(plan="pro")).status


@behaviour()
def other_plan_is_403(site: Site) -> None:
    """The free one."""
    check_denied(site.get("/plan", site.member(plan="free")), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour()
def everything_that_is_asked_for_is_needed(site: Site) -> None:
    """Three of four are not enough."""
    asked = ("org:admin", ("org:invoices:create",))
    features = ["invoices", "reports"]

    assert 200 == site.get("/everything", site.member(*asked, features=features, plan="pro")).status
    assert 403 == site.get("/everything", site.member(*asked, features=features, plan="free")).status
    assert 403 == site.get("/everything", site.member("org:member", asked[1], features=features, plan="pro")).status


@behaviour()
def forbidden_answer_tells_nothing_of_sign_in(site: Site) -> None:
    """They are signed in: Clerk's headers are for those who are not."""
    headers = site.get("/role", site.token()).headers

    assert [] == [name for name in headers if name.startswith("x-clerk-auth")]


@behaviour(details=True)
def details_of_what_is_missing(site: Site) -> None:
    """Which of the demands it was."""
    answer = site.get("/role", site.token())

    assert "role-missing" == answer.json["reason"]
    assert "Not allowed." == answer.json["detail"]


# Who they are has to be proven anew.
def reverification_body(config: object) -> dict[str, Any]:
    """What Clerk's frontend understands as: ask the user, and repeat the request."""
    return {
        "clerk_error": {
            "type": "forbidden",
            "reason": "reverification-error",
            "metadata": {"reverification": config},
        }
    }


@behaviour()
def stale_factors_are_403_for_clerks_frontend(site: Site) -> None:
    """The body is the one that it answers with a dialogue."""
    check_denied(site.get("/strict", site.token(fva=[11, -1])), 403, INSUFFICIENT, reverification_body("strict"))


@behaviour()
def reverification_of_ones_own_is_told_as_it_is(site: Site) -> None:
    """Numbers stay numbers."""
    config = {"level": "first_factor", "afterMinutes": 10}

    check_denied(site.get("/lately", site.token(fva=[10, 0])), 403, INSUFFICIENT, reverification_body(config))


@behaviour()
def fresh_factors_let_in(site: Site) -> None:
    """Proven nine minutes ago."""
    assert 200 == site.get("/strict", site.token(fva=[9, -1])).status


@behaviour()
def factors_age_with_the_token(site: Site) -> None:
    """The ages are those of when it was issued."""
    signed_in = site.sign_in()
    token = site.fake.session_token(signed_in.session, azp=PARTY, expires_in=600, claims={"fva": [9, -1]})
    assert 200 == site.get("/strict", token).status
    site.fake.advance(90)

    assert 403 == site.get("/strict", token).status


@behaviour()
def unknown_factors_are_403(site: Site) -> None:
    """A token that does not say is not fresh."""
    token = site.token(fva=FakeClerk.REMOVE)

    check_denied(site.get("/strict", token), 403, INSUFFICIENT, reverification_body("strict"))


@behaviour()
def role_is_asked_before_reverification(site: Site) -> None:
    """Nobody is asked for a proof that would not help."""
    check_denied(site.get("/admin-lately", site.token(fva=[99, -1])), 403, INSUFFICIENT, NOT_ALLOWED)


# Somebody acts as the user.
IMPERSONATED: Final = {"act": {"sub": "user_support"}}


@behaviour()
def impersonated_session_may_read(site: Site) -> None:
    """Where it may not write."""
    assert 200 == site.get("/no-impersonation", site.token(**IMPERSONATED)).status


@behaviour()
def impersonated_session_may_not_write(site: Site) -> None:
    """By any method that may change something (RFC 9110 9.2.1)."""
    token = site.token(**IMPERSONATED)

    for method in ("POST", "PUT", "PATCH", "DELETE"):
        check_denied(site.get("/no-impersonation", token, method=method), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour()
def users_themselves_may_write(site: Site) -> None:
    """The rule is about nobody else."""
    assert 200 == site.get("/no-impersonation", site.token(), method="POST").status


@behaviour()
def impersonated_session_may_not_read_either(site: Site) -> None:
    """Where the route says so."""
    check_denied(site.get("/never-impersonated", site.token(**IMPERSONATED)), 403, INSUFFICIENT, NOT_ALLOWED)
    assert 200 == site.get("/never-impersonated", site.token()).status


@behaviour()
def impersonation_is_let_through_by_default(site: Site) -> None:
    """As in Clerk's SDKs."""
    assert 200 == site.get("/me", site.token(**IMPERSONATED), method="POST").status


@behaviour(impersonation="refuse")
def impersonation_is_refused_in_a_whole_application(site: Site) -> None:
    """Routes that say nothing of it take the application's word."""
    token = site.token(**IMPERSONATED)

    assert 200 == site.get("/me", token).status
    check_denied(site.get("/me", token, method="POST"), 403, INSUFFICIENT, NOT_ALLOWED)


@behaviour(impersonation="refuse-all")
def route_lets_impersonation_through_again(site: Site) -> None:
    """What the route says counts."""
    token = site.token(**IMPERSONATED)

    assert 403 == site.get("/me", token).status
    assert 200 == site.get("/impersonation", token, method="POST").status


@behaviour(impersonation="refuse-all")
def impersonation_is_refused_where_sign_in_is_optional(site: Site) -> None:
    """They are not shown what the user would be, and not taken for nobody."""
    check_denied(site.get("/maybe", site.token(**IMPERSONATED)), 403, INSUFFICIENT, NOT_ALLOWED)
    assert 200 == site.get("/maybe", site.token()).status
    assert 200 == site.get("/maybe").status
    assert 200 == site.get("/open", site.token(**IMPERSONATED)).status


@behaviour(details=True)
def details_of_an_impersonator(site: Site) -> None:
    """The reason has a name of its own."""
    answer = site.get("/never-impersonated", site.token(act="anything"))

    assert (403, "impersonation-refused") == (answer.status, answer.json["reason"])
