"""Measure everything and print one table."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from benchmarks import calls, imports, material, pages, report, verification

_RESULTS: Final = Path(__file__).with_name("results.md")
_ROUNDS, _QUICK_ROUNDS = 21, 5


def main() -> None:
    """Speed is shown, not judged: the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help=f"{_QUICK_ROUNDS} rounds in place of {_ROUNDS}")
    extent.add_argument("--write", action="store_true", help=f"also write the table to {_RESULTS.name}")
    arguments = parser.parse_args()
    rounds = _QUICK_ROUNDS if arguments.quick else _ROUNDS
    for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[variable]  # loopback only, and looking for a proxy would take time from those who do

    rows = [row for part in (verification, calls, pages, imports) for row in part.measure(rounds)]
    early = ", ".join(imports.loaded_too_early()) or "none"
    loaded = f"httpx, jwcrypto and API models, after `from clerk_ext import Clerk` alone: {early} loaded."
    notes = [*report.legend(rounds), material.sizes(), loaded]
    print(report.plain(rows), "", *notes, sep="\n")
    if arguments.write:
        head = "# Figures\n\nWritten by `python -m benchmarks --write`; do not edit."
        listed = "\n".join(f"- {note}" for note in notes)
        _RESULTS.write_text(f"{head}\n\n{report.markdown(rows)}\n\n{listed}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
