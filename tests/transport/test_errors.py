"""What an answer, or none, becomes for the caller: over real HTTP, in both worlds."""

from __future__ import annotations

import gzip
import inspect
import pickle
import socket
import ssl
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_ext import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)
from clerk_sessions_api.errors import UnexpectedBody
from tests.transport.loopback import SECRET, Loopback, config_at, error_body, reply, session_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from clerk_ext import Clerk
    from tests.worlds import World

HTML = b"<html><body>Bad gateway at edge 7</body></html>"

CLASSES: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: APIStatusError,
    403: PermissionDeniedError,
    404: NotFoundError,
    405: APIStatusError,
    409: ConflictError,
    410: APIStatusError,
    413: APIStatusError,
    415: APIStatusError,
    418: APIStatusError,
    422: UnprocessableEntityError,
    429: RateLimitError,
    451: APIStatusError,
    499: APIStatusError,
    500: InternalServerError,
    501: InternalServerError,
    502: InternalServerError,
    503: InternalServerError,
    504: InternalServerError,
    529: InternalServerError,
    599: InternalServerError,
}
"""The class that the published table of errors.py gives each status."""

# By name, since tracebacks show the source of a call.
EXPIRED, REFRESH = "eyJexpired", "hushhush"


def failure(clerk: Clerk, call: str = "get") -> APIError:
    """The error of a call that has to fail."""
    calls: dict[str, Callable[[], object]] = {
        "get": lambda: clerk.sessions.get("sess_1"),
        "revoke": lambda: clerk.sessions.revoke("sess_1"),
        "refresh": lambda: clerk.sessions.refresh(
            "sess_1", expired_token=EXPIRED, refresh_token=REFRESH, request_origin="https://app.example"
        ),
    }
    with pytest.raises(APIError) as caught:
        calls[call]()
    return caught.value


def everything_shown(error: BaseException) -> str:
    """All texts of an error and its causes, the traceback included."""
    return "\n".join([str(error), repr(error), *traceback.format_exception(error)])


@pytest.mark.parametrize("status", CLASSES)
@pytest.mark.parametrize("body", [error_body("some_code"), HTML], ids=["Clerk's", "HTML"])
def test_status(world: World, status: int, body: object) -> None:
    """Every error status has its class and keeps its number, documented or not, whatever the body is."""
    with Loopback.script(reply(status, body, retry_after="0")) as server:
        error = failure(world.clerk(config_at(server.url)))

    assert CLASSES[status] is type(error)
    assert isinstance(error, APIStatusError)
    assert (status, 0.0) == (error.status_code, error.retry_after)
    assert (["some_code"] if body != HTML else []) == [detail.code for detail in error.errors]
    assert error.__cause__ is None


def test_what_clerk_says(world: World) -> None:
    """The error tells the call, the status, and Clerk's code and words; the whole of it survives a pickle."""
    with Loopback.script(reply(404, error_body("resource_not_found"))) as server:
        error = failure(world.clerk(config_at(server.url)))
    copy = pickle.loads(pickle.dumps(error))

    assert "GET /v1/sessions/sess_1: 404 resource_not_found: resource_not_found at length" == str(error)
    for it in (error, copy):
        assert isinstance(it, NotFoundError)
        assert ("trace_1", None) == (it.clerk_trace_id, it.retry_after)
        assert "resource_not_found in short" == it.errors[0].message
    assert str(copy) == str(error)


def test_what_the_server_says_stays_on_its_line(world: World) -> None:
    """Line breaks in the server's words, which may repeat what an attacker sent, write no lines of their own."""
    body = {"errors": [{"code": "c", "message": "m", "long_message": "no such\r\nERROR forged\tname"}]}
    with Loopback.script(reply(422, body)) as server:
        error = failure(world.clerk(config_at(server.url)))

    assert "GET /v1/sessions/sess_1: 422 c: no such ERROR forged name" == str(error)


def test_no_reason_at_all(world: World) -> None:
    """An answer that gives no reason has its status alone in the message."""
    with Loopback.script(b"HTTP/1.1 529 \r\nContent-Length: 0\r\n\r\n") as server:
        error = failure(world.clerk(config_at(server.url)))

    assert "GET /v1/sessions/sess_1: 529" == str(error)


@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (error_body("x", "in_body"), {"clerk_trace_id": "in_header"}, "in_body"),
        (error_body("x", None), {"clerk_trace_id": "in_header", "cf_ray": "ray"}, "in_header"),
        (HTML, {"cf_ray": "ray"}, "ray"),
        (HTML, {}, None),
    ],
)
def test_trace_id(world: World, body: object, headers: dict[str, Any], expected: str | None) -> None:
    """The id to quote to Clerk's support is that of the body, else of a header."""
    with Loopback.script(reply(404, body, **headers)) as server:
        error = failure(world.clerk(config_at(server.url)))

    assert isinstance(error, APIStatusError)
    assert expected == error.clerk_trace_id


