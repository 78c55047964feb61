"""What strangers can make a loader do: which issuers reach it, and how many in which time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clerk_ext import Tenants, TenantUnavailable
from clerk_ext.tenancy.loads import may_be_looked_up
from clerk_ext.testing import FakeClerk
from tests.worlds import Clock

from .loaders import LATEST, SOON, AtOnce, Book, Readings, shaped, token_of, told, tried

if TYPE_CHECKING:
    from clerk_ext.testing import FakeTransport
    from tests.worlds import World

    from .loaders import AnyTenants, Job

Fakes = dict[str, FakeClerk]

both_worlds: Final = pytest.mark.parametrize("in_world", ["sync", "async"])


def stranger(fake: FakeClerk, issuer: object) -> Job:
    """Somebody comes with a token that says that it is from *issuer*."""
    return "verify_token", token_of(fake, claims={"iss": issuer})


def strangers(fake: FakeClerk, many: int, start: int = 0) -> list[Job]:
    """So many, each from somewhere else."""
    return [stranger(fake, f"https://t{number}.example.com") for number in range(start, start + many)]


def test_ten_a_second(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock) -> None:
    """Of unknown issuers ten are looked up in any second; others are served, and names looked up, all the same."""
    book = Book.of([fakes["globex"]])
    loader = shaped(book, "function")
    tenants = world.tenants(
        [fakes["acme"].config(monotonic=clock.monotonic)],
        transport=transport,
        monotonic=clock.monotonic,
        load_by_issuer=loader,
        load_by_name=loader,
    )
    assert "acme" == told(tenants, fakes["acme"])
    jobs = strangers(fakes["initech"], 14)
    assert ["tenant-unknown"] * 4 == [tried(tenants, job) for job in jobs[:4]]
    clock.advance(0.5)
    assert ["tenant-unknown"] * 6 == [tried(tenants, job) for job in jobs[4:10]]

    for left in (0.5, 0.25):
        for job in jobs[10:]:
            with pytest.raises(TenantUnavailable) as raised:
                tenants.verify_token(job[1])
            assert left == raised.value.retry_after
        clock.advance(0.25)
    assert 10 == len(book.asked)
    assert ["tenant-unknown"] * 4 == [tried(tenants, job) for job in jobs[10:]]
    assert "unavailable" == told(tenants, fakes["globex"])

    assert ["tenant-unknown"] * 10 == [tried(tenants, job) for job in jobs[:10]]  # known not to be there
    assert "acme" == told(tenants, fakes["acme"])
    assert "globex" == tried(tenants, ("load", "globex"))
    assert "globex" == told(tenants, fakes["globex"])
    assert 15 == len(book.asked)
    assert 9 == tenants.stats().unavailable


def test_refreshes_are_not_limited(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock) -> None:
    """A refresh is no stranger's doing: strangers do not hold it up, nor it them."""
    book = Book.of([fakes["acme"]], monotonic=clock.monotonic)
    tenants = world.tenants(transport=transport, monotonic=clock.monotonic, load_by_issuer=shaped(book, "function"))
    assert "acme" == told(tenants, fakes["acme"])
    assert ["acme"] * 12 == [tried(tenants, ("refresh", "acme")) for _ in range(12)]
    outcomes = [tried(tenants, job) for job in strangers(fakes["initech"], 10)]

    assert ["tenant-unknown"] * 9 + ["unavailable"] == outcomes
    assert "acme" == tried(tenants, ("refresh", "acme"))


@both_worlds
@pytest.mark.parametrize("shape", ["function", "coroutine function"])
def test_four_issuers_at_once(fakes: Fakes, transport: FakeTransport, in_world: str, shape: str) -> None:
    """While four are looked up, others have to come again; who comes for one of the four joins."""
    book = Book()
    gate = book.hold()
    readings = Readings(10)
    served: list[str] = []

    def meanwhile(tenants: AnyTenants) -> None:
        assert readings.reached.wait(LATEST)
        if isinstance(tenants, Tenants):
            served.append(told(tenants, fakes["acme"]))
        gate.open()

    four = strangers(fakes["initech"], 4)
    jobs = [*four, *four, *strangers(fakes["initech"], 2, start=4)]
    outcomes = AtOnce(jobs=jobs, meanwhile=meanwhile).run(
        in_world, [fakes["acme"].config()], transport, monotonic=readings, load_by_issuer=shaped(book, shape)
    )

    assert 4 == len(book.asked)
    assert 4 == len(set(book.asked))
    assert set(outcomes) == {"tenant-unknown", "unavailable"}
    assert outcomes.count("unavailable") in (2, 3, 4)  # whichever four were first
    assert (["acme"] if in_world == "sync" else []) == served


