"""Projects that have less than the tests' own: each in a process of its own, which has Django's settings only once."""

from __future__ import annotations

import subprocess
import sys

BARE = """
import asyncio
from django.conf import settings

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeTransport

fake = FakeClerk()
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["testserver"],
    MIDDLEWARE=["clerk_ext.django.middleware.ClerkMiddleware"],
    CLERK={"CLIENT": Clerk(fake.config(), transport=FakeTransport(fake))},
)
import django
django.setup()

import sys
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.urls import path

async def awaited(request):
    return HttpResponse(str(await request.auser()))

urlpatterns = [path("", lambda request: HttpResponse(str(request.user))), path("awaited", awaited)]

headers = dict(fake.sign_in().headers)
for place in ("/", "/awaited"):
    assert b"user_" == Client().get(place, **{"HTTP_AUTHORIZATION": headers["Authorization"]}).content[:5]
    assert b"AnonymousUser" == Client().get(place).content
assert b"AnonymousUser" == asyncio.run(AsyncClient().get("/awaited")).content
assert not [name for name in sys.modules if name.startswith("django.contrib.auth")]
"""
LIGHT = """
import clerk_ext.django
import sys

assert not [name for name in sys.modules if name.startswith(("django.contrib", "rest_framework", "drf_spectacular"))]
from django.conf import settings
assert not settings.configured
"""


def run(script: str) -> str:
    """What goes wrong in a script; nothing if all is well."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    return done.stderr


def test_project_without_the_applications_of_django() -> None:
    """No database, no sessions, no users of Django's, and ours not installed as an application."""
    assert "" == run(BARE)


def test_import_reads_no_settings() -> None:
    """Views may be imported before Django is set up."""
    assert "" == run(LIGHT)