INCOMPLETE: list[tuple[list[Any], list[str]]] = [
    ([{"code": "a", "message": "m"}], ["a"]),
    ([{"code": "a"}, 7, {}, {"code": "b", "message": "m", "long_message": "l", "meta": {}}], ["a", "b"]),
    ([{"message": "m"}, {"code": 7, "message": "m"}], [""]),
]


@pytest.mark.parametrize(("entries", "codes"), INCOMPLETE)
def test_incomplete_error_body(world: World, entries: list[Any], codes: list[str]) -> None:
    """A member that is missing costs neither the others of its error nor the other errors."""
    with Loopback.script(reply(422, {"errors": entries})) as server:
        error = failure(world.clerk(config_at(server.url)), "revoke")

    assert isinstance(error, UnprocessableEntityError)
    assert codes == [detail.code for detail in error.errors]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"{}",
        b'{"errors": null}',
        b'{"errors": [{}]}',
        b'{"errors": [7]}',
        b'{"errors": [{"code": 1, "message": "m", "long_message": "l"}]}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"errors": [',
        b"9" * 5_000,
    ],
)
def test_undecodable_error_body(world: World, body: bytes) -> None:
    """An error whose body is not Clerk's keeps its status and its reason phrase."""
    with Loopback.script(reply(403, body)) as server:
        error = failure(world.clerk(config_at(server.url)))

    assert isinstance(error, PermissionDeniedError)
    assert (403, ()) == (error.status_code, error.errors)
    assert "GET /v1/sessions/sess_1: 403 Said" == str(error)


@pytest.mark.parametrize(
    "answer",
    [
        reply(429, b"this is no gzip", content_encoding="gzip", retry_after="3600", clerk_trace_id="trace_9"),
        reply(429, b"{", length=500, retry_after="3600", clerk_trace_id="trace_9"),
    ],
    ids=["wrong coding", "cut"],
)
@pytest.mark.parametrize("call", ["get", "revoke", "refresh"])
def test_error_whose_body_cannot_be_read(world: World, answer: bytes, call: str) -> None:
    """The status, the wait and the trace id of an error stand in its head: a broken body does not lose them."""
    with Loopback.script(answer) as server:
        error = failure(world.clerk(config_at(server.url)), call)

    assert isinstance(error, RateLimitError)
    assert (429, 3600.0, "trace_9") == (error.status_code, error.retry_after, error.clerk_trace_id)
    assert 1 == len(server.received)


def test_compressed_error(world: World) -> None:
    """A compressed error is read like any other."""
    body = gzip.compress(b'{"errors": [{"code": "c", "message": "m", "long_message": "l"}]}')
    with Loopback.script(reply(422, body, content_encoding="gzip")) as server:
        error = failure(world.clerk(config_at(server.url)))

    assert isinstance(error, UnprocessableEntityError)
    assert "c" == error.errors[0].code


@pytest.mark.parametrize(
    "body",
    [HTML, b"", b"null", b"{}", b"[]", b"7", b'{"object": "session"}', b"[" * 100_000, b"\xff\xfe\x00"],
)
@pytest.mark.parametrize("call", ["get", "revoke", "refresh"])
def test_success_that_is_none(world: World, body: bytes, call: str) -> None:
    """A 200 with anything but what was asked for is an `APIResponseError` that names the field, and is not repeated."""
    with Loopback.script(reply(200, body)) as server:
        error = failure(world.clerk(config_at(server.url)), call)

    assert isinstance(error, APIResponseError)
    assert 200 == error.status_code
    assert isinstance(error.__cause__, UnexpectedBody)
    assert str(error.__cause__) in str(error)
    assert 1 == len(server.received)
    assert "edge 7" not in everything_shown(error)


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_other_successes(world: World, status: int) -> None:
    """A success of another kind than the API gives is no success, even with a session in it."""
    with Loopback.script(reply(status, session_json())) as server:
        error = failure(world.clerk(config_at(server.url)))

    assert isinstance(error, APIResponseError)
    assert status == error.status_code
    assert f"GET /v1/sessions/sess_1: unexpected status {status}" == str(error)


