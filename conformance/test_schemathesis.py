"""Schemathesis with our recorded specification against the served fake: what it makes up, the fake answers as recorded.

It takes the specification's word for which requests are good: those must not be refused as malformed, bad ones must be
refused, and each answer must have a status, a type and a body that the specification has for it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import pytest

from clerk_ext.testing import FakeClerk, FakeServer, FakeUser
from clerk_ext.testing.api import operation_of

if TYPE_CHECKING:
    from collections.abc import Iterator

Test = TypeVar("Test", bound=Callable[..., None])

# Untyped, since type checkers run where it is not installed.
schemathesis: Final[Any] = importlib.import_module("schemathesis")
hypothesis: Final[Any] = importlib.import_module("hypothesis")

APP: Final = "https://app.example.com"
SPEC: Final = Path(__file__).parent.parent / "openapi" / "clerk-sessions.yaml"
schema: Final[Any] = schemathesis.openapi.from_path(
    SPEC,
    config=schemathesis.Config.from_dict(
        {
            "generation": {
                # A query parameter that the specification does not name is nothing that it forbids.
                "allow-extra-parameters": False,
                # Each request carries the secret key; that it cannot be left out is a check of its own.
                "with-security-parameters": False,
            }
        }
    ),
)

# The same requests in every run. A failure is then one to look at, and not one to wait for.
bounded: Final[Any] = hypothesis.settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FakeClerk, FakeServer, FakeUser]]:
    """An instance with a user and a JWT template, which all examples share."""
    fake = FakeClerk("conformance-schema")
    fake.add_template("hasura")
    with FakeServer(fake) as server:
        yield fake, server, fake.add_user()


def examples(operations: Any) -> Callable[[Test], Test]:
    """Run a test with what Schemathesis makes up for each of these operations."""

    def decorate(test: Test) -> Test:
        return cast(Test, operations.parametrize()(bounded(test)))

    return decorate


def members(case: Any) -> dict[str, Any]:
    """Return the body's members, to be read and changed; a body that is no object has none."""
    body: object = case.body
    return cast(dict[str, Any], body) if isinstance(body, dict) else {}


def ask(case: Any, fake: FakeClerk, server: FakeServer) -> None:
    """Send a request and judge the answer; every check of Schemathesis's takes part."""
    # 90.0 is an integer to JSON Schema, and not to the fake: see test_integer_with_a_point.
    body = members(case)
    lifetime = body.get("expires_in_seconds")
    if isinstance(lifetime, float) and lifetime.is_integer():
        body["expires_in_seconds"] = int(lifetime)
    case.call_and_validate(base_url=server.api_url, headers={"Authorization": f"Bearer {fake.secret_key}"})


@examples(schema)
def test_made_up(case: Any, served: tuple[FakeClerk, FakeServer, FakeUser]) -> None:
    """Whatever is asked, mostly for what is not there, is answered as recorded."""
    fake, server, _ = served
    ask(case, fake, server)


@examples(schema.include(path_regex="session_id"))
def test_about_a_session(case: Any, served: tuple[FakeClerk, FakeServer, FakeUser]) -> None:
    """Whatever is asked of a session and a template that are there is answered as recorded."""
    fake, server, user = served
    case.path_parameters["session_id"] = fake.create_session(user).id
    if "template_name" in case.path_parameters:
        case.path_parameters["template_name"] = "hasura"
    ask(case, fake, server)


@examples(schema.include(path="/sessions", method="POST"))
def test_about_a_user(case: Any, served: tuple[FakeClerk, FakeServer, FakeUser]) -> None:
    """Whatever is asked for a user who is there is answered as recorded."""
    fake, server, user = served
    body = members(case)
    if isinstance(body.get("user_id"), str):
        body["user_id"] = user.id
    ask(case, fake, server)


@examples(schema.include(path_regex="refresh"))
def test_about_an_expired_token(case: Any, served: tuple[FakeClerk, FakeServer, FakeUser]) -> None:
    """Whatever else a refresh is asked for, with tokens that are good for one, is answered as recorded."""
    fake, server, user = served
    session = fake.create_session(user)
    case.path_parameters["session_id"] = session.id
    body = members(case)
    good = {
        "expired_token": fake.session_token(session, azp=APP, expires_in=-30),
        "refresh_token": fake.refresh_token(session),
        "request_origin": APP,
    }
    for name, value in good.items():
        if isinstance(body.get(name), str):
            body[name] = value
    ask(case, fake, server)


def test_enough_was_met(served: tuple[FakeClerk, FakeServer, FakeUser]) -> None:
    """The requests so far have met each operation's success and its refusals; else they prove little."""
    fake, _, _ = served
    met = {(operation_of(request), status) for request, status in fake.exchanges()}
    if not met:
        pytest.skip("nothing was asked in this run")
    refused = {
        "jwks": {401},
        "sessions.list": {401, 422},
        "sessions.create": {400, 401, 404, 415, 422},
        "sessions.get": {401, 404},
        "sessions.revoke": {401, 404},
        "sessions.refresh": {400, 401, 415},
        "sessions.create_token": {400, 401, 404, 415, 422},
        "sessions.create_token_from_template": {400, 401, 404, 415, 422},
    }
    wanted = {(operation, status) for operation, refusals in refused.items() for status in {200, *refusals}}
    assert set() == wanted - met


def test_integer_with_a_point(served: tuple[FakeClerk, FakeServer, FakeUser]) -> None:
    """A number without a fraction is an integer, however it is written (JSON Schema 2020-12, core, 4.2.3)."""
    fake, server, user = served
    case = schema["/sessions/{session_id}/tokens"]["POST"].Case(
        path_parameters={"session_id": fake.create_session(user).id},
        body={"expires_in_seconds": 90.0},
        media_type="application/json",
    )
    answer = case.call(base_url=server.api_url, headers={"Authorization": f"Bearer {fake.secret_key}"})
    assert 200 == answer.status_code
