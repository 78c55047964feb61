"""A resolver of the user's chooses the tenant of a request, in place of the token's issuer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest

from clerk_ext import AsyncTenants, Reason, Tenants, TokenVerificationError

from .routes import afresh, asked, counted, template_of, token_of, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clerk_ext import ClerkConfig
    from clerk_ext.carriers import RequestLike
    from clerk_ext.tenancy.routing import Resolver
    from clerk_ext.testing import FakeClerk, FakeTransport
    from tests.worlds import Clock, World

UNKNOWN = Reason.TENANT_UNKNOWN


@attrs.frozen
class Request:
    """A request as frameworks have it."""

    headers: Mapping[str, str]
    path: str = "/"


def by_host(request: Request) -> str | None:
    """The first label of the host name."""
    host = request.headers.get("Host", "")
    return host.partition(".")[0] if host.endswith(".example.com") else None


def by_path(request: Request) -> str | None:
    """The first part of the path."""
    return request.path.split("/")[1] or None


def by_header(request: Request) -> str | None:
    """A header of its own."""
    return request.headers.get("X-Tenant")


def always(result: object) -> Resolver:
    """Gives one result for every request."""

    def resolver(_: object) -> Any:
        return result

    return resolver


def request_for(slug: str, token: str | None = None) -> Request:
    """A request that every one of these resolvers finds to be for a tenant."""
    headers = {"Host": f"{slug}.example.com", "X-Tenant": slug}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return Request(headers, f"/{slug}/invoices")


@pytest.fixture
def resolved(
    world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock
) -> Callable[..., Tenants]:
    """Makes tenants with a resolver."""

    def make(resolver: Resolver, **options: Any) -> Tenants:
        configs = [fake.config(monotonic=clock.monotonic) for fake in fakes.values()]
        return world.tenants(configs, resolver=resolver, transport=transport, monotonic=clock.monotonic, **options)

    return make


@pytest.mark.parametrize("resolver", [by_host, by_path, by_header])
def test_chosen(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk], resolver: Resolver) -> None:
    """At every door the tenant that the resolver names judges, also once its tokens are remembered."""
    tenants = resolved(resolver)
    for slug, fake in fakes.items():
        token, template = token_of(fake), template_of(fake)
        for _ in range(2):
            state = tenants.authenticate_token(afresh(token), request_for(slug))
            carried = tenants.authenticate_request(request_for(slug, afresh(token)))

            assert slug == tenants.verify_token(afresh(token), request_for(slug)).tenant == state.tenant
            assert slug == tenants.verify_template_token(template, request_for(slug)).tenant == carried.tenant
            assert state.is_signed_in
            assert carried.is_signed_in
    stats = tenants.stats().tenants

    assert dict.fromkeys(fakes, 1) == asked(fakes)
    assert dict.fromkeys(fakes, (8, 5)) == {name: (one.verified, one.cache_hits) for name, one in stats.items()}


@pytest.mark.parametrize("other", ["globex", "initech"])
def test_token_of_another_tenant(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk], other: str) -> None:
    """A token of another tenant than the one that the resolver names is refused, remembered or not."""
    tenants = resolved(by_host)
    token, template = token_of(fakes["acme"]), template_of(fakes["acme"])
    wrong = request_for(other)
    cold = told(tenants.verify_token, afresh(token), wrong)
    tenants.verify_token(token, request_for("acme"))
    tenants.verify_token(afresh(token), request_for("acme"))
    states = [
        tenants.authenticate_token(afresh(token), wrong),
        tenants.authenticate_request(request_for(other, afresh(token))),
    ]

    assert Reason.JWK_KID_MISMATCH == cold == told(tenants.verify_token, afresh(token), wrong)
    assert Reason.JWK_KID_MISMATCH == told(tenants.verify_template_token, template, wrong)
    assert [(Reason.JWK_KID_MISMATCH, other)] * 2 == [(state.reason, state.tenant) for state in states]


def test_equal_keys(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport) -> None:
    """A token passes at the tenant that issued it alone, even where another has the same key set."""
    acme, globex = fakes["acme"], fakes["globex"]
    configs = [acme.config(), globex.config(jwks_url=acme.jwks_url)]
    tenants = world.tenants(configs, transport=transport, resolver=by_host)
    token = token_of(acme)
    tenants.verify_token(token, request_for("acme"))

    assert Reason.TOKEN_INVALID_ISSUER == told(tenants.verify_token, afresh(token), request_for("globex"))
    assert "accepted" == told(tenants.verify_token, token_of(acme, iss=globex.issuer), request_for("globex"))


@pytest.mark.parametrize("slug", ["", "nobody", "ACME", "https://acme.clerk.accounts.dev", "acme "])
def test_for_nobody(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk], slug: str) -> None:
    """A name that nobody has, or none, refuses the request whatever its token, without a fetch."""
    tenants = resolved(always(slug or None))
    token = token_of(fakes["acme"])
    request = Request({"Authorization": f"Bearer {token}"})
    states = [tenants.authenticate_token(token, request), tenants.authenticate_request(request)]
    with pytest.raises(TokenVerificationError) as refused:
        tenants.verify_token(token, request)

    assert UNKNOWN == refused.value.reason == told(tenants.verify_template_token, template_of(fakes["acme"]), request)
    assert [(UNKNOWN, None)] * 2 == [(state.reason, state.tenant) for state in states]
    assert [] == [word for word in (*fakes, "nobody", "ACME") if word in f"{refused.value!r} {states}"]
    assert dict.fromkeys(fakes, 0) == asked(fakes)
    assert ({UNKNOWN: 4}, {}) == (tenants.stats().refused, tenants.stats().tenants)


def test_removed(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """A tenant that was taken out is nobody, and what it had verified is of no use."""
    tenants = resolved(by_host)
    token = token_of(fakes["acme"])
    tenants.verify_token(token, request_for("acme"))
    tenants.remove("acme")

    assert UNKNOWN == told(tenants.verify_token, afresh(token), request_for("acme"))


def test_faulty_tokens(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """The tenant is there before the token is looked at: each fault of a token is told, and counted, by the tenant."""
    tenants = resolved(by_host)
    acme, request = fakes["acme"], request_for("acme")
    tokens = {
        "a.b": Reason.TOKEN_INVALID,
        template_of(acme): Reason.TOKEN_TYPE_MISMATCH,
        acme.forge(token_of(acme)): Reason.TOKEN_INVALID_SIGNATURE,
        token_of(acme, iss="https://nobody.example"): Reason.TOKEN_INVALID_ISSUER,
        token_of(acme, exp=1): Reason.TOKEN_EXPIRED,
    }
    for token, reason in tokens.items():
        state = tenants.authenticate_token(token, request)

        assert (reason, "acme") == (state.reason, state.tenant)
    assert dict.fromkeys(tokens.values(), 1) == tenants.stats().tenants["acme"].refused
    assert len(tokens) == counted(tenants)


@pytest.mark.parametrize("token", [None, ""])
def test_no_token(resolved: Callable[..., Tenants], token: str | None) -> None:
    """Where no token is brought the resolver need not be asked."""
    seen: list[object] = []
    tenants = resolved(seen.append)
    state = tenants.authenticate_token(token, Request({}))

    assert (Reason.SESSION_TOKEN_MISSING, None, []) == (state.reason, state.tenant, seen)
    assert {Reason.SESSION_TOKEN_MISSING: 1} == tenants.stats().refused


@pytest.mark.parametrize("result", [b"acme", 5, True, ["acme"], object()], ids=lambda result: type(result).__name__)
def test_wrong_results(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk], result: object) -> None:
    """A resolver that returns something else than a name or None is a mistake of the program, and says so."""
    tenants = resolved(always(result))
    token = token_of(fakes["acme"])
    request = request_for("acme", token)
    expected = rf"resolver: must return the name of a tenant or None, not {type(result).__name__}\."
    for door in (tenants.verify_token, tenants.authenticate_token, tenants.verify_template_token):
        with pytest.raises(TypeError, match=expected):
            cast("Any", door)(token, request)
    with pytest.raises(TypeError, match=expected):
        tenants.authenticate_request(request)
    assert 0 == counted(tenants)


def test_coroutine_function(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """A resolver answers at once; one that would have to be awaited is refused by the type of its result."""
    made: list[Any] = []

    async def resolver() -> str:
        return "acme"

    def remembering(_: object) -> Any:
        made.append(resolver())
        return made[-1]

    tenants = resolved(remembering)
    with pytest.raises(TypeError, match="None, not coroutine"):
        tenants.verify_token(token_of(fakes["acme"]), Request({}))
    made[0].close()


def test_request_is_needed(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """With a resolver each door needs a request, also for a token that is remembered."""
    tenants = resolved(by_host)
    token = token_of(fakes["acme"])
    tenants.verify_token(token, request_for("acme"))
    for door in (tenants.verify_token, tenants.authenticate_token, tenants.verify_template_token):
        with pytest.raises(TypeError, match=r"request: is needed, since a resolver chooses the tenant\."):
            door(afresh(token))


def test_falsy_requests(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk]) -> None:
    """The resolver gets whatever is passed, as it is."""
    seen: list[object] = []

    def resolver(request: object) -> str:
        seen.append(request)
        return "acme"

    tenants = resolved(resolver)
    requests: list[object] = [0, "", {}, []]
    for request in requests:
        tenants.verify_token(token_of(fakes["acme"]), request)

    assert all(passed is given for passed, given in zip(seen, requests, strict=True))


class WrongHost(Exception):
    """What a resolver may raise."""


@pytest.mark.parametrize("failure", [WrongHost(), KeyError("host"), StopIteration(), KeyboardInterrupt()], ids=repr)
def test_exceptions(resolved: Callable[..., Tenants], fakes: dict[str, FakeClerk], failure: BaseException) -> None:
    """What a resolver raises goes to the caller, and nothing is counted."""

    def resolver(_: object) -> str:
        raise failure

    tenants = resolved(resolver)
    token = token_of(fakes["acme"])
    request = request_for("acme", token)
    expected = RuntimeError if isinstance(failure, StopIteration) else type(failure)
    for door in (tenants.verify_token, tenants.authenticate_token, tenants.verify_template_token):
        with pytest.raises(expected):
            door(token, request)
    with pytest.raises(expected):
        tenants.authenticate_request(request)
    assert 0 == counted(tenants)


@pytest.mark.parametrize("kind", [Tenants, AsyncTenants])
@pytest.mark.parametrize("resolver", ["acme", 5, {"a.example": "acme"}])
def test_no_function(kind: type[Tenants | AsyncTenants], resolver: object) -> None:
    """A resolver that cannot be called is refused when the tenants are made."""
    with pytest.raises(TypeError, match=r"resolver: give a function of a request, not (str|int|dict)\."):
        kind(resolver=cast("Any", resolver))


def test_without_a_resolver(tenants: Tenants, fakes: dict[str, FakeClerk]) -> None:
    """Without a resolver a request is of no interest."""
    token = token_of(fakes["acme"])

    assert "acme" == tenants.verify_token(token, request_for("globex")).tenant
    assert "acme" == tenants.authenticate_token(token, request_for("globex")).tenant
    assert "acme" == tenants.verify_template_token(template_of(fakes["acme"]), request_for("globex")).tenant
    assert "acme" == tenants.authenticate_request(cast("RequestLike", request_for("globex", token))).tenant


def test_loaded_by_name(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport, clock: Clock) -> None:
    """The tenant that the resolver names is loaded on its first request, by name, and once."""
    names: list[str] = []
    issuers: list[str] = []

    def load(name: str) -> ClerkConfig | None:
        names.append(name)
        return fakes[name].config(monotonic=clock.monotonic) if name in fakes else None

    tenants = world.tenants(
        load_by_name=load,
        load_by_issuer=lambda issuer: issuers.append(issuer),
        resolver=by_host,
        transport=transport,
        monotonic=clock.monotonic,
    )
    token = token_of(fakes["acme"])
    found = [told(tenants.verify_token, afresh(token), request_for(slug)) for slug in ("acme", "globex", "nobody") * 2]

    assert ["accepted", Reason.JWK_KID_MISMATCH, UNKNOWN] * 2 == found
    assert (["acme", "globex", "nobody"], []) == (names, issuers)
    assert ["acme", "globex"] == list(tenants)


def test_loader_that_fails(world: World, fakes: dict[str, FakeClerk], transport: FakeTransport) -> None:
    """While the tenant that the resolver names cannot be loaded nothing is judged, at each door."""

    def load(name: str) -> ClerkConfig | None:
        raise OSError(name)

    tenants = world.tenants([fakes["globex"].config()], load_by_name=load, resolver=by_host, transport=transport)
    token = token_of(fakes["acme"])
    doors: list[Callable[..., object]] = [tenants.verify_token, tenants.authenticate_token]
    found = [told(door, token, request_for("acme")) for door in doors]
    found.append(told(tenants.verify_template_token, template_of(fakes["acme"]), request_for("acme")))
    found.append(told(tenants.authenticate_request, request_for("acme", token)))

    assert ["TenantUnavailable"] * 4 == found
    assert (4, 4) == (tenants.stats().unavailable, counted(tenants))
    assert "accepted" == told(tenants.verify_token, token_of(fakes["globex"]), request_for("globex"))
