"""What each framework's little application answers, and how a test starts one and talks to it.

Every application has these routes, which answer JSON:

=========================  =========================================================================================
``/open``                  never asks who is signed in: ``{"open": true}``
``/me``                    ``require()``; any method: ``{"user", "session", "org", "tenant"}`` of the claims
``/maybe``                 optional sign-in, in the framework's own way: ``{"user": …}`` or ``{"user": null}``
``/role``                  ``require(role="org:admin")``, and as below from here on the answer of ``/me``
``/permission``            ``require(permission="org:invoices:create")``
``/feature``               ``require(feature="reports")``
``/plan``                  ``require(plan="pro")``
``/everything``            ``require(…)`` of those four
``/strict``                ``require(reverification="strict")``
``/lately``                ``require(reverification={"level": "first_factor", "afterMinutes": 10})``
``/admin-lately``          ``require(role="org:admin", reverification="strict")``
``/no-impersonation``      ``require(impersonation="refuse")``; any method
``/never-impersonated``    ``require(impersonation="refuse-all")``; any method
``/impersonation``         ``require(impersonation="allow")``; any method
``/pending``               ``require(policy={"accept_pending": True})``
``/audience``              ``require(policy={"audience": "api"})``
``/party``                 ``require(policy={"authorized_parties": ["https://admin.example.com"]})``
``/fresh``                 ``require(policy={"max_age": 30})``
``/by-hand``               gives the ``x-token`` header to the client's ``verify_token``, and lets its errors escape
``/twice``                 asks twice: the optional sign-in, and then ``require(role="org:admin")``
``/varies``                ``require()``, with an answer that has ``Vary: Accept`` of its own
=========================  =========================================================================================
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import attrs

from clerk_ext import AsyncClerk, AsyncTenants, Clerk, SessionClaims, Tenants
from clerk_ext.testing import FakeTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from clerk_ext import ClerkConfig, Revocations
    from clerk_ext.access import Asked, Impersonation
    from clerk_ext.testing import FakeClerk

REQUIRED: Mapping[str, Asked] = {
    "/me": {},
    "/role": {"role": "org:admin"},
    "/permission": {"permission": "org:invoices:create"},
    "/feature": {"feature": "reports"},
    "/plan": {"plan": "pro"},
    "/everything": {"role": "org:admin", "permission": "org:invoices:create", "feature": "reports", "plan": "pro"},
    "/strict": {"reverification": "strict"},
    "/lately": {"reverification": {"level": "first_factor", "afterMinutes": 10}},
    "/admin-lately": {"role": "org:admin", "reverification": "strict"},
    "/no-impersonation": {"impersonation": "refuse"},
    "/never-impersonated": {"impersonation": "refuse-all"},
    "/impersonation": {"impersonation": "allow"},
    "/pending": {"policy": {"accept_pending": True}},
    "/audience": {"policy": {"audience": "api"}},
    "/party": {"policy": {"authorized_parties": ["https://admin.example.com"]}},
    "/fresh": {"policy": {"max_age": 30}},
}
"""The routes whose endpoint does nothing but `shown`, and what each requires."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARTY = "https://app.example.com"


def shown(claims: SessionClaims) -> dict[str, str | None]:
    """What the routes answer that require something."""
    return {"user": claims.user_id, "session": claims.session_id, "org": claims.org_id, "tenant": claims.tenant}


@attrs.define
class Setup:
    """What an application is made with.

    Attributes:
        fakes: The instances; with several of them, the application has tenants.
        details: Whether bodies tell why.
        impersonation: What holds for the whole application.
        revocations: Asked on each verification.
        resolver_header: With tenants: the header that names the tenant; None routes by issuer.
        config: Fields of the settings, in place of the fakes' own.
    """

    fakes: list[FakeClerk]
    details: bool = False
    impersonation: Impersonation = "allow"
    revocations: Revocations | None = None
    resolver_header: str | None = None
    config: dict[str, Any] = attrs.field(factory=dict[str, Any])

    def configs(self) -> list[ClerkConfig]:
        """The settings of each instance."""
        return [fake.config(**{"authorized_parties": [PARTY], **self.config}) for fake in self.fakes]

    def _resolver(self) -> Callable[[Any], str | None] | None:
        header = self.resolver_header
        return None if header is None else lambda request: request.headers.get(header)

    def clerk(self) -> Clerk | Tenants:
        """The client of the sync world."""
        transport = FakeTransport(*self.fakes)
        if len(self.fakes) > 1 or self.resolver_header:
            return Tenants(self.configs(), transport=transport, revocations=self.revocations, resolver=self._resolver())
        return Clerk(self.configs()[0], transport=transport, revocations=self.revocations)

    def async_clerk(self) -> AsyncClerk | AsyncTenants:
        """The client of the async world."""
        transport = FakeTransport(*self.fakes)
        if len(self.fakes) > 1 or self.resolver_header:
            return AsyncTenants(
                self.configs(), transport=transport, revocations=self.revocations, resolver=self._resolver()
            )
        return AsyncClerk(self.configs()[0], transport=transport, revocations=self.revocations)


@attrs.frozen
class Answer:
    """An HTTP answer.

    Attributes:
        status: Its status.
        headers: Its headers by lower-case name; several of one name are joined by commas.
        content: Its body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """What the body says; None if it is empty."""
        return json.loads(self.content) if self.content else None


class Caller(Protocol):
    """Sends requests to an application that was started."""

    def __call__(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Send one and wait for its answer. Cookies are in the header ``cookie``."""
        ...


Start: TypeAlias = "Callable[[Setup], AbstractContextManager[Caller]]"
"""Starts an application; it is stopped when the context ends."""
World: TypeAlias = Literal["sync", "async"]


@attrs.frozen
class Column:
    """One framework, with endpoints of one world, behind one test client or server.

    Attributes:
        framework: Its name.
        world: Whether its endpoints are plain functions or coroutine functions.
        behind: The test client or server.
        start: Starts it.
    """

    framework: str
    world: World
    behind: str
    start: Start

    @property
    def name(self) -> str:
        """As a test's id and in the matrix."""
        return f"{self.framework}-{self.world}-{self.behind}"
