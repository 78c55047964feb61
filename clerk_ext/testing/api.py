"""Clerk's side of the wire: a request to the Backend API or the Frontend API in, the answer out. No I/O."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, unquote

import attrs

from . import refresh
from .exchange import FaultError, json_response
from .records import MAX_LIFETIME, MIN_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .exchange import FakeRequest, FakeResponse
    from .instance import FakeClerk
    from .records import FakeSession
    from .trouble import Operation

JWKS_PATH: Final = "/.well-known/jwks.json"
BACKEND_HOST: Final = "api.clerk.com"
API_VERSIONS: Final = frozenset({"2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10", "2026-05-12"})
LISTED_STATUSES: Final = ("abandoned", "active", "ended", "expired", "removed", "replaced", "revoked")
"""The statuses that the list can be filtered by: ``pending`` is not among them."""

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")
_BEARER: Final = re.compile(r"Bearer +(\S+)", re.IGNORECASE)


def answer(fake: FakeClerk, request: FakeRequest, trace_id: str) -> FakeResponse:
    """Return the instance's answer to a request.

    Args:
        fake: The instance.
        request: The request. Its ``Host``, where it is one of Clerk's own, decides between the two APIs; any
            other host, such as that of a server on loopback, gives both.
        trace_id: Put into the answer.
    """
    try:
        return json_response(200, _dispatch(fake, request), trace_id)
    except FaultError as fault:
        return fault.response(trace_id)


def operation_of(request: FakeRequest) -> Operation | None:
    """Name the operation that a request is for, or None if there is none."""
    path = request.path.partition("?")[0]
    if path == JWKS_PATH:
        return "jwks"
    match (request.method, *path.removeprefix("/v1/").split("/")):
        case ("GET", "jwks"):
            return "jwks"
        case ("GET", "sessions"):
            return "sessions.list"
        case ("POST", "sessions"):
            return "sessions.create"
        case ("GET", "sessions", _):
            return "sessions.get"
        case ("POST", "sessions", _, "revoke"):
            return "sessions.revoke"
        case ("POST", "sessions", _, "refresh"):
            return "sessions.refresh"
        case ("POST", "sessions", _, "tokens"):
            return "sessions.create_token"
        case ("POST", "sessions", _, "tokens", _):
            return "sessions.create_token_from_template"
        case _:
            return None


@attrs.frozen
class Call:
    """A request whose sender is known, taken apart."""

    segments: tuple[str, ...]
    query: Mapping[str, str]
    request: FakeRequest

    def json_object(self) -> dict[str, Any]:
        """Return the body; no body is an empty object.

        Raises:
            FaultError: It is no JSON object, or says that it is something else.
        """
        if not self.request.body:
            return {}
        if self.request.media_type != "application/json":
            raise FaultError(415, "unsupported_content_type", "the content type must be application/json")
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise FaultError(400, "request_body_invalid", "the body is not a JSON object")
        return cast(dict[str, Any], body)


def _dispatch(fake: FakeClerk, request: FakeRequest) -> object:
    path, _, raw_query = request.path.partition("?")
    if path == JWKS_PATH and request.host != BACKEND_HOST:
        operations: Mapping[str, Callable[[], object]] = {"GET": fake.jwks}
    elif path.startswith("/v1/") and request.host != fake.frontend_api:
        query = dict(reversed(parse_qsl(raw_query, keep_blank_values=True, errors="replace")))
        _check_secret_key(fake, request)
        _check_api_version(request, query)
        segments = tuple(unquote(segment) for segment in path.removeprefix("/v1/").split("/"))
        operations = _operations(fake, Call(segments, query, request))
    else:
        operations = {}
    if not operations:
        raise FaultError(404, "resource_not_found", "there is nothing at this address")
    if request.method not in operations:
        allowed = ", ".join(sorted(operations))
        raise FaultError(405, "method_not_allowed", f"this address takes {allowed} only", headers={"Allow": allowed})
    return operations[request.method]()


def _operations(fake: FakeClerk, call: Call) -> Mapping[str, Callable[[], object]]:
    """Return what can be done at an address of the Backend API, by method."""
    match call.segments:
        case ("jwks",):
            return {"GET": fake.jwks}
        case ("sessions",):
            return {"GET": partial(_list, fake, call), "POST": partial(_create, fake, call)}
        case ("sessions", session_id):
            return {"GET": lambda: _session(fake, session_id).to_json()}
        case ("sessions", session_id, "revoke"):
            return {"POST": partial(_revoke, fake, session_id)}
        case ("sessions", session_id, "refresh"):
            return {
                "POST": lambda: refresh.refresh(
                    fake, session_id, call.json_object(), call.query.get("suffixed_cookies") == "true"
                )
            }
        case ("sessions", session_id, "tokens"):
            return {"POST": partial(_token, fake, call, session_id)}
        case ("sessions", session_id, "tokens", template):
            return {"POST": partial(_template_token, fake, call, session_id, template)}
        case _:
            return {}


def _check_secret_key(fake: FakeClerk, request: FakeRequest) -> None:
    values = request.header_values("authorization")
    bearer = _BEARER.fullmatch(values[0]) if len(values) == 1 else None
    if bearer is None:
        raise FaultError(
            401,
            "authorization_header_format_invalid",
            "the Authorization header must be: Bearer <key>",
        )
    if bearer[1] != fake.secret_key:
        raise FaultError(401, "clerk_key_invalid", "no instance has this secret key")


def _check_api_version(request: FakeRequest, query: Mapping[str, str]) -> None:
    versions = request.header_values("clerk-api-version")
    if "__clerk_api_version" in query:
        versions = [*versions, query["__clerk_api_version"]]
    if len(versions) > 1:
        raise FaultError(400, "api_version_invalid", "name the API version once, in header or query")
    if not API_VERSIONS.issuperset(versions):
        known = ", ".join(sorted(API_VERSIONS))
        raise FaultError(400, "api_version_invalid", "unknown API version", f"The API versions are {known}.")


def _list(fake: FakeClerk, call: Call) -> object:
    # Clerk asks for client_id or user_id since 2024; nothing says that it refuses a list without.
    limit = _integer(call.query, "limit", default=10, least=1, most=500)
    offset = _integer(call.query, "offset", default=0, least=0)
    status = call.query.get("status")
    if status is not None and status not in LISTED_STATUSES:
        raise _not_allowed("status", f"must be one of {', '.join(LISTED_STATUSES)}")
    paginated = call.query.get("paginated", "false")
    if paginated not in ("true", "false"):
        raise _wrong_type("paginated", "must be true or false")
    user_id, client_id = call.query.get("user_id"), call.query.get("client_id")
    found = [
        session
        for session in fake.sessions()
        if user_id in (None, session.user.id)
        and client_id in (None, session.client_id)
        and status in (None, session.status)
    ]
    data = [session.to_json() for session in found[offset : offset + limit]]
    return {"data": data, "total_count": len(found)} if paginated == "true" else data


def _create(fake: FakeClerk, call: Call) -> object:
    if fake.environment == "production":
        raise FaultError(400, "request_invalid_for_environment", "a production instance creates no session for the API")
    body = call.json_object()
    for field in ("user_id", "active_organization_id"):
        if field in body and not isinstance(body[field], str):
            raise _wrong_type(field, "must be a string")
    if "user_id" not in body:
        raise FaultError(422, "form_param_missing", "user_id is missing", param="user_id")
    user = fake.find_user(body["user_id"])
    if user is None:
        raise FaultError(404, "resource_not_found", "no user has this id", param="user_id")
    if "active_organization_id" not in body:
        return fake.open_session(user).to_json()
    organization = fake.find_organization(body["active_organization_id"])
    if organization is None or fake.membership(user, organization) is None:
        raise FaultError(
            404,
            "organization_not_found_or_unauthorized",
            "there is no such organization, or the user is no member",
            param="active_organization_id",
        )
    return fake.open_session(user, organization).to_json()


def _revoke(fake: FakeClerk, session_id: str) -> object:
    # Whether Clerk refuses to revoke a session that is over is not known; here a second time changes nothing.
    session = _session(fake, session_id)
    if session.status != "revoked":
        fake.revoke(session)
    return session.to_json()


def _token(fake: FakeClerk, call: Call, session_id: str) -> object:
    lifetime = _lifetime(call)
    session = _live_session(fake, session_id)
    return {
        "object": "token",
        "jwt": fake.session_token(session, expires_in=60 if lifetime is None else lifetime),
    }


def _template_token(fake: FakeClerk, call: Call, session_id: str, template_name: str) -> object:
    lifetime = _lifetime(call)
    session = _live_session(fake, session_id)
    template = fake.find_template(template_name)
    if template is None:
        raise FaultError(404, "resource_not_found", "no JWT template has this name", param="template_name")
    return {"object": "token", "jwt": fake.template_token(session, template, expires_in=lifetime)}


def _session(fake: FakeClerk, session_id: str) -> FakeSession:
    session = fake.find_session(session_id)
    if session is None:
        raise FaultError(404, "resource_not_found", "no session has this id", param="session_id")
    return session


def _live_session(fake: FakeClerk, session_id: str) -> FakeSession:
    # What Clerk answers for a session that is over is not published; 404 is what both operations document.
    session = _session(fake, session_id)
    if not session.is_live:
        raise FaultError(404, "resource_not_found", "the session is over", param="session_id")
    return session


def _lifetime(call: Call) -> int | None:
    lifetime: object = call.json_object().get("expires_in_seconds")
    if lifetime is None:
        return None
    if isinstance(lifetime, float) and lifetime.is_integer():
        lifetime = int(lifetime)  # 90.0 is an integer in JSON Schema
    if not isinstance(lifetime, int) or isinstance(lifetime, bool):
        raise _wrong_type("expires_in_seconds", "must be an integer or null")
    if not MIN_LIFETIME <= lifetime <= MAX_LIFETIME:
        raise _not_allowed("expires_in_seconds", f"must be {MIN_LIFETIME} to {MAX_LIFETIME}")
    return lifetime


def _integer(query: Mapping[str, str], name: str, *, default: int, least: int, most: int | None = None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not _INTEGER.fullmatch(text):
        raise _wrong_type(name, "must be an integer")
    number = int(text)
    if number < least or (most is not None and number > most):
        raise _not_allowed(name, f"must be {least} or more" if most is None else f"must be {least} to {most}")
    return number


def _wrong_type(param: str, rule: str) -> FaultError:
    return FaultError(422, "form_param_type_invalid", f"{param} {rule}", param=param)


def _not_allowed(param: str, rule: str) -> FaultError:
    return FaultError(422, "form_param_value_invalid", f"{param} {rule}", param=param)
