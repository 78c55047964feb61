"""The tool that makes generated/ and checks it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.generated.operations import ROOT
from tools import generate as tool

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE = f"generated/{tool.PACKAGE}"
SMALL_SPEC = """
openapi: 3.1.0
info: {title: Small, version: "1"}
paths:
  /things:
    get:
      operationId: getThing
      tags: [Things]
      parameters:
        - {name: size, in: query, description: How large., schema: {type: integer, minimum: 2, maximum: 9, default: 3}}
      responses:
        "200":
          description: A thing.
          content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
components:
  schemas:
    Color: {type: string, enum: [red, blue], x-open-enum: true, description: A colour.}
    Thing:
      type: object
      description: A thing. It has a colour.
      required: [name, color, parent]
      properties:
        name: {type: [string, "null"], description: Null for things without a name.}
        color: {$ref: "#/components/schemas/Color"}
        parent: {oneOf: [{$ref: "#/components/schemas/Parent"}, {type: "null"}]}
        source: {type: string, description: Named as a local variable of the template.}
        seen_at: {type: [integer, "null"], x-unix-milliseconds: true}
    Parent:
      type: object
      required: [id]
      properties: {id: {type: integer}}
"""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of generated/ that a test may spoil."""
    shutil.copytree(tool.GENERATED, tmp_path / "kept")
    return tmp_path / "kept"


def test_equal_trees(kept: Path) -> None:
    """Equal trees differ in nothing, whatever bytecode lies about."""
    cache = kept / tool.PACKAGE / "__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "client.cpython-311.pyc").write_bytes(b"")

    assert [] == tool.differences(tool.GENERATED, kept)


def test_hand_edit(kept: Path) -> None:
    """A hand edit is found, were it one blank line, a header taken off, or in a file without code."""
    for name in ("client.py", "types.py", "py.typed"):
        with (kept / tool.PACKAGE / name).open("a") as file:
            file.write("\n")

    assert [
        f"{PACKAGE}/{name}: edited by hand, or not regenerated after a change"
        for name in ("client.py", "py.typed", "types.py")
    ] == tool.differences(tool.GENERATED, kept)


def test_missing_file(kept: Path) -> None:
    """A file that was deleted is found."""
    (kept / tool.PACKAGE / "models" / "session.py").unlink()

    assert [f"{PACKAGE}/models/session.py: missing"] == tool.differences(tool.GENERATED, kept)


def test_orphans(kept: Path) -> None:
    """A file that nothing generates is found, of any kind and anywhere below generated/."""
    (kept / tool.PACKAGE / "models" / "user.py").touch()
    (kept / tool.PACKAGE / "notes.txt").touch()
    (kept / "other.toml").touch()

    assert [
        f"{name}: orphan, nothing generates it"
        for name in (f"{PACKAGE}/models/user.py", f"{PACKAGE}/notes.txt", "generated/other.toml")
    ] == tool.differences(tool.GENERATED, kept)


def test_template_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A template changed and not regenerated is found in its file; all the rest is exactly the output.

    The generator runs in another directory and with another hash seed than whoever made the output.
    """
    templates = tmp_path / "templates"
    shutil.copytree(tool.TEMPLATES, templates)
    with (templates / "api_init.py.jinja").open("a") as file:
        file.write("\nCHANGED = True\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHASHSEED", "4711")
    tool.generate(tmp_path / "fresh", templates=templates)

    assert [f"{PACKAGE}/api/__init__.py: edited by hand, or not regenerated after a change"] == tool.differences(
        tmp_path / "fresh", tool.GENERATED
    )


def test_every_module_has_the_header() -> None:
    """Each module says that it is output, of what, and the command that makes it."""
    modules = sorted(tool.GENERATED.rglob("*.py"))
    headers = {" ".join(module.read_text("utf-8").splitlines()[:2]) for module in modules}

    [header] = headers
    assert all(
        word in header
        for word in ("Output", "openapi/clerk-sessions.yaml", "openapi/templates/", "Do not edit", "make generate")
    )


def test_module_without_header(tmp_path: Path) -> None:
    """Output without the header is refused; an empty module is dropped, for it has no class."""
    (tmp_path / "empty.py").write_text("\n", "utf-8")
    tool.finish(tmp_path)
    left = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / "bare.py").write_text("x = 1\n", "utf-8")

    assert ["py.typed"] == left
    with pytest.raises(tool.GenerationError, match=r"^bare\.py has no header"):
        tool.finish(tmp_path)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command on a tree of its own, fed with a copy of generated/ in place of a generator's run."""
    original, tree = tool.GENERATED, tmp_path / "generated"

    def generate(into: Path) -> None:
        shutil.copytree(original, into)

    monkeypatch.setattr(tool, "generate", generate)
    monkeypatch.setattr(tool, "GENERATED", tree)
    return tree


