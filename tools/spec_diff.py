"""Compares the recorded spec with a published Backend API spec, operation by operation.

Usage, in the root of the repository:
`python -m tools.spec_diff RECORDED PUBLISHED [--meant MEANT] [--verbose]`

Both files are OpenAPI 3.0 or 3.1. Only `/jwks` and `/sessions…` are looked at. Different spellings of the
same thing are the same: a reference or its target; `nullable`, a null type or a null branch; `const` or an
enum of one value; an object that says that it is open or says nothing. Ignored are descriptions, titles,
examples, extensions, headers of answers, and the format `password`, which only asks that a value be hidden;
all other formats count, `int64` among them. Where the two sides offer different numbers of alternatives of
one type, each side's are compared as one schema that allows what any of them allows.

Each difference is one line. Those that are meant are listed in MEANT, with reasons:

    meant:
      - reason: Clerk limits the rate of every session operation.
        differences:
          - "GET /sessions 429: recorded only"

Exit status: 0 if every difference is meant; 1 if one is not, or if a meant one no longer exists although the
published spec has the version that was recorded; 2 if a file cannot be used.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

from tools.spec_document import (
    ABSENT,
    DEEPEST,
    Document,
    Node,
    Schema,
    Shape,
    SpecError,
    joined,
    load,
    render,
)

STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}


def _sides(place: str, a: Mapping[str, object], b: Mapping[str, object]) -> Iterator[str]:
    for name in a.keys() ^ b.keys():
        yield f"{place}{name}: {'recorded' if name in a else 'published'} only"


def _value(place: str, a: object, b: object) -> Iterator[str]:
    if a != b:
        yield f"{place}: recorded {render(a)}, published {render(b)}"


def _flag(place: str, a: object, b: object) -> Iterator[str]:
    yield from _value(place, "yes" if a is True else "no", "yes" if b is True else "no")


class Comparison:
    """The differences between two documents.

    Args:
        recorded: Our document.
        published: Clerk's document.
    """

    def __init__(self, recorded: Document, published: Document) -> None:
        self._recorded = recorded
        self._published = published
        self._open: set[tuple[int, int]] = set()

    def differences(self) -> list[str]:
        """Returns one line per difference, sorted.

        Raises:
            SpecError: A part of either document cannot be read.
        """
        return sorted(set(self._documents()))

    def _documents(self) -> Iterator[str]:
        yield from _value("servers", self._recorded.servers(), self._published.servers())
        ours, theirs = self._recorded.operations(), self._published.operations()
        yield from _sides("", ours, theirs)
        for name in ours.keys() & theirs.keys():
            yield from self._operation(name, ours[name], theirs[name])

    def _operation(self, name: str, ours: tuple[Node, Node], theirs: tuple[Node, Node]) -> Iterator[str]:
        a, b, x, y = self._recorded, self._published, ours[0], theirs[0]
        yield from _value(f"{name} operationId", x.get("operationId", ABSENT), y.get("operationId", ABSENT))
        yield from _flag(f"{name} deprecated", x.get("deprecated"), y.get("deprecated"))
        yield from _value(f"{name} security", a.security(x), b.security(y))

        ps, qs = a.parameters(name, *ours), b.parameters(name, *theirs)
        yield from _sides(f"{name} ", ps, qs)
        for one in ps.keys() & qs.keys():
            yield from self._parameter(f"{name} {one}", ps[one], qs[one])

        place = f"{name} request"
        sent, wanted = (d.resolve(n.get("requestBody", {}), place) for d, n in ((a, x), (b, y)))
        yield from self._bodies(place, sent, wanted)
        if sent and wanted:
            yield from _flag(f"{place} required", sent.get("required"), wanted.get("required"))

        rs, ss = a.mapping(x.get("responses", {}), name), b.mapping(y.get("responses", {}), name)
        yield from _sides(f"{name} ", rs, ss)
        for status in rs.keys() & ss.keys():
            place = f"{name} {status}"
            yield from self._bodies(place, a.resolve(rs[status], place), b.resolve(ss[status], place))

    def _parameter(self, place: str, x: Node, y: Node) -> Iterator[str]:
        yield from _flag(f"{place} required", x.get("required"), y.get("required"))
        yield from _flag(f"{place} deprecated", x.get("deprecated"), y.get("deprecated"))
        style, other = (str(node.get("style", STYLES.get(str(node.get("in"))))) for node in (x, y))
        yield from _value(f"{place} style", style, other)
        yield from _flag(f"{place} explode", x.get("explode", style == "form"), y.get("explode", other == "form"))
        yield from self._bodies(place, x, y)
        yield from self._schemas(place, x.get("schema", True), y.get("schema", True))

    def _bodies(self, place: str, x: Node, y: Node) -> Iterator[str]:
        xs, ys = self._recorded.content(x, place), self._published.content(y, place)
        yield from _sides(f"{place} ", xs, ys)
        for kind in xs.keys() & ys.keys():
            yield from self._schemas(f"{place} {kind}", xs[kind], ys[kind])

    def _schemas(self, place: str, x: object, y: object) -> Iterator[str]:
        a, b = self._recorded.schema(x), self._published.schema(y)
        pair = (id(a), id(b))
        if pair in self._open:
            return  # a recursive schema: this very pair is being compared further up
        if len(self._open) > DEEPEST:
            raise SpecError(f"{self._published.name}: {place[:80]}… is nested too deeply")
        self._open.add(pair)
        yield from self._alternatives(place, a, b)
        self._open.remove(pair)

    def _alternatives(self, place: str, a: Schema, b: Schema) -> Iterator[str]:
        yield from _flag(f"{place} nullable", a.nullable, b.nullable)
        xs, ys = a.by_kind(), b.by_kind()
        if {kind: len(shapes) for kind, shapes in xs.items()} != {kind: len(shapes) for kind, shapes in ys.items()}:
            named = len(a.shapes) > 1 or len(b.shapes) > 1
            yield from _value(place, a.describe(named), b.describe(named))
        for kind in xs.keys() & ys.keys():
            if len(xs[kind]) != len(ys[kind]):
                yield from self._shape(place, joined(xs[kind]), joined(ys[kind]))
            elif len(xs[kind]) == 1:
                yield from self._shape(place, xs[kind][0], ys[kind][0])
            else:
                yield from self._partners(place, xs[kind], ys[kind])

    def _partners(self, place: str, xs: Sequence[Shape], ys: Sequence[Shape]) -> Iterator[str]:
        """Compares equally many shapes of one type, each with the one that is most like it."""
        pairs = [(list(self._shape(f"{place}({x.label})", x, y)), x, y) for x in xs for y in ys]
        taken: set[int] = set()
        for lines, x, y in sorted(pairs, key=lambda pair: len(pair[0])):
            if taken.isdisjoint((id(x), id(y))):
                taken |= {id(x), id(y)}
                yield from lines

    def _shape(self, place: str, x: Shape, y: Shape) -> Iterator[str]:
        for key in x.keywords.keys() | y.keywords.keys():
            yield from _value(f"{place} {key}", x.keywords.get(key, ABSENT), y.keywords.get(key, ABSENT))
        if x.enum is not None and y.enum is not None:
            yield from _sides(f"{place} enum ", dict.fromkeys(x.enum), dict.fromkeys(y.enum))
        else:
            enums = (ABSENT if shape.enum is None else " | ".join(sorted(shape.enum)) for shape in (x, y))
            yield from _value(f"{place} enum", *enums)
        known, others = x.properties.keys() | x.required, y.properties.keys() | y.required
        yield from _sides(f"{place}.", dict.fromkeys(known), dict.fromkeys(others))
        for name in known & others:
            inner = f"{place}.{name}"
            yield from _flag(f"{inner} required", name in x.required, name in y.required)
            yield from self._schemas(inner, x.properties.get(name, True), y.properties.get(name, True))
        yield from self._schemas(f"{place}[]", x.items, y.items)
        extra, other = self._recorded.openness(x), self._published.openness(y)
        yield from _value(f"{place} additionalProperties", extra, other)
        if extra == other == "described":
            yield from self._schemas(f"{place}.*", x.extra, y.extra)


def load_meant(path: Path) -> dict[str, str]:
    """Reads the differences that are meant, each with its reason.

    Raises:
        SpecError: The file cannot be read or is not such a list.
    """
    root = load(path)
    entries: object = (
        cast("Node", root).get("meant") if isinstance(root, dict) and len(cast("Node", root)) == 1 else None
    )
    if not isinstance(entries, list):
        raise SpecError(f"{path}: must hold `meant`, a list, and nothing else")
    found: dict[str, str] = {}
    for number, entry in enumerate(cast("list[object]", entries), 1):
        if not isinstance(entry, dict) or set(cast("Node", entry)) != {"reason", "differences"}:
            raise SpecError(f"{path}: entry {number} must have `reason` and `differences` and nothing else")
        reason, lines = cast("Node", entry)["reason"], cast("Node", entry)["differences"]
        if not isinstance(reason, str) or not reason.strip():
            raise SpecError(f"{path}: entry {number}: the reason must be a sentence")
        if not isinstance(lines, list) or not lines:
            raise SpecError(f"{path}: entry {number}: the differences must be a list of lines")
        for line in cast("list[object]", lines):
            if not isinstance(line, str):
                raise SpecError(f"{path}: entry {number}: {render(line)} must be one string; put it in quotes")
            if line in found:
                raise SpecError(f"{path}: entry {number}: {line!r} is listed twice")
            found[line] = " ".join(reason.split())
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the comparison and prints what it found.

    Args:
        arguments: The command line without the program's name; that of the process if None.

    Returns:
        The exit status, as the module describes it.
    """
    parser = argparse.ArgumentParser(description="Compare the recorded spec with a published one.")
    parser.add_argument("recorded", type=Path, help="our spec")
    parser.add_argument("published", type=Path, help="the spec that Clerk publishes")
    parser.add_argument("--meant", type=Path, help="the differences that are meant, with reasons")
    parser.add_argument("--verbose", action="store_true", help="show the differences that are meant, too")
    options = parser.parse_args(arguments)
    try:
        recorded = Document(load(options.recorded), str(options.recorded))
        published = Document(load(options.published), str(options.published))
        meant = load_meant(options.meant) if options.meant else dict[str, str]()
        lines = Comparison(recorded, published).differences()
    except SpecError as error:
        print(f"spec-diff: {error}", file=sys.stderr)
        return 2
    wrong = [line for line in lines if line not in meant]
    accepted = [line for line in lines if line in meant]
    stale = sorted(meant.keys() - set(lines)) if published.version == recorded.version else []
    report = [*wrong, *(f"meant, but not a difference any more: {line}" for line in stale)]
    if options.verbose:
        for reason in dict.fromkeys(meant[line] for line in accepted):
            report += [f"meant: {reason}", *(f"  {line}" for line in accepted if meant[line] == reason)]
    report.append(
        f"spec-diff: recorded {recorded.version}, published {published.version}: "
        f"{len(wrong)} not meant, {len(accepted)} meant, {len(stale)} meant in vain"
    )
    print("\n".join(report))
    return 1 if wrong or stale else 0


if __name__ == "__main__":
    sys.exit(main())
