"""What each operation makes of each answer."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from clerk_sessions_api import Response, UnexpectedBody, UnexpectedStatus
from clerk_sessions_api.api.sessions import get_session, get_session_list, refresh_session
from clerk_sessions_api.models import ErrorBody, Session, SessionCookies, SessionPage, SessionToken
from clerk_sessions_api.types import is_array
from tests.generated.operations import BY_NAME, OPERATIONS, SCHEMAS, Operation

if TYPE_CHECKING:
    from collections.abc import Callable

ERROR = {"errors": [{"message": "no", "long_message": "Not so.", "code": "resource_not_found"}]}
DOCUMENTED_ERRORS = [
    pytest.param(operation, status, id=f"{operation.module}-{status}")
    for operation in OPERATIONS
    for status in operation.error_statuses()
]
UNREADABLE = [
    b"",
    b"<html>secret</html>",
    b'{"errors": [',
    b"\xff\xfe\x00secret",
    b'["secret"]',
    b'{"errors": "secret"}',
    b'{"errors": [{"code": "secret"}]}',
    b"[" * 100_000,
]
UNREADABLE_IDS = ["empty", "html", "cut", "not-utf-8", "array", "wrong-type", "missing-fields", "nested"]


def answer(status: int, body: Any) -> httpx.Response:
    """A response as httpx gives it; a body that is not bytes is sent as JSON."""
    return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())


def plain(value: Any) -> Any:
    """A parsed answer as JSON again."""
    return [item.to_dict() for item in value] if is_array(value) else value.to_dict()


def without_null(value: Any) -> Any:
    """JSON without the members that are null, which a model does not tell from missing ones."""
    text = json.dumps(value)
    return json.loads(text, object_pairs_hook=lambda pairs: {name: item for name, item in pairs if item is not None})


def test_success(operation: Operation) -> None:
    """Each recorded example of a success is read, and written again as it was."""
    for example in operation.examples():
        parsed = operation.code.parse_success(answer(200, example))

        assert without_null(example) == plain(parsed)
        assert operation.code.parse_response(answer(200, example)) == parsed


@pytest.mark.parametrize(("operation", "status"), DOCUMENTED_ERRORS)
def test_documented_errors(operation: Operation, status: int) -> None:
    """Each documented error status gives the error body."""
    parsed = operation.code.parse_response(answer(status, ERROR))

    assert isinstance(parsed, ErrorBody)
    assert ["resource_not_found"] == [error.code for error in parsed.errors]


@pytest.mark.parametrize("status", [201, 204, 302, 418, 502])
def test_undocumented_status(operation: Operation, status: int) -> None:
    """A status that is not documented raises, tells the status and shows nothing of the body."""
    with pytest.raises(UnexpectedStatus, match=str(status)) as caught:
        operation.code.parse_response(answer(status, b"secret"))

    assert status == caught.value.status_code
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize("body", UNREADABLE, ids=UNREADABLE_IDS)
def test_unreadable_error_keeps_its_status(operation: Operation, body: bytes) -> None:
    """An error whose body cannot be read is still known by its status; the body is not shown."""
    status = operation.error_statuses()[-1]

    with pytest.raises(UnexpectedStatus) as caught:
        operation.code.parse_response(answer(status, body))

    assert status == caught.value.status_code
    assert "secret" not in f"{caught.value!r} {caught.value}"


@pytest.mark.parametrize("body", UNREADABLE, ids=UNREADABLE_IDS)
def test_unreadable_success(operation: Operation, body: bytes) -> None:
    """A success whose body cannot be read raises a ValueError that says where, and shows no value."""
    if body == b'["secret"]' and operation is BY_NAME["get_session_list"]:
        body = b'[["secret"]]'

    with pytest.raises(UnexpectedBody) as caught:
        operation.code.parse_success(answer(200, body))

    assert isinstance(caught.value, ValueError)
    assert caught.value.field.split(".")[0] in {"body", *SCHEMAS}
    assert "secret" not in f"{caught.value!r} {caught.value}"


def test_message_names_model_and_field() -> None:
    """The message says which field of which model does not fit, and what would."""
    session = BY_NAME["get_session"].examples()[0] | {"expire_at": "secret"}

    with pytest.raises(UnexpectedBody, match=r"^Session\.expire_at: expected an integer$"):
        get_session.parse_success(answer(200, session))


@pytest.mark.parametrize("error", [UnexpectedBody("Session.id", "a string"), UnexpectedStatus(418)])
def test_errors_can_be_pickled(error: Exception) -> None:
    """The two errors survive pickling, as exceptions of worker processes must."""
    copy = pickle.loads(pickle.dumps(error))

    assert (type(error), str(error), vars(error)) == (type(copy), str(copy), vars(copy))


def test_list_is_an_array_or_a_page() -> None:
    """The list answers a bare array or a page, and which one it was shows in the type."""
    session = BY_NAME["get_session"].examples()[0]
    array = get_session_list.parse_success(answer(200, [session]))
    page = get_session_list.parse_success(answer(200, {"data": [session], "total_count": 7}))

    assert array == [Session.from_dict(session)]
    assert page == SessionPage(data=[Session.from_dict(session)], total_count=7)
    assert get_session_list.parse_success(answer(200, [])) == []


def test_refresh_gives_a_token_or_cookies() -> None:
    """A refresh answers a token or cookies, told apart by what they say that they are."""
    token = refresh_session.parse_success(answer(200, {"object": "token", "jwt": "a.b.c"}))
    cookies = refresh_session.parse_success(answer(200, {"object": "cookies", "cookies": ["a=b"]}))

    assert token == SessionToken(object="token", jwt="a.b.c")
    assert cookies == SessionCookies(object="cookies", cookies=["a=b"])


def test_calls(loopback: Any, call: Callable[..., Any], operation: Operation) -> None:
    """A call over HTTP gives the typed answer, and the detailed one also status, headers and body."""
    example = operation.examples()[0]
    loopback.answer = (200, example)
    parsed = call(operation, loopback.url)
    detailed = call(operation, loopback.url, "_detailed")

    assert without_null(example) == plain(parsed)
    assert (200, parsed) == (detailed.status_code, detailed.parsed)
    assert example == json.loads(detailed.content)
    assert str(len(detailed.content)) == detailed.headers["content-length"]
    assert isinstance(detailed, Response)


def test_error_over_http(loopback: Any, call: Callable[..., Any], operation: Operation) -> None:
    """A documented error is an answer like any other, in both worlds."""
    loopback.answer = (operation.error_statuses()[0], ERROR)

    assert ErrorBody.from_dict(ERROR) == call(operation, loopback.url)


def test_html_over_http(loopback: Any, call: Callable[..., Any], operation: Operation) -> None:
    """HTML from a proxy never becomes None: it raises with its status, in both worlds."""
    loopback.answer = (502, b"<html>Bad gateway</html>")

    with pytest.raises(UnexpectedStatus) as caught:
        call(operation, loopback.url)

    assert caught.value.status_code == 502


def test_response_shows_no_secrets() -> None:
    """A detailed answer shows neither its body nor its headers, both of which may hold tokens."""
    body = {"object": "token", "jwt": "header.payload.signature"}
    response = httpx.Response(200, json=body, headers={"set-cookie": "__session=header.payload.signature"})

    assert "payload" not in repr(refresh_session.build_response(response))
