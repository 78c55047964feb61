"""Every Python snippet of the how-to pages does what it says, as the test file that a reader would make of it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {name: (DOCS / f"{name}.md").read_text("utf-8") for name in ("testing", "fastapi", "django", "flask")}
PAGE = PAGES["testing"]
SNIPPETS = {
    f"{name}: {heading.strip()}, {place}": code
    for name, page in PAGES.items()
    for heading, section in re.findall(r"^##? (.*?)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    for place, code in enumerate(re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL), 1)
}
# Starlette has its test client on another HTTP library than ours, if that is installed.
STARLETTE = "ignore:Using `httpx` with `starlette.testclient`"


def environment() -> dict[str, str]:
    """The environment without proxies, and without what belongs to the run that we are in."""
    ours = re.compile(r"(PYTEST|COV|CLERK|DJANGO)_.*|.*_proxy", re.IGNORECASE)
    return {name: value for name, value in os.environ.items() if not ours.fullmatch(name)}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, str]]:
    """Of each snippet its tests and why they failed; Django, which a process configures once, has runs of its own."""
    alone = {name: code for name, code in SNIPPETS.items() if "settings.configure" in code}
    together = {name: code for name, code in SNIPPETS.items() if name not in alone}
    found: dict[str, dict[str, str]] = {}
    for snippets in (together, *({name: code} for name, code in alone.items())):
        found |= run(snippets, tmp_path_factory.mktemp("howto"))
    return found


def run(snippets: Mapping[str, str], folder: Path) -> dict[str, dict[str, str]]:
    """Run pytest on snippets in a folder of their own."""
    for number, code in enumerate(snippets.values()):
        if "def test_" not in code:
            code = "def test_as_a_script():\n" + re.sub(r"^(?=.)", "    ", code, flags=re.MULTILINE)
        (folder / f"test_{number}.py").write_text(code, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--continue-on-collection-errors"]
    done = subprocess.run(
        [*command, "--junitxml=report.xml", "-W", "error", "-W", STARLETTE],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {name: {} for name in snippets}
    for case in ElementTree.parse(folder / "report.xml").iter("testcase"):
        module = case.attrib["classname"] or case.attrib["name"]  # a file that cannot be imported has no class name
        name = list(snippets)[int(module.removeprefix("test_"))]
        why = "".join(part.text or part.tag for part in case)  # a failure, an error or a skip
        found[name][case.attrib["name"]] = why
    return found


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet_passes(name: str, outcomes: Mapping[str, dict[str, str]]) -> None:
    """Each test of the snippet passes, and there is one."""
    written = set(re.findall(r"^def (test_\w+)", SNIPPETS[name], re.MULTILINE)) or {"test_as_a_script"}
    failures = [why for why in outcomes[name].values() if why]

    assert not failures, "\n".join(failures)
    assert written == {test.partition("[")[0] for test in outcomes[name]}


def test_every_block_is_a_snippet_that_runs() -> None:
    """No Python on the pages is left out, whatever heading it stands under."""
    assert sum(page.count("```python") for page in PAGES.values()) == len(SNIPPETS) > 20


def test_command_serves_what_it_prints() -> None:
    """The command on the page serves each instance, and what it prints for the environment makes a client of it."""
    (command,) = re.findall(r"^\$ python (-m clerk_ext\.testing .*)$", PAGE, re.MULTILINE)
    assert command.endswith("acme globex --port 9000")
    arguments = command.replace("9000", "0").split()  # a free port: that one may be taken
    served: list[str] = []
    with subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        patience = threading.Timer(60, process.kill)  # ends the lines, should the last one never come
        patience.start()
        try:
            exported: dict[str, str] = {}
            for line in process.stdout or ():
                if line.startswith("export "):
                    name, _, value = shlex.split(line)[1].partition("=")
                    exported[name] = value
                elif exported and not line.strip():  # an instance is told of
                    with Clerk.from_env(exported) as clerk:
                        assert 1 == len(clerk.jwks().keys)
                        assert [] == clerk.sessions.list(user_id="user_nobody")
                    served.append(exported.pop("CLERK_PUBLISHABLE_KEY"))
                    exported = {}
                if "Ctrl-C" in line:
                    break
        finally:
            patience.cancel()
            process.terminate()
    assert [FakeClerk(slug).publishable_key for slug in ("acme", "globex")] == served


def test_fixtures_are_all_named() -> None:
    """The page's table names each fixture of the plugin."""
    source = (Path(__file__).parents[2] / "clerk_ext" / "testing" / "plugin.py").read_text("utf-8")
    fixtures = set(re.findall(r"^@pytest\.fixture\ndef (\w+)", source, re.MULTILINE))

    assert {"clerk_fake", "clerk", "clerk_async", "clerk_tenants", "clerk_token", "clerk_fake_other"} == fixtures
    assert set() == {name for name in fixtures if f"`{name}`" not in PAGE.partition("\n```python")[0]}