def test_no_content(world: World) -> None:
    """A 204 has nothing to read."""
    with Loopback.script(b"HTTP/1.1 204 No Content\r\n\r\n") as server:
        error = failure(world.clerk(config_at(server.url)))

    assert isinstance(error, APIResponseError)
    assert 204 == error.status_code


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["get", "revoke", "refresh"])
def test_redirect_is_not_followed(world: World, status: int, call: str) -> None:
    """No request goes where a redirect points: the secret key is for `api_url` alone."""
    with (
        Loopback.script(reply(200, session_json())) as elsewhere,
        Loopback.script(reply(status, location=f"{elsewhere.url}/v1/sessions/sess_1")) as server,
    ):
        error = failure(world.clerk(config_at(server.url)), call)

    assert isinstance(error, APIResponseError)
    assert status == error.status_code
    assert (1, 0) == (len(server.received), elsewhere.connections)


@pytest.mark.parametrize("location", ["http://[", "https://\x7f/", "//", "http://a:b"])
def test_redirect_to_nowhere(world: World, location: str) -> None:
    """A Location that is no URL does not change what the answer is taken for: one that the API does not give."""
    with Loopback.script(reply(302, location=location)) as server:
        error = failure(world.clerk(config_at(server.url)), "revoke")

    assert isinstance(error, (APIResponseError, APIConnectionError))
    assert 1 == len(server.received)


def test_cut_success(world: World) -> None:
    """A success that ends too soon is no whole answer; a GET is asked again, the rest is not."""
    cut = reply(200, b'{"object": "session', length=500)
    with Loopback.script(cut) as server:
        error = failure(world.clerk(config_at(server.url)), "revoke")

        assert isinstance(error, APIConnectionError)
        assert isinstance(error.__cause__, httpx.RemoteProtocolError)
        assert 1 == len(server.received)
    with Loopback.script(cut, reply(200, session_json("sess_7"))) as server:
        assert "sess_7" == world.clerk(config_at(server.url)).sessions.get("sess_1").id
        assert 2 == len(server.received)


