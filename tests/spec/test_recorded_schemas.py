"""The recorded spec's schemas and examples, in agreement with what is known about Clerk."""

import copy
import re

import pytest

from tests.spec.documents import (
    BODIES_BY_PLACE,
    DOCUMENT,
    OPENAPI,
    OPERATIONS,
    SCHEMAS,
    SPEC,
    Node,
    allows,
    faults,
    nodes,
)

STATES = {"abandoned", "active", "ended", "expired", "removed", "replaced", "revoked"}
SESSION: Node = {
    "object": "session",
    "id": "sess_1",
    "user_id": "user_1",
    "client_id": "client_1",
    "status": "active",
    "last_active_at": 1_700_000_000_000,
    "expire_at": 1_700_000_000_000,
    "abandon_at": 1_700_000_000_000,
    "updated_at": 1_700_000_000_000,
    "created_at": 1_700_000_000_000,
}


EXAMPLES = [
    pytest.param(media["schema"], DOCUMENT.resolve(value, place)["value"], id=f"{place} {name}")
    for place, media in BODIES_BY_PLACE.items()
    for name, value in media["examples"].items()
]


def test_the_names_of_the_components_are_the_agreed_ones() -> None:
    """They become the names of classes."""
    assert {
        "Session", "SessionStatus", "SessionStatusFilter", "SessionListing", "SessionPage", "SessionActivity",
        "SessionTask", "SessionToken", "SessionCookies", "RefreshedSession", "CreateSessionBody",
        "RefreshSessionBody", "RefreshFormat", "CreateSessionTokenBody", "ErrorBody", "ErrorDetail",
        "JSONWebKeySet", "JSONWebKey", "JSONObject",
    } == SCHEMAS.keys()  # fmt: skip


def test_nothing_with_a_class_of_its_own_is_written_inline() -> None:
    """Objects and enums stand in the components alone, so that no generator has to invent a name."""
    named = [id(schema) for schema in SCHEMAS.values()]
    inline = [node for node in nodes(SPEC) if isinstance(node.get("enum"), list) or node.get("type") == "object"]

    assert [] == [node for node in inline if id(node) not in named]


def test_every_component_is_used() -> None:
    """None is left over from something else."""
    used = {node["$ref"] for node in nodes(SPEC) if "$ref" in node}
    used |= {
        f"#/components/securitySchemes/{key}" for operation in OPERATIONS.values() for key in operation["security"][0]
    }
    present = {f"#/components/{kind}/{name}" for kind, parts in SPEC["components"].items() for name in parts}

    assert used == present


def test_the_states_of_a_session() -> None:
    """A session may also be pending, and states may be added; the filter has no pending and is closed."""
    assert STATES | {"pending"} == set(SCHEMAS["SessionStatus"]["enum"])
    assert SCHEMAS["SessionStatus"]["x-open-enum"] is True
    assert STATES == set(SCHEMAS["SessionStatusFilter"]["enum"])
    assert "x-open-enum" not in SCHEMAS["SessionStatusFilter"]


@pytest.mark.parametrize(
    ("lifetime", "valid"),
    [
        (30, True),
        (315_360_000, True),
        (None, True),
        (29, False),
        (315_360_001, False),
        (30.5, False),
        ("60", False),
    ],
)
def test_the_lifetime_of_a_token_has_a_range(lifetime: object, valid: bool) -> None:
    """30 seconds to ten years, or null for the usual."""
    assert valid == allows("CreateSessionTokenBody", {"expires_in_seconds": lifetime})


def test_a_session_needs_its_ten_members() -> None:
    """It is one with just these, and none without any of them."""
    without = [{key: value for key, value in SESSION.items() if key != name} for name in SESSION]

    assert allows("Session", SESSION)
    assert [False] * 10 == [allows("Session", session) for session in without]


@pytest.mark.parametrize("name", ["actor", "last_active_organization_id", "latest_activity", "tasks"])
def test_what_a_session_may_lack_may_also_be_null(name: str) -> None:
    """Clerk sends these members as null, or not at all."""
    assert allows("Session", {**SESSION, name: None})
    assert not allows("Session", {**SESSION, name: 1})


@pytest.mark.parametrize("name", SESSION)
def test_what_a_session_must_have_is_never_null(name: str) -> None:
    """A null there is not what Clerk promises."""
    assert not allows("Session", {**SESSION, name: None})


def test_times_of_a_session_are_milliseconds() -> None:
    """Each has 64 bits and the mark for the templates, and nothing else has the mark."""
    marked = {
        (name, member)
        for name, schema in SCHEMAS.items()
        for member, node in schema.get("properties", {}).items()
        if node.get("x-unix-milliseconds") is True and (node["type"], node["format"]) == ("integer", "int64")
    }
    times = ["last_active_at", "expire_at", "abandon_at", "updated_at", "created_at"]

    assert {("Session", member) for member in times} == marked


def test_times_in_examples_have_thirteen_digits() -> None:
    """So that nobody takes them for seconds."""
    times = [
        value for node in nodes(SPEC["components"]["examples"]) for key, value in node.items() if key.endswith("_at")
    ]

    assert {13} == {len(str(time)) for time in times}


