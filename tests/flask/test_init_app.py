"""One `ClerkAuth` for many applications, each with a client of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, current_app
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from clerk_ext import AsyncClerk, Clerk, ConfigurationError, Tenants
from clerk_ext.flask import ClerkAuth, claims, current_visit, maybe_claims, require
from clerk_ext.testing import FakeClerk, FakeServer, FakeTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.worlds import Clock


def with_me(app: Flask) -> Flask:
    """Add a view that shows who is signed in."""

    @app.get("/me")
    @require()
    def me() -> dict[str, str]:
        return {"user": claims.user_id, "tenant": claims.tenant}

    return app


def client_of(fake: FakeClerk) -> Clerk:
    """A client of an instance."""
    return Clerk(fake.config(), transport=FakeTransport(fake))


def test_applications_do_not_share_users(fake: FakeClerk, clock: Clock) -> None:
    """Of two applications with one ClerkAuth, each accepts the users of its own client, and no others."""
    other = FakeClerk("globex", clock=clock.time)
    auth = ClerkAuth()
    shop, office = with_me(Flask("shop")), with_me(Flask("office"))
    auth.init_app(shop, client_of(fake))
    auth.init_app(office, client_of(other))
    ours, theirs = fake.sign_in().headers, other.sign_in().headers

    statuses = [app.test_client().get("/me", headers=it).status_code for app in (shop, office) for it in (ours, theirs)]

    assert [200, 401, 401, 200] == statuses


def test_applications_behind_one_dispatcher(fake: FakeClerk, clock: Clock) -> None:
    """The same where both answer under one address."""
    other = FakeClerk("globex", clock=clock.time)
    auth = ClerkAuth()
    shop, office = with_me(Flask("shop")), with_me(Flask("office"))
    auth.init_app(shop, client_of(fake))
    auth.init_app(office, client_of(other))
    browser = Client(DispatcherMiddleware(shop, {"/office": office}))
    ours, theirs = fake.sign_in().headers, other.sign_in().headers

    statuses = [browser.get(path, headers=it).status_code for path in ("/me", "/office/me") for it in (ours, theirs)]

    assert [200, 401, 401, 200] == statuses


def test_application_that_calls_another_with_its_own_request(fake: FakeClerk, clock: Clock) -> None:
    """The other one looks at the request anew: who is signed in here is nobody there."""
    other = FakeClerk("globex", clock=clock.time)
    auth = ClerkAuth()
    shop, office = Flask("shop"), with_me(Flask("office"))
    auth.init_app(shop, client_of(fake))
    auth.init_app(office, client_of(other))

    @shop.get("/me")
    @require()
    def me() -> Any:
        return office.wsgi_app

    answer = shop.test_client().get("/me", headers=fake.sign_in().headers)

    assert 401 == answer.status_code
    assert "jwk-kid-mismatch" == answer.headers["x-clerk-auth-reason"]


def test_client_of_the_object_is_for_applications_without_another(clerk: Clerk, fake: FakeClerk, clock: Clock) -> None:
    """What the object was made with holds where init_app names no client."""
    auth = ClerkAuth(clerk)
    other = client_of(FakeClerk("globex", clock=clock.time))
    shop, office = Flask("shop"), Flask("office")
    auth.init_app(shop)
    auth.init_app(office, other)

    assert clerk is shop.extensions["clerk"].clerk
    assert other is office.extensions["clerk"].clerk


def test_client_of_the_applications_settings(clerk: Clerk, signed_in: Mapping[str, str]) -> None:
    """``app.config["CLERK"]`` may hold the client."""
    app = with_me(Flask("shop"))
    app.config["CLERK"] = clerk
    ClerkAuth().init_app(app)

    assert 200 == app.test_client().get("/me", headers=signed_in).status_code


def test_settings_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a client anywhere, the environment says whose users are meant."""
    fake = FakeClerk("acme")
    app = with_me(Flask("shop"))
    with FakeServer(fake) as server:
        monkeypatch.setenv("CLERK_SECRET_KEY", fake.secret_key)
        monkeypatch.setenv("CLERK_API_URL", server.url)
        ClerkAuth().init_app(app)
        answer = app.test_client().get("/me", headers=fake.sign_in().headers)
        app.extensions["clerk"].clerk.close()

    assert 200 == answer.status_code


