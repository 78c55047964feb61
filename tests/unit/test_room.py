"""What the memories of many tenants share: bounded in total whatever comes, shared out fairly; the same for keys."""

from __future__ import annotations

import itertools
import json
import random
import signal
import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import ClerkConfig
from clerk_ext.testing import FakeClerk
from clerk_ext.testing.keys import SigningKey
from clerk_ext.tokens.judge import KnownHeaders
from clerk_ext.tokens.jwks import Fetch, Hit
from clerk_ext.tokens.remembered import RememberedTokens, Room
from clerk_ext.tokens.ring import FetchFailed, KeyRing, KeyRoom
from clerk_ext.tokens.token import SESSION, ParsedToken, parse

from .test_forks import exit_code_of_child, needs_fork
from .test_remembered import MINUTE, named, verified

if TYPE_CHECKING:
    from clerk_ext.tokens.remembered import Remembered
    from tests.worlds import Clock

_OPERATIONS: Final = st.tuples(
    st.sampled_from(["add", "add", "add", "get", "drop", "wait", "close"]), st.integers(0, 3), st.integers(0, 15)
)


def token_of(owner: int, number: int) -> str:
    """A token of one of several owners: no two end alike."""
    return named(1_000_000 * owner + number)


def fill(memory: RememberedTokens, owner: int, numbers: range, until: float = MINUTE, now: float = 0.0) -> None:
    """Remember tokens, each seen once."""
    for number in numbers:
        memory.add(verified(token_of(owner, number), until), now)


def kept(memory: RememberedTokens, owner: int, numbers: range) -> list[int]:
    """Which of these tokens are remembered."""
    return [number for number in numbers if memory.get(token_of(owner, number)) is not None]


# --- verified tokens: the bound


@given(
    size=st.integers(1, 12),
    own=st.integers(1, 12),
    operations=st.lists(_OPERATIONS, max_size=150),
    lifetime=st.integers(1, 8),
)
@example(size=1, own=5, operations=[("add", owner, 0) for owner in range(4)], lifetime=5)
def test_bounds(size: int, own: int, operations: list[tuple[str, int, int]], lifetime: int) -> None:
    """Whatever happens, all hold at most so many together, each at most its own bound, and the room counts right."""
    room = Room(size)
    memories = [RememberedTokens(own, room, indexed=owner % 2 == 0) for owner in range(4)]
    closed: set[int] = set()
    now = 0.0
    for operation, owner, number in operations:
        memory, token = memories[owner], token_of(owner, number)
        if operation == "add":
            memory.add(verified(token, now + lifetime), now)
            if owner in closed:
                assert None is memory.get(token)
        elif operation == "wait":
            now += number / 4
        elif operation == "close":
            memory.close()
            closed.add(owner)
        else:
            found = memory.get(token)
            if found is not None and operation == "drop":
                memory.drop(found)
        lengths = [len(memory) for memory in memories]
        assert sum(lengths) == len(room)
        assert len(room) <= size
        assert max(lengths) <= own
        assert all(not len(memories[owner]) for owner in closed)
        assert sum(lengths[::2]) == len(room.by_key)


@pytest.mark.parametrize("owners", [1, 3])
def test_bound_while_all_is_in_use(owners: int) -> None:
    """Also where each token is seen over and over while new ones come, all hold at most so many together."""
    size = 300
    room = Room(size)
    memories = [RememberedTokens(2_000, room) for _ in range(owners)]
    most = 0
    for number in range(900):
        memories[number % owners].add(verified(token_of(number % owners, number)), 0.0)
        most = max(most, len(room))
        for earlier in range(number + 1):
            memories[earlier % owners].get(token_of(earlier % owners, earlier))

    assert size == most


def test_room_is_used() -> None:
    """One tenant that is alone may fill all of it, up to its own bound."""
    room = Room(50)
    alone, bounded = RememberedTokens(80, room), RememberedTokens(20, room)
    fill(bounded, 1, range(60))
    at_first = len(bounded)
    bounded.close()
    fill(alone, 2, range(60))

    assert (20, 50) == (at_first, len(alone))


