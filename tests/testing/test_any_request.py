"""Whatever is asked, the answer is one that the recorded spec allows, or an error in Clerk's form."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from clerk_ext.testing import FakeClerk, FakeRequest
from tests.recorded import validate_answer

FAKE = FakeClerk(clock=lambda: 1_800_000_000)
SESSION = FAKE.create_session(FAKE.add_user("user_1"))
FAKE.add_template("any")
TOKEN = FAKE.session_token(SESSION, azp="https://a.example")

TEXT = st.text(max_size=12)
SEGMENTS = st.one_of(
    st.sampled_from(["sessions", "jwks", "revoke", "refresh", "tokens", "any", SESSION.id, "", ".", "..", "%", "%ff"]),
    st.text(alphabet="abc/%?#&=[]:é\x00", max_size=6),
)
PATHS = st.one_of(
    st.lists(SEGMENTS, max_size=5).map(lambda segments: "/v1/" + "/".join(segments)),
    st.sampled_from(["/.well-known/jwks.json", "/v1/sessions", f"/v1/sessions/{SESSION.id}/refresh", "*", ""]),
    TEXT,
)
QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["limit", "offset", "status", "paginated", "user_id", "client_id", "__clerk_api_version", "x"]),
        st.one_of(st.integers().map(str), st.sampled_from(["true", "false", "active", "user_1", "2026-05-12"]), TEXT),
    ),
    max_size=4,
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [
            "active_organization_id",
            "expired_token",
            "expires_in_seconds",
            "format",
            "refresh_token",
            "request_headers",
            "request_origin",
            "request_originating_ip",
            "user_id",
        ]
    ),
    st.sampled_from(["user_1", TOKEN, "https://a.example", FAKE.refresh_token(SESSION), "token", 60, None]) | JSON,
)
BODIES = st.one_of(st.binary(max_size=40), (JSON | FIELDS).map(lambda value: json.dumps(value).encode()))
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["Authorization"]), st.just(f"Bearer {FAKE.secret_key}") | TEXT),
        st.tuples(st.sampled_from(["Content-Type"]), st.just("application/json") | TEXT),
        st.tuples(st.sampled_from(["Clerk-API-Version"]), st.just("2026-05-12") | TEXT),
        st.tuples(st.sampled_from(["Host"]), st.sampled_from([FAKE.frontend_api, "api.clerk.com"]) | TEXT),
        st.tuples(TEXT, TEXT),
    ),
    max_size=4,
)
GOOD = [("Authorization", f"Bearer {FAKE.secret_key}"), ("Content-Type", "application/json")]


@settings(max_examples=500, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"]) | TEXT,
    path=PATHS,
    query=QUERIES | TEXT,
    headers=st.just(GOOD) | HEADERS,
    body=BODIES,
)
def test_any_request(method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes) -> None:
    """No method, target, header or body makes the instance raise, or answer what Clerk would not."""
    request = FakeRequest(method, f"{path}?{query}" if query else path, headers, body)
    response = FAKE.handle(request)

    assert 200 <= response.status < 500
    validate_answer(request, response)


@settings(max_examples=200, deadline=None)
@given(operation=st.sampled_from(["", "/revoke", "/refresh", "/tokens", "/tokens/any"]), body=FIELDS)
def test_any_body(operation: str, body: dict[str, object]) -> None:
    """Known fields with any value, sent properly, are answered with what the spec documents for the operation."""
    path = "/v1/sessions" + (f"/{SESSION.id}{operation}" if operation else "")
    request = FakeRequest("POST", path, GOOD, json.dumps(body).encode())
    SESSION.status = "active"

    validate_answer(request, FAKE.handle(request))
