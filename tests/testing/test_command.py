"""The command: ``python -m clerk_ext.testing``, run as a process of its own."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import attrs
import pytest

from clerk_ext import Clerk, ClerkConfig
from clerk_ext.testing import __main__ as command

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

READY = "# Ready; Ctrl-C ends it."
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Pre(HTMLParser):
    """The text of a page's ``pre`` elements, and its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = self._inside or tag == "pre"
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._inside = False
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data if self._inside else ""


@attrs.define
class Running:
    """The command while it runs, and what it has printed so far."""

    process: subprocess.Popen[str]
    output: str

    @property
    def urls(self) -> list[str]:
        """The addresses, in the order printed."""
        return re.findall(r"^# [a-z0-9-]+: open (\S+) in a browser$", self.output, re.MULTILINE)

    @property
    def environments(self) -> list[dict[str, str]]:
        """What is to be put in the environment, for each instance."""
        blocks = [re.findall(r'^export (\w+)="(.*)"$', part, re.MULTILINE) for part in self.output.split("\n\n")]
        return [dict(block) for block in blocks if block]

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Send a signal; the exit code, and what was printed since it was ready."""
        self.process.send_signal(number)
        rest, errors = self.process.communicate(timeout=10)
        return self.process.returncode, rest, errors


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, where it does not serve."""
    line = [sys.executable, "-m", "clerk_ext.testing", *arguments]
    return subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)


@contextmanager
def running(*arguments: str) -> Generator[Running]:
    """Start the command, and wait until it says that it is ready."""
    line = [sys.executable, "-m", "clerk_ext.testing", *arguments]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            output: list[str] = []
            for printed in process.stdout:
                output.append(printed)
                if printed.strip() == READY:
                    break
            yield Running(process, "".join(output))
        finally:
            process.kill()  # what ended by itself is not troubled by this


