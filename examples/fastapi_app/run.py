"""Run the application beside a fake Clerk: ``make example-fastapi``; Ctrl-C ends it."""

from __future__ import annotations

import contextlib
import socket

import uvicorn

from clerk_ext import AsyncClerk
from clerk_ext.testing import FakeClerk, FakeServer
from examples.fastapi_app.app import create_app


def main() -> None:
    """Serve on a free port until interrupted."""
    fake = FakeClerk("acme")
    ada, acme = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(ada, acme, role="org:admin", permissions=["org:invoices:create"])
    session = fake.create_session(ada, organization=acme)
    with FakeServer(fake) as clerk_server, socket.create_server(("127.0.0.1", 0)) as listener:
        url, bearer = f"http://127.0.0.1:{listener.getsockname()[1]}", "authorization: Bearer"
        print(f"The API is described at {url}/docs. Try:\n  curl -i {url}/invoices")
        print(f"  curl -i {url}/invoices -H '{bearer} {fake.session_token(session, expires_in=3600)}'", flush=True)
        config = uvicorn.Config(create_app(AsyncClerk(clerk_server.config())), log_level="warning")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
