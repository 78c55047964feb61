"""The judge itself: it refuses what the recorded spec does not allow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clerk_ext.testing import FakeRequest, FakeResponse
from tests.recorded import (
    SPEC,
    ContractError,
    validate_answer,
    validate_exchange,
    validate_request,
    validate_response,
)

KEY = [("Authorization", "Bearer sk_test_1")]
JSON = [*KEY, ("Content-Type", "application/json")]
SESSION: dict[str, Any] = SPEC["components"]["examples"]["FullSession"]["value"]
ERROR = b'{"errors": [{"message": "a", "long_message": "b", "code": "c"}]}'


def as_json(value: object) -> bytes:
    """The value as a body."""
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("method", "path", "headers", "body"),
    [
        ("GET", "/v1/jwks", KEY, b""),
        ("GET", "/.well-known/jwks.json", [], b""),
        (
            "GET",
            "/v1/sessions?limit=500&offset=0&status=active&paginated=true&user_id=u&client_id=",
            KEY,
            b"",
        ),
        ("GET", "/v1/sessions?__clerk_api_version=2026-05-12", KEY, b""),
        ("POST", "/v1/sessions", JSON, b'{"user_id": "user_1"}'),
        ("POST", "/v1/sessions/a%2Fb/tokens/c%20d", JSON, b'{"expires_in_seconds": null}'),
        ("POST", "/v1/sessions/a/tokens", KEY, b""),
        ("POST", "/v1/sessions/a/revoke", KEY, b""),
    ],
)
def test_allowed_request(method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """Requests that the spec describes pass."""
    validate_request(method, path, headers, body)


@pytest.mark.parametrize(
    ("why", "method", "path", "headers", "body"),
    [
        ("not an operation", "GET", "/v1/users", KEY, b""),
        ("not an operation", "PUT", "/v1/sessions", KEY, b""),
        ("not an operation", "GET", "/jwks", KEY, b""),
        ("not an operation", "GET", "/v1/sessions/", KEY, b""),
        ("not an operation", "GET", "/v1/sessions/a/b", KEY, b""),
        ("no Authorization", "GET", "/v1/jwks", [], b""),
        ("no Authorization", "GET", "/v1/jwks", [("Authorization", "sk_test_1")], b""),
        ("unknown query", "GET", "/v1/sessions?user=1", KEY, b""),
        ("repeated", "GET", "/v1/sessions?limit=1&limit=2", KEY, b""),
        ("minimum", "GET", "/v1/sessions?limit=0", KEY, b""),
        ("maximum", "GET", "/v1/sessions?limit=501", KEY, b""),
        ("minimum", "GET", "/v1/sessions?offset=-1", KEY, b""),
        ("type", "GET", "/v1/sessions?limit=ten", KEY, b""),
        ("type", "GET", "/v1/sessions?paginated=True", KEY, b""),
        ("enum", "GET", "/v1/sessions?status=pending", KEY, b""),
        ("has none", "POST", "/v1/sessions/a/revoke", JSON, b"{}"),
        ("missing", "POST", "/v1/sessions", JSON, b""),
        ("sent as nothing", "POST", "/v1/sessions", KEY, b'{"user_id": "user_1"}'),
        ("not JSON", "POST", "/v1/sessions", JSON, b"{"),
        ("required", "POST", "/v1/sessions", JSON, b"{}"),
        ("type", "POST", "/v1/sessions", JSON, b'{"user_id": 1}'),
        ("minimum", "POST", "/v1/sessions/a/tokens", JSON, b'{"expires_in_seconds": 29}'),
        (
            "additionalProperties",
            "POST",
            "/v1/sessions/a/refresh",
            JSON,
            b'{"expired_token": "", "refresh_token": "", "request_origin": "", "x": 1}',
        ),
    ],
)
def test_refused_request(why: str, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """Requests that the spec does not describe are refused, each for its own reason."""
    with pytest.raises(ContractError, match=why):
        validate_request(method, path, headers, body)


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/v1/sessions/a", 200, as_json(SESSION)),
        ("GET", "/v1/sessions?limit=1", 200, as_json([SESSION])),
        ("GET", "/v1/sessions", 200, as_json({"data": [SESSION], "total_count": 1})),
        ("GET", "/v1/sessions/a", 404, ERROR),
        ("POST", "/v1/sessions/a/tokens", 200, b'{"object": "token", "jwt": "a.b.c"}'),
        ("GET", "/.well-known/jwks.json", 200, b'{"keys": [{"kty": "RSA"}]}'),
    ],
)
def test_allowed_response(method: str, path: str, status: int, body: bytes) -> None:
    """Answers that the spec describes pass."""
    validate_response(method, path, status, body)


@pytest.mark.parametrize(
    ("why", "method", "path", "status", "body"),
    [
        ("documented are", "GET", "/v1/sessions/a", 409, ERROR),
        ("documented are", "GET", "/v1/sessions/a", 201, as_json(SESSION)),
        ("not JSON", "GET", "/v1/sessions/a", 200, b"<html>"),
        ("type", "GET", "/v1/sessions/a", 200, as_json(SESSION | {"created_at": "now"})),
        ("required", "GET", "/v1/sessions/a", 200, as_json({"object": "session"})),
        ("const", "GET", "/v1/sessions/a", 200, as_json(SESSION | {"object": "sessions"})),
        ("required", "GET", "/v1/sessions/a", 404, b'{"errors": [{"message": "a"}]}'),
        ("type", "GET", "/v1/sessions/a", 404, b'"not found"'),
        ("oneOf", "GET", "/v1/sessions", 200, as_json({"data": [SESSION]})),
        ("required", "POST", "/v1/sessions/a/tokens", 200, b'{"object": "token"}'),
        ("not an operation", "GET", "/v1/users", 200, b"{}"),
    ],
)
def test_refused_response(why: str, method: str, path: str, status: int, body: bytes) -> None:
    """Answers that the spec does not describe are refused, each for its own reason."""
    with pytest.raises(ContractError, match=why):
        validate_response(method, path, status, body)


def test_refusal_shows_no_value() -> None:
    """A refusal says where the fault is, and not what was there: it may be a token."""
    with pytest.raises(ContractError) as caught:
        validate_response("POST", "/v1/sessions/a/tokens", 200, b'{"object": "token", "jwt": ["SECRET"]}')

    assert "/jwt" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_exchange_is_both() -> None:
    """An exchange is refused for its request and for its answer."""
    good = FakeRequest("GET", "/v1/sessions/a", KEY)
    validate_exchange(good, FakeResponse(200, {}, as_json(SESSION)))
    with pytest.raises(ContractError, match="no Authorization"):
        validate_exchange(FakeRequest("GET", "/v1/sessions/a"), FakeResponse(401, {}, ERROR))
    with pytest.raises(ContractError, match="documented are"):
        validate_exchange(good, FakeResponse(405, {}, ERROR))


def test_answer_to_a_wrong_request() -> None:
    """To a wrong request an undocumented status is allowed if the body is an error; nothing else is."""
    request = FakeRequest("PUT", "/nowhere")
    validate_answer(request, FakeResponse(405, {}, ERROR))
    with pytest.raises(ContractError, match="required"):
        validate_answer(request, FakeResponse(405, {}, b"{}"))
    with pytest.raises(ContractError, match="not an operation"):
        validate_answer(request, FakeResponse(200, {}, ERROR))
