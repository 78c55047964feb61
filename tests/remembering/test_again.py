"""The same token again: no signature check, and the verdict that it would get anew, whatever has changed since."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clerk_ext import Clerk, Reason, Revocations, SessionClaims
from clerk_ext.testing import FakeClerk, FakeTransport
from tests.verifier.bench import APP, REMOVE, Bench, b64, pem, stranger
from tests.worlds import Clock

from .outages import Outage, afresh, hits, told

if TYPE_CHECKING:
    from tests.worlds import World

    from .conftest import Checks, Maker

LONG = 100_000  # seconds; so long-lived tokens expire in no test that is about something else


def test_hit(clerk: Clerk, bench: Bench, checks: Checks) -> None:
    """A token that was verified costs no signature check when it comes again as another str."""
    token = bench.token()
    first = clerk.verify_token(token)
    again = [clerk.verify_token(afresh(token)) for _ in range(3)]

    assert [first] * 3 == again
    assert 1 == checks.made
    assert (4, 3, 1) == (clerk.stats().verified, hits(clerk), clerk.stats().remembered)


def test_every_door_that_takes_session_tokens(clerk: Clerk, bench: Bench, checks: Checks) -> None:
    """Headers and cookies lead to the same memory."""
    token = bench.token()
    clerk.verify_token(token)
    states = [
        clerk.authenticate_token(afresh(token)),
        clerk.authenticate_request({"Authorization": f"Bearer {token}"}),
        clerk.authenticate_request({"Cookie": f"__session={token}; __client_uat={bench.now}"}),
    ]

    assert [bench.session.id] * 3 == [state.claims.session_id for state in states if state.claims]
    assert (1, 3) == (checks.made, hits(clerk))


# --- times


@pytest.mark.parametrize("skew", [0, 5, 300])
@pytest.mark.parametrize("late", [-1.0, -0.0005, 0.0, 0.0005, 1.0])
def test_expiry(client_with: Maker, bench: Bench, skew: float, late: float) -> None:
    """It expires at its time and the clock skew, to the microsecond, however often it was seen before."""
    clerk = client_with(clock_skew=skew, jwks_fresh=900.0, jwks_stale=900.0)
    token = bench.token(exp=bench.now + 60)
    before = [told(clerk, token), told(clerk, token)]
    bench.clock.advance(60 + skew + late)

    assert ["accepted", "accepted"] == before
    assert ("accepted" if late < 0 else Reason.TOKEN_EXPIRED) == told(clerk, token)


def test_hit_to_the_end(clerk: Clerk, bench: Bench, checks: Checks) -> None:
    """Up to the last moment, clock skew included, it costs no signature check."""
    token = bench.token()
    told(clerk, token)
    bench.clock.advance(60 + 5 - 0.01)

    assert "accepted" == told(clerk, token)
    assert (1, 1) == (checks.made, hits(clerk))


@pytest.mark.parametrize("skew", [0, 5])
@pytest.mark.parametrize(
    ("claim", "reason"), [("nbf", Reason.TOKEN_NOT_ACTIVE_YET), ("iat", Reason.TOKEN_IAT_IN_THE_FUTURE)]
)
@pytest.mark.parametrize("early", [-0.0005, 0.0, 0.0005, 1.0])
def test_clock_that_is_set_back(
    client_with: Maker, bench: Bench, skew: float, claim: str, reason: Reason, early: float
) -> None:
    """A token whose beginning comes to lie ahead, since the clock was set back, is refused as if it were new."""
    clerk = client_with(clock_skew=skew)
    claims: dict[str, Any] = {"iat": bench.now - 50, "nbf": bench.now - 50, claim: bench.now}
    token = bench.token(**claims)
    before = [told(clerk, token), told(clerk, token)]
    bench.clock.unix -= skew + early

    assert ["accepted", "accepted"] == before
    assert (reason if early > 0 else "accepted") == told(clerk, token)


@pytest.mark.parametrize("late", [-1.0, -0.0005, 0.0, 0.0005, 1.0])
def test_max_age(client_with: Maker, bench: Bench, late: float) -> None:
    """It grows too old for max_age at its time although it lives on."""
    clerk = client_with(max_age=30)
    token = bench.token(exp=bench.now + LONG)
    before = [told(clerk, token), told(clerk, token)]
    bench.clock.advance(30 + 5 + late)

    assert ["accepted", "accepted"] == before
    assert (Reason.TOKEN_TOO_OLD if late > 0 else "accepted") == told(clerk, token)


_OFFSET = st.one_of(st.integers(-400, 400), st.floats(-400, 400, allow_nan=False))
_BORDER = st.tuples(st.sampled_from(["exp", "iat", "nbf", "age"]), st.floats(-0.002, 0.002), st.sampled_from([-1, 1]))


class Twins:
    """Two clients that differ in their memory alone, on keys that need no fetch."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.bench = Bench.of(FakeClerk("acme", clock=self.clock.time), self.clock)

    def clients(self, **settings: Any) -> tuple[Clerk, Clerk]:
        """One that remembers and one that does not."""
        config = self.bench.fake.config(monotonic=self.clock.monotonic, jwt_key=pem(self.bench), **settings)
        return Clerk(config), Clerk(attrs.evolve(config, token_cache_size=0))


