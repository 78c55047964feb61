"""Reads an OpenAPI document so that two of them can be compared, however differently they are spelled.

A schema becomes a `Schema`: whether null is allowed, and the `Shape`s allowed beside null, one per type. On
the way there, references are followed, `allOf`, `oneOf` and `anyOf` are multiplied out, and the spellings of
OpenAPI 3.0 and 3.1 are made one.
"""

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import unquote

import attrs
import yaml

Node = dict[str, Any]

ABSENT: Final = object()
DEEPEST: Final = 60
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
COMBINING = {"$ref", "allOf", "oneOf", "anyOf"}
SHAPING = {"type", "nullable", "enum", "const", "properties", "required", "items", "additionalProperties"}
TELLING = {
    "$comment",
    "description",
    "discriminator",
    "example",
    "examples",
    "externalDocs",
    "summary",
    "title",
    "xml",
}


class SpecError(Exception):
    """A file cannot be used; the message names it and says why."""


@attrs.frozen
class Shape:
    """One alternative of a schema: a single JSON type and all that is said about it.

    `label` is the name of the component that it came from, or the type. `enum` holds the values allowed, as
    text. `keywords` are those that have no field of their own, such as `minimum` or `format`.
    """

    kind: str
    label: str = attrs.field(eq=False)
    keywords: Node = attrs.Factory(Node)
    enum: frozenset[str] | None = None
    properties: Node = attrs.Factory(Node)
    required: frozenset[str] = frozenset()
    items: Any = True
    extra: Any = True


ANYTHING = Shape("any", "any")


@attrs.frozen
class Schema:
    """Everything that a schema allows: null or not, and the shapes beside null."""

    nullable: bool
    shapes: tuple[Shape, ...]

    def by_kind(self) -> dict[str, list[Shape]]:
        """Returns the shapes by their type."""
        return {shape.kind: [other for other in self.shapes if other.kind == shape.kind] for shape in self.shapes}

    def describe(self, named: bool) -> str:
        """Returns the types beside null, or the names of the components that stand for them."""
        names = sorted((shape.label if named else shape.kind for shape in self.shapes), key=str.lower)
        return " | ".join(names) or "nothing"


def render(value: object) -> str:
    """Writes a value from a spec the way it stands in a difference."""
    if value is ABSENT:
        return "absent"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def load(path: Path) -> object:
    """Reads a YAML (or JSON) file.

    Raises:
        SpecError: The file cannot be read or is not YAML.
    """
    try:
        return yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except OSError as error:
        raise SpecError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError(f"{path}: not YAML: {' '.join(str(error).split())}") from None


