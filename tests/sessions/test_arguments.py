"""Arguments that cannot work are refused before anything is sent; ids reach the path that they should, and no other."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, cast, get_args
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clerk_ext import Clerk
from clerk_ext.calls import LIFETIMES, LIMITS, StatusFilter
from clerk_sessions_api.models import SessionStatusFilter
from tests.recorded import SPEC
from tests.transport.loopback import SECRET, Loopback, config_at, reply, session_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.worlds import World

APP = "https://app.example.com"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"


class Sixty(enum.IntEnum):
    MINUTES = 60


def refresh(clerk: Clerk, **changes: Any) -> object:
    """A refresh, but for the changes."""
    arguments: dict[str, Any] = {"expired_token": "t", "refresh_token": "r", "request_origin": APP}
    return cast("Any", clerk).sessions.refresh("sess_1", **(arguments | changes))


def listed(clerk: Clerk, **arguments: Any) -> object:
    """All of an iteration."""
    return list(clerk.sessions.iterate(**arguments))


TAKES: dict[str, list[Callable[[Clerk, Any], object]]] = {
    "limit": [
        lambda clerk, value: clerk.sessions.list(limit=value),
        lambda clerk, value: clerk.sessions.page(limit=value),
    ],
    "page_size": [lambda clerk, value: listed(clerk, page_size=value)],
    "offset": [
        lambda clerk, value: clerk.sessions.list(offset=value),
        lambda clerk, value: clerk.sessions.page(offset=value),
    ],
    "expires_in_seconds": [
        lambda clerk, value: clerk.sessions.create_token("sess_1", expires_in_seconds=value),
        lambda clerk, value: clerk.sessions.create_token_from_template("sess_1", "hasura", expires_in_seconds=value),
    ],
    "status": [
        lambda clerk, value: clerk.sessions.list(status=value),
        lambda clerk, value: clerk.sessions.page(status=value),
        lambda clerk, value: listed(clerk, status=value),
    ],
    "session_id": [
        lambda clerk, value: clerk.sessions.get(value),
        lambda clerk, value: clerk.sessions.revoke(value),
        lambda clerk, value: clerk.sessions.create_token(value),
        lambda clerk, value: clerk.sessions.create_token_from_template(value, "hasura"),
        lambda clerk, value: clerk.sessions.refresh(value, expired_token="t", refresh_token="r", request_origin=APP),
    ],
    "template_name": [lambda clerk, value: clerk.sessions.create_token_from_template("sess_1", value)],
    "user_id": [
        lambda clerk, value: clerk.sessions.create(user_id=value),
    ],
    "active_organization_id": [
        lambda clerk, value: clerk.sessions.create(user_id="user_1", active_organization_id=value)
    ],
    "expired_token": [lambda clerk, value: refresh(clerk, expired_token=value)],
    "refresh_token": [lambda clerk, value: refresh(clerk, refresh_token=value)],
    "request_origin": [lambda clerk, value: refresh(clerk, request_origin=value)],
    "request_originating_ip": [lambda clerk, value: refresh(clerk, request_originating_ip=value)],
    "format": [lambda clerk, value: refresh(clerk, format=value)],
    "request_headers": [lambda clerk, value: refresh(clerk, request_headers=value)],
    "client_id": [
        lambda clerk, value: clerk.sessions.list(client_id=value),
        lambda clerk, value: clerk.sessions.page(client_id=value),
        lambda clerk, value: listed(clerk, client_id=value),
    ],
    "user_id of a list": [
        lambda clerk, value: clerk.sessions.list(user_id=value),
        lambda clerk, value: clerk.sessions.page(user_id=value),
        lambda clerk, value: listed(clerk, user_id=value),
    ],
}
"""Each argument, and the calls that take it."""


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server that would answer anything."""
    with Loopback.script(reply(200, session_json())) as server:
        yield server


@pytest.fixture
def clerk(world: World, server: Loopback) -> Clerk:
    """A client of that server."""
    return world.clerk(config_at(server.url))


