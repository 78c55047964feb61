"""What ``manage.py check`` says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import override_settings

from clerk_ext import AsyncTenants, Tenants
from clerk_ext.django import conf
from clerk_ext.django.checks import check_middleware
from clerk_ext.django.clients import FIELDS
from clerk_ext.django.middleware import ClerkMiddleware
from clerk_ext.testing import FakeClerk
from tests import django_settings

if TYPE_CHECKING:
    from django.core.checks import CheckMessage

SESSION, AUTHENTICATION, OURS, MESSAGES = django_settings.MIDDLEWARE
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
since_5_1 = pytest.mark.skipif(django.VERSION < (5, 1), reason="LoginRequiredMiddleware came with Django 5.1")
GOOD = django_settings.CLERK
KEY = FakeClerk("acme").publishable_key


class Own(ClerkMiddleware):
    """A project's own, made of ours."""


def found(**settings: Any) -> list[CheckMessage]:
    """What the checks say of some settings."""
    with override_settings(**settings):
        return [message for message in run_checks() if str(message.id).startswith("clerk.")]


def only(messages: list[CheckMessage]) -> tuple[str, str, str]:
    """The id, the message and the hint of the only one."""
    (message,) = messages
    return str(message.id), message.msg, message.hint or ""


def test_good_project() -> None:
    """There is nothing to say; ``manage.py check`` ends well."""
    assert [] == found()
    call_command("check")


def test_settings_that_cannot_work() -> None:
    """The field is named."""
    name, message, _ = only(found(CLERK={**GOOD, "CLOCK_SKEW": -1.0}))

    assert "clerk.E001" == name
    assert message.startswith("CLERK['CLOCK_SKEW']: ")


def test_settings_without_keys() -> None:
    """Neither here nor in the environment."""
    name, message, _ = only(found(CLERK={}))

    assert "clerk.E001" == name
    assert "CLERK has no fields" in message.replace(":", "")


def test_secret_key_in_the_place_of_the_publishable_one() -> None:
    """It is said which is which, and not shown."""
    name, message, _ = only(found(CLERK={"PUBLISHABLE_KEY": FakeClerk("acme").secret_key}))

    assert "clerk.E001" == name
    assert "looks like a secret key" in message
    assert FakeClerk("acme").secret_key not in message


def test_secret_key_of_django_in_the_place_of_clerks() -> None:
    """Its form tells."""
    name, message, _ = only(found(CLERK={**GOOD, "SECRET_KEY": django_settings.SECRET_KEY}))

    assert ("clerk.E001", True) == (name, message.startswith("CLERK['SECRET_KEY']: write the key that begins with"))


def test_secret_key_of_clerk_in_the_place_of_djangos() -> None:
    """Django would sign with it."""
    name, message, hint = only(found(SECRET_KEY=FakeClerk("acme").secret_key))

    assert ("clerk.W001", "Django's SECRET_KEY is a secret key of Clerk.") == (name, message)
    assert 'CLERK["SECRET_KEY"]' in hint


def test_no_secret_key_of_django() -> None:
    """Commands that need none go on without."""
    assert [] == found(SECRET_KEY="")


def test_unknown_key() -> None:
    """The nearest is in the hint."""
    assert (
        "clerk.E002",
        "CLERK: there is no key 'AUTHORISED_PARTIES'.",
        "Did you mean 'AUTHORIZED_PARTIES'?",
    ) == only(found(CLERK={**GOOD, "AUTHORISED_PARTIES": []}))


def test_tokens_of_any_page() -> None:
    """Of a lone client, and of each tenant."""
    name, _, hint = only(found(CLERK={"PUBLISHABLE_KEY": KEY}))
    assert "clerk.W002" == name
    assert "AUTHORIZED_PARTIES" in hint

    others = {"acme": {"PUBLISHABLE_KEY": KEY}, "nobody": GOOD}
    assert "'acme'" in only(found(CLERK={"TENANTS": others}))[1]


def test_async_project_without_async_client() -> None:
    """It is told before a view is."""
    configs = [FakeClerk("acme").config(authorized_parties=["https://app.example.com"])]
    lone = {"CLIENT": Tenants(configs)}

    assert [] == found(CLERK=lone)
    assert "clerk.W003" == only(found(CLERK=lone, ASGI_APPLICATION="project.asgi.application"))[0]
    both = {**lone, "ASYNC_CLIENT": AsyncTenants(configs)}
    assert [] == found(CLERK=both, ASGI_APPLICATION="project.asgi.application")


def test_middleware_missing() -> None:
    """It is said where to put it."""
    name, _, hint = only(found(MIDDLEWARE=[SESSION, AUTHENTICATION, MESSAGES]))

    assert ("clerk.W004", True) == (name, OURS in hint)


def test_middleware_twice() -> None:
    """One is enough."""
    assert "clerk.W005" == only(found(MIDDLEWARE=[SESSION, AUTHENTICATION, OURS, OURS, MESSAGES]))[0]


def test_middleware_before_the_one_that_overwrites_the_user() -> None:
    """The order is said."""
    name, _, hint = only(found(MIDDLEWARE=[SESSION, OURS, AUTHENTICATION, MESSAGES]))

    assert "clerk.W006" == name
    assert f"Put '{OURS}' after '{AUTHENTICATION}' in MIDDLEWARE." == hint


@since_5_1
def test_middleware_after_the_one_that_requires_a_login() -> None:
    """The order is said."""
    name, _, hint = only(found(MIDDLEWARE=[SESSION, AUTHENTICATION, LOGIN_REQUIRED, OURS, MESSAGES]))

    assert "clerk.E003" == name
    assert f"Put '{OURS}' before '{LOGIN_REQUIRED}' in MIDDLEWARE." == hint
    assert [] == found(MIDDLEWARE=[SESSION, AUTHENTICATION, OURS, LOGIN_REQUIRED, MESSAGES])


def test_middleware_of_ones_own() -> None:
    """One that is made of ours counts, and functions are no hindrance."""
    curious = "tests.django.test_outages.curious"

    assert [] == found(MIDDLEWARE=[curious, SESSION, AUTHENTICATION, f"{__name__}.Own", MESSAGES])


def test_middleware_that_cannot_be_imported() -> None:
    """Django itself tells of it."""
    assert [] == found(MIDDLEWARE=["nowhere.middleware", SESSION, AUTHENTICATION, OURS, MESSAGES])


def test_checks_are_all_documented() -> None:
    """With those keys of the setting that are no field of ClerkConfig."""
    root = Path(__file__).parents[2]
    page = (root / "docs" / "django.md").read_text("utf-8")
    names = set(re.findall(r"clerk\.[EW]\d{3}", (root / "clerk_ext" / "django" / "checks.py").read_text("utf-8")))

    assert len(names) == 9
    assert set() == {name for name in {*names, *conf.KEYS} - {*FIELDS} if f"`{name}`" not in page}


def test_without_the_users_of_django() -> None:
    """Nothing here needs them."""
    with override_settings(INSTALLED_APPS=["clerk_ext.django"], MIDDLEWARE=[OURS]):
        assert [] == check_middleware()
