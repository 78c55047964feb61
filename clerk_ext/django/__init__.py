"""Django: ``clerk_ext.django.middleware.ClerkMiddleware``, `require` for views, `RequireMixin` for classes of them.

::

    INSTALLED_APPS = [..., "clerk_ext.django"]
    MIDDLEWARE = [..., "clerk_ext.django.middleware.ClerkMiddleware"]   # after AuthenticationMiddleware
    CLERK = {"PUBLISHABLE_KEY": "pk_live_…", "AUTHORIZED_PARTIES": ["https://app.example.com"]}

    @require(role="org:admin")
    def settings(request: HttpRequest) -> HttpResponse:
        claims = claims_of(request)
        ...

Django REST framework: `clerk_ext.django.rest_framework`. Nothing here reads the project's settings when it is imported.
"""

from __future__ import annotations

from clerk_ext.django.decorators import require
from clerk_ext.django.mixins import RequireMixin
from clerk_ext.django.users import ClerkUser
from clerk_ext.django.visits import DjangoVisit, claims_of, visit_of

__all__ = ["ClerkUser", "DjangoVisit", "RequireMixin", "claims_of", "require", "visit_of"]
