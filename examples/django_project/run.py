"""Run the project beside a fake Clerk: ``make example-django``; Ctrl-C ends it."""

import os
from contextlib import suppress
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.wsgi import get_wsgi_application

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeServer


def main() -> None:
    """Serve on a free port until interrupted; in threads, since within a request Ctrl-C would be an error of it."""
    fake = FakeClerk("acme")
    ada, acme = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(ada, acme, role="org:admin", permissions=["org:invoices:create"])
    token = fake.session_token(fake.create_session(ada, organization=acme), expires_in=3600)
    os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_project.settings"
    with suppress(KeyboardInterrupt), FakeServer(fake) as clerk_server:
        settings.CLERK = {**settings.CLERK, "CLIENT": Clerk(clerk_server.config())}
        with make_server("127.0.0.1", 0, get_wsgi_application(), ThreadedWSGIServer) as server:
            url = f"http://127.0.0.1:{server.server_port}/invoices"
            print(f"Try:\n  curl -i {url}\n  curl -i {url} -H 'authorization: Bearer {token}'", flush=True)
            server.serve_forever()


if __name__ == "__main__":
    main()
