"""Cookies of several instances on one host: each tenant finds its own, with and without a resolver."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clerk_ext import Clerk, Reason, RequestState, Tenants, TenantUnavailable, TokenVerificationError
from clerk_ext.carriers import Instance, by_cookie
from clerk_ext.testing import FakeClerk, FakeTransport
from clerk_ext.testing.refresh import cookie_suffix

from .routes import asked, counted, token_of, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clerk_ext import ClerkConfig
    from tests.worlds import Clock, World

NOW: Final = 1_767_225_600
UAT: Final = str(NOW - 100)
UNKNOWN: Final = Reason.TENANT_UNKNOWN
NO_UAT: Final = Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT
NO_SESSION: Final = Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN
TOO_OLD: Final = Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT
NOTHING: Final = Reason.SESSION_TOKEN_AND_UAT_MISSING


@attrs.frozen
class Request:
    """A request as frameworks have it, for a tenant if somebody asks."""

    headers: Mapping[str, str]
    tenant: str | None = None


def end(fake: FakeClerk) -> str:
    """What the names of an instance's cookies end with."""
    return f"_{cookie_suffix(fake.publishable_key)}"


def aged(fake: FakeClerk, age: int) -> str:
    """A session token that was issued so many seconds ago."""
    return token_of(fake, iat=NOW - age, nbf=NOW - age - 10)


def own(fake: FakeClerk, token: str, uat: str = UAT) -> dict[str, str]:
    """The suffixed cookies of an instance."""
    return {f"__session{end(fake)}": token, f"__client_uat{end(fake)}": uat}


def plain(token: str, uat: str = UAT) -> dict[str, str]:
    """The cookies without a suffix, which every instance overwrites."""
    return {"__session": token, "__client_uat": uat}