TWINS = Twins()


@settings(max_examples=300)
@given(
    claims=st.fixed_dictionaries({"exp": _OFFSET, "iat": _OFFSET}, optional={"nbf": _OFFSET}),
    skew=st.sampled_from([0, 0.1, 5, 5.0, 7.3, 300]),
    max_age=st.sampled_from([None, 0, 1, 30.5, 100]),
    begins=st.floats(-500, 500, allow_nan=False),
    moments=st.lists(st.one_of(st.floats(-800, 800, allow_nan=False), _BORDER), max_size=6),
)
@example({"exp": 60, "iat": 0}, 5, None, 0.0, [("exp", 0.0, 1), ("exp", -0.0001, 1), ("exp", 0.0001, 1)])
@example({"exp": 60, "iat": 0, "nbf": 3}, 5, 30.5, 0.0, [("age", 0.0, 1), ("nbf", 0.0, -1), ("iat", -0.001, -1)])
def test_times_as_if_it_were_new(
    claims: dict[str, float], skew: float, max_age: float | None, begins: float, moments: list[Any]
) -> None:
    """Whatever the times and wherever the clock jumps, a client that remembers says what one that does not says."""
    unix = 1_767_225_600.0
    TWINS.clock.unix = unix + begins
    remembering, forgetful = TWINS.clients(clock_skew=skew, max_age=max_age)
    absolute: dict[str, Any] = {"nbf": REMOVE, **{name: unix + offset for name, offset in claims.items()}}
    token = TWINS.bench.token(**absolute)
    borders = {"nbf": claims["iat"], "age": claims["iat"] + (max_age or 0), **claims}

    assert told(forgetful, token) == told(remembering, token)
    for moment in moments:
        offset = moment if isinstance(moment, float) else borders[moment[0]] + moment[2] * skew + moment[1]
        TWINS.clock.unix = unix + offset

        assert told(forgetful, token) == told(remembering, token)
    assert 0 == hits(forgetful)


# --- keys


def refreshed(world: World, clerk: Clerk, bench: Bench, token: str) -> None:
    """Let the key set grow old and be fetched anew in the background."""
    bench.clock.advance(301)
    told(clerk, token)
    world.settle()


def test_same_key_again(world: World, clerk: Clerk, bench: Bench, checks: Checks) -> None:
    """A key set that is fetched anew with the same keys leaves the tokens remembered."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    for _ in range(3):
        refreshed(world, clerk, bench, token)
    made, before = checks.made, hits(clerk)

    assert "accepted" == told(clerk, token)
    assert made == checks.made
    assert before + 1 == hits(clerk)
    assert 4 == len(bench.fake.requests)


def test_key_gone(world: World, clerk: Clerk, bench: Bench) -> None:
    """When the instance has the key no more, its tokens are refused from the fetch on that shows it."""
    token = bench.token(exp=bench.now + LONG)
    before = [told(clerk, token), told(clerk, token)]
    bench.fake.rotate_key(keep_old=False, kid="ins_new")
    unnoticed = told(clerk, token)
    refreshed(world, clerk, bench, token)

    assert ["accepted"] * 2 == before
    assert "accepted" == unnoticed
    assert [Reason.JWK_KID_MISMATCH] * 2 == [told(clerk, token), told(clerk, token)]
    assert "accepted" == told(clerk, bench.token(header={"kid": "ins_new"}))


def test_key_gone_shown_by_another_token(clerk: Clerk, bench: Bench) -> None:
    """Any fetch ends them: here one for a token of the new key."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    bench.fake.rotate_key(keep_old=False, kid="ins_new")
    bench.clock.advance(10)
    other = told(clerk, bench.token(header={"kid": "ins_new"}))

    assert "accepted" == other
    assert Reason.JWK_KID_MISMATCH == told(clerk, token)
    assert 2 == len(bench.fake.requests)


