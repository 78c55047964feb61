"""Every behaviour in every framework, in each of its worlds, behind its test client and behind a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clerk_ext.testing import FakeClerk
from tests.conformance.apps import (
    django_async,
    django_rest,
    django_sync,
    fastapi_app,
    flask_app,
    starlette_app,
)
from tests.conformance.behaviours.listed import LIST
from tests.conformance.contract import Setup
from tests.conformance.site import Site

if TYPE_CHECKING:
    from tests.conformance.contract import Column

APPS = (fastapi_app, starlette_app, django_sync, django_async, django_rest, flask_app)
COLUMNS = [column for app in APPS for column in app.COLUMNS]


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
@pytest.mark.parametrize("name", LIST)
def test_behaviour(name: str, column: Column) -> None:
    """The behaviour's own docstring says it."""
    behaviour, about = LIST[name]
    made: dict[str, Any] = {field: value() if callable(value) else value for field, value in about.items()}
    made.setdefault("fakes", [FakeClerk("acme")])
    setup = Setup(**made)
    with column.start(setup) as call:
        behaviour(Site(setup, call))


def test_list_is_long_enough() -> None:
    """The list has the length that was asked for."""
    assert len(LIST) >= 60
