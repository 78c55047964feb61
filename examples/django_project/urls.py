"""Invoices of the active organisation or one's own, in Django: members read, holders of a permission write."""

import json
from collections import defaultdict

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views import View

from clerk_ext.django import RequireMixin, claims_of, require, visit_of

INVOICES = defaultdict[str, list[str]](list)


def invoices_of(request: HttpRequest) -> list[str]:
    """The invoices that a request is about."""
    claims = claims_of(request)
    return INVOICES[claims.org_id or claims.user_id]


class Invoices(RequireMixin, View):
    """Nobody sees them who is not signed in."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show all."""
        return JsonResponse(invoices_of(request), safe=False)

    @require(permission="org:invoices:create")
    def post(self, request: HttpRequest) -> HttpResponse:
        """Add one."""
        text = json.loads(request.body)["text"]
        invoices_of(request).append(text)
        return JsonResponse({"text": text, "by": str(request.user)}, status=201)

    @require(role="org:admin", reverification="strict")
    def delete(self, request: HttpRequest) -> HttpResponse:
        """Delete all; Clerk's frontend asks for a second factor first, unless that was done in the last ten minutes."""
        invoices_of(request).clear()
        return JsonResponse([], safe=False)


async def hello(request: HttpRequest) -> HttpResponse:
    """Greet whoever it is, in async code."""
    state = await visit_of(request)
    return HttpResponse(f"Hello {state.claims.user_id if state.claims else 'stranger'}!")


urlpatterns = [path("invoices", Invoices.as_view()), path("hello", hello)]