def refused(clerk: Clerk, server: Loopback, name: str, value: object, kind: type[Exception]) -> None:
    """Check that every call that takes *name* refuses *value* with *kind*, naming it, and sends nothing."""
    for call in TAKES[name]:
        with pytest.raises(kind, match=f"^{name.partition(' ')[0]}\\b") as caught:
            call(clerk, value)
        assert SECRET not in str(caught.value)
        assert JWT not in str(caught.value)
    assert 0 == server.connections


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", 0),
        ("limit", 501),
        ("limit", -1),
        ("limit", 10**30),
        ("page_size", 0),
        ("page_size", 501),
        ("page_size", -1),
        ("offset", -1),
        ("expires_in_seconds", 29),
        ("expires_in_seconds", 0),
        ("expires_in_seconds", -60),
        ("expires_in_seconds", 315_360_001),
        ("status", "pending"),
        ("status", "Active"),
        ("status", ""),
        ("status", 1),
        ("status", ["active"]),
        ("format", "cookies"),
        ("format", ""),
        ("format", None),
        ("format", ["token"]),
    ],
)
def test_out_of_range(clerk: Clerk, server: Loopback, name: str, value: object) -> None:
    """A value outside of the range that Clerk takes is a `ValueError` that names the argument; nothing is sent."""
    refused(clerk, server, name, value, ValueError)


@pytest.mark.parametrize("name", ["limit", "page_size", "offset", "expires_in_seconds"])
@pytest.mark.parametrize("value", [True, False, 60.0, float("nan"), "60", b"60", [60], Sixty.MINUTES])
def test_no_number(clerk: Clerk, server: Loopback, name: str, value: object) -> None:
    """What is no plain int, a bool among them, is a `TypeError` that names the argument; nothing is sent."""
    refused(clerk, server, name, value, TypeError)


@pytest.mark.parametrize("name", ["limit", "page_size", "offset", "user_id", "session_id", "template_name"])
def test_required(clerk: Clerk, server: Loopback, name: str) -> None:
    """None is no value for what has to have one."""
    refused(clerk, server, name, None, TypeError)


TEXTS = [
    "session_id",
    "template_name",
    "user_id",
    "user_id of a list",
    "client_id",
    "active_organization_id",
    "expired_token",
    "refresh_token",
    "request_origin",
    "request_originating_ip",
]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [7, b"sess_1", ["sess_1"], object()])
def test_no_text(clerk: Clerk, server: Loopback, name: str, value: object) -> None:
    """What is no str is a `TypeError` that names the argument; nothing is sent."""
    refused(clerk, server, name, value, TypeError)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", ["", "sess_\ud800", "\udfff"])
def test_empty_or_no_unicode(clerk: Clerk, server: Loopback, name: str, value: str) -> None:
    """An empty text would ask another question, and half a character cannot be sent: a `ValueError`."""
    refused(clerk, server, name, value, ValueError)


@pytest.mark.parametrize("name", ["session_id", "user_id", "user_id of a list", "client_id", "active_organization_id"])
@pytest.mark.parametrize("value", [JWT, SECRET])
def test_credential_for_an_id(clerk: Clerk, server: Loopback, name: str, value: str) -> None:
    """A token or a key in place of an id would end up in URLs, logs and messages: refused, and not shown."""
    refused(clerk, server, name, value, ValueError)


@pytest.mark.parametrize("value", ["/", "a/b", "../users", "sess_1/revoke", ".", ".."])
@pytest.mark.parametrize("name", ["session_id", "template_name"])
def test_ids_that_lead_elsewhere(clerk: Clerk, server: Loopback, name: str, value: str) -> None:
    """An id that would make another path is a `ValueError` that names it; nothing is sent."""
    refused(clerk, server, name, value, ValueError)


@pytest.mark.parametrize("value", [{"a": 7}, {"a": [7]}, {"a": None}, {"a": b"x"}, {7: "x"}, {"a": {"b": "c"}}])
def test_headers_that_are_none(clerk: Clerk, server: Loopback, value: object) -> None:
    """Headers are names with a str or a list of them."""
    refused(clerk, server, "request_headers", value, TypeError)


