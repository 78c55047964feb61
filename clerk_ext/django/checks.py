"""What ``manage.py check`` says of a project's use of Clerk; ``docs/django.md`` lists it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from clerk_ext.clerk import Clerk
from clerk_ext.django import conf
from clerk_ext.django.clients import SettingError
from clerk_ext.django.middleware import ClerkMiddleware, is_a, login_required_middleware

if TYPE_CHECKING:
    from django.core.checks import CheckMessage

_PATH: Final = f"{ClerkMiddleware.__module__}.{ClerkMiddleware.__qualname__}"
_OF_CLERK: Final = ("sk_test_", "sk_live_")


def check_settings(app_configs: object = None, **_: object) -> list[CheckMessage]:
    """Whether the setting ``CLERK`` can work, and is safe."""
    found: list[CheckMessage] = []
    if _secret_key().startswith(_OF_CLERK):
        found.append(
            checks.Warning(
                "Django's SECRET_KEY is a secret key of Clerk.",
                hint='Django signs with a secret of its own; Clerk\'s is CLERK["SECRET_KEY"].',
                id="clerk.W001",
            )
        )
    try:
        made = conf.current()
    except SettingError as fault:
        name = "clerk.E002" if fault.is_unknown else "clerk.E001"
        return [*found, checks.Error(fault.message, hint=fault.hint or None, id=name)]
    client = made.gate.clerk
    configs = [client.config] if isinstance(client, Clerk) else [client[name].config for name in client]
    found += [
        checks.Warning(
            f"Tokens{'' if isinstance(client, Clerk) else f' of tenant {config.name!r}'} are accepted "
            "whatever page they were made for.",
            hint='Name the origins of your frontend: "AUTHORIZED_PARTIES": ["https://app.example.com"] in CLERK, '
            "or CLERK_AUTHORIZED_PARTIES where the environment has the rest.",
            id="clerk.W002",
        )
        for config in configs
        if config.authorized_parties is None
    ]
    if getattr(settings, "ASGI_APPLICATION", None) and made.lacks_async is not None:
        found.append(checks.Warning(made.lacks_async.message, hint=made.lacks_async.hint or None, id="clerk.W003"))
    return found


def _secret_key() -> str:
    try:
        return str(settings.SECRET_KEY)
    except ImproperlyConfigured:  # empty, of which Django tells where it is needed
        return ""


def check_middleware(app_configs: object = None, **_: object) -> list[CheckMessage]:
    """Whether the middleware is there, and at its place."""
    paths = list(settings.MIDDLEWARE)
    ours = [place for place, path in enumerate(paths) if is_a(path, ClerkMiddleware)]
    if not ours:
        return [
            checks.Warning(
                "ClerkMiddleware is not installed: request.user does not tell of Clerk's users, and require() fails.",
                hint=f"Add {_PATH!r} to MIDDLEWARE, after AuthenticationMiddleware.",
                id="clerk.W004",
            )
        ]
    place = ours[0]
    found: list[CheckMessage] = []
    if len(ours) > 1:
        found.append(checks.Warning("ClerkMiddleware is installed twice.", hint="Remove one of them.", id="clerk.W005"))
    authentication = "django.contrib.auth.middleware.AuthenticationMiddleware"
    if authentication in paths[place:]:
        found.append(
            checks.Warning(
                "ClerkMiddleware stands before AuthenticationMiddleware, which overwrites request.user.",
                hint=f"Put {paths[place]!r} after {authentication!r} in MIDDLEWARE.",
                id="clerk.W006",
            )
        )
    login_required = login_required_middleware()
    if login_required in paths[:place]:
        found.append(
            checks.Error(
                "LoginRequiredMiddleware stands before ClerkMiddleware: an outage of Clerk would be an error 500.",
                hint=f"Put {paths[place]!r} before {login_required!r} in MIDDLEWARE.",
                id="clerk.E003",
            )
        )
    return found
