"""drf-spectacular shows both ways to bring a session token."""

from __future__ import annotations

from typing import Any

from tests import django_ready as django_ready

# isort: split
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from openapi_spec_validator import OpenAPIV30SpecValidator
from rest_framework.decorators import api_view, authentication_classes, permission_classes

from clerk_ext.django.rest_framework import ClerkAuthentication, IsSignedIn


@api_view(["GET"])
@authentication_classes([ClerkAuthentication])
@permission_classes([IsSignedIn])
def me(request: Any) -> Any:
    """Who it is."""


def test_schemes() -> None:
    """Either of them does; the description is a valid one."""
    generator: Any = SchemaGenerator(patterns=[path("me", me)])  # type: ignore[no-untyped-call]
    schema = generator.get_schema(request=None, public=True)

    OpenAPIV30SpecValidator(schema).validate()
    assert [{"ClerkSessionToken": []}, {"ClerkSessionCookie": []}] == schema["paths"]["/me"]["get"]["security"]
    schemes = schema["components"]["securitySchemes"]
    assert ("http", "bearer", "JWT") == tuple(
        schemes["ClerkSessionToken"][it] for it in ("type", "scheme", "bearerFormat")
    )
    assert ("apiKey", "cookie", "__session") == tuple(
        schemes["ClerkSessionCookie"][it] for it in ("type", "in", "name")
    )