def test_no_bound_of_its_own() -> None:
    """Without a size only the bounds of each one count."""
    room = Room()
    memories = [RememberedTokens(30, room) for _ in range(4)]
    for owner, memory in enumerate(memories):
        fill(memory, owner, range(40))

    assert [30] * 4 == [len(memory) for memory in memories]


# --- verified tokens: fairness


def test_greedy_one_pushes_out_its_own() -> None:
    """Who fills more than a fair share loses tokens of its own, however many it brings; others lose none."""
    room = Room(40)
    greedy, modest = RememberedTokens(1_000, room), RememberedTokens(1_000, room)
    fill(modest, 1, range(20))
    fill(greedy, 2, range(2_000))

    assert list(range(20)) == kept(modest, 1, range(20))
    assert 20 == len(greedy)


def test_expired_ones_of_others_go_first() -> None:
    """What others hold and has expired makes room for anybody."""
    room = Room(40)
    idle, active = RememberedTokens(1_000, room), RememberedTokens(1_000, room)
    fill(idle, 1, range(20), until=10.0)
    fill(active, 2, range(40), now=20.0)

    assert (0, 40) == (len(idle), len(active))


def test_newcomer_gets_its_share() -> None:
    """A tenant that comes when another fills everything gets its fair share at that one's expense."""
    room = Room(40)
    first, second = RememberedTokens(1_000, room), RememberedTokens(1_000, room)
    fill(first, 1, range(40))
    fill(second, 2, range(20))

    assert list(range(20)) == kept(second, 2, range(20))
    assert (20, 20) == (len(first), len(second))


def test_many_idle_ones() -> None:
    """Any number of tenants that hold one token each cannot keep an active one from remembering."""
    room = Room(200)
    idle = [RememberedTokens(1_000, room) for _ in range(200)]
    for owner, memory in enumerate(idle):
        memory.add(verified(token_of(owner + 1, 0), until=10.0), 0.0)
    active = RememberedTokens(1_000, room)
    fill(active, 0, range(200), now=20.0)

    assert list(range(200)) == kept(active, 0, range(200))


def live(memory: RememberedTokens, tokens: dict[str, float], now: float) -> set[str]:
    """Which of the tokens are remembered and have not expired; not asked as a request asks, which would be a use."""
    by_key: dict[str, Remembered] = memory._by_key  # pyright: ignore[reportPrivateUsage]
    held = {remembered.token for remembered in by_key.values()}
    return {token for token, until in tokens.items() if token in held and until > now}


@given(
    size=st.integers(4, 40),
    steps=st.lists(
        st.tuples(st.sampled_from(["add", "use", "drop", "wait"]), st.integers(0, 2), st.integers(0, 30)),
        max_size=200,
    ),
    lives=st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30)),
)
def test_fair_share(size: int, steps: list[tuple[str, int, int]], lives: tuple[int, int, int]) -> None:
    """No tenant below its fair share loses a token that has not expired to one above it."""
    room = Room(size)
    memories = [RememberedTokens(10 * size, room) for _ in lives]
    tokens: list[dict[str, float]] = [{} for _ in lives]
    now = 0.0
    for step, owner, number in steps:
        memory, token = memories[owner], token_of(owner, number)
        if step == "wait":
            now += number / 4
        elif step == "use":
            memory.get(token)
        elif step == "drop":
            found = memory.get(token)
            if found is not None:
                memory.drop(found)
        else:
            _check_fairness_of_adding(room, memories, tokens, owner, verified(token, now + lives[owner]), now)


def _check_fairness_of_adding(
    room: Room,
    memories: list[RememberedTokens],
    tokens: list[dict[str, float]],
    owner: int,
    new: Remembered,
    now: float,
) -> None:
    before = [live(memory, known, now) for memory, known in zip(memories, tokens, strict=True)]
    lengths = [len(memory) for memory in memories]
    tokens[owner][new.token] = new.valid_until
    memories[owner].add(new, now)
    after = [live(memory, known, now) for memory, known in zip(memories, tokens, strict=True)]
    assert room.size is not None
    share = room.size // sum(1 for other, length in enumerate(lengths) if length or other == owner)
    greedy = len(memories[owner]) + 1 > share
    for other, (was, is_now) in enumerate(zip(before, after, strict=True)):
        if other != owner and greedy and lengths[other] <= share:
            assert was <= is_now


