"""The drivers of loads: a loader of the user's, which may block, hang or raise, runs where nobody else waits for it.

A plain function runs in a daemon thread, also for an event loop; a coroutine function on the event loop, or on one of
its own in that thread.
"""

from __future__ import annotations

import contextvars
import inspect
import threading
from typing import TYPE_CHECKING, TypeVar, cast

import attrs

from clerk_ext.tenancy.loads import Begin

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from typing import Any, TypeAlias

    from clerk_ext.config import ClerkConfig
    from clerk_ext.tenancy.loads import Key, Kind
    from clerk_ext.tenancy.registry import LoadSteps, Registry

    Loader: TypeAlias = Callable[[str], "ClerkConfig | Awaitable[ClerkConfig | None] | None"]

T = TypeVar("T")


@attrs.frozen
class Loaders:
    """The user's loaders.

    Attributes:
        by_name: Gives the settings of the tenant of a name, or None.
        by_issuer: Gives the settings of the tenant whose tokens have an issuer, or None.
        timeout: Seconds that each may take.
    """

    by_name: Loader | None
    by_issuer: Loader | None
    timeout: float

    def __attrs_post_init__(self) -> None:
        for kind, loader in (("name", self.by_name), ("issuer", self.by_issuer)):
            if loader is not None and not callable(loader):
                raise TypeError(f"load_by_{kind}: give a function of one str, not {type(loader).__name__}.")

    @property
    def kinds(self) -> frozenset[Kind]:
        """Which there are."""
        kinds: dict[Kind, Loader | None] = {"name": self.by_name, "issuer": self.by_issuer}
        return frozenset(kind for kind, loader in kinds.items() if loader is not None)

    def of(self, key: Key) -> Loader:
        """The loader for *key*."""
        loader = self.by_name if key[0] == "name" else self.by_issuer
        assert loader is not None  # nobody asks for what there is no loader for
        return loader


def run(steps: LoadSteps[T], registry: Registry[Any, Any], loaders: Loaders) -> T:
    """Do what *steps* ask for, to their end, on this thread."""
    try:
        while True:
            step = next(steps)
            flight = registry.flight(step.ticket)
            if isinstance(step, Begin):
                _start(step, registry, loaders, None)
            try:
                flight.result(loaders.timeout)
            except TimeoutError:
                registry.overdue(step.ticket)
    except StopIteration as done:
        return cast("T", done.value)


async def run_async(
    steps: LoadSteps[T], registry: Registry[Any, Any], loaders: Loaders, tasks: set[asyncio.Task[None]]
) -> T:
    """Do what *steps* ask for, to their end, on the running loop; *tasks* keeps what goes on without the caller."""
    import asyncio

    try:
        while True:
            step = next(steps)
            flight = registry.flight(step.ticket)
            if isinstance(step, Begin):
                if _is_async(loaders.of(step.key)):
                    _start_task(step, registry, loaders, tasks)
                else:
                    _start(step, registry, loaders, asyncio.get_running_loop())
            # wait() cancels nothing: neither on time-out nor when this caller is cancelled.
            done, _ = await asyncio.wait([asyncio.wrap_future(flight)], timeout=loaders.timeout)
            if not done:
                registry.overdue(step.ticket)
    except StopIteration as done:
        return cast("T", done.value)


def _is_async(loader: Loader) -> bool:
    """Whether calling it gives a coroutine, without calling it."""
    call: object = type(loader).__call__ if callable(loader) else None
    return inspect.iscoroutinefunction(loader) or inspect.iscoroutinefunction(call)


def _start(step: Begin, registry: Registry[Any, Any], loaders: Loaders, loop: asyncio.AbstractEventLoop | None) -> None:
    """Load in a daemon thread, with the context variables of who asks."""
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=context.run, args=(_load, step, registry, loaders, loop), name="clerk-load", daemon=True
    )
    try:
        thread.start()
    except RuntimeError as failure:  # no more threads, or Python is shutting down
        registry.landed(step.ticket, failure)


def _load(step: Begin, registry: Registry[Any, Any], loaders: Loaders, loop: asyncio.AbstractEventLoop | None) -> None:
    result: object = None
    try:
        result = loaders.of(step.key)(step.key[1])
        if inspect.isawaitable(result):
            result = _awaited(result, loaders.timeout, loop)
    except BaseException as failure:  # noqa: BLE001 - the user's code may raise anything; the others wait
        result = failure
    registry.landed(step.ticket, result)


def _awaited(result: Awaitable[object], timeout: float, loop: asyncio.AbstractEventLoop | None) -> object:
    """What comes of an awaitable, on the loop of who asked, or on one of its own."""
    import asyncio

    async def within() -> object:
        async with asyncio.timeout(timeout):
            return await result

    if loop is None:
        return asyncio.run(within())
    steps = within()
    try:
        future = asyncio.run_coroutine_threadsafe(steps, loop)
    except RuntimeError:  # the loop has closed
        for never_awaited in (steps, result):
            if inspect.iscoroutine(never_awaited):
                never_awaited.close()
        raise
    return future.result(timeout + 1.0)  # it may close meanwhile


def _start_task(step: Begin, registry: Registry[Any, Any], loaders: Loaders, tasks: set[asyncio.Task[None]]) -> None:
    import asyncio

    async def load() -> None:
        result: object
        try:
            async with asyncio.timeout(loaders.timeout):
                result = await cast("Awaitable[object]", loaders.of(step.key)(step.key[1]))
        except Exception as failure:  # noqa: BLE001 - the user's code may raise anything; the others wait
            result = failure
        registry.landed(step.ticket, result)

    def ended(task: asyncio.Task[None]) -> None:
        tasks.discard(task)
        if task.cancelled() or task.exception() is not None:  # where the loop shuts down, perhaps before it began
            registry.landed(step.ticket, asyncio.CancelledError())

    task = asyncio.get_running_loop().create_task(load(), name="clerk-load")
    tasks.add(task)
    task.add_done_callback(ended)
