"""Run the project beside a fake Clerk: ``python examples/django_project/run.py``; Ctrl-C ends it."""

import contextlib
import os
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeServer


def main() -> None:
    """Serve on a free port until interrupted."""
    fake = FakeClerk("acme")
    ada, acme = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(ada, acme, role="org:admin", permissions=["org:invoices:create"])
    session = fake.create_session(ada, organization=acme)
    os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_project.settings"
    with FakeServer(fake) as clerk_server:
        settings.CLERK = {**settings.CLERK, "CLIENT": Clerk(clerk_server.config())}
        with make_server("127.0.0.1", 0, get_wsgi_application()) as server, contextlib.suppress(KeyboardInterrupt):
            url, bearer = f"http://127.0.0.1:{server.server_port}", "authorization: Bearer"
            print(f"Try:\n  curl -i {url}/invoices")
            print(f"  curl -i {url}/invoices -H '{bearer} {fake.session_token(session, expires_in=3600)}'", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main()
