"""The command that compares two specs: what it prints, how it ends, and what it refuses."""

import contextlib
import copy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.spec.documents import BODY, CREATE, LIST, NO_SCOPES, OPENAPI, SESSION, base, compared, edited, with_schema
from tools.spec_diff import Comparison, load_meant, main
from tools.spec_document import Document, SpecError

BAD_DOCUMENTS = {
    "not a mapping": ([1], "p: the document must be a mapping"),
    "empty": (None, "p: the document must be a mapping"),
    "not OpenAPI": ({"swagger": "2.0"}, "p: not OpenAPI 3.0 or 3.1 by its member `openapi`"),
    "paths": (edited("paths", to=[]), "p: paths must be a mapping"),
    "operation": (edited(*LIST, to="x"), "p: GET /sessions must be a mapping"),
    "parameters": (edited(*LIST, "parameters", to={}), "p: GET /sessions must be a list"),
    "parameter": (edited(*LIST, "parameters", 0, to=3), "p: a parameter of GET /sessions must be a mapping"),
    "unknown scheme": (
        edited(*LIST, "security", to=[{"other": NO_SCOPES}]),
        "p: reference #/components/securitySchemes/other leads nowhere",
    ),
    "broken reference": (
        edited(*BODY, to={"$ref": "#/components/schemas/None"}),
        "p: reference #/components/schemas/None leads nowhere",
    ),
    "reference into another file": (
        edited(*BODY, to={"$ref": "other.yml#/Session"}),
        "p: reference other.yml#/Session must begin with '#/'",
    ),
    "schema that is itself": (
        edited(*SESSION, to={"$ref": "#/components/schemas/Session"}),
        "p: a schema refers to itself",
    ),
    "answer that is itself": (
        edited(*CREATE, "responses", "200", to={"$ref": "#/paths/~1sessions/post/responses/200"}),
        "p: POST /sessions 200 refers to itself",
    ),
    "required": (edited(*SESSION, "required", to="id"), "p: required must be a list"),
    "properties": (edited(*SESSION, "properties", to=["id"]), "p: properties must be a mapping"),
    "schema": (edited(*SESSION, to="string"), "p: a schema must be a mapping"),
}


