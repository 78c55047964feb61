"""A typed call over loopback keep-alive, each way in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.caller import SESSION_ID
from benchmarks.material import one_session
from benchmarks.measure import take_turns
from benchmarks.peers import OFFICIAL, installed
from benchmarks.report import Row
from benchmarks.server import ROOT, serving

if TYPE_CHECKING:
    from collections.abc import Generator

    from benchmarks.measure import Measured, Sample

_CALLS: Final = 150


def measure(rounds: int) -> list[Row]:
    """The rows about calls."""
    with ExitStack() as stack:
        url = stack.enter_context(serving({SESSION_ID: one_session()}))
        elsewhere = stack.enter_context(_packages_without("sniffio"))
        samples: dict[str, Sample | None] = {}
        for world in ("", "-async"):
            samples[f"httpx{world}"] = stack.enter_context(_calling(f"httpx{world}", url, elsewhere))
            samples[f"ours{world}"] = stack.enter_context(_calling(f"ours{world}", url))
            if installed(OFFICIAL):
                samples[f"official{world}"] = stack.enter_context(_calling(f"official{world}", url, elsewhere))
        measured = take_turns(samples, rounds)
    return [
        _row("a typed call, sync", "", measured, 1.02),
        _row("a typed call, async", "-async", measured, 0.82),
    ]


def _row(work: str, world: str, measured: Measured, limit: float) -> Row:
    base, ours = f"httpx{world}", f"ours{world}"
    return Row(
        work=work,
        floor="httpx get+json",
        floor_seconds=measured.seconds(base),
        peers={OFFICIAL: measured.ratio(f"official{world}", base)},
        ours=measured.ratio(ours, base),
        ours_seconds=measured.seconds(ours),
        limit=limit,
    )


@contextmanager
def _packages_without(package: str) -> Generator[Path]:
    """A folder with everything that is installed here but *package*: as others find it, who do not depend on it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in Path(sysconfig.get_path("purelib")).iterdir():
            if entry.name != package and not entry.name.startswith(f"{package}-"):
                (folder / entry.name).symlink_to(entry)
        yield folder


@contextmanager
def _calling(way: str, url: str, packages: Path | None = None) -> Generator[Sample]:
    """A process that calls in this *way*, with only *packages* to import where they are given."""
    environment, options = dict(os.environ), list[str]()
    if packages is not None:
        environment["PYTHONPATH"], options = str(packages), ["-S"]
    arguments = [sys.executable, *options, "-m", "benchmarks.caller", way, url]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, text=True, stdin=pipe, stdout=pipe) as process:
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def sample() -> float:
            print(_CALLS, file=asked, flush=True)
            return float(answers.readline())

        yield sample
