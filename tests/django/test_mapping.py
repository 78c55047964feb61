"""``CLERK["USER"]``: the project's own users in place of ours."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import SynchronousOnlyOperation
from django.test import RequestFactory

from clerk_ext.django.visits import DjangoVisit

if TYPE_CHECKING:
    from clerk_ext import SessionClaims
    from tests.django.conftest import Project


class Users:
    """A mapping that tells how often it was asked, and where."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __call__(self, claims: SessionClaims) -> object:
        """The user of some claims."""
        self.threads.append(threading.get_ident())
        return User(pk=1, username=f"own {claims.user_id}")


class AsyncUsers(Users):
    """The same, to be awaited."""

    async def __call__(self, claims: SessionClaims) -> object:
        await asyncio.sleep(0)
        return super().__call__(claims)


def own(claims: SessionClaims) -> object:
    """For a dotted path."""
    return SimpleNamespace(is_authenticated=True)


def nobody(claims: SessionClaims) -> None:
    """The project does not know them."""


async def nobody_awaited(claims: SessionClaims) -> None:
    """The project does not know them."""


@pytest.mark.parametrize("kind", [Users, AsyncUsers])
@pytest.mark.parametrize("path", ["/whoami", "/whoami-awaited"])
def test_users_of_the_project(project: Project, path: str, kind: type[Users]) -> None:
    """Mapped once in a request, by either kind of function, for either kind of view in either kind of project."""
    users = kind()
    with project.using(USER=users):
        assert "True own user_" in project.browser().get(path).content.decode()
        assert 1 == len(users.threads)
        assert "True own user_" in project.get_awaited(path).content.decode()
        assert 2 == len(users.threads)


@pytest.mark.parametrize("path", ["/nothing", "/guarded-by-role"])
def test_mapping_is_asked_when_the_user_is_asked_for(project: Project, path: str) -> None:
    """Not by a guard."""
    users = Users()
    with project.using(USER=users):
        project.browser().get(path)

    assert [] == users.threads


def test_mapping_does_not_block_the_event_loop(project: Project) -> None:
    """A function that may ask a database runs in a thread; the sync form says to await the other."""
    users = Users()

    async def ask() -> object:
        request: Any = RequestFactory(headers=project.headers()).get("/")
        DjangoVisit(request).install()
        await request.clerk
        with pytest.raises(SynchronousOnlyOperation, match=r"await request\.auser\(\)"):
            bool(request.user.is_authenticated)
        user = await request.auser()
        assert user == request.user
        assert [threading.get_ident()] != users.threads
        return user

    with project.using(USER=users):
        assert isinstance(asyncio.run(ask()), User)


@pytest.mark.parametrize("path", ["/whoami", "/whoami-awaited"])
@pytest.mark.parametrize("mapping", [nobody, nobody_awaited])
def test_user_whom_the_project_does_not_know(project: Project, path: str, mapping: object) -> None:
    """Is nobody, though signed in with Clerk."""
    with project.using(USER=mapping):
        assert project.browser().get(path).content.decode().endswith(f"False {AnonymousUser()}")
        assert project.get_awaited(path).content.decode().endswith(f"False {AnonymousUser()}")
        assert 200 == project.browser().get("/guarded").status_code


def test_mapping_by_its_path(project: Project) -> None:
    """As settings modules like it."""
    with project.using(USER=f"{__name__}.own"):
        assert b"SimpleNamespace True" == project.browser().get("/whoami").content[:20]
