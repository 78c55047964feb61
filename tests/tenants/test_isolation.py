"""No tenant's tokens, keys, secrets or troubles ever reach another, in whatever order things happen."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from clerk_ext import ClerkConfig, ConfigurationError
from clerk_ext.tokens.judge import Judge
from tests.worlds import Clock, World

from .isolation import (
    AT_REST,
    HOWS,
    KIDS,
    SHARED_API,
    Health,
    Heard,
    Instance,
    Logged,
    Network,
    Placed,
    Source,
    Token,
    Verdict,
    config_of,
    grafted,
    refused,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clerk_ext import ClerkConfig, SessionClaims

EXAMPLES: Final = 30
STEPS: Final = 50
LEAST_STEPS: Final = 1_000
"""In each world; 2,000 in both."""

SLUGS: Final = ("i0", "i1", "i2", "i3")
NAMES: Final = ("acme", "globex", "initech")
NUMBERS: Final = st.integers(0, 3)
KEYS: Final = st.integers(0, 2)
BROKEN: Final = st.sampled_from(list[Health](["outage", "500", "429", "HTML", "hanging", "no keys"]))
SOURCES: Final = st.sampled_from(list[Source](["Frontend API", "Backend API", "another's", "PEM"]))
UNKNOWN: Final = "https://clerk.nobody.example"


class Isolation(RuleBasedStateMachine):
    """Tenants come, go, change, break and are attacked in any order; each is compared with a twin that lives alone."""

    def __init__(self, world: World, counts: Counter[str]) -> None:
        super().__init__()
        self.world = world
        self.counts = counts
        self.clock = Clock()
        self.heard = Heard()
        self.handler = Logged(self.heard)
        logger = logging.getLogger("clerk_ext")
        logger.addHandler(self.handler)
        self.level = logger.level
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        self.hows = itertools.cycle(HOWS)
        self.placed: dict[str, Placed] = {}
        self.gone: Placed | None = None
        self.secrets: dict[str, Instance] = {}
        self.tokens: set[str] = set()
        self.present: dict[str, tuple[object, Token]] = {}

    @initialize(
        keys=st.tuples(KEYS, KEYS, KEYS, KEYS),
        kids=st.tuples(*[st.sampled_from(KIDS)] * 4),
        share=st.tuples(*[st.booleans()] * 4),
        sources=st.tuples(SOURCES, SOURCES),
    )
    def begin(
        self,
        keys: tuple[int, ...],
        kids: tuple[str, ...],
        share: tuple[bool, ...],
        sources: tuple[Source, ...],
    ) -> None:
        """Some instances, with equal keys, kids and API hosts among them, and two tenants."""
        self.instances = [
            Instance(slug, SHARED_API if share[n] else f"https://api.{slug}.example/v1", [(kids[n], keys[n])])
            for n, slug in enumerate(SLUGS)
        ]
        self.network = Network(self.instances)
        self.tenants = self.world.tenants(
            transport=self.network, monotonic=self.clock.monotonic, key_cache_size=1_000, token_cache_size=10_000
        )
        self.secrets = {instance.secret: instance for instance in self.instances}
        for name, instance, source in zip(NAMES, self.instances, sources, strict=False):
            self._add(name, instance, source, self.instances[3])

    # Tenants come and go.

    @rule(name=st.sampled_from(NAMES), number=NUMBERS, source=SOURCES, other=NUMBERS)
    def add(self, name: str, number: int, source: Source, other: int) -> None:
        """A tenant is added, unless its name or issuer is taken."""
        self._add(name, self.instances[number], source, self.instances[other])

    def _add(self, name: str, instance: Instance, source: Source, other: Instance) -> None:
        config = config_of(name, instance, source, other, self.clock)
        error = refused(self.tenants.add, config)
        self.heard.say(error)
        taken = name in self.placed or self._has_issuer(instance)
        assert taken == isinstance(error, ConfigurationError)
        if not taken:
            self._place(config, instance, other if source == "another's" else instance)

    @rule(name=st.sampled_from(NAMES), number=NUMBERS, source=SOURCES, other=NUMBERS, rotates=st.booleans())
    def replace(self, name: str, number: int, source: Source, other: int, rotates: bool) -> None:
        """A tenant is replaced: by another instance, with keys from elsewhere, or with another secret key."""
        instance = self.instances[number]
        if name not in self.placed or self._has_issuer(instance, but=name):
            config = config_of(name, instance, source, self.instances[other], self.clock)
            assert None is not refused(self.tenants.replace, config)
            return
        if rotates and not self._has_issuer(instance, but=name):
            instance.rotations += 1
            self.secrets[instance.secret] = instance
        config = config_of(name, instance, source, self.instances[other], self.clock)
        self.gone = self.placed.pop(name)
        self.tenants.replace(config)
        self._place(config, instance, self.instances[other] if source == "another's" else instance)

    @rule(name=st.sampled_from(NAMES))
    def remove(self, name: str) -> None:
        """A tenant is removed."""
        error = refused(self.tenants.remove, name)
        assert (name not in self.placed) == (error is not None)
        if error is None:
            self.gone = self.placed.pop(name)

    def _has_issuer(self, instance: Instance, but: str | None = None) -> bool:
        return any(name != but and placed.instance is instance for name, placed in self.placed.items())

    def _place(self, config: ClerkConfig, instance: Instance, source: Instance) -> None:
        twin = self.world.clerk(config, transport=Network(self.instances))
        pem = None if config.jwt_key is None else instance.keys[-1][1]
        published = {number for _, number in source.keys} if pem is None else {pem}
        self.placed[config.name] = Placed(
            config, instance, source, published, twin, self.tenants.load(config.name), pem
        )

    # Instances change and break.

    @rule(number=NUMBERS, key=KEYS, kid=st.sampled_from(KIDS), keep_old=st.booleans())
    def rotate(self, number: int, key: int, kid: str, keep_old: bool) -> None:
        """An instance signs with another key, perhaps one that another instance has too, perhaps under the same kid."""
        instance = self.instances[number]
        kept = [pair for pair in instance.keys if keep_old and pair != (kid, key)][-2:]
        instance.keys = [*kept, (kid, key)]
        instance.at_rest_from = max(instance.at_rest_from, self.clock.time() + AT_REST)
        for placed in (*self.placed.values(), self.gone):
            if placed is not None and placed.source is instance and placed.pem is None:
                placed.published.add(key)

    @rule(number=NUMBERS, health=BROKEN)
    def break_down(self, number: int, health: Health) -> None:
        """An instance's key set cannot be had any more."""
        self.instances[number].health = health

    @rule(number=NUMBERS)
    def mend(self, number: int) -> None:
        """It can be had again."""
        instance = self.instances[number]
        if instance.health != "well":
            instance.health = "well"
            instance.at_rest_from = self.clock.time() + AT_REST

    @rule(seconds=st.sampled_from([0.5, 5.0, 11.0, 61.0, 61.0, 301.0, 601.0, 3_601.0]))
    def advance(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    # Attacks.

    @rule(number=NUMBERS, kind=st.sampled_from(["unknown kid", "bad signature", "new"]), key=KEYS)
    def flood(self, number: int, kind: str, key: int) -> None:
        """Many tokens of one instance arrive, and cost nobody else anything."""
        instance = self.instances[number]
        before = len(self.network.requests)
        for n in range(4):
            kid = f"ins_{n}_of_nobody" if kind == "unknown kid" else None
            self._show(instance.token(self.clock, kid=kid, key=key if kind == "bad signature" else None))
        whose = [placed.source for placed in self.placed.values() if placed.instance is instance]
        asked = self.network.requests[before:]
        assert len(asked) <= 1
        assert all(self._leads_to(request, source) for request in asked for source in whose)

    @rule(number=NUMBERS, other=NUMBERS, kid=st.sampled_from([None, *KIDS]))
    def swap_issuers(self, number: int, other: int, kid: str | None) -> None:
        """An instance signs a token in another's name; it is shown to everybody."""
        token = self.instances[number].token(self.clock, issuer=self.instances[other].issuer, kid=kid)
        self._show(token)
        for name in self.placed:
            self._show_to(name, token)

    @precondition(lambda self: any(placed.seen for placed in self.placed.values()))
    @rule(number=NUMBERS, data=st.data())
    def graft(self, number: int, data: st.DataObject) -> None:
        """A token ends like one that another tenant has accepted, and may be remembered."""
        name = data.draw(st.sampled_from(sorted(name for name, placed in self.placed.items() if placed.seen)))
        remembered = self.placed[name].seen[-1]
        token = grafted(self.instances[number].token(self.clock, kid=remembered.kid), remembered)
        self._show(token)
        self._show_to(name, token)

    @rule(number=NUMBERS, changed=st.sampled_from(["", "/", "#", ".", ":443", "nobody", "HTTP", "upper"]))
    def unknown_issuer(self, number: int, changed: str) -> None:
        """A token names an issuer that no tenant has, however like one's it looks: nobody is asked, nothing is told."""
        issuer = self.instances[number].issuer
        odd = {"": "", "nobody": UNKNOWN, "HTTP": issuer.replace("https", "http"), "upper": issuer.upper()}
        token = self.instances[number].token(self.clock)
        given = odd.get(changed, issuer + changed)
        token = self.instances[number].token(self.clock, issuer=given or " ")
        assert ("tenant-unknown", None) == self._show(token)

    @rule(name=st.sampled_from(NAMES))
    def call(self, name: str) -> None:
        """A session of a tenant is read with its own secret key."""
        if name in self.placed:
            instance = self.placed[name].instance
            before = len(self.network.requests)
            answered = refused(self.tenants.load(name).sessions.get, instance.session_id)
            self.heard.say(answered)
            (request,) = self.network.requests[before:]
            assert f"Bearer {self.placed[name].config.secret_key}" == request.headers["Authorization"]
            current = self.placed[name].config.secret_key == instance.secret
            assert current == (answered is None)

    @precondition(lambda self: self.gone is not None)
    @rule()
    def still_held(self) -> None:
        """A client of a tenant that is gone goes on as if alone, and what it accepts is not accepted for that."""
        assert self.gone is not None
        token = self.gone.instance.token(self.clock)
        self._compare(self.gone, told(self.gone.client, token.text, "verify", self.heard), token, "verify")
        self._show(token)

    # What holds after each step.

    def _present_token(self, instance: Instance) -> Token:
        """A token such as its users have now: a new one at each third step, and where the old ones are of no use."""
        now = self.clock.time(), instance.keys[-1], self.counts["steps"] // 3
        if self.present.get(instance.slug, (None,))[0] != now:
            self.present[instance.slug] = now, instance.token(self.clock)
        return self.present[instance.slug][1]

    def _show(self, token: Token) -> Verdict:
        """Show a token to all: it is judged by the tenant that has its issuer, as its twin judges it."""
        how = next(self.hows)
        before, said = len(self.network.requests), len(self.heard.texts)
        self.tokens.add(token.text)
        verdict = told(self.tenants, token.text, how, self.heard)
        self.counts["shown"] += 1
        whose = [placed for placed in self.placed.values() if placed.instance.issuer == token.issuer]
        if not whose:
            assert ("tenant-unknown", None) == verdict
            assert before == len(self.network.requests)
            message = "\n".join(self.heard.texts[said:])
            assert not any(word in message for word in (*NAMES, ".example"))
        for placed in whose:
            placed.seen.append(token)
            self._compare(placed, verdict, token, how)
        return verdict

    def _show_to(self, name: str, token: Token) -> None:
        """Show a token to one tenant, by its name."""
        placed, how = self.placed[name], next(self.hows)
        self.tokens.add(token.text)
        self._compare(placed, told(placed.client, token.text, how, self.heard), token, how)

    def _compare(self, placed: Placed, verdict: Verdict, token: Token, how: str) -> None:
        self.world.settle()
        alone = told(placed.twin, token.text, how, self.heard)
        self.world.settle()
        accepted = ("accepted", placed.config.name)
        self.counts[verdict[0]] += 1
        assert alone == verdict
        assert verdict == accepted or verdict[0] != "accepted"
        assert placed.may_accept(token) or verdict != accepted
        if placed.must_accept(token, self.clock.time()):
            self.counts["had to be accepted"] += 1
            assert accepted == verdict

    @invariant()
    def each_judges_its_own(self) -> None:
        """Each instance's token, new or seen before, is judged by its own tenant as if that were alone, or by none."""
        self.counts["steps"] += 1
        for instance in self.instances if self.secrets else ():
            token = self._present_token(instance)
            self._show(token)
            for name, placed in self.placed.items():
                if placed.instance is not instance:
                    self._show_to(name, token)
        for name in list(self.placed):
            for token in list(self.placed[name].seen)[:1]:
                self._show(token)
                self._show_to(name, token)
        if self.gone is not None and self.gone.seen:
            self._show(self.gone.seen[0])

    @invariant()
    def secrets_keep_to_their_own_place(self) -> None:
        """Each secret key goes to its own tenant's API alone, in requests of that tenant alone."""
        if not self.secrets:
            return
        for request in self.network.requests:
            text = f"{request.url} {request.headers.raw} {request.content!r}"
            for secret in [secret for secret in self.secrets if secret in text]:
                instance = self.secrets[secret]
                assert str(request.url).startswith(f"{instance.api_url}/")
                assert f"Bearer {secret}" == request.headers["Authorization"]
                assert request.url.path in ("/v1/jwks", f"/v1/sessions/{instance.session_id}")
        self.network.requests.clear()

    @invariant()
    def nothing_is_said(self) -> None:
        """No message, repr or log line holds a secret key or a token."""
        if not self.secrets:
            return
        self.heard.say(self.tenants, self.tenants.stats(), *(placed.client for placed in self.placed.values()))
        assert [] == self.heard.found([*self.secrets, *self.tokens])
        self.tokens.clear()

    @invariant()
    def nothing_is_left_behind(self) -> None:
        """What is remembered is that of the tenants that are there: who is gone has taken all of its own along."""
        if self.secrets:
            stats = self.tenants.stats()
            assert set(self.placed) == set(self.tenants)
            assert stats.remembered == sum(tenant.remembered for tenant in stats.tenants.values())
            fetched = {name for name, placed in self.placed.items() if placed.pem is None}
            assert stats.keys >= sum(tenant.keys for name, tenant in stats.tenants.items() if name in fetched)
            assert stats.keys <= 3 * len(self.placed)

    @invariant()
    def each_counts_its_own(self) -> None:
        """Each tenant counts what its twin counts: its verdicts and fetches, and what it holds; nothing of others."""
        for placed in self.placed.values():
            assert placed.twin.stats() == placed.client.stats()

    def _leads_to(self, request: Any, source: Instance) -> bool:
        return str(request.url).startswith((source.issuer, source.api_url))

    def teardown(self) -> None:
        """All that is left is taken out, and leaves nothing behind."""
        logger = logging.getLogger("clerk_ext")
        logger.removeHandler(self.handler)
        logger.setLevel(self.level)
        logger.propagate = True
        if self.secrets:
            for name in list(self.placed):
                self.tenants.remove(name)
            assert (0, 0) == (self.tenants.stats().remembered, self.tenants.stats().keys)


@pytest.fixture(scope="module", params=["sync", "async"])
def one_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each world, for all the runs of a state machine."""
    if request.param == "sync":
        yield World("sync")
        return
    with asyncio.Runner() as runner:
        yield World("async", runner)


def test_isolation(one_world: World) -> None:
    """In any order of at least 1,000 steps in each world, no tenant changes a verdict of another's, or sees its own."""
    counts: Counter[str] = Counter()
    run: Any = run_state_machine_as_test  # takes any function that makes one
    run(
        lambda: Isolation(one_world, counts),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )

    assert counts["steps"] >= LEAST_STEPS
    assert counts["had to be accepted"] >= LEAST_STEPS


@pytest.mark.parametrize("change", ["stricter", "other", "gone"])
def test_old_tenant_on_its_way_out(one_world: World, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """Between the moment when a tenant is changed and that when the old one is closed, the old one judges nothing."""
    clock, (old, new) = Clock(), (Instance(slug, SHARED_API, [("ins_1", 0)]) for slug in SLUGS[:2])
    network, heard, verdicts = Network([old, new]), Heard(), list[Verdict]()
    config = config_of("acme", old, "PEM", old, clock)
    tenants = one_world.tenants([config], transport=network, monotonic=clock.monotonic)
    token = old.token(clock).text
    before = [told(tenants, token, "verify", heard) for _ in range(2)]
    close = Judge.close

    def closing(judge: Judge) -> None:
        verdicts.extend(told(tenants, token, "verify", heard) for _ in range(2))  # the first one makes the new judge
        close(judge)

    monkeypatch.setattr(Judge, "close", closing)
    if change == "stricter":
        tenants.replace(attrs.evolve(config, authorized_parties=["https://other.example.com"]))
    elif change == "other":
        tenants.replace(config_of("acme", new, "PEM", new, clock))
    else:
        tenants.remove("acme")
    expected = "token-invalid-authorized-parties" if change == "stricter" else "tenant-unknown"

    assert [("accepted", "acme")] * 2 == before
    assert [(expected, None)] * 2 == verdicts


@attrs.define
class Meanwhile:
    """Revocations in the midst of whose check something happens."""

    happens: Callable[[], object] = attrs.field(default=lambda: None)

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Never, but that happens."""
        happens, self.happens = self.happens, lambda: None
        happens()
        return not claims


@pytest.mark.parametrize("change", ["replace", "remove"])
def test_changed_in_the_midst(one_world: World, change: str) -> None:
    """A token whose tenant is replaced or removed while it is verified is not remembered."""
    clock, instance = Clock(), Instance(SLUGS[0], SHARED_API, [("ins_1", 0)])
    heard, meanwhile = Heard(), Meanwhile()
    config = config_of("acme", instance, "PEM", instance, clock)
    tenants = one_world.tenants([config], monotonic=clock.monotonic, revocations=meanwhile)
    stricter = attrs.evolve(config, authorized_parties=["https://other.example.com"])
    meanwhile.happens = lambda: tenants.replace(stricter) if change == "replace" else tenants.remove("acme")
    token = instance.token(clock).text
    verdicts = [told(tenants, token, "verify", heard)[0] for _ in range(3)]

    expected = "token-invalid-authorized-parties" if change == "replace" else "tenant-unknown"
    assert ["accepted", expected, expected] == verdicts
    assert 0 == tenants.stats().remembered
