"""Key sets that cannot be had, over loopback, in both worlds: what an answer may be, what comes of a failure."""

from __future__ import annotations

import gzip
import time
from functools import partial
from typing import TYPE_CHECKING

import attrs
import pytest

from clerk_ext import JWKSUnavailable

from . import servers
from .bench import Bench, stranger
from .clients import client_of, told
from .servers import Failing, KeyServer, answer, key_set

if TYPE_CHECKING:
    from tests.worlds import World

    from .servers import Behaviour


def test_old_keys_carry_through_an_outage(world: World, bench: Bench) -> None:
    """Up to an hour old, keys are used when no others can be had; beyond, nothing can be judged; then it recovers."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url)
        told(clerk, bench.token())
        server.behave = answer(500)
        bench.clock.advance(601)
        verdicts = [told(clerk, bench.token()) for _ in range(3)]
        bench.clock.advance(2999)
        verdicts.append(told(clerk, bench.token()))
        outage = len(server.requests)
        bench.clock.advance(40)
        verdicts.append(told(clerk, bench.token()))
        with pytest.raises(JWKSUnavailable) as unavailable:
            clerk.verify_token(bench.token())
        server.behave = key_set(bench.fake)
        bench.clock.advance(40)
        verdicts.append(told(clerk, bench.token()))

    assert ["accepted"] * 4 + ["unavailable", "accepted"] == verdicts
    assert 3 == outage
    assert 40.0 == unavailable.value.retry_after  # the third failure in a row: 10, 20, 40


def test_forgeries_during_an_outage(world: World, bench: Bench) -> None:
    """A forgery whose refresh fails is refused; the good key is not lost over it."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url)
        told(clerk, bench.token())
        server.behave = answer(500)
        bench.clock.advance(10)
        forged = told(clerk, bench.token(key=stranger()))
        unknown = told(clerk, bench.token(header={"kid": "ins_x"}))

        assert "token-invalid-signature" == forged
        assert "unavailable" == unknown
        assert "accepted" == told(clerk, bench.token())
        assert 2 == len(server.requests)
        bench.clock.advance(601)
        old = [
            told(clerk, token) for token in (bench.token(key=stranger()), bench.token(), bench.token(key=stranger()))
        ]
        assert ["token-invalid-signature", "accepted", "token-invalid-signature"] == old
        assert 3 == len(server.requests)


