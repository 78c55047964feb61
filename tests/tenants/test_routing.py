"""The tenant of a token: chosen by its issuer, which decides whose keys judge and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from clerk_ext import Reason, Revocations, TokenVerificationError
from clerk_ext.testing import FakeClerk, FakeTransport
from clerk_ext.tokens.keys import VerificationKey
from tests.remembering.outages import Outage
from tests.verifier.bench import Bench, BenchClerk, unb64
from tests.verifier.cases import CASES

from .routes import afresh, asked, counted, template_of, token_of, told

if TYPE_CHECKING:
    from clerk_ext import Tenants
    from clerk_ext.tokens.claims import SessionClaims
    from tests.verifier.cases import Case
    from tests.worlds import Clock, World

UNKNOWN: Final = Reason.TENANT_UNKNOWN
REMOVE: Final = FakeClerk.REMOVE


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[VerificationKey]:
    """The keys whose signatures were looked for, one by one."""
    made: list[VerificationKey] = []
    holds = VerificationKey.holds

    def noting(self: VerificationKey, signature: bytes, signed: bytes) -> bool:
        made.append(self)
        return holds(self, signature, signed)

    monkeypatch.setattr(VerificationKey, "holds", noting)
    return made


@pytest.fixture
def bench(clock: Clock) -> Bench:
    """An instance that also has a key of the test's own, another instance, and tokens with any fault."""
    return Bench.of(BenchClerk("acme", clock=clock.time), clock)


