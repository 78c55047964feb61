"""Tenants that are added, replaced and removed while requests run, and clients that somebody still holds."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

import pytest

from clerk_ext import ClerkConfig, ConfigurationError, Tenants, TokenVerificationError
from clerk_ext.testing import FakeClerk
from tests.transport.loopback import Loopback, config_at, reply, session_json

from .loaders import LATEST, token_of, told, tried

if TYPE_CHECKING:
    from clerk_ext.testing import FakeTransport
    from tests.worlds import Clock, World

Fakes = dict[str, FakeClerk]

APP: Final = "https://app.example.com"
PARTIES_REFUSED: Final = "token-invalid-authorized-parties"


def test_adding_and_removing(tenants: Tenants, clock: Clock) -> None:
    """A tenant takes tokens from when it is added to when it is removed, and may come back."""
    fake = FakeClerk("umbrella", clock=clock.time)
    config = fake.config(jwt_key=fake.public_key_pem())

    assert "tenant-unknown" == told(tenants, fake)
    for _ in range(2):
        tenants.add(config)
        assert "umbrella" in tenants
        assert "umbrella" == told(tenants, fake)
        assert 4 == len(tenants)
        tenants.remove("umbrella")
        assert "umbrella" not in tenants
        assert ["tenant-unknown", "unknown"] == [told(tenants, fake), tried(tenants, ("load", "umbrella"))]
    assert ["acme", "globex", "initech"] == list(tenants)


def test_iterating_while_it_changes(tenants: Tenants) -> None:
    """A walk over the names goes over those that there were when it began."""
    met: list[str] = []
    for name in tenants:
        met.append(name)
        tenants.remove(name)

    assert ["acme", "globex", "initech"] == met
    assert [] == list(tenants)


def test_removed_tokens(tenants: Tenants, fakes: Fakes) -> None:
    """A removal drops what was verified and the keys, of that tenant alone."""
    tokens = {name: token_of(fake) for name, fake in fakes.items()}
    for token in tokens.values():
        tenants.verify_token(token)
    assert (3, 3) == (tenants.stats().remembered, tenants.stats().keys)
    tenants.remove("acme")

    assert (2, 2) == (tenants.stats().remembered, tenants.stats().keys)
    assert "tenant-unknown" == tried(tenants, ("verify_token", tokens["acme"]))
    assert "globex" == tried(tenants, ("verify_token", tokens["globex"]))
    assert ["globex", "initech"] == list(tenants.stats().tenants)


def test_replaced_policy(tenants: Tenants, fakes: Fakes, clock: Clock) -> None:
    """A token that the old settings passed is judged anew by the new ones, and the other way round."""
    token = token_of(fakes["acme"])
    assert "acme" == tried(tenants, ("verify_token", token))
    tenants.replace(fakes["acme"].config(authorized_parties=[APP], monotonic=clock.monotonic))

    assert 0 == tenants.stats().remembered
    assert PARTIES_REFUSED == tried(tenants, ("verify_token", token))
    tenants.replace(fakes["acme"].config(monotonic=clock.monotonic))
    assert "acme" == tried(tenants, ("verify_token", token))
    assert ["acme", "globex", "initech"] == list(tenants)


def test_replaced_keys(tenants: Tenants, fakes: Fakes, clock: Clock) -> None:
    """A key that the instance has revoked passes nothing after a replacement: the new tenant fetches its own."""
    token = token_of(fakes["acme"])
    assert "acme" == tried(tenants, ("verify_token", token))
    fakes["acme"].rotate_key(keep_old=False)
    assert "acme" == tried(tenants, ("verify_token", token))  # until its keys are fetched again
    tenants.replace(fakes["acme"].config(monotonic=clock.monotonic))

    assert 0 == tenants.stats().keys
    assert "token-invalid-signature" == tried(tenants, ("verify_token", token))
    assert "acme" == told(tenants, fakes["acme"])


def test_replaced_issuer(tenants: Tenants, fakes: Fakes, clock: Clock) -> None:
    """A replacement with another issuer takes the tokens of that one, and leaves the old one to whoever adds it."""
    before = token_of(fakes["acme"])
    assert "acme" == tried(tenants, ("verify_token", before))
    other = token_of(fakes["acme"], claims={"iss": "https://other.example.com"})
    assert "tenant-unknown" == tried(tenants, ("verify_token", other))
    tenants.replace(
        fakes["acme"].config(
            issuer="https://other.example.com", jwt_key=fakes["acme"].public_key_pem(), monotonic=clock.monotonic
        )
    )

    assert "acme" == tried(tenants, ("verify_token", other))
    assert "tenant-unknown" == tried(tenants, ("verify_token", before))
    tenants.add(fakes["acme"].config(name="heir", monotonic=clock.monotonic))
    assert "heir" == tried(tenants, ("verify_token", before))
    tenants.remove("acme")
    assert "heir" == tried(tenants, ("verify_token", before))
    assert "tenant-unknown" == tried(tenants, ("verify_token", other))


def test_client_of_a_removed_tenant(tenants: Tenants, fakes: Fakes) -> None:
    """A client that somebody still holds goes on: it verifies, remembers nothing, and calls."""
    acme = tenants["acme"]
    session = fakes["acme"].create_session(fakes["acme"].add_user())
    token = fakes["acme"].session_token(session)
    tenants.remove("acme")

    assert ["acme", "acme"] == [acme.verify_token(token).tenant, acme.verify_token(token).tenant]
    assert session.id == acme.sessions.get(session.id).id
    assert (0, 0) == (tenants.stats().remembered, tenants.stats().keys)
    assert 2 == acme.stats().verified
    assert "tenant-unknown" == tried(tenants, ("verify_token", token))


def test_client_of_a_replaced_tenant(tenants: Tenants, fakes: Fakes, clock: Clock) -> None:
    """It goes on with the old settings, and none of its verdicts is served to the new tenant."""
    acme = tenants["acme"]
    token = token_of(fakes["acme"])
    tenants.replace(fakes["acme"].config(authorized_parties=[APP], monotonic=clock.monotonic))

    assert "acme" == acme.verify_token(token).tenant
    assert PARTIES_REFUSED == tried(tenants, ("verify_token", token))
    assert "acme" == acme.verify_token(token).tenant
    with pytest.raises(TokenVerificationError):
        tenants["acme"].verify_token(token)


def test_closing_a_client(world: World) -> None:
    """It leaves the connections, which are everybody's, open; closing the tenants does not."""
    with Loopback(lambda _: reply(200, session_json())) as server:
        tenants = world.tenants(
            [config_at(server.url, name=name, issuer=f"https://{name}.example.com") for name in ("acme", "globex")]
        )
        assert "sess_1" == tenants["acme"].sessions.get("sess_1").id
        tenants["acme"].close()
        assert "sess_1" == tenants["globex"].sessions.get("sess_1").id
        assert "sess_1" == tenants["acme"].sessions.get("sess_1").id
        assert 1 == server.connections

        tenants.close()
        assert "sess_1" == tenants["globex"].sessions.get("sess_1").id
        assert 2 == server.connections


