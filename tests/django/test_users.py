"""Who ``request.user`` is, without a model of its own."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory, override_settings
from django.utils.functional import SimpleLazyObject

from clerk_ext.django import ClerkUser
from clerk_ext.django.users import Nobody, nobody
from clerk_ext.django.visits import DjangoVisit

if TYPE_CHECKING:
    from clerk_ext import SessionClaims
    from tests.django.conftest import Project


def claims(project: Project, **options: Any) -> SessionClaims:
    """The claims of somebody who is signed in."""
    return project.clerk.verify_token(project.fake.sign_in(**options).token)


def admin_of_acme(project: Project) -> SessionClaims:
    """Those of somebody who may create invoices."""
    user, acme = project.fake.add_user(), project.fake.add_organization("acme")
    project.fake.add_membership(
        user, acme, role="org:admin", permissions=["org:invoices:create"], features=["invoices"]
    )
    return claims(project, user=user, organization=acme)


def test_user_is_what_django_asks_for(project: Project) -> None:
    """It is authenticated, active, and nothing in the admin."""
    found = claims(project)
    user = ClerkUser(found)

    assert (found.user_id,) * 5 == (user.id, user.pk, user.username, user.get_username(), str(user))
    assert (True, False, True) == (user.is_authenticated, user.is_anonymous, user.is_active)
    assert (False, False) == (user.is_staff, user.is_superuser)
    assert found is user.claims
    assert (found.user_id,) == user.natural_key()
    assert f"ClerkUser('{found.user_id}', tenant='acme')" == repr(user)


def test_permissions_are_those_of_the_organisation(project: Project) -> None:
    """Others it has not, whatever they are called."""
    user = ClerkUser(admin_of_acme(project))

    assert user.has_perm("org:invoices:create")
    assert not user.has_perm("org:invoices:delete")
    assert not user.has_perm("invoices:create")
    assert not user.has_perm("auth.add_user")
    assert user.has_perms(["org:invoices:create"])
    assert not user.has_perms(["org:invoices:create", "auth.add_user"])
    assert not user.has_module_perms("auth")
    assert {"org:invoices:create"} == user.get_all_permissions() == user.get_group_permissions()
    assert set() == user.get_user_permissions()


def test_permissions_in_async_code_are_the_same(project: Project) -> None:
    """Nothing has to be waited for."""
    user = ClerkUser(admin_of_acme(project))

    async def ask() -> tuple[object, ...]:
        return (
            await user.ahas_perm("org:invoices:create"),
            await user.ahas_perms(["auth.add_user"]),
            await user.ahas_module_perms("auth"),
            await user.aget_all_permissions(),
            await user.aget_group_permissions(),
            await user.aget_user_permissions(),
        )

    assert (True, False, False, {"org:invoices:create"}, {"org:invoices:create"}, set[str]()) == asyncio.run(ask())


def test_permissions_are_a_list(project: Project) -> None:
    """A bare string would be taken letter by letter."""
    with pytest.raises(ValueError, match="perm_list: write a list"):
        ClerkUser(claims(project)).has_perms("org:invoices:create")


def test_users_are_equal_by_tenant_and_id(project: Project) -> None:
    """Also where one is wrapped, in another session, or a copy."""
    ada = project.fake.add_user()
    one, other = ClerkUser(claims(project, user=ada)), ClerkUser(claims(project, user=ada))
    lazy: Any = SimpleLazyObject(lambda: other)

    assert one == other == lazy
    assert lazy == one
    assert 1 == len({one, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)})
    assert one != ClerkUser(claims(project))
    assert one != User(username=one.username)
    assert one != ada.id


def test_nobody_without_the_application_of_django(project: Project) -> None:
    """Its own user for them cannot be imported then."""
    with override_settings(INSTALLED_APPS=["clerk_ext.django"]):
        found = nobody()

    assert Nobody() == found
    assert found != AnonymousUser()
    assert 1 == len({found, Nobody()})
    assert ("AnonymousUser", "", None, None) == (str(found), found.get_username(), found.id, found.pk)
    assert (False, True, False) == (found.is_authenticated, found.is_anonymous, found.is_active)
    assert not found.has_perm("org:invoices:create")
    assert AnonymousUser() == nobody()


def test_request_without_the_middleware_of_django(project: Project) -> None:
    """Who is signed out is nobody."""
    request: Any = RequestFactory().get("/")
    DjangoVisit(request).install()

    assert AnonymousUser() == request.user


@pytest.mark.parametrize("path", ["/whoami", "/whoami-awaited"])
def test_user_of_a_request(project: Project, path: str) -> None:
    """It is the one of the token, in sync and async views, under sync and async projects."""
    ada = project.fake.add_user()
    headers = project.headers(user=ada)

    assert project.browser().get(path, headers=headers).content.decode().endswith(f"True {ada.id}")
    answer: Any = project.get_awaited(path, headers)
    assert answer.content.decode().endswith(f"True {ada.id}")


@pytest.mark.parametrize("path", ["/whoami", "/whoami-awaited"])
def test_user_of_a_request_without_token(project: Project, path: str) -> None:
    """Nobody has a session either."""
    assert project.browser(signed_in=False).get(path).content.decode().endswith("False AnonymousUser")
    answer: Any = project.get_awaited(path, {})
    assert answer.content.decode().endswith("False AnonymousUser")


def test_templates_see_the_user(project: Project) -> None:
    """By Django's own context processor."""
    ada = project.fake.add_user()

    assert ada.id == project.browser().get("/page", headers=project.headers(user=ada)).content.decode()
    assert "nobody" == project.browser(signed_in=False).get("/page").content.decode()


def test_templates_see_permissions(project: Project) -> None:
    """Those of the organisation, by their whole name."""
    user, acme = project.fake.add_user(), project.fake.add_organization("acme")
    project.fake.add_membership(user, acme, permissions=["org:invoices:create"], features=["invoices"])
    headers = project.headers(user=user, organization=acme)

    assert project.browser().get("/perms", headers=headers).content.decode().endswith(" may")
    assert project.browser().get("/perms").content.decode().endswith(" may not")
