"""The application of Django: registers the system checks and the description for drf-spectacular."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.core.checks import Tags, register


class ClerkAppConfig(AppConfig):
    """``"clerk_ext.django"`` in ``INSTALLED_APPS``."""

    name: str = "clerk_ext.django"
    label: str = "clerk_ext"

    def ready(self) -> None:
        """Register what the project can use."""
        from clerk_ext.django import checks

        register(checks.check_settings, Tags.security)
        register(checks.check_middleware, Tags.security)
        if apps.is_installed("drf_spectacular"):
            from clerk_ext.django import spectacular as spectacular