@both_worlds
def test_fifth_issuer(fakes: Fakes, transport: FakeTransport, in_world: str) -> None:
    """The one too many is told to come again after a second."""
    book = Book()
    gate = book.hold()
    readings = Readings(5)

    def meanwhile(_: object) -> None:
        assert readings.reached.wait(LATEST)
        gate.open()

    outcomes = AtOnce(jobs=strangers(fakes["initech"], 5), meanwhile=meanwhile).run(
        in_world, (), transport, monotonic=readings, load_by_issuer=shaped(book, "function")
    )

    assert ["tenant-unknown"] * 4 + ["unavailable"] == sorted(outcomes)
    assert 4 == len(book.asked)


@both_worlds
@pytest.mark.parametrize("shape", ["function", "coroutine function"])
def test_sixty_four_names_at_once(fakes: Fakes, transport: FakeTransport, in_world: str, shape: str) -> None:
    """So many tenants may be loaded by name at the same time; one more has to come again."""
    book = Book()
    gate = book.hold()
    readings = Readings(65)

    def meanwhile(_: object) -> None:
        assert readings.reached.wait(LATEST)
        gate.open()

    jobs: list[Job] = [("load", f"tenant-{number}") for number in range(65)]
    outcomes = AtOnce(jobs=jobs, meanwhile=meanwhile).run(
        in_world, (), transport, monotonic=readings, load_by_name=shaped(book, shape)
    )

    assert ["unavailable"] + ["unknown"] * 64 == sorted(outcomes)
    assert 64 == len(book.asked)


def test_those_that_hang_make_room(world: World, fakes: Fakes, transport: FakeTransport, clock: Clock) -> None:
    """Issuers on which the loader hangs keep others out no longer than for the time that a load may take."""
    book = Book.of([fakes["acme"]])
    gate = book.hold()
    tenants = world.tenants(
        transport=transport,
        load_timeout=SOON,
        monotonic=clock.monotonic,
        load_by_issuer=shaped(book, "function"),
    )
    assert ["unavailable"] * 4 == [tried(tenants, job) for job in strangers(fakes["initech"], 4)]
    book.gate = None

    assert "acme" == told(tenants, fakes["acme"])
    gate.open()


GOOD: Final = (
    "https://clerk.example.com",
    "https://a.co",
    "https://happy-cat-7.clerk.accounts.dev",
    "https://xn--bcher-kva.example",
    "https://1.2.3.4.example.com",
    "https://example.com/__clerk",
    "https://example.com/api/v1/clerk-proxy",
    "https://example.com/" + "p" * (255 - len("https://example.com/")),
)
BAD: Final = (
    "",
    "clerk.example.com",
    "//clerk.example.com",
    "http://clerk.example.com",
    "HTTPS://clerk.example.com",
    "https:clerk.example.com",
    "https:///clerk.example.com",
    "https://",
    "https://Clerk.example.com",
    "https://clerk.example.com:443",
    "https://clerk.example.com:",
    "https://user@clerk.example.com",
    "https://user:secret@clerk.example.com",
    "https://@clerk.example.com",
    "https://clerk.example.com?tenant=acme",
    "https://clerk.example.com/?",
    "https://clerk.example.com/clerk?tenant=acme",
    "https://clerk.example.com#acme",
    "https://clerk.example.com/clerk#acme",
    "https://clerk.example.com\n",
    "https://clerk.example.com/clerk\n",
    "\nhttps://clerk.example.com",
    " https://clerk.example.com",
    "https://clerk.example.com ",
    "https://clerk.exa mple.com",
    "https://clerk\x00.example.com",
    "https://clerk..example.com",
    "https://.example.com",
    "https://-clerk.example.com",
    "https://clerk-.example.com",
    "https://clerk_1.example.com",
    "https://clerk.example.com\\@evil.example.com",
    "https://clérk.example.com",
    "https://сlerk.example.com",
    "https://clerk。example.com",
    "https://127.0.0.1",
    "https://[::1]",
    "https://2130706433",
    "https://clerk.example.com/a%2Fb",
    "https://clerk.example.com/'; drop table tenants --",
    "https://clerk.example.com/*",
    "https://" + "a" * 64 + ".example.com",
    "https://example.com/" + "p" * (256 - len("https://example.com/")),
    "https://" + "a." * 200 + "com",
)


