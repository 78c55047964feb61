"""The recorded spec's operations: valid, complete, and in agreement with what is known about Clerk."""

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.spec.documents import BODIES_BY_PLACE, DOCUMENT, OPENAPI, OPERATIONS, SPEC, Node, faults
from tools.spec_diff import load_meant

# Operation id, tag, statuses: those that Clerk publishes, then those that its servers give besides.
EXPECTED = {
    "GET /jwks": ("GetJWKS", "JWKS", {200}, {400, 401, 500, 503}),
    "GET /sessions": ("GetSessionList", "Sessions", {200, 400, 401, 422}, {429, 500, 503}),
    "POST /sessions": ("createSession", "Sessions", {200, 400, 401, 404, 422}, {429, 500, 503}),
    "GET /sessions/{session_id}": ("GetSession", "Sessions", {200, 400, 401, 404}, {429, 500, 503}),
    "POST /sessions/{session_id}/refresh": ("RefreshSession", "Sessions", {200, 400, 401}, {429, 500, 503}),
    "POST /sessions/{session_id}/revoke": (
        "RevokeSession",
        "Sessions",
        {200, 400, 401, 404},
        {429, 500, 503},
    ),
    "POST /sessions/{session_id}/tokens": (
        "CreateSessionToken",
        "Sessions",
        {200, 401, 404},
        {400, 422, 429, 500, 503},
    ),
    "POST /sessions/{session_id}/tokens/{template_name}": (
        "CreateSessionTokenFromTemplate",
        "Sessions",
        {200, 401, 404},
        {400, 422, 429, 500, 503},
    ),
}
SUCCESS = {
    "GetJWKS": "JSONWebKeySet",
    "GetSessionList": "SessionListing",
    "createSession": "Session",
    "GetSession": "Session",
    "RefreshSession": "RefreshedSession",
    "RevokeSession": "Session",
    "CreateSessionToken": "SessionToken",
    "CreateSessionTokenFromTemplate": "SessionToken",
}
BODIES = {
    "createSession": ("CreateSessionBody", True),
    "RefreshSession": ("RefreshSessionBody", True),
    "CreateSessionToken": ("CreateSessionTokenBody", False),
    "CreateSessionTokenFromTemplate": ("CreateSessionTokenBody", False),
}
PARAMETERS = [
    pytest.param(parameter, id=f"{name} {place}")
    for name, (operation, item) in DOCUMENT.operations().items()
    for place, parameter in DOCUMENT.parameters(name, operation, item).items()
]


def test_the_spec_is_valid_openapi_3_1() -> None:
    """The validator of the OpenAPI initiative's own schema finds nothing."""
    found = [str(fault) for fault in OpenAPIV31SpecValidator(SPEC).iter_errors()]

    assert [] == found
    assert SPEC["openapi"].startswith("3.1.")


def test_the_spec_is_of_the_version_it_was_recorded_for() -> None:
    """The version is the date that goes into `Clerk-API-Version`, and the server is Clerk's."""
    assert "2026-05-12" == SPEC["info"]["version"]
    assert [{"url": "https://api.clerk.com/v1"}] == SPEC["servers"]


def test_the_spec_has_the_eight_operations_and_no_other() -> None:
    """Each has Clerk's own operation id and its tag."""
    found = {name: (operation["operationId"], operation["tags"]) for name, operation in OPERATIONS.items()}
    paths = {name.partition(" ")[2] for name in EXPECTED}

    assert {name: (expected[0], [expected[1]]) for name, expected in EXPECTED.items()} == found
    assert paths == SPEC["paths"].keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_each_operation_has_its_statuses(name: str) -> None:
    """Those that Clerk publishes, and those that its servers give besides."""
    _, _, published, more = EXPECTED[name]

    assert published | more == {int(status) for status in OPERATIONS[name]["responses"]}


