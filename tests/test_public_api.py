"""What `import clerk_ext` offers."""

from __future__ import annotations

import importlib
import inspect

import pytest

import clerk_ext


def test_names_are_sorted_and_there() -> None:
    """`__all__` is sorted, and each name in it can be had and is listed by dir()."""
    assert sorted(clerk_ext.__all__) == clerk_ext.__all__
    assert clerk_ext.__all__ == [name for name in dir(clerk_ext) if getattr(clerk_ext, name, None) is not None]


def test_every_error_is_exported() -> None:
    """Whoever catches an error by name can import it from the top."""
    from clerk_ext import errors

    defined = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }

    assert set() == defined - set(clerk_ext.__all__)


def test_misspelt_name_is_an_attribute_error() -> None:
    """A name that is not there is an AttributeError that repeats it, although models load lazily."""
    with pytest.raises(AttributeError, match="Sesion"):
        _ = getattr(clerk_ext, "Sesion")  # noqa: B009 - mypy would refuse the plain form, rightly


def test_both_worlds_have_the_same_names() -> None:
    """AsyncClerk and its sessions offer what Clerk and its sessions do, but for aclose and as_async."""

    def names(cls: type) -> set[str]:
        return {name for name in dir(cls) if not name.startswith("_")}

    assert names(clerk_ext.Clerk) - {"close", "as_async"} == names(clerk_ext.AsyncClerk) - {"aclose"}
    from clerk_ext.sessions import AsyncSessions, Sessions

    assert names(Sessions) == names(AsyncSessions)


def test_everything_public_is_documented() -> None:
    """Each exported class says what it is, and each of its public methods and properties too."""
    undocumented = [
        f"{name}.{member}"
        for name in clerk_ext.__all__
        for member, value in inspect.getmembers(getattr(clerk_ext, name))
        if not member.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property))
        and not inspect.getdoc(value)
    ]

    assert [] == undocumented
    assert [] == [name for name in clerk_ext.__all__ if not inspect.getdoc(getattr(clerk_ext, name))]


@pytest.mark.parametrize("name", ["access", "asgi", "django", "fastapi", "flask", "starlette", "django.rest_framework"])
def test_glue_is_documented(name: str) -> None:
    """So is each name of the glue for frameworks; where a list of them is kept it is sorted, and they are there."""
    if name.startswith("django"):
        importlib.import_module("tests.django_ready")
    module = importlib.import_module(f"clerk_ext.{name}")
    listed = list(getattr(module, "__all__", ()))
    public = listed or [
        name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__
    ]
    values = {name: getattr(module, name) for name in public if not name.startswith("_")}

    assert sorted(listed) == listed
    assert [] == [
        name
        for name, value in values.items()
        if (inspect.isclass(value) or inspect.isfunction(value)) and not inspect.getdoc(value)
    ]
    assert [] == [
        f"{name}.{member}"
        for name, value in values.items()
        if inspect.isclass(value) and value.__module__.startswith("clerk_ext")
        for member, found in vars(value).items()
        if not member.startswith("_")
        and (inspect.isfunction(found) or isinstance(found, property))
        and not inspect.getdoc(found)
    ]
