"""The setting ``CLERK``: what it makes, and what it says to a slip."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory, override_settings

from clerk_ext import AsyncClerk, AsyncTenants, Clerk, Revocations, Tenants
from clerk_ext.django import conf
from clerk_ext.django.visits import DjangoVisit
from clerk_ext.testing import FakeClerk, FakeTransport

if TYPE_CHECKING:
    import httpx

    from tests.django.conftest import Project

KEY = FakeClerk("acme").publishable_key
REVOCATIONS = Revocations()


def resolver(request: Any) -> str | None:
    """The tenant that a header names."""
    tenant: str | None = request.headers.get("x-tenant")
    return tenant


CLIENT = Clerk(FakeClerk("acme").config())


def test_fields_make_a_client() -> None:
    """Those of ClerkConfig, in capitals."""
    made = conf.load({"PUBLISHABLE_KEY": KEY, "AUTHORIZED_PARTIES": ["https://app.example.com"], "CLOCK_SKEW": 9.0})
    client = made.gate.clerk

    assert isinstance(client, Clerk)
    assert (KEY, 9.0) == (client.config.publishable_key, client.config.clock_skew)
    assert isinstance(made.async_gate.clerk, AsyncClerk)
    assert client.config is made.async_gate.clerk.config
    assert (False, "allow") == (made.gate.details, made.gate.impersonation)


def test_environment_makes_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no field is given; what else is said still counts."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", KEY)
    made = conf.load({"DETAILS": True, "IMPERSONATION": "refuse"})

    assert isinstance(made.gate.clerk, Clerk)
    assert KEY == made.gate.clerk.config.publishable_key
    assert (True, "refuse") == (made.gate.details, made.gate.impersonation)
    assert (True, "refuse") == (made.async_gate.details, made.async_gate.impersonation)


def test_settings_without_the_setting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read then, too."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", KEY)
    with override_settings():
        from django.conf import settings

        del settings.CLERK
        conf.HOLDER.forget(setting="CLERK")
        assert KEY == conf.current().gate.clerk.config.publishable_key  # type: ignore[union-attr]


def test_tenants() -> None:
    """Each with its fields; both worlds have the same."""
    others = {"acme": {"PUBLISHABLE_KEY": KEY}, "globex": FakeClerk("other").config()}
    made = conf.load({"TENANTS": others, "RESOLVER": f"{__name__}.resolver", "REVOCATIONS": f"{__name__}.REVOCATIONS"})

    assert isinstance(made.gate.clerk, Tenants)
    assert isinstance(made.async_gate.clerk, AsyncTenants)
    assert ["acme", "globex"] == list(made.gate.clerk) == list(made.async_gate.clerk)


def test_ready_clients() -> None:
    """Objects, or where to import them."""
    tenants, others = Tenants([FakeClerk("acme").config()]), AsyncTenants([FakeClerk("acme").config()])

    assert CLIENT is conf.load({"CLIENT": f"{__name__}.CLIENT"}).gate.clerk
    assert others is conf.load({"CLIENT": tenants, "ASYNC_CLIENT": others}).async_gate.clerk


def test_tenants_have_no_async_client_of_themselves() -> None:
    """Sync projects need none; async code is told what to give."""
    made = conf.load({"CLIENT": Tenants([FakeClerk("acme").config()])})

    with pytest.raises(ImproperlyConfigured, match=r"ASYNC_CLIENT.*needs an AsyncTenants"):
        _ = made.async_gate


def test_client_whose_transport_is_of_one_world(project: Project) -> None:
    """The other cannot go another way silently."""
    import httpx

    transport: httpx.BaseTransport = httpx.MockTransport(lambda request: httpx.Response(500))

    class Sync(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return transport.handle_request(request)

    made = conf.load({"CLIENT": Clerk(project.fake.config(), transport=Sync())})
    with pytest.raises(ImproperlyConfigured, match=r"ASYNC_CLIENT.*as_async\(transport=…\)"):
        _ = made.async_gate


SLIPS: dict[str, tuple[object, str]] = {
    "no dict": (["PUBLISHABLE_KEY"], "CLERK: write a dict, not list"),
    "a client": (CLIENT, r'CLERK: write a dict, not Clerk\. Write {"CLIENT": …}'),
    "unknown key": (
        {"PUBLISHEABLE_KEY": KEY},
        r"there is no key 'PUBLISHEABLE_KEY'\. Did you mean 'PUBLISHABLE_KEY'\?",
    ),
    "small letters": ({"secret_key": "x"}, "Did you mean 'SECRET_KEY'"),
    "nothing near": ({"COLOUR_OF_THE_SKY": "blue"}, "Known are ACCEPT_PENDING, ALLOW_HTTP, "),
    "no number": ({1: 2}, "there is no key 1"),
    "bad field": ({"PUBLISHABLE_KEY": "pk_nonsense"}, r"CLERK\['PUBLISHABLE_KEY'\]: "),
    "impersonation": ({"IMPERSONATION": "maybe"}, r"CLERK\['IMPERSONATION'\]: write one of 'allow', 'refuse'"),
    "empty environment": ({}, "has no fields, and the environment cannot work"),
    "no such path": ({"CLIENT": "nowhere.client"}, r"CLERK\['CLIENT'\]: 'nowhere\.client' cannot be imported"),
    "no client": ({"CLIENT": 5}, r"CLERK\['CLIENT'\]: give a Clerk or Tenants, not int"),
    "client of the other world": ({"CLIENT": CLIENT.as_async()}, "give a Clerk or Tenants, not AsyncClerk"),
    "no async client": ({"CLIENT": CLIENT, "ASYNC_CLIENT": CLIENT}, "give an AsyncClerk or AsyncTenants, not Clerk"),
    "async client alone": ({"ASYNC_CLIENT": CLIENT.as_async()}, r"CLERK\['ASYNC_CLIENT'\]: needs CLIENT beside it"),
    "fields beside a client": ({"CLIENT": CLIENT, "SECRET_KEY": "x"}, r"\['SECRET_KEY'\]: says nothing beside CLIENT"),
    "revocations beside a client": ({"CLIENT": CLIENT, "REVOCATIONS": REVOCATIONS}, r"\['REVOCATIONS'\]: says nothing"),
    "fields beside tenants": ({"TENANTS": {}, "SECRET_KEY": "x"}, r"\['SECRET_KEY'\]: says nothing beside TENANTS"),
    "tenants that are none": ({"TENANTS": [KEY]}, r"\['TENANTS'\]: write a dict of names to dicts, not list"),
    "tenant that is none": ({"TENANTS": {"acme": KEY}}, r"\['TENANTS'\]: 'acme': write a dict of fields, not str"),
    "tenant with a slip": ({"TENANTS": {"acme": {"SECRET": "x"}}}, r"\['TENANTS'\]: there is no key 'SECRET'"),
    "tenant with a name": ({"TENANTS": {"acme": {"NAME": "x"}}}, "there is no key 'NAME'"),
    "tenant with a bad field": (
        {"TENANTS": {"acme": {"PUBLISHABLE_KEY": "x"}}},
        r"\['TENANTS'\]: 'acme': PUBLISHABLE_KEY: ",
    ),
    "tenants that are the same": (
        {"TENANTS": {"acme": {"PUBLISHABLE_KEY": KEY}, "globex": {"PUBLISHABLE_KEY": KEY}}},
        r"\['TENANTS'\]: ",
    ),
    "resolver alone": ({"PUBLISHABLE_KEY": KEY, "RESOLVER": resolver}, r"\['RESOLVER'\]: needs TENANTS"),
    "resolver that is none": ({"TENANTS": {}, "RESOLVER": 5}, r"\['RESOLVER'\]: write a function"),
    "user that is none": ({"PUBLISHABLE_KEY": KEY, "USER": 5}, r"\['USER'\]: write a function or its dotted path"),
    "revocations that are none": (
        {"PUBLISHABLE_KEY": KEY, "REVOCATIONS": Revocations},
        r"\['REVOCATIONS'\]: give an obj",
    ),
}


@pytest.mark.parametrize("name", SLIPS)
def test_slip(name: str) -> None:
    """It is named, with what to write."""
    written, message = SLIPS[name]

    with pytest.raises(ImproperlyConfigured, match=message):
        conf.load(written)


def test_slip_shows_no_secret() -> None:
    """Neither in the message nor anywhere near."""
    with pytest.raises(ImproperlyConfigured) as caught:
        conf.load({"PUBLISHABLE_KEY": KEY, "SECRET_KEY": "sk_life_very_secret"})

    assert "very_secret" not in repr(caught.value)


def test_project_with_a_slip_does_not_start(project: Project) -> None:
    """The first user need not find out."""
    with override_settings(CLERK={"PUBLISHABLE": KEY}), pytest.raises(ImproperlyConfigured, match="'PUBLISHABLE'"):
        WSGIHandler()


def test_override_settings(project: Project) -> None:
    """A test may change them; the client is another one meanwhile, and the old one comes back."""
    other = FakeClerk("other")
    with override_settings(CLERK={"CLIENT": Clerk(other.config(), transport=FakeTransport(other))}):
        assert 401 == project.browser().get("/guarded").status_code
        assert 200 == project.browser().get("/guarded", headers=dict(other.sign_in().headers)).status_code

    assert 200 == project.browser().get("/guarded").status_code


def test_client_is_made_once_for_threads_that_ask_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one waits for the first."""
    asked, made, load = threading.Event(), list[object](), conf.load

    def slow(written: object) -> conf.Conf:
        def ask() -> None:
            asked.set()
            made.append(conf.current())

        other = threading.Thread(target=ask)
        made.append(other)
        other.start()
        assert asked.wait(10)
        return load(written)

    monkeypatch.setattr(conf, "load", slow)
    with override_settings(CLERK={"PUBLISHABLE_KEY": KEY}):
        found = conf.current()
        other = made[0]
        assert isinstance(other, threading.Thread)
        other.join(10)

        assert [other, found] == made


