"""Fixtures for every test: the clock, the fake instance, the two worlds, an environment without CLERK_* variables."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from clerk_ext.testing import FakeClerk, FakeRequest, FakeResponse, FakeTransport
from tests.recorded import validate_answer, validate_exchange
from tests.worlds import Clock, World

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clerk_ext import Clerk


settings.register_profile("house", deadline=None)  # speed is measured by the benchmarks, never asserted in a test
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _every_exchange_is_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer of any fake instance, and each request that our client makes to it, is as the specification says."""
    handle = FakeClerk.handle

    def checked(self: FakeClerk, request: FakeRequest) -> FakeResponse:
        response = handle(self, request)
        ours = any(agent.startswith("clerk-ext@") for agent in request.header_values("user-agent"))
        # A test may break the fake on purpose, or have it make trouble.
        if isinstance(response, FakeResponse) and not response.is_spoilt:
            (validate_exchange if ours else validate_answer)(request, response)
        return response

    monkeypatch.setattr(FakeClerk, "handle", checked)


@pytest.fixture(autouse=True)
def _no_clerk_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CLERK_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clock() -> Clock:
    """Time that passes when the test says so."""
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> FakeClerk:
    """A fake Clerk instance on the test's clock."""
    return FakeClerk("acme", clock=clock.time)


@pytest.fixture(params=["sync", "async"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Both worlds, one after the other: the test runs in each."""
    if request.param == "sync":
        world = World("sync")
        yield world
        world.close()
        return
    with asyncio.Runner() as runner:
        world = World("async", runner)
        yield world
        world.close()


@pytest.fixture
def clerk(world: World, fake: FakeClerk, clock: Clock) -> Clerk:
    """A client of the fake instance, in-process, in each world."""
    config = fake.config(clock=clock.time, monotonic=clock.monotonic)
    return world.clerk(config, transport=FakeTransport(fake))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the conformance suite found, behaviour by framework, where it ran."""
    try:
        from tests.conformance.matrix import lines_of
    except ImportError:  # without the frameworks there is no such suite
        return
    reports = {
        outcome: [report.nodeid for report in terminalreporter.getreports(outcome)] for outcome in ("passed", "failed")
    }
    lines = lines_of(reports["passed"], reports["failed"])
    if lines:
        terminalreporter.section("conformance of the frameworks")
        for line in lines:
            terminalreporter.write_line(line)
