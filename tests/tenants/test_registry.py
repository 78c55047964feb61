"""Who is a tenant: given in any form, each of one name and its own issuers."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from clerk_ext import AsyncTenants, ClerkConfig, ConfigurationError, Tenants, UnknownTenant
from clerk_ext.testing import FakeClerk, FakeTransport

from .loaders import token_of, told, tried

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.worlds import World

Fakes = dict[str, FakeClerk]


def fields_of(fake: FakeClerk) -> dict[str, Any]:
    """The fields of an instance's settings without a name, as a file or a database has them."""
    return {"publishable_key": fake.publishable_key, "secret_key": fake.secret_key, "clock": fake.clock}


FORMS: Final[dict[str, Callable[[Fakes], Any]]] = {
    "list": lambda fakes: [fake.config() for fake in fakes.values()],
    "tuple": lambda fakes: tuple(fake.config() for fake in fakes.values()),
    "generator": lambda fakes: (fake.config() for fake in fakes.values()),
    "mapping": lambda fakes: {name: fake.config() for name, fake in fakes.items()},
    "mapping without names": lambda fakes: {name: fake.config(name="default") for name, fake in fakes.items()},
    "mapping to fields": lambda fakes: {name: fields_of(fake) for name, fake in fakes.items()},
    "mapping to fields with names": lambda fakes: {n: {"name": n, **fields_of(fake)} for n, fake in fakes.items()},
    "mixed mapping": lambda fakes: {
        "acme": fakes["acme"].config(),
        "globex": fakes["globex"].config(name="default"),
        "initech": fields_of(fakes["initech"]),
    },
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_forms(world: World, fakes: Fakes, transport: FakeTransport, form: Callable[[Fakes], Any]) -> None:
    """Settings may come as any collection, or by name; each tenant takes its own tokens under its name."""
    tenants = world.tenants(form(fakes), transport=transport)

    assert list(fakes) == list(tenants)
    assert list(fakes) == [tenants[name].config.name for name in fakes]
    assert list(fakes) == [told(tenants, fake) for fake in fakes.values()]


def test_none(world: World, fakes: Fakes) -> None:
    """There may be none: every name and every token is unknown, and the object still counts as there."""
    tenants = world.tenants()

    assert [] == list(tenants)
    assert 0 == len(tenants)
    assert ["unknown", "tenant-unknown"] == [tried(tenants, ("load", "acme")), told(tenants, fakes["acme"])]
    for empty in (Tenants(), AsyncTenants()):
        assert bool(empty)


NO_SETTINGS: Final[dict[str, Callable[[ClerkConfig], Any]]] = {
    "one config": lambda config: config,
    "a str": lambda _: "acme",
    "bytes": lambda _: b"acme",
    "a list of str": lambda _: ["acme"],
    "a list of fields": lambda _: [{"publishable_key": "pk_test_x"}],
    "None in a list": lambda config: [config, None],
    "a class": lambda _: [ClerkConfig],
    "None": lambda _: None,
    "a number": lambda _: 3,
    "a mapping to str": lambda config: {"acme": config.publishable_key},
    "a mapping to None": lambda _: {"acme": None},
    "a mapping to a list": lambda config: {"acme": [config]},
    "a field that is none": lambda _: {"acme": {"publishabel_key": "pk_test_x"}},
}


@pytest.mark.parametrize("given", NO_SETTINGS.values(), ids=NO_SETTINGS.keys())
def test_wrong_types(world: World, fakes: Fakes, given: Callable[[ClerkConfig], Any]) -> None:
    """Anything else is a `TypeError` at construction that shows no secret."""
    config = fakes["acme"].config()
    with pytest.raises(TypeError) as raised:
        world.tenants(given(config))

    assert fakes["acme"].secret_key not in str(raised.value)


def test_wrong_types_later(tenants: Tenants) -> None:
    """What is added or put in another's place has to be a `ClerkConfig`, and a name a str."""
    nothing: Any = None
    for change in (tenants.add, tenants.replace):
        with pytest.raises(TypeError, match="ClerkConfig objects, not NoneType"):
            change(nothing)
    for look_up in (tenants.__getitem__, tenants.load):
        with pytest.raises(TypeError, match="write a str, not NoneType"):
            look_up(nothing)

    assert nothing not in tenants


def test_faulty_fields(world: World, fakes: Fakes) -> None:
    """A fault in the fields of a tenant names the field and the tenant."""
    settings = {"acme": fields_of(fakes["acme"]), "globex": fields_of(fakes["globex"]) | {"clock_skew": -1}}
    with pytest.raises(ConfigurationError, match="'globex'") as raised:
        world.tenants(settings)

    assert "clock_skew" == raised.value.field
    assert fakes["globex"].secret_key not in str(raised.value)


@pytest.mark.parametrize("as_fields", [False, True])
def test_contradicting_names(world: World, fakes: Fakes, as_fields: bool) -> None:
    """A mapping whose name is not that of its settings is refused, and both are named."""
    given: Any = {"name": "globex", **fields_of(fakes["acme"])} if as_fields else fakes["acme"].config(name="globex")
    with pytest.raises(ConfigurationError) as raised:
        world.tenants({"acme": given})

    assert "name" == raised.value.field
    assert "'acme'" in str(raised.value)
    assert "'globex'" in str(raised.value)


def test_default_name_in_fields(world: World, fakes: Fakes) -> None:
    """Fields that say a name say it on purpose, also where it is the one that a lone `Clerk` has."""
    with pytest.raises(ConfigurationError, match="'acme' has fields that say 'default'"):
        world.tenants({"acme": {"name": "default", **fields_of(fakes["acme"])}})


def test_same_name(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """Two tenants of one name are refused by that name, at construction and when added."""
    twice = [fakes["acme"].config(), fakes["globex"].config(name="acme")]
    with pytest.raises(ConfigurationError, match="'acme'") as raised:
        world.tenants(twice)
    assert "name" == raised.value.field

    tenants = world.tenants(twice[:1], transport=transport)
    with pytest.raises(ConfigurationError, match="'acme'"):
        tenants.add(twice[1])
    assert ["acme", "tenant-unknown"] == [told(tenants, fakes["acme"]), told(tenants, fakes["globex"])]


@pytest.mark.parametrize("shared", [0, 1])
def test_same_issuer(world: World, fakes: Fakes, transport: FakeTransport, shared: int) -> None:
    """Two tenants with an issuer in common are refused, both by name, however many else they have."""
    issuers = ["https://a.example.com", fakes["globex"].issuer]
    acme = fakes["acme"].config(issuer=[*issuers[shared:], fakes["acme"].issuer])
    globex = fakes["globex"].config()
    with pytest.raises(ConfigurationError) as raised:
        world.tenants([acme, globex])
    assert "issuer" == raised.value.field
    for part in ("'acme'", "'globex'", fakes["globex"].issuer):
        assert part in str(raised.value)

    tenants = world.tenants([globex, fakes["initech"].config()], transport=transport)
    with pytest.raises(ConfigurationError, match="'globex' and 'acme'"):
        tenants.add(acme)
    with pytest.raises(ConfigurationError, match="'globex' and 'initech'"):
        tenants.replace(fakes["initech"].config(issuer=[fakes["initech"].issuer, fakes["globex"].issuer]))
    assert ["globex", "initech"] == list(tenants)
    assert ["tenant-unknown", "globex", "initech"] == [told(tenants, fake) for fake in fakes.values()]


def test_names_that_look_alike(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """Names are compared as they are."""
    tenants = world.tenants(
        [fakes["acme"].config(), fakes["globex"].config(name="Acme"), fakes["initech"].config(name="acme ")],
        transport=transport,
    )

    assert ["acme", "Acme", "acme "] == [told(tenants, fake) for fake in fakes.values()]
    assert "ACME" not in tenants


def test_unknown(tenants: Tenants) -> None:
    """A name that nobody has is missing as from a dictionary, and says what to do about it."""
    for ask in (tenants.__getitem__, tenants.load, tenants.remove, tenants.refresh):
        with pytest.raises(UnknownTenant) as raised:
            ask("nobody")
        assert isinstance(raised.value, KeyError)
        assert "nobody" == raised.value.name
        assert str(raised.value).startswith("there is no tenant 'nobody'; ")
        for other in tenants:
            assert other not in str(raised.value)
    with pytest.raises(UnknownTenant, match="'nobody'; add"):
        tenants.replace(ClerkConfig(name="nobody", frontend_api="nobody.example.com"))
    assert "nobody" not in tenants


def test_unknown_without_waiting(fakes: Fakes) -> None:
    """In the async world an index never loads; it gives what is there and says how to load."""
    tenants = AsyncTenants([fakes["acme"].config()], load_by_name=lambda _: fakes["globex"].config())

    assert "acme" == tenants["acme"].config.name
    with pytest.raises(UnknownTenant, match=r"await load\(\)"):
        tenants["globex"]


def test_repr(fakes: Fakes) -> None:
    """It tells how many there are and some names, and no secret."""
    configs = [fake.config() for fake in fakes.values()]
    extra = FakeClerk("umbrella").config()

    assert "<Tenants: 0 tenants>" == repr(Tenants())
    assert "<AsyncTenants: 3 tenants: 'acme', 'globex', 'initech'>" == repr(AsyncTenants(configs))
    assert "<Tenants: 4 tenants: 'acme', 'globex', 'initech', …>" == repr(Tenants([*configs, extra]))


def test_without_issuer(world: World, fakes: Fakes, transport: FakeTransport, caplog: pytest.LogCaptureFixture) -> None:
    """Tenants of which no issuer is known are had by name only; the log says so once for each when it is added."""
    pems = {name: fakes[name].public_key_pem() for name in ("acme", "globex")}
    configs = [ClerkConfig(name=name, jwt_key=pem, clock=fakes[name].clock) for name, pem in pems.items()]
    tenants = world.tenants(configs[:1], transport=transport)
    tenants.add(configs[1])
    tokens = {name: token_of(fakes[name]) for name in pems}

    for name, token in tokens.items():
        assert "tenant-unknown" == tried(tenants, ("verify_token", token))
        assert name == tenants[name].verify_token(token).tenant
        assert "tenant-unknown" == tried(tenants, ("verify_token", token))  # remembered, and still not routed to
    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert 2 == len(warned)
    assert ["acme" in warned[0], "globex" in warned[1]] == [True, True]


def test_token_of_a_tenant_without_issuer(world: World, fakes: Fakes, transport: FakeTransport) -> None:
    """What such a tenant accepted and remembers is no verdict of the tenant that the token names."""
    pem = fakes["acme"].public_key_pem()
    tenants = world.tenants(
        [ClerkConfig(name="acme", jwt_key=pem, clock=fakes["acme"].clock), fakes["globex"].config()],
        transport=transport,
    )
    token = token_of(fakes["acme"], claims={"iss": fakes["globex"].issuer})
    assert "globex" == told(tenants, fakes["globex"])
    assert "acme" == tenants["acme"].verify_token(token).tenant
    assert 2 == tenants.stats().remembered

    assert "jwk-kid-mismatch" == tried(tenants, ("verify_token", token))
    assert "acme" == tenants["acme"].verify_token(token).tenant


def test_issuer_lost(tenants: Tenants, fakes: Fakes, caplog: pytest.LogCaptureFixture) -> None:
    """Replaced by settings without an issuer a tenant is routed to no more, and the log says so."""
    token = token_of(fakes["acme"])
    assert "acme" == tried(tenants, ("verify_token", token))
    tenants.replace(ClerkConfig(name="acme", jwt_key=fakes["acme"].public_key_pem(), clock=fakes["acme"].clock))

    assert "tenant-unknown" == tried(tenants, ("verify_token", token))
    assert "acme" == tenants["acme"].verify_token(token).tenant
    assert 1 == sum("acme" in record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)


def test_stats(tenants: Tenants, fakes: Fakes) -> None:
    """Counts are kept by tenant, and apart from them those of what led to none."""
    token = token_of(fakes["acme"])
    for _ in range(3):
        assert "acme" == tried(tenants, ("verify_token", token))
    assert "token-invalid-signature" == tried(
        tenants, ("verify_token", fakes["globex"].forge(token_of(fakes["globex"])))
    )
    assert "tenant-unknown" == told(tenants, FakeClerk("nobody", clock=fakes["acme"].clock))
    assert "token-invalid" == tried(tenants, ("verify_token", "nonsense"))

    stats = tenants.stats()
    assert ["acme", "globex"] == list(stats.tenants)
    assert (3, 2) == (stats.tenants["acme"].verified, stats.tenants["acme"].cache_hits)
    assert {"token-invalid-signature": 1} == stats.tenants["globex"].refused
    assert {"tenant-unknown": 1, "token-invalid": 1} == stats.refused
    assert (0, {}, 1, 2) == (stats.unavailable, stats.loads, stats.remembered, stats.keys)


@pytest.mark.parametrize("kind", [Tenants, AsyncTenants])
def test_freed_at_once(kind: type[Tenants | AsyncTenants], fakes: dict[str, FakeClerk]) -> None:
    """Tenants that nobody refers to any more are gone without the garbage collector, and with them what they held."""
    transport = FakeTransport(*fakes.values())
    held = weakref.ref(transport)
    tenants = kind([fake.config() for fake in fakes.values()], transport=cast("Any", transport))
    assert "acme" == tenants["acme"].config.name
    del transport
    alive = held() is not None
    gc.disable()
    try:
        del tenants
        left = held()
    finally:
        gc.enable()

    assert alive
    assert None is left
