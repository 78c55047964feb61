"""Measure everything and print the table; --write also draws it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import (
    caller,
    calls,
    cold_start,
    crowd,
    frameworks,
    growth,
    imports,
    material,
    pages,
    plot,
    processes,
    remembering,
    report,
    verification,
)
from benchmarks import tenants as among
from benchmarks.server import serving

if TYPE_CHECKING:
    from benchmarks.report import Row

_RESULTS: Final = Path(__file__).with_name("results.md")
_PLOT: Final = Path(__file__).with_name("results.png")
_ROUNDS, _QUICK_ROUNDS = 21, 5
_TOKENS, _QUICK_TOKENS = 3_072, 1_024


def main() -> None:
    """Speed is shown, not judged: the exit code is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help=f"{_QUICK_ROUNDS} rounds in place of {_ROUNDS}")
    extent.add_argument("--write", action="store_true", help=f"also write {_RESULTS.name} and {_PLOT.name}")
    arguments = parser.parse_args()
    rounds = _QUICK_ROUNDS if arguments.quick else _ROUNDS
    for variable in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[variable]  # loopback only, and looking for a proxy would take time from those who do

    rows = [
        *_about_tokens(rounds, _QUICK_TOKENS if arguments.quick else _TOKENS),
        *(row for part in (calls, pages, imports) for row in part.measure(rounds)),
    ]
    requests = [row for part in (frameworks, cold_start) for row in part.measure(rounds)]
    early = ", ".join(imports.loaded_too_early()) or "none"
    loaded = f"httpx, jwcrypto and API models, after `from clerk_ext import Clerk` alone: {early} loaded."
    notes = [*report.legend(rounds), material.sizes(), loaded]
    print(report.plain(rows), "", report.plain_of_sign_in(requests), "", *notes, sep="\n")
    if arguments.write:
        plot.draw([*rows, *requests], _PLOT)
        head = "# Figures\n\nWritten by `python -m benchmarks --write`; do not edit."
        picture = f"![Each piece of work beside its limit and the peers]({_PLOT.name})"
        tables = f"{report.markdown(rows)}\n\n{report.markdown_of_sign_in(requests)}"
        listed = "\n".join(f"- {note}" for note in notes)
        _RESULTS.write_text(f"{head}\n\n{picture}\n\n{tables}\n\n{listed}\n", encoding="utf-8")


def _about_tokens(rounds: int, many: int) -> list[Row]:
    mint = material.Mint()
    tokens = [mint.token(number) for number in range(1, many + 1)]
    bodies = {"jwks": mint.jwks(), crowd.TWO_KEYS: mint.jwks(2), caller.SESSION_ID: material.one_session()}
    bodies |= {f"jwks{keys}": mint.jwks(keys) for keys in growth.KEYS}
    with serving(bodies) as url:
        return [
            *verification.measure(rounds, mint, url, tokens),
            *growth.measure(rounds, mint, url),
            *processes.measure(rounds, mint, url),
            *remembering.measure(url, tokens),
            *among.measure(rounds, mint, url),
        ]


if __name__ == "__main__":
    main()
