"""`with_policy`: one instance, several policies, and no token that one of them verified counts for another."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from clerk_ext import Clerk, ConfigurationError, Reason
from tests.transport.loopback import Loopback, config_at, reply, session_json
from tests.verifier.bench import APP

from .outages import afresh, hits, told

if TYPE_CHECKING:
    from tests.verifier.bench import Bench
    from tests.worlds import World

    from .conftest import Checks, Maker

SHOP: Final = "https://shop.example.com"


@attrs.frozen
class Pair:
    """Two policies, one of which takes a token that the other refuses."""

    claims: dict[str, Any]
    lenient: dict[str, Any]
    strict: dict[str, Any]
    reason: Reason


PAIRS: Final[dict[str, Pair]] = {
    "parties": Pair(
        {"azp": APP},
        {"authorized_parties": [APP]},
        {"authorized_parties": [SHOP]},
        Reason.TOKEN_INVALID_AUTHORIZED_PARTIES,
    ),
    "any party": Pair(
        {"azp": APP},
        {"authorized_parties": None},
        {"authorized_parties": [SHOP]},
        Reason.TOKEN_INVALID_AUTHORIZED_PARTIES,
    ),
    "missing party": Pair(
        {},
        {"authorized_parties": [APP], "allow_missing_azp": True},
        {"authorized_parties": [APP], "allow_missing_azp": False},
        Reason.TOKEN_INVALID_AUTHORIZED_PARTIES,
    ),
    "pending": Pair({"sts": "pending"}, {"accept_pending": True}, {"accept_pending": False}, Reason.SESSION_PENDING),
    "audience": Pair({"aud": "api"}, {"audience": "api"}, {"audience": ["web"]}, Reason.TOKEN_INVALID_AUDIENCE),
    "no audience": Pair({"aud": "api"}, {"audience": "api"}, {"audience": None}, Reason.TOKEN_INVALID_AUDIENCE),
    "without audience": Pair({}, {"audience": None}, {"audience": "api"}, Reason.TOKEN_INVALID_AUDIENCE),
    "age": Pair({"iat": -100}, {"max_age": None}, {"max_age": 60}, Reason.TOKEN_TOO_OLD),
    "greater age": Pair({"iat": -100}, {"max_age": 200.5}, {"max_age": 0}, Reason.TOKEN_TOO_OLD),
}


def token_for(bench: Bench, pair: Pair) -> str:
    """A token that tells the two policies apart; an ``iat`` counts from now."""
    claims = dict(pair.claims)
    if "iat" in claims:
        claims["iat"] = bench.now + claims["iat"]
    return bench.token(**claims)


@pytest.mark.parametrize("base_is_lenient", [True, False], ids=["lenient first", "strict first"])
@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_no_token_counts_for_another_policy(
    client_with: Maker, bench: Bench, pair: Pair, base_is_lenient: bool
) -> None:
    """Whichever of the two saw it first, and however often, the strict one refuses and the lenient one accepts."""
    base = client_with(**(pair.lenient if base_is_lenient else pair.strict))
    view = base.with_policy(**(pair.strict if base_is_lenient else pair.lenient))
    back = view.with_policy(**(pair.lenient if base_is_lenient else pair.strict))
    token = token_for(bench, pair)
    clients = [base, view, back, base, view, back]
    is_lenient = [base_is_lenient, not base_is_lenient, base_is_lenient] * 2

    assert ["accepted" if lenient else pair.reason for lenient in is_lenient] == [
        told(client, token) for client in clients
    ]
    assert 1 == len(bench.fake.requests)


def test_same_policy_twice(clerk: Clerk, bench: Bench, checks: Checks) -> None:
    """Even views of equal policies remember each for themselves."""
    views = [clerk, clerk.with_policy(), clerk.with_policy()]
    token = bench.token()
    verdicts = [told(view, token) for view in [*views, *views]]

    assert ["accepted"] * 6 == verdicts
    assert 3 == checks.made
    assert [1, 1, 1] == [view.stats().remembered for view in views]


def test_what_is_left_out_stays(client_with: Maker, bench: Bench) -> None:
    """A change leaves the rest of the policy as it was, in views of views too."""
    base = client_with(authorized_parties=[APP], accept_pending=True, max_age=60)
    view = base.with_policy(audience="api").with_policy(max_age=None)

    assert ((APP,), True, ("api",), None) == (
        view.config.authorized_parties,
        view.config.accept_pending,
        view.config.audience,
        view.config.max_age,
    )
    assert ((APP,), True, None, 60) == (
        base.config.authorized_parties,
        base.config.accept_pending,
        base.config.audience,
        base.config.max_age,
    )
    assert "accepted" == told(view, bench.token(azp=APP, aud=["api"], sts="pending", iat=bench.now - 100))
    assert Reason.TOKEN_INVALID_AUTHORIZED_PARTIES == told(view, bench.token(azp=SHOP, aud="api"))


def test_list_that_the_caller_changes(clerk: Clerk, bench: Bench) -> None:
    """A list that is changed after it was given lets nobody in."""
    parties = [APP]
    view = clerk.with_policy(authorized_parties=parties)
    parties.append(SHOP)

    assert Reason.TOKEN_INVALID_AUTHORIZED_PARTIES == told(view, bench.token(azp=SHOP))
    assert Reason.TOKEN_INVALID_AUTHORIZED_PARTIES == told(view.with_policy(), bench.token(azp=SHOP))


FAULTS: Final[list[tuple[str, Any]]] = [
    ("authorized_parties", []),
    ("authorized_parties", APP),
    ("authorized_parties", [5]),
    ("authorized_parties", ["app.example.com"]),
    ("allow_missing_azp", None),
    ("allow_missing_azp", "yes"),
    ("accept_pending", None),
    ("accept_pending", 1),
    ("audience", []),
    ("audience", ""),
    ("audience", 5),
    ("max_age", -1),
    ("max_age", "60"),
    ("max_age", True),
    ("max_age", float("nan")),
]


@pytest.mark.parametrize(("field", "value"), FAULTS, ids=lambda value: str(value))
def test_fault(clerk: Clerk, bench: Bench, field: str, value: Any) -> None:
    """A change that cannot work is refused by name, and the client it was asked of goes on."""
    with pytest.raises(ConfigurationError) as fault:
        clerk.with_policy(**{field: value})

    assert field == fault.value.field
    assert "accepted" == told(clerk, bench.token())


def test_unknown_setting(clerk: Clerk) -> None:
    """Nothing but the policy can be changed."""
    with pytest.raises(TypeError, match="clock_skew"):
        clerk.with_policy(clock_skew=60)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_revocations_are_shared(clerk: Clerk, bench: Bench) -> None:
    """A session that is revoked through one of them is revoked for all."""
    view = clerk.with_policy(accept_pending=True)
    token, later = bench.token(), bench.token(sid="sess_later")
    before = [told(clerk, token), told(view, token), told(clerk, later), told(view, later)]
    view.sessions.revoke(bench.session.id)
    bench.revocations.revoke_session("sess_later")

    assert ["accepted"] * 4 == before
    assert [Reason.SESSION_REVOKED] * 4 == [
        told(clerk, token),
        told(view, token),
        told(clerk, later),
        told(view, later),
    ]


def test_key_that_is_gone_is_gone_for_all(world: World, clerk: Clerk, bench: Bench) -> None:
    """The fetch of one ends the remembered tokens of the others."""
    view = clerk.with_policy(max_age=1e9)
    token = bench.token(exp=bench.now + 10_000)
    before = [told(clerk, token), told(view, token)]
    bench.fake.rotate_key(keep_old=False)
    bench.clock.advance(301)
    told(clerk, token)
    world.settle()

    assert ["accepted", "accepted"] == before
    assert [Reason.TOKEN_INVALID_SIGNATURE] * 2 == [told(clerk, token), told(view, token)]


def test_counts_are_shared(clerk: Clerk, bench: Bench) -> None:
    """All count together; what is remembered is told by each for itself."""
    view = clerk.with_policy(accept_pending=True)
    token = bench.token(sts="pending")
    for client in (clerk, view, view, view):
        told(client, token)

    assert (3, 2, {Reason.SESSION_PENDING: 1}) == (
        clerk.stats().verified,
        hits(clerk),
        dict(clerk.stats().refused),
    )
    assert (0, 1) == (clerk.stats().remembered, view.stats().remembered)
    assert attrs.evolve(view.stats(), remembered=0) == clerk.stats()


def test_closing_a_view(world: World) -> None:
    """Closing a view, or leaving its block, leaves the connections of all open; closing the client does not."""
    with Loopback.script(reply(200, session_json())) as server:
        clerk = world.clerk(config_at(server.url))
        view = clerk.with_policy(accept_pending=True)
        clerk.sessions.get("sess_1")
        view.close()
        view.with_policy().close()
        view.sessions.get("sess_1")
        clerk.sessions.get("sess_1")
        kept = server.connections
        clerk.close()
        view.sessions.get("sess_1")

    assert 1 == kept
    assert [1, 1, 1, 2] == [received.connection for received in server.received]


def test_every_door_of_a_view(clerk: Clerk, bench: Bench) -> None:
    """A view is a client: states, template tokens, explanations and calls go by its policy and the same instance."""
    view = clerk.with_policy(audience="api")
    session_token, template_token = bench.token(aud="api"), bench.template(aud="api")

    assert view.authenticate_token(afresh(session_token)).is_signed_in
    assert not clerk.authenticate_token(afresh(session_token)).is_signed_in
    assert view.authenticate_request({"Authorization": f"Bearer {session_token}"}).is_signed_in
    assert bench.session.user.id == view.verify_template_token(template_token).user_id
    assert view.explain_token(session_token).is_accepted
    assert not clerk.explain_token(session_token).is_accepted
    assert [bench.session.id] == [session.id for session in view.sessions.list(user_id=bench.session.user.id)]


def test_help() -> None:
    """In help texts an argument that may be left out shows as such."""
    parameters = inspect.signature(Clerk.with_policy).parameters

    assert {"UNCHANGED"} == {repr(parameters[name].default) for name in parameters if name != "self"}
