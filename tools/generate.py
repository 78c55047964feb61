"""Make generated/ from the recorded spec, or check that it is what the spec gives.

Run as ``python tools/generate.py`` to replace generated/ wholly, and with ``--check`` to compare it, file by
file, with a fresh output. The output depends on nothing else: not on the working directory, the hash seed
or the user's settings.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SPEC = ROOT / "openapi" / "clerk-sessions.yaml"
TEMPLATES = ROOT / "openapi" / "templates"
CONFIG = ROOT / "generator_config.yaml"
GENERATED = ROOT / "generated"
PACKAGE = "clerk_sessions_api"
HEADER = "# Output: "
REMEDY = "Do not edit generated/: change openapi/ or generator_config.yaml and run `make generate`."


class GenerationError(Exception):
    """The generator failed, warned, or wrote something that cannot be right."""


def prepared(spec: dict[str, Any]) -> dict[str, Any]:
    """Put what the generator drops of the spec where it reaches the templates.

    What a parameter says of itself and its range are repeated in the description of its schema, and the mark of
    an enum that may grow beside each reference to it.
    """
    components = spec["components"]
    schemas = components["schemas"]
    open_enums = {f"#/components/schemas/{name}" for name in schemas if schemas[name].get("x-open-enum")}
    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            if member.get("$ref") in open_enums:
                member["x-open-enum"] = True
    operations = [operation for path in spec["paths"].values() for operation in path.values()]
    listed = [parameter for operation in operations for parameter in operation.get("parameters", [])]
    for parameter in [*components.get("parameters", {}).values(), *listed]:
        schema = parameter.get("schema", {})
        words = [parameter.get("description", ""), described_range(schema)]
        if schema and "$ref" not in schema:
            schema["description"] = " ".join(word for word in words if word)
    return spec


def described_range(schema: dict[str, Any]) -> str:
    """Say in a sentence which numbers a schema allows, and which the server takes if none is given."""
    lowest, highest, default = (schema.get(key) for key in ("minimum", "maximum", "default"))
    words = [f"at least {lowest}" if lowest is not None else "", f"at most {highest}" if highest is not None else ""]
    words.append(f"{default} if left out" if default is not None else "")
    sentence = ", ".join(word for word in words if word)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def generate(into: Path, *, spec: Path = SPEC, templates: Path = TEMPLATES, config: Path = CONFIG) -> None:
    """Write the package below an empty directory.

    Args:
        into: The directory that stands for generated/; made if it does not exist.
        spec: The recorded spec.
        templates: The directory of our templates.
        config: The generator's config.

    Raises:
        GenerationError: The generator failed or warned, or a module has no header.
    """
    package = into.resolve() / PACKAGE
    with tempfile.TemporaryDirectory() as scratch:
        document = Path(scratch) / f"{spec.stem}.json"
        document.write_text(json.dumps(prepared(yaml.safe_load(spec.read_text("utf-8")))), "utf-8")
        command = [sys.executable, "-P", "-m", "openapi_python_client", "generate", "--fail-on-warning"]
        command += ["--meta", "none", "--path", str(document), "--output-path", str(package)]
        command += ["--config", str(config.resolve()), "--custom-template-path", str(templates.resolve())]
        # The post hooks call ruff by its bare name: the pinned one lies beside this interpreter.
        path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")])
        environment = {**os.environ, "PATH": path, "_TYPER_STANDARD_TRACEBACK": "1"}
        result = subprocess.run(command, cwd=scratch, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise GenerationError(f"openapi-python-client failed:\n{result.stdout}{result.stderr}")
    finish(package)


def finish(package: Path) -> None:
    """Complete what the generator wrote: drop empty modules, insist on headers, mark the package as typed.

    Raises:
        GenerationError: A module does not begin with the header.
    """
    for file in sorted(package.rglob("*.py")):
        text = file.read_text("utf-8")
        if not text.strip():  # the template of an object without declared members writes nothing
            file.unlink()
        elif not text.startswith(HEADER):
            raise GenerationError(f"{file.name} has no header: its template must begin with header()")
    (package / "py.typed").write_text("", "utf-8")


def differences(fresh: Path, kept: Path) -> list[str]:
    """Compare two directories file by file, bytecode caches apart.

    Args:
        fresh: What was just generated.
        kept: What stands in the repository.

    Returns:
        A line for each file that is missing, is not output, or differs; none if the two are equal.
    """

    def files(directory: Path) -> dict[str, Path]:
        found = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return {path.relative_to(directory).as_posix(): path for path in found}

    expected, actual = files(fresh), files(kept)
    lines: list[str] = []
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            lines.append(f"generated/{name}: missing")
        elif name not in expected:
            lines.append(f"generated/{name}: orphan, nothing generates it")
        elif expected[name].read_bytes() != actual[name].read_bytes():
            lines.append(f"generated/{name}: edited by hand, or not regenerated after a change")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 if generated/ is now, or was found to be, what the spec gives."""
    parser = argparse.ArgumentParser(description="Make generated/ from the recorded spec.")
    parser.add_argument("--check", action="store_true", help="compare generated/ with a fresh output")
    check: bool = parser.parse_args(arguments).check
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "generated"
        try:
            generate(fresh)
        except GenerationError as error:
            print(error, file=sys.stderr)
            return 1
        if check:
            lines = differences(fresh, GENERATED)
            print("\n".join([*lines, REMEDY] if lines else ["generated/ is what the spec gives."]))
            return 1 if lines else 0
        shutil.rmtree(GENERATED, ignore_errors=True)
        shutil.move(fresh, GENERATED)
        print(f"generated/{PACKAGE}: {sum(1 for _ in GENERATED.rglob('*.py'))} modules")
    return 0


if __name__ == "__main__":
    sys.exit(main())