class Document:
    """An OpenAPI document whose references are followed on demand.

    Args:
        root: The parsed document.
        name: What to call it in messages.

    Raises:
        SpecError: The document is not OpenAPI 3.0 or 3.1. Every method raises it, too, for a part of the
            document that is not what the OpenAPI specification wants there.
    """

    def __init__(self, root: object, name: str) -> None:
        self.name = name
        self.root = self.mapping(root, "the document")
        if not str(self.root.get("openapi", "")).startswith(("3.0.", "3.1.")):
            raise SpecError(f"{name}: not OpenAPI 3.0 or 3.1 by its member `openapi`")
        self.version = str(self.mapping(self.root.get("info", {}), "info").get("version", ""))
        self._schemas: dict[int, tuple[object, Schema]] = {}

    def mapping(self, value: object, where: str) -> Node:
        """Returns a mapping with its keys as text (a status may be written as a number)."""
        if not isinstance(value, dict):
            raise SpecError(f"{self.name}: {where} must be a mapping")
        return {str(key): item for key, item in cast("dict[object, Any]", value).items()}

    def sequence(self, value: object, where: str) -> list[Any]:
        """Returns a list as it is."""
        if not isinstance(value, list):
            raise SpecError(f"{self.name}: {where} must be a list")
        return [*cast("list[object]", value)]

    def target(self, reference: object) -> Any:
        """Returns what a reference within the document (RFC 6901, section 6) points at."""
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise SpecError(f"{self.name}: reference {render(reference)} must begin with '#/'")
        found: Any = self.root
        for part in reference[2:].split("/"):
            step = unquote(part).replace("~1", "/").replace("~0", "~")
            found = cast("Node", found).get(step) if isinstance(found, dict) else None
        if found is None:
            raise SpecError(f"{self.name}: reference {reference} leads nowhere")
        return found

    def resolve(self, value: object, where: str) -> Node:
        """Returns a mapping, or the one that it refers to."""
        node = self.mapping(value, where)
        for _ in range(DEEPEST):
            if "$ref" not in node:
                return node
            node = self.mapping(self.target(node["$ref"]), f"{where}, as {node['$ref']},")
        raise SpecError(f"{self.name}: {where} refers to itself")

    def operations(self) -> dict[str, tuple[Node, Node]]:
        """Returns the operations on keys and sessions, each with its path item, by method and path."""
        found: dict[str, tuple[Node, Node]] = {}
        for path, value in self.mapping(self.root.get("paths", {}), "paths").items():
            if path in ("/jwks", "/sessions") or path.startswith("/sessions/"):
                item = self.resolve(value, path)
                for method in METHODS:
                    if method in item:
                        name = f"{method.upper()} {path}"
                        found[name] = (self.mapping(item[method], name), item)
        return found

    def parameters(self, name: str, operation: Node, item: Node) -> dict[str, Node]:
        """Returns an operation's parameters, those of its path included, by place and name."""
        values = [one for node in (item, operation) for one in self.sequence(node.get("parameters", []), name)]
        nodes = [self.resolve(value, f"a parameter of {name}") for value in values]
        return {f"{node.get('in')} {node.get('name')}": node for node in nodes}

    def content(self, node: Node, where: str) -> dict[str, Any]:
        """Returns the schemas of a body by media type; JSON is called `body`."""
        found: dict[str, Any] = {}
        for media, value in self.mapping(node.get("content", {}), where).items():
            kind = media.partition(";")[0].strip().lower()
            schema = self.mapping(value, f"{where} {media}").get("schema", True)
            found["body" if kind == "application/json" else kind] = schema
        return found

    def servers(self) -> str:
        """Returns the addresses of the servers."""
        values = self.sequence(self.root.get("servers", []), "servers")
        return ", ".join(str(self.mapping(value, "a server").get("url")) for value in values) or "none"

    def security(self, operation: Node) -> str:
        """Returns the ways to authenticate that an operation takes, its own or else the document's."""
        ways: set[str] = set()
        for value in self.sequence(operation.get("security", self.root.get("security", [])), "security"):
            references = [f"#/components/securitySchemes/{name}" for name in self.mapping(value, "security")]
            schemes = [self.resolve(self.target(reference), reference) for reference in references]
            names = sorted(f"{one.get('type')} {one.get('scheme', '')}".strip() for one in schemes)
            ways.add(" and ".join(names) or "none")
        return " or ".join(sorted(ways)) or "none"

    def schema(self, value: object) -> Schema:
        """Returns what a schema allows; always the same object for the same part of the document."""
        # The value is kept beside what was made of it, so that its identity is not given to another.
        if id(value) not in self._schemas:
            nullable, shapes = False, list[Shape]()
            for label, node in self._expand(value, 0):
                null, split = self._split(label, node)
                nullable = nullable or null
                shapes += split
            made = Schema(False, (ANYTHING,)) if ANYTHING in shapes else Schema(nullable, _distinct(shapes))
            self._schemas[id(value)] = (value, made)
        return self._schemas[id(value)][1]

    def openness(self, shape: Shape) -> str:
        """Returns whether other members are allowed: `open`, `closed`, or `described` by a schema."""
        if shape.extra is False:
            return "closed"
        return "open" if self.schema(shape.extra).shapes == (ANYTHING,) else "described"

    def _expand(self, value: object, depth: int) -> list[tuple[str, Node]]:
        """Multiplies references and combinations out into nodes without, named by component."""
        if depth > DEEPEST:
            raise SpecError(f"{self.name}: a schema refers to itself")
        if isinstance(value, bool):
            return [("", {})] if value else []
        node = self.mapping(value, "a schema")
        own = {k: v for k, v in node.items() if k not in COMBINING | TELLING and not k.startswith("x-")}
        if "properties" in own:
            own["properties"] = self.mapping(own["properties"], "properties")
        for key in ("required", "enum"):
            if key in own:
                own[key] = self.sequence(own[key], key)
        factors: list[list[tuple[str, Node]]] = []
        if "$ref" in node:
            targets = self._expand(self.target(node["$ref"]), depth + 1)
            name = str(node["$ref"]).rpartition("/")[2]
            factors.append([(name, one) for _, one in targets] if len(targets) == 1 else targets)
        factors += [self._expand(part, depth + 1) for part in self.sequence(node.get("allOf", []), "allOf")]
        for key in ("oneOf", "anyOf"):
            if key in node:
                parts = self.sequence(node[key], key)
                factors.append([one for part in parts for one in self._expand(part, depth + 1)])
        product = [("", own)]
        for factor in factors:
            pairs = itertools.product(product, factor)
            product = [(old or new, _both(inner, outer)) for (old, outer), (new, inner) in pairs]
        return product

    def _split(self, label: str, node: Node) -> tuple[bool, list[Shape]]:
        """Splits a node without combinations by type; says first whether it allows null."""
        values: list[Any] | None = [node["const"]] if "const" in node else node.get("enum")
        if "type" in node:
            types = _as_list(node["type"])
        elif values is not None:
            types = sorted({_type_of(one) for one in values})
        else:
            types = ["object" if "properties" in node else "array" if "items" in node else "any"]
        # In 3.1 an enum without null forbids null; published 3.0 specs say `nullable` and leave null out.
        null = node.get("nullable") is True or ("null" in types and (values is None or None in values))
        keywords = {k: v for k, v in node.items() if k not in SHAPING and (v is not False or k == "default")}
        for bound in ("Minimum", "Maximum"):
            # In 3.0 an exclusive bound is a flag beside the bound, in 3.1 it is the bound itself.
            if keywords.get(f"exclusive{bound}") is True:
                keywords[f"exclusive{bound}"] = keywords.pop(bound.lower(), None)
        if keywords.get("format") == "password":
            del keywords["format"]
        shape = Shape(
            kind="",
            label=label,
            keywords=keywords,
            enum=None if values is None else frozenset(render(one) for one in values if one is not None),
            properties=node.get("properties", {}),
            required=frozenset(str(one) for one in node.get("required", [])),
            items=node.get("items", True),
            extra=node.get("additionalProperties", True),
        )
        return null, [attrs.evolve(shape, kind=kind, label=label or kind) for kind in types if kind != "null"]


