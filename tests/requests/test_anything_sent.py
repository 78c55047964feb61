"""Whatever is sent, the answer is a state or that nothing can be judged now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clerk_ext import Clerk, RequestState, VerificationUnavailable
from clerk_ext.carriers import Instance
from clerk_ext.testing import FakeClerk, FakeTransport

from .kinds import KINDS, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clerk_ext.carriers import RequestLike

import pytest

FAKE: Final = FakeClerk("acme", clock=lambda: 1_767_225_600.0)
END: Final = f"_{Instance.of(FAKE.publishable_key).suffix}"
TOKEN: Final = FAKE.session_token(FAKE.create_session(FAKE.add_user()))

names = st.sampled_from(["Authorization", "Cookie", "Host", "headers", "type", "x-y"])
latin = st.text(st.characters(max_codepoint=255))
cookie_names = st.sampled_from(["__session", "__client_uat", f"__session{END}", f"__client_uat{END}", "a", "", "="])
cookie_values = st.one_of(
    latin,
    st.integers().map(str),
    st.just(TOKEN),
    st.tuples(*[st.sampled_from([*TOKEN.split("."), "", "e30"])] * 3).map(".".join),
)
cookie_lines = st.lists(st.tuples(cookie_names, cookie_values).map("=".join) | latin).map(";".join)
schemes = st.sampled_from(["Bearer ", "bearer", "Basic ", "", ","])
values = st.one_of(latin, cookie_lines, st.tuples(schemes, cookie_values).map("".join))
lines = st.lists(st.tuples(names, values))


@pytest.fixture(scope="module")
def sync_clerk() -> Iterator[Clerk]:
    """One client for all examples."""
    with Clerk(FAKE.config(), transport=FakeTransport(FAKE)) as clerk:
        yield clerk


def check(clerk: Clerk, request: object) -> None:
    """A state that is whole, or VerificationUnavailable."""
    try:
        state = clerk.authenticate_request(cast("RequestLike", request))
    except VerificationUnavailable:
        return

    assert isinstance(state, RequestState)
    assert state.is_signed_in == (state.token == TOKEN)
    assert state.is_signed_in == (state.reason is None) == (state.headers == {})
    assert all(value.isascii() and value.isprintable() for value in state.headers.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(KINDS)), lines)
def test_lines(sync_clerk: Clerk, kind: str, sent: Lines) -> None:
    """Header lines of any text, in any kind of request that lets them be written."""
    check(sync_clerk, KINDS[kind](sent))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(names | st.text(), st.one_of(st.text(), st.binary(), st.none(), st.lists(st.text() | st.binary())))
)
def test_dicts(sync_clerk: Clerk, sent: dict[str, Any]) -> None:
    """Any dict of text, bytes and lists of them."""
    check(sync_clerk, sent)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.binary(), st.binary()) | st.tuples(st.just(b"cookie"), st.binary())))
def test_octets(sync_clerk: Clerk, sent: list[tuple[bytes, bytes]]) -> None:
    """Any bytes as ASGI gives them."""
    check(sync_clerk, {"type": "http", "headers": sent})


@given(
    st.none() | st.integers() | st.text() | st.binary() | st.lists(st.integers() | st.text() | st.binary(), min_size=1)
)
def test_not_headers(headers: object) -> None:
    """What are no headers raises TypeError, and nothing else."""
    clerk = Clerk(FAKE.config(), transport=FakeTransport(FAKE))
    for request in (headers, SimpleNamespace(headers=headers)):
        with pytest.raises(TypeError, match=r"none can be read$"):
            clerk.authenticate_request(cast("RequestLike", request))