def test_key_replaced_under_its_kid(world: World, clerk: Clerk, bench: Bench) -> None:
    """When another key has taken the place under the kid, the tokens of the old one are refused."""
    token = bench.token(exp=bench.now + LONG)
    before = [told(clerk, token), told(clerk, token)]
    bench.fake.rotate_key(keep_old=False)
    refreshed(world, clerk, bench, token)

    assert ["accepted"] * 2 == before
    assert [Reason.TOKEN_INVALID_SIGNATURE] * 2 == [told(clerk, token), told(clerk, token)]
    assert "accepted" == told(clerk, bench.token())


def test_key_added_under_its_kid(world: World, clerk: Clerk, bench: Bench, checks: Checks) -> None:
    """While the old key is there beside the new one, its tokens stay remembered."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    bench.fake.rotate_key()
    refreshed(world, clerk, bench, token)
    made = checks.made

    assert ["accepted"] * 2 == [told(clerk, token), told(clerk, token)]
    assert made == checks.made


def test_key_that_comes_back(world: World, clerk: Clerk, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was gone for one fetch ends its tokens for that time, and they are remembered anew after it."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    with monkeypatch.context() as patch:
        patch.setattr(bench.fake, "jwks", lambda: {"keys": [stranger().public_jwk(bench.fake.kid)]}, raising=False)
        refreshed(world, clerk, bench, token)
        meanwhile = told(clerk, token)
    refreshed(world, clerk, bench, token)
    before = hits(clerk)
    after = [told(clerk, token), told(clerk, token)]

    assert Reason.TOKEN_INVALID_SIGNATURE == meanwhile
    assert ["accepted"] * 2 == after
    assert hits(clerk) > before


def test_same_key_under_another_kid(clerk: Clerk, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token counts as verified under its own kid: that the key is still there under another does not help it."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    keys = [{**bench.fake.jwks()["keys"][0], "kid": "ins_other"}, stranger().public_jwk(bench.fake.kid)]
    monkeypatch.setattr(bench.fake, "jwks", lambda: {"keys": keys}, raising=False)
    bench.clock.advance(10)
    other = told(clerk, bench.token(header={"kid": "ins_other"}))

    assert "accepted" == other
    assert Reason.TOKEN_INVALID_SIGNATURE == told(clerk, token)


def test_outage(clerk: Clerk, bench: Bench, outage: Outage) -> None:
    """In an outage tokens are accepted up to the hard bound of the keys, remembered or not, and never beyond."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    outage.down = True
    verdicts: dict[int, str] = {}
    for age, step in {299: 299, 450: 151, 700: 250, 3600: 2900, 3601: 1, 9000: 5399}.items():
        bench.clock.advance(step)
        verdicts[age] = told(clerk, token)
    outage.down = False
    bench.clock.advance(60)

    assert {
        **dict.fromkeys((299, 450, 700, 3600), "accepted"),
        **dict.fromkeys((3601, 9000), "keys unavailable"),
    } == verdicts
    assert "accepted" == told(clerk, token)


def test_outage_costs_no_memory(clerk: Clerk, bench: Bench, outage: Outage) -> None:
    """Tokens that are verified anew all through an outage are remembered once, and are found again after it."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    outage.down = True
    bench.clock.advance(301)
    verdicts = {told(clerk, token) for _ in range(200)}
    remembered = clerk.stats().remembered

    assert {"accepted"} == verdicts
    assert 1 == remembered


def test_machine_that_slept(clerk: Clerk, bench: Bench, outage: Outage) -> None:
    """Where the monotonic clock stood still, as on a suspended machine, the hard bound holds all the same."""
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    outage.down = True
    bench.clock.unix += 3601

    assert "keys unavailable" == told(clerk, token)


# --- revocations


def test_revoked_session(clerk: Clerk, bench: Bench) -> None:
    """A session that is revoked ends its remembered tokens, and no other's."""
    token = bench.token()
    other = bench.token(sid="sess_other")
    before = [told(clerk, token), told(clerk, token), told(clerk, other)]
    bench.revocations.revoke_session(bench.session.id)

    assert ["accepted"] * 3 == before
    assert [Reason.SESSION_REVOKED] * 2 == [told(clerk, token), told(clerk, token)]
    assert "accepted" == told(clerk, other)


