"""Who answers a refusal: we, unless the application has handlers of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask import Blueprint, Flask
from werkzeug.exceptions import HTTPException, Unauthorized

from clerk_ext import Reason, TokenVerificationError, VerificationUnavailable
from clerk_ext.flask import ClerkAuth, Denied, claims, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clerk_ext import Clerk
    from clerk_ext.testing import FakeClerk


def me() -> str:
    """A view that shows who is signed in."""
    return claims.user_id


def refused() -> str:
    """A view that lets an error escape."""
    raise TokenVerificationError(Reason.TOKEN_EXPIRED, "The session token is expired.")


def unavailable() -> str:
    """A view that lets an outage escape."""
    raise VerificationUnavailable("the keys cannot be had", retry_after=2.5)


@pytest.fixture
def shop(app: Flask) -> Flask:
    """An application with views that are refused in one way or the other."""
    app.add_url_rule("/me", "me", require()(me))
    app.add_url_rule("/refused", "refused", refused)
    app.add_url_rule("/unavailable", "unavailable", unavailable)
    return app


@pytest.mark.parametrize("setting", ["TESTING", "DEBUG", "PROPAGATE_EXCEPTIONS"])
def test_settings_for_developers_change_no_answer(shop: Flask, setting: str) -> None:
    """Refusals are answers in tests and under the debugger as well."""
    shop.config[setting] = True
    browser = shop.test_client()

    assert [401, 401, 503] == [browser.get(path).status_code for path in ("/me", "/refused", "/unavailable")]


def test_trapped_exceptions(shop: Flask) -> None:
    """``TRAP_HTTP_EXCEPTIONS`` shows the exception of a refusal to the debugger, as all others of the kind."""
    shop.config["TRAP_HTTP_EXCEPTIONS"] = shop.config["TESTING"] = True

    with pytest.raises(Denied):
        shop.test_client().get("/me")


def test_errors_that_escape(shop: Flask) -> None:
    """They have the answer that they would have from `require`."""
    browser = shop.test_client()
    signed_out, outage = browser.get("/refused"), browser.get("/unavailable")

    assert 'Bearer error="invalid_token"' == signed_out.headers["WWW-Authenticate"]
    assert "token-expired" == signed_out.headers["x-clerk-auth-reason"]
    assert ("application/json", "3") == (outage.content_type, outage.headers["Retry-After"])
    assert "Authorization, Cookie" == outage.headers["Vary"] == signed_out.headers["Vary"]


def test_errors_that_escape_with_details(clerk: Clerk) -> None:
    """The application's setting is theirs, too."""
    app = Flask("shop")
    ClerkAuth(clerk, details=True).init_app(app)
    app.add_url_rule("/refused", view_func=refused)

    expected = {"detail": "Not signed in.", "reason": "token-expired", "message": "The session token is expired."}
    assert expected == app.test_client().get("/refused").json


@pytest.mark.parametrize("kind", [401, Unauthorized, HTTPException, Denied, Exception])
def test_handlers_of_the_application_answer(shop: Flask, kind: Any) -> None:
    """By code or by class, as for ``flask.abort(401)``; headers of ours are added to their answer."""
    shop.register_error_handler(kind, lambda error: (f"mine: {error.code}", error.code))
    browser = shop.test_client()
    answers = [browser.get("/me"), browser.get("/refused")]

    assert ["mine: 401", "mine: 401"] == [answer.text for answer in answers]
    assert [401, 401] == [answer.status_code for answer in answers]
    assert "Authorization, Cookie" == answers[0].headers["Vary"]
    assert "session-token-and-uat-missing" == answers[0].headers["x-clerk-auth-reason"]


def test_handlers_that_mend_our_answer(shop: Flask) -> None:
    """The recipe of Flask's documentation for answers in JSON keeps our headers."""

    @shop.errorhandler(HTTPException)
    def in_json(error: HTTPException) -> Any:
        response = error.get_response()
        response.data = b'{"mine": true}'
        return response

    answer = shop.test_client().get("/me")

    assert (401, {"mine": True}) == (answer.status_code, answer.json)
    assert "Bearer" == answer.headers["WWW-Authenticate"]


def test_handler_of_403_and_503(shop: Flask, fake: FakeClerk, signed_in: Mapping[str, str]) -> None:
    """Each status has its handler."""
    shop.register_error_handler(403, lambda _: ("not you", 403))
    shop.register_error_handler(503, lambda _: ("not now", 503))
    shop.add_url_rule("/admin", "admin", require(role="org:admin")(me))
    browser = shop.test_client()

    assert "not you" == browser.get("/admin", headers=signed_in).text
    assert "not now" == browser.get("/unavailable").text


def test_handlers_of_a_blueprint(app: Flask) -> None:
    """A blueprint may answer for its own views."""
    pages = Blueprint("pages", "pages")
    pages.register_error_handler(401, lambda _: ("please sign in", 401))
    pages.add_url_rule("/page", view_func=require()(me), endpoint="page")
    app.register_blueprint(pages)
    app.add_url_rule("/api", view_func=require()(me), endpoint="api")
    browser = app.test_client()

    assert "please sign in" == browser.get("/page").text
    assert {"detail": "Not signed in."} == browser.get("/api").json


@pytest.mark.parametrize("first", [True, False])
def test_handlers_of_our_errors(clerk: Clerk, *, first: bool) -> None:
    """A handler of the application for the error itself wins, whoever came first."""
    app = Flask("shop")
    app.add_url_rule("/refused", view_func=refused)

    def mine(error: TokenVerificationError) -> tuple[str, int]:
        return error.reason, 418

    if first:
        app.register_error_handler(TokenVerificationError, mine)
    ClerkAuth(clerk).init_app(app)
    if not first:
        app.register_error_handler(TokenVerificationError, mine)

    answer = app.test_client().get("/refused")

    assert (418, "token-expired") == (answer.status_code, answer.text)


@pytest.mark.parametrize("path", ["/broken", "/part/broken"])
def test_own_handlers_of_errors_of_the_application(clerk: Clerk, path: str) -> None:
    """Those of `HTTPException` answer a 500 as they would without us, those of a blueprint first."""
    app, part = Flask(__name__), Blueprint("part", __name__, url_prefix="/part")
    ClerkAuth(clerk).init_app(app)

    def broken() -> str:
        raise ZeroDivisionError

    def own(error: HTTPException) -> tuple[dict[str, Any], int]:
        return {"own": error.code}, error.code or 500

    async def of_the_part(error: HTTPException) -> tuple[dict[str, Any], int]:
        return {"part": error.code}, error.code or 500

    app.register_error_handler(HTTPException, own)
    part.register_error_handler(HTTPException, of_the_part)
    app.add_url_rule("/broken", "broken", broken)
    part.add_url_rule("/broken", "broken", broken)
    app.register_blueprint(part)
    answer = app.test_client().get(path)

    assert (500, {"part" if "part" in path else "own": 500}) == (answer.status_code, answer.json)