def test_chosen_by_issuer(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """At every door a token is judged by the tenant that issued it, and nobody else is asked for keys."""
    for number, (slug, fake) in enumerate(fakes.items(), 1):
        state = tenants.authenticate_token(token_of(fake))

        assert slug == tenants.verify_token(token_of(fake)).tenant
        assert slug == tenants.verify_template_token(template_of(fake)).tenant
        assert (slug, slug) == (state.tenant, state.claims and state.claims.tenant)
        assert [1] * number + [0] * (3 - number) == list(asked(fakes).values())
    assert dict.fromkeys(fakes, 3) == {name: stats.verified for name, stats in tenants.stats().tenants.items()}


def test_every_issuer_of_a_tenant(
    world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock
) -> None:
    """A tenant with several issuers is found by each of them."""
    issuers = [fakes["acme"].issuer, "https://app.acme.example/__clerk", "https://clerk.acme.example"]
    config = fakes["acme"].config(issuer=issuers, monotonic=clock.monotonic)
    tenants = world.tenants([config, fakes["globex"].config()], transport=transport)

    assert ["accepted"] * 3 == [told(tenants.verify_token, token_of(fakes["acme"], iss=iss)) for iss in issuers]
    assert {"acme"} == set(tenants.stats().tenants)


def test_unknown_issuer(tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """A token of a stranger is refused at every door without a fetch, and nothing about anybody is told."""
    stranger = FakeClerk("umbrella", clock=clock.time)
    doors = [tenants.verify_token, tenants.verify_token, tenants.verify_template_token]
    messages: list[str] = []
    for door, token in zip(doors, [token_of(stranger), token_of(stranger), template_of(stranger)], strict=True):
        with pytest.raises(TokenVerificationError) as refused:
            door(token)
        assert refused.value.reason is UNKNOWN
        messages.append(f"{refused.value!r} {refused.value}")
    state = tenants.authenticate_token(token_of(stranger))
    messages.append(f"{state} {state.headers}")

    assert (UNKNOWN, None, "signed-out") == (state.reason, state.tenant, state.status)
    assert [] == [word for word in (*fakes, "umbrella", "clerk.accounts") if word in "".join(messages)]
    assert (dict.fromkeys(fakes, 0), []) == (asked(fakes), stranger.requests)
    assert ({UNKNOWN: 4}, {}) == (tenants.stats().refused, tenants.stats().tenants)


NEAR_MISSES: Final[dict[str, object]] = {
    "missing": REMOVE,
    "null": None,
    "empty": "",
    "name": "acme",
    "http": "http://acme.clerk.accounts.dev",
    "host": "acme.clerk.accounts.dev",
    "slash": "https://acme.clerk.accounts.dev/",
    "capitals": "https://ACME.clerk.accounts.dev",
    "port": "https://acme.clerk.accounts.dev:443",
    "space": "https://acme.clerk.accounts.dev ",
    "line": "https://acme.clerk.accounts.dev\n",
    "prefix": "https://acme.clerk.accounts.dev.evil.example",
    "user": "https://acme.clerk.accounts.dev@evil.example",
    "list": ["https://acme.clerk.accounts.dev"],
    "object": {"iss": 1},
    "number": 5,
    "true": True,
}


@pytest.mark.parametrize("issuer", NEAR_MISSES.values(), ids=NEAR_MISSES)
def test_issuer_that_only_resembles(tenants: Tenants, fakes: dict[str, FakeClerk], issuer: object) -> None:
    """An issuer is a tenant's if it is the same text; whatever resembles it is unknown, whoever signed the token."""
    found = [told(tenants.verify_token, token_of(fakes["acme"], iss=issuer))]
    found.append(told(tenants.verify_template_token, template_of(fakes["acme"], iss=issuer)))
    state = tenants.authenticate_token(token_of(fakes["acme"], iss=issuer))

    assert [UNKNOWN] * 2 == found
    assert (UNKNOWN, None) == (state.reason, state.tenant)
    assert dict.fromkeys(fakes, 0) == asked(fakes)


def test_order_of_checks(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Form and header are judged before the tenant is looked for, and the tenant before keys and claims."""
    acme = fakes["acme"]
    session = acme.create_session(acme.add_user())
    nobody = {"iss": "https://nobody.example"}

    def token(header: dict[str, Any], **claims: Any) -> str:
        return acme.session_token(session, header=header, claims=claims)

    expected: list[tuple[str, str, str | None]] = [
        ("a.b", Reason.TOKEN_INVALID, None),
        ("x" * 20_000, Reason.TOKEN_TOO_LARGE, None),
        (token({"alg": "none"}, **nobody), Reason.TOKEN_INVALID_ALGORITHM, None),
        (token({"crit": ["x"]}, **nobody), Reason.TOKEN_INVALID, None),
        (token({"cat": "cl_B7d4PD222AAA"}, **nobody), Reason.TOKEN_TYPE_MISMATCH, None),
        (token({"cat": "cl_B7d4PD222AAA"}), Reason.TOKEN_TYPE_MISMATCH, None),
        (token({"kid": "ins_other"}, exp=1, **nobody), UNKNOWN, None),
        (token({"kid": REMOVE}, **nobody), UNKNOWN, None),
        (acme.forge(token({}, sub="", **nobody)), UNKNOWN, None),
        (token({"kid": REMOVE}), Reason.TOKEN_INVALID, "acme"),
        (token({"kid": "ins_other"}, exp=1), Reason.JWK_KID_MISMATCH, "acme"),
        (acme.forge(token({}, exp=1)), Reason.TOKEN_INVALID_SIGNATURE, "acme"),
        (token({}, exp=1), Reason.TOKEN_EXPIRED, "acme"),
    ]
    for text, reason, tenant in expected:
        state = tenants.authenticate_token(text)

        assert (reason, tenant) == (state.reason, state.tenant)
        assert reason == told(tenants.verify_token, text)
    assert (1, 0) == (len(acme.requests), len(fakes["globex"].requests))


@pytest.mark.parametrize("issuer", ["globex", "acme"])
def test_issuer_only_selects(tenants: Tenants, fakes: dict[str, FakeClerk], issuer: str) -> None:
    """A token that names another tenant than the one that signed it passes at neither, whatever kid it names."""
    signer = fakes["acme" if issuer == "globex" else "globex"]
    session = signer.create_session(signer.add_user())
    tenants.prewarm()
    found: list[str] = []
    for kid in (signer.kid, fakes[issuer].kid):
        state = tenants.authenticate_token(
            signer.session_token(session, claims={"iss": fakes[issuer].issuer}, header={"kid": kid})
        )
        assert (issuer, None) == (state.tenant, state.claims)
        found.append(str(state.reason))

    assert [Reason.JWK_KID_MISMATCH, Reason.TOKEN_INVALID_SIGNATURE] == found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object, none of which stands there twice."""
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def is_named(token: object, issuers: tuple[str, ...] | None) -> bool:
    """Whether plain `json` finds one of these issuers in a token."""
    try:
        payload = unb64(cast("str", token).split(".")[1]).decode()
        return json.loads(payload, object_pairs_hook=unique)["iss"] in (issuers or ())
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, AssertionError):
        return False


@pytest.mark.parametrize("case", CASES, ids=str)
def test_same_verdict_as_alone(world: World, bench: Bench, case: Case) -> None:
    """Each token has the verdict that a client of its tenant alone has, unless it names no issuer of the tenant."""
    times = {"clock": bench.clock.time, "monotonic": bench.clock.monotonic}
    config = bench.fake.config(**{**times, **case.settings_for(bench)})
    transport = FakeTransport(bench.fake, bench.other)
    alone = world.clerk(config, transport=transport, revocations=bench.revocations)
    tenants = world.tenants([config], transport=transport, revocations=bench.revocations)
    case.prepare(bench)
    token = case.make(bench)
    door = "verify_token" if case.door == "session" else "verify_template_token"
    before, found = (told(getattr(judge, door), token) for judge in (alone, tenants))
    if case.door == "session" and isinstance(token, str) and token:
        state = tenants.authenticate_token(token)
        tenant = state.tenant if case.step <= 2 and state.reason else None if found == UNKNOWN else "acme"

        assert (found, tenant) == (state.reason or "accepted", state.tenant)
    assert (case.reason or "accepted") == before
    if case.step <= 2 or is_named(token, config.issuers):
        assert before == found
    else:
        assert found in {before, UNKNOWN} - {"accepted"}


def test_remembered(tenants: Tenants, fakes: dict[str, FakeClerk], checks: list[VerificationKey]) -> None:
    """A token that was verified is accepted again without a fetch or a look at its signature, at either door."""
    token = token_of(fakes["acme"])
    first = tenants.verify_token(token)
    again = tenants.verify_token(afresh(token))
    state = tenants.authenticate_token(afresh(token))

    assert first == again == state.claims
    assert ("acme", "acme", token) == (again.tenant, state.tenant, state.token)
    assert (1, 1) == (len(checks), len(fakes["acme"].requests))
    assert (3, 2) == (tenants.stats().tenants["acme"].verified, tenants.stats().tenants["acme"].cache_hits)
    assert 1 == tenants.stats().remembered


def test_remembered_is_of_its_door(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """A session token that is remembered is refused as a JWT-template token, and the other way round."""
    session, template = token_of(fakes["acme"]), template_of(fakes["acme"])
    found = [told(tenants.verify_token, session), told(tenants.verify_template_token, template)]
    found += [told(tenants.verify_template_token, session), told(tenants.verify_token, template)]

    assert ["accepted"] * 2 + [Reason.TOKEN_TYPE_MISMATCH] * 2 == found


def test_replaced(tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock, checks: list[VerificationKey]) -> None:
    """A tenant that was put in another's place judges anew, by its own policy; what others remember stays."""
    acme, other = token_of(fakes["acme"]), token_of(fakes["globex"])
    tenants.verify_token(acme)
    tenants.verify_token(other)
    tenants.replace(fakes["acme"].config(monotonic=clock.monotonic, clock_skew=6.0))
    tenants.verify_token(afresh(acme))
    tenants.verify_token(afresh(other))
    tenants.replace(fakes["acme"].config(monotonic=clock.monotonic, authorized_parties=["https://a.example"]))

    assert Reason.TOKEN_INVALID_AUTHORIZED_PARTIES == told(tenants.verify_token, afresh(acme))
    assert {"acme": 3, "globex": 1, "initech": 0} == asked(fakes)
    assert 4 == len(checks)
    assert 1 == tenants.stats().remembered


def test_removed(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """The tokens of a tenant that was taken out are refused at once; those of the others are not."""
    acme, other = token_of(fakes["acme"]), token_of(fakes["globex"])
    tenants.verify_token(acme)
    tenants.verify_token(other)
    tenants.remove("acme")
    before = asked(fakes)
    state = tenants.authenticate_token(afresh(acme))

    assert [UNKNOWN, "accepted"] == [told(tenants.verify_token, afresh(token)) for token in (acme, other)]
    assert (UNKNOWN, None) == (state.reason, state.tenant)
    assert before == asked(fakes)
    assert 1 == tenants.stats().remembered


def test_removed_and_added(
    tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock, checks: list[VerificationKey]
) -> None:
    """A tenant that was added anew knows nothing of what the one before it had verified."""
    token = token_of(fakes["acme"])
    tenants.verify_token(token)
    tenants.remove("acme")
    tenants.add(fakes["acme"].config(monotonic=clock.monotonic))
    tenants.verify_token(afresh(token))
    stats = tenants.stats().tenants["acme"]

    assert (2, 2) == (len(checks), len(fakes["acme"].requests))
    assert (1, 0) == (stats.verified, stats.cache_hits)


def test_issuer_moved(tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """Where an issuer goes over to another tenant, its tokens do too, by the keys of that one."""
    acme, globex = fakes["acme"], fakes["globex"]
    token, old = token_of(acme), tenants["acme"]
    tenants.verify_token(token)
    tenants.replace(acme.config(monotonic=clock.monotonic, issuer="https://acme.example"))
    unknown = told(tenants.verify_token, afresh(token))
    issuers = [globex.issuer, acme.issuer]
    tenants.replace(globex.config(monotonic=clock.monotonic, issuer=issuers))
    old.verify_token(afresh(token))
    state = tenants.authenticate_token(afresh(token))
    tenants.replace(globex.config(monotonic=clock.monotonic, issuer=issuers, jwks_url=acme.jwks_url))

    assert UNKNOWN == unknown
    assert (Reason.JWK_KID_MISMATCH, "globex") == (state.reason, state.tenant)
    assert "globex" == tenants.verify_token(afresh(token)).tenant == tenants.verify_token(afresh(token)).tenant


def test_clients_that_are_held(tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """What the client of a tenant that is gone, or a client with another policy, has verified helps nobody else."""
    acme = fakes["acme"]
    pending, token = token_of(acme, sts="pending"), token_of(acme)
    held = tenants["acme"]
    view = held.with_policy(accept_pending=True)

    assert ["accepted", "accepted"] == [told(view.verify_token, afresh(pending)) for _ in range(2)]
    assert Reason.SESSION_PENDING == told(tenants.verify_token, afresh(pending))
    assert ["accepted", "accepted"] == [told(held.verify_token, afresh(token)) for _ in range(2)]
    tenants.remove("acme")
    assert ["accepted", "accepted"] == [told(held.verify_token, afresh(token)) for _ in range(2)]
    assert UNKNOWN == told(tenants.verify_token, afresh(token))
    tenants.add(acme.config(monotonic=clock.monotonic, audience="api"))
    assert ["accepted", "accepted"] == [told(held.verify_token, afresh(token)) for _ in range(2)]
    assert Reason.TOKEN_INVALID_AUDIENCE == told(tenants.verify_token, afresh(token))


class Twins:
    """Tenants whose sessions and users have the same ids, and what was revoked."""

    def __init__(self, world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> None:
        self.revocations = Revocations(clock=clock.time)
        configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
        self.tenants = world.tenants(configs, transport=transport, revocations=self.revocations)
        acme = fakes["acme"]
        self.session = acme.create_session(acme.add_user())
        same = {"sid": self.session.id, "sub": self.session.user.id}
        self.tokens = {name: token_of(fake, **same) for name, fake in fakes.items()}

    def refused(self) -> set[str]:
        """The tenants that refuse the session as revoked, at every door."""
        doors = self.tenants.verify_token, self.tenants.authenticate_token
        found: set[str] = set()
        for name, token in self.tokens.items():
            word, state = told(doors[0], afresh(token)), doors[1](afresh(token))
            assert (state.reason or "accepted", state.tenant) == (word, name)
            assert word in {"accepted", Reason.SESSION_REVOKED}
            if word != "accepted":
                found.add(name)
        return found


@pytest.fixture(params=["remembered", "at first sight"])
def twins(
    request: pytest.FixtureRequest, world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock
) -> Twins:
    """Tenants with the same sessions, their tokens remembered or not."""
    twins = Twins(world, fakes, transport, clock)
    if request.param == "remembered":
        assert set() == twins.refused()
    return twins


def test_revoked_by_call(twins: Twins) -> None:
    """A session that was revoked through one tenant's endpoints is refused there, and not where its id is the same."""
    twins.tenants["acme"].sessions.revoke(twins.session.id)

    assert {"acme"} == twins.refused() == twins.refused()


@pytest.mark.parametrize(("tenant", "expected"), [("globex", {"globex"}), (None, {"acme", "globex", "initech"})])
@pytest.mark.parametrize("whose", ["session", "user"])
def test_revoked_by_hand(twins: Twins, clock: Clock, tenant: str | None, expected: set[str], whose: str) -> None:
    """What is revoked for one tenant is refused there alone; what is revoked for all, everywhere."""
    clock.advance(1)
    if whose == "session":
        twins.revocations.revoke_session(twins.session.id, tenant=tenant)
    else:
        twins.revocations.revoke_user(twins.session.user.id, tenant=tenant)

    assert expected == twins.refused() == twins.refused()


class Failing:
    """Revocations that fail."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Raise."""
        raise OSError(claims.tenant)


def test_revocations_that_fail(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport) -> None:
    """Whether a session was revoked cannot be told: that is raised at each door and counted once."""
    configs = [fake.config() for fake in fakes.values()]
    tenants = world.tenants(configs, transport=transport, revocations=Failing())
    token = token_of(fakes["acme"])

    assert ["RevocationUnavailable"] * 4 == [
        told(door, afresh(token)) for door in (tenants.verify_token, tenants.authenticate_token) * 2
    ]
    assert (4, 4) == (tenants.stats().tenants["acme"].unavailable, counted(tenants))


def test_keys_out_of_reach(world: World, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """While the keys cannot be had that is raised at each door and counted once, at that tenant alone."""
    outage = Outage(*fakes.values())
    configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
    tenants = world.tenants(configs, transport=outage, monotonic=clock.monotonic)
    tenants.prewarm(["globex"])
    outage.down = True
    doors = [tenants.verify_token, tenants.authenticate_token]
    found = [told(door, token_of(fakes["acme"])) for door in doors]
    found.append(told(tenants.verify_template_token, template_of(fakes["acme"])))
    found.append(told(tenants.authenticate_request, {"Authorization": f"Bearer {token_of(fakes['acme'])}"}))

    assert ["JWKSUnavailable"] * 4 == found
    assert "accepted" == told(tenants.verify_token, token_of(fakes["globex"]))
    assert (4, 1) == (tenants.stats().tenants["acme"].unavailable, tenants.stats().tenants["globex"].verified)
    assert 5 == counted(tenants)