@pytest.mark.parametrize("own", [10, 60])
def test_expired_newcomer_costs_no_other_token(own: int) -> None:
    """What has expired goes itself: where somebody else is greedy, no token in use goes for it."""
    room = Room(4 * own)
    modest, greedy = RememberedTokens(own, room), RememberedTokens(1_000, room)
    in_use = range(own * 9 // 10)
    for number in range(own + 1):  # the last one makes room, which moves those in use out of the newcomers' queue
        modest.add(verified(token_of(1, number), 1_000.0 if number in in_use else 10.0), 0.0)
        modest.get(token_of(1, number))
    before = kept(modest, 1, in_use)
    fill(greedy, 2, range(10 * own), until=1_000.0, now=20.0)

    assert len(in_use) - 1 == len(before)
    assert before == kept(modest, 1, in_use)


def test_dropped_token_costs_no_other() -> None:
    """A token that was dropped, and would have expired by now, does not have another one go in its place."""
    room = Room(8)
    modest, greedy = RememberedTokens(100, room), RememberedTokens(100, room)
    dropped = verified(token_of(1, 0), 10.0)
    modest.add(dropped, 0.0)
    fill(modest, 1, range(1, 4), until=1_000.0)
    modest.drop(dropped)
    fill(greedy, 2, range(20), until=1_000.0, now=20.0)

    assert [1, 2, 3] == kept(modest, 1, range(1, 4))


# --- verified tokens: found across tenants, let go


def test_found_across_tenants() -> None:
    """The room finds what an indexed memory holds, by the whole token, and nothing of the others."""
    room = Room(10)
    indexed, other = RememberedTokens(10, room, indexed=True), RememberedTokens(10, room)
    found, hidden = verified(token_of(1, 1)), verified(token_of(2, 1))
    indexed.add(found, 0.0)
    other.add(hidden, 0.0)

    assert found is room.get(token_of(1, 1))
    assert None is room.get(token_of(2, 1))
    assert None is room.get(f"other.{token_of(1, 1)}")
    assert None is other.get(token_of(1, 1))
    assert None is room.get("")


def test_token_that_ends_alike() -> None:
    """Of two tenants' tokens that end alike, each has its own; letting one go does not hide the other."""
    room = Room(10)
    first, second = (RememberedTokens(10, room, indexed=True) for _ in range(2))
    one, two = verified(token_of(1, 1)), verified(f"other.{token_of(1, 1)}")
    first.add(one, 0.0)
    second.add(two, 0.0)
    first.drop(one)

    assert None is room.get(one.token)
    assert two is room.get(two.token)
    assert two is second.get(two.token)


@pytest.mark.parametrize("end", ["drop", "close", "pushed out"])
def test_gone_is_gone_everywhere(end: str) -> None:
    """What a memory no longer holds the room finds no longer."""
    room = Room(4)
    memory = RememberedTokens(10, room, indexed=True)
    entry = verified(token_of(1, 0))
    memory.add(entry, 0.0)
    if end == "drop":
        memory.drop(entry)
    elif end == "close":
        memory.close()
    else:
        fill(memory, 1, range(1, 20))

    assert None is room.get(entry.token)
    assert None is memory.get(entry.token)


def test_close() -> None:
    """A memory that is closed gives its room back to the others at once and never takes any again."""
    room = Room(20)
    gone, stays = (RememberedTokens(20, room, indexed=True) for _ in range(2))
    fill(gone, 1, range(10))
    fill(stays, 2, range(10))
    gone.close()
    fill(gone, 1, range(10))
    gone.close()
    fill(stays, 2, range(10, 20))

    assert (0, 20, 20, 20) == (len(gone), len(stays), len(room), len(room.by_key))


def test_hit_takes_no_lock() -> None:
    """Who asks for a token of any tenant is not held up by who makes room."""
    room = Room(4)
    memory = RememberedTokens(4, room, indexed=True)
    memory.add(verified(token_of(1, 1)), 0.0)
    with room.lock:
        found = room.get(token_of(1, 1))

    assert found is not None


# --- verified tokens: threads and forks


def test_threads() -> None:
    """Threads of many tenants that add, find, drop and close keep the bound and mix no tokens up."""
    room = Room(60)
    memories = [RememberedTokens(40, room, indexed=True) for _ in range(6)]
    faults: list[object] = []
    barrier = threading.Barrier(6)

    def hammer(owner: int) -> None:
        chance = random.Random(owner)
        barrier.wait(10)
        try:
            for turn in range(1_500):
                token = token_of(owner, chance.randrange(50))
                found = room.get(token)
                if found is None:
                    memories[owner].add(verified(token, turn + 50.0), float(turn))
                elif found.token != token:
                    faults.append((token, found.token))
                elif chance.random() < 0.05:
                    memories[owner].drop(found)
                if chance.random() < 0.005:
                    memories[owner].close()
                    memories[owner] = RememberedTokens(40, room, indexed=True)
        except BaseException as fault:  # noqa: BLE001 - shown by the test
            faults.append(fault)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=hammer, args=(owner,)) for owner in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)

    assert [] == faults
    assert len(room) <= 60
    assert len(room) == sum(map(len, memories)) == len(room.by_key)


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_with_the_lock_held() -> None:
    """A child that is forked while another thread makes room finds all tokens, adds its own, and keeps the bound."""
    room = Room(40)
    memories = [RememberedTokens(40, room, indexed=True) for _ in range(2)]
    for owner, memory in enumerate(memories):
        fill(memory, owner, range(20))

    def goes_on() -> bool:
        signal.alarm(20)  # a child that waits for the lock must not wait for ever
        known = all(room.get(token_of(owner, number)) is not None for owner in range(2) for number in range(20))
        for owner, memory in enumerate(memories):
            fill(memory, owner, range(100, 200), until=3 * MINUTE, now=2 * MINUTE)
        signal.alarm(0)
        return known and 40 == len(room) == sum(map(len, memories))

    with room.lock:
        exit_code = exit_code_of_child(goes_on)

    assert 0 == exit_code
    assert goes_on()