HARMLESS = ["%2e%2e", "%2F", "?a=1", "#x", "a b", " ", "é", "\U0001f511", "\\", "..\\..", "\n", "\r\nX: 1", "\x00"]
ALSO_HARMLESS = ["\x7f", ";x", "a&b=c", "a+b", "%", "...", "~", "a:b", "@", "http:", "sess_1%00", "%252e"]


def last_segments(server: Loopback) -> list[str]:
    """The segments of the last path, decoded."""
    path, _, query = server.received[-1].target.partition("?")
    assert query == ""
    assert path.isascii()
    assert path.isprintable()
    return [unquote(segment, errors="strict") for segment in path.split("/")]


@pytest.mark.parametrize("value", HARMLESS + ALSO_HARMLESS)
def test_odd_ids(clerk: Clerk, server: Loopback, value: str) -> None:
    """Any other id is one segment of the path, percent-encoded."""
    clerk.sessions.get(value)
    got = last_segments(server)
    clerk.sessions.revoke(value)
    revoked = last_segments(server)

    assert ["", "v1", "sessions", value] == got
    assert ["", "v1", "sessions", value, "revoke"] == revoked


def test_any_id() -> None:
    """Whatever the texts are: a server sees exactly the segments of the operation, or nothing."""

    def answer(received: Any) -> bytes:
        is_token = "/tokens" in received.target
        return reply(200, {"object": "token", "jwt": "a.b.c"} if is_token else session_json())

    ids = st.text(max_size=12) | st.text(alphabet="./%\\2eE?#:;@ ", max_size=8)

    with Loopback(answer) as server, Clerk(config_at(server.url)) as clerk:

        @settings(max_examples=150, deadline=None)
        @given(session_id=ids, template=ids)
        def check(session_id: str, template: str) -> None:
            server.received.clear()
            good = [text not in {"", ".", ".."} and "/" not in text for text in (session_id, template)]
            good[0] = good[0] and not session_id.startswith(("eyJ", "sk_"))
            calls: list[tuple[bool, Callable[[], object], list[str]]] = [
                (good[0], lambda: clerk.sessions.get(session_id), ["sessions", session_id]),
                (good[0], lambda: clerk.sessions.create_token(session_id), ["sessions", session_id, "tokens"]),
                (
                    all(good),
                    lambda: clerk.sessions.create_token_from_template(session_id, template),
                    ["sessions", session_id, "tokens", template],
                ),
            ]
            for accepted, call, segments in calls:
                before = len(server.received)
                if accepted:
                    call()
                    assert ["", "v1", *segments] == last_segments(server)
                else:
                    with pytest.raises(ValueError, match=r"^(session_id|template_name)\b"):
                        call()
                    assert before == len(server.received)

        check()


def test_ranges_are_those_of_the_spec() -> None:
    """What is refused here is what the recorded specification rules out, and nothing else."""
    parameters = {one["name"]: one["schema"] for one in SPEC["paths"]["/sessions"]["get"]["parameters"]}
    lifetime = SPEC["components"]["schemas"]["CreateSessionTokenBody"]["properties"]["expires_in_seconds"]
    statuses = SPEC["components"]["schemas"]["SessionStatusFilter"]["enum"]

    assert (parameters["limit"]["minimum"], parameters["limit"]["maximum"]) == LIMITS
    assert (0, None) == (parameters["offset"]["minimum"], parameters["offset"].get("maximum"))
    assert (lifetime["minimum"], lifetime["maximum"]) == LIFETIMES
    assert sorted(statuses) == sorted(get_args(StatusFilter)) == sorted(SessionStatusFilter)
    assert (parameters["limit"]["default"], parameters["offset"]["default"]) == (10, 0)


def test_defaults_are_those_of_the_spec(world: World) -> None:
    """The limit and offset that a bare call sends are the specification's own defaults."""
    parameters = {one["name"]: one["schema"] for one in SPEC["paths"]["/sessions"]["get"]["parameters"]}
    with Loopback.script(reply(200, [])) as server:
        world.clerk(config_at(server.url)).sessions.list()

    expected = f"limit={parameters['limit']['default']}&offset={parameters['offset']['default']}"
    assert [f"GET /v1/sessions?{expected}"] == server.targets