def get(url: str) -> str:
    """Open a page."""
    with NO_PROXY.open(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def post(url: str) -> str:
    """Push a button of a page, and follow it."""
    with NO_PROXY.open(urllib.request.Request(url, b"", method="POST"), timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nobody listens at."""
    for first in range(20_000 + os.getpid() % 10_000, 60_000, count):
        sockets = [socket.socket() for _ in range(count)]
        try:
            for port, listener in enumerate(sockets, first):
                listener.bind(("127.0.0.1", port))
        except OSError:
            continue
        finally:
            for listener in sockets:
                listener.close()
        return first
    raise AssertionError("no ports are free")


@pytest.fixture(scope="module")
def tenants() -> Iterator[Running]:
    """Two instances and a duplicate, served."""
    with running("acme", "globex", "acme") as command:
        yield command


def test_serves_each_once(tenants: Running) -> None:
    """Each slug is served once, at an address of its own that is ready when it is printed, and links to the others."""
    pages = [Pre(get(url)) for url in tenants.urls]

    assert ["acme", "globex"] == re.findall(r"^# ([a-z]+): ", tenants.output, re.MULTILINE)
    assert 2 == len(set(tenants.urls))
    assert f"{tenants.urls[1]}/" in pages[0].links
    assert f"{tenants.urls[0]}/" in pages[1].links
    assert tenants.output.endswith(f"{READY}\n")


def test_page_shows_what_is_printed(tenants: Running) -> None:
    """The environment on the page is the one that was printed."""
    for url in tenants.urls:
        assert f"\n{Pre(get(url)).text}" in tenants.output


def test_environment_works(tenants: Running) -> None:
    """With exactly the variables printed, a client verifies that instance's tokens and lists its sessions."""
    for url, environ in zip(tenants.urls, tenants.environments, strict=True):
        token = Pre(post(f"{url}/sign-in")).text.split()[2]
        with Clerk.from_env(environ) as clerk:
            claims = clerk.verify_token(token)
            sessions = clerk.sessions.list(user_id=claims.user_id)
            fresh = clerk.sessions.create_token(claims.session_id)
            verified = clerk.verify_token(fresh)

        assert [claims.session_id] == [session.id for session in sessions]
        assert (claims.session_id, claims.user_id) == (verified.session_id, verified.user_id)


def test_environment_of_another_instance(tenants: Running) -> None:
    """A token of one instance is none to the other's environment."""
    token = Pre(post(f"{tenants.urls[0]}/sign-in")).text.split()[2]
    mine, other = (Clerk.from_env(environ) for environ in tenants.environments)
    with mine, other:
        states = [clerk.authenticate_token(token).is_signed_in for clerk in (mine, other)]

    assert [True, False] == states


def test_output_is_a_file_for_a_shell(tenants: Running) -> None:
    """A shell that reads the whole output has the variables of the last instance, and runs nothing else."""
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("there is no shell here")
    ask = f'{sys.executable!r} -c "import json, os; print(json.dumps(dict(os.environ)))"'
    done = subprocess.run(
        [shell, "-e"], input=f"{tenants.output}\n{ask}", capture_output=True, text=True, timeout=10, check=True
    )
    environ = {name: value for name, value in json.loads(done.stdout).items() if name.startswith("CLERK_")}

    assert tenants.environments[1] == environ
    assert "" == done.stderr


def test_configuration_in_python_works(tenants: Running) -> None:
    """The line for Python is an expression that makes a configuration of that instance, its key set included."""
    lines = re.findall(r"^# in Python: (ClerkConfig\(.*\))$", tenants.output, re.MULTILINE)
    for name, url, line in zip(("acme", "globex"), tenants.urls, lines, strict=True):
        token = Pre(post(f"{url}/sign-in")).text.split()[2]
        config = eval(line, {"ClerkConfig": ClerkConfig})
        with Clerk(config) as clerk:
            assert name == clerk.verify_token(token).tenant


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_cleanly(number: signal.Signals) -> None:
    """Either signal ends it with exit code 0 and without a word, while a connection is open; nobody listens then."""
    with running() as command:
        (url,) = command.urls
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=5):
            ended = command.end(number)
        with pytest.raises(urllib.error.URLError):
            get(url)

    assert (0, "", "") == ended
    assert "# example: open " in command.output


def test_ports_follow_and_production() -> None:
    """The ports follow the one that was given; production instances have live keys."""
    first = free_ports(2)
    with running("acme", "globex", "--production", "--port", str(first)) as command:
        pages = [get(url) for url in command.urls]

        assert [f"http://127.0.0.1:{first}", f"http://127.0.0.1:{first + 1}"] == command.urls
        assert all(environ["CLERK_SECRET_KEY"].startswith("sk_live_") for environ in command.environments)
        assert all(environ["CLERK_PUBLISHABLE_KEY"].startswith("pk_live_") for environ in command.environments)
        assert all("production" in page for page in pages)
        assert "https://clerk.acme.com" in pages[0]


def test_taken_port() -> None:
    """A port that is taken, the second one here, is one line on standard error, exit code 1, and nothing printed."""
    first = free_ports(2)
    with socket.create_server(("127.0.0.1", first + 1)):
        done = run("acme", "globex", "--port", str(first))

    assert (1, "") == (done.returncode, done.stdout)
    assert f"python -m clerk_ext.testing: port {first + 1}: {os.strerror(errno.EADDRINUSE)}\n" == done.stderr


@pytest.mark.parametrize("slug", ["Acme", "a_b", "", "a-", "a" * 64, "a.b"])
def test_slug_that_is_none(slug: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A slug that is no DNS label is one line on standard error that names it, and exit code 1."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    code = command.main(["acme", slug])
    printed = capsys.readouterr()

    assert (1, "") == (code, printed.out)
    assert 1 == len(printed.err.splitlines())
    assert printed.err.startswith(f"python -m clerk_ext.testing: {slug!r}: slug: no DNS label")
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "65535", "acme", "globex"], "must be 1 to 65534"),
        (["--port", "65536"], "must be 1 to 65535"),
        (["--port", "-1"], "must be 1 to 65535"),
        (["--port", "http"], "invalid int value"),
        (["--staging"], "unrecognized arguments"),
    ],
)
def test_arguments_that_make_no_sense(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong argument is told by its name, with the usage, and exit code 2, as of any command."""
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    printed = capsys.readouterr()

    assert (2, "") == (ended.value.code, printed.out)
    assert printed.err.startswith("usage: python -m clerk_ext.testing ")
    assert words in printed.err


def test_help() -> None:
    """`--help` tells what it does, what it prints and each argument."""
    done = run("--help")

    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("usage: python -m clerk_ext.testing ")
    for word in ("SLUG", "--port", "--production", "environment", "browser", "Ctrl-C"):
        assert word in done.stdout
