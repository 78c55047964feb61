"""What a fake instance is made of, and what it refuses to be made of."""

from __future__ import annotations

import ast
import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import clerk_ext.testing
from clerk_ext.testing import FakeClerk, FakeRequest, FakeResponse, FakeServer, instance, keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Clock


def test_development_instance() -> None:
    """A development instance has test keys, and its Frontend API under clerk.accounts.dev."""
    fake = FakeClerk("acme")

    assert "acme.clerk.accounts.dev" == fake.frontend_api
    assert "https://acme.clerk.accounts.dev" == fake.issuer
    assert "https://acme.clerk.accounts.dev/.well-known/jwks.json" == fake.jwks_url
    assert "pk_test_" + base64.b64encode(b"acme.clerk.accounts.dev$").decode() == fake.publishable_key
    assert fake.secret_key.startswith("sk_test_")


def test_production_instance() -> None:
    """A production instance has live keys, and its Frontend API under the application's domain."""
    fake = FakeClerk("acme", environment="production")

    assert "clerk.acme.com" == fake.frontend_api
    assert "pk_live_" + base64.b64encode(b"clerk.acme.com$").decode() == fake.publishable_key
    assert fake.secret_key.startswith("sk_live_")


def test_configuration(fake: FakeClerk, clock: Clock) -> None:
    """The configuration is the instance's, on its clock; a field given goes before."""
    config = fake.config(clock_skew=0.0, name="acme")

    assert ("acme", fake.publishable_key, fake.secret_key, fake.api_url, 0.0) == (
        config.name,
        config.publishable_key,
        config.secret_key,
        config.api_url,
        config.clock_skew,
    )
    assert clock() == config.clock()


def test_configuration_of_a_server(fake: FakeClerk) -> None:
    """A server's configuration has both addresses there; a field given goes before."""
    with FakeServer(fake) as server:
        config = server.config()
        other = server.config(api_url="https://api.example.com/v1")

        assert (f"{server.url}/v1", f"{server.url}/.well-known/jwks.json") == (
            config.api_url,
            config.jwks_url,
        )
        assert "https://api.example.com/v1" == other.api_url


def test_nothing_secret_is_shown(fake: FakeClerk) -> None:
    """No repr shows the secret key, a private key, or what a request or an answer carries."""
    request = FakeRequest("POST", "/v1/sessions", {"Authorization": f"Bearer {fake.secret_key}"}, b"SECRET")
    shown = repr([fake, request, FakeResponse(200, {}, b"SECRET"), keys.foreign()])

    assert fake.secret_key not in shown
    assert "SECRET" not in shown
    assert "SigningKey()" in shown


# Each takes the instance without its types: what the types refuse already must be refused at run time too.
REFUSED: list[tuple[str, Callable[[Any], object]]] = [
    ("slug", lambda fake: FakeClerk("Not A Label")),
    ("environment", lambda fake: type(fake)(environment="staging")),
    ("token_version", lambda fake: type(fake)(token_version=3)),
    ("user_id", lambda fake: [fake.add_user("user_1"), fake.add_user("user_1")]),
    ("features", lambda fake: fake.add_user(features=["o:reports"])),
    ("plan", lambda fake: fake.add_organization("acme", plan="a,b")),
    ("user", lambda fake: fake.create_session(FakeClerk("other").add_user())),
    (
        "organization",
        lambda fake: fake.create_session(fake.add_user(), organization=fake.add_organization("acme")),
    ),
    ("status", lambda fake: fake.create_session(fake.add_user(), status="gone")),
    ("status", lambda fake: fake.set_status(fake.create_session(fake.add_user()), "gone")),
    (
        "permissions",
        lambda fake: fake.add_membership(fake.add_user(), fake.add_organization("a"), permissions=["x"]),
    ),
    ("user", lambda fake: fake.add_membership(FakeClerk("b").add_user(), fake.add_organization("a"))),
    (
        "organization",
        lambda fake: fake.add_membership(fake.add_user(), FakeClerk("b").add_organization("a")),
    ),
    ("claims", lambda fake: fake.add_template("t", {"exp": 1})),
    ("lifetime", lambda fake: fake.add_template("t", lifetime=29)),
    ("lifetime", lambda fake: fake.add_template("t", lifetime=315_360_001)),
    ("clock_skew", lambda fake: fake.add_template("t", clock_skew=301)),
    ("name", lambda fake: [fake.add_template("t"), fake.add_template("t")]),
]


@pytest.mark.parametrize(("field", "make"), REFUSED)
def test_what_clerk_would_not_allow(fake: FakeClerk, field: str, make: Callable[[Any], object]) -> None:
    """A value that no Clerk instance could have is refused by the name of its field."""
    with pytest.raises(ValueError, match=f"^{field}: "):
        make(fake)


def test_refused_session_leaves_nothing_behind(fake: FakeClerk) -> None:
    """A session refused for its status is not among the sessions."""
    untyped: Any = fake
    with pytest.raises(ValueError, match="status"):
        untyped.create_session(fake.add_user(), status="gone")

    assert [] == fake.sessions()


def test_session_expires_by_itself(fake: FakeClerk, clock: Clock) -> None:
    """A session is expired from its seventh day on; one that was over before stays what it was."""
    user = fake.add_user()
    active, pending, ended = (fake.create_session(user, status=status) for status in ("active", "pending", "ended"))
    clock.advance(7 * 86_400 - 1)
    before = [session.status for session in fake.sessions()]
    clock.advance(1)

    assert ["ended", "pending", "active"] == before
    assert ["ended", "expired", "expired"] == [session.status for session in fake.sessions()]
    assert active.expire_at == active.updated_at
    assert active is fake.find_session(active.id)
    assert pending.expire_at > ended.updated_at


def test_newest_requests_are_kept(fake: FakeClerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of requests does not grow without end, and it is the oldest that go."""
    monkeypatch.setattr(instance, "REQUESTS_KEPT", 10)
    requests = [FakeRequest("GET", f"/{number}") for number in range(25)]
    fake.on_exchange.clear()
    for request in requests:
        fake.handle(request)

    assert requests[-len(fake.requests) :] == fake.requests
    assert 9 <= len(fake.requests) <= 10


def test_shares_no_code_with_verification() -> None:
    """The kit imports nothing of the library that it tests, but the configuration that it hands out."""
    imported: set[str] = set()
    for file in Path(clerk_ext.testing.__file__).parent.glob("*.py"):
        if file.name == "plugin.py":  # what hands out clients of an instance
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level < 2, file
                imported |= {node.module or ""} if node.level == 0 else set()

    assert {"clerk_ext.config"} == {name for name in imported if name.startswith("clerk")}
    assert "pytest" not in imported
