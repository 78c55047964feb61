"""Loaders of every shape, what users hear of tenants, and many callers at once in either world."""

from __future__ import annotations

import asyncio
import functools
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs

from clerk_ext import (
    AsyncTenants,
    SessionClaims,
    Tenants,
    TenantUnavailable,
    TokenVerificationError,
    UnknownTenant,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from clerk_ext import ClerkConfig
    from clerk_ext.tenancy.loading import Loader
    from clerk_ext.testing import FakeClerk

Kind: TypeAlias = Literal["name", "issuer"]
Job: TypeAlias = tuple[str, str]
"""A method of the tenants and its argument."""

SHAPES: Final = ("function", "coroutine function", "lambda", "async object", "partial")
SOON: Final = 0.05
"""Seconds: a ``load_timeout`` that a test can wait for."""
LATEST: Final = 10.0
"""Seconds: nothing that a test waits for takes as long."""


class Gate:
    """Holds up threads and tasks until it is opened."""

    def __init__(self) -> None:
        self._opened: Future[None] = Future()

    def open(self) -> None:
        """Let everybody go on."""
        self._opened.set_result(None)

    def wait(self) -> None:
        """Wait on this thread."""
        self._opened.result(LATEST)

    async def wait_async(self) -> None:
        """Wait on the running loop."""
        while not self._opened.done():
            await asyncio.wait([asyncio.wrap_future(self._opened)], timeout=LATEST)


class Book:
    """What a loader looks up.

    Args:
        entries: What it gives by what it is asked for; an exception is raised. None for what is not in it.

    Attributes:
        asked: What it was asked for, in order.
        entered: Set when it was asked.
        gate: Where those who ask wait with what they found, if it is there.
    """

    def __init__(self, entries: dict[str, Any] | None = None) -> None:
        self.entries: dict[str, Any] = {} if entries is None else entries
        self.asked: list[str] = []
        self.entered = threading.Event()
        self.gate: Gate | None = None

    @classmethod
    def of(cls, fakes: Iterable[FakeClerk], **settings: Any) -> Book:
        """A book of instances, by name and by issuer."""
        entries: dict[str, Any] = {}
        for fake in fakes:
            entries[fake.slug] = entries[fake.issuer] = fake.config(**settings)
        return cls(entries)

    def hold(self) -> Gate:
        """Have who asks from now on wait at a new gate."""
        self.gate = Gate()
        self.entered.clear()
        return self.gate

    def find(self, key: str) -> Any:
        """Look up on this thread."""
        gate, found = self._enter(key)
        if gate is not None:
            gate.wait()
        return self._given(found)

    async def find_async(self, key: str) -> Any:
        """Look up on the running loop."""
        gate, found = self._enter(key)
        if gate is not None:
            await gate.wait_async()
        return self._given(found)

    def _enter(self, key: str) -> tuple[Gate | None, Any]:
        self.asked.append(key)
        entry = self.gate, self.entries.get(key)
        self.entered.set()
        return entry

    def _given(self, found: Any) -> Any:
        if isinstance(found, BaseException):
            raise found
        return found


@attrs.frozen
class AsyncObject:
    """An object that can be called and awaited."""

    book: Book

    async def __call__(self, key: str) -> Any:
        """Look up."""
        return await self.book.find_async(key)


async def _find(book: Book, key: str) -> Any:
    return await book.find_async(key)


def shaped(book: Book, shape: str) -> Loader:
    """A loader that looks up in *book*, of one of `SHAPES`."""

    async def find(key: str) -> Any:
        return await book.find_async(key)

    shapes: dict[str, Loader] = {
        "function": book.find,
        "coroutine function": find,
        "lambda": lambda key: book.find_async(key),
        "async object": AsyncObject(book),
        "partial": functools.partial(_find, book),
    }
    return shapes[shape]


def options_of(kind: Kind, loader: Loader) -> dict[str, Any]:
    """The option that makes *loader* find tenants by name or by issuer."""
    return {f"load_by_{kind}": loader}


def token_of(fake: FakeClerk, **edits: Any) -> str:
    """A session token of a new user of the instance."""
    return fake.session_token(fake.create_session(fake.add_user()), **edits)


def asked_for(kind: Kind, fake: FakeClerk) -> str:
    """What a loader is asked for when the instance is needed."""
    return fake.slug if kind == "name" else fake.issuer


def job_for(kind: Kind, fake: FakeClerk) -> Job:
    """What needs the tenant of the instance by its name or by its issuer."""
    return ("load", fake.slug) if kind == "name" else ("verify_token", token_of(fake))


def heard(outcome: object) -> str:
    """An outcome in a word: the tenant's name, or what came instead."""
    if isinstance(outcome, SessionClaims):
        return outcome.tenant
    if isinstance(outcome, UnknownTenant):
        return "unknown"
    if isinstance(outcome, TenantUnavailable):
        return "unavailable"
    if isinstance(outcome, TokenVerificationError):
        return outcome.reason
    if isinstance(outcome, BaseException):
        return type(outcome).__name__
    config: Any = getattr(outcome, "config", None)
    return str(config.name)


def skew(outcome: object) -> str:
    """The clock skew of a tenant."""
    config: Any = getattr(outcome, "config", None)
    return str(config.clock_skew)


def tried(tenants: Tenants, job: Job, hear: Callable[[object], str] = heard) -> str:
    """What the user hears who does *job*."""
    method, argument = job
    try:
        return hear(getattr(tenants, method)(argument))
    except (UnknownTenant, TenantUnavailable, TokenVerificationError) as failure:
        return heard(failure)


def told(tenants: Tenants, fake: FakeClerk) -> str:
    """What the user hears who has a token of the instance."""
    return tried(tenants, ("verify_token", token_of(fake)))


AnyTenants: TypeAlias = "Tenants | AsyncTenants"
Act: TypeAlias = "Callable[[AnyTenants], object]"


def _nothing(_: object) -> None:
    pass


@attrs.frozen(kw_only=True)
class AtOnce:
    """Many callers at the same time.

    Attributes:
        jobs: What they do, each in a thread or a task of its own.
        meanwhile: Runs on another thread while they wait.
        first: What is done before.
        between: Runs after that.
        afterwards: Runs when they have all heard; then loads that are under way end.
        hear: Makes a word of an outcome.
    """

    jobs: Sequence[Job]
    meanwhile: Act = _nothing
    first: Job | None = None
    between: Act = _nothing
    afterwards: Act = _nothing
    hear: Callable[[object], str] = heard

    def run(self, world: str, configs: Iterable[ClerkConfig] = (), transport: Any = None, **options: Any) -> list[str]:
        """What each of them hears, in the world ``"sync"`` or ``"async"``."""
        if world == "sync":
            with Tenants(configs, transport=transport, **options) as tenants:
                return self._in_threads(tenants)
        return asyncio.run(self._in_tasks(AsyncTenants(configs, transport=transport, **options)))

    def _in_threads(self, tenants: Tenants) -> list[str]:
        if self.first is not None:
            tried(tenants, self.first)
        self.between(tenants)
        with ThreadPoolExecutor(len(self.jobs) + 1) as pool:
            futures = [pool.submit(tried, tenants, job, self.hear) for job in self.jobs]
            pool.submit(self.meanwhile, tenants).result(LATEST)
            outcomes = [future.result(LATEST) for future in futures]
        self.afterwards(tenants)
        join_loads()
        return outcomes

    async def _in_tasks(self, tenants: AsyncTenants) -> list[str]:
        async with tenants:
            if self.first is not None:
                await tried_async(tenants, self.first)
            self.between(tenants)
            tasks = [asyncio.ensure_future(tried_async(tenants, job, self.hear)) for job in self.jobs]
            await asyncio.to_thread(self.meanwhile, tenants)
            outcomes = await asyncio.wait_for(asyncio.gather(*tasks), LATEST)
            self.afterwards(tenants)
            await asyncio.to_thread(join_loads)
            await join_load_tasks()
            return outcomes


def join_loads() -> None:
    """Let the threads of loads end."""
    for thread in threading.enumerate():
        if thread.name == "clerk-load":
            thread.join(LATEST)


async def join_load_tasks() -> None:
    """Let the tasks of loads end."""
    tasks = [task for task in asyncio.all_tasks() if task.get_name() == "clerk-load"]
    if tasks:
        await asyncio.wait(tasks, timeout=LATEST)


async def tried_async(tenants: AsyncTenants, job: Job, hear: Callable[[object], str] = heard) -> str:
    """What the user hears who does *job*."""
    method, argument = job
    try:
        return hear(await getattr(tenants, method)(argument))
    except (UnknownTenant, TenantUnavailable, TokenVerificationError) as failure:
        return heard(failure)


class Readings:
    """A clock that stands still, and tells when it was read so many times: each who asks for a load reads it once.

    Args:
        many: The number.
    """

    def __init__(self, many: int) -> None:
        self.reached = threading.Event()
        self._left = many
        self._lock = threading.Lock()

    def restart(self, many: int) -> None:
        """Count anew."""
        with self._lock:
            self.reached.clear()
            self._left = many

    def __call__(self) -> float:
        with self._lock:
            self._left -= 1
            if self._left <= 0:
                self.reached.set()
        return 1_000.0