def test_nobody_listens(world: World) -> None:
    """A refused connection is an `APIConnectionError` that names the host and the cause."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = failure(world.clerk(config_at(f"http://127.0.0.1:{port}")), "revoke")

    assert isinstance(error, APIConnectionError)
    assert isinstance(error.__cause__, httpx.ConnectError)
    assert str(error).startswith("POST /v1/sessions/sess_1/revoke: no whole answer from 127.0.0.1 (ConnectError: ")


@pytest.mark.parametrize("call", ["get", "refresh"])
def test_no_answer(world: World, call: str) -> None:
    """A server that says nothing ends in a time-out, which the message names; nothing secret is in any of it."""
    with Loopback.script(None) as server:
        # The clock says that the budget is used up, so that a GET is not asked again.
        instants = iter([0.0])
        error = failure(world.clerk(config_at(server.url, timeout=0.2, monotonic=lambda: next(instants, 60.0))), call)

    assert isinstance(error, APIConnectionError)
    assert isinstance(error.__cause__, httpx.ReadTimeout)
    assert "(ReadTimeout" in str(error)
    assert "ReadTimeout: )" not in str(error)
    shown = everything_shown(error)
    assert [] == [text for text in (SECRET, EXPIRED, REFRESH) if text in shown]


def test_foreign_protocol(world: World) -> None:
    """A server that speaks no HTTP is an `APIConnectionError`."""
    with Loopback.script(b"SSH-2.0-OpenSSH_9.9\r\n\r\nConnection: close\r\n\r\n") as server:
        error = failure(world.clerk(config_at(server.url)), "revoke")

    assert isinstance(error, APIConnectionError)
    assert isinstance(error.__cause__, httpx.RemoteProtocolError)


def test_no_tls(world: World) -> None:
    """A server without TLS at an https address is an `APIConnectionError`."""
    with Loopback.script(reply(200)) as server:
        error = failure(world.clerk(config_at(server.url.replace("http:", "https:"))), "revoke")

    assert isinstance(error, APIConnectionError)
    assert isinstance(error.__cause__, httpx.ConnectError)


class Raising(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """A transport that fails in one way."""

    def __init__(self, error: Exception, *, in_body: bool = False) -> None:
        self._error = error
        self._in_body = in_body
        self.stream = _RaisingStream(error)

    def _answer(self) -> httpx.Response:
        if self._in_body:
            return httpx.Response(200, stream=self.stream)
        raise self._error

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self._answer()


class _RaisingStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, error: Exception) -> None:
        self._error = error
        self.closed = False

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True

    def __iter__(self) -> Iterator[bytes]:
        yield b"{"
        raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise self._error


def every_httpx_error() -> list[Exception]:
    """One of each exception class that httpx shows."""
    request = httpx.Request("GET", "https://api.example")
    made: list[Exception] = []
    for thing in vars(httpx).values():
        if inspect.isclass(thing) and issubclass(thing, Exception):
            if thing is httpx.HTTPStatusError:
                made.append(httpx.HTTPStatusError("why", request=request, response=httpx.Response(500)))
            else:
                make: Callable[..., Exception] = thing
                made.append(make("why") if "message" in inspect.signature(thing).parameters else make())
    return made


def test_every_httpx_error_is_known() -> None:
    """The next two tests see all of them: those of the documentation are there."""
    names = {type(error).__name__ for error in every_httpx_error()}

    assert {
        "ConnectTimeout",
        "ProxyError",
        "DecodingError",
        "TooManyRedirects",
        "InvalidURL",
        "CookieConflict",
    } <= names
    assert {"StreamConsumed", "StreamClosed", "ResponseNotRead", "RequestNotRead", "UnsupportedProtocol"} <= names
    assert len(names) >= 25


@pytest.mark.parametrize("in_body", [False, True], ids=["head", "body"])
@pytest.mark.parametrize("error", every_httpx_error(), ids=lambda error: type(error).__name__)
def test_no_httpx_error_crosses(world: World, error: Exception, in_body: bool) -> None:
    """Whatever httpx raises, before an answer or within it, the caller sees ours, with httpx's for its cause.

    Errors that quote what is on the wire come as a copy that does not.
    """
    clerk = world.clerk(config_at("https://api.example"), transport=Raising(error, in_body=in_body))
    seen = failure(clerk, "revoke")

    assert type(seen) is APIConnectionError
    assert type(error) is type(seen.__cause__)
    assert (error is seen.__cause__) != isinstance(error, httpx.ProtocolError)
    assert not isinstance(seen, (httpx.HTTPError, httpx.StreamError))


BROKEN_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN_STATUS = b""


@pytest.mark.parametrize("head", [BROKEN_CHUNK, BROKEN_STATUS], ids=["chunk header", "status line"])
def test_broken_http_shows_no_token(world: World, head: bytes) -> None:
    """A broken exchange is not quoted: the bytes where it broke may be a token that was minted."""
    minted = "eyJ" + "minted"
    with Loopback.script(head + b'{"object":"token","jwt":"' + minted.encode() + b'"}\r\n\r\n') as server:
        clerk = world.clerk(config_at(server.url))
        with pytest.raises(APIConnectionError) as caught:
            clerk.sessions.create_token("sess_1")

    assert isinstance(caught.value.__cause__, httpx.RemoteProtocolError)
    assert minted not in everything_shown(caught.value)


@pytest.mark.parametrize("error", [httpx.ReadError("x"), ZeroDivisionError(), KeyboardInterrupt()])
def test_broken_body_is_closed(world: World, error: Exception) -> None:
    """However the reading of an answer ends, its connection is given up."""
    transport = Raising(error, in_body=True)
    clerk = world.clerk(config_at("https://api.example"), transport=transport)
    with pytest.raises((APIConnectionError, type(error))):
        clerk.sessions.revoke("sess_1")

    assert transport.stream.closed


@pytest.mark.parametrize("error", [ZeroDivisionError(), RuntimeError("a bug"), ssl.SSLError("raw")])
def test_faults_of_a_transport_are_not_hidden(world: World, error: Exception) -> None:
    """An exception that no HTTP client raises is a bug of the transport's, and comes out as it is."""
    clerk = world.clerk(config_at("https://api.example"), transport=Raising(error))
    with pytest.raises(type(error)) as caught:
        clerk.sessions.revoke("sess_1")

    assert error is caught.value


@pytest.mark.parametrize("status", [200, 401, 500])
def test_secrets_are_not_shown(world: World, status: int) -> None:
    """No text of an error, nor of the clients, holds the key or the tokens of the call."""
    with Loopback.script(reply(status, HTML, set_cookie="__session=eyJcookie")) as server:
        clerk = world.clerk(config_at(server.url))
        shown = everything_shown(failure(clerk, "refresh")) + repr(clerk) + repr(clerk.config)

    assert [] == [text for text in (SECRET, "KeepThis", EXPIRED, REFRESH, "eyJcookie") if text in shown]


def test_message_stays_on_its_line(world: World) -> None:
    """An id with a line break cannot write lines of its own into a log."""
    with Loopback.script(reply(404, HTML), reply(200, HTML)) as server:
        clerk = world.clerk(config_at(server.url))
        messages: list[str] = []
        for _ in range(2):
            with pytest.raises(APIError) as caught:
                clerk.sessions.get("sess_1\nERROR forged")
            messages.append(str(caught.value))

    assert ["GET /v1/sessions/sess_1%0AERROR%20forged: "] * 2 == [text[: text.index(": ") + 2] for text in messages]
    assert "\n" not in "".join(messages)
