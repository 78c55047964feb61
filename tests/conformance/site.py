"""What a behaviour is told of and asks with: a site that runs, and what refusals look like."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import attrs

from tests.conformance.contract import PARTY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from clerk_ext.testing import FakeClerk, FakeSignIn, FakeUser
    from tests.conformance.contract import Answer, Caller, Setup

NOT_SIGNED_IN: Final = {"detail": "Not signed in."}
NOT_ALLOWED: Final = {"detail": "Not allowed."}
UNAVAILABLE: Final = {"detail": "Whether you are signed in cannot be told now. Try again."}
INVALID: Final = 'Bearer error="invalid_token"'
INSUFFICIENT: Final = 'Bearer error="insufficient_scope"'


@attrs.define
class Site:
    """An application that was started, and the instances whose users it serves."""

    setup: Setup
    call: Caller

    @property
    def fake(self) -> FakeClerk:
        """The instance; the first of several."""
        return self.setup.fakes[0]

    def get(
        self, path: str, token: str | None = None, *, method: str = "GET", cookies: Mapping[str, str] = {}, **more: str
    ) -> Answer:
        """Ask for a path, with a bearer token, cookies, and further headers."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return self.call(method, path, headers)

    def sign_in(self, user: FakeUser | None = None, **options: Any) -> FakeSignIn:
        """Sign somebody in, on the application's pages."""
        given: dict[str, Any] = {"azp": PARTY, **options}
        return self.fake.sign_in(user, **given)

    def token(self, **claims: object) -> str:
        """The token of somebody who is signed in, with claims changed."""
        return self.sign_in(claims=claims).token

    def member(self, role: str = "org:admin", permissions: tuple[str, ...] = (), **more: Any) -> str:
        """The token of a member of an organisation."""
        user, organization = self.fake.add_user(), self.fake.add_organization("acme", plan=more.pop("plan", None))
        self.fake.add_membership(user, organization, role=role, permissions=list(permissions), **more)
        return self.sign_in(user, organization=organization).token

    def fetches(self) -> int:
        """How often the key set was fetched."""
        return sum(request.path.startswith(("/.well-known/jwks.json", "/v1/jwks")) for request in self.fake.requests)


Behaviour: TypeAlias = "Callable[[Site], None]"


def behaviour(**setup: Any) -> Callable[[Behaviour], Behaviour]:
    """Mark a function as a behaviour, with the fields of the `Setup` that it is about."""

    def mark(function: Behaviour) -> Behaviour:
        function.__dict__["setup"] = setup
        return function

    return mark


def behaviours_of(module: ModuleType) -> dict[str, tuple[Behaviour, dict[str, Any]]]:
    """The behaviours of a module by name, in its order."""
    functions = {name: value for name, value in vars(module).items() if isinstance(value, FunctionType)}
    return {name: (value, value.__dict__["setup"]) for name, value in functions.items() if "setup" in vars(value)}


def check_denied(answer: Answer, status: int, challenge: str | None, body: object) -> None:
    """A refusal has its status, its challenge and its body, and is not to be stored."""
    assert status == answer.status
    assert challenge == answer.headers.get("www-authenticate")
    assert body == answer.json
    assert "application/json" == answer.headers["content-type"].partition(";")[0]
    assert "no-store" == answer.headers["cache-control"]
    assert {"authorization", "cookie"} <= vary_of(answer)


def vary_of(answer: Answer) -> set[str]:
    """What an answer says that it depends on."""
    return {name.strip().lower() for name in answer.headers.get("vary", "").split(",")} - {""}


def check_refused(site: Site, token: str, reason: str) -> None:
    """A token that is no good ends in 401, and the headers tell why."""
    answer = site.get("/me", token)

    check_denied(answer, 401, INVALID, NOT_SIGNED_IN)
    assert ("signed-out", reason) == (answer.headers["x-clerk-auth-status"], answer.headers["x-clerk-auth-reason"])