@pytest.mark.parametrize(("document", "message"), BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_document_that_cannot_be_read_is_refused(document: object, message: str) -> None:
    """The message names the document and the part that is wrong."""
    with pytest.raises(SpecError) as caught:
        Comparison(Document(base(), "r"), Document(document, "p")).differences()

    assert message == str(caught.value)


def test_schemas_without_end_are_refused() -> None:
    """Schemas that grow while they are followed end in a refusal, not in a crash."""
    grows = {"allOf": [{"$ref": "#/components/schemas/A"}, {"$ref": "#/components/schemas/B"}]}
    a = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/A"}}}
    b = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/B"}}}
    document = with_schema(grows, {"A": a, "B": b})

    with pytest.raises(SpecError, match="is nested too deeply"):
        compared(document, document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "object", "#/components/schemas/Session"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["$ref", "type", "enum", "oneOf", "allOf", "items", "properties", "required", "schema", "in"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


def places(node: object) -> list[tuple[Any, ...]]:
    """Gives the path to every place within a document."""
    steps: list[tuple[Any, object]] = []
    if isinstance(node, dict):
        steps = list(cast("dict[Any, object]", node).items())
    elif isinstance(node, list):
        steps = list(enumerate(cast("list[object]", node)))
    return [(step, *rest) for step, inner in steps for rest in [(), *places(inner)]]


@settings(deadline=None)
@given(place=st.sampled_from(places(base())), value=json_values)
def test_whatever_stands_in_a_document_is_compared_or_refused(place: tuple[Any, ...], value: object) -> None:
    """Any JSON in any place gives lines or a refusal, and a document that can be read equals its copy."""
    document = edited(*place, to=value)
    with contextlib.suppress(SpecError):
        compared(base(), document)
    own: list[str] = []
    with contextlib.suppress(SpecError):
        own = compared(document, copy.deepcopy(document))

    assert [] == own


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, list[str], str]]:
    """Runs the command on parsed specs; gives its status, the lines it printed and its complaint."""

    def command(
        recorded: object, published: object, meant: str | None = None, *more: str
    ) -> tuple[int, list[str], str]:
        paths = [tmp_path / "recorded.yaml", tmp_path / "published.yaml", tmp_path / "meant.yaml"]
        for path, document in zip(paths, (recorded, published), strict=False):
            path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
        paths[2].write_text(meant or "", encoding="utf-8")
        options = [] if meant is None else ["--meant", str(paths[2])]
        status = main([*map(str, paths[:2]), *options, *more])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err.replace(f"{tmp_path}/", "")

    return command


FASTER = edited(*LIST, "parameters", 0, "schema", "maximum", to=1000)
FASTER_LINE = "GET /sessions query limit maximum: recorded 500, published 1000"
MEANT = f"meant: [{{reason: Larger pages are slow., differences: ['{FASTER_LINE}']}}]"
Run = Callable[..., tuple[int, list[str], str]]


def test_no_difference_is_success(run: Run) -> None:
    """Two specs that are the same give status 0 and the summary alone."""
    summary = "spec-diff: recorded 1, published 1: 0 not meant, 0 meant, 0 meant in vain"

    assert (0, [summary], "") == run(base(), base())


def test_a_difference_that_is_not_meant_is_a_failure(run: Run) -> None:
    """It is printed, and the status is 1."""
    summary = "spec-diff: recorded 1, published 1: 1 not meant, 0 meant, 0 meant in vain"

    assert (1, [FASTER_LINE, summary], "") == run(base(), FASTER)


def test_a_difference_that_is_meant_is_success(run: Run) -> None:
    """It is counted, and shown with its reason only if asked."""
    summary = "spec-diff: recorded 1, published 1: 0 not meant, 1 meant, 0 meant in vain"

    assert (0, [summary], "") == run(base(), FASTER, MEANT)
    assert (0, ["meant: Larger pages are slow.", f"  {FASTER_LINE}", summary], "") == run(
        base(), FASTER, MEANT, "--verbose"
    )


def test_a_meant_difference_must_exist_in_the_version_recorded(run: Run) -> None:
    """One that no longer exists is named with status 1, unless the published spec is of another version."""
    stale = f"meant, but not a difference any more: {FASTER_LINE}"

    assert (
        1,
        [stale, "spec-diff: recorded 1, published 1: 0 not meant, 0 meant, 1 meant in vain"],
        "",
    ) == run(base(), base(), MEANT)
    assert (0, ["spec-diff: recorded 1, published 0: 0 not meant, 0 meant, 0 meant in vain"], "") == run(
        base(), base("0"), MEANT
    )


BAD_MEANT = {
    "empty": ("", "must hold `meant`, a list, and nothing else"),
    "another member": ("meant: []\nalso: 1", "must hold `meant`, a list, and nothing else"),
    "not a list": ("meant: {}", "must hold `meant`, a list, and nothing else"),
    "no reason": (
        "meant: [{differences: [a]}]",
        "entry 1 must have `reason` and `differences` and nothing else",
    ),
    "blank reason": ("meant: [{reason: ' ', differences: [a]}]", "entry 1: the reason must be a sentence"),
    "no lines": (
        "meant: [{reason: R., differences: []}]",
        "entry 1: the differences must be a list of lines",
    ),
    "unquoted": (
        "meant:\n- reason: R.\n  differences:\n  - GET /jwks 401: recorded only",
        'entry 1: {"GET /jwks 401": "recorded only"} must be one string; put it in quotes',
    ),
    "twice": (
        "meant: [{reason: R., differences: [a]}, {reason: S., differences: [b, a]}]",
        "entry 2: 'a' is listed twice",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD_MEANT.values(), ids=BAD_MEANT)
def test_a_list_of_meant_differences_is_checked(run: Run, text: str, message: str) -> None:
    """A list that cannot be used is refused with status 2, and the message says which entry is wrong."""
    assert (2, [], f"spec-diff: meant.yaml: {message}\n") == run(base(), base(), text)


def test_a_reason_may_stand_on_several_lines(tmp_path: Path) -> None:
    """It is shown as one."""
    path = tmp_path / "meant.yaml"
    path.write_text("meant: [{reason: 'Larger\n  pages.', differences: [a]}]", encoding="utf-8")

    assert {"a": "Larger pages."} == load_meant(path)


@pytest.mark.parametrize(
    ("published", "complaint"),
    [
        ("a: [", "published.yaml: not YAML: "),
        ("a: \x00", "published.yaml: not YAML: "),
        ("x: " + "[" * 100_000, "published.yaml: not YAML: "),
        ("just text", "published.yaml: the document must be a mapping"),
    ],
    ids=["cut", "control character", "very deep", "text"],
)
def test_a_file_that_is_no_spec_is_refused(run: Run, published: str, complaint: str) -> None:
    """One line on standard error names the file, and the status is 2."""
    status, lines, error = run(base(), published)

    assert (2, []) == (status, lines)
    assert error.startswith(f"spec-diff: {complaint}")
    assert 1 == error.count("\n")


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on standard error names the file, and the status is 2."""
    status = main([str(tmp_path / "none.yaml"), str(tmp_path)])

    assert 2 == status
    assert f"spec-diff: {tmp_path}/none.yaml: No such file or directory\n" == capsys.readouterr().err


def test_a_file_that_is_not_text_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes that are no UTF-8 are not YAML."""
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"openapi: \xff\xfe")
    status = main([str(path), str(path)])

    assert 2 == status
    assert capsys.readouterr().err.startswith(f"spec-diff: {path}: not YAML: ")


def test_the_command_runs_as_a_module() -> None:
    """The recorded spec does not differ from itself, so that every meant difference is named as vain."""
    spec, meant = OPENAPI / "clerk-sessions.yaml", OPENAPI / "meant-differences.yaml"
    command = [sys.executable, "-m", "tools.spec_diff", str(spec), str(spec), "--meant", str(meant)]
    result = subprocess.run(command, cwd=OPENAPI.parent, capture_output=True, text=True, check=False, timeout=60)
    vain = [f"meant, but not a difference any more: {line}" for line in sorted(load_meant(meant))]

    assert ("", 1) == (result.stderr, result.returncode)
    assert vain == result.stdout.splitlines()[:-1]