@pytest.mark.parametrize("loaded", [False, True])
def test_replacing_under_load(fakes: Fakes, transport: FakeTransport, clock: Clock, loaded: bool) -> None:
    """Who verifies while a tenant is replaced over and over never hears that there is none."""
    fake = fakes["acme"]

    def settings(number: int) -> ClerkConfig:
        more = ["https://more.example.com"] if number % 2 else []
        return fake.config(
            issuer=[*more, fake.issuer],
            clock_skew=number % 7,
            jwt_key=fake.public_key_pem(),
            monotonic=clock.monotonic,
        )

    book = [settings(0)]
    tenants = Tenants(
        [] if loaded else book,
        transport=transport,
        load_by_name=(lambda _: book[0]) if loaded else None,
    )
    assert "acme" == tried(tenants, ("load", "acme"))
    tokens = [token_of(fake) for _ in range(8)]
    stopped = threading.Event()
    outcomes: list[set[str]] = []

    def hammer() -> None:
        heard: set[str] = set()
        while not stopped.is_set():
            heard.update(tried(tenants, ("verify_token", token)) for token in tokens)
            heard.add(tried(tenants, ("load", "acme")))
        outcomes.append(heard)

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 150):
        if loaded:
            book[0] = settings(number)
            tenants.refresh("acme")
        else:
            tenants.replace(settings(number))
    stopped.set()
    for thread in threads:
        thread.join(LATEST)

    assert [{"acme"}] * 3 == outcomes
    assert 149 % 7 == tenants["acme"].config.clock_skew
    assert tenants.stats().remembered <= len(tokens)


def test_adding_from_many_threads(fakes: Fakes, transport: FakeTransport) -> None:
    """Of several who add the same tenant at once one succeeds, and those who add others all do."""
    tenants = Tenants(transport=transport)
    barrier = threading.Barrier(8)
    refused: list[str] = []

    def add(number: int) -> None:
        own = ClerkConfig(
            name=f"tenant-{number}", issuer=f"https://t{number}.example.com", jwks_url="https://x.example/"
        )
        barrier.wait(LATEST)
        tenants.add(own)
        try:
            tenants.add(fakes["acme"].config())
        except ConfigurationError as taken:
            refused.append(taken.field)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LATEST)

    assert ["name"] * 7 == refused
    assert {"acme", *(f"tenant-{number}" for number in range(8))} == set(tenants)
    assert "acme" == told(tenants, fakes["acme"])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_in_the_midst_of_changes(fakes: Fakes, transport: FakeTransport) -> None:
    """A child finds every tenant that was in place, by name and by issuer, and can change them."""
    tenants = Tenants([fakes["acme"].config(), fakes["globex"].config()], transport=transport)
    tokens = {name: token_of(fakes[name]) for name in ("acme", "globex")}
    tenants.verify_token(tokens["acme"])
    stopped = threading.Event()

    def change() -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            tenants.replace(fakes["globex"].config(clock_skew=number % 3))

    def holds() -> bool:
        heard = [tried(tenants, ("verify_token", token)) for token in tokens.values()]
        tenants.add(fakes["initech"].config())
        tenants.remove("acme")
        heard += [told(tenants, fakes["initech"]), told(tenants, fakes["acme"])]
        return ["acme", "globex", "initech", "tenant-unknown"] == heard

    thread = threading.Thread(target=change)
    thread.start()
    codes: list[int] = []
    for _ in range(10):
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if holds() else 1)
            finally:
                os._exit(2)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    stopped.set()
    thread.join(LATEST)

    assert [0] * 10 == codes
    assert ["acme", "globex"] == list(tenants)