def _as_list(types: object) -> list[str]:
    """Returns the types that `type` names, one or several."""
    return [str(one) for one in cast("list[object]", types)] if isinstance(types, list) else [str(types)]


def _type_of(value: object) -> str:
    """Returns the JSON type of a value."""
    kinds = (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (list, "array"),
        (dict, "object"),
        (type(None), "null"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "string")


def _both(inner: Node, outer: Node) -> Node:
    """Joins two nodes that must both hold; the outer one has its way where they cannot be joined."""
    joined = inner | outer
    for key in inner.keys() & outer.keys():
        a, b = inner[key], outer[key]
        if key == "type":
            joined[key] = [one for one in _as_list(a) if one in _as_list(b)]
        elif key == "properties":
            joined[key] = a | b | {name: {"allOf": [a[name], b[name]]} for name in a.keys() & b.keys()}
        elif key == "required":
            joined[key] = [*a, *b]
        elif key == "enum":
            joined[key] = [one for one in a if one in b]
        elif key == "nullable":
            joined[key] = a or b
        elif key == "additionalProperties":
            joined[key] = a is not False and b
    return joined


def _distinct(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """Drops repeated shapes and joins those that differ in nothing but the values they list."""
    found: list[Shape] = []
    for shape in shapes:
        for index, other in enumerate(found):
            if attrs.evolve(shape, enum=None) == attrs.evolve(other, enum=None):
                both = None if shape.enum is None or other.enum is None else shape.enum | other.enum
                found[index] = attrs.evolve(other, enum=both)
                break
        else:
            found.append(shape)
    return tuple(found)


def joined(shapes: Sequence[Shape]) -> Shape:
    """Joins shapes of one type into the shape that allows what any of them allows."""
    if len(shapes) == 1:
        return shapes[0]
    first, *others = shapes
    members = [(name, node) for shape in shapes for name, node in shape.properties.items()]
    enums = [shape.enum for shape in shapes if shape.enum is not None]
    extras = [shape.extra for shape in shapes if shape.extra is not False]
    return Shape(
        kind=first.kind,
        label=first.label,
        keywords={k: v for k, v in first.keywords.items() if all(s.keywords.get(k) == v for s in others)},
        enum=frozenset[str]().union(*enums) if len(enums) == len(shapes) else None,
        properties={name: {"anyOf": [node for other, node in members if other == name]} for name, _ in members},
        required=first.required.intersection(*(shape.required for shape in others)),
        items={"anyOf": [shape.items for shape in shapes]},
        extra={"anyOf": extras} if extras else False,
    )