# --- keys


KEY: Final = SigningKey.generate()


class Rings:
    """Tenants that fetch their keys from nowhere, into one room."""

    def __init__(self, clock: Clock, size: int) -> None:
        self.room = KeyRoom(size)
        self.clock = clock
        self.rings: dict[str, KeyRing] = {}

    def ring(self, name: str) -> KeyRing:
        """The keys of a tenant."""
        if name not in self.rings:
            config = ClerkConfig(
                name=name,
                frontend_api=f"{name}.example.com",
                clock=self.clock.time,
                monotonic=self.clock.monotonic,
            )
            self.rings[name] = KeyRing(config, self.room)
        return self.rings[name]

    def fetch(self, name: str, keys: int = 1) -> None:
        """Fetch a tenant's keys: so many."""
        ring = self.ring(name)
        self.clock.advance(301.0)
        step = ring.prefetch()
        assert isinstance(step, Fetch)
        ring.landed(step.ticket, json.dumps({"keys": [KEY.public_jwk(f"k{n}") for n in range(keys)]}).encode())

    def holding(self) -> list[str]:
        """Which tenants hold keys."""
        return [name for name, ring in self.rings.items() if len(ring)]


def test_idlest_keys_go_first(clock: Clock) -> None:
    """The tenant that fetched its keys the longest time ago loses them first."""
    rings = Rings(clock, 3)
    for name in ("a", "b", "c", "a", "d"):
        rings.fetch(name)

    assert ["a", "c", "d"] == rings.holding()
    assert 3 == len(rings.room)


