"""Getting the keys, over loopback, in both worlds: when they are asked for, and how often."""

from __future__ import annotations

import json
import logging
import operator
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext import Clerk, Reason
from clerk_ext.testing import FakeServer, FakeTransport
from clerk_ext.tokens.keys import VerificationKey

from . import servers
from .bench import OWN_KID, Bench, own_key, stranger
from .clients import client_of, told
from .servers import KeyServer, answer, key_set

if TYPE_CHECKING:
    from tests.worlds import World


def test_one_fetch_for_many(served: Clerk, bench: Bench) -> None:
    """Keys are fetched with the first token, and not again while they are fresh."""
    verdicts = [told(served, bench.token()) for _ in range(20)]
    bench.clock.advance(300)
    verdicts += [told(served, bench.token()) for _ in range(20)]

    assert ["accepted"] * 40 == verdicts
    assert ["/.well-known/jwks.json"] == [request.path for request in bench.fake.requests]


def test_nothing_is_sent_before(served: Clerk, bench: Bench) -> None:
    """Making a client and refusing what is no token sends nothing."""
    told(served, "no token")

    assert [] == bench.fake.requests


def test_backend_api_with_the_secret_key(
    world: World, server: FakeServer, bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    """With a secret key alone, keys come from the Backend API, any issuer is taken, and one warning says so."""
    config = server.config(publishable_key=None, jwks_url=None, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config)
    verdicts = [told(clerk, bench.token(iss=issuer)) for issuer in ("https://a.example", "https://b.example")]
    requests = [(request.path, request.header_values("authorization")) for request in bench.fake.requests]
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    assert ["accepted", "accepted"] == verdicts
    assert [("/v1/jwks", [f"Bearer {bench.fake.secret_key}"])] == requests
    assert 1 == len(warnings)
    assert "tenant acme" in warnings[0]
    assert "publishable_key" in warnings[0]
    assert bench.fake.secret_key not in caplog.text


def test_secret_key_stays_at_home(served: Clerk, bench: Bench) -> None:
    """The key set's own address is not told the secret key."""
    told(served, bench.token())

    assert [[]] == [request.header_values("authorization") for request in bench.fake.requests]


def test_flood_of_unknown_kids(served: Clerk, bench: Bench) -> None:
    """Tokens with kids out of thin air cause one fetch in each pause of 10 s, and good ones keep passing."""
    fetches: list[int] = []
    for _ in range(3):
        for number in range(20):
            assert "jwk-kid-mismatch" == told(served, bench.token(header={"kid": f"ins_{number}"}))
        assert "accepted" == told(served, bench.token())
        fetches.append(len(bench.fake.requests))
        bench.clock.advance(10)

    assert [1, 2, 3] == fetches


def test_flood_of_bad_signatures(served: Clerk, bench: Bench) -> None:
    """Forgeries under the instance's kid cause at most one fetch in each pause, and good ones keep passing."""
    fetches: list[int] = []
    for _ in range(3):
        for _ in range(20):
            assert "token-invalid-signature" == told(served, bench.token(key=stranger()))
        assert "accepted" == told(served, bench.token())
        fetches.append(len(bench.fake.requests))
        bench.clock.advance(10)

    assert [1, 2, 3] == fetches


@pytest.mark.parametrize("payload", [b"[]", b"\xff", b'{"iss": "https://evil.example"}', b'{"iss": 5}', b"{"])
def test_no_fetch_for_forgeries_of_other_issuers(served: Clerk, bench: Bench, payload: bytes) -> None:
    """A bad signature is worth a fetch only in a token that claims to be the instance's."""
    told(served, bench.token())
    bench.clock.advance(10)
    verdicts = [told(served, bench.fake.sign(bench.header(), payload, key=stranger())) for _ in range(3)]

    assert ["token-invalid-signature"] * 3 == verdicts
    assert 1 == len(bench.fake.requests)


def test_key_replaced_under_its_kid(served: Clerk, bench: Bench) -> None:
    """A new key under the old kid is found once the pause is over; the old key is then worth nothing."""
    old = bench.token()
    verdicts = [told(served, old)]
    bench.fake.rotate_key(keep_old=False)
    verdicts.append(told(served, bench.token()))
    bench.clock.advance(10)
    verdicts += [told(served, bench.token()), told(served, old)]

    assert ["accepted", "token-invalid-signature", "accepted", "token-invalid-signature"] == verdicts
    assert 2 == len(bench.fake.requests)


def test_new_kid(served: Clerk, bench: Bench) -> None:
    """A new key under a new kid likewise; the old one is good as long as the set shows it."""
    old = bench.token()
    verdicts = [told(served, old)]
    bench.fake.rotate_key(kid="ins_new")
    verdicts.append(told(served, bench.token()))
    bench.clock.advance(10)
    verdicts += [told(served, bench.token()), told(served, old)]

    assert ["accepted", "jwk-kid-mismatch", "accepted", "accepted"] == verdicts
    assert 2 == len(bench.fake.requests)


def test_refresh_in_background(world: World, bench: Bench) -> None:
    """Between 300 and 600 s a token is accepted at once, while one fetch runs behind; then keys are fresh again."""
    gate = threading.Event()
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url)
        told(clerk, bench.token())
        server.behave = servers.gated(key_set(bench.fake), gate)
        bench.clock.advance(301)
        meanwhile = [told(clerk, bench.token()) for _ in range(5)]
        gate.set()
        world.settle()
        bench.clock.advance(299)
        later = told(clerk, bench.token())
        world.settle()

    assert ["accepted"] * 5 == meanwhile
    assert "accepted" == later
    assert 2 == len(server.requests)