def test_revoked_by_a_call(clerk: Clerk, bench: Bench) -> None:
    """So does sessions.revoke of this client."""
    token = bench.token()
    told(clerk, token)
    clerk.sessions.revoke(bench.session.id)

    assert Reason.SESSION_REVOKED == told(clerk, token)


def test_revoked_user(clerk: Clerk, bench: Bench) -> None:
    """A user who is revoked before a moment loses the remembered tokens from before it, and no later ones."""
    token, later = bench.token(iat=bench.now - 3), bench.token(iat=bench.now - 1)
    before = [told(clerk, token), told(clerk, later)]
    bench.revocations.revoke_user(bench.session.user.id, before=bench.now - 2)

    assert ["accepted"] * 2 == before
    assert [Reason.SESSION_REVOKED, "accepted"] == [told(clerk, token), told(clerk, later)]


class Custom:
    """Somebody's own revocations."""

    def __init__(self) -> None:
        self.answer: bool | Exception = False
        self.asked: list[SessionClaims] = []

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Answer as told."""
        self.asked.append(claims)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_custom_revocations(client_with: Maker, bench: Bench) -> None:
    """An object of the caller's own is asked each time; where it fails there is no verdict, and none is remembered."""
    revocations = Custom()
    clerk = client_with(revocations=revocations)
    token = bench.token()
    verdicts: list[str] = []
    for answer in (False, True, OSError("no memory"), False, True, False):
        revocations.answer = answer
        verdicts.append(told(clerk, token))

    assert [
        "accepted",
        Reason.SESSION_REVOKED,
        "revocations unavailable",
        "accepted",
        Reason.SESSION_REVOKED,
        "accepted",
    ] == verdicts
    assert [bench.session.id] * 6 == [claims.session_id for claims in revocations.asked]
    assert (3, 2, 2, 1) == (
        clerk.stats().verified,
        hits(clerk),
        clerk.stats().refused[Reason.SESSION_REVOKED],
        clerk.stats().unavailable,
    )


@pytest.mark.parametrize("answer", [True, OSError("no memory")], ids=["revoked", "failing"])
def test_not_accepted_the_first_time(client_with: Maker, bench: Bench, answer: bool | Exception) -> None:
    """A token that was not accepted because of the revocations is not remembered."""
    revocations = Custom()
    revocations.answer = answer
    clerk = client_with(revocations=revocations)
    told(clerk, bench.token())

    assert 0 == clerk.stats().remembered


# --- doors


@pytest.mark.parametrize("header", [{}, {"cat": REMOVE}], ids=["marked", "unmarked"])
def test_session_token_at_the_template_door(clerk: Clerk, bench: Bench, header: dict[str, Any]) -> None:
    """A session token that is remembered is still refused as a template token."""
    token = bench.token(header=header)
    told(clerk, token)
    told(clerk, token)
    with pytest.raises(Exception, match=Reason.TOKEN_TYPE_MISMATCH):
        clerk.verify_template_token(afresh(token))

    assert "accepted" == told(clerk, token)


@pytest.mark.parametrize("marked", [True, False])
def test_template_token_at_the_session_door(clerk: Clerk, bench: Bench, marked: bool) -> None:
    """A template token that was verified, again and again, is still refused as a session token."""
    claims = bench.claims(sid=REMOVE, sts=REMOVE)
    token = bench.template() if marked else bench.fake.sign(bench.header(cat=REMOVE), claims)
    for _ in range(2):
        clerk.verify_template_token(afresh(token))

    assert (Reason.TOKEN_TYPE_MISMATCH if marked else Reason.TOKEN_INVALID_SESSION_ID) == told(clerk, token)
    assert (0, 0) == (hits(clerk), clerk.stats().remembered)


# --- refused tokens


