"""Websockets and event streams live as long as the sign-in that opened them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clerk_ext.streams import AsyncVisit

if TYPE_CHECKING:
    import threading

    from websockets.sync.client import ClientConnection

    from clerk_ext.testing import FakeSession
    from tests.asgi.conftest import Streams


def said(connection: ClientConnection, text: str) -> Any:
    """What the other side answers."""
    connection.send(text)
    return json.loads(connection.recv(timeout=10))


def closed(connection: ClientConnection) -> tuple[int, str]:
    """With what code and reason the other side closes the websocket."""
    with pytest.raises(ConnectionClosed) as caught:
        connection.recv(timeout=10)
    assert caught.value.rcvd is not None
    return caught.value.rcvd.code, caught.value.rcvd.reason


def admin(streams: Streams) -> FakeSession:
    """The session of an organisation's administrator."""
    user, organization = streams.fake.add_user(), streams.fake.add_organization("acme")
    streams.fake.add_membership(user, organization, role="org:admin")
    return streams.fake.create_session(user, organization=organization)


def test_websocket_of_who_is_signed_in(streams: Streams) -> None:
    """It is open for them, whatever else the endpoint does."""
    with streams.socket("/talk", streams.fake.sign_in().token) as connection:
        assert {"echo": "1"} == said(connection, "1")


@pytest.mark.parametrize(
    ("path", "outage", "signed_in", "status"),
    [("/talk", False, False, 401), ("/admins", False, True, 403), ("/talk", True, True, 503)],
)
def test_websocket_is_refused_with_an_answer(
    streams: Streams, path: str, outage: bool, signed_in: bool, status: int
) -> None:
    """Before it is accepted, the request is answered like any other."""
    if outage:
        streams.revocations.is_broken = True
    with (
        pytest.raises(InvalidStatus) as caught,
        streams.socket(path, streams.fake.sign_in().token if signed_in else None),
    ):
        pass
    response = caught.value.response

    challenge = {401: "Bearer", 403: 'Bearer error="insufficient_scope"', 503: None}[status]
    assert (status, challenge) == (response.status_code, response.headers.get("www-authenticate"))
    assert json.loads(response.body or b"")["detail"]


def test_websocket_counts_as_writing(streams: Streams) -> None:
    """Somebody who acts as the user, and may only read, gets none."""
    token = streams.fake.sign_in(actor={"sub": "user_support"}).token
    with pytest.raises(InvalidStatus) as caught, streams.socket("/write", token):
        pass

    assert 403 == caught.value.response.status_code


def test_websocket_ends_when_the_session_is_revoked(streams: Streams) -> None:
    """At the next look, with the code for unauthorized, and the endpoint is told to stop."""
    signed_in = streams.fake.sign_in()
    with streams.socket("/talk", signed_in.token) as connection:
        assert {"echo": "1"} == said(connection, "1")
        streams.revocations.revoke_session(signed_in.session.id)

        assert (3000, "session-revoked") == closed(connection)
    assert streams.ended.wait(10)


def test_websocket_ends_with_its_token(streams: Streams) -> None:
    """A minute and the clock skew are over."""
    with streams.socket("/talk", streams.fake.sign_in().token) as connection:
        assert {"echo": "1"} == said(connection, "1")
        streams.fake.advance(66)

        assert (3000, "token-expired") == closed(connection)


def test_websocket_that_nobody_signed_in_to_stays(streams: Streams) -> None:
    """There is nothing that could end."""
    with streams.socket("/anybody", None) as connection:
        assert {"echo": "1"} == said(connection, "1")
        streams.fake.advance(3_600)

        assert {"echo": "2"} == said(connection, "2")


def test_websocket_goes_on_with_a_fresh_token(streams: Streams) -> None:
    """The client sends one in time, and the old one's end is no end."""
    signed_in = streams.fake.sign_in()
    with streams.socket("/talk", signed_in.token) as connection:
        for _ in range(3):
            streams.fake.advance(50)
            fresh = streams.fake.session_token(signed_in.session)
            assert {"renewed": True, "reason": None} == said(connection, f"token {fresh}")
        assert {"echo": "1"} == said(connection, "1")
        streams.fake.advance(66)

        assert (3000, "token-expired") == closed(connection)


