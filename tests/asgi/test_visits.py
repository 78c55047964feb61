"""`AsyncVisit` by itself: what is remembered, looked at again, and renewed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from clerk_ext import AsyncClerk, AsyncTenants, VerificationUnavailable
from clerk_ext.access import FrozenPolicy, Requirement
from clerk_ext.streams import AsyncVisit
from clerk_ext.testing import FakeClerk, FakeTransport
from clerk_ext.visits import AsyncGate
from tests.asgi.conftest import Switch

if TYPE_CHECKING:
    from collections.abc import Mapping

PENDING = FrozenPolicy.of({"accept_pending": True})


@pytest.fixture
def revocations() -> Switch:
    """What the clients ask."""
    return Switch()


@pytest.fixture(params=["lone", "tenants"])
def client(
    request: pytest.FixtureRequest, clerk_fake: FakeClerk, clerk_fake_other: FakeClerk, revocations: Switch
) -> AsyncClerk | AsyncTenants:
    """A client of one instance, or of two."""
    fakes = [clerk_fake, clerk_fake_other]
    transport = FakeTransport(*fakes)
    if request.param == "lone":
        return AsyncClerk(clerk_fake.config(), transport=transport, revocations=revocations)
    return AsyncTenants([fake.config() for fake in fakes], transport=transport, revocations=revocations)


def visit(client: AsyncClerk | AsyncTenants, headers: Mapping[str, str]) -> AsyncVisit:
    """A visit with some headers."""
    return AsyncVisit(AsyncGate(client), headers, writes=False)


@pytest.mark.parametrize("policy", [None, PENDING])
def test_nobody_is_signed_in(client: AsyncClerk | AsyncTenants, policy: FrozenPolicy | None) -> None:
    """Under whatever policy; there is nothing to look at again, and nothing to renew."""

    async def run() -> None:
        made = visit(client, {})
        assert "session-token-and-uat-missing" == (await made.state(policy)).reason
        assert None is await made.end()
        with pytest.raises(RuntimeError, match="nobody is signed in on this connection"):
            await made.renew("…")

    asyncio.run(run())


def test_renewal_before_anybody_asked(client: AsyncClerk | AsyncTenants) -> None:
    """Nobody is signed in before somebody asks."""
    with pytest.raises(RuntimeError, match="nobody is signed in"):
        asyncio.run(visit(client, {}).renew("…"))


def test_renewal_under_the_route_s_policy(client: AsyncClerk | AsyncTenants, clerk_fake: FakeClerk) -> None:
    """A pending session goes on where it was let in."""

    async def run() -> None:
        signed_in = clerk_fake.sign_in(status="pending")
        made = visit(client, signed_in.headers)
        await made.require(Requirement(policy=PENDING))
        clerk_fake.advance(50)
        assert (await made.renew(clerk_fake.session_token(signed_in.session))).is_signed_in
        assert 50 < made.seconds_left() <= 60
        assert None is await made.end()

    asyncio.run(run())


def test_renewal_that_one_of_two_policies_refuses(client: AsyncClerk | AsyncTenants, clerk_fake: FakeClerk) -> None:
    """What was asked under both holds under both, or nothing changes."""

    async def run() -> None:
        signed_in = clerk_fake.sign_in()
        made = visit(client, signed_in.headers)
        await made.require(Requirement(policy=PENDING))
        await made.require()
        pending = clerk_fake.session_token(signed_in.session, claims={"sts": "pending"})
        assert "session-pending" == (await made.renew(pending)).reason
        assert signed_in.token == (await made.state()).token
        assert signed_in.token == (await made.state(PENDING)).token

    asyncio.run(run())


def test_renewal_where_another_policy_let_nobody_in(client: AsyncClerk | AsyncTenants, clerk_fake: FakeClerk) -> None:
    """What was asked in vain is no hindrance."""

    async def run() -> None:
        signed_in = clerk_fake.sign_in(status="pending")
        made = visit(client, signed_in.headers)
        await made.require(Requirement(policy=PENDING))
        assert not (await made.state()).is_signed_in
        assert (await made.renew(clerk_fake.session_token(signed_in.session))).is_signed_in
        assert None is await made.end()

    asyncio.run(run())


def test_outage_under_one_policy_ends_nothing(
    client: AsyncClerk | AsyncTenants, clerk_fake: FakeClerk, revocations: Switch
) -> None:
    """What could not be told once is not asked again."""

    async def run() -> None:
        made = visit(client, clerk_fake.sign_in().headers)
        await made.require(Requirement(policy=PENDING))
        revocations.is_broken = True
        with pytest.raises(VerificationUnavailable):
            await made.state()
        revocations.is_broken = False
        assert None is await made.end()
        assert made.seconds_left() <= 60

    asyncio.run(run())


@pytest.mark.parametrize("client", ["tenants"], indirect=True)
def test_sign_in_ends_with_its_tenant(client: AsyncTenants, clerk_fake: FakeClerk) -> None:
    """One that is removed has no sessions any more."""

    async def run() -> None:
        made = visit(client, clerk_fake.sign_in().headers)
        await made.require()
        client.remove("test")
        denial = await made.end()
        assert denial is not None
        assert (401, "tenant-unknown") == (denial.status_code, denial.reason)

    asyncio.run(run())


def test_sign_in_outlives_that_its_tenant_is_let_go(clerk_fake: FakeClerk, clerk_fake_other: FakeClerk) -> None:
    """One that was loaded by its issuer, and made room for another, is loaded again."""
    fakes = [clerk_fake, clerk_fake_other]
    by_issuer = {issuer: fake.config() for fake in fakes for issuer in fake.config().issuers or ()}
    tenants = AsyncTenants([], load_by_issuer=by_issuer.get, loaded_tenants=1, transport=FakeTransport(*fakes))

    async def run() -> None:
        made = visit(tenants, clerk_fake.sign_in().headers)
        await made.require()
        await visit(tenants, clerk_fake_other.sign_in().headers).require()
        assert "test" not in tenants
        assert None is await made.end()

    asyncio.run(run())


def test_nobody_can_tell(client: AsyncClerk | AsyncTenants, clerk_fake: FakeClerk, revocations: Switch) -> None:
    """It holds until the token expires, which can be told where keys are at hand."""

    async def run() -> None:
        made = visit(client, clerk_fake.sign_in().headers)
        await made.require()
        revocations.is_broken = True
        assert None is await made.end()
        clerk_fake.advance(62)  # past the expiry, and within the clock skew: nobody knows whether it was revoked
        denial = await made.end()
        assert denial is not None
        assert (503, "unavailable") == (denial.status_code, denial.reason)

    asyncio.run(run())


def test_outage_is_remembered_within_a_request(client: AsyncClerk | AsyncTenants, clerk_fake: FakeClerk) -> None:
    """Whoever asks again is told the same, and nothing is fetched twice."""
    clerk_fake.trouble.outage(times=1)

    async def run() -> None:
        made = visit(client, clerk_fake.sign_in().headers)
        for _ in range(2):
            with pytest.raises(VerificationUnavailable):
                await made.state()

    asyncio.run(run())

    assert 1 == len(clerk_fake.requests)
