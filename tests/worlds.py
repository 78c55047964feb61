"""The sync and the async world behind one face, so that a case is written once and runs in both."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from clerk_ext import AsyncClerk, AsyncTenants, Clerk, Tenants

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator
    from typing import Unpack

    import httpx

    from clerk_ext import ClerkConfig
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.tenancy.settings import Settings
    from clerk_ext.tenants import TenantsOptions

T = TypeVar("T")


class Clock:
    """Time that passes when a test says so; 2026-01-01T00:00:00Z at first."""

    def __init__(self) -> None:
        self.unix = 1_767_225_600.0
        self.since_start = 1_000.0

    def time(self) -> float:
        """Unix seconds: for ``ClerkConfig(clock=…)`` and ``FakeClerk(clock=…)``."""
        return self.unix

    def monotonic(self) -> float:
        """Seconds since some moment: for ``ClerkConfig(monotonic=…)``."""
        return self.since_start

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks."""
        self.unix += seconds
        self.since_start += seconds


async def _all(iterator: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in iterator]


async def _background() -> None:
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "clerk-jwks"]
    if tasks:
        await asyncio.wait(tasks, timeout=5)


class _Awaited:
    """An object of the async world whose results are awaited for the caller."""

    def __init__(self, target: object, runner: asyncio.Runner) -> None:
        self._target = target
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, "aclose" if name == "close" else name)
        if name == "sessions":
            return _Awaited(value, self._runner)
        if not callable(value):
            return value

        def call(*args: object, **kwargs: object) -> object:
            result = value(*args, **kwargs)
            if inspect.iscoroutine(result):
                result = self._runner.run(result)
            if isinstance(result, AsyncClerk):  # with_policy, and a tenant that was loaded
                return _Awaited(result, self._runner)
            return iter(self._runner.run(_all(result))) if inspect.isasyncgen(result) else result

        return call

    def __repr__(self) -> str:
        return repr(self._target)


class _AwaitedTenants(_Awaited):
    """An `AsyncTenants` that looks like `Tenants`: a name that is not known yet is loaded."""

    def __getitem__(self, name: str) -> Any:
        return self.load(name)

    def __contains__(self, name: object) -> bool:
        return name in cast("AsyncTenants", self._target)

    def __iter__(self) -> Iterator[str]:
        return iter(cast("AsyncTenants", self._target))

    def __len__(self) -> int:
        return len(cast("AsyncTenants", self._target))


@attrs.define(eq=False)
class World:
    """Makes clients of one world; those of the async one look like a `Clerk` too."""

    name: str
    _runner: asyncio.Runner | None = None
    _made: list[Clerk | Tenants] = attrs.field(factory=list[Clerk | Tenants])

    def clerk(
        self,
        config: ClerkConfig,
        *,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
        revocations: RevocationCheck | None = None,
    ) -> Clerk:
        """A client of this world, closed when the test ends."""
        if self._runner is None:
            made = Clerk(config, transport=cast("httpx.BaseTransport | None", transport), revocations=revocations)
        else:
            asynchronous = AsyncClerk(
                config, transport=cast("httpx.AsyncBaseTransport | None", transport), revocations=revocations
            )
            made = cast("Clerk", _Awaited(asynchronous, self._runner))
        self._made.append(made)
        return made

    def tenants(
        self,
        configs: Settings = (),
        *,
        transport: httpx.BaseTransport | httpx.AsyncBaseTransport | None = None,
        **options: Unpack[TenantsOptions],
    ) -> Tenants:
        """Tenants of this world, closed when the test ends."""
        if self._runner is None:
            made = Tenants(configs, transport=cast("httpx.BaseTransport | None", transport), **options)
        else:
            asynchronous = AsyncTenants(
                configs, transport=cast("httpx.AsyncBaseTransport | None", transport), **options
            )
            made = cast("Tenants", _AwaitedTenants(asynchronous, self._runner))
        self._made.append(made)
        return made

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop of the async world."""
        assert self._runner is not None
        return self._runner.run(coroutine)

    def settle(self) -> None:
        """Let fetches of keys that run in the background end."""
        for thread in threading.enumerate():
            if thread.name == "clerk-jwks":
                thread.join(5)
        if self._runner is not None:
            self._runner.run(_background())

    def close(self) -> None:
        """Close every client that was made."""
        for made in self._made:
            made.close()