def forgeries(bench: Bench, token: str) -> dict[str, str]:
    """Tokens close to a good one that are not good."""
    header, payload, signature = token.split(".")
    changed = b64(b'{"sub":"user_admin"}')
    return {
        "another key's signature": bench.fake.forge(token),
        "another payload": f"{header}.{changed}.{signature}",
        "another header": f"{b64(b'{}')}.{payload}.{signature}",
        "another header that is known": f"{bench.token(header={'oiat': 1}).split('.')[0]}.{payload}.{signature}",
        "signature alone": f"..{signature}",
        "end of the signature alone": signature[-32:],
        "begin of the signature changed": f"{header}.{payload}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "a blank before": f" {token}",
        "a blank after": f"{token} ",
        "a line break after": f"{token}\n",
        "padding": f"{token}==",
        "scheme": f"Bearer {token}",
        "twice": token + token,
        "two parts": f"{header}.{payload}",
        "look-alike letter": token.replace("e", "е", 1),
        "no signature": f"{header}.{payload}.",
    }


def test_close_to_a_remembered_token(clerk: Clerk, bench: Bench) -> None:
    """Nothing but the very token is taken for it."""
    token = bench.token()
    told(clerk, bench.token(header={"oiat": 1}))
    told(clerk, token)
    told(clerk, token)
    verdicts = {name: told(clerk, forgery) for name, forgery in forgeries(bench, token).items()}

    assert [] == [name for name, verdict in verdicts.items() if verdict == "accepted"]
    assert 1 == hits(clerk)


@pytest.mark.parametrize("oddity", [None, 5, b"bytes", ["list"]], ids=repr)
def test_no_text(clerk: Clerk, bench: Bench, oddity: Any) -> None:
    """What is no str is refused whatever is remembered."""
    told(clerk, bench.token())
    with pytest.raises(Exception, match=Reason.TOKEN_INVALID):
        clerk.verify_token(oddity)


def test_refused_tokens_neither_fill_nor_flush(client_with: Maker, bench: Bench) -> None:
    """10,000 refused tokens leave exactly those remembered that were, each still found at once."""
    clerk = client_with(token_cache_size=8)
    good = [bench.token(jti=str(number)) for number in range(8)]
    for token in good:
        told(clerk, token)
    refused = [
        *(bench.fake.forge(token) for token in good),
        *(forgery for token in good for forgery in forgeries(bench, token).values()),
        *(bench.token(exp=bench.now - 60, jti=str(number)) for number in range(8)),
        *(bench.token(sub="", jti=str(number)) for number in range(8)),
        *(bench.token(sts="pending", jti=str(number)) for number in range(8)),
        *(bench.template(jti=str(number)) for number in range(8)),
    ]
    before = attrs.evolve(clerk.stats())
    turns = range(10_000)
    accepted = [turn for turn in turns if told(clerk, refused[turn % len(refused)]) == "accepted"]
    after = attrs.evolve(clerk.stats())
    again = [told(clerk, token) for token in good]

    assert [] == accepted
    assert (8, 8) == (before.remembered, after.remembered)
    assert (0, 0) == (before.cache_hits, after.cache_hits)
    assert 10_000 == sum(after.refused.values())
    assert ["accepted"] * 8 == again
    assert 8 == hits(clerk)
    assert 1 == len(bench.fake.requests)


# --- settings


def test_pem(client_with: Maker, bench: Bench, checks: Checks) -> None:
    """With the key in the settings tokens are remembered too, those without a kid among them."""
    clerk = client_with(jwt_key=pem(bench))
    tokens = [bench.token(), bench.token(header={"kid": REMOVE}), bench.token(header={"kid": "ins_foreign"})]
    verdicts = [told(clerk, token) for token in [*tokens, *tokens]]
    bench.clock.advance(100)

    assert ["accepted"] * 6 == verdicts
    assert [Reason.TOKEN_EXPIRED] * 3 == [told(clerk, token) for token in tokens]
    assert (3, 3) == (checks.made - 3, hits(clerk))
    assert [] == bench.fake.requests


def test_nothing_to_remember_with(client_with: Maker, bench: Bench, checks: Checks) -> None:
    """With token_cache_size=0 every token is verified anew."""
    clerk = client_with(token_cache_size=0)
    token = bench.token()
    verdicts = [told(clerk, token) for _ in range(3)]

    assert ["accepted"] * 3 == verdicts
    assert (3, 0, 0) == (checks.made, hits(clerk), clerk.stats().remembered)


