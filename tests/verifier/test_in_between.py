"""A key set that another caller fetched comes between two looks at the keys: a good token is not refused for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from clerk_ext import TokenVerificationError
from clerk_ext.tokens.judge import Judge, Refresh
from clerk_ext.tokens.jwks import Fetch
from clerk_ext.tokens.ring import KeyRing
from clerk_ext.tokens.token import SESSION, signing_key

if TYPE_CHECKING:
    from clerk_ext.testing import FakeClerk
    from clerk_ext.tokens.keys import VerificationKey
    from clerk_ext.tokens.token import ParsedToken
    from tests.worlds import Clock


@pytest.fixture
def judge(fake: FakeClerk, clock: Clock) -> Judge:
    """A judge that has the instance's first key."""
    config = fake.config(monotonic=clock.monotonic)
    judge = Judge(config, KeyRing(config))
    opened = judge.ring.prefetch()
    assert isinstance(opened, Fetch)
    land(judge, opened.ticket, fake)
    return judge


def land(judge: Judge, ticket: int, fake: FakeClerk) -> None:
    """Report a fetch that brought the instance's key set."""
    judge.ring.landed(ticket, json.dumps(fake.jwks()).encode())


def parsed(judge: Judge, fake: FakeClerk) -> ParsedToken:
    """A good token of the instance's newest key."""
    return judge.parse(fake.session_token(fake.create_session(fake.add_user())), SESSION)


def test_background_refresh_brings_the_key(judge: Judge, fake: FakeClerk, clock: Clock) -> None:
    """The refresh that the look-up itself began lands before the signature is checked with the old key."""
    clock.advance(301.0)
    fake.rotate_key(keep_old=False)
    token = parsed(judge, fake)
    assert judge.at_hand(token) is None
    steps = judge.find_key(token)
    begun = next(steps)
    assert isinstance(begun, Refresh)
    land(judge, begun.ticket, fake)

    with pytest.raises(StopIteration) as found:
        next(steps)
    key: VerificationKey = found.value.value
    assert key is signing_key(token, (key,))


def test_another_fetch_brings_the_key(
    judge: Judge, fake: FakeClerk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another caller's fetch lands after the keys were looked at and before it is asked whether one would help."""
    clock.advance(11.0)
    fake.rotate_key(keep_old=False)
    token = parsed(judge, fake)
    may_suspect = KeyRing.may_suspect

    def too_late(ring: KeyRing) -> bool:
        opened = ring.suspect()
        assert isinstance(opened, Fetch)
        land(judge, opened.ticket, fake)
        return may_suspect(ring)

    monkeypatch.setattr(KeyRing, "may_suspect", too_late)
    assert judge.at_hand(token) is None
    monkeypatch.undo()
    assert judge.at_hand(token) is not None


def test_forgery_is_refused_all_the_same(judge: Judge, fake: FakeClerk, clock: Clock) -> None:
    """A token that no key signed is refused, whatever came in between."""
    clock.advance(301.0)
    forged = judge.parse(fake.forge(fake.session_token(fake.create_session(fake.add_user()))), SESSION)
    assert judge.at_hand(forged) is None
    steps = judge.find_key(forged)
    begun = next(steps)
    assert isinstance(begun, Refresh)
    land(judge, begun.ticket, fake)

    with pytest.raises(TokenVerificationError, match="signature"):
        next(steps)