def test_client_is_made_once(project: Project) -> None:
    """For all requests and all threads."""
    with override_settings(CLERK={"PUBLISHABLE_KEY": KEY}):
        made = conf.current()
        assert made is conf.current() is DjangoVisit(RequestFactory().get("/")).conf
        with override_settings(CSRF_COOKIE_NAME="other"):
            assert made is conf.current()
        assert made.gate.clerk is DjangoVisit(RequestFactory().get("/")).client
        assert made.async_gate.clerk is DjangoVisit(RequestFactory().get("/")).async_client


def test_client_of_the_settings_is_closed_with_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connections go; those of a client that was given stay."""
    closed: list[Clerk] = []

    def close(clerk: Clerk) -> None:
        closed.append(clerk)

    monkeypatch.setattr(Clerk, "close", close)
    with override_settings(CLERK={"PUBLISHABLE_KEY": KEY}):
        made = conf.current().gate.clerk
    with override_settings(CLERK={"CLIENT": Clerk(FakeClerk("given").config())}):
        conf.current()

    assert [made] == closed


@pytest.mark.parametrize("value", ["False", 0, None])
def test_details_that_are_neither_true_nor_false(value: object) -> None:
    """A text is always true, which nobody means."""
    with pytest.raises(ImproperlyConfigured, match=r"CLERK\['DETAILS'\]: write True or False"):
        conf.load({"PUBLISHABLE_KEY": KEY, "DETAILS": value})


def test_tenants_that_are_none() -> None:
    """Everybody would be signed out, and nobody told why."""
    with pytest.raises(ImproperlyConfigured, match=r"CLERK\['TENANTS'\]: is empty"):
        conf.load({"TENANTS": {}})
