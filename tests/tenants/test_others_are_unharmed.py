"""What one instance, or a stranger, does costs the others nothing: cases that once did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from clerk_ext import RateLimitError, Reason, Revocations, TenantUnavailable
from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from clerk_ext import ClerkConfig
    from clerk_ext.testing import FakeClerk
    from tests.worlds import Clock, World


class Meddling(FakeTransport):
    """Answers 429 to what carries one secret key, with a wait of a day."""

    secret_key = ""

    def _spoilt(self, request: httpx.Request) -> httpx.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.secret_key}":
            return None
        return httpx.Response(429, headers={"Retry-After": "86400"}, json={"errors": []}, request=request)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the sync world."""
        return self._spoilt(request) or super().handle_request(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of the async world."""
        return self._spoilt(request) or await super().handle_async_request(request)


def test_instance_that_asks_to_wait_for_a_day(world: World, fakes: dict[str, FakeClerk]) -> None:
    """Its users fail at once, now and in the next sweep, and every user of the other instance is dealt with."""
    transport = Meddling(*fakes.values())
    transport.secret_key = fakes["acme"].secret_key
    tenants = world.tenants([fakes[slug].config() for slug in ("acme", "globex")], transport=transport)
    users = [fakes["globex"].add_user() for _ in range(6)]
    sessions = [fakes["globex"].create_session(user) for user in users]
    reports = [tenants.revoke_sessions_of([user.id for user in users]) for _ in range(2)]

    assert {session.id for session in sessions} == {session.session_id for session in reports[0].of("revoked")}
    for report in reports:
        assert [("acme", user.id) for user in users] == sorted(
            report.unfinished, key=[("acme", u.id) for u in users].index
        )
        assert all(isinstance(session.error, RateLimitError) for session in report.of("failed"))


def test_strange_cookie_locks_nobody_out(world: World, fakes: dict[str, FakeClerk]) -> None:
    """A newer cookie of an instance that nobody knows: a tenant that a loader knows signs in with the next request."""
    configs: dict[str, ClerkConfig] = {fakes["acme"].issuer: fakes["acme"].config()}
    tenants = world.tenants(load_by_issuer=configs.get, transport=FakeTransport(*fakes.values()))
    signed_in = fakes["acme"].sign_in()
    strange = fakes["globex"].sign_in(claims={"iat": int(fakes["acme"].clock()) + 1})
    cookies = {name: value for name, value in {**signed_in.cookies, **strange.cookies}.items() if len(name) > 12}
    line = "; ".join(f"{name}={value}" for name, value in cookies.items() if name != "__client_uat")
    with pytest.raises(TenantUnavailable):
        tenants.authenticate_request({"Cookie": line})

    assert "acme" == tenants.authenticate_request({"Cookie": line}).tenant


def test_small_room_for_keys_brings_no_flood_of_fetches(
    world: World, fakes: dict[str, FakeClerk], clock: Clock
) -> None:
    """Where keys have to make room for one another, forgeries cause at most two fetches of a tenant in a pause."""
    configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
    tenants = world.tenants(configs, transport=FakeTransport(*fakes.values()), key_cache_size=2)
    forged = [
        fake.session_token(fake.create_session(fake.add_user()), header={"kid": "ins_stranger"})
        for fake in fakes.values()
    ]
    for _ in range(20):
        for token in forged:
            with pytest.raises(Exception, match="key"):
                tenants.verify_token(token)

    assert [True] * 3 == [1 <= len(fake.requests) <= 2 for fake in fakes.values()]


def test_refusal_by_the_resolver_names_no_tenant(world: World, fakes: dict[str, FakeClerk]) -> None:
    """Also where the token was verified before: it was not looked at."""
    names: list[str | None] = ["acme"]
    tenants = world.tenants(
        [fakes["acme"].config()], transport=FakeTransport(fakes["acme"]), resolver=lambda _: names[0]
    )
    token = fakes["acme"].sign_in().token
    accepted = tenants.authenticate_token(token, {})
    names[0] = "nobody"
    refused = tenants.authenticate_token(token, {})

    assert ("acme", None) == (accepted.tenant, accepted.reason)
    assert (None, Reason.TENANT_UNKNOWN) == (refused.tenant, refused.reason)


@pytest.mark.parametrize("token", [5, b"a.b.c", object()])
def test_token_of_another_type(world: World, fakes: dict[str, FakeClerk], token: object) -> None:
    """It is refused, as a lone client refuses it."""
    tenants = world.tenants([fakes["acme"].config()], transport=FakeTransport(fakes["acme"]))

    assert Reason.TOKEN_INVALID == tenants.authenticate_token(token).reason  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_revoked_one_names_its_tenant(world: World, fakes: dict[str, FakeClerk]) -> None:
    """A remembered token whose session was revoked is refused by its tenant, whose name the state says."""
    tenants = world.tenants([fakes["acme"].config()], transport=FakeTransport(fakes["acme"]), revocations=Revocations())
    signed_in = fakes["acme"].sign_in()
    tenants.verify_token(signed_in.token)
    tenants["acme"].sessions.revoke(signed_in.session.id)
    state = tenants.authenticate_token(signed_in.token)

    assert ("acme", Reason.SESSION_REVOKED) == (state.tenant, state.reason)
    assert {Reason.SESSION_REVOKED: 1} == dict(tenants.stats().tenants["acme"].refused)


def test_policies_go_with_their_tenant(world: World, fakes: dict[str, FakeClerk]) -> None:
    """What clients of other policies remember is dropped with the tenant, too."""
    tenants = world.tenants([fakes["acme"].config()], transport=FakeTransport(fakes["acme"]))
    token = fakes["acme"].sign_in().token
    policy = tenants["acme"].with_policy(max_age=3_600.0)
    policy.verify_token(token)
    tenants.verify_token(token)
    before = tenants.stats().remembered
    tenants.remove("acme")

    assert (2, 0) == (before, tenants.stats().remembered)