def test_failed_refresh_in_background(world: World, bench: Bench) -> None:
    """If it fails, nothing is lost: tokens are accepted, and the next try is a pause later."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url)
        told(clerk, bench.token())
        server.behave = answer(500)
        bench.clock.advance(301)
        counts: list[int] = []
        for seconds in (0, 9, 1, 19, 1):
            bench.clock.advance(seconds)
            assert "accepted" == told(clerk, bench.token())
            world.settle()
            counts.append(len(server.requests))

    assert [2, 2, 3, 3, 4] == counts


def test_refresh_in_foreground(served: Clerk, bench: Bench) -> None:
    """Beyond 600 s a token waits for fresh keys: a key that is gone is refused from then on."""
    old = bench.token(exp=bench.now + 7200)
    told(served, old)
    bench.fake.rotate_key(keep_old=False)
    bench.clock.advance(601)

    assert "token-invalid-signature" == told(served, old)
    assert 2 == len(bench.fake.requests)
    assert "accepted" == told(served, bench.token())
    assert 2 == len(bench.fake.requests)


def test_forgery_while_keys_age(world: World, bench: Bench) -> None:
    """A forgery of another issuer is refused at once; it does not wait for the refresh that is under way."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url)
        told(clerk, bench.token())
        server.behave = servers.hang
        bench.clock.advance(301)
        begun = time.monotonic()
        verdict = told(clerk, bench.token(key=stranger(), iss="https://evil.example"))
        took = time.monotonic() - begun
    world.settle()

    assert "token-invalid-signature" == verdict
    assert took < 2


