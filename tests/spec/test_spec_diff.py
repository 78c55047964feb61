"""The comparison of two specs: every kind of difference is named, and nothing else."""

import re

import pytest

from tests.spec.documents import (
    BODY,
    CREATE,
    GET,
    JSON_200,
    LIST,
    NO_SCOPES,
    REMOVED,
    SESSION,
    Node,
    base,
    compared,
    edited,
)

CHANGES = {
    "path": (edited(*GET[:-1], to=REMOVED), ["GET /sessions/{session_id}: recorded only"]),
    "new path": (
        edited("paths", "/sessions/{session_id}/verify", to={"post": {"responses": {}}}),
        ["POST /sessions/{session_id}/verify: published only"],
    ),
    "new method": (edited(*GET[:-1], "delete", to={}), ["DELETE /sessions/{session_id}: published only"]),
    "servers": (
        edited("servers", to=[{"url": "https://b.example.com"}]),
        ["servers: recorded https://api.example.com, published https://b.example.com"],
    ),
    "operation id": (
        edited(*LIST, "operationId", to="all"),
        ["GET /sessions operationId: recorded list, published all"],
    ),
    "deprecated operation": (
        edited(*GET, "deprecated", to=True),
        ["GET /sessions/{session_id} deprecated: recorded no, published yes"],
    ),
    "security": (
        edited(*GET, "security", to=[]),
        ["GET /sessions/{session_id} security: recorded http bearer, published none"],
    ),
    "security scheme": (
        edited("components", "securitySchemes", "key", to={"type": "apiKey", "in": "header", "name": "K"}),
        [
            "GET /sessions security: recorded http bearer, published apiKey",
            "GET /sessions/{session_id} security: recorded http bearer, published apiKey",
            "POST /sessions security: recorded http bearer, published apiKey",
        ],
    ),
    "parameter": (edited(*LIST, "parameters", 1, to=REMOVED), ["GET /sessions query status: recorded only"]),
    "parameter place": (
        edited(*LIST, "parameters", 0, "in", to="header"),
        ["GET /sessions header limit: published only", "GET /sessions query limit: recorded only"],
    ),
    "parameter required": (
        edited(*LIST, "parameters", 0, "required", to=True),
        ["GET /sessions query limit required: recorded no, published yes"],
    ),
    "parameter deprecated": (
        edited(*LIST, "parameters", 0, "deprecated", to=True),
        ["GET /sessions query limit deprecated: recorded no, published yes"],
    ),
    "parameter style": (
        edited(*LIST, "parameters", 1, "style", to="spaceDelimited"),
        [
            "GET /sessions query status explode: recorded yes, published no",
            "GET /sessions query status style: recorded form, published spaceDelimited",
        ],
    ),
    "parameter type": (
        edited(*LIST, "parameters", 0, "schema", to={"type": "string"}),
        ["GET /sessions query limit: recorded integer, published string"],
    ),
    "parameter range": (
        edited(*LIST, "parameters", 0, "schema", "maximum", to=100),
        ["GET /sessions query limit maximum: recorded 500, published 100"],
    ),
    "parameter range gone": (
        edited(*LIST, "parameters", 0, "schema", "minimum", to=REMOVED),
        ["GET /sessions query limit minimum: recorded 1, published absent"],
    ),
    "parameter default": (
        edited(*LIST, "parameters", 0, "schema", "default", to=20),
        ["GET /sessions query limit default: recorded 10, published 20"],
    ),
    "parameter enum": (
        edited(*LIST, "parameters", 1, "schema", "enum", to=["ended", "pending"]),
        [
            "GET /sessions query status enum active: recorded only",
            "GET /sessions query status enum pending: published only",
        ],
    ),
    "parameter of a path": (
        edited(*GET[:-1], "parameters", 0, "schema", "pattern", to="^sess_"),
        ["GET /sessions/{session_id} path session_id pattern: recorded absent, published ^sess_"],
    ),
    "request gone": (
        edited(*CREATE, "requestBody", to=REMOVED),
        ["POST /sessions request body: recorded only"],
    ),
    "request required": (
        edited(*CREATE, "requestBody", "required", to=REMOVED),
        ["POST /sessions request required: recorded yes, published no"],
    ),
    "request media type": (
        edited(*CREATE, "requestBody", "content", to={"text/plain": {}}),
        ["POST /sessions request body: recorded only", "POST /sessions request text/plain: published only"],
    ),
    "request closed": (
        edited(*BODY, "additionalProperties", to=REMOVED),
        ["POST /sessions request body additionalProperties: recorded closed, published open"],
    ),
    "request member": (
        edited(*BODY, "properties", "organization_id", to={"type": "string"}),
        ["POST /sessions request body.organization_id: published only"],
    ),
    "request member required": (
        edited(*BODY, "required", to=[]),
        ["POST /sessions request body.user_id required: recorded yes, published no"],
    ),
    "request member nullable": (
        edited(*BODY, "properties", "seconds", "nullable", to=REMOVED),
        ["POST /sessions request body.seconds nullable: recorded yes, published no"],
    ),
    "request member range": (
        edited(*BODY, "properties", "seconds", "maximum", to=60),
        ["POST /sessions request body.seconds maximum: recorded absent, published 60"],
    ),
    "status": (
        edited(*LIST, "responses", "429", to={"description": ""}),
        ["GET /sessions 429: published only"],
    ),
    "answer gone": (
        edited(*CREATE, "responses", "200", "content", to=REMOVED),
        ["POST /sessions 200 body: recorded only"],
    ),
    "answer form": (
        edited(*LIST, *JSON_200, "schema", to={"$ref": "#/components/schemas/Session"}),
        ["GET /sessions 200 body: recorded array, published object"],
    ),
    "answer with another form": (
        edited(
            *LIST,
            *JSON_200,
            "schema",
            to={
                "oneOf": [
                    {"type": "array", "items": {"$ref": "#/components/schemas/Session"}},
                    {"$ref": "#/components/schemas/Session"},
                ]
            },
        ),
        ["GET /sessions 200 body: recorded array, published array | Session"],
    ),
    "answer member": (
        edited(*SESSION, "properties", "status", to=REMOVED),
        # It is still required, though nothing is said about it any more.
        [
            "GET /sessions 200 body[].status: recorded string, published any",
            "POST /sessions 200 body.status: recorded string, published any",
        ],
    ),
    "answer member gone": (
        edited(*SESSION, "properties", "created_at", to=REMOVED),
        [
            "GET /sessions 200 body[].created_at: recorded only",
            "POST /sessions 200 body.created_at: recorded only",
        ],
    ),
    "answer member format": (
        edited(*SESSION, "properties", "created_at", "format", to=REMOVED),
        [
            "GET /sessions 200 body[].created_at format: recorded int64, published absent",
            "POST /sessions 200 body.created_at format: recorded int64, published absent",
        ],
    ),
    "answer member enum": (
        edited(*SESSION, "properties", "status", "enum", to=REMOVED),
        [
            "GET /sessions 200 body[].status enum: recorded active | ended, published absent",
            "POST /sessions 200 body.status enum: recorded active | ended, published absent",
        ],
    ),
    "answer member's members": (
        edited(*SESSION, "properties", "actor", "additionalProperties", to={"type": "string"}),
        [
            "GET /sessions 200 body[].actor additionalProperties: recorded open, published described",
            "POST /sessions 200 body.actor additionalProperties: recorded open, published described",
        ],
    ),
    "answer member of a type unknown": (
        edited(*SESSION, "properties", "id", "type", to=["string", "integer"]),
        [
            "GET /sessions 200 body[].id: recorded string, published integer | string",
            "POST /sessions 200 body.id: recorded string, published integer | string",
        ],
    ),
}


