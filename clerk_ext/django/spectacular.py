"""drf-spectacular: the two ways to bring a session token, as the OpenAPI description shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema

_NAMES: Final = ("ClerkSessionToken", "ClerkSessionCookie")


class ClerkScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes `ClerkAuthentication`; either way does."""

    target_class: str | type[object] | None = "clerk_ext.django.rest_framework.ClerkAuthentication"
    name: str | list[str] = list(_NAMES)  # noqa: RUF012 - the framework has it so

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """One or the other."""
        return [{name: []} for name in _NAMES]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Both."""
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "A session token of Clerk, from `getToken()`.",
            },
            {
                "type": "apiKey",
                "in": "cookie",
                "name": "__session",
                "description": "The same in the cookie that Clerk's frontend sets, beside `__client_uat`.",
            },
        ]
