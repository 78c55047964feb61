"""One instance and two clients of it, for many examples."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import attrs

from clerk_ext import AsyncClerk, Clerk, Reason, TokenVerificationError
from clerk_ext.testing import FakeTransport
from tests.worlds import Clock

from .bench import Bench, BenchClerk

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator


@attrs.frozen
class Judges:
    """Verification in both worlds, and the bench."""

    bench: Bench
    sync: Clerk
    asynchronous: AsyncClerk
    runner: asyncio.Runner

    def verdict(self, token: object) -> Reason | None:
        """Why the token is refused, None if it is accepted: the same in both worlds, at any time."""
        verdicts = [self._verdict(token, door) for door in (self.sync.verify_token, self._awaited)]
        assert verdicts[0] == verdicts[1]
        return verdicts[0]

    def hits(self) -> int:
        """How many tokens were recognised in both worlds until now."""
        return self.sync.stats().cache_hits + self.asynchronous.stats().cache_hits

    def template_verdict(self, token: object) -> Reason | None:
        """The same at the template door."""
        return self._verdict(token, self.sync.verify_template_token)

    def _awaited(self, token: str) -> object:
        return self.runner.run(self.asynchronous.verify_token(token))

    def _verdict(self, token: object, door: Any) -> Reason | None:
        try:
            door(token)
        except TokenVerificationError as refused:
            reason = refused.reason
        else:
            return None
        assert type(reason) is Reason
        return reason


@contextlib.contextmanager
def sitting(runner: asyncio.Runner) -> Generator[Judges]:
    """Judges of a new instance, as long as there are examples."""
    clock = Clock()
    fake = BenchClerk("acme", clock=clock.time)
    config = fake.config(clock=clock.time, monotonic=clock.monotonic)
    with Clerk(config, transport=FakeTransport(fake)) as sync:
        asynchronous = AsyncClerk(config, transport=FakeTransport(fake))
        yield Judges(Bench.of(fake, clock), sync, asynchronous, runner)
        runner.run(asynchronous.aclose())
