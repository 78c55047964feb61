"""`require` and `guard` on whatever Flask has for a view."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from flask import Blueprint, Flask, request
from flask.views import MethodView, View

from clerk_ext.flask import claims, guard, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask.typing import ResponseReturnValue

    from clerk_ext.testing import FakeClerk


def show() -> str:
    """A view that shows who is signed in."""
    return claims.user_id


def statuses(app: Flask, path: str, fake: FakeClerk, method: str = "GET") -> tuple[int, int]:
    """What a path answers to nobody, and to somebody who is signed in."""
    browser = app.test_client()
    nobody = browser.open(path, method=method).status_code
    return nobody, browser.open(path, method=method, headers=fake.sign_in().headers).status_code


def test_view_keeps_its_name() -> None:
    """Flask makes endpoints of names."""

    @require()
    def settings() -> str:
        """What it does."""
        return ""

    assert ("settings", "What it does.") == (settings.__name__, settings.__doc__)


def test_view_takes_its_arguments(app: Flask, signed_in: Mapping[str, str]) -> None:
    """Those of the rule reach the view."""

    @app.get("/invoices/<int:number>")
    @require()
    def invoice(number: int) -> dict[str, int]:
        return {"number": number}

    assert {"number": 7} == app.test_client().get("/invoices/7", headers=signed_in).json


def test_async_view(app: Flask, fake: FakeClerk) -> None:
    """An ``async def`` view is guarded, and has the claims on its event loop."""
    signed_in = fake.sign_in()

    @app.get("/me")
    @require()
    async def me() -> str:
        await asyncio.sleep(0)
        return claims.user_id

    assert (401, 200) == statuses(app, "/me", fake)
    assert signed_in.session.user.id == app.test_client().get("/me", headers=signed_in.headers).text


def test_async_view_on_the_loop_of_a_server(app: Flask, fake: FakeClerk, signed_in: Mapping[str, str]) -> None:
    """Where an ASGI server runs Flask in a thread, keys are fetched in that thread and not on the server's loop."""
    threads: list[threading.Thread] = []
    fake.on_exchange.append(lambda _request, _response: threads.append(threading.current_thread()))

    @app.get("/me")
    @require()
    async def me() -> str:
        threads.append(threading.current_thread())
        return claims.user_id

    async def serve() -> int:
        answer = await sync_to_async(app.test_client().get)("/me", headers=signed_in)
        return answer.status_code

    assert 200 == asyncio.run(serve())
    assert [False, True] == [thread is threading.main_thread() for thread in threads]


def test_methods_of_a_method_view(app: Flask, fake: FakeClerk) -> None:
    """Each method asks for what it needs, plain or async."""

    class Invoices(MethodView):
        def get(self) -> ResponseReturnValue:
            return "anybody's"

        @require()
        def post(self) -> ResponseReturnValue:
            return claims.user_id

        @require(role="org:admin")
        async def delete(self) -> ResponseReturnValue:
            return claims.user_id

    app.add_url_rule("/invoices", view_func=Invoices.as_view("invoices"))

    assert (200, 200) == statuses(app, "/invoices", fake)
    assert (401, 200) == statuses(app, "/invoices", fake, "POST")
    assert (401, 403) == statuses(app, "/invoices", fake, "DELETE")


def test_decorators_of_a_class(app: Flask, fake: FakeClerk) -> None:
    """``decorators`` guards all of a class of views."""

    class Settings(View):
        decorators = [require()]  # noqa: RUF012 - as Flask has it

        def dispatch_request(self) -> ResponseReturnValue:
            return claims.user_id

    app.add_url_rule("/settings", view_func=Settings.as_view("settings"))

    assert (401, 200) == statuses(app, "/settings", fake)


def test_class_is_refused() -> None:
    """Above a class it would guard the making of it, and no request."""
    with pytest.raises(TypeError, match=r"write decorators = \[require\(\.\.\.\)\] into the class"):
        require()(MethodView)


