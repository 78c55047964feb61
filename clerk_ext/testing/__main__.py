"""Serve fake Clerk instances on this machine: ``python -m clerk_ext.testing acme globex``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from . import page
from .instance import FakeClerk
from .server import FakeServer

if TYPE_CHECKING:
    from collections.abc import Sequence

_DESCRIPTION = "Serve fake Clerk instances on this machine, each at a port of its own, until Ctrl-C."
_EPILOG = (
    "Prints what to put in the environment of an application, as lines for a shell. Each address shows a page in a "
    "browser: users, sessions, recent requests, and buttons to sign in, revoke and rotate the key. All is in memory."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; what to put in the environment is printed when the servers are ready.

    Args:
        arguments: Those of the command line if None.

    Returns:
        The exit code: 0, or 1 where an instance cannot be served.
    """
    parser = argparse.ArgumentParser(prog="python -m clerk_ext.testing", description=_DESCRIPTION, epilog=_EPILOG)
    parser.add_argument(
        "slugs",
        nargs="*",
        default=["example"],
        metavar="SLUG",
        help="names an instance: lower-case letters, digits, hyphens (example)",
    )
    parser.add_argument("--port", type=int, default=0, help="of the first; the others follow (any that are free)")
    parser.add_argument("--production", action="store_true", help="make them production instances, not development")
    given = parser.parse_args(arguments)
    slugs = list(dict.fromkeys(given.slugs))
    if given.port and not 1 <= given.port <= 65_536 - len(slugs):
        parser.error(f"argument --port: must be 1 to {65_536 - len(slugs)}, or 0 for any that are free")
    stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()

    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, stop))
        servers: list[FakeServer] = []
        siblings: dict[str, str] = {}
        for port, slug in enumerate(slugs, given.port):
            try:
                fake = FakeClerk(slug, environment="production" if given.production else "development")
            except ValueError as fault:
                return _failed(parser, f"{slug!r}: {fault}")
            server = FakeServer(fake, port=port if given.port else 0, page=True, siblings=siblings)
            try:
                stack.enter_context(server)
            except OSError as fault:
                return _failed(parser, f"port {port}: {fault.strerror}")
            servers.append(server)
            siblings[slug] = server.url
        for server in servers:
            _say(server)
        print("# Ready; Ctrl-C ends it.", flush=True)
        while not stopped.wait(1):  # without a time limit, no signal would come through on Windows
            pass
    return 0


def _failed(parser: argparse.ArgumentParser, message: str) -> int:
    print(f"{parser.prog}: {message}", file=sys.stderr)
    return 1


def _say(server: FakeServer) -> None:
    # Comments for the shell, so that all of it can be a file that a shell reads.
    print(f"# {server.fake.slug}: open {server.url} in a browser")
    print(page.exports(server.fake, server.url))
    print(f"# in Python: {_config(server)}\n")


def _config(server: FakeServer) -> str:
    fake = server.fake
    return (
        f"ClerkConfig(name={fake.slug!r}, publishable_key={fake.publishable_key!r}, "
        f"secret_key={fake.secret_key!r}, api_url={server.api_url!r}, jwks_url={server.jwks_url!r})"
    )


if __name__ == "__main__":
    sys.exit(main())
