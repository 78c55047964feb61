"""The comparison of two schemas: what allows the same values is the same, however it is spelled."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.documents import Node, compared, with_schema

SAME: dict[str, Sequence[object]] = {
    "null": (
        {"type": "string", "nullable": True},
        {"type": ["string", "null"]},
        {"oneOf": [{"type": "string"}, {"type": "null"}]},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"oneOf": [{"$ref": "#/components/schemas/Text"}, {"type": "null"}]},
        {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Text"}]},
        {"$ref": "#/components/schemas/MaybeText"},
    ),
    "null in an enum": (
        {"type": "string", "nullable": True, "enum": ["a"]},
        {"type": "string", "nullable": True, "enum": ["a", None]},
        {"type": ["string", "null"], "enum": ["a", None]},
        {"oneOf": [{"type": "string", "const": "a"}, {"type": "null"}]},
        {"enum": ["a", None]},
    ),
    "one value": ({"type": "string", "const": "a"}, {"type": "string", "enum": ["a"]}, {"const": "a"}),
    "anything": (True, {}, {"description": "?"}, {"nullable": True}, {"anyOf": [{"type": "string"}, {}]}),
    "several types": (
        {"type": ["integer", "string"]},
        {"type": ["string", "integer"]},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"anyOf": [{"type": "integer"}, {"type": "string"}, {"$ref": "#/components/schemas/Text"}]},
    ),
    "object": (
        {
            "type": "object",
            "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
            "required": ["a"],
        },
        {
            "properties": {"b": {"type": "integer"}, "a": {"$ref": "#/components/schemas/Text"}},
            "required": ["a"],
        },
        {
            "allOf": [
                {"type": "object", "properties": {"a": {"type": "string"}}},
                {"type": "object", "required": ["a"], "properties": {"a": {}, "b": {"type": "integer"}}},
            ]
        },
        {"$ref": "#/components/schemas/Pair", "required": ["a"]},
    ),
    "default beside a branch": (
        {"type": "string", "nullable": True, "enum": ["a", "b"], "default": "a"},
        {"oneOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}], "default": "a"},
    ),
    "values in two branches": (
        {"type": "string", "enum": ["a", "b"]},
        {"oneOf": [{"type": "string", "enum": ["b"]}, {"type": "string", "const": "a"}]},
    ),
    "exclusive bound": (
        {"type": "integer", "minimum": 1, "exclusiveMinimum": True},
        {"type": "integer", "exclusiveMinimum": 1},
    ),
    "array": ({"type": "array"}, {"type": "array", "items": {}}, {"type": "array", "items": True}),
    "recursive": (
        {"$ref": "#/components/schemas/Tree"},
        {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
        {"$ref": "#/components/schemas/OtherTree"},
    ),
    "alternatives in another order": (
        {"oneOf": [{"$ref": "#/components/schemas/Pair"}, {"type": "object", "required": ["c"]}]},
        {"oneOf": [{"type": "object", "required": ["c"]}, {"$ref": "#/components/schemas/Pair"}]},
    ),
}
COMPONENTS: Node = {
    "Text": {"type": "string"},
    "MaybeText": {"type": "string", "nullable": True},
    "Pair": {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}},
    "Tree": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
    "OtherTree": {
        "type": "array",
        "items": {"type": "array", "items": {"$ref": "#/components/schemas/OtherTree"}},
    },
}


@pytest.mark.parametrize("spellings", SAME.values(), ids=SAME)
def test_spellings_of_one_thing_are_the_same(spellings: Sequence[object]) -> None:
    """Whatever allows the same values is the same, in OpenAPI 3.0 and 3.1, inline or by reference."""
    documents = [with_schema(schema, COMPONENTS) for schema in spellings]

    assert [[]] * len(documents) ** 2 == [compared(one, other) for one in documents for other in documents]


DIFFERENT = {
    "null": (
        {"type": ["string", "null"]},
        {"type": "string"},
        ["GET /jwks 200 body nullable: recorded yes, published no"],
    ),
    "enum that leaves null out": (
        {"type": ["string", "null"], "enum": ["a", None]},
        {"type": ["string", "null"], "enum": ["a"]},
        ["GET /jwks 200 body nullable: recorded yes, published no"],
    ),
    "default of false": (
        {"type": "boolean", "default": False},
        {"type": "boolean"},
        ["GET /jwks 200 body default: recorded false, published absent"],
    ),
    "default called absent": (
        {"type": "string", "default": "absent"},
        {"type": "string"},
        ["GET /jwks 200 body default: recorded absent, published absent"],
    ),
    "other keyword": (
        {"type": "object", "not": {"required": ["a"]}},
        {"type": "object"},
        ['GET /jwks 200 body not: recorded {"required": ["a"]}, published absent'],
    ),
    "items": (
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "array"}},
        ["GET /jwks 200 body[]: recorded string, published array"],
    ),
    "described members": (
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "additionalProperties": {"type": "string", "maxLength": 5}},
        ["GET /jwks 200 body.* maxLength: recorded absent, published 5"],
    ),
    "nothing": (False, {"type": "string"}, ["GET /jwks 200 body: recorded nothing, published string"]),
    "deep in a recursive schema": (
        {"$ref": "#/components/schemas/Tree"},
        {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
        ["GET /jwks 200 body[][]: recorded array, published string"],
    ),
    "one of several alternatives": (
        {"oneOf": [{"$ref": "#/components/schemas/Pair"}, {"type": "object", "required": ["c", "d"]}]},
        {
            "oneOf": [
                {"type": "object", "required": ["c", "d"]},
                {"$ref": "#/components/schemas/Pair", "additionalProperties": False},
            ]
        },
        ["GET /jwks 200 body(Pair) additionalProperties: recorded open, published closed"],
    ),
    "one object in place of several": (
        {"$ref": "#/components/schemas/Pair"},
        {
            "oneOf": [
                {
                    "type": "object",
                    "required": ["k", "a"],
                    "properties": {"k": {"const": "x"}, "a": {"type": "string"}},
                },
                {"$ref": "#/components/schemas/Y"},
            ]
        },
        [
            "GET /jwks 200 body.b: recorded only",
            "GET /jwks 200 body.k: published only",
            "GET /jwks 200 body: recorded Pair, published object | Y",
        ],
    ),
}


@pytest.mark.parametrize(("recorded", "published", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_schemas_that_allow_other_values_differ(recorded: object, published: object, expected: list[str]) -> None:
    """Schemas that look alike but allow different values give a line that says where."""
    y = {"type": "object", "required": ["k"], "properties": {"k": {"const": "y"}, "a": {"type": "string"}}}
    components: Node = {**COMPONENTS, "Y": y}
    lines = compared(with_schema(recorded, components), with_schema(published, components))

    assert expected == lines


texts = st.sampled_from(["a", "b", "c"])
schemas = st.recursive(
    st.fixed_dictionaries({"kind": st.sampled_from(["string", "integer", "boolean"]), "null": st.booleans()})
    | st.fixed_dictionaries(
        {"kind": st.just("enum"), "null": st.booleans(), "values": st.lists(texts, min_size=1, unique=True)}
    ),
    lambda inner: (
        st.fixed_dictionaries({"kind": st.just("array"), "null": st.booleans(), "items": inner})
        | st.fixed_dictionaries(
            {
                "kind": st.just("object"),
                "null": st.booleans(),
                "members": st.dictionaries(texts, inner),
                "required": st.sets(texts),
                "closed": st.booleans(),
            }
        )
    ),
    max_leaves=8,
)


def spelled(model: Node, inner: Callable[[Node], object]) -> Node:
    """Writes a modelled schema down, null apart, with `inner` for what it holds."""
    match model["kind"]:
        case "enum":
            return {"type": "string", "enum": model["values"]}
        case "array":
            return {"type": "array", "items": inner(model["items"])}
        case "object":
            required = sorted(model["required"] & model["members"].keys())
            members = {name: inner(member) for name, member in model["members"].items()}
            extra = {"additionalProperties": False} if model["closed"] else {}
            return {"type": "object", "properties": members, "required": required, **extra}
        case kind:
            return {"type": kind}


def as_published(model: Node) -> Node:
    """Writes a modelled schema as OpenAPI 3.0 does."""
    return {**spelled(model, as_published), **({"nullable": True} if model["null"] else {})}


def as_recorded(model: Node, components: Node) -> Node:
    """Writes a modelled schema as OpenAPI 3.1 can: each part a component, null a branch."""
    name = f"Part{len(components)}"
    components[name] = None  # keeps the name while the parts within take theirs
    components[name] = spelled(model, lambda part: as_recorded(part, components))
    reference = {"$ref": f"#/components/schemas/{name}"}
    return {"oneOf": [reference, {"type": "null"}]} if model["null"] else reference


@settings(deadline=None)
@given(schemas)
def test_any_schema_is_the_same_in_both_versions(model: Node) -> None:
    """Written as 3.0 inline or as 3.1 with references, a schema is the same."""
    components: Node = {}
    recorded = with_schema(as_recorded(model, components), components)

    assert [] == compared(recorded, with_schema(as_published(model), openapi="3.0.3"))


@settings(deadline=None)
@given(one=schemas, other=schemas)
def test_two_schemas_are_the_same_only_if_they_are(one: Node, other: Node) -> None:
    """Two schemas without differences allow the same values."""

    def essence(model: Node) -> object:
        essential: Node = {"kind": model["kind"], "null": model["null"]}
        match model["kind"]:
            case "enum":
                essential["values"] = set(model["values"])
            case "array":
                essential["items"] = essence(model["items"])
            case "object":
                essential["members"] = {name: essence(member) for name, member in model["members"].items()}
                essential["required"] = model["required"] & model["members"].keys()
                essential["closed"] = model["closed"]
            case _:
                pass
        return essential

    lines = compared(with_schema(as_published(one)), with_schema(as_published(other)))

    assert (essence(one) == essence(other)) == (lines == [])
