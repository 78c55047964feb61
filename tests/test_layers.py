"""Imports point downwards only: this list is the architecture."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "clerk_ext"

# From the top of the house to its ground; a module imports from lines below its own only.
LAYERS = (
    ("clerk_ext.testing.plugin",),
    ("clerk_ext",),
    ("clerk_ext.testing",),
    ("clerk_ext.fastapi",),
    ("clerk_ext.starlette", "clerk_ext.django", "clerk_ext.flask"),
    ("clerk_ext.asgi",),
    ("clerk_ext.streams",),
    ("clerk_ext.visits",),
    ("clerk_ext.access",),
    ("clerk_ext.tenants",),
    ("clerk_ext.tenancy.routing",),
    ("clerk_ext.tenancy.loading", "clerk_ext.tenancy.sweeping"),
    ("clerk_ext.clerk", "clerk_ext.tenancy.registry", "clerk_ext.tenancy.sweeps"),
    ("clerk_ext.sessions", "clerk_ext.requests", "clerk_ext.tokens.explanation"),
    ("clerk_ext.calls", "clerk_ext.tokens.verifier"),
    ("clerk_ext.tokens.judge",),
    ("clerk_ext.tokens.ring", "clerk_ext.tokens.remembered", "clerk_ext.revocations", "clerk_ext.pools"),
    ("clerk_ext.transport", "clerk_ext.carriers", "clerk_ext.tokens.claims", "clerk_ext.tokens.jwks"),
    ("clerk_ext.tenancy.settings", "clerk_ext.tenancy.loads"),
    ("clerk_ext.config", "clerk_ext.tokens.token", "clerk_ext.tokens.custom"),
    ("clerk_ext.tokens.authorization", "clerk_ext.tokens.tally"),
    (
        "clerk_ext.tokens.keys",
        "clerk_ext.retries",
        "clerk_ext.errors",
        "clerk_ext.forks",
        "clerk_ext.turns",
        "clerk_ext.tenancy.crews",
    ),
)
# Rooms of several files, which count as one.
ROOMS = {
    "clerk_ext.testing.plugin": "clerk_ext.testing.plugin",
    "clerk_ext.testing": "clerk_ext.testing",
    "clerk_ext.django": "clerk_ext.django",
    "clerk_ext.config_checks": "clerk_ext.config",
}
RANK = {module: rank for rank, layer in enumerate(reversed(LAYERS)) for module in layer}


def module_name(path: Path) -> str:
    """The dotted name of a file of the package, or of the room that it belongs to."""
    parts = ("clerk_ext", *path.relative_to(PACKAGE).with_suffix("").parts)
    return room(".".join(part for part in parts if part != "__init__"))


def room(module: str) -> str:
    """The room that a module belongs to; most are rooms of their own."""
    return next((whole for part, whole in ROOMS.items() if f"{module}.".startswith(f"{part}.")), module)


def imported(source: str, module: str) -> set[str]:
    """Every module of clerk_ext that *source* imports, anywhere in it: in functions and for types too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            found.add("clerk_ext.testing")  # only that package imports by relative names
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found.update(name if room(name) in RANK else node.module for name in names)
    return {room(name) for name in found if name.split(".")[0] == "clerk_ext"} - {module}


FILES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if path.parent.name not in {"tokens", "tenancy"} or path.name != "__init__.py"
)


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_imports_point_downwards(path: Path) -> None:
    """No module imports one of its own line or above."""
    module = module_name(path)

    upwards = {name for name in imported(path.read_text("utf-8"), module) if RANK[name] >= RANK[module]}

    assert set() == upwards


def test_upward_import_is_seen() -> None:
    """The test sees an upward import, even one inside a function."""
    source = "def later() -> None:\n    from clerk_ext.clerk import Clerk\n"

    assert {"clerk_ext.clerk"} == imported(source, "clerk_ext.errors")


def test_generated_client_knows_nothing_of_us() -> None:
    """The generated package imports nothing of clerk_ext."""
    generated = PACKAGE.parent / "generated" / "clerk_sessions_api"

    assert [] == [path for path in generated.rglob("*.py") if "clerk_ext" in path.read_text("utf-8")]


def loaded_by(statement: str) -> set[str]:
    """The top-level and second-level modules that a fresh interpreter has after *statement*."""
    script = f"import sys\n{statement}\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_is_light() -> None:
    """`from clerk_ext import Clerk` loads no HTTP client, no JOSE library, no API model and no framework."""
    heavy = {"httpx", "jwcrypto", "dateutil", "clerk_sessions_api", "fastapi", "starlette", "django", "flask", "pytest"}

    assert set() == heavy & loaded_by("from clerk_ext import Clerk, ClerkConfig")


@pytest.mark.parametrize(
    ("room", "needed"),
    [
        ("asgi", set[str]()),
        ("starlette", {"starlette"}),
        ("fastapi", {"starlette", "fastapi"}),
        ("django", {"django"}),
        ("flask", {"flask"}),
    ],
)
def test_framework_loads_itself_alone(room: str, needed: set[str]) -> None:
    """The glue of one framework loads no other, and no HTTP client before one is needed."""
    frameworks = {"fastapi", "starlette", "django", "rest_framework", "flask"}

    assert needed == frameworks & loaded_by(f"import clerk_ext.{room}")