def test_same_keys_are_not_tried_again(served: Clerk, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fetch for a bad signature only keys that are new are tried on it."""
    tried: list[str] = []
    holds = VerificationKey.holds

    def counted(self: VerificationKey, signature: bytes, signed: bytes) -> bool:
        tried.append(self.thumbprint)
        return holds(self, signature, signed)

    monkeypatch.setattr(VerificationKey, "holds", counted)
    told(served, bench.token())
    old = set(tried)
    counts: list[int] = []
    for rotations in (0, 1):
        for _ in range(rotations):
            bench.fake.rotate_key()
        bench.clock.advance(10)
        tried.clear()
        told(served, bench.token(key=stranger()))
        counts.append(len([thumbprint for thumbprint in tried if thumbprint not in old]))

    assert [0, 1] == counts
    assert 3 == len(bench.fake.requests)
    assert 3 == len(tried)  # the old one at first sight and once more under the lock, the new one


def test_forgery_while_keys_are_refreshed(world: World, bench: Bench) -> None:
    """A forgery waits for the refresh that is under way, and is refused by what it brings."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url)
        told(clerk, bench.token())
        bench.clock.advance(301)
        forged = told(clerk, bench.token(key=stranger()))

        assert "token-invalid-signature" == forged
        assert 2 == len(server.requests)


def test_memory_of_headers_is_bounded(bench: Bench) -> None:
    """Headers of good tokens are remembered, to save reading them again, but not without end."""
    clerk = Clerk(bench.fake.config(clock=bench.clock.time), transport=FakeTransport(bench.fake))
    remembered = operator.attrgetter("_judge._known_headers")
    sizes: list[int] = []
    for number in range(600):
        clerk.verify_token(bench.token(header={"x": number}))
        sizes.append(len(remembered(clerk)))

    assert 256 == max(sizes)


def test_headers_of_refused_tokens_are_not_remembered(bench: Bench) -> None:
    """Who has no key of the instance cannot fill that memory."""
    clerk = Clerk(bench.fake.config(clock=bench.clock.time), transport=FakeTransport(bench.fake))
    for number in range(20):
        told(clerk, bench.token(header={"x": number}, key=stranger()))

    assert {} == operator.attrgetter("_judge._known_headers")(clerk)


def test_more_headers_than_are_remembered(served: Clerk, bench: Bench) -> None:
    """However many headers good tokens have, each is judged by its own."""
    headers = [{"x": number, "kid": OWN_KID if number % 2 else bench.fake.kid} for number in range(600)]
    keys = [own_key() if number % 2 else None for number in range(600)]
    tokens = [bench.token(header=header, key=key) for header, key in zip(headers, keys, strict=True)]
    verdicts = [told(served, token) for token in (*tokens, *tokens)]

    assert ["accepted"] * 1200 == verdicts
    assert "token-invalid-signature" == told(served, bench.token(header=headers[0], key=own_key()))


def test_prewarm(served: Clerk, bench: Bench) -> None:
    """Keys are fetched once, and the first token needs no fetch."""
    served.prewarm()
    served.prewarm()
    verdict = told(served, bench.token())

    assert "accepted" == verdict
    assert 1 == len(bench.fake.requests)


def test_prewarm_with_pem(world: World, server: FakeServer, bench: Bench) -> None:
    """With a jwt_key there is nothing to fetch, ever."""
    clerk = world.clerk(server.config(jwt_key=bench.fake.public_key_pem()))
    clerk.prewarm()
    verdicts = [told(clerk, bench.token()), told(clerk, bench.token(key=stranger()))]

    assert ["accepted", "token-invalid-signature"] == verdicts
    assert [] == bench.fake.requests


def test_closed_client_verifies_on(served: Clerk, bench: Bench) -> None:
    """Closing closes connections; keys stay, and others are fetched on a new connection."""
    told(served, bench.token())
    served.close()
    verdicts = [told(served, bench.token())]
    bench.clock.advance(601)
    verdicts.append(told(served, bench.token()))

    assert ["accepted", "accepted"] == verdicts
    assert 2 == len(bench.fake.requests)


def test_two_clients_share_nothing(world: World, bench: Bench) -> None:
    """A client of another instance has other keys: tokens do not cross, whatever their kid says."""
    with FakeServer(bench.fake) as ours, FakeServer(bench.other) as theirs:
        clerks = [world.clerk(server.config(monotonic=bench.clock.monotonic)) for server in (ours, theirs)]
        session = bench.other.create_session(bench.other.add_user())
        tokens = [
            bench.token(),
            bench.other.session_token(session),
            bench.token(header={"kid": bench.other.kid}),
            bench.other.session_token(session, header={"kid": bench.fake.kid}),
        ]
        table = [[told(clerk, token) for token in tokens] for clerk in clerks]

    kid, signature = Reason.JWK_KID_MISMATCH, Reason.TOKEN_INVALID_SIGNATURE
    assert [["accepted", kid, kid, signature], [kid, "accepted", signature, kid]] == table


def test_key_set_with_odd_entries(world: World, bench: Bench) -> None:
    """Entries that cannot be used do not take the good key down."""
    odd: list[Any] = [None, 5, {}, {"kty": "oct", "k": "AAAA", "kid": bench.fake.kid}, {"kty": "RSA", "n": "!"}]
    body = json.dumps({"keys": [*odd, *bench.fake.jwks()["keys"]]}).encode()
    with KeyServer(answer(200, body)) as server:
        assert "accepted" == told(client_of(world, bench, server.url), bench.token())