SECRET = "body-that-nobody-logs"
FAILURES: dict[str, tuple[Behaviour, str]] = {
    "500": (answer(500, SECRET.encode()), "the server answered 500"),
    "404": (answer(404), "the server answered 404"),
    "204": (answer(204), "the server answered 204"),
    "206": (answer(206, b'{"keys": []}'), "the server answered 206"),
    "redirect": (answer(302, Location="https://evil.example/jwks.json"), "the server answered 302"),
    "HTML": (answer(200, f"<html>{SECRET}</html>".encode(), Content_Type="text/html"), "not JSON"),
    "empty": (answer(200), "not JSON"),
    "array": (answer(200, b"[]"), '"keys"'),
    "no key": (answer(200, b'{"keys": []}'), "no RSA key"),
    "secret key alone": (answer(200, b'{"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}'), "1 skipped"),
    "too large": (answer(200, b'{"keys": []}' + b" " * 65_536), "larger than 65536 bytes"),
    "gzip": (answer(200, gzip.compress(b'{"keys": []}'), Content_Encoding="gzip"), "compressed"),
    "gzip in capitals": (answer(200, gzip.compress(b'{"keys": []}'), Content_Encoding="GZIP"), "compressed"),
    "cut": (answer(200, b'{"keys": [', Content_Length="100"), "RemoteProtocolError"),
    "no HTTP": (lambda server, connection: connection.sendall(b"+OK ready\r\n"), "RemoteProtocolError"),
    "closed": (servers.drop, "RemoteProtocolError"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_failure(world: World, bench: Bench, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """An answer that is no key set leaves nothing to judge with for a pause; a line of the log says what it was."""
    behave, logged = FAILURES[kind]
    with KeyServer(behave) as server:
        clerk = client_of(world, bench, server.url)
        with pytest.raises(JWKSUnavailable) as unavailable:
            clerk.verify_token(bench.token())
        in_pause = told(clerk, bench.token())
        server.behave = key_set(bench.fake)
        bench.clock.advance(10)
        after = told(clerk, bench.token())
        world.settle()
    warnings = [record.getMessage() for record in caplog.records if record.name == "clerk_ext.keys"]

    assert 10.0 == unavailable.value.retry_after
    assert ("unavailable", "accepted") == (in_pause, after)
    assert 2 == len(server.requests)
    assert 1 == len(warnings)
    assert warnings[0].startswith("tenant acme: the key set cannot be had: ")
    assert logged in warnings[0]
    assert SECRET not in caplog.text


def test_nobody_listens(world: World, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """A refused connection is a failure like any other."""
    clerk = client_of(world, bench, servers.closed_port())

    assert "unavailable" == told(clerk, bench.token())
    world.settle()
    assert "ConnectError" in caplog.text


@pytest.mark.parametrize("behave", [servers.hang, servers.trickle])
def test_slow_server(world: World, bench: Bench, behave: Behaviour, caplog: pytest.LogCaptureFixture) -> None:
    """A fetch ends after the timeout, all in all: whether nothing comes, or a little now and then."""
    with KeyServer(behave) as server:
        clerk = client_of(world, bench, server.url, timeout=0.3, monotonic=time.monotonic)
        begun = time.monotonic()
        verdict = told(clerk, bench.token())
        took = time.monotonic() - begun
        world.settle()
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "clerk_ext.keys"]

    assert "unavailable" == verdict
    assert took > 0.25
    assert any(cause in warning for cause in ("longer than 0.3 s", "ReadTimeout", "TimeoutError"))


def test_endless_answer(world: World, bench: Bench) -> None:
    """Of an answer without end no more is read than a key set may have; the server cannot get rid of the rest."""
    with KeyServer(servers.endless) as server:
        clerk = client_of(world, bench, server.url)
        verdict = told(clerk, bench.token())

        assert "unavailable" == verdict
        assert server.sent < 20 * servers.MEGABYTE


@pytest.mark.parametrize(("header", "expected"), [("42", 42.0), ("5", 10.0), ("86400", 60.0), ("soon", 10.0)])
def test_retry_after(world: World, bench: Bench, header: str, expected: float) -> None:
    """The pause is as long as the server asks for, within 10 to 60 s."""
    with KeyServer(answer(503, Retry_After=header)) as server:
        clerk = client_of(world, bench, server.url)
        with pytest.raises(JWKSUnavailable) as unavailable:
            clerk.verify_token(bench.token())

    assert expected == unavailable.value.retry_after


@pytest.mark.parametrize("failure", [RuntimeError("bug"), OSError("no network"), ValueError(), TimeoutError()])
def test_transport_that_raises(world: World, bench: Bench, failure: Exception) -> None:
    """Whatever a transport raises is an outage to the caller, and over with it."""
    transport = Failing(bench.fake, failure)
    clerk = world.clerk(bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic), transport=transport)
    verdicts = [told(clerk, bench.token())]
    transport.failure = None
    bench.clock.advance(10)
    verdicts.append(told(clerk, bench.token()))

    assert ["unavailable", "accepted"] == verdicts


def test_without_pause(world: World, bench: Bench) -> None:
    """With a pause of 0, an unknown kid is still unknown, old keys still carry, and no fetch is left open."""
    with KeyServer(key_set(bench.fake)) as server:
        clerk = client_of(world, bench, server.url, jwks_pause=0, jwks_max_pause=0)
        unknown = [told(clerk, bench.token(header={"kid": "ins_x"})) for _ in range(2)]
        bench.clock.advance(601)
        server.behave = answer(500)
        old = [told(clerk, bench.token()) for _ in range(2)]
        bench.clock.advance(3601)
        with pytest.raises(JWKSUnavailable) as unavailable:
            clerk.prewarm()
        server.behave = key_set(bench.fake)

        assert ["jwk-kid-mismatch"] * 2 == unknown
        assert ["accepted"] * 2 == old
        assert 0.0 == unavailable.value.retry_after
        assert "accepted" == told(clerk, bench.token())


@attrs.define
class Jump:
    """A monotonic clock that leaps ahead by so many seconds once it has been read so often."""

    reads: int
    seconds: float

    def __call__(self) -> float:
        self.reads -= 1
        return 0.0 if self.reads >= 0 else self.seconds


@pytest.mark.parametrize("ask", ["verify", "prewarm"])
@pytest.mark.parametrize(("seconds", "retry_after"), [(2.99, None), (3.5, 9.5)], ids=["almost over", "over"])
def test_machine_that_stands_still(
    world: World, bench: Bench, ask: str, seconds: float, retry_after: float | None
) -> None:
    """A caller that was suspended just after it asked does not wait longer than the fetch has left."""
    with KeyServer(servers.hang) as server:
        # Verifying looks at the keys at hand first.
        clerk = client_of(world, bench, server.url, monotonic=Jump(1 if ask == "prewarm" else 2, seconds))
        begun = time.monotonic()
        wanted = clerk.prewarm if ask == "prewarm" else partial(clerk.verify_token, bench.token())
        with pytest.raises(JWKSUnavailable) as unavailable:
            wanted()
        took = time.monotonic() - begun
    world.settle()

    assert retry_after == unavailable.value.retry_after
    assert took < 2


def test_prewarm_in_an_outage(world: World, bench: Bench) -> None:
    """Prewarming says that the keys cannot be had, and does not ask again within the pause."""
    with KeyServer(answer(500)) as server:
        clerk = client_of(world, bench, server.url)
        for _ in range(2):
            with pytest.raises(JWKSUnavailable) as unavailable:
                clerk.prewarm()

            assert 10.0 == unavailable.value.retry_after

    assert 1 == len(server.requests)
