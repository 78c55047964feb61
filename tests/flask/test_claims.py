"""`claims` and its like: the sign-in of the current request, and of no other."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, after_this_request, copy_current_request_context, request, stream_with_context
from werkzeug.exceptions import HTTPException

from clerk_ext import Clerk, SessionClaims, Tenants
from clerk_ext.flask import ClerkAuth, Denied, SyncVisit, claims, current_visit, maybe_claims, require
from clerk_ext.testing import FakeClerk, FakeTransport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


VARY = "Authorization, Cookie"


def show() -> str:
    """A view that shows who is signed in."""
    return claims.user_id


def test_claims_stand_in_for_the_real_ones(app: Flask, fake: FakeClerk) -> None:
    """The proxy has the type, the values and the methods of the claims."""
    signed_in = fake.sign_in()

    with app.test_request_context(headers=signed_in.headers):
        assert isinstance(claims, SessionClaims)
        assert signed_in.session.user.id == claims.user_id
        assert not claims.has(role="org:admin")
        assert claims == maybe_claims()


def test_claims_without_require_refuse_who_is_signed_out(app: Flask) -> None:
    """A view that merely uses them answers 401, as if it had asked."""

    @app.get("/me")
    def me() -> str:
        return claims.user_id

    answer = app.test_client().get("/me")

    assert (401, {"detail": "Not signed in."}) == (answer.status_code, answer.json)
    assert "Bearer" == answer.headers["WWW-Authenticate"]
    assert VARY == answer.headers["Vary"]


def test_claims_without_require_are_unavailable_in_an_outage(
    app: Flask, fake: FakeClerk, signed_in: Mapping[str, str]
) -> None:
    """An outage must not look like signed out: 503."""
    fake.trouble.outage(operation="jwks")

    @app.get("/me")
    def me() -> str:
        return claims.user_id

    answer = app.test_client().get("/me", headers=signed_in)

    assert (503, "10") == (answer.status_code, answer.headers["Retry-After"])


def test_claims_without_require_keep_to_the_applications_rule(clerk: Clerk, fake: FakeClerk) -> None:
    """Whoever acts as another user may not write by way of a view that only uses the claims, asked before or not."""
    app = Flask("shop")
    ClerkAuth(clerk, impersonation="refuse").init_app(app)

    @app.route("/me", methods=["GET", "POST"])
    def me() -> str:
        found = maybe_claims()
        assert found is not None
        return claims.user_id

    headers = fake.sign_in(actor={"sub": "user_support"}).headers

    assert 200 == app.test_client().get("/me", headers=headers).status_code
    assert 403 == app.test_client().post("/me", headers=headers).status_code


def test_claims_are_those_that_were_let_through(app: Flask, fake: FakeClerk) -> None:
    """Under a policy of its own a view has the claims that this policy let through, and needs no other."""

    @app.get("/api")
    @require(policy={"audience": "api"})
    def api() -> dict[str, Any]:
        return {"user": claims.user_id}

    signed_in = fake.sign_in(claims={"aud": "api"})
    answer = app.test_client().get("/api", headers=signed_in.headers)

    assert {"user": signed_in.session.user.id} == answer.json


def test_refusal_is_an_exception_of_werkzeug(app: Flask) -> None:
    """In ``test_request_context``, and in code of one's own, it can be caught."""
    with app.test_request_context(), pytest.raises(HTTPException) as caught:
        _ = claims.user_id

    assert isinstance(caught.value, Denied)
    assert (401, "session-token-and-uat-missing") == (caught.value.code, caught.value.denial.reason)
    assert "401 Unauthorized: Not signed in." == str(caught.value)
    assert b'{"detail": "Not signed in."}' == caught.value.get_response().data


def test_maybe_claims_of_nobody(app: Flask) -> None:
    """Optional sign-in lets everybody in, and the answer tells caches what it depends on."""

    @app.get("/")
    def home() -> dict[str, bool]:
        return {"known": maybe_claims() is not None}

    answer = app.test_client().get("/")

    assert (200, {"known": False}) == (answer.status_code, answer.json)
    assert VARY == answer.headers["Vary"]
    assert "signed-out" == answer.headers["x-clerk-auth-status"]


def test_visit_tells_why(app: Flask, fake: FakeClerk) -> None:
    """The state has the reason, and the token of who is signed in."""
    token = fake.sign_in().token

    with app.test_request_context(headers={"Authorization": f"Bearer {fake.forge(token)}"}):
        assert "token-invalid-signature" == current_visit().state().reason
    with app.test_request_context(headers={"Authorization": f"Bearer {token}"}):
        assert token == current_visit().state().token