def test_command_replaces_wholly(stand_in: Path) -> None:
    """Generating leaves nothing of what stood there before, and a check is clean after it."""
    (stand_in / "old").mkdir(parents=True)
    (stand_in / "old" / "orphan.py").touch()

    assert 0 == tool.main([])
    assert [] == tool.differences(ROOT / "generated", stand_in)
    assert 0 == tool.main(["--check"])


def test_command_check(stand_in: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check that finds something exits 1, says what and what to do, and changes nothing."""
    tool.main([])
    edited = stand_in / tool.PACKAGE / "client.py"
    edited.write_text("", "utf-8")
    capsys.readouterr()
    status = tool.main(["--check"])
    printed = capsys.readouterr().out

    assert 1 == status
    assert f"{PACKAGE}/client.py: edited by hand" in printed
    assert "make generate" in printed
    assert "" == edited.read_text("utf-8")


def test_command_when_the_generator_fails(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the generator fails, the command says so, exits 1 and leaves generated/ as it was."""
    tool.main([])

    def fail(into: Path) -> None:
        raise tool.GenerationError(f"no output in {into.name}")

    monkeypatch.setattr(tool, "generate", fail)

    assert 1 == tool.main([])
    assert "no output in generated" in capsys.readouterr().err
    assert [] == tool.differences(ROOT / "generated", stand_in)


def test_broken_spec(tmp_path: Path) -> None:
    """What the generator only warns of is an error here."""
    spec = tmp_path / "small.yaml"
    spec.write_text(SMALL_SPEC.replace("schemas/Parent", "schemas/Nobody"), "utf-8")

    with pytest.raises(tool.GenerationError, match=r"^openapi-python-client failed:"):
        tool.generate(tmp_path / "fresh", spec=spec)


def test_another_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The templates hold for constructs that the recorded spec does not use yet."""
    (tmp_path / "small.yaml").write_text(SMALL_SPEC, "utf-8")
    tool.generate(tmp_path / "fresh", spec=tmp_path / "small.yaml")
    thing: Any = load(tmp_path / "fresh", monkeypatch, "models.thing").Thing
    nothing: dict[str, Any] = {"name": None, "color": "green", "parent": None}
    something: dict[str, Any] = {"name": "ball", "color": "red", "parent": {"id": 7}, "seen_at": 1500, "source": "a"}
    parsed = thing.from_dict(something)
    operation = (tmp_path / "fresh" / tool.PACKAGE / "api" / "things" / "get_thing.py").read_text("utf-8")

    assert nothing == thing.from_dict(nothing).to_dict()
    assert something == parsed.to_dict()
    assert (1.5, None) == (parsed.seen_at.timestamp(), thing.from_dict(nothing).seen_at)
    assert "size: How large. At least 2, at most 9, 3 if left out." in operation


def load(generated: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """Import a module of a generated package under another name, so that it does not meet the real one."""
    package = generated / tool.PACKAGE
    spec = importlib.util.spec_from_file_location(
        "small_api", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    monkeypatch.setitem(sys.modules, "small_api", importlib.util.module_from_spec(spec))
    return importlib.import_module(f"small_api.{name}")
