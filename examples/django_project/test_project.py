"""The project on a fake Clerk: ``pytest examples/django_project``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.test import Client, override_settings

from examples.django_project import settings
from tests import django_ready as django_ready  # a project of your own has its settings ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeClerk

JSON = "application/json"


@pytest.fixture
def browser(clerk: Clerk) -> Iterator[Client]:
    """A test client of the project."""
    clerk_settings = {**settings.CLERK, "CLIENT": clerk}
    with override_settings(ROOT_URLCONF=settings.ROOT_URLCONF, MIDDLEWARE=settings.MIDDLEWARE, CLERK=clerk_settings):
        yield Client()


def member(fake: FakeClerk, *permissions: str, role: str = "org:member", **options: Any) -> dict[str, str]:
    """Sign a member of a new organisation in: the headers that they bring."""
    user, organization = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(user, organization, role=role, permissions=permissions)
    return dict(fake.sign_in(user, organization=organization, **options).headers)


def test_invoices_are_for_members(browser: Client, clerk_fake: FakeClerk) -> None:
    """Others are refused; who has no active organisation has invoices of their own."""
    assert 401 == browser.get("/invoices").status_code
    for headers in (dict(clerk_fake.sign_in().headers), member(clerk_fake)):
        assert [] == browser.get("/invoices", headers=headers).json()


def test_invoices_are_created_by_permission(browser: Client, clerk_fake: FakeClerk) -> None:
    """Members without it are refused, and so is who acts as one that has it; nobody sees another organisation's."""
    writer, reader = member(clerk_fake, "org:invoices:create"), member(clerk_fake)
    support = member(clerk_fake, "org:invoices:create", actor={"sub": "user_support"})

    def status(headers: dict[str, str]) -> int:
        return browser.post("/invoices", {"text": "pay"}, JSON, headers=headers).status_code

    assert [201, 403, 403] == [status(it) for it in (writer, reader, support)]
    assert ["pay"] == browser.get("/invoices", headers=writer).json()
    assert [] == browser.get("/invoices", headers=reader).json() == browser.get("/invoices", headers=support).json()


def test_deletion_asks_for_fresh_proof(browser: Client, clerk_fake: FakeClerk) -> None:
    """An admin whose second factor is of long ago is told so in the form that Clerk's frontend understands."""
    fresh, old = (member(clerk_fake, role="org:admin", claims={"fva": [age, age]}) for age in (0, 30))
    refused = browser.delete("/invoices", headers=old)

    assert (403, "reverification-error") == (refused.status_code, refused.json()["clerk_error"]["reason"])
    assert 200 == browser.delete("/invoices", headers=fresh).status_code


def test_greeting(browser: Client, clerk_fake: FakeClerk) -> None:
    """Everybody gets one."""
    signed_in = clerk_fake.sign_in()

    assert b"Hello stranger!" == browser.get("/hello").content
    answer = browser.get("/hello", headers=dict(signed_in.headers))
    assert f"Hello {signed_in.session.user.id}!" == answer.content.decode()


def test_it_runs() -> None:
    """The command prints how to call the project."""
    command = [sys.executable, str(Path(__file__).with_name("run.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        printed = "".join(process.stdout.readline() for _ in range(3))
        ((url, name, value),) = re.findall(r"(http://\S+) -H '(\S+): (.*)'", printed)
        answer = httpx.get(url, headers={name: value}, trust_env=False)
        process.terminate()  # where tests run in the background, Ctrl-C may be ignored

    assert [] == answer.json()
