"""Under a real gunicorn, whose workers are forked processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clerk_ext.testing import FakeClerk, FakeServer
from tests.conformance.servers import calling

if TYPE_CHECKING:
    from collections.abc import Generator

    from clerk_ext.testing import FakeRequest, FakeResponse
    from tests.conformance.contract import Caller

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fake() -> FakeClerk:
    """An instance on real time, as another process has it."""
    return FakeClerk("acme")


@contextmanager
def under_gunicorn(server: FakeServer, *options: str, **environ: str) -> Generator[Caller]:
    """Serve the application for the users of an instance."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "generated")]),
        "CLERK_SECRET_KEY": server.fake.secret_key,
        "CLERK_API_URL": server.url,
        **environ,
    }
    # The socket listens before gunicorn starts: whoever calls early waits, and nobody has to look whether it is up.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}", "--no-control-socket"]
        process = subprocess.Popen(
            [*command, *options, "tests.flask.gunicorn_app:app"],
            cwd=ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield calling(listener.getsockname()[1])
        finally:
            process.terminate()
            try:
                _, log = process.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
            print(log)  # noqa: T201 - pytest shows it if the test fails
    assert 0 == process.returncode


def bearer(token: str) -> dict[str, str]:
    """The header that brings a token."""
    return {"authorization": f"Bearer {token}"}


def test_one_worker(fake: FakeClerk) -> None:
    """Who is signed in is let in; who is not, or brings a forged token, is answered as everywhere."""
    signed_in = fake.sign_in()
    with FakeServer(fake) as server, under_gunicorn(server, "--workers=1") as call:
        known = call("GET", "/me", bearer(signed_in.token))
        nobody = call("GET", "/me", {})
        forged = call("GET", "/me", bearer(fake.forge(signed_in.token)))

    assert 200 == known.status
    assert (signed_in.session.user.id, "active") == (known.json["user"], known.json["session"])
    assert (401, "Bearer") == (nobody.status, nobody.headers["www-authenticate"])
    assert (401, 'Bearer error="invalid_token"') == (forged.status, forged.headers["www-authenticate"])
    assert "token-invalid-signature" == forged.headers["x-clerk-auth-reason"]
    assert {"Authorization, Cookie"} == {answer.headers["vary"] for answer in (known, nobody, forged)}


def test_workers_of_a_preloaded_application(fake: FakeClerk) -> None:
    """Workers that are forked after the client was made, and had a connection open, each verify on their own."""
    both_are_here = threading.Barrier(2)

    def meet(request: FakeRequest, _response: FakeResponse) -> None:
        if request.path.startswith("/v1/sessions/"):
            both_are_here.wait(30)

    fake.on_exchange.append(meet)
    headers = bearer(fake.sign_in().token)
    with (
        FakeServer(fake) as server,
        under_gunicorn(server, "--workers=2", "--preload", OPEN_A_CONNECTION="yes") as call,
        ThreadPoolExecutor(2) as pool,
    ):
        calls = [pool.submit(call, "GET", "/me", headers) for _ in range(2)]
        answers = [it.result() for it in calls]

    assert [200, 200] == [answer.status for answer in answers]
    assert 2 == len({answer.json["process"] for answer in answers})
    assert 3 == sum(request.path == "/v1/jwks" for request in fake.requests)
