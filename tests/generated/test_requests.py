"""The request that each operation builds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_sessions_api import AuthenticatedClient
from clerk_sessions_api.api.sessions import create_session_token, get_session, get_session_list
from clerk_sessions_api.models import CreateSessionTokenBody
from tests.generated.operations import BY_NAME, OPERATIONS, SPEC, Operation, resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

PATH_PARAMETERS = [
    pytest.param(operation, index, id=f"{operation.module}-{index}")
    for operation in OPERATIONS
    for index in range(len(operation.args))
]


def test_every_operation_of_the_spec_is_covered() -> None:
    """The table of these tests holds each operation of the recorded spec, once."""
    recorded = sorted((method.upper(), path) for path, item in SPEC["paths"].items() for method in item)

    assert recorded == sorted((operation.method, operation.template) for operation in OPERATIONS)


def test_request(client: AuthenticatedClient, operation: Operation) -> None:
    """An operation becomes one request: method, absolute URL with its query, JSON body."""
    request: httpx.Request = operation.code.build_request(client, *operation.args, **operation.options)
    query = f"?{operation.query}" if operation.query else ""

    assert operation.method == request.method
    assert f"https://api.example.com/v1{operation.path}{query}" == str(request.url)
    assert operation.body == (json.loads(request.content) if request.content else None)


def test_headers(client: AuthenticatedClient, operation: Operation) -> None:
    """A request carries all its headers; a POST says that it is JSON, with or without a body."""
    request: httpx.Request = operation.code.build_request(client, *operation.args, **operation.options)
    expected = {
        "host": "api.example.com",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate",
        "user-agent": "clerk-sessions-api/2026-05-12",
        "authorization": "Bearer sk_test_secret",
    }
    if operation.method == "POST":
        expected |= {"content-type": "application/json", "content-length": str(len(request.content))}

    assert expected == dict(request.headers)


def test_request_as_received(loopback: Any, call: Callable[..., Any], operation: Operation) -> None:
    """What arrives at a server is what was built, in both worlds."""
    loopback.answer = (200, operation.examples()[0])
    call(operation, f"{loopback.url}/v1", headers={"Clerk-API-Version": "2026-05-12"})
    [received] = loopback.received
    query = f"?{operation.query}" if operation.query else ""

    assert (operation.method, f"/v1{operation.path}{query}") == (received.method, received.target)
    assert operation.body == (json.loads(received.body) if received.body else None)
    assert loopback.url.removeprefix("http://") == received.headers["host"]
    assert received.headers["authorization"] == "Bearer sk_test_secret"
    assert received.headers["clerk-api-version"] == "2026-05-12"


def test_left_out(client: AuthenticatedClient) -> None:
    """Arguments that are left out are not sent: no query, no body, no null in a body."""
    listing = get_session_list.build_request(client)
    without_body = create_session_token.build_request(client, "sess_1")
    with_body = create_session_token.build_request(client, "sess_1", body=CreateSessionTokenBody())

    assert str(listing.url) == "https://api.example.com/v1/sessions"
    assert without_body.content == b""
    assert with_body.content == b"{}"


def test_false_and_zero_are_sent(client: AuthenticatedClient) -> None:
    """False and 0 are values, not absence; booleans are spelt as JSON spells them."""
    request = get_session_list.build_request(client, paginated=False, offset=0)

    assert request.url.query == b"paginated=false&offset=0"


@given(user_id=st.text())
def test_query_values_arrive_as_given(user_id: str) -> None:
    """Whatever text a query value holds, a server that decodes the query reads the same text."""
    client = AuthenticatedClient("https://api.example.com/v1", "sk_test_secret")
    query = get_session_list.build_request(client, user_id=user_id, limit=1).url.query.decode("ascii")

    assert [("user_id", user_id), ("limit", "1")] == parse_qsl(query, keep_blank_values=True)


@pytest.mark.parametrize("bad", ["", ".", "..", "/", "sess/1", "../sess_1", "sess_1/"])
@pytest.mark.parametrize(("operation", "index"), PATH_PARAMETERS)
def test_ids_that_reach_another_path(client: AuthenticatedClient, operation: Operation, index: int, bad: str) -> None:
    """An id that would change the path is refused before anything is sent, by the parameter's name."""
    parameters = [resolved(parameter)["name"] for parameter in operation.spec["parameters"]]
    arguments = [*operation.args]
    arguments[index] = bad

    with pytest.raises(ValueError, match=f"^{parameters[index]} must not be empty"):
        operation.code.build_request(client, *arguments, **operation.options)


@pytest.mark.parametrize("world", ["sync", "sync_detailed"])
def test_bad_ids_are_not_sent(loopback: Any, world: str) -> None:
    """The functions that send refuse the id too, and the server sees nothing."""
    with (
        AuthenticatedClient(loopback.url, "sk_test_secret") as client,
        pytest.raises(ValueError, match=r"^session_id "),
    ):
        getattr(get_session, world)("..", client=client)

    assert [] == loopback.received


@example(session_id="%2e%2e")
@example(session_id="..%2Frevoke")
@example(session_id="..?a=b#c")
@example(session_id="..\\..")
@given(session_id=st.text(min_size=1).filter(lambda text: text not in (".", "..") and "/" not in text))
def test_ids_stay_one_segment(session_id: str) -> None:
    """Any other id is one segment of the path, and a server that decodes it reads the same id."""
    client = AuthenticatedClient("https://api.example.com/v1", "sk_test_secret")
    request = create_session_token.build_request(client, session_id)
    segments = request.url.raw_path.decode("ascii").split("/")

    assert ["", "v1", "sessions", session_id, "tokens"] == [unquote(segment) for segment in segments]


def test_lone_surrogates(client: AuthenticatedClient) -> None:
    """An id that is not Unicode text is refused by the parameter's name."""
    with pytest.raises(ValueError, match=r"^session_id must be Unicode text"):
        get_session.build_request(client, "sess_\ud800")


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://api.example.com/v1/", "https://api.example.com/v1/jwks"),
        ("https://api.example.com", "https://api.example.com/jwks"),
        ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b/jwks"),
    ],
)
def test_base_url_is_used_as_given(base_url: str, url: str) -> None:
    """Paths are appended to the base URL, whose own path is kept; a trailing slash makes no difference."""
    request = BY_NAME["get_jwks"].code.build_request(AuthenticatedClient(base_url, "sk_test_secret"))

    assert url == str(request.url)


def test_callers_headers(client: AuthenticatedClient) -> None:
    """Headers of the caller's replace the defaults of the same name, but never the credential."""
    given_headers = {"user-agent": "app/1.0", "Clerk-API-Version": "2026-05-12", "authorization": "Basic x"}
    other = AuthenticatedClient("https://api.example.com/v1", "sk_test_secret", headers=given_headers)
    headers = get_session.build_request(other, "sess_1").headers

    assert headers.get_list("user-agent") == ["app/1.0"]
    assert headers.get_list("clerk-api-version") == ["2026-05-12"]
    assert headers.get_list("authorization") == ["Bearer sk_test_secret"]
    assert "clerk-api-version" not in get_session.build_request(client, "sess_1").headers


def test_requests_share_nothing_that_can_change(client: AuthenticatedClient) -> None:
    """What somebody changes in one request (a hook, say) is not seen in the next."""
    first = get_session.build_request(client, "sess_1")
    first.headers["Authorization"] = "changed"
    first.extensions["timeout"]["connect"] = None
    second = get_session.build_request(client, "sess_1")

    assert second.headers["authorization"] == "Bearer sk_test_secret"
    assert second.extensions["timeout"]["connect"] == 5.0
