"""Who is signed in, as Django's code asks for it: `ClerkUser`, which is no model and has no table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clerk_ext.tokens.claims import SessionClaims


class _LightUser:
    """What all users here have, whoever they are: no row in a database, and no power in the admin."""

    is_active: bool = False
    is_staff: bool = False
    is_superuser: bool = False

    def get_username(self) -> str:
        """What Django shows of the user."""
        return str(self)

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Whether the user may do something."""
        return perm in self.get_all_permissions(obj)

    def has_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """Whether the user may do all of it."""
        if isinstance(perm_list, str):
            raise ValueError("perm_list: write a list of permissions, not a str.")
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the user may do something in an application.

        This is also what ``{% if "org:invoices:create" in perms %}`` asks for in a template.
        """
        return self.has_perm(app_label)

    def get_all_permissions(self, obj: object = None) -> set[str]:
        """All that the user may do."""
        return self.get_user_permissions(obj) | self.get_group_permissions(obj)

    def get_user_permissions(self, obj: object = None) -> set[str]:
        """What the user may do by themselves."""
        return set()

    def get_group_permissions(self, obj: object = None) -> set[str]:
        """What the user may do as a member of something."""
        return set()

    # Django 5.2 asks these in async code; there is nothing to wait for.

    async def ahas_perm(self, perm: str, obj: object = None) -> bool:
        """See `has_perm`."""
        return self.has_perm(perm, obj)

    async def ahas_perms(self, perm_list: Iterable[str], obj: object = None) -> bool:
        """See `has_perms`."""
        return self.has_perms(perm_list, obj)

    async def ahas_module_perms(self, app_label: str) -> bool:
        """See `has_module_perms`."""
        return self.has_module_perms(app_label)

    async def aget_all_permissions(self, obj: object = None) -> set[str]:
        """See `get_all_permissions`."""
        return self.get_all_permissions(obj)

    async def aget_user_permissions(self, obj: object = None) -> set[str]:
        """See `get_user_permissions`."""
        return self.get_user_permissions(obj)

    async def aget_group_permissions(self, obj: object = None) -> set[str]:
        """See `get_group_permissions`."""
        return self.get_group_permissions(obj)


class ClerkUser(_LightUser):
    """Who is signed in, as ``request.user``.

    Two are equal if they are the same user of the same tenant. Permissions are those of the active organisation:
    ``user.has_perm("org:invoices:create")``; of the permissions of Django's models it has none.

    Attributes:
        claims: The claims of the session token.
        id: The user's id, ``user_…``.
        username: The same: a session token has no name.
    """

    is_active = True

    def __init__(self, claims: SessionClaims) -> None:
        self.claims = claims

    @property
    def id(self) -> str:
        """The user's id, ``user_…``."""
        return self.claims.user_id

    @property
    def pk(self) -> str:
        """The same."""
        return self.claims.user_id

    @property
    def username(self) -> str:
        """The same: a session token has no name."""
        return self.claims.user_id

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def is_anonymous(self) -> bool:
        """False."""
        return False

    def has_perm(self, perm: str, obj: object = None) -> bool:
        """Whether the user has a permission in the active organisation; its name begins with ``org:``."""
        return perm.startswith("org:") and self.claims.has(permission=perm)

    def get_group_permissions(self, obj: object = None) -> set[str]:
        """The custom permissions in the active organisation."""
        return set(self.claims.org_permissions)

    def natural_key(self) -> tuple[str]:
        """The user's id, as Django's serializers write it."""
        return (self.id,)

    def __str__(self) -> str:
        return self.id

    def __eq__(self, other: object) -> bool:
        # Not by its class: request.user is wrapped in a lazy object.
        return isinstance(other, ClerkUser) and _identity(self) == _identity(other)

    def __hash__(self) -> int:
        return hash(_identity(self))

    def __repr__(self) -> str:
        return f"ClerkUser({self.id!r}, tenant={self.claims.tenant!r})"


def _identity(user: ClerkUser) -> tuple[str, str]:
    return user.claims.tenant, user.id


class Nobody(_LightUser):
    """Who is not signed in, where ``django.contrib.auth`` is not installed."""

    id: None = None
    pk: None = None
    username: str = ""
    is_authenticated: bool = False
    is_anonymous: bool = True

    def __str__(self) -> str:
        return "AnonymousUser"

    def get_username(self) -> str:
        """Empty."""
        return self.username

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Nobody)

    def __hash__(self) -> int:
        return 1


def nobody() -> Any:
    """Django's ``AnonymousUser``, or ours where ``django.contrib.auth`` is not installed."""
    if not apps.is_installed("django.contrib.auth"):
        return Nobody()
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()
