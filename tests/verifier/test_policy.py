"""The trust policy, case by case, at both doors and in both worlds."""

from __future__ import annotations

import json
import logging
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest

from clerk_ext import Clerk, TemplateClaims, TokenVerificationError
from clerk_ext.testing import FakeTransport

from .bench import Bench, Case, payload_of, unb64
from .cases import ACCEPTED, CASES, REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World


def _id(case: Case) -> str:
    return f"{case.step}: {case.name}"


def brought(world: World, bench: Bench, case: Case) -> tuple[Clerk, object]:
    """A client with the settings of the case, and its token."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic, **case.settings_for(bench))
    clerk = world.clerk(config, transport=FakeTransport(bench.fake, bench.other), revocations=bench.revocations)
    case.prepare(bench)
    return clerk, case.make(bench)


def verify(clerk: Clerk, case: Case, token: object) -> Any:
    """Bring the token to the case's door."""
    door = clerk.verify_token if case.door == "session" else clerk.verify_template_token
    return door(cast("str", token))


def texts(value: object) -> Iterator[str]:
    """Every text within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            yield name
            yield from texts(member)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from texts(item)


def secrets_of(token: object) -> set[str]:
    """What nobody may read of a token: itself, its parts, and every text of header and payload."""
    if isinstance(token, bytes):
        token = token.decode()
    if isinstance(token, list):
        token = ".".join(cast("list[str]", token))
    if not isinstance(token, str):
        return set()
    parts = token.split(".")
    found = {token, *parts}
    for part in parts[:2]:
        try:
            found.update(texts(json.loads(unb64(part))))
        except (ValueError, RecursionError):
            continue
    public = {"RS256", "active", "pending"}  # words of the policy itself
    return {secret for secret in found if len(secret) > 5} - public


@pytest.mark.parametrize("case", ACCEPTED, ids=_id)
def test_accepted(world: World, bench: Bench, case: Case) -> None:
    """The token is accepted, the claims are those that it carries, and only the key set was asked for."""
    clerk, token = brought(world, bench, case)
    claims = verify(clerk, case, token)

    assert payload_of(cast("str", token)) == claims.raw
    assert "acme" == claims.tenant
    assert (case.door == "template") == isinstance(claims, TemplateClaims)
    assert {"/.well-known/jwks.json", "/v1/jwks"} >= {request.path for request in bench.fake.requests}


@pytest.mark.parametrize("case", REFUSED, ids=_id)
def test_refused(world: World, bench: Bench, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """The token is refused for the reason given, and nothing of it is in message, traceback or log."""
    caplog.set_level(logging.DEBUG)
    clerk, token = brought(world, bench, case)
    with pytest.raises(TokenVerificationError) as refused:
        verify(clerk, case, token)
    error = refused.value
    shown = "\n".join([str(error), repr(error), *traceback.format_exception(error)])
    logged = "\n".join(record.getMessage() for record in caplog.records)

    assert case.reason == error.reason
    assert error.__cause__ is None
    assert "During handling" not in shown
    assert f"{error.message} ({case.reason})" == str(error)
    assert [] == [secret for secret in secrets_of(token) if secret in shown]
    # The key set's URL may be logged; it is the configured one and no news from the token.
    assert [] == [secret for secret in secrets_of(token) if secret in logged and secret not in bench.fake.jwks_url]


@pytest.mark.parametrize("case", [case for case in REFUSED if case.step <= 4], ids=_id)
def test_refused_again(world: World, bench: Bench, case: Case) -> None:
    """The reason is the same once the keys are at hand and good headers are known."""
    clerk, token = brought(world, bench, case)
    if not case.name.startswith(("PEM", "fifth")):
        clerk.verify_token(bench.signed())
    for _ in range(2):
        with pytest.raises(TokenVerificationError) as refused:
            verify(clerk, case, token)

        assert case.reason == refused.value.reason


def test_every_step_has_both() -> None:
    """Each step has accepted and refused cases and no name is there twice."""
    steps = list(range(1, 10))

    assert steps == sorted({case.step for case in ACCEPTED})
    assert steps == sorted({case.step for case in REFUSED})
    assert [] == [name for name, count in Counter(_id(case) for case in CASES).items() if count > 1]
