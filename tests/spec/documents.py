"""What the tests in this directory share: the recorded spec, read, and a small published one to change."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml
from jsonschema import Draft202012Validator

from tools.spec_diff import Comparison
from tools.spec_document import Document

Node = dict[str, Any]

OPENAPI = Path(__file__).parents[2] / "openapi"
SPEC: Node = yaml.safe_load((OPENAPI / "clerk-sessions.yaml").read_text(encoding="utf-8"))
DOCUMENT = Document(SPEC, "clerk-sessions.yaml")
SCHEMAS: Node = SPEC["components"]["schemas"]
OPERATIONS = {name: operation for name, (operation, _) in DOCUMENT.operations().items()}


def faults(schema: object, value: object, components: object = None) -> list[str]:
    """Gives what is wrong with a value by a schema whose references lead into the recorded spec."""
    judge: Any = Draft202012Validator({"allOf": [schema], "components": components or SPEC["components"]})
    return [str(fault.message) for fault in judge.iter_errors(value)]


def allows(name: str, value: object) -> bool:
    """Says whether a value is valid by the component of this name."""
    return not faults({"$ref": f"#/components/schemas/{name}"}, value)


def bodies() -> Iterator[tuple[str, Node]]:
    """Gives every body that is sent either way, as the media type object, with the place where it stands."""
    for name, operation in OPERATIONS.items():
        if "requestBody" in operation:
            yield f"{name} request", operation["requestBody"]["content"]["application/json"]
        for status, value in operation["responses"].items():
            yield f"{name} {status}", DOCUMENT.resolve(value, name)["content"]["application/json"]


BODIES_BY_PLACE = dict(bodies())


def nodes(node: object) -> Iterator[Node]:
    """Gives every mapping within a document."""
    if isinstance(node, dict):
        yield cast("Node", node)
        for inner in cast("Node", node).values():
            yield from nodes(inner)
    elif isinstance(node, list):
        for inner in cast("list[object]", node):
            yield from nodes(inner)


BASE = """
openapi: 3.0.3
info: {title: Base, version: "1"}
servers: [{url: "https://api.example.com"}]
security: [{key: []}]
paths:
  /users:
    get: {operationId: users, responses: {"200": {description: Users}}}
  /sessions:
    get:
      operationId: list
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 500, default: 10}}
        - {name: status, in: query, schema: {type: string, enum: [active, ended]}}
      responses:
        "200":
          description: Sessions
          content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Session"}}}}
        "400": {description: Refused}
    post:
      operationId: create
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              required: [user_id]
              properties:
                user_id: {type: string}
                seconds: {type: integer, nullable: true, minimum: 30}
      responses:
        "200":
          description: The session
          content: {application/json: {schema: {$ref: "#/components/schemas/Session"}}}
  /sessions/{session_id}:
    parameters:
      - {name: session_id, in: path, required: true, schema: {type: string}}
    get:
      operationId: get
      responses: {"200": {description: The session}}
components:
  securitySchemes:
    key: {type: http, scheme: bearer}
  schemas:
    Session:
      type: object
      required: [id, status]
      properties:
        id: {type: string}
        status: {type: string, enum: [active, ended]}
        created_at: {type: integer, format: int64}
        actor: {type: object, nullable: true}
"""
NO_SCOPES: list[str] = []
LIST = ("paths", "/sessions", "get")
CREATE = ("paths", "/sessions", "post")
GET = ("paths", "/sessions/{session_id}", "get")
BODY = (*CREATE, "requestBody", "content", "application/json", "schema")
SESSION = ("components", "schemas", "Session")
JSON_200 = ("responses", "200", "content", "application/json")
REMOVED = object()


def base(version: str = "1") -> Node:
    """Gives a fresh copy of the base spec."""
    found: Node = yaml.safe_load(BASE)
    found["info"]["version"] = version
    return found


def edited(*path: Any, to: object) -> Node:
    """Gives the base spec with one place replaced, or taken out."""
    found = base()
    node: Any = found
    for step in path[:-1]:
        node = node[step]
    if to is REMOVED:
        del node[path[-1]]
    else:
        node[path[-1]] = to
    return found


def compared(recorded: object, published: object) -> list[str]:
    """Gives the differences between two parsed specs."""
    return Comparison(Document(recorded, "recorded"), Document(published, "published")).differences()


def with_schema(schema: object, components: Node | None = None, openapi: str = "3.1.0") -> Node:
    """Gives a spec whose one answer has this schema."""
    return {
        "openapi": openapi,
        "info": {"title": "One", "version": "1"},
        "paths": {
            "/jwks": {
                "get": {"responses": {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}}
            }
        },
        "components": {"schemas": components or {}},
    }