def request_with(cookies: Mapping[str, str], tenant: str | None = None) -> Request:
    """A request that brings these cookies."""
    return Request({"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}, tenant)


def verdict(state: RequestState) -> tuple[str | None, str]:
    """Whose word it is, and the word."""
    return state.tenant, state.reason or "accepted"


@pytest.fixture
def resolving(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> Tenants:
    """The three instances, of which the request says which one is meant."""

    def resolver(request: Request) -> str | None:
        return request.tenant

    configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
    return world.tenants(configs, transport=transport, monotonic=clock.monotonic, resolver=resolver)


@pytest.mark.parametrize("last", ["acme", "globex", "initech", None])
def test_each_finds_its_own(
    tenants: Tenants, resolving: Tenants, fakes: dict[str, FakeClerk], last: str | None
) -> None:
    """Whoever wrote the plain cookies last, each tenant finds its own token: by a resolver, and by its client."""
    tokens = {slug: aged(fake, age) for age, (slug, fake) in enumerate(fakes.items(), 20)}
    cookies = {name: value for slug, fake in fakes.items() for name, value in own(fake, tokens[slug]).items()}
    cookies |= plain(tokens[last]) if last else {}
    for slug in fakes:
        states = [
            resolving.authenticate_request(request_with(cookies, slug)),
            tenants[slug].authenticate_request(request_with(cookies)),
        ]

        assert [(slug, "accepted")] * 2 == list(map(verdict, states))
        assert [tokens[slug]] * 2 == [state.token for state in states]
    state = tenants.authenticate_request(request_with(cookies))

    assert ("acme", tokens["acme"]) == (state.tenant, state.token)
    assert 3 == counted(resolving)
    assert 4 == counted(tenants)


@pytest.mark.parametrize("newest", ["acme", "globex", "initech"])
def test_newest_is_taken(tenants: Tenants, fakes: dict[str, FakeClerk], newest: str) -> None:
    """Without a resolver the newest token decides, wherever it stands."""
    tokens = {slug: aged(fake, 10 if slug == newest else 40) for slug, fake in fakes.items()}
    suffixed = {name: value for slug, fake in fakes.items() for name, value in own(fake, tokens[slug]).items()}
    old = next(slug for slug in fakes if slug != newest)
    others = {name: value for name, value in suffixed.items() if not name.endswith(end(fakes[newest]))}
    for cookies in (
        suffixed,
        dict(reversed(suffixed.items())),
        plain(tokens[old]) | suffixed,
        plain(tokens[newest]) | suffixed,
        plain(tokens[newest]) | others,
    ):
        state = tenants.authenticate_request(request_with(cookies))

        assert (newest, tokens[newest]) == (state.tenant, state.token)
    assert [5] == [stats.verified for stats in tenants.stats().tenants.values() if stats.verified]
    assert 1 == sum(asked(fakes).values())


LEFT_ASIDE: Final[dict[str, str]] = {
    "signed out": "0",
    "signed out, odd": "00",
    "no moment": "x",
    "empty": "",
    "signed in anew": str(NOW - 5),
}


@pytest.mark.parametrize("uat", LEFT_ASIDE.values(), ids=LEFT_ASIDE)
def test_newest_that_is_found(tenants: Tenants, fakes: dict[str, FakeClerk], uat: str) -> None:
    """An instance whose own cookies say that its token counts for nothing is passed over, and not counted."""
    acme, globex = fakes["acme"], fakes["globex"]
    token = aged(acme, 40)
    cookies = own(globex, aged(globex, 10), uat) | own(acme, token)
    state = tenants.authenticate_request(request_with(cookies))

    assert ("acme", token) == (state.tenant, state.token)
    assert 1 == counted(tenants)


def test_none_is_found(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Where no token counts the state is that of the newest one's tenant, and the request is counted once."""
    acme, globex = fakes["acme"], fakes["globex"]
    cookies = own(acme, aged(acme, 40), "0") | own(globex, aged(globex, 10), str(NOW - 5))

    assert ("globex", TOO_OLD) == verdict(tenants.authenticate_request(request_with(cookies)))
    assert 1 == counted(tenants)
    assert dict.fromkeys(fakes, 0) == asked(fakes)


def test_found_and_refused(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """The newest token that is found decides, also if its tenant refuses it: nobody else's is tried."""
    acme, globex = fakes["acme"], fakes["globex"]
    cookies = own(acme, aged(acme, 40)) | own(globex, globex.forge(aged(globex, 10)))

    assert ("globex", Reason.TOKEN_INVALID_SIGNATURE) == verdict(tenants.authenticate_request(request_with(cookies)))
    assert (1, 0) == (counted(tenants), asked(fakes)["acme"])


def test_unknown_instances(tenants: Tenants, fakes: dict[str, FakeClerk], clock: Clock) -> None:
    """Cookies of an instance that nobody knows hinder nobody, however new they are; alone they are for no tenant."""
    acme, stranger = fakes["acme"], FakeClerk("umbrella", clock=clock.time)
    token, strange = aged(acme, 40), aged(stranger, 10)
    for cookies in (
        own(stranger, strange) | own(acme, token),
        plain(strange) | own(stranger, strange) | own(acme, token),
        plain(token) | own(stranger, strange),
    ):
        state = tenants.authenticate_request(request_with(cookies))

        assert ("acme", token) == (state.tenant, state.token)
    before = asked(fakes)
    states = [
        tenants.authenticate_request(request_with(cookies))
        for cookies in (own(stranger, strange), plain(strange), plain(strange, "0") | own(stranger, strange))
    ]

    assert [(None, UNKNOWN)] * 3 == list(map(verdict, states))
    assert (before, {UNKNOWN: 3}, 6) == (asked(fakes), tenants.stats().refused, counted(tenants))
    assert [] == [word for word in (*fakes, "umbrella") if word in str(states)]


def test_too_many_instances(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """However many session cookies there are, a few are looked at, and the request is refused or accepted."""
    acme = fakes["acme"]
    cookies = {f"__session_{number:08}": token_of(acme, iss=f"https://a{number}.example") for number in range(50)}

    assert (None, UNKNOWN) == verdict(tenants.authenticate_request(request_with(cookies)))
    assert ("acme", "accepted") == verdict(
        tenants.authenticate_request(request_with(own(acme, aged(acme, 9)) | cookies))
    )
    assert dict.fromkeys(fakes, 0) | {"acme": 1} == asked(fakes)


NOBODYS: Final[dict[str, tuple[dict[str, str], str]]] = {
    "none": ({}, NOTHING),
    "others": ({"a": "b", "__sessions": "x", "__session_x": "y", "__session_123456789": "z"}, NOTHING),
    "empty": ({"__session": "", "__client_uat": ""}, NOTHING),
    "signed out": ({"__client_uat": "0"}, NOTHING),
    "no session": ({"__client_uat": UAT}, NO_SESSION),
    "no session, suffixed": ({"__client_uat_abcdefgh": UAT}, NO_SESSION),
    "garbage": ({"__session": "junk"}, NO_UAT),
    "garbage, signed out": ({"__session": "junk", "__client_uat": "0"}, NO_UAT),
    "garbage, signed in": ({"__session": "junk", "__client_uat": UAT}, Reason.TOKEN_INVALID),
    "garbage of three parts": ({"__session": "a.b.c", "__client_uat": UAT}, Reason.TOKEN_INVALID),
    "not ASCII": ({"__session": "é", "__client_uat": UAT}, Reason.TOKEN_INVALID),
    "too long": ({"__session": "x" * 20_000, "__client_uat": UAT}, Reason.TOKEN_TOO_LARGE),
}


@pytest.mark.parametrize("case", NOBODYS)
def test_cookies_of_nobody(tenants: Tenants, fakes: dict[str, FakeClerk], case: str) -> None:
    """Where no cookie names an issuer the request is signed out, at no tenant, for the reason that a client has."""
    cookies, reason = NOBODYS[case]
    alone = tenants["acme"].authenticate_request(request_with(cookies))

    assert (None, reason) == verdict(tenants.authenticate_request(request_with(cookies)))
    assert reason == alone.reason or "suffixed" in case
    assert ({reason: 1}, dict.fromkeys(fakes, 0)) == (tenants.stats().refused, asked(fakes))


def test_garbage_beside(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Garbage among the cookies is passed over where a tenant finds its own."""
    acme = fakes["acme"]
    token = aged(acme, 40)
    junk = {"__session_00000000": "junk", "__session": "é", "__client_uat": "x", "__session_11111111": "a.b.c"}
    state = tenants.authenticate_request(request_with(own(acme, token)))
    signed_out = tenants.authenticate_request(request_with(junk | own(acme, token, "0")))

    assert ("acme", token) == (state.tenant, state.token)
    assert "signed-out" == signed_out.status
    assert ("acme", "accepted") == verdict(
        tenants.authenticate_request(
            request_with({name: junk[name] for name in junk if "_0" in name} | own(acme, token))
        )
    )


def test_header_beats_cookies(tenants: Tenants, resolving: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """A token in the header is the one that counts, whoever else has cookies."""
    acme, globex = fakes["acme"], fakes["globex"]
    headers = {**request_with(own(globex, aged(globex, 1))).headers, "Authorization": f"Bearer {aged(acme, 40)}"}
    bad = headers | {"Authorization": "Bearer junk"}
    machine = headers | {"Authorization": "Bearer mt_x"}

    assert ("acme", "accepted") == verdict(tenants.authenticate_request(Request(headers)))
    assert (None, Reason.TOKEN_INVALID) == verdict(tenants.authenticate_request(Request(bad)))
    assert (None, Reason.TOKEN_TYPE_MISMATCH) == verdict(tenants.authenticate_request(Request(machine)))
    assert ("globex", Reason.JWK_KID_MISMATCH) == verdict(resolving.authenticate_request(Request(headers, "globex")))
    assert ("globex", Reason.TOKEN_TYPE_MISMATCH) == verdict(resolving.authenticate_request(Request(machine, "globex")))
    assert (3, 2) == (counted(tenants), counted(resolving))


@pytest.mark.parametrize("request_", [None, 5, "Cookie: a", object()], ids=lambda kind: type(kind).__name__)
def test_no_request(tenants: Tenants, request_: Any) -> None:
    """What has no headers is a mistake of the program, and counts nowhere."""
    with pytest.raises(TypeError, match="none can be read"):
        tenants.authenticate_request(request_)
    assert 0 == counted(tenants)


def test_one_cannot_be_loaded(
    world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock
) -> None:
    """A tenant that cannot be loaded now hinders no other that finds its token; where none does, nothing is judged."""
    acme, globex, initech = fakes.values()

    def load(issuer: str) -> ClerkConfig | None:
        if issuer == globex.issuer:
            raise OSError(issuer)
        return initech.config(monotonic=clock.monotonic) if issuer == initech.issuer else None

    tenants = world.tenants(
        [acme.config(monotonic=clock.monotonic)],
        load_by_issuer=load,
        transport=transport,
        monotonic=clock.monotonic,
    )
    lost = own(globex, aged(globex, 10))
    tenants.verify_token(token_of(initech))
    found = tenants.authenticate_request(request_with(lost | own(acme, aged(acme, 40))))
    loaded = tenants.authenticate_request(request_with(lost | own(initech, aged(initech, 40))))

    assert [("acme", "accepted"), ("initech", "accepted")] == [verdict(found), verdict(loaded)]
    assert "TenantUnavailable" == told(tenants.authenticate_request, request_with(lost))
    assert (1, 4) == (tenants.stats().unavailable, counted(tenants))


def test_one_cannot_be_loaded_and_none_is_found(
    world: World, fakes: dict[str, FakeClerk], transport: FakeTransport
) -> None:
    """Where the others find nothing either, nothing is judged: the request is counted once, as unavailable."""
    acme, globex, _ = fakes.values()

    def load(issuer: str) -> ClerkConfig | None:
        raise OSError(issuer)

    tenants = world.tenants([acme.config()], load_by_issuer=load, transport=transport)
    cookies = own(globex, aged(globex, 10)) | own(acme, aged(acme, 40), "0")

    assert "TenantUnavailable" == told(tenants.authenticate_request, request_with(cookies))
    assert (1, 1) == (tenants.stats().unavailable, counted(tenants))


def test_few_issuers_are_looked_up(world: World, fakes: dict[str, FakeClerk]) -> None:
    """A loader is asked for one of the issuers that cookies name, the newest that it is not known of; then for more.

    Nothing is said of the others before it was asked for each of them.
    """
    asked_for: list[str] = []
    tenants = world.tenants(load_by_issuer=lambda issuer: asked_for.append(issuer))
    cookies = {
        f"__session_{at:08}": token_of(fakes["acme"], iss=f"https://a{at}.example", iat=NOW + at % 7) for at in range(8)
    }

    for count in range(1, 8):
        with pytest.raises(TenantUnavailable):
            tenants.authenticate_request(request_with(cookies))
        assert count == len(asked_for)
    assert (None, UNKNOWN) == verdict(tenants.authenticate_request(request_with(cookies)))
    assert "https://a6.example" == asked_for[0]
    assert 8 == len(set(asked_for)) == len(asked_for)


# Any combination of cookies, compared with clients of each instance alone.

FAKES: Final = {slug: FakeClerk(slug, clock=lambda: float(NOW)) for slug in ("acme", "globex", "umbrella")}
KNOWN: Final = {slug: fake for slug, fake in FAKES.items() if slug != "umbrella"}
# All ages differ, so that it is clear which is the newest.
AGES: Final = {"acme": (50, 30), "globex": (45, 25), "umbrella": (40, 20)}
TOKENS: Final = {slug: [aged(fake, age) for age in AGES[slug]] for slug, fake in FAKES.items()}
ISSUED: Final = {
    token: (slug, NOW - age) for slug in FAKES for age, token in zip(AGES[slug], TOKENS[slug], strict=True)
}
FAULTY: Final = [
    FAKES["acme"].forge(TOKENS["acme"][0]),
    token_of(FAKES["acme"], iat=NOW - 300, exp=NOW - 200),
    token_of(FAKES["acme"], iss=None),
]
uats: Final = st.sampled_from([UAT, UAT, "0", "", str(NOW - 35), str(NOW), "00", "x"])


def jars(slugs: list[str], tokens: list[str]) -> st.SearchStrategy[dict[str, str]]:
    """Any cookies, plain and suffixed, of these instances, in any order."""
    ends = ["", *(end(FAKES[slug]) for slug in slugs)]
    values = {f"__session{one}": st.sampled_from(tokens) for one in ends} | {f"__client_uat{one}": uats for one in ends}
    cookies = st.fixed_dictionaries({}, optional=values)
    return cookies.flatmap(lambda jar: st.permutations(list(jar.items()))).map(dict)


@pytest.fixture(scope="module", params=["publishable key", "host alone"])
def hosts(request: pytest.FixtureRequest) -> Iterator[tuple[Tenants, dict[str, Clerk]]]:
    """Two known instances as tenants, and as clients alone; without a publishable key no suffix is known."""
    hosts = {
        slug: {} if request.param == "publishable key" else {"publishable_key": None, "frontend_api": fake.frontend_api}
        for slug, fake in KNOWN.items()
    }
    configs = {slug: fake.config(**hosts[slug]) for slug, fake in KNOWN.items()}
    transport = FakeTransport(*FAKES.values())
    with contextlib.ExitStack() as stack:
        clerks = {slug: stack.enter_context(Clerk(config, transport=transport)) for slug, config in configs.items()}
        yield stack.enter_context(Tenants(configs, transport=transport)), clerks


def of_one() -> st.SearchStrategy[dict[str, str]]:
    """Any cookies of one known instance."""
    return jars(["acme"], [*TOKENS["acme"], *FAULTY, "", "junk"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(of_one())
def test_as_alone(hosts: tuple[Tenants, dict[str, Clerk]], jar: dict[str, str]) -> None:
    """Cookies of one instance have the same state as with a client of that instance alone, if one names its issuer."""
    tenants, clerks = hosts
    alone = clerks["acme"].authenticate_request(request_with(jar))
    state = tenants.authenticate_request(request_with(jar))
    named = {*TOKENS["acme"], *FAULTY[:2]} & {value for name, value in jar.items() if name.startswith("__session")}

    if named:
        assert alone == state
    else:
        assert not alone.is_signed_in
        assert ("signed-out", None) == (state.status, state.tenant)
    assert alone == tenants["acme"].authenticate_request(request_with(jar))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(jars([*FAKES], [*ISSUED, ""]))
def test_several(hosts: tuple[Tenants, dict[str, Clerk]], jar: dict[str, str]) -> None:
    """Of several instances the newest that finds a token of its own has the word; if none does, the newest refused."""
    tenants, clerks = hosts
    request = request_with(jar)
    alone = {slug: clerk.authenticate_request(request) for slug, clerk in clerks.items()}
    newest: dict[str, int] = {}
    for name, value in jar.items():
        if name.startswith("__session") and value in ISSUED:
            slug, issued = ISSUED[value]
            newest[slug] = max(newest.get(slug, 0), issued)
    found: dict[str, str | TokenVerificationError] = {
        slug: by_cookie(jar, Instance.of(clerk.config.publishable_key), NOW) for slug, clerk in clerks.items()
    }
    order = [slug for slug in sorted(newest, key=lambda slug: newest[slug], reverse=True) if slug in KNOWN]
    finding = [slug for slug in order if ISSUED.get(str(found[slug]), ("",))[0] == slug]
    refused = [slug for slug in order if isinstance(found[slug], TokenVerificationError)]
    state = tenants.authenticate_request(request)

    assert alone == {slug: tenants[slug].authenticate_request(request) for slug in alone}
    if finding or refused:
        assert alone[(finding or refused)[0]] == state
    else:
        assert ("signed-out", None) == (state.status, state.tenant)
        assert bool(newest) == (state.reason is UNKNOWN)
