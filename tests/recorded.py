"""The recorded spec as a judge of exchanges: requests that it does not describe, and answers, are refused.

It reads ``openapi/clerk-sessions.yaml`` by itself and shares no code with the generated client or the fake.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl, unquote

import attrs
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from clerk_ext.testing import FakeRequest, FakeResponse

SPEC_FILE: Final = Path(__file__).parent.parent / "openapi" / "clerk-sessions.yaml"
SPEC: Final[dict[str, Any]] = yaml.safe_load(SPEC_FILE.read_text(encoding="utf-8"))
BASE: Final = "/v1"
FRONTEND_JWKS: Final = "/.well-known/jwks.json"
"""Where the Frontend API shows the key set, the same as the Backend API's ``GET /jwks``."""

_URI: Final = "urn:recorded"
# Every operation takes the dated API version, in a header or here; the spec lists it at none.
_VERSION_QUERY: Final = "__clerk_api_version"
_INTEGER: Final = re.compile(r"-?[0-9]+")


class ContractError(AssertionError):
    """An exchange is not what the recorded spec allows."""


@attrs.frozen
class Match:
    """An operation of the spec that a request addresses."""

    pointer: str
    operation: Mapping[str, Any]
    path_values: Mapping[str, str]


def find_operation(method: str, path: str) -> Match:
    """Return the operation that a path (percent-encoded, without query) addresses.

    Raises:
        ContractError: The spec has none.
    """
    if path == FRONTEND_JWKS:
        path = f"{BASE}/jwks"
    segments = path.removeprefix(BASE).split("/") if path.startswith(BASE + "/") else []
    for template, item in SPEC["paths"].items():
        names = template.split("/")
        if len(names) != len(segments) or method.lower() not in item:
            continue
        pairs = list(zip(names, segments, strict=True))
        if all(name == segment or (name.startswith("{") and segment) for name, segment in pairs):
            pointer = f"/paths/{template.replace('/', '~1')}/{method.lower()}"
            values = {name[1:-1]: unquote(segment) for name, segment in pairs if name.startswith("{")}
            return Match(pointer, item[method.lower()], values)
    raise ContractError(f"{method} {path} is not an operation of the recorded spec")


def validate_request(method: str, raw_path: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
    """Check a request: its operation, path and query parameters, body, and that it is authorised.

    Args:
        method: ``GET``, ``POST`` …
        raw_path: Path and query, percent-encoded.
        headers: Pairs of name and value.
        body: The bytes.

    Raises:
        ContractError: The spec does not allow it.
    """
    path, _, raw_query = raw_path.partition("?")
    match = find_operation(method, path)
    sent = {name.lower(): value for name, value in headers}
    _check_parameters(match, parse_qsl(raw_query, keep_blank_values=True, strict_parsing=bool(raw_query)), sent)
    if path != FRONTEND_JWKS and not re.fullmatch(r"Bearer \S+", sent.get("authorization", "")):
        raise ContractError(f"{method} {path} carries no Authorization: Bearer …")
    _check_body(match, sent.get("content-type", ""), body)


def validate_response(method: str, path: str, status: int, body: bytes) -> None:
    """Check an answer: the spec documents its status for the operation, and its body is as described.

    Args:
        method: The request's method.
        path: The request's path; a query may follow.
        status: The HTTP status.
        body: The bytes.

    Raises:
        ContractError: The spec does not allow it.
    """
    match = find_operation(method, path.partition("?")[0])
    documented = match.operation["responses"]
    if str(status) not in documented:
        raise ContractError(f"{method} {path} answers {status}; documented are {', '.join(documented)}")
    pointer = f"{match.pointer}/responses/{status}"
    if "$ref" in documented[str(status)]:
        pointer = documented[str(status)]["$ref"].removeprefix("#")
    _check_schema(f"{pointer}/content/application~1json/schema", _json(body, f"answer {status}"))


def validate_exchange(request: FakeRequest, response: FakeResponse) -> None:
    """Check a request and its answer; give it to ``FakeClerk.on_exchange``.

    Raises:
        ContractError: The spec does not allow one of them.
    """
    validate_request(request.method, request.path, request.headers, request.body)
    validate_response(request.method, request.path, response.status, response.body)


def validate_answer(request: FakeRequest, response: FakeResponse) -> None:
    """Check the answer to a request that may be wrong on purpose: as documented, or an error in Clerk's form.

    Raises:
        ContractError: It is neither.
    """
    try:
        validate_response(request.method, request.path, response.status, response.body)
    except ContractError:
        if response.status < 400:
            raise
        _check_schema("/components/schemas/ErrorBody", _json(response.body, f"answer {response.status}"))


def _check_parameters(match: Match, query: Iterable[tuple[str, str]], headers: Mapping[str, str]) -> None:
    parameters: list[tuple[str, Mapping[str, Any]]] = []
    for index, parameter in enumerate(match.operation.get("parameters", [])):
        if "$ref" in parameter:
            pointer = parameter["$ref"].removeprefix("#")
            parameters.append((pointer, SPEC["components"]["parameters"][pointer.rpartition("/")[2]]))
        else:
            parameters.append((f"{match.pointer}/parameters/{index}", parameter))
    pairs = [(name, value) for name, value in query if name != _VERSION_QUERY]
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ContractError("a query parameter is repeated")
    if unknown := set(given) - {parameter["name"] for _, parameter in parameters if parameter["in"] == "query"}:
        raise ContractError(f"unknown query parameters: {', '.join(sorted(unknown))}")
    sources: dict[str, Mapping[str, str]] = {"path": match.path_values, "query": given, "header": headers}
    for pointer, parameter in parameters:
        name = parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]
        text = sources[parameter["in"]].get(name)
        if text is not None:
            _check_schema(f"{pointer}/schema", _typed(text, parameter["schema"].get("type")))
        elif parameter.get("required"):
            raise ContractError(f"the parameter {name} is missing")


def _check_body(match: Match, content_type: str, body: bytes) -> None:
    described = match.operation.get("requestBody")
    if described is None:
        if body:
            raise ContractError("a body is sent to an operation that has none")
    elif body:
        if content_type.partition(";")[0].strip() != "application/json":
            raise ContractError(f"the body is sent as {content_type or 'nothing'}, not as application/json")
        _check_schema(
            f"{match.pointer}/requestBody/content/application~1json/schema", _json(body, "the request's body")
        )
    elif described.get("required"):
        raise ContractError("the body is missing")


def _typed(text: str, kind: str | None) -> object:
    """Read a parameter's text as its schema's type; text that is no such thing stays text, and fails there."""
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text


def _json(body: bytes, what: str) -> object:
    try:
        return cast(object, json.loads(body))
    except ValueError:
        raise ContractError(f"{what} is not JSON") from None


def _check_schema(pointer: str, value: object) -> None:
    validator: Any = _validator(pointer)
    for error in validator.iter_errors(value):
        where = "/".join(str(step) for step in error.absolute_path)
        # The value itself stays out: it may be a token.
        raise ContractError(f"{pointer}: the value at /{where} breaks its {error.validator}")


@functools.cache
def _validator(pointer: str) -> Draft202012Validator:
    registry = Registry[Any]().with_resource(_URI, DRAFT202012.create_resource(SPEC))
    return Draft202012Validator({"$ref": f"{_URI}#{pointer}"}, registry=registry)
