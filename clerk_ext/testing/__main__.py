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


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; what to put in the environment is printed when the servers are ready."""
    parser = argparse.ArgumentParser(prog="python -m clerk_ext.testing", description=__doc__)
    parser.add_argument("slugs", nargs="*", default=["example"], metavar="SLUG", help="an instance; example if none")
    parser.add_argument("--port", type=int, default=0, help="of the first one, the others follow; free ones if 0")
    parser.add_argument("--production", action="store_true", help="make them production instances")
    given = parser.parse_args(arguments)
    environment = "production" if given.production else "development"
    stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    try:
        with ExitStack() as stack:
            for place, slug in enumerate(dict.fromkeys(given.slugs)):
                fake = FakeClerk(slug, environment=environment)
                port = given.port + place if given.port else 0
                server = stack.enter_context(FakeServer(fake, port=port, page=True))
                _say(server)
            print("Ctrl-C ends it.", flush=True)
            stopped.wait()
    except (OSError, ValueError) as failure:  # a port that is taken, a slug that is none
        print(f"{parser.prog}: {failure}", file=sys.stderr)
        return 1
    return 0


def _say(server: FakeServer) -> None:
    fake = server.fake
    print(f"# {fake.slug}: {server.url} (open it in a browser)")
    for name, value in page.environment(fake, server.url).items():
        print(f'export {name}="{value}"')
    print(f"# in Python: {_config(server)}")
    print()


def _config(server: FakeServer) -> str:
    fake = server.fake
    return (
        f"ClerkConfig(name={fake.slug!r}, publishable_key={fake.publishable_key!r}, "
        f"secret_key={fake.secret_key!r}, api_url={server.api_url!r}, jwks_url={server.jwks_url!r})"
    )


if __name__ == "__main__":
    sys.exit(main())
