"""authenticate_request reads headers and cookies of every kind of request, alike in both worlds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import flask
import pytest

from clerk_ext import Clerk, JWKSUnavailable, Reason
from clerk_ext.testing import FakeTransport

from .kinds import KINDS, Lines, cookie, cookies, environ_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.verifier.bench import Bench
    from tests.worlds import World

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_header(clerk: Clerk, bench: Bench, kind: Callable[[Lines], Any]) -> None:
    """A bearer token signs the request in."""
    token = bench.token()
    state = clerk.authenticate_request(kind([("Host", "app.example.com"), ("Authorization", f"Bearer {token}")]))

    assert ("signed-in", None, None, token, "acme") == (
        state.status,
        state.reason,
        state.message,
        state.token,
        state.tenant,
    )
    assert state.claims is not None
    assert bench.session.id == state.claims.session_id
    assert {} == state.headers


@each_kind
def test_cookies(clerk: Clerk, bench: Bench, kind: Callable[[Lines], Any]) -> None:
    """So do the cookies of a browser that is signed in, odd and non-ASCII ones beside them."""
    token = bench.token()
    line = cookie(("theme", "d\xe4rk"), *cookies(bench.now - 100, token), ("q", '"'))

    assert token == clerk.authenticate_request(kind([line])).token


@each_kind
def test_neither(clerk: Clerk, bench: Bench, kind: Callable[[Lines], Any]) -> None:
    """Without both the request is signed out, and no key is fetched for it."""
    state = clerk.authenticate_request(kind([("Accept", "*/*")]))

    assert ("signed-out", Reason.SESSION_TOKEN_AND_UAT_MISSING) == (state.status, state.reason)
    assert (None, None, False) == (state.claims, state.token, state.is_signed_in)
    assert {
        "x-clerk-auth-status": "signed-out",
        "x-clerk-auth-reason": "session-token-and-uat-missing",
        "x-clerk-auth-message": state.message,
    } == state.headers
    assert [] == bench.fake.requests


@each_kind
def test_header_beats_cookies(clerk: Clerk, bench: Bench, kind: Callable[[Lines], Any]) -> None:
    """Cookies are not looked at where there is a bearer token, even an expired one, wherever the lines stand."""
    stale = bench.token(iat=bench.now - 200, nbf=bench.now - 200, exp=bench.now - 100)
    line = cookie(*cookies(bench.now - 100, bench.token()))

    assert [Reason.TOKEN_EXPIRED] * 2 == [
        clerk.authenticate_request(kind(lines)).reason
        for lines in ([line, ("Authorization", f"Bearer {stale}")], [("Authorization", f"Bearer {stale}"), line])
    ]


@each_kind
def test_several_lines(clerk: Clerk, bench: Bench, kind: Callable[[Lines], Any]) -> None:
    """Of several Authorization lines the first bearer token counts; Cookie lines are read together."""
    token = bench.token()
    headers = [("Authorization", "Basic dTpw"), ("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")]
    since, session = cookies(bench.now - 100, token)

    assert [token] * 2 == [
        clerk.authenticate_request(kind(lines)).token for lines in (headers, [cookie(since), cookie(session)])
    ]


@each_kind
def test_outage(world: World, bench: Bench, kind: Callable[[Lines], Any]) -> None:
    """Where the keys cannot be had the exception goes through: nobody is signed out by it."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.other))
    token = bench.token()
    for line in (("Authorization", f"Bearer {token}"), cookie(*cookies(bench.now - 100, token))):
        with pytest.raises(JWKSUnavailable):
            clerk.authenticate_request(kind([line]))


def test_flask_proxy(bench: Bench) -> None:
    """Flask's own `request`, which stands for the current one."""
    token = bench.token()
    clerk = Clerk(bench.fake.config(), transport=FakeTransport(bench.fake))
    with flask.Flask("app").request_context(environ_of([("Authorization", f"Bearer {token}")])):
        state = clerk.authenticate_request(flask.request)

    assert token == state.token


@pytest.mark.parametrize(
    "request_",
    [None, 5, "Authorization: Bearer x", b"x", [], [("Authorization", "x")], object()],
    ids=lambda value: type(value).__name__,
)
def test_no_request(clerk: Clerk, request_: object) -> None:
    """What has no headers is the caller's mistake, not the sender's."""
    with pytest.raises(TypeError, match=rf"^a request has headers; of {type(request_).__name__} none can be read$"):
        clerk.authenticate_request(cast("Any", request_))


@pytest.mark.parametrize("headers", [None, 5, "x", ["Authorization"], [("a", "b", "c")], [b"ab"]], ids=repr)
def test_no_headers(clerk: Clerk, headers: object) -> None:
    """Nor are these headers."""
    with pytest.raises(TypeError, match=r"^a request has headers; of SimpleNamespace none can be read$"):
        clerk.authenticate_request(cast("Any", SimpleNamespace(headers=headers)))


@pytest.mark.parametrize("value", ["x", b"x", ["x"], ["xy"], [b"xy"], ["a", "b"]], ids=repr)
@pytest.mark.parametrize("name", ["headers", "type", "asgi", "wsgi.version"])
def test_header_named_like_a_scope(clerk: Clerk, bench: Bench, name: str, value: object) -> None:
    """A client that sends a header of such a name does not make a dict of headers something else."""
    token = bench.token()

    assert token == clerk.authenticate_request({name: value, "authorization": f"Bearer {token}"}).token


@pytest.mark.parametrize("absent", [None, [], ()], ids=repr)
def test_looked_up_but_absent(clerk: Clerk, bench: Bench, absent: object) -> None:
    """A dict made of look-ups holds None where there was no header: it does not count as a token."""
    since, session = cookies(bench.now - 100, bench.token())
    state = clerk.authenticate_request({"Authorization": absent, "Cookie": cookie(since, session)[1]})

    assert state.is_signed_in


class Both(dict[str, str]):
    """A request that is a mapping of something else, as Starlette's is of its scope."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers."""
        return {"authorization": f"Bearer {self['authorization']}"}


def test_headers_before_mapping(clerk: Clerk, bench: Bench) -> None:
    """Of a mapping that has headers, these are the headers."""
    token = bench.token()

    assert token == clerk.authenticate_request(Both(authorization=token, REQUEST_METHOD="GET")).token


def test_other_variables_of_an_environ(clerk: Clerk, bench: Bench) -> None:
    """What a server puts into an environ beside the headers is no header, nor are header names in other spellings."""
    bearer = f"Bearer {bench.token()}"
    names = ["AUTH_AUTHORIZATION", "AUTHORIZATION", "Authorization", "http_authorization", "HTTP_X_AUTHORIZATION"]

    assert [Reason.SESSION_TOKEN_AND_UAT_MISSING] * 5 == [
        clerk.authenticate_request(environ_of([]) | {name: bearer}).reason for name in names
    ]


def test_odd_environ(clerk: Clerk, bench: Bench) -> None:
    """In an environ, header values are str; whatever else a server puts there is passed over."""
    environ = environ_of([("Authorization", f"Bearer {bench.token()}")])

    assert clerk.authenticate_request(environ | {"HTTP_X": 5, "HTTP_COOKIE": None}).is_signed_in
