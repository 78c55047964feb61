"""Servers that fail in every way: good tokens stay good up to the hard bound, then 503, then all is well again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from clerk_ext import JWKSUnavailable
from tests.verifier import servers
from tests.verifier.clients import client_of, told
from tests.verifier.servers import MEGABYTE, KeyServer, answer, key_set

from .rows import tried

if TYPE_CHECKING:
    import socket

    from tests.verifier.bench import Bench
    from tests.verifier.servers import Behaviour
    from tests.worlds import World

HALF: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n" + b'{"keys": ['
ODD: Final[list[Any]] = [
    None,
    5,
    "key",
    [],
    {},
    {"kty": "oct", "kid": "ins_odd", "k": "AAAA"},
    {"kty": "RSA", "kid": "ins_odd", "n": "!", "e": "AQAB"},
    {"kty": "RSA", "kid": 5, "n": "AQAB", "e": "AQAB"},
    {"kty": "EC", "kid": "ins_odd", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
]


def half_a_body(server: KeyServer, connection: socket.socket) -> None:
    """Closes in the middle of the answer."""
    connection.sendall(HALF)


def half_a_body_and_nothing_more(server: KeyServer, connection: socket.socket) -> None:
    """Falls silent in the middle of the answer."""
    connection.sendall(HALF)
    server.closing.wait(10)


OUTAGES: Final[dict[str, Behaviour]] = {
    "The server answers 500": answer(500),
    "It answers 503 with `Retry-After: 5`": answer(503, Retry_After="5"),
    "It does not answer": servers.hang,
    "It drops the connection": servers.drop,
    "It answers with HTML": answer(200, b"<html>Back soon</html>", Content_Type="text/html"),
    "It closes after half a body": half_a_body,
    "It falls silent after half a body": half_a_body_and_nothing_more,
    "It sends 50 MB": servers.endless,
    "It answers with an empty set": answer(200, b'{"keys": []}'),
    "It answers with odd members only": answer(200, json.dumps({"keys": ODD}).encode()),
}


def walk_through(world: World, bench: Bench, server: KeyServer, memory: int, behave: Behaviour) -> None:
    """An outage of an hour: what requests see, and at how many fetches, at each of its moments."""
    token = bench.token(exp=bench.now + 7200)
    clerk = client_of(world, bench, server.url, token_cache_size=memory, timeout=0.3)
    seen: list[tuple[str, int]] = []

    def see(after: float) -> None:
        bench.clock.advance(after)
        verdicts = [told(clerk, token) for _ in range(3)]
        world.settle()
        assert 1 == len(set(verdicts)), verdicts
        seen.append((verdicts[0], len(server.requests)))

    see(0)
    server.behave = behave
    see(301)  # a refresh in the background: failure 1, so the pause is 10 s
    see(300)  # in the foreground: failure 2, 20 s
    see(2999)  # at the hard bound: failure 3, 40 s
    see(1)  # beyond it, in the pause
    with pytest.raises(JWKSUnavailable) as unavailable:
        clerk.verify_token(token)
    see(39)  # failure 4, 60 s
    server.behave = key_set(bench.fake)
    see(59)
    see(1)

    assert [
        ("accepted", 1),
        ("accepted", 2),
        ("accepted", 3),
        ("accepted", 4),
        ("unavailable", 4),
        ("unavailable", 5),
        ("unavailable", 5),
        ("accepted", 6),
    ] == seen
    assert 39.0 == unavailable.value.retry_after


@tried(*OUTAGES, fetches=6)
@pytest.mark.parametrize("kind", OUTAGES)
def test_outage(world: World, bench: Bench, memory: int, kind: str) -> None:
    """Whatever the failure, known keys serve to the hard bound and fetches keep their pause; then it recovers."""
    with KeyServer(key_set(bench.fake)) as server:
        walk_through(world, bench, server, memory, OUTAGES[kind])

        assert server.sent < 4 * 16 * MEGABYTE  # of four times 50; what is not read fills the sockets' buffers


@tried("It redirects", fetches=6)
def test_redirect(world: World, bench: Bench, memory: int) -> None:
    """A redirect is a failure like any other: the place that it names is never asked, good keys though it has."""
    with KeyServer(key_set(bench.fake)) as server, KeyServer(key_set(bench.fake)) as elsewhere:
        walk_through(world, bench, server, memory, answer(302, Location=elsewhere.url))

    assert [] == elsewhere.requests


@tried("It answers with odd members beside the good key", fetches=2)
def test_odd_members(world: World, bench: Bench, memory: int) -> None:
    """They take nobody down, neither in the first set nor in a later one."""
    body = json.dumps({"keys": [*ODD, *bench.fake.jwks()["keys"], *ODD], "odd": ODD}).encode()
    with KeyServer(answer(200, body)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        verdicts = [told(clerk, bench.token())]
        bench.clock.advance(601)
        verdicts += [told(clerk, bench.token()), told(clerk, bench.token(header={"kid": "ins_odd"}))]

    assert ["accepted", "accepted", "jwk-kid-mismatch"] == verdicts
    assert 2 == len(server.requests)


@tried("The instance signs with a new key under a new `kid`", fetches=3)
def test_new_kid(world: World, bench: Bench, memory: int) -> None:
    """Tokens of the new key pass once the pause is over; those of the old one until the set has it no more."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        old = bench.token(exp=bench.now + 7200)
        told(clerk, old)
        bench.fake.rotate_key(kid="ins_new")
        new = bench.token(exp=bench.now + 7200)
        in_pause = [told(clerk, new), told(clerk, old)]
        bench.clock.advance(10)
        both = [told(clerk, new), told(clerk, old)]
        bench.fake.rotate_key(kid="ins_newer", keep_old=False)
        bench.clock.advance(10)
        newest = [told(clerk, bench.token()), told(clerk, new), told(clerk, old)]

    assert ["jwk-kid-mismatch", "accepted"] == in_pause
    assert ["accepted", "accepted"] == both
    assert ["accepted", "jwk-kid-mismatch", "jwk-kid-mismatch"] == newest
    assert 3 == len(server.requests)


