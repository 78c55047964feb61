"""The application on a fake Clerk: ``pytest examples/fastapi_app``."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from examples.fastapi_app.app import create_app
from tests.conformance.servers import under_uvicorn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clerk_ext import AsyncClerk
    from clerk_ext.testing import FakeClerk


@pytest.fixture
def browser(clerk_async: AsyncClerk) -> Iterator[httpx.Client]:
    """A client of the application, which a real server has in a thread."""
    app = create_app(clerk_async)
    with under_uvicorn(app) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as browser:
        yield browser


def member(fake: FakeClerk, *permissions: str, role: str = "org:member", **options: Any) -> Mapping[str, str]:
    """Sign a member of a new organisation in: the headers that they bring."""
    user, organization = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(user, organization, role=role, permissions=permissions)
    return fake.sign_in(user, organization=organization, **options).headers


def test_invoices_are_for_members(browser: httpx.Client, clerk_fake: FakeClerk) -> None:
    """Others are refused, and who has no active organisation is asked to choose one."""
    headers = [None, clerk_fake.sign_in().headers, member(clerk_fake)]

    assert [401, 409, 200] == [browser.get("/invoices", headers=it).status_code for it in headers]


def test_invoices_are_created_by_permission(browser: httpx.Client, clerk_fake: FakeClerk) -> None:
    """Members without it are refused, and so is who acts as one that has it; nobody sees another organisation's."""
    writer, reader = member(clerk_fake, "org:invoices:create"), member(clerk_fake)
    support = member(clerk_fake, "org:invoices:create", actor={"sub": "user_support"})
    statuses = [browser.post("/invoices", json={"text": "pay"}, headers=it).status_code for it in (writer, reader)]

    assert [201, 403] == statuses
    assert ["pay"] == browser.get("/invoices", headers=writer).json()
    assert [] == browser.get("/invoices", headers=reader).json() == browser.get("/invoices", headers=support).json()
    assert 403 == browser.post("/invoices", json={"text": "pay"}, headers=support).status_code


def test_deletion_asks_for_fresh_proof(browser: httpx.Client, clerk_fake: FakeClerk) -> None:
    """An admin whose second factor is of long ago is told so in the form that Clerk's frontend understands."""
    fresh = member(clerk_fake, role="org:admin", claims={"fva": [0, 0]})
    refused = browser.delete("/invoices", headers=member(clerk_fake, role="org:admin", claims={"fva": [30, 30]}))

    assert (403, "reverification-error") == (refused.status_code, refused.json()["clerk_error"]["reason"])
    assert 200 == browser.delete("/invoices", headers=fresh).status_code


def test_chat_goes_on_with_a_fresh_token(browser: httpx.Client, clerk_fake: FakeClerk) -> None:
    """A websocket is for who is signed in, and takes a new token of the same session, and no other."""
    signed_in, other, said = clerk_fake.sign_in(), clerk_fake.sign_in(), list[Any]()
    url = str(browser.base_url.copy_with(scheme="ws", path="/chat"))
    with pytest.raises(InvalidStatus) as denied:
        connect(url, proxy=None)
    with connect(url, additional_headers=signed_in.headers, proxy=None) as websocket:
        for message in ({"text": "hi"}, {"token": clerk_fake.session_token(signed_in.session)}, {"token": other.token}):
            websocket.send(json.dumps(message))
            said.append(json.loads(websocket.recv()))

    assert 401 == denied.value.response.status_code
    assert [{"echo": "hi"}, {"renewed": True}, {"renewed": False}] == said


def test_it_runs() -> None:
    """The command prints how to call the application."""
    command = [sys.executable, str(Path(__file__).with_name("run.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in range(3))
        ((url, name, value),) = re.findall(r"(http://\S+) -H '(\S+): (.*)'", printed)
        answer = httpx.get(url, headers={name: value}, trust_env=False)
        process.terminate()  # where tests run in the background, Ctrl-C may be ignored

    assert [] == answer.json()