def test_request_is_looked_at_once(app: Flask, clerk: Clerk, signed_in: Mapping[str, str]) -> None:
    """However often it is asked."""

    @app.get("/me")
    @require()
    def me() -> str:
        assert maybe_claims() is not None
        assert current_visit() is current_visit()
        return claims.user_id

    app.test_client().get("/me", headers=signed_in)
    stats = clerk.stats()

    assert 1 == stats.verified + stats.cache_hits


def test_requests_under_one_application_context(app: Flask, fake: FakeClerk) -> None:
    """A context that a test has pushed around several requests carries no sign-in from one to the next."""
    app.add_url_rule("/me", view_func=require()(show))
    ada, bob = fake.sign_in(), fake.sign_in()

    with app.app_context():
        browser = app.test_client()
        seen = [browser.get("/me", headers=it.headers).text for it in (ada, bob)]
        last = browser.get("/me").status_code

    assert [ada.session.user.id, bob.session.user.id] == seen
    assert 401 == last


def test_request_inside_of_another(app: Flask, fake: FakeClerk) -> None:
    """A view may send a request to its own application; each keeps its sign-in, and its headers."""
    inner, outer = fake.sign_in(), fake.sign_in()
    app.add_url_rule("/me", view_func=require()(show))

    @app.get("/both")
    @require()
    def both() -> list[str]:
        before = claims.user_id
        return [before, app.test_client().get("/me", headers=inner.headers).text, claims.user_id]

    answer = app.test_client().get("/both", headers=outer.headers)

    assert [outer.session.user.id, inner.session.user.id, outer.session.user.id] == answer.json
    assert VARY == answer.headers["Vary"]


def test_copied_environ_is_another_request(app: Flask, fake: FakeClerk) -> None:
    """What middleware or a test makes of a request's environ has a sign-in of its own."""
    app.add_url_rule("/me", view_func=require()(show))
    with app.test_request_context(headers=fake.sign_in().headers):
        assert claims.user_id
        environ = {name: value for name, value in request.environ.items() if name != "HTTP_AUTHORIZATION"}

    answer = app.test_client().get("/me", environ_base=environ)

    assert 401 == answer.status_code


def test_application_context_inside_of_a_view(app: Flask) -> None:
    """Whoever asks in a context of its own asks for the same request, and the answer says so."""

    @app.get("/")
    def home() -> str:
        with app.app_context():
            return str(maybe_claims())

    answer = app.test_client().get("/")

    assert VARY == answer.headers["Vary"]


def test_thread_with_the_requests_context(app: Flask, fake: FakeClerk) -> None:
    """A thread that is given the context sees the request's sign-in; the proxy is good there, too."""
    signed_in = fake.sign_in()
    seen: list[str] = []

    @app.get("/")
    @require()
    def home() -> str:
        thread = threading.Thread(target=copy_current_request_context(lambda: seen.append(claims.user_id)))
        thread.start()
        thread.join()
        return claims.user_id

    assert signed_in.session.user.id == app.test_client().get("/", headers=signed_in.headers).text
    assert [signed_in.session.user.id] == seen


def test_stream_with_the_requests_context(app: Flask, fake: FakeClerk) -> None:
    """The claims are there for as long as an answer is streamed."""
    signed_in = fake.sign_in()

    @app.get("/")
    @require()
    def home() -> Response:
        def parts() -> Iterator[str]:
            yield claims.user_id
            yield claims.session_id

        return Response(stream_with_context(parts()))

    answer = app.test_client().get("/", headers=signed_in.headers)

    assert signed_in.session.user.id + signed_in.session.id == answer.text


def test_headers_of_views_stay(app: Flask) -> None:
    """What a view says of Vary is kept and said once, and its own headers win."""

    @app.get("/")
    def home() -> tuple[str, dict[str, str]]:
        maybe_claims()
        return "", {"Vary": "Accept, cookie", "X-Clerk-Auth-Message": "mine"}

    answer = app.test_client().get("/")

    assert "Accept, cookie, Authorization" == answer.headers["Vary"]
    assert ["mine"] == answer.headers.getlist("x-clerk-auth-message")