@tried("It signs with a new key under the same `kid`", fetches=2)
def test_same_kid(world: World, bench: Bench, memory: int) -> None:
    """Tokens of the new key pass once the pause is over, and from then on those of the old one are refused."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        old = bench.token()
        told(clerk, old)
        bench.fake.rotate_key(keep_old=False)
        new = bench.token()
        in_pause = [told(clerk, new), told(clerk, old)]
        bench.clock.advance(10)
        after = [told(clerk, new), told(clerk, old), told(clerk, new)]

    assert ["token-invalid-signature", "accepted"] == in_pause
    assert ["accepted", "token-invalid-signature", "accepted"] == after
    assert 2 == len(server.requests)


@tried("It takes a key out of its set", fetches=2)
def test_key_taken_out(world: World, bench: Bench, memory: int) -> None:
    """Its tokens are refused from the next refresh on, remembered or not."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        token = bench.token(exp=bench.now + 7200)
        told(clerk, token)
        bench.fake.rotate_key(kid="ins_new", keep_old=False)
        bench.clock.advance(301)
        told(clerk, token)  # opens the refresh
        world.settle()
        after = [told(clerk, token) for _ in range(2)]

    assert ["jwk-kid-mismatch"] * 2 == after
    assert 2 == len(server.requests)


def test_replaced_key_with_no_time_of_freshness(world: World, bench: Bench, memory: int) -> None:
    """With ``jwks_fresh=0`` too, the very request that brings the new key's first token is verified with it."""

    def takes_a_moment(server: KeyServer, connection: socket.socket) -> None:
        bench.clock.advance(0.125)
        key_set(bench.fake)(server, connection)

    with KeyServer(takes_a_moment) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory, jwks_fresh=0)
        told(clerk, bench.token())
        bench.fake.rotate_key(keep_old=False)
        bench.clock.advance(10)
        verdict = told(clerk, bench.token())
        world.settle()

    assert "accepted" == verdict
    assert 2 == len(server.requests)