def test_what_holds_a_token_is_marked() -> None:
    """The mark keeps it out of representations."""
    marked = {
        (name, member)
        for name, schema in SCHEMAS.items()
        for member, node in schema.get("properties", {}).items()
        if node.get("format") == "password"
    }

    assert {
        ("SessionToken", "jwt"),
        ("SessionCookies", "cookies"),
        ("RefreshSessionBody", "expired_token"),
        ("RefreshSessionBody", "refresh_token"),
        ("RefreshSessionBody", "request_headers"),
    } == marked


def test_no_example_looks_like_a_real_token() -> None:
    """No JWT (its header begins with an encoded brace), no key of Clerk's, no key material."""
    text = (OPENAPI / "clerk-sessions.yaml").read_text(encoding="utf-8")

    assert [] == re.findall(r"eyJ[\w-]*|[sp]k_(?:test|live)_\w+", text)
    assert max(len(key["n"]) for key in SPEC["components"]["examples"]["KeySet"]["value"]["keys"]) < 64


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_only_the_body_of_a_refresh_is_closed(name: str) -> None:
    """Answers may grow, and Clerk publishes one body alone as closed."""
    closed = [node for node in nodes(SCHEMAS[name]) if node.get("additionalProperties") is False]

    assert (1 if name == "RefreshSessionBody" else 0) == len(closed)


@pytest.mark.parametrize(("schema", "example"), EXAMPLES)
def test_every_example_is_valid(schema: object, example: object) -> None:
    """An example is what its schema asks for."""
    assert [] == faults(schema, example)


def test_examples_use_no_member_that_is_not_described() -> None:
    """Closing every object, the examples stay valid; so a misspelt member does not hide in an open one."""
    components = copy.deepcopy(SPEC["components"])
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    found = [
        fault
        for media in BODIES_BY_PLACE.values()
        for value in media["examples"].values()
        for fault in faults(media["schema"], DOCUMENT.resolve(value, "an example")["value"], components)
    ]

    assert [] == found


@pytest.mark.parametrize(
    ("listing", "valid"),
    [
        ([], True),
        ([SESSION], True),
        ({"data": [SESSION], "total_count": 1}, True),
        ({"data": [SESSION]}, False),
        ({"total_count": 1}, False),
        ({"data": SESSION, "total_count": 1}, False),
        ([{"object": "session"}], False),
        (None, False),
    ],
)
def test_a_listing_is_an_array_or_a_page(listing: object, valid: bool) -> None:
    """With `paginated=true` Clerk answers a page."""
    assert valid == allows("SessionListing", listing)


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        ({"object": "token", "jwt": "j"}, True),
        ({"object": "cookies", "cookies": ["c"]}, True),
        ({"object": "cookies", "jwt": "j"}, False),
        ({"object": "token", "cookies": ["c"]}, False),
        ({"jwt": "j"}, False),
    ],
)
def test_a_refresh_gives_a_token_or_cookies(answer: object, valid: bool) -> None:
    """The member `object` tells which."""
    assert valid == allows("RefreshedSession", answer)


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        ({}, True),
        ({"format": "token"}, True),
        ({"format": "cookie"}, True),
        ({"format": None}, True),
        ({"format": "cookies"}, False),
        ({"request_headers": {"user-agent": ["x"]}}, True),
        ({"request_headers": None, "request_originating_ip": None}, True),
        ({"request_headers": "x"}, False),
        ({"suffixed_cookies": True}, False),
    ],
)
def test_the_body_of_a_refresh(more: Node, valid: bool) -> None:
    """Three members are required, three optional and nullable, and there are no others."""
    body = {"expired_token": "t", "refresh_token": "r", "request_origin": "o"}
    without = [{key: value for key, value in body.items() if key != name} for name in body]

    assert valid == allows("RefreshSessionBody", {**body, **more})
    assert [False] * 3 == [allows("RefreshSessionBody", one) for one in without]
    assert "token" == SCHEMAS["RefreshSessionBody"]["properties"]["format"]["default"]


@pytest.mark.parametrize(
    ("error", "valid"),
    [
        ({"message": "m", "long_message": "l", "code": "c"}, True),
        ({"message": "m", "long_message": "l", "code": "c", "meta": {"param_name": "limit"}}, True),
        ({"message": "m", "long_message": "l", "code": "c", "clerk_trace_id": "t"}, True),
        ({"message": "m", "long_message": "l"}, False),
        ({"message": "m", "code": "c"}, False),
        ({"long_message": "l", "code": "c"}, False),
    ],
)
def test_the_error_body(error: object, valid: bool) -> None:
    """A list of errors, each with a message, a long message and a code, and perhaps a trace id."""
    assert valid == allows("ErrorBody", {"errors": [error], "clerk_trace_id": "t", "meta": {}})
    assert not allows("ErrorBody", {"clerk_trace_id": "t"})


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "RSA", "kid": "ins_1", "use": "sig", "alg": "RS256", "n": "n", "e": "AQAB"},
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "x",
            "y": "y",
            "x5t#S256": "t",
            "x5c": ["c"],
            "x5u": "u",
            "x5t": "t",
        },
        {"kty": "OKP", "crv": "Ed25519", "x": "x", "key_ops": ["verify"]},
        {"kty": "oct", "k": "k"},
        {"kty": "of-the-future", "pub": {"a": 1}},
    ],
    ids=lambda key: key["kty"],
)
def test_a_key_set_may_hold_any_key(key: Node) -> None:
    """A key that we cannot use is no reason to refuse the set."""
    assert allows("JSONWebKeySet", {"keys": [key]})
    assert not allows("JSONWebKeySet", {"keys": [{**key, "kty": None}]})
