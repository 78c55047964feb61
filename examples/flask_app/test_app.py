"""The application on a fake Clerk: ``pytest examples/flask_app``."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeTransport
from examples.flask_app.app import create_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.testing import FlaskClient


@pytest.fixture
def fake() -> FakeClerk:
    """A Clerk instance of the test's own."""
    return FakeClerk("acme")


@pytest.fixture
def browser(fake: FakeClerk) -> FlaskClient:
    """A client of the application."""
    return create_app(Clerk(fake.config(), transport=FakeTransport(fake))).test_client()


def member(fake: FakeClerk, *permissions: str, role: str = "org:member", **options: Any) -> Mapping[str, str]:
    """Sign a member of a new organisation in: the headers that they bring."""
    user, organization = fake.add_user(), fake.add_organization(role.replace(":", "-"))
    fake.add_membership(user, organization, role=role, permissions=permissions)
    return fake.sign_in(user, organization=organization, **options).headers


def test_home_is_for_everybody(browser: FlaskClient, fake: FakeClerk) -> None:
    """Who is signed in is greeted by name."""
    signed_in = fake.sign_in()

    assert "Hello, stranger!" == browser.get("/").text
    assert f"Hello, {signed_in.session.user.id}!" == browser.get("/", headers=signed_in.headers).text


def test_invoices_are_for_members(browser: FlaskClient, fake: FakeClerk) -> None:
    """Others are refused, and who has no active organisation is asked to choose one."""
    assert 401 == browser.get("/invoices").status_code
    assert 409 == browser.get("/invoices", headers=fake.sign_in().headers).status_code
    assert [] == browser.get("/invoices", headers=member(fake)).json


def test_invoices_are_created_by_permission(browser: FlaskClient, fake: FakeClerk) -> None:
    """Members without the permission are refused, and see nothing of other organisations."""
    writer, reader = member(fake, "org:invoices:create"), member(fake)

    assert 403 == browser.post("/invoices", json={"text": "pay"}, headers=reader).status_code
    assert 201 == browser.post("/invoices", json={"text": "pay"}, headers=writer).status_code
    assert ["pay"] == browser.get("/invoices", headers=writer).json
    assert [] == browser.get("/invoices", headers=reader).json


def test_deletion_asks_for_fresh_proof(browser: FlaskClient, fake: FakeClerk) -> None:
    """An admin whose second factor is of long ago is told so in the form that Clerk's frontend understands."""
    fresh = member(fake, role="org:admin", claims={"fva": [0, 0]})
    refused = browser.delete("/invoices", headers=member(fake, role="org:admin", claims={"fva": [30, 30]}))

    assert (403, "reverification-error") == (refused.status_code, refused.get_json()["clerk_error"]["reason"])
    assert 204 == browser.delete("/invoices", headers=fresh).status_code


def test_support_may_look(browser: FlaskClient, fake: FakeClerk) -> None:
    """Whoever acts as a user changes nothing."""
    support = member(fake, "org:invoices:create", actor={"sub": "user_support"})

    assert 200 == browser.get("/invoices", headers=support).status_code
    assert 403 == browser.post("/invoices", json={"text": "pay"}, headers=support).status_code


def test_it_runs() -> None:
    """The command prints how to call the application."""
    command = [sys.executable, str(Path(__file__).with_name("run.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        found = re.search(r"(http://\S+) -H '(\S+): (.*)'", lines[-1])
        assert found is not None
        with urllib.request.urlopen(urllib.request.Request(found[1], headers={found[2]: found[3]})) as answer:
            content = answer.read()
        process.terminate()  # where tests run in the background, Ctrl-C may be ignored

    assert b"[]\n" == content
