"""The published table of reasons says what the cases of the trust policy show."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from clerk_ext import Clerk, ClerkConfig, Reason

from .cases import REFUSED

PAGE: Final = (Path(__file__).parents[2] / "docs" / "reasons.md").read_text("utf-8")
ROWS: Final = re.findall(r"^\| (–|\d) \| (.+) \| `([a-z-]+)` \| (Clerk's|ours) \| (.+) \|$", PAGE, re.MULTILINE)
# Clerk's SDKs for JavaScript and Python, reasons of tokens and of requests.
CLERKS: Final = {
    "client-uat-but-no-session-token",
    "jwk-kid-mismatch",
    "session-token-and-uat-missing",
    "session-token-but-no-client-uat",
    "session-token-iat-before-client-uat",
    "session-token-missing",
    "token-expired",
    "token-iat-in-the-future",
    "token-invalid",
    "token-invalid-algorithm",
    "token-invalid-audience",
    "token-invalid-authorized-parties",
    "token-invalid-signature",
    "token-not-active-yet",
    "token-type-mismatch",
    "token-verification-failed",
}


def test_every_row_is_read() -> None:
    """Each line of the table is a row of the form that the other tests read."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]

    assert len(lines) - 2 == len(ROWS)


def test_every_reason_is_there() -> None:
    """The table has each reason of the code, and no other."""
    assert set(Reason) == {reason for _, _, reason, _, _ in ROWS}


def test_reasons_of_each_step() -> None:
    """The reasons of a step are those that its cases are refused for."""
    listed = {(int(step), reason) for step, _, reason, _, _ in ROWS if step != "–"}

    assert listed == {(case.step, case.reason) for case in REFUSED}


def test_whose_they_are() -> None:
    """A reason is said to be Clerk's just where Clerk's SDKs have it."""
    whose = {(reason, owner) for _, _, reason, owner, _ in ROWS}

    assert {(reason, "Clerk's" if reason in CLERKS else "ours") for reason in Reason} == whose


def test_steps_are_in_order() -> None:
    """Rows stand in the order of the checks."""
    steps = [int(step) for step, *_ in ROWS if step != "–"]

    assert sorted(steps) == steps
    assert set(range(1, 10)) == set(steps)


def test_settings_and_methods_exist() -> None:
    """Each setting and method that the table advises exists."""
    advised = {name for *_, advice in ROWS for name in re.findall(r"`([a-z_]+)`", advice)}

    assert set() == {name for name in advised if not hasattr(Clerk, name)} - set(ClerkConfig.__annotations__)
