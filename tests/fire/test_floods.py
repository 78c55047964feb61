"""Ten thousand tokens of an attacker's within a minute: at most one fetch a pause, counted at the server."""

from __future__ import annotations

import base64
import itertools
import json
import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from clerk_ext import RevocationUnavailable
from tests.verifier.clients import client_of, told
from tests.verifier.servers import KeyServer, answer, key_set

from .crowds import config_of
from .rows import tried

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from clerk_ext import SessionClaims
    from tests.verifier.bench import Bench
    from tests.verifier.servers import Behaviour
    from tests.worlds import World

MANY: Final = 10_000
MINUTE: Final = 60.0


def segment(members: dict[str, object]) -> str:
    """A segment of a token."""
    return base64.urlsafe_b64encode(json.dumps(members).encode()).rstrip(b"=").decode()


def forgeries(bench: Bench, *, new_kids: bool, count: int = MANY) -> Iterator[str]:
    """Tokens with a signature out of thin air, none of which comes twice."""
    claims = segment(bench.claims(exp=bench.now + 7200))
    header = segment(bench.header())
    for number in range(1, count + 1):
        if new_kids:
            header = segment(bench.header(kid=f"ins_{number}"))
        signature = base64.urlsafe_b64encode(number.to_bytes(256)).rstrip(b"=").decode()
        yield f"{header}.{claims}.{signature}"


def noting(behave: Behaviour, bench: Bench, times: list[float]) -> Behaviour:
    """Behaves so, and notes when it is asked."""

    def note(server: KeyServer, connection: socket.socket) -> None:
        times.append(bench.clock.monotonic())
        behave(server, connection)

    return note


def flood(
    world: World, bench: Bench, memory: int, during: Behaviour, *, new_kids: bool
) -> tuple[Counter[str], Counter[str], list[float]]:
    """What attackers and users see of a flood that goes on for a minute, and the seconds between fetches."""
    times: list[float] = []
    attackers: Counter[str] = Counter()
    users: Counter[str] = Counter()
    good = bench.token(exp=bench.now + 7200)
    with KeyServer(noting(key_set(bench.fake), bench, times)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        clerk.prewarm()
        server.behave = noting(during, bench, times)
        for number, forgery in enumerate(forgeries(bench, new_kids=new_kids)):
            attackers[told(clerk, forgery)] += 1
            if number % 100 == 0:
                users[told(clerk, good)] += 1
            bench.clock.advance(MINUTE / MANY)
        world.settle()
        assert len(times) == len(server.requests)
    return attackers, users, [later - sooner for sooner, later in itertools.pairwise(times)]


@tried("10,000 tokens with a `kid` of their own come in a minute", fetches=6)
def test_unknown_kids(world: World, bench: Bench, memory: int) -> None:
    """Each is refused, users notice nothing, and the server is asked when a pause is over."""
    attackers, users, between = flood(world, bench, memory, key_set(bench.fake), new_kids=True)

    assert {"jwk-kid-mismatch": MANY} == attackers
    assert {"accepted": 100} == users
    assert min(between) >= 10.0
    assert 6 == 1 + len(between)


@tried("10,000 tokens with a bad signature come in a minute", fetches=6)
def test_bad_signatures(world: World, bench: Bench, memory: int) -> None:
    """Likewise; the good key stays where it is."""
    attackers, users, between = flood(world, bench, memory, key_set(bench.fake), new_kids=False)

    assert {"token-invalid-signature": MANY} == attackers
    assert {"accepted": 100} == users
    assert min(between) >= 10.0
    assert 6 == 1 + len(between)


@tried("Either flood comes while the server answers 500", fetches=4)
@pytest.mark.parametrize("new_kids", [True, False], ids=["kids", "signatures"])
def test_flood_in_an_outage(world: World, bench: Bench, memory: int, new_kids: bool) -> None:
    """The pauses double; no failure that the flood causes costs users their key."""
    attackers, users, between = flood(world, bench, memory, answer(500), new_kids=new_kids)

    assert MANY == attackers.total()
    assert {"accepted": 100} == users
    assert [10, 10, 20] == [int(seconds) for seconds in between]
    if new_kids:  # before the first failure they are known to be unknown
        assert {"jwk-kid-mismatch", "unavailable"} == attackers.keys()
    else:
        assert {"token-invalid-signature"} == attackers.keys()


def test_nothing_is_logged_of_a_request(
    world: World, bench: Bench, memory: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A thousand tokens that are accepted, and as many of each refusal, write no line above debug."""
    caplog.set_level(logging.DEBUG)
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        clerk.prewarm()
        world.settle()
        begun = [(record.name, record.levelname) for record in caplog.records if record.name.startswith("clerk_ext")]
        caplog.clear()
        good, late = bench.token(), bench.token(exp=bench.now - 60)
        verdicts = Counter(told(clerk, token) for _ in range(1000) for token in (good, late, "no token"))
        for new_kids in (True, False):
            verdicts.update(told(clerk, token) for token in forgeries(bench, new_kids=new_kids, count=1000))
        loud = [record for record in caplog.records if record.levelno > logging.DEBUG]

    assert [("clerk_ext.keys", "INFO")] == begun
    assert {
        "accepted": 1000,
        "token-expired": 1000,
        "token-invalid": 1000,
        "jwk-kid-mismatch": 1000,
        "token-invalid-signature": 1000,
    } == verdicts
    assert [] == loud


def test_an_outage_is_logged_once_a_fetch(
    world: World, bench: Bench, memory: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor do a thousand requests that nobody can judge: there is one warning for each fetch that failed."""
    with KeyServer(answer(500)) as server:
        clerk = client_of(world, bench, server.url, token_cache_size=memory)
        token = bench.token()
        verdicts = Counter(told(clerk, token) for _ in range(1000))
        world.settle()

    assert {"unavailable": 1000} == verdicts
    assert [("clerk_ext.keys", "WARNING")] == [
        (record.name, record.levelname) for record in caplog.records if record.levelno > logging.INFO
    ]
    assert 1 == len(server.requests)


class Broken:
    """Revocations out of order."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Fail."""
        raise OSError("no answer")


def test_broken_revocations_are_logged_once_a_minute(
    world: World, bench: Bench, memory: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor do a thousand requests that meet revocations out of order: there is one error a minute."""
    with KeyServer(key_set(bench.fake)) as server:
        config = config_of(bench, server, token_cache_size=memory)
        clerk = world.clerk(config, revocations=Broken())
        token = bench.token(exp=bench.now + 7200)
        lines: list[int] = []
        for _ in range(3):
            for _ in range(1000):
                with pytest.raises(RevocationUnavailable):
                    clerk.verify_token(token)
            lines.append(len([record for record in caplog.records if record.levelno >= logging.WARNING]))
            bench.clock.advance(30)

    assert [1, 1, 2] == lines
