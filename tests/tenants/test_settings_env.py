"""Tenants from the environment and from objects: good ones, and every fault of the bad ones told at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext import AsyncTenants, ClerkConfig, ConfigurationError, Tenants
from clerk_ext.tenancy.settings import configs_of_environ
from clerk_ext.testing import FakeClerk

if TYPE_CHECKING:
    from collections.abc import Mapping

ACME: Final = FakeClerk("acme")
GLOBEX: Final = FakeClerk("globex", environment="production")
SECRET: Final = "sk_test_never4to3be2seen1"
PEM: Final = ACME.public_key_pem().strip()
ORIGIN: Final = "https://app.example.com"


@pytest.fixture(params=[Tenants, AsyncTenants])
def kind(request: pytest.FixtureRequest) -> Any:
    """The class of each world."""
    return request.param


def refusal(environ: Mapping[str, str]) -> list[str]:
    """The lines of the error that an environment is refused with."""
    with pytest.raises(ConfigurationError) as refused:
        configs_of_environ(environ)
    error = refused.value

    assert "the environment" == error.field
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    assert "never4to3" not in str(error)
    return error.message.split("\n  ")


def test_good_environment(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each tenant that is named has what a single client's variables say, with its name in them; others are ignored."""
    environ = {
        "CLERK_TENANTS": " acme, globex-eu ,,Init_9",
        "CLERK_ACME_PUBLISHABLE_KEY": ACME.publishable_key,
        "CLERK_ACME_SECRET_KEY": f"{SECRET}\n",
        "CLERK_ACME_AUTHORIZED_PARTIES": f"{ORIGIN}, https://b.example.com",
        "CLERK_ACME_COLOUR": "red",
        "CLERK_GLOBEX_EU_PUBLISHABLE_KEY": GLOBEX.publishable_key,
        "CLERK_GLOBEX_EU_PROXY_URL": "https://app.globex.com/__clerk",
        "CLERK_GLOBEX_EU_API_URL": "https://api.example.com",
        "CLERK_GLOBEX_EU_API_VERSION": "v1",
        "CLERK_GLOBEX_EU_SECRET_KEY": " ",
        "CLERK_INIT_9_JWT_KEY": PEM,
        "CLERK_INIT_9_API_VERSION": "2025-04-10",
        "CLERK_INIT_9_IS_SATELLITE": "false",
        "CLERK_SECRET_KEY": "sk_test_of_nobody",
        "CLERK_AUTHORIZED_PARTIES": "not an origin",
        "CLERK_UMBRELLA_SECRET_KEY": "no key",
        "PATH": "/bin",
    }
    expected = [
        ClerkConfig(
            name="acme",
            publishable_key=ACME.publishable_key,
            secret_key=SECRET,
            authorized_parties=[ORIGIN, "https://b.example.com"],
        ),
        ClerkConfig(
            name="globex-eu",
            publishable_key=GLOBEX.publishable_key,
            proxy_url="https://app.globex.com/__clerk",
            api_url="https://api.example.com/v1",
        ),
        ClerkConfig(name="Init_9", jwt_key=PEM, api_version="2025-04-10"),
    ]
    given = kind.from_env(environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    of_process = kind.from_env()

    assert type(given) is kind
    assert ["acme", "globex-eu", "Init_9"] == list(given) == list(of_process)
    assert expected == [given[name].config for name in given] == [of_process[name].config for name in of_process]


def test_names_that_begin_alike() -> None:
    """The variables of a tenant are not those of another whose name goes on."""
    environ = {
        "CLERK_TENANTS": "a,a-b,a-b-c",
        "CLERK_A_PUBLISHABLE_KEY": ACME.publishable_key,
        "CLERK_A_B_JWT_KEY": PEM,
        "CLERK_A_B_C_PUBLISHABLE_KEY": GLOBEX.publishable_key,
    }
    keys = [(config.publishable_key, config.jwt_key) for config in configs_of_environ(environ)]

    assert [(ACME.publishable_key, None), (None, PEM), (GLOBEX.publishable_key, None)] == keys


@pytest.mark.parametrize("names", [None, "", " ", ",", " , ,"])
def test_no_names(kind: Any, names: str | None) -> None:
    """An environment that names no tenant is refused, whatever else is in it."""
    environ = {"CLERK_ACME_PUBLISHABLE_KEY": ACME.publishable_key, "CLERK_SECRET_KEY": SECRET}
    environ |= {} if names is None else {"CLERK_TENANTS": names}
    with pytest.raises(ConfigurationError, match="CLERK_TENANTS"):
        kind.from_env(environ)

    assert [
        "1 faults:",
        "CLERK_TENANTS: is not set; write the names of the tenants, such as 'acme,globex'.",
    ] == refusal(environ)


def test_all_faults_at_once() -> None:
    """Every fault is told in one error, with its variable, in the order of the tenants."""
    told = refusal(
        {
            "CLERK_TENANTS": "acme,globex,initech,a.b,a-c,A_C,pk_,twin,ü",
            "CLERK_ACME_PUBLISHABLE_KEY": SECRET,
            "CLERK_ACME_SECRET_KEY": f"{SECRET}!",
            "CLERK_ACME_AUTHORIZED_PARTIES": f"{ORIGIN}/",
            "CLERK_ACME_API_VERSION": "latest",
            "CLERK_GLOBEX_PUBLISHABLE_KEY": GLOBEX.publishable_key,
            "CLERK_GLOBEX_SECRET_KEY": SECRET,
            "CLERK_GLOBEX_API_URL": "api.example.com",
            "CLERK_A_C_PUBLISHABLE_KEY": ACME.publishable_key,
            "CLERK_PK__PROXY_URL": "/__clerk",
            "CLERK_TWIN_PUBLISHABLE_KEY": ACME.publishable_key,
        }
    )

    assert [
        "12 faults",
        *["CLERK_TENANTS"] * 3,
        "CLERK_ACME_PUBLISHABLE_KEY",
        "CLERK_ACME_SECRET_KEY",
        "CLERK_ACME_AUTHORIZED_PARTIES",
        "CLERK_ACME_API_VERSION",
        "CLERK_GLOBEX_SECRET_KEY",
        "CLERK_GLOBEX_API_URL",
        "CLERK_INITECH_PUBLISHABLE_KEY",
        "CLERK_PK__PROXY_URL",
        "tenant 'twin'",
    ] == [line.partition(":")[0] for line in told]
    assert ["'a.b'", "'A_C' and 'a-c'", "'ü'"] == [
        line.partition(": ")[2].partition(" has")[0].partition(" are")[0] for line in told[1:4]
    ]
    assert f"tenant 'twin': has the same issuer as tenant 'a-c', {ACME.issuer}." == told[-1]


@pytest.mark.parametrize(("variable", "value"), [("DOMAIN", "a.example"), ("IS_SATELLITE", "true")])
def test_satellites(variable: str, value: str) -> None:
    """A satellite is refused by the variable of its tenant, beside the other faults of that tenant and of others."""
    told = refusal(
        {
            "CLERK_TENANTS": "acme-eu,globex",
            f"CLERK_ACME_EU_{variable}": value,
            "CLERK_ACME_EU_PUBLISHABLE_KEY": ACME.publishable_key,
            "CLERK_ACME_EU_SECRET_KEY": "5",
            "CLERK_GLOBEX_PUBLISHABLE_KEY": "5",
        }
    )

    assert f"CLERK_ACME_EU_{variable}: satellite domains are not read from the environment" in "\n".join(told)
    assert "CLERK_GLOBEX_PUBLISHABLE_KEY" == told[-1].partition(":")[0]
    assert ["3 faults:"] == told[:1]
    assert any(line.startswith("CLERK_ACME_EU_SECRET_KEY: ") for line in told)


parts = st.sampled_from([
    "ACME_", "GLOBEX_EU_", "", "SECRET_KEY", "PUBLISHABLE_KEY", "JWT_KEY", "PROXY_URL", "API_URL", "API_VERSION",
    "AUTHORIZED_PARTIES", "DOMAIN", "IS_SATELLITE", "TENANTS",
])  # fmt: skip
contents = st.text() | st.sampled_from(
    [SECRET, ACME.publishable_key, GLOBEX.publishable_key, PEM, ORIGIN, "https://a.example/x", "/x", "2026-05-12", "v1"]
)
environs = st.dictionaries(st.lists(parts, max_size=2).map(lambda found: f"CLERK_{''.join(found)}"), contents)
names = (
    st.lists(st.sampled_from(["acme", "globex-eu", "ACME", "x", "x-", "-x", ""]) | st.text())
    .map(",".join)
    .filter(lambda listed: SECRET not in listed)
)


@given(environs, names)
def test_any_environment(environ: dict[str, str], names: str) -> None:
    """Whatever the environment says, it gives the tenants that it names or ConfigurationError without a secret."""
    try:
        configs = configs_of_environ({**environ, "CLERK_TENANTS": names})
    except ConfigurationError as fault:
        error = fault
    else:
        assert [name.strip() for name in names.split(",") if name.strip()] == [config.name for config in configs]
        return

    assert "the environment" == error.field
    assert SECRET not in str(error)


def test_objects(kind: Any) -> None:
    """Tenants come from any iterable of settings, or a mapping of names to settings or to their fields."""
    acme, globex = ACME.config(clock_skew=2.0), GLOBEX.config()
    unnamed = ClerkConfig(publishable_key=GLOBEX.publishable_key)
    made = [
        kind([acme, globex]),
        kind(config for config in (acme, globex)),
        kind({"acme": acme, "globex": globex}),
        kind({"acme": {"publishable_key": ACME.publishable_key, "clock_skew": 2.0}, "globex": unnamed}),
    ]

    assert [["acme", "globex"]] * 4 == [list(tenants) for tenants in made]
    assert [acme] * 3 == [tenants["acme"].config for tenants in made[:3]]
    assert [2.0, "globex"] == [made[3]["acme"].config.clock_skew, made[3]["globex"].config.name]
    assert GLOBEX.issuer in (made[3]["globex"].config.issuers or ())
    assert [] == list(kind()) == list(kind([])) == list(kind({}))


WRONG: Final[dict[str, tuple[Any, type[Exception], str]]] = {
    "one": (ACME.config(), TypeError, "configs: give a list of ClerkConfig, or a mapping"),
    "text": ("acme", TypeError, "configs: give a list of ClerkConfig, or a mapping"),
    "bytes": (b"acme", TypeError, "configs: give a list of ClerkConfig, or a mapping"),
    "list of texts": (["acme"], TypeError, "configs: give ClerkConfig objects, not str"),
    "list with None": ([ACME.config(), None], TypeError, "configs: give ClerkConfig objects, not NoneType"),
    "name of a text": ({"acme": SECRET}, TypeError, "give a ClerkConfig or its fields for 'acme', not str"),
    "other name": ({"globex": ACME.config()}, ConfigurationError, "name: the tenant 'globex' .* says 'acme'"),
    "same name": ([ACME.config(), ACME.config()], ConfigurationError, "name: two tenants are called 'acme'"),
    "same issuer": (
        [ACME.config(), ACME.config(name="twin")],
        ConfigurationError,
        f"issuer: the tenants 'acme' and 'twin' both have {ACME.issuer}",
    ),
    "fault": ({"acme": {"secret_key": f"{SECRET}!"}}, ConfigurationError, r"^secret_key: .* \(tenant 'acme'\)$"),
    "nothing": ({"acme": {}}, ConfigurationError, r"^publishable_key: .* \(tenant 'acme'\)$"),
    "name of no text": ({5: {"jwks_url": "https://a.example"}}, ConfigurationError, "^name: "),
    "unknown field": ({"acme": {"publishable": "x"}}, TypeError, "publishable"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_objects(kind: Any, wrong: str) -> None:
    """What cannot be tenants is refused by name, and no secret is shown."""
    settings, error, message = WRONG[wrong]
    with pytest.raises(error, match=message) as refused:
        kind(settings)

    assert "never4to3" not in str(refused.value)
