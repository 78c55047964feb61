"""What importing the generated package loads, each case in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

import clerk_sessions_api
from clerk_sessions_api import models


def loaded(statement: str) -> set[str]:
    """The modules that a fresh interpreter holds after a statement."""
    code = f"import sys; {statement}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def loaded_models(modules: set[str]) -> set[str]:
    """The modules of models among them."""
    prefix = "clerk_sessions_api.models."
    return {name.removeprefix(prefix) for name in modules if name.startswith(prefix)}


def test_bare_import() -> None:
    """Importing the package loads neither httpx nor attrs nor any other module of it."""
    modules = loaded("import clerk_sessions_api")

    assert set() == modules & {"httpx", "attrs"}
    assert {"clerk_sessions_api"} == {name for name in modules if name.startswith("clerk_sessions_api")}


def test_models_need_no_httpx() -> None:
    """Reading a model loads that model, what it is made of, and no httpx."""
    modules = loaded("from clerk_sessions_api.models import Session")

    assert "httpx" not in modules
    assert {"session", "session_activity", "session_status", "session_task"} == loaded_models(modules)


def test_operation_loads_its_own_models() -> None:
    """An operation loads the models that it names, and no others."""
    modules = loaded("from clerk_sessions_api.api.sessions import create_session_token")
    expected = {"create_session_token_body", "session_token", "error_body", "error_detail"}

    assert expected == loaded_models(modules)


@pytest.mark.parametrize("module", [clerk_sessions_api, models])
def test_public_names(module: object) -> None:
    """Every public name can be had and is listed; a misspelt one raises as it does for any module."""
    names: tuple[str, ...] = getattr(module, "__all__")  # noqa: B009 (each module has its own)

    misspelt = "Sesion"

    assert set(names) <= set(dir(module))
    assert all(getattr(module, name).__name__ == name for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'Sesion'"):
        getattr(module, misspelt)