def test_functions_of_views_that_set_vary(app: Flask) -> None:
    """What is set after the view does not undo it."""

    @app.after_request
    def of_the_application(response: Response) -> Response:
        response.headers["Vary"] = "Accept-Language"
        return response

    @app.get("/")
    def home() -> str:
        @after_this_request
        def of_the_view(response: Response) -> Response:
            response.headers["Vary"] = "Accept"
            return response

        return str(maybe_claims())

    assert f"Accept-Language, {VARY}" == app.test_client().get("/").headers["Vary"]


def test_views_that_do_not_ask_cost_nothing(app: Flask, clerk: Clerk, signed_in: Mapping[str, str]) -> None:
    """No look at the token, and no header."""
    app.add_url_rule("/", view_func=lambda: "")

    answer = app.test_client().get("/", headers=signed_in)
    stats = clerk.stats()

    assert "Vary" not in answer.headers
    assert 0 == stats.verified + stats.cache_hits + sum(stats.refused.values())


def test_nothing_of_a_request_stays(app: Flask, signed_in: Mapping[str, str]) -> None:
    """A request that is over is let go of at once, without the garbage collector."""
    seen: list[weakref.ref[Any]] = []

    @app.get("/")
    @require()
    def home() -> str:
        seen.append(weakref.ref(current_visit()))
        return ""

    gc.collect()
    gc.disable()
    try:
        app.test_client().get("/", headers=signed_in).close()
        left = seen[0]()
    finally:
        gc.enable()

    assert left is None


def test_state_of_a_test(app: Flask, fake: FakeClerk) -> None:
    """``pretend`` is for tests of functions that take who is signed in from the request."""
    with app.test_request_context(headers=fake.sign_in().headers):
        state = current_visit().state()
    with app.test_request_context():
        current_visit().pretend(state)

        assert state.claims == claims


def test_context_of_another_application_inside_of_a_request(app: Flask, fake: FakeClerk) -> None:
    """Whose users are meant is for the application that has the request, whatever context was pushed around."""
    other = FakeClerk("globex")
    office = Flask("office")
    ClerkAuth(Clerk(other.config(), transport=FakeTransport(other))).init_app(office)
    app.add_url_rule("/me", view_func=require()(show))

    @app.before_request
    def look_elsewhere() -> None:
        with office.app_context():
            maybe_claims()

    assert 200 == app.test_client().get("/me", headers=fake.sign_in().headers).status_code
    assert 401 == app.test_client().get("/me", headers=other.sign_in().headers).status_code


def test_visit_inside_of_another_request(app: Flask, signed_in: Mapping[str, str]) -> None:
    """It stays with the request that it was made for."""
    with app.test_request_context():
        visit = current_visit()
        with app.test_request_context(headers=signed_in):
            assert not visit.state().is_signed_in


@pytest.mark.parametrize("path", ["/nowhere", "/"])
def test_outage_beside_the_view(app: Flask, fake: FakeClerk, signed_in: Mapping[str, str], path: str) -> None:
    """In the handler of another error, and in a function that completes answers, it is 503, too."""
    fake.trouble.outage()
    app.register_error_handler(404, lambda error: (str(maybe_claims()), 404))
    app.add_url_rule("/", view_func=lambda: "")

    @app.after_request
    def complete(response: Response) -> Response:
        if request.path == "/":
            maybe_claims()
        return response

    answer = app.test_client().get(path, headers=signed_in)

    assert (503, "10") == (answer.status_code, answer.headers["Retry-After"])


def test_visit_of_a_request_that_is_over(app: Flask, signed_in: Mapping[str, str]) -> None:
    """It says so, if nobody asked in time."""
    kept: list[SyncVisit] = []

    def keep() -> str:
        kept.append(current_visit())
        return ""

    app.add_url_rule("/keep", "keep", keep)
    app.test_client().get("/keep", headers=signed_in)
    gc.collect()

    with pytest.raises(RuntimeError, match="this request is over"):
        kept[0].state()


def test_resolver_gets_the_request_itself(fake: FakeClerk) -> None:
    """Which it may remember, or put into a set."""
    seen: set[object] = set()

    def resolver(request: object) -> str:
        seen.add(request)
        return "acme"

    app = Flask(__name__)
    tenants = Tenants([fake.config()], transport=FakeTransport(fake), resolver=resolver)
    ClerkAuth(tenants).init_app(app)
    with app.test_request_context(headers=fake.sign_in().headers):
        assert maybe_claims() is not None

    assert 1 == len(seen)
