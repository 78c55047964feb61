"""Every session, page after page, while sessions come and go: over real HTTP, and pure against a list that changes."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import attrs
import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import APIResponseError, AsyncClerk, Clerk, NotFoundError
from clerk_ext.calls import Found, Walk
from clerk_sessions_api.models import Session
from tests.transport.loopback import Loopback, Received, config_at, reply, session_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from clerk_ext.testing import FakeClerk, FakeRequest, FakeResponse
    from tests.worlds import World


def ids(sessions: Iterable[Session]) -> list[str]:
    """Their ids."""
    return [session.id for session in sessions]


@attrs.define
class Server:
    """Session ids, newest first, that a server lists; it may change them before each answer, counted from 0."""

    held: list[str]
    paginated: bool = True
    before: Callable[[int, list[str]], None] = lambda _number, _held: None
    asked: list[dict[str, str]] = attrs.field(factory=list[dict[str, str]])

    def __call__(self, received: Received) -> bytes:
        query = dict(parse_qsl(received.target.partition("?")[2]))
        self.before(len(self.asked), self.held)
        self.asked.append(query)
        offset = int(query["offset"])
        some = [session_json(one) for one in self.held[offset : offset + int(query["limit"])]]
        return reply(200, {"data": some, "total_count": len(self.held)} if self.paginated else some)


def names(count: int) -> list[str]:
    """Ids of sessions, newest first."""
    return [f"sess_{number}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7, 20])
@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 500])
def test_every_session(clerk: Clerk, fake: FakeClerk, count: int, page_size: int) -> None:
    """All of a user's sessions, newest first, over as many pages as it takes, and nobody else's."""
    user = fake.add_user()
    made = [fake.create_session(user).id for _ in range(count)]
    fake.create_session(fake.add_user())
    found = ids(clerk.sessions.iterate(user_id=user.id, page_size=page_size))

    assert made[::-1] == found
    step = max(1, page_size - 1)
    assert max(1, math.ceil((count - 1) / step)) == len(fake.requests)


def test_arguments(clerk: Clerk, fake: FakeClerk) -> None:
    """Filters go along with each page; a hundred sessions are asked for at a time unless asked otherwise."""
    user = fake.add_user()
    made = [fake.create_session(user, client_id="client_1") for _ in range(101)]
    fake.revoke(made[0])
    fake.create_session(user)
    found = ids(clerk.sessions.iterate(user_id=user.id, client_id="client_1", status="active"))
    queries = [dict(parse_qsl(request.path.partition("?")[2])) for request in fake.requests]

    assert [session.id for session in made[:0:-1]] == found
    common = {"user_id": user.id, "client_id": "client_1", "status": "active", "paginated": "true", "limit": "100"}
    assert [common | {"offset": "0"}] == queries


def test_nothing_is_asked_before_its_time(world: World) -> None:
    """A page is asked for when the sessions before it are used up."""
    server = Server(names(5))
    with Loopback(server) as loopback:
        sessions = iter(world.clerk(config_at(loopback.url)).sessions.iterate(page_size=3))
        if world.name == "sync":  # the face of the async world fetches all at once
            assert 0 == len(server.asked)
            assert "sess_0" == next(sessions).id
            assert 1 == len(server.asked)

        assert names(5) == (["sess_0"] if world.name == "sync" else []) + ids(sessions)
    assert ["0", "2"] == [query["offset"] for query in server.asked]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7])
def test_bare_array(world: World, count: int) -> None:
    """A server that answers `paginated=true` with an array, as the published spec has it, is read to its end."""
    server = Server(names(count), paginated=False)
    with Loopback(server) as loopback:
        found = ids(world.clerk(config_at(loopback.url)).sessions.iterate(page_size=3))

    assert names(count) == found
    assert {"true"} == {query["paginated"] for query in server.asked}


@pytest.mark.parametrize("paginated", [True, False])
def test_sessions_go(world: World, paginated: bool) -> None:
    """Sessions that went from the pages already read do not hide those that moved into their places."""

    def go(number: int, held: list[str]) -> None:
        if number == 1:
            del held[:2]

    server = Server(names(9), paginated, go)
    with Loopback(server) as loopback:
        found = ids(world.clerk(config_at(loopback.url)).sessions.iterate(page_size=3))

    assert sorted(names(9)) == sorted(found)


@pytest.mark.parametrize("paginated", [True, False])
def test_sessions_come(world: World, paginated: bool) -> None:
    """Sessions that are new move the others back: none is given twice."""

    def come(number: int, held: list[str]) -> None:
        if number in {1, 2}:
            held[:0] = [f"new_{number}_{index}" for index in range(2)]

    server = Server(names(9), paginated, come)
    with Loopback(server) as loopback:
        found = ids(world.clerk(config_at(loopback.url)).sessions.iterate(page_size=3))

    assert names(9) == found


def test_one_goes_while_another_comes(world: World) -> None:
    """The total stays the same when one goes in front and another appears behind; none is missed all the same."""

    def change(number: int, held: list[str]) -> None:
        if number == 1:
            del held[0]
            held.append("sess_late")

    server = Server(names(9), before=change)
    with Loopback(server) as loopback:
        found = ids(world.clerk(config_at(loopback.url)).sessions.iterate(page_size=3))

    assert sorted([*names(9), "sess_late"]) == sorted(found)


def test_revoking_while_iterating(clerk: Clerk, fake: FakeClerk) -> None:
    """Sessions that are revoked as they come leave the list of active ones, and every one is reached."""
    user = fake.add_user()
    made = [fake.create_session(user).id for _ in range(11)]
    revoked = [
        clerk.sessions.revoke(session.id).id
        for session in clerk.sessions.iterate(user_id=user.id, status="active", page_size=3)
    ]

    assert sorted(made) == sorted(revoked)
    assert [] == clerk.sessions.list(user_id=user.id, status="active")


def test_expiring_while_iterating(clerk: Clerk, fake: FakeClerk) -> None:
    """A session that goes between two pages of the fake instance makes no other be missed."""
    user = fake.add_user()
    made = [fake.create_session(user) for _ in range(8)]

    def go(request: FakeRequest, response: FakeResponse) -> None:
        if len(fake.requests) == 1:
            fake.revoke(made[-1])
            fake.revoke(made[-3])

    fake.on_exchange.append(go)
    found = ids(clerk.sessions.iterate(user_id=user.id, status="active", page_size=3))

    assert sorted(session.id for session in made) == sorted(found)


@given(
    count=st.integers(0, 12),
    page_size=st.integers(1, 5),
    total_told=st.booleans(),
    changes=st.lists(st.tuples(st.booleans(), st.integers(0, 15)), max_size=12),
    rhythm=st.lists(st.integers(0, 3), max_size=20),
)
@example(count=9, page_size=3, total_told=True, changes=[(False, 0), (False, 0)], rhythm=[0, 2])
def test_whatever_changes(
    count: int, page_size: int, total_told: bool, changes: list[tuple[bool, int]], rhythm: list[int]
) -> None:
    """Sessions come and go anywhere between any two pages: those that stay are given, each once, and it ends."""
    held = names(count)
    staying = set(held)
    left = iter(changes)
    walk = Walk(lambda limit, offset: httpx.Request("GET", f"https://x/?limit={limit}&offset={offset}"), page_size)
    found: list[str] = []
    for turn in range(1000):
        call = walk.next_call()
        if call is None:
            break
        for number, (comes, place) in zip(range(rhythm[turn] if turn < len(rhythm) else 0), left, strict=False):
            if comes:
                held.insert(place % (len(held) + 1), f"new_{turn}_{number}")
            elif held:
                staying.discard(held.pop(place % len(held)))
        limit, offset = (int(call.request.url.params[name]) for name in ("limit", "offset"))
        page = [Session.from_dict(session_json(one)) for one in held[offset : offset + limit]]
        found += ids(walk.take(Found(page, len(held) if total_told else None)))
    else:
        pytest.fail("it does not end")

    assert len(found) == len(set(found))
    assert staying <= set(found)


@pytest.mark.parametrize("paginated", [True, False])
@pytest.mark.parametrize(("first", "last"), [(0, 299), (0, 290), (10, 300), (1, 400), (0, 400), (150, 290)])
def test_many_go_at_once(paginated: bool, first: int, last: int) -> None:
    """However many sessions go between two small pages, those that stay are found, at no more than twice the cost."""
    held = names(400)
    walk = Walk(lambda limit, offset: httpx.Request("GET", f"https://x/?limit={limit}&offset={offset}"), 2)
    found: list[str] = []
    calls = 0
    while (call := walk.next_call()) is not None:
        calls += 1
        if calls == 300:
            del held[first:last]
        limit, offset = (int(call.request.url.params[name]) for name in ("limit", "offset"))
        page = [Session.from_dict(session_json(one)) for one in held[offset : offset + limit]]
        found += ids(walk.take(Found(page, len(held) if paginated else None)))

    assert set(held) <= set(found)
    assert len(found) == len(set(found))
    assert calls <= 800


@pytest.mark.parametrize("paginated", [True, False])
def test_server_that_takes_no_notice_of_offset(world: World, paginated: bool) -> None:
    """A server that gives the same page for ever is given up on, after each session was given once."""

    def answer(_: Received) -> bytes:
        page = [session_json(one) for one in names(2)]
        return reply(200, {"data": page, "total_count": 1_000_000} if paginated else page)

    with Loopback(answer) as loopback:
        clerk = world.clerk(config_at(loopback.url))
        with pytest.raises(APIResponseError, match="do not follow each other"):
            list(clerk.sessions.iterate(page_size=2))

    assert 50 < len(loopback.received) < 200


def test_server_with_a_cap_of_its_own(world: World) -> None:
    """A server whose pages are smaller than asked for is read to its end all the same."""
    everything = names(7)

    def answer(received: Received) -> bytes:
        offset = int(dict(parse_qsl(received.target.partition("?")[2]))["offset"])
        return reply(200, [session_json(one) for one in everything[offset : offset + 2]])

    with Loopback(answer) as loopback:
        assert everything == ids(world.clerk(config_at(loopback.url)).sessions.iterate(page_size=5))


def test_repeated_in_one_page(world: World) -> None:
    """A page that names a session twice gives it once."""
    page = {"data": [session_json(one) for one in ("a", "a", "b")], "total_count": 3}
    with Loopback.script(reply(200, page)) as loopback:
        assert ["a", "b"] == ids(world.clerk(config_at(loopback.url)).sessions.iterate())


def test_failure_in_the_middle() -> None:
    """An error comes after the sessions of the pages before it, in both worlds."""
    page = {"data": [session_json(one) for one in ("a", "b")], "total_count": 4}
    answers = [reply(200, page), reply(404)]
    with Loopback.script(*answers, *answers) as loopback:
        found: list[str] = []
        with Clerk(config_at(loopback.url)) as clerk, pytest.raises(NotFoundError):
            found.extend(session.id for session in clerk.sessions.iterate(page_size=2))

        async def asynchronous() -> None:
            async with AsyncClerk(config_at(loopback.url)) as clerk:
                async for session in clerk.sessions.iterate(page_size=2):
                    found.append(session.id)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(NotFoundError):
            asyncio.run(asynchronous())

    assert ["a", "b", "a", "b"] == found


@pytest.mark.parametrize(
    ("count", "limit", "offset", "total"),
    [(2, 10, 0, 2), (0, 10, 0, 0), (2, 3, 5, 7), (9, 10, 90, 99)],
)
def test_page_of_bare_array(world: World, count: int, limit: int, offset: int, total: int) -> None:
    """A bare array that ends before the limit tells the total itself."""
    with Loopback.script(reply(200, [session_json(one) for one in names(count)])) as loopback:
        page = world.clerk(config_at(loopback.url)).sessions.page(limit=limit, offset=offset)

    assert (names(count), total) == (ids(page.data), page.total_count)


@pytest.mark.parametrize(("count", "limit", "offset"), [(10, 10, 0), (0, 10, 5), (3, 3, 3)])
def test_page_of_bare_array_without_end(world: World, count: int, limit: int, offset: int) -> None:
    """A bare array that may go on, or lies past the end, does not tell the total: an error that says what to use."""
    with Loopback.script(reply(200, [session_json(one) for one in names(count)])) as loopback:
        clerk = world.clerk(config_at(loopback.url))
        with pytest.raises(APIResponseError, match=r"use list\(\) or iterate\(\)") as caught:
            clerk.sessions.page(limit=limit, offset=offset)

    assert 200 == caught.value.status_code


def test_list_of_a_page(world: World) -> None:
    """A server that answers a plain list with a page is understood."""
    with Loopback.script(reply(200, {"data": [session_json("a")], "total_count": 9})) as loopback:
        assert ["a"] == ids(world.clerk(config_at(loopback.url)).sessions.list())


@pytest.mark.parametrize(
    ("format", "answer"),
    [
        ("token", {"object": "cookies", "cookies": ["__session=x"]}),
        ("cookie", {"object": "token", "jwt": "a.b.c"}),
    ],
)
def test_refresh_in_the_other_format(world: World, format: Any, answer: object) -> None:
    """An answer in the format that was not asked for is no answer."""
    with Loopback.script(reply(200, answer)) as loopback:
        clerk = world.clerk(config_at(loopback.url))
        with pytest.raises(APIResponseError, match=f"format '{format}'") as caught:
            clerk.sessions.refresh(
                "sess_1", expired_token="t", refresh_token="r", request_origin="https://app.example", format=format
            )

    assert 200 == caught.value.status_code
    assert 1 == len(loopback.received)