@pytest.mark.parametrize("name", EXPECTED)
def test_each_operation_needs_the_secret_key(name: str) -> None:
    """The bearer token is asked for by the operation itself, where generators look for it."""
    assert [{"bearerAuth": []}] == OPERATIONS[name]["security"]
    assert "http bearer" == DOCUMENT.security(OPERATIONS[name])


@pytest.mark.parametrize("name", EXPECTED)
def test_each_answer_and_body_is_a_named_component(name: str) -> None:
    """A success has the schema of the operation, an error the error body."""
    operation = OPERATIONS[name]
    id_ = operation["operationId"]
    found = {
        status: DOCUMENT.resolve(value, name)["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for status, value in operation["responses"].items()
    }
    request = operation.get("requestBody")
    body = request and (
        request["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2],
        request["required"],
    )

    assert {status: SUCCESS[id_] if status == "200" else "ErrorBody" for status in found} == found
    assert BODIES.get(id_) == body


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("client_id", {"type": "string"}),
        ("user_id", {"type": "string"}),
        ("status", {"$ref": "#/components/schemas/SessionStatusFilter"}),
        ("paginated", {"type": "boolean"}),
        ("limit", {"type": "integer", "minimum": 1, "maximum": 500, "default": 10}),
        ("offset", {"type": "integer", "minimum": 0, "default": 0}),
    ],
)
def test_the_list_has_its_parameters(name: str, expected: Node) -> None:
    """Each is optional, and has its range and default."""
    parameter = DOCUMENT.parameters("", OPERATIONS["GET /sessions"], {})[f"query {name}"]

    assert expected == parameter["schema"]
    assert parameter["required"] is False


@pytest.mark.parametrize("name", EXPECTED)
def test_each_operation_has_the_parameters_of_its_path(name: str) -> None:
    """Each is a required string; only the list has others."""
    parameters = DOCUMENT.parameters(name, OPERATIONS[name], {})
    in_path = {f"path {one}" for one in re.findall(r"{(\w+)}", name)}

    assert in_path == {one for one in parameters if one.startswith("path ")}
    assert all(parameters[one]["schema"] == {"type": "string"} and parameters[one]["required"] for one in in_path)
    assert (6 if name == "GET /sessions" else 0) == len(parameters) - len(in_path)


def test_too_many_requests_say_when_to_come_back() -> None:
    """The header holds whole seconds."""
    limited = [
        DOCUMENT.resolve(one["responses"]["429"], "") for one in OPERATIONS.values() if "429" in one["responses"]
    ]

    assert [{"type": "integer", "minimum": 0}] * 7 == [one["headers"]["Retry-After"]["schema"] for one in limited]


@pytest.mark.parametrize("place", BODIES_BY_PLACE)
def test_every_body_has_an_example(place: str) -> None:
    """Every request body, every answer and every error."""
    assert BODIES_BY_PLACE[place]["examples"]


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_every_parameter_has_a_valid_example(parameter: Node) -> None:
    """An example is what its schema asks for."""
    assert [] == faults(parameter["schema"], parameter["example"])


MEANT = load_meant(OPENAPI / "meant-differences.yaml")


def test_every_meant_difference_has_a_reason_and_an_operation() -> None:
    """A reason is a sentence, and a line begins with an operation that the spec has."""
    places = [line for line in MEANT if not any(line.startswith(f"{name} ") for name in OPERATIONS)]
    reasons = [reason for reason in MEANT.values() if not re.fullmatch(r"[A-Z`].* .*\.", reason)]

    assert [] == places
    assert [] == reasons


@pytest.mark.parametrize("name", EXPECTED)
def test_every_status_that_is_not_published_is_meant(name: str) -> None:
    """It is listed, with its reason, and no other status is."""
    listed = {
        int(found[1]) for line in MEANT if (found := re.fullmatch(re.escape(name) + r" (\d+): recorded only", line))
    }

    assert EXPECTED[name][3] == listed