@pytest.mark.parametrize("size", [1, 5, 64])
def test_bound(client_with: Maker, bench: Bench, size: int) -> None:
    """More tokens than token_cache_size are never remembered."""
    clerk = client_with(token_cache_size=size)
    counts: set[int] = set()
    for number in range(3 * size):
        told(clerk, bench.token(jti=str(number)))
        counts.add(clerk.stats().remembered)

    assert set(range(1, size + 1)) == counts


# --- others


def test_two_clients(client_with: Maker, bench: Bench, checks: Checks) -> None:
    """Two clients with equal settings remember each for itself."""
    first, second = client_with(), client_with()
    token = bench.token()
    verdicts = [told(first, token), told(second, token)]

    assert ["accepted"] * 2 == verdicts
    assert (2, 0, 0) == (checks.made, hits(first), hits(second))
    assert (1, 1) == (first.stats().remembered, second.stats().remembered)


def test_two_tenants(world: World, bench: Bench, outage: Outage) -> None:
    """What one instance's client remembers means nothing to another's, even if the other has the same key and kid."""
    acme = world.clerk(bench.fake.config(clock=bench.clock.time), transport=FakeTransport(bench.fake, bench.other))
    globex = world.clerk(
        bench.other.config(clock=bench.clock.time, jwks_url=bench.fake.jwks_url), transport=FakeTransport(bench.fake)
    )
    token = bench.token()
    verdicts = [told(acme, token), told(acme, token), told(globex, token), told(acme, token)]

    assert ["accepted", "accepted", Reason.TOKEN_INVALID_ISSUER, "accepted"] == verdicts
    assert (2, 0) == (hits(acme), globex.stats().remembered)


@attrs.frozen
class Note:
    """Custom claims."""

    note: dict[str, list[int]]


def test_what_a_caller_changes(clerk: Clerk, bench: Bench) -> None:
    """Whatever a caller does to what it got, the next one gets what the token says."""
    actor = {"sub": "user_admin", "scopes": ["read"]}
    token = bench.token(act=actor, aud=REMOVE, note={"list": [1]}, azp=APP)
    for _ in range(3):
        claims = clerk.verify_token(afresh(token))
        raw = claims.raw

        assert ("user_admin", [1], APP) == (raw["act"]["sub"], raw["note"]["list"], claims.authorized_party)
        assert actor == claims.actor
        assert Note({"list": [1]}) == claims.custom(Note)

        raw.update(sub="user_evil", org_role="org:admin", org_id="org_1")
        raw["act"]["sub"] = "user_evil"
        raw["note"]["list"].append(2)
        assert claims.actor is not None
        claims.actor.clear()
        claims.actor["scopes"].append("write")
        claims.custom(Note).note["list"].append(3)
        for name in ("tenant", "_claims", "user_id"):
            with pytest.raises((AttributeError, TypeError)):
                setattr(claims, name, "user_evil")

        assert bench.session.user.id == claims.user_id
        assert not claims.has(role="admin")


def test_revocations_of_a_client_of_its_own(client_with: Maker, bench: Bench) -> None:
    """Revocations that were not given to a client do not end its tokens."""
    clerk = client_with(revocations=Revocations(clock=bench.clock.time))
    token = bench.token()
    told(clerk, token)
    bench.revocations.revoke_session(bench.session.id)

    assert "accepted" == told(clerk, token)
    assert 1 == hits(clerk)


def test_failing_revocations_do_not_flood_the_log(
    client_with: Maker, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """While they fail, one line a minute tells of it and the others are for debugging; none shows the claims."""
    caplog.set_level(logging.DEBUG, logger="clerk_ext.tokens")
    revocations = Custom()
    clerk = client_with(revocations=revocations, max_age=1e6)
    token = bench.token(exp=bench.now + LONG)
    told(clerk, token)
    revocations.answer = OSError("no memory for sess_1")
    for _ in range(3):
        told(clerk, token)
    bench.clock.advance(60)
    told(clerk, token)
    records = [record for record in caplog.records if record.name == "clerk_ext.tokens"]

    assert [logging.ERROR, logging.DEBUG, logging.DEBUG, logging.ERROR] == [record.levelno for record in records]
    assert {"tenant acme: is_revoked raised OSError"} == {record.getMessage() for record in records}
