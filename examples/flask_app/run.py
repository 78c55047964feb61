"""Run the application beside a fake Clerk: ``make example-flask``; Ctrl-C ends it."""

from __future__ import annotations

import contextlib

from werkzeug.serving import make_server

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeServer
from examples.flask_app.app import create_app


def main() -> None:
    """Serve on a free port until interrupted."""
    fake = FakeClerk("acme")
    ada, acme = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(ada, acme, role="org:admin", permissions=["org:invoices:create"])
    session = fake.create_session(ada, organization=acme)
    with FakeServer(fake) as clerk_server, Clerk(clerk_server.config()) as clerk:
        server = make_server("127.0.0.1", 0, create_app(clerk), threaded=True)
        url, bearer = f"http://127.0.0.1:{server.server_port}", "authorization: Bearer"
        print(f"Try:\n  curl -i {url}/invoices")
        print(f"  curl -i {url}/invoices -H '{bearer} {fake.session_token(session, expires_in=3600)}'", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()
        server.server_close()


if __name__ == "__main__":
    main()