def test_keys_come_back_with_one_fetch(clock: Clock) -> None:
    """A tenant whose keys went fetches them once, and has them again."""
    rings = Rings(clock, 1)
    for name in ("a", "b"):
        rings.fetch(name)
    ring = rings.ring("a")
    step = ring.lookup("k0")
    assert isinstance(step, Fetch)
    ring.landed(step.ticket, json.dumps({"keys": [KEY.public_jwk("k0")]}).encode())

    assert isinstance(ring.lookup("k0"), Hit)
    assert ["a"] == rings.holding()
    assert 2 == ring.tally.fetched


def test_all_keys_of_a_set_count(clock: Clock) -> None:
    """Keys are counted, not tenants; and a set that alone is too large is held all the same."""
    rings = Rings(clock, 5)
    rings.fetch("a", keys=2)
    rings.fetch("b", keys=2)
    both = rings.holding()
    rings.fetch("c", keys=3)
    without_first = rings.holding()
    rings.fetch("d", keys=9)

    assert ["a", "b"] == both
    assert ["b", "c"] == without_first
    assert (["d"], 9) == (rings.holding(), len(rings.room))


def test_failure_costs_nobody_keys(clock: Clock) -> None:
    """A fetch that fails takes no room and no keys."""
    rings = Rings(clock, 1)
    rings.fetch("a")
    ring = rings.ring("b")
    step = ring.prefetch()
    assert isinstance(step, Fetch)
    ring.landed(step.ticket, FetchFailed("no"))

    assert (["a"], 1) == (rings.holding(), len(rings.room))


def test_tenant_that_left_takes_no_room(clock: Clock) -> None:
    """A tenant that is gone gives its room back, keeps its keys for who still uses them, and counts no more."""
    rings = Rings(clock, 2)
    for name in ("a", "b"):
        rings.fetch(name)
    rings.ring("a").leave()
    rings.ring("a").leave()
    after = len(rings.room)
    rings.fetch("a", keys=2)
    rings.fetch("c")

    assert 1 == after
    assert (["a", "b", "c"], 2) == (rings.holding(), len(rings.room))


@given(
    size=st.integers(1, 12),
    steps=st.lists(
        st.tuples(st.sampled_from(["fetch", "fetch", "fetch", "leave"]), st.sampled_from("abcdef"), st.integers(1, 6)),
        max_size=60,
    ),
)
def test_key_bound(size: int, steps: list[tuple[str, str, int]]) -> None:
    """Whatever happens, all hold at most so many together, but for one that alone has more; the room counts right."""
    from tests.worlds import Clock

    rings = Rings(Clock(), size)
    gone: set[str] = set()
    for step, name, keys in steps:
        if step == "leave":
            rings.ring(name).leave()
            gone.add(name)
        else:
            rings.fetch(name, keys)
        held = [len(ring) for name, ring in rings.rings.items() if name not in gone and len(ring)]
        assert sum(held) == len(rings.room)
        assert len(rings.room) <= size or len(held) == 1


@needs_fork
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_keys_after_a_fork(clock: Clock) -> None:
    """A child that is forked while the lock is held keeps the keys, takes in others, and counts right."""
    rings = Rings(clock, 2)
    for name in ("a", "b"):
        rings.fetch(name)

    def goes_on() -> bool:
        signal.alarm(20)  # a child that waits for the lock must not wait for ever
        known = ["a", "b"] == rings.holding()
        rings.fetch("c")
        signal.alarm(0)
        return known and (["b", "c"], 2) == (rings.holding(), len(rings.room))

    with rings.room._lock:  # pyright: ignore[reportPrivateUsage]
        exit_code = exit_code_of_child(goes_on)

    assert 0 == exit_code
    assert goes_on()


# --- known headers


def test_known_headers_are_bounded() -> None:
    """However many headers verified tokens have, so many are known, the newest among them."""
    fake = FakeClerk("acme")
    session = fake.create_session(fake.add_user())
    known = KnownHeaders(4)
    parsed: list[ParsedToken] = []
    for number in itertools.islice(itertools.count(), 20):
        token = parse(fake.session_token(session, header={"kid": f"ins_{number}"}), SESSION, {})
        known.note(token)
        parsed.append(token)
        assert len(known) <= 4
        assert (f"ins_{number}", token.category) == known[token.header_segment]

    assert set(known) <= {token.header_segment for token in parsed[-4:]}