@pytest.mark.parametrize("issuer", GOOD)
def test_what_reaches_the_loader(world: World, fakes: Fakes, issuer: str) -> None:
    """Hosts in lower case, perhaps with a path, are looked up, as they are in the token."""
    book = Book()
    tenants = world.tenants(load_by_issuer=shaped(book, "function"))

    assert "tenant-unknown" == tried(tenants, stranger(fakes["acme"], issuer))
    assert [issuer] == book.asked


@pytest.mark.parametrize("issuer", [*BAD, None, 7, True, ["https://clerk.example.com"], {}, FakeClerk.REMOVE])
def test_what_does_not(world: World, fakes: Fakes, issuer: Any) -> None:
    """Anything else is of no tenant, and no loader hears of it."""
    book = Book()
    tenants = world.tenants(load_by_issuer=shaped(book, "function"))

    assert "tenant-unknown" == tried(tenants, stranger(fakes["acme"], issuer))
    assert [] == book.asked
    assert {} == tenants.stats().loads


def test_given_issuers_may_be_anything(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """The limits are for strangers: an issuer that a tenant was given is known, whatever it looks like."""
    issuer = "https://Clerk.Example.com:8443"
    tenants = world.tenants(
        [fakes["acme"].config(issuer=issuer)], transport=transport, load_by_issuer=shaped(Book(), "function")
    )

    assert "acme" == tried(tenants, stranger(fakes["acme"], issuer))


LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
labels: Final = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
hosts: Final = st.tuples(st.lists(labels, min_size=1, max_size=4), st.text(LETTERS, min_size=2, max_size=6)).map(
    lambda parts: ".".join([*parts[0], parts[1]])
)
paths: Final = st.lists(st.text(f"{LETTERS}AZ09_-", min_size=1, max_size=12), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
issuers: Final = st.tuples(hosts, paths).map(lambda parts: f"https://{parts[0]}{parts[1]}")
pieces: Final = st.sampled_from(
    ["https", "http", "://", ":", "/", "//", "@", "?", "#", ".", "a", "A", "7", "-", "é", "\n"]
)
strange: Final = st.one_of(
    st.text(max_size=40),
    st.lists(pieces, max_size=12).map("".join),
    st.tuples(issuers, st.integers(0, 60), st.one_of(pieces, st.characters())).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    ),
    st.tuples(issuers, st.integers(200, 300)).map(lambda parts: parts[0] + "/" + "p" * parts[1]),
)


def is_plain(issuer: str) -> bool:
    """Whether an issuer is one that a loader may see, as another parser has it."""
    parts = urlsplit(issuer)
    host = parts.netloc
    return (
        len(issuer) <= 255
        and issuer.isascii()
        and issuer.isprintable()
        and " " not in issuer
        and issuer.startswith("https://")
        and issuer == f"https://{host}{parts.path}"
        and host == parts.hostname
        and host == host.lower()
        and not set(host) - set(f"{LETTERS}0123456789.-")
        and all(0 < len(label) < 64 and label.strip("-") == label for label in host.split("."))
        and not host.rpartition(".")[2].isdigit()
    )


@given(strange)
@settings(max_examples=400)
def test_nothing_strange_is_looked_up(issuer: str) -> None:
    """Whatever a token says, what reaches a loader is https, a plain host and a path."""
    assert is_plain(issuer) or not may_be_looked_up(issuer)


@given(issuers)
@example("https://a.co")
def test_whatever_is_plain_is_looked_up(issuer: str) -> None:
    """Every host and path of letters, digits and hyphens may be a tenant's."""
    assert (len(issuer) <= 255) == may_be_looked_up(issuer)


@given(st.lists(st.one_of(issuers, strange), min_size=1, max_size=6))
@settings(max_examples=40)
def test_any_tokens(said: list[str]) -> None:
    """Tokens that say anything are refused alike, and the loader hears of plain issuers alone, of each once."""
    clock = Clock()
    fake, book = FakeClerk("acme", clock=clock.time), Book()
    with Tenants(load_by_issuer=book.find, monotonic=clock.monotonic) as tenants:
        for issuer in said:
            token = token_of(fake, claims={"iss": issuer})
            assert "tenant-unknown" == tried(tenants, ("verify_token", token))

    assert all(is_plain(issuer) for issuer in book.asked)
    assert list(dict.fromkeys(issuer for issuer in said if may_be_looked_up(issuer))) == book.asked