def test_websocket_takes_no_token_of_somebody_else(streams: Streams) -> None:
    """A fresh token is one of the same session."""
    with streams.socket("/talk", streams.fake.sign_in().token) as connection:
        answered = said(connection, f"token {streams.fake.sign_in().token}")

        assert {"renewed": False, "reason": "token-invalid-session-id"} == answered
        streams.fake.advance(66)
        assert (3000, "token-expired") == closed(connection)


def test_websocket_takes_no_bad_token(streams: Streams) -> None:
    """Nothing changes by one."""
    signed_in = streams.fake.sign_in()
    with streams.socket("/talk", signed_in.token) as connection:
        answered = said(connection, f"token {streams.fake.forge(signed_in.token)}")

        assert {"renewed": False, "reason": "token-invalid-signature"} == answered
        assert {"echo": "1"} == said(connection, "1")


def test_websocket_ends_when_the_role_is_gone(streams: Streams) -> None:
    """What was asked for is asked of each fresh token, too."""
    session = admin(streams)
    with streams.socket("/admins", streams.fake.session_token(session)) as connection:
        assert {"echo": "1"} == said(connection, "1")
        without = streams.fake.session_token(session, claims={"o": streams.fake.REMOVE})
        connection.send(f"token {without}")
        with contextlib.suppress(ConnectionClosed):  # the answer to it may still come
            connection.recv(timeout=10)

        assert (3003, "role-missing") == closed(connection)


def test_nobody_tells_whether_it_holds(streams: Streams) -> None:
    """Then a websocket holds until its token expires."""
    with streams.socket("/talk", streams.fake.sign_in().token) as connection:
        streams.revocations.is_broken = True
        for number in range(20):
            assert {"echo": str(number)} == said(connection, str(number))
        streams.fake.advance(66)

        assert (3000, "token-expired") == closed(connection)


def test_websocket_ends_where_nobody_can_look_at_it(streams: Streams, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours leaves none open for ever."""

    async def fail(visit: AsyncVisit) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(AsyncVisit, "end", fail)
    with streams.socket("/talk", streams.fake.sign_in().token) as connection:
        assert (1013, "unavailable") == closed(connection)


def test_event_stream_ends_when_the_session_is_revoked(streams: Streams) -> None:
    """As if it were complete, so that the browser asks anew; the generator is told to stop."""
    signed_in = streams.fake.sign_in()
    with streams.stream("/events", signed_in.token) as response:
        assert b"data: begun\n" == response.readline()
        streams.revocations.revoke_session(signed_in.session.id)

        assert b"\n" == response.read()
    assert streams.ended.wait(10)
    with streams.stream("/events", signed_in.token) as response:
        assert 401 == response.status


def test_event_stream_ends_with_its_token(streams: Streams) -> None:
    """The browser comes again with a fresh one."""
    with streams.stream("/events", streams.fake.sign_in().token) as response:
        assert b"data: begun\n" == response.readline()
        streams.fake.advance(66)

        assert b"\n" == response.read()


def test_event_stream_whose_client_leaves(streams: Streams) -> None:
    """Nothing stays behind of it."""
    with streams.stream("/events", streams.fake.sign_in().token) as response:
        assert b"data: begun\n" == response.readline()

    assert streams.ended.wait(10)


def test_download_is_not_cut(streams: Streams, go_on: threading.Event) -> None:
    """A file takes as long as it takes."""
    signed_in = streams.fake.sign_in()
    with streams.stream("/file", signed_in.token) as response:
        assert b"first," == response.read(6)
        streams.revocations.revoke_session(signed_in.session.id)
        streams.fake.advance(3_600)
        go_on.set()

        assert b"last" == response.read()
