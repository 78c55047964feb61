"""What tenants hold together, verified tokens and keys: bounded in total, shared out fairly, each found by its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clerk_ext import Tenants, TokenVerificationError
from clerk_ext.tenancy import registry
from clerk_ext.testing import FakeClerk, FakeTransport
from tests.worlds import Clock

from .loaders import LATEST, token_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.worlds import World


@pytest.fixture
def made(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> Callable[..., Tenants]:
    """Makes tenants of the three instances with other bounds than usual."""

    def make(settings: dict[str, dict[str, Any]] | None = None, **options: Any) -> Tenants:
        configs = [
            fake.config(monotonic=clock.monotonic, **(settings or {}).get(slug, {})) for slug, fake in fakes.items()
        ]
        return world.tenants(configs, transport=transport, monotonic=clock.monotonic, **options)

    return make


def tokens_of(fake: FakeClerk, count: int, **edits: Any) -> list[str]:
    """Session tokens of one session."""
    session = fake.create_session(fake.add_user())
    return [fake.session_token(session, **edits) for _ in range(count)]


def shown(tenants: Tenants, tokens: Iterable[str]) -> int:
    """Show tokens that are all good; how many of them were known."""
    before = sum(stats.cache_hits for stats in tenants.stats().tenants.values())
    for token in tokens:
        tenants.verify_token(token)
    return sum(stats.cache_hits for stats in tenants.stats().tenants.values()) - before


def test_total_bound(made: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """All remember at most so many tokens together, and accept what they do not remember all the same."""
    tenants = made(token_cache_size=10)
    for turn in range(5):
        for fake in fakes.values():
            for token in tokens_of(fake, turn + 1):
                assert fake.slug == tenants.verify_token(token).tenant
                stats = tenants.stats()
                assert stats.remembered <= 10
                assert stats.remembered == sum(tenant.remembered for tenant in stats.tenants.values())

    assert 10 == tenants.stats().remembered


def test_greedy_tenant(made: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """A tenant to which any number of new tokens come has others forget none of theirs below their share."""
    tenants = made(token_cache_size=20)
    modest = tokens_of(fakes["acme"], 10)
    shown(tenants, modest)
    shown(tenants, tokens_of(fakes["globex"], 60))
    stats = tenants.stats()

    assert 10 == shown(tenants, modest)
    assert (10, 10) == (stats.tenants["acme"].remembered, stats.tenants["globex"].remembered)


def test_expired_tokens_make_room(made: Callable[..., Tenants], fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """What other tenants hold of expired tokens makes room for the tenant that is in use."""
    tenants = made(token_cache_size=12)
    for slug in ("acme", "globex"):
        shown(tenants, tokens_of(fakes[slug], 6))
    clock.advance(120.0)
    active = tokens_of(fakes["initech"], 12)
    shown(tenants, active)

    assert 12 == shown(tenants, active)


def test_bound_of_each(made: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """A tenant's own bound holds beside that of all; one that is to remember none does not."""
    tenants = made({"acme": {"token_cache_size": 3}, "globex": {"token_cache_size": 0}})
    for fake in fakes.values():
        shown(tenants, tokens_of(fake, 8))
    remembered = {name: stats.remembered for name, stats in tenants.stats().tenants.items()}

    assert {"acme": 3, "globex": 0, "initech": 8} == remembered