@pytest.mark.parametrize(("published", "expected"), CHANGES.values(), ids=CHANGES)
def test_each_kind_of_difference_is_named(published: Node, expected: list[str]) -> None:
    """One change in the published spec gives the lines for it, and no others."""
    lines = compared(base(), published)

    assert expected == lines


@pytest.mark.parametrize("published", [published for published, _ in CHANGES.values()], ids=CHANGES)
def test_the_sides_are_told_apart(published: Node) -> None:
    """With the two specs exchanged, the same lines come out with `recorded` and `published` exchanged."""

    def exchanged(line: str) -> str:
        line = re.sub(r"recorded (.*), published (.*)$", r"recorded \2, published \1", line)
        swapped = {"recorded only": "published only", "published only": "recorded only"}
        return re.sub(r"(recorded|published) only$", lambda found: swapped[found[0]], line)

    there, back = compared(base(), published), compared(published, base())

    assert sorted(map(exchanged, there)) == back


UNSEEN = {
    "other paths": edited("paths", "/users", to=REMOVED),
    "paths that only begin alike": edited("paths", "/sessions_of_others", to={"get": {}}),
    "unused components": edited("components", "schemas", "Other", to={"type": "object"}),
    "description": edited(*LIST, "description", to="Lists them."),
    "extension": edited(*LIST, "x-group", to="sessions"),
    "tags": edited(*LIST, "tags", to=["Sessions"]),
    "example": edited(*SESSION, "properties", "id", "example", to="sess_1"),
    "member's title": edited(*SESSION, "properties", "id", "title", to="Id"),
    "hint to hide": edited(*SESSION, "properties", "id", "format", to="password"),
    "order of an enum": edited(*SESSION, "properties", "status", "enum", to=["ended", "active"]),
    "order of required": edited(*SESSION, "required", to=["status", "id"]),
    "explicitly optional": edited(*LIST, "parameters", 0, "required", to=False),
    "explicitly open": edited(*SESSION, "additionalProperties", to=True),
    "explicitly the usual style": edited(*LIST, "parameters", 0, "style", to="form"),
    "own security in place of the document's": edited(*LIST, "security", to=[{"key": NO_SCOPES}]),
    "media type with a parameter": edited(
        *CREATE,
        "responses",
        "200",
        "content",
        to={"application/json; charset=utf-8": {"schema": {"$ref": "#/components/schemas/Session"}}},
    ),
    "status as a number": edited(
        *LIST,
        "responses",
        to={200: base()["paths"]["/sessions"]["get"]["responses"]["200"], 400: {"description": "Refused"}},
    ),
}


@pytest.mark.parametrize("published", UNSEEN.values(), ids=UNSEEN)
def test_what_nobody_sends_is_no_difference(published: Node) -> None:
    """Prose, extensions, order, explicit defaults and other paths are not compared."""
    lines = compared(base(), published)

    assert [] == lines
