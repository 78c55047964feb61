"""The time of an import in a fresh interpreter, and what it loads."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Final

from benchmarks.measure import take_turns
from benchmarks.peers import JOSERFC, JWCRYPTO, OFFICIAL, PYJWT, installed
from benchmarks.report import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.measure import Sample

_OURS: Final = "from clerk_ext import Clerk"
_STATEMENTS: Final = {
    PYJWT: "import jwt",
    JOSERFC: "from joserfc import jwt",
    JWCRYPTO: "from jwcrypto import jwt",
    OFFICIAL: "from clerk_backend_api import Clerk",
}
_LATER: Final = {"httpx", "jwcrypto", "clerk_sessions_api.models"}


def measure(rounds: int) -> list[Row]:
    """The rows about importing."""
    with tempfile.TemporaryDirectory() as bytecode:
        samples: dict[str, Sample | None] = {_OURS: _sample(_OURS, bytecode)}
        for peer, statement in _STATEMENTS.items():
            samples[peer] = _sample(statement, bytecode) if installed(peer) else None
        measured = take_turns(samples, rounds)
    return [
        Row(
            work=_OURS,
            floor="official",
            floor_seconds=measured.seconds(OFFICIAL),
            peers={peer: measured.ratio(peer, OFFICIAL) for peer in _STATEMENTS},
            ours=measured.ratio(_OURS, OFFICIAL),
            ours_seconds=measured.seconds(_OURS),
            limit=0.25,
        )
    ]


def loaded_too_early() -> list[str]:
    """Which of the packages that first use should load are there after the import alone."""
    return _python(f"import sys; {_OURS}; print(*sys.modules.keys() & {_LATER!r})").split()


def _sample(statement: str, bytecode: str) -> Sample:
    """Importing by *statement*; the first time compiles into the folder *bytecode*, for all alike."""
    code = f"import time; begun = time.perf_counter(); {statement}; print(time.perf_counter() - begun)"
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    return lambda: float(_python(code, environment))


def _python(code: str, environment: Mapping[str, str] = os.environ) -> str:
    """What a fresh interpreter prints for *code*; -P keeps the working directory out of its path."""
    command = [sys.executable, "-P", "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
