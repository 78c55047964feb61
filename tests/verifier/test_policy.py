"""The trust policy, case by case, at both doors and in both worlds, at first sight and with warm caches."""

from __future__ import annotations

import contextlib
import json
import logging
import traceback
from typing import TYPE_CHECKING, Any, cast

import pytest

from clerk_ext import Clerk, SessionClaims, TemplateClaims, TokenVerificationError
from clerk_ext.testing import FakeTransport

from .bench import payload_of, unb64
from .cases import ACCEPTED, REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.worlds import World

    from .bench import Bench
    from .cases import Case


def client(world: World, bench: Bench, case: Case) -> Clerk:
    """A client with the settings of the case."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic, **case.settings_for(bench))
    return world.clerk(config, transport=FakeTransport(bench.fake, bench.other), revocations=bench.revocations)


def brought(world: World, bench: Bench, case: Case) -> tuple[Clerk, object]:
    """A client with the settings of the case, and its token."""
    clerk = client(world, bench, case)
    case.prepare(bench)
    return clerk, case.make(bench)


def warm(clerk: Clerk, bench: Bench, case: Case) -> None:
    """Have keys, headers and verified tokens at hand, above all the good token that the case's was made of."""
    whole = case.original(bench)
    session, template = clerk.verify_token, clerk.verify_template_token
    good = [(session, bench.token()), (template, bench.template()), (session, whole), (template, whole)]
    for door, token in good:
        with contextlib.suppress(TokenVerificationError):  # not every policy accepts them
            door(cast("str", token))


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


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepted(world: World, bench: Bench, case: Case) -> None:
    """The token is accepted, the claims are those that it carries, and only the key set was asked for."""
    clerk, token = brought(world, bench, case)
    claims = verify(clerk, case, token)

    assert payload_of(cast("str", token)) == claims.raw
    assert "acme" == claims.tenant
    assert (case.door == "template") == isinstance(claims, TemplateClaims)
    assert {"/.well-known/jwks.json", "/v1/jwks"} >= {request.path for request in bench.fake.requests}


@pytest.mark.parametrize("case", REFUSED, ids=str)
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


@pytest.mark.parametrize("case", ACCEPTED, ids=str)
def test_accepted_again(world: World, bench: Bench, case: Case) -> None:
    """With warm caches it is still accepted, with the same claims; a session token without another look at it."""
    case.prepare(bench)
    clerk = client(world, bench, case)
    warm(clerk, bench, case)
    token = case.make(bench)
    first = verify(clerk, case, token)
    hits = clerk.stats().cache_hits
    again = verify(clerk, case, str(token)[:7] + str(token)[7:])

    assert first.raw == again.raw == payload_of(cast("str", token))
    assert case.door == ("session" if isinstance(again, SessionClaims) else "template")
    if case.step != 7:  # at the very border of its time a token is looked at anew
        assert hits + (case.door == "session") == clerk.stats().cache_hits


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_refused_again(world: World, bench: Bench, case: Case) -> None:
    """With warm caches it is refused for the same reason, and again; also when what it was made of was accepted."""
    clerk = client(world, bench, case)
    if case.step == 9:
        warm(clerk, bench, case)  # what is revoked was accepted before
    case.prepare(bench)
    if case.step < 9:
        warm(clerk, bench, case)
    token = case.make(bench)
    hits = clerk.stats().cache_hits
    for _ in range(2):
        with pytest.raises(TokenVerificationError) as refused:
            verify(clerk, case, token)

        assert case.reason == refused.value.reason
    assert hits == clerk.stats().cache_hits