def test_other_policies_count(made: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """What clients of another policy remember counts with all."""
    tenants = made(token_cache_size=10)
    policies = [tenants["acme"].with_policy(max_age=age) for age in (100.0, 200.0, 300.0)]
    for policy in policies:
        for token in tokens_of(fakes["acme"], 8):
            policy.verify_token(token)
            assert tenants.stats().remembered <= 10

    assert 10 == tenants.stats().remembered


def test_other_policy_is_not_all_of_them(made: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """A token that a client of another policy has accepted and remembers is not accepted where it is routed."""
    tenants = made()
    (pending,) = tokens_of(fakes["acme"], 1, claims={"sts": "pending"})
    lenient = tenants["acme"].with_policy(accept_pending=True)
    for _ in range(2):
        lenient.verify_token(pending)
        with pytest.raises(TokenVerificationError, match="pending"):
            tenants.verify_token(pending)
        with pytest.raises(TokenVerificationError, match="pending"):
            tenants["acme"].verify_token(pending)

    assert 1 == tenants.stats().remembered


def test_found_by_its_owner(made: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """A token that its tenant remembers is found by routing and by that tenant's name, and refused by the others."""
    tenants = made()
    token = token_of(fakes["acme"])
    tenants.verify_token(token)
    tenants.verify_token(token)
    tenants["acme"].verify_token(token)
    for name in ("globex", "initech"):
        with pytest.raises(TokenVerificationError):
            tenants[name].verify_token(token)
    stats = tenants.stats().tenants

    assert 2 == stats["acme"].cache_hits
    assert (0, 0) == (stats["globex"].remembered, stats["initech"].remembered)


@pytest.mark.parametrize("end", ["replace", "remove"])
def test_gone_tenant_takes_no_room(
    made: Callable[..., Tenants], fakes: dict[str, FakeClerk], clock: Clock, end: str
) -> None:
    """A tenant that is replaced or removed leaves its room to others, and what is held of it takes none any more."""
    tenants = made(token_cache_size=10)
    old = tenants["acme"]
    tokens = tokens_of(fakes["acme"], 5)
    shown(tenants, tokens)
    others = tokens_of(fakes["globex"], 10)
    if end == "remove":
        tenants.remove("acme")
    else:
        tenants.replace(fakes["acme"].config(monotonic=clock.monotonic))
    after = tenants.stats()
    for token in tokens:
        old.verify_token(token)
    shown(tenants, others)

    assert (0, 0) == (after.remembered, after.keys)
    assert 10 == shown(tenants, others)
    assert (10, 1) == (tenants.stats().remembered, tenants.stats().keys)


def test_idlest_keys_go_first(made: Callable[..., Tenants], fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """Of more keys than there is room for, those of the idlest tenant go; one fetch brings them back when needed."""
    tenants = made(key_cache_size=2)
    for slug in ("acme", "globex", "initech"):
        tenants.verify_token(token_of(fakes[slug]))
        clock.advance(11.0)
    held = {name: stats.keys for name, stats in tenants.stats().tenants.items()}
    before = len(fakes["acme"].requests)
    for _ in range(3):
        tenants.verify_token(token_of(fakes["acme"]))

    assert {"acme": 0, "globex": 1, "initech": 1} == held
    assert (1, 2) == (before, len(fakes["acme"].requests))
    assert 2 == tenants.stats().keys
    assert (0, 1) == tuple(tenants.stats().tenants[name].keys for name in ("globex", "initech"))


def test_keys_that_went_take_verdicts_along(
    made: Callable[..., Tenants], fakes: dict[str, FakeClerk], clock: Clock
) -> None:
    """A token whose key went is verified with the key that comes back, which may be another one by now."""
    tenants = made(key_cache_size=1)
    token = token_of(fakes["acme"], expires_in=600)
    tenants.verify_token(token)
    clock.advance(11.0)
    tenants.verify_token(token_of(fakes["globex"]))
    fakes["acme"].rotate_key(keep_old=False)

    with pytest.raises(TokenVerificationError, match="signature"):
        tenants.verify_token(token)


def test_known_headers_are_bounded(
    made: Callable[..., Tenants], fakes: dict[str, FakeClerk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of headers that many tokens have, so many are known; of tokens that are refused, none."""
    monkeypatch.setattr(registry, "_KNOWN_HEADERS", 4)
    tenants = made()
    known = tenants._registry._known_headers  # pyright: ignore[reportPrivateUsage]
    for number in range(3):
        with pytest.raises(TokenVerificationError):
            tenants.verify_token(fakes["acme"].forge(token_of(fakes["acme"], header={"x": -number})))
    of_forged = len(known)
    for number in range(12):
        fake = list(fakes.values())[number % 3]
        tenants.verify_token(token_of(fake, header={"x": number}))
        assert 1 <= len(known) <= 4

    assert 0 == of_forged


class Fixed:
    """Tenants of three instances, and tokens of each, made once for many examples."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.fakes = [FakeClerk(slug, clock=self.clock.time) for slug in ("one", "two", "three")]
        self.transport = FakeTransport(*self.fakes)
        self.tokens = [tokens_of(fake, 12, expires_in=10_000) for fake in self.fakes]


@pytest.fixture(scope="module")
def fixed() -> Fixed:
    """See there."""
    return Fixed()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 15),
    keys=st.integers(1, 3),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["show", "show", "show", "policy", "swap", "wait"]), st.integers(0, 2), st.integers(0, 11)
        ),
        max_size=60,
    ),
)
def test_bounds_whatever_comes(fixed: Fixed, size: int, keys: int, steps: list[tuple[str, int, int]]) -> None:
    """Whatever comes, tokens and keys stay within their bounds, and each token is accepted by its own tenant."""
    clock = Clock()
    configs = [fake.config(clock=clock.time, monotonic=clock.monotonic) for fake in fixed.fakes]
    with Tenants(
        configs, transport=fixed.transport, monotonic=clock.monotonic, token_cache_size=size, key_cache_size=keys
    ) as tenants:
        for step, number, which in steps:
            name, token = fixed.fakes[number].slug, fixed.tokens[number][which]
            if step == "swap":
                tenants.remove(name)
                tenants.add(configs[number])
            elif step == "wait":
                clock.advance(400.0 if which == 0 else 1.0)
            else:
                clock.advance(11.0)  # keys that went may be fetched again
                if step == "policy":
                    client = tenants[name].with_policy(max_age=9_000.0)
                    assert name == client.verify_token(token).tenant
                else:
                    assert name == tenants.verify_token(token).tenant
            stats = tenants.stats()
            assert stats.remembered <= size
            assert stats.keys <= keys


def test_threads(fakes: dict[str, FakeClerk], transport: FakeTransport) -> None:
    """Threads that verify while tenants are replaced hear the right verdicts, and leave no more than there is room."""
    configs = [fake.config() for fake in fakes.values()]
    tokens = {slug: tokens_of(fake, 20, expires_in=600) for slug, fake in fakes.items()}
    faults: list[object] = []
    barrier = threading.Barrier(4)

    def verify(tenants: Tenants, slug: str) -> None:
        barrier.wait(LATEST)
        try:
            for turn in range(150):
                claims = tenants.verify_token(tokens[slug][turn * 7 % 20])
                if slug != claims.tenant:
                    faults.append((slug, claims.tenant))
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    def replace(tenants: Tenants) -> None:
        barrier.wait(LATEST)
        try:
            for turn in range(60):
                tenants.replace(configs[turn % 3])
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    with Tenants(configs, transport=transport, token_cache_size=30) as tenants:
        threads = [threading.Thread(target=verify, args=(tenants, slug)) for slug in fakes]
        threads.append(threading.Thread(target=replace, args=(tenants,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LATEST)
        stats = tenants.stats()

    assert [] == faults
    assert stats.remembered <= 30
    assert stats.remembered == sum(tenant.remembered for tenant in stats.tenants.values())
    assert stats.keys == sum(tenant.keys for tenant in stats.tenants.values())