@pytest.mark.parametrize("make", [require, guard])
def test_slips_are_told_where_they_are_written(make: Any) -> None:
    """Not with the first request."""
    with pytest.raises(ValueError, match="role: is empty"):
        make(role=" ")
    with pytest.raises(TypeError, match="permission: write a str, not list"):
        make(permission=["org:invoices:create"])
    with pytest.raises(TypeError, match="rolle"):
        make(rolle="org:admin")
    with pytest.raises(TypeError, match="positional"):
        make(lambda: "")


def test_preflight_that_flask_answers(app: Flask) -> None:
    """A browser asks by OPTIONS, without a token, whether it may send one."""
    app.add_url_rule("/me", view_func=require()(show))

    answer = app.test_client().options("/me")

    assert 200 == answer.status_code
    assert {"GET", "HEAD", "OPTIONS"} == set(answer.allow)
    assert "Vary" not in answer.headers


def test_preflight_that_a_view_answers(app: Flask, fake: FakeClerk) -> None:
    """A view that answers OPTIONS itself is guarded in that, too."""
    app.add_url_rule("/me", view_func=require()(show), methods=["GET", "OPTIONS"])

    assert (401, 200) == statuses(app, "/me", fake, "OPTIONS")


def test_guarded_blueprint(app: Flask, fake: FakeClerk) -> None:
    """All of a blueprint and those within it ask for the same; what is outside asks for nothing."""
    office, archive = Blueprint("office", "office", url_prefix="/office"), Blueprint("archive", "archive")
    office.before_request(guard())
    office.add_url_rule("/", view_func=show, endpoint="desk")
    archive.add_url_rule("/archive", view_func=show, endpoint="shelf")
    office.register_blueprint(archive)
    app.register_blueprint(office)
    app.add_url_rule("/", view_func=lambda: "", endpoint="door")

    assert (401, 200) == statuses(app, "/office/", fake)
    assert (401, 200) == statuses(app, "/office/archive", fake)
    assert (200, 200) == statuses(app, "/", fake)
    assert 200 == app.test_client().options("/office/").status_code


def test_blueprint_that_answers_preflights(app: Flask, fake: FakeClerk) -> None:
    """A guarded view that answers OPTIONS itself is guarded in that, too."""
    office = Blueprint("office", "office")
    office.before_request(guard())
    office.add_url_rule("/", view_func=lambda: "", endpoint="desk", methods=["OPTIONS"])
    app.register_blueprint(office)

    assert (401, 200) == statuses(app, "/", fake, "OPTIONS")


def test_guarded_application(app: Flask, fake: FakeClerk) -> None:
    """A guard of the whole application stands before addresses that do not exist, too."""
    app.before_request(guard())

    assert (401, 404) == statuses(app, "/nowhere", fake)
    assert 401 == app.test_client().options("/nowhere").status_code


def test_view_in_a_guarded_blueprint_may_ask_for_more(app: Flask, fake: FakeClerk) -> None:
    """Both ask, and the request is looked at once."""
    office = Blueprint("office", "office")
    office.before_request(guard())
    office.add_url_rule("/", view_func=require(role="org:admin")(show), endpoint="desk")
    app.register_blueprint(office)

    answers = statuses(app, "/", fake)
    stats = app.extensions["clerk"].clerk.stats()

    assert (401, 403) == answers
    assert 2 == stats.verified + sum(stats.refused.values())


def test_head_is_reading(app: Flask, fake: FakeClerk) -> None:
    """``impersonation="refuse"`` is about methods that change something."""

    @app.route("/me", methods=["GET", "PUT"])
    @require(impersonation="refuse")
    def me() -> str:
        return request.method

    browser, headers = app.test_client(), fake.sign_in(actor={"sub": "user_support"}).headers

    assert 200 == browser.head("/me", headers=headers).status_code
    assert 403 == browser.put("/me", headers=headers).status_code