def test_nothing_anywhere_is_told_at_once() -> None:
    """An application without any settings fails where it is made, and is left as it was."""
    app = Flask("shop")

    with pytest.raises(ConfigurationError, match="publishable_key"):
        ClerkAuth().init_app(app)

    assert {} == app.extensions
    assert not app.after_request_funcs


def test_empty_tenants_are_a_client(clerk: Clerk) -> None:
    """Tenants that are still to be added are no reason to look elsewhere."""
    app = Flask("shop")
    app.config["CLERK"] = clerk
    tenants = Tenants([])
    ClerkAuth().init_app(app, tenants)

    assert tenants is app.extensions["clerk"].clerk


def test_second_call_for_one_application(app: Flask, clerk: Clerk) -> None:
    """Which of two would hold is not for us to guess."""
    with pytest.raises(RuntimeError, match=r"application 'shop' has its ClerkAuth already; call init_app once"):
        ClerkAuth(clerk).init_app(app)


def test_client_of_the_other_world(fake: FakeClerk) -> None:
    """Flask is of the sync world; the error says so where the slip is."""
    asynchronous: Any = AsyncClerk(fake.config())
    app = Flask("shop")
    app.config["CLERK"] = asynchronous

    with pytest.raises(TypeError, match="clerk: give a Clerk or Tenants, not AsyncClerk"):
        ClerkAuth(asynchronous)
    with pytest.raises(TypeError, match="clerk: give a Clerk or Tenants, not AsyncClerk"):
        ClerkAuth().init_app(Flask("office"), asynchronous)
    with pytest.raises(TypeError, match=r"app\.config\['CLERK'\]: give a Clerk or Tenants, not AsyncClerk"):
        ClerkAuth().init_app(app)


def test_application_in_place_of_the_client() -> None:
    """What is written for other extensions is told at once."""
    app: Any = Flask("shop")

    with pytest.raises(TypeError, match="clerk: give a Clerk or Tenants, not Flask"):
        ClerkAuth(app)


def test_setting_of_impersonation_is_checked() -> None:
    """A slip in it is told where it is written."""
    nonsense: Any = "never"

    with pytest.raises(ValueError, match="impersonation: write one of 'allow', 'refuse', 'refuse-all', not 'never'"):
        ClerkAuth(impersonation=nonsense)


def test_application_without_sign_in(signed_in: Mapping[str, str]) -> None:
    """A view that asks in an application that nobody set up says what to call."""
    app = with_me(Flask("shop"))
    app.testing = True

    with pytest.raises(RuntimeError, match=r"application 'shop' has no ClerkAuth; call ClerkAuth\(clerk\)\.init_app"):
        app.test_client().get("/me", headers=signed_in)


def test_details_are_each_applications_own(clerk: Clerk) -> None:
    """Of two applications one may tell why in bodies, and the other not."""
    open_, close = with_me(Flask("open")), with_me(Flask("close"))
    ClerkAuth(clerk, details=True).init_app(open_)
    ClerkAuth(clerk).init_app(close)

    told: Any = open_.test_client().get("/me").json

    assert "session-token-and-uat-missing" == told["reason"]
    assert {"detail": "Not signed in."} == close.test_client().get("/me").json


def test_tenants_take_the_request_to_a_resolver(fake: FakeClerk, clock: Clock) -> None:
    """A resolver is given what it can use like ``flask.request``."""
    other = FakeClerk("globex", clock=clock.time)
    tenants = Tenants(
        [fake.config(), other.config()],
        transport=FakeTransport(fake, other),
        resolver=lambda request: getattr(request, "args")["tenant"],  # noqa: B009 - the type is of any framework
    )
    app = with_me(Flask("shop"))
    ClerkAuth(tenants).init_app(app)
    browser, headers = app.test_client(), other.sign_in().headers

    assert 200 == browser.get("/me?tenant=globex", headers=headers).status_code
    assert 401 == browser.get("/me?tenant=acme", headers=headers).status_code


def test_commands_have_no_request(app: Flask) -> None:
    """Under an application context alone the error says what is missing; the client is at hand."""
    with app.app_context():
        with pytest.raises(RuntimeError, match="nobody is signed in outside of a request"):
            maybe_claims()
        with pytest.raises(RuntimeError, match="nobody is signed in outside of a request"):
            current_visit()
        with pytest.raises(RuntimeError, match="nobody is signed in outside of a request"):
            _ = claims.user_id

        assert "acme" == current_app.extensions["clerk"].clerk.config.name
