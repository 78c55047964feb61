"""Tenants from a TOML file: good ones, and every fault of a bad one told at once."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext import AsyncTenants, ClerkConfig, ConfigurationError, Tenants
from clerk_ext.tenancy.settings import configs_of_toml
from clerk_ext.testing import FakeClerk, FakeTransport

from .routes import token_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ACME: Final = FakeClerk("acme")
GLOBEX: Final = FakeClerk("globex", environment="production")
SECRET: Final = "sk_test_never4to3be2seen1"
ORIGIN: Final = "https://app.example.com"


@pytest.fixture(params=[Tenants, AsyncTenants])
def kind(request: pytest.FixtureRequest) -> Any:
    """The class of each world."""
    return request.param


def config_of(tenants: Any, name: str) -> ClerkConfig:
    """The settings of a tenant."""
    config: object = tenants[name].config
    assert isinstance(config, ClerkConfig)
    return config


def refusal(path: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines of the error that a file's text is refused with, the first without the path."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError) as refused:
        configs_of_toml(path, {} if environ is None else environ)
    error = refused.value

    assert str(path) == error.field
    assert f"{path}: {error.message}" == str(error)
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    return error.message.split("\n  ")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "tenants.toml"


GOOD: Final = f"""
[defaults]
clock_skew = 10
authorized_parties = ["{ORIGIN}"]
token_cache_size = 100

[tenants.acme]
publishable_key = "{ACME.publishable_key}"
secret_key_env = "ACME_SECRET_KEY"
clock_skew = 2.5
audience = ["api", "web"]

[tenants."globex of old"]
frontend_api = "clerk.globex.com"
issuer = "https://clerk.globex.com"
accept_pending = true
"""


def test_good_file(kind: Any, file: Path) -> None:
    """Each table is a tenant in its order; what it does not say the defaults do."""
    file.write_text(GOOD, "utf-8")
    tenants = kind.from_toml(file, {"ACME_SECRET_KEY": f" {SECRET}\n", "CLERK_SECRET_KEY": "sk_test_other"})
    shared: dict[str, Any] = {"authorized_parties": [ORIGIN], "token_cache_size": 100}
    acme = ClerkConfig(
        name="acme",
        publishable_key=ACME.publishable_key,
        secret_key=SECRET,
        clock_skew=2.5,
        audience=["api", "web"],
        **shared,
    )
    globex = ClerkConfig(
        name="globex of old",
        frontend_api="clerk.globex.com",
        issuer="https://clerk.globex.com",
        accept_pending=True,
        clock_skew=10,
        **shared,
    )

    assert type(tenants) is kind
    assert ["acme", "globex of old"] == list(tenants)
    assert [acme, globex] == [config_of(tenants, name) for name in tenants]


def test_paths_and_environment(kind: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path may be a str; secrets are read from the process's environment unless another is given."""
    file.write_text(GOOD, "utf-8")
    monkeypatch.setenv("ACME_SECRET_KEY", SECRET)

    assert SECRET == config_of(kind.from_toml(str(file)), "acme").secret_key
    with pytest.raises(ConfigurationError, match="ACME_SECRET_KEY is not set"):
        kind.from_toml(str(file), {})


def test_secret_variable_of_all(kind: Any, file: Path) -> None:
    """One variable may hold the secret of all tenants."""
    tables = "".join(f'[tenants.{fake.slug}]\nfrontend_api = "{fake.frontend_api}"\n' for fake in (ACME, GLOBEX))
    file.write_text(f'[defaults]\nsecret_key_env = "SHARED"\n{tables}', "utf-8")
    tenants = kind.from_toml(file, {"SHARED": SECRET})

    assert [SECRET] * 2 == [config_of(tenants, name).secret_key for name in tenants]


def test_options(file: Path, fakes: dict[str, FakeClerk], transport: FakeTransport) -> None:
    """The keyword arguments of the class are taken, too."""
    keys = {slug: f'[tenants.{slug}]\npublishable_key = "{fake.publishable_key}"\n' for slug, fake in fakes.items()}
    file.write_text("".join(keys.values()), "utf-8")
    environ = {"CLERK_TENANTS": "acme", "CLERK_ACME_PUBLISHABLE_KEY": fakes["acme"].publishable_key}
    skew = {"iat": 1, "exp": 253_402_300_799}  # the file cannot set a clock, and the token is one of all times
    for tenants in (Tenants.from_toml(file, transport=transport), Tenants.from_env(environ, transport=transport)):
        with tenants:
            assert "acme" == tenants.verify_token(token_of(fakes["acme"], nbf=1, **skew)).tenant
    with pytest.raises(TypeError, match="resolver"):
        Tenants.from_toml(file, resolver=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nothing'"):
        Tenants.from_env(environ, nothing=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_all_faults_at_once(file: Path) -> None:
    """Every fault is told in one error, with its table and key, in the order of the file, and no secret with it."""
    told = refusal(
        file,
        f"""
        colour = "red"
        [default]
        [defaults]
        clock_skew = 400
        secret_key = "{SECRET}"
        [tenants.acme]
        publishable_key = "{SECRET}"
        timeout = "5"
        token_cache_size = -1
        secret_key_env = "UNSET"
        [tenants.globex]
        publishable_key = "{GLOBEX.publishable_key}"
        secret_key_env = "GLOBEX_SECRET"
        clock_skew = 1
        name = "other"
        publishabel_key = "pk_test_x"
        [tenants.initech]
        clock_skew = 1
        [tenants."a\\tb"]
        frontend_api = "clerk.a.example"
        clock_skew = 1
        """,
        {"GLOBEX_SECRET": SECRET},
    )
    heads = [line.partition(":")[0] for line in told]
    expected = [
        "colour",
        "default",
        "[defaults] secret_key",
        "[tenants.acme] secret_key_env",
        "[defaults] clock_skew",
        "[tenants.acme] timeout",
        "[tenants.acme] token_cache_size",
        "[tenants.acme] publishable_key",
        "[tenants.globex] name",
        "[tenants.globex] publishabel_key",
        "[tenants.globex] secret_key_env",
        "[tenants.initech] publishable_key",
        "[tenants.a\tb]",
    ]

    assert f"{len(expected)} faults" == heads[0]
    assert sorted(expected) == sorted(heads[1:])
    assert "never4to3" not in "".join(told)


FAULTS: Final[dict[str, tuple[str, str, str]]] = {
    "unknown key": ('clock_skwe = 1', "[tenants.acme] clock_skwe", "is not known; known are .*clock_skew"),
    "secret": (f'secret_key = "{SECRET}"', "[tenants.acme] secret_key", "no secret belongs into a file"),
    "name": ('name = "acme"', "[tenants.acme] name", "is not known"),
    "clock": ('clock = "now"', "[tenants.acme] clock", "is not known"),
    "derived": ("issuers = []", "[tenants.acme] issuers", "is not known"),
    "unset": ('secret_key_env = "NOWHERE"', "[tenants.acme] secret_key_env", "variable NOWHERE is not set, or empty"),
    "empty": ('secret_key_env = "EMPTY"', "[tenants.acme] secret_key_env", "variable EMPTY is not set, or empty"),
    "blank": ('secret_key_env = "BLANK"', "[tenants.acme] secret_key_env", "variable BLANK is not set, or empty"),
    "no name": ('secret_key_env = ""', "[tenants.acme] secret_key_env", "write the name of an environment variable"),
    "secret in place of a variable": (
        f'secret_key_env = "{SECRET}!"', "[tenants.acme] secret_key_env", "write the name of an environment variable"
    ),
    "variable is a number": ("secret_key_env = 5", "[tenants.acme] secret_key_env", "write the name of an environment"),
    "variable is a table": ("secret_key_env = {}", "[tenants.acme] secret_key_env", "write the name of an environment"),
    "bad secret": ('secret_key_env = "BAD"', "[tenants.acme] secret_key_env", "begins with sk_test_ or sk_live_"),
    "other environment": ('secret_key_env = "LIVE"', "[tenants.acme] secret_key_env", "of another environment"),
    "number is text": ('clock_skew = "5"', "[tenants.acme] clock_skew", "write a number of seconds"),
    "number is a flag": ("clock_skew = true", "[tenants.acme] clock_skew", "write a number of seconds"),
    "not a number": ("clock_skew = nan", "[tenants.acme] clock_skew", "write a number of seconds"),
    "date": ("max_age = 2026-01-01", "[tenants.acme] max_age", "write a number of seconds"),
    "flag is a number": ("accept_pending = 1", "[tenants.acme] accept_pending", "write True or False"),
    "list is text": (f'authorized_parties = "{ORIGIN}"', "[tenants.acme] authorized_parties", "write a list"),
    "list of numbers": ("audience = [1]", "[tenants.acme] audience", "is no string"),
    "no list": ("audience = 5", "[tenants.acme] audience", "write a list"),
    "table": ("audience = {a = 1}", "[tenants.acme] audience", "write a list"),
    "key": ('jwt_key = "-----BEGIN"', "[tenants.acme] jwt_key", "."),
    "key is a number": ("jwt_key = 5", "[tenants.acme] jwt_key", "PEM"),
    "http": ('api_url = "http://api.clerk.com"', "[tenants.acme] api_url", "write https"),
    "date of the API": ("api_version = 2026-05-12", "[tenants.acme] api_version", "write a date"),
}  # fmt: skip
ENVIRON: Final = {"EMPTY": "", "BLANK": " \n", "BAD": f"{SECRET}!", "LIVE": SECRET.replace("test", "live")}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("where", ["tenants.acme", "defaults"])
def test_fault(file: Path, fault: str, where: str) -> None:
    """A fault is told with its table and key and what to write, and never with a secret; the other tenant is fine."""
    line, place, message = FAULTS[fault]
    lines = {"tenants.acme": "", "defaults": ""} | {where: line}
    text = f"""
    [defaults]
    {lines["defaults"]}
    [tenants.acme]
    publishable_key = "{ACME.publishable_key}"
    {lines["tenants.acme"]}
    """
    told = refusal(file, text, ENVIRON)
    place = f"[{told[1].partition(']')[0][1:]}]{place.partition(']')[2]}"

    assert 2 == len(told)
    assert "1 faults:" == told[0]
    assert told[1].startswith(f"{place}: ")
    assert re.search(message, told[1])
    assert "never4to3" not in told[1]


DOCUMENTS: Final[dict[str, tuple[str | bytes, list[str]]]] = {
    "empty": ("", ["1 faults:", "tenants: there are none; write a table [tenants.NAME] for each."]),
    "tenants is a number": ("tenants = 5", ["1 faults:", "tenants: there are none"]),
    "tenants is empty": ("[tenants]", ["1 faults:", "tenants: there are none"]),
    "list of tenants": ("[[tenants]]\nname = 'acme'", ["1 faults:", "tenants: there are none"]),
    "tenant is a number": ("[tenants]\nacme = 5", ["2 faults:", "tenants.acme: is no table; write [tenants.acme]"]),
    "defaults is a number": (
        f'defaults = 5\n[tenants.acme]\nfrontend_api = "{ACME.frontend_api}"',
        ["1 faults:", "defaults: is no table; write [defaults]"],
    ),
    "empty name": ('[tenants.""]\nfrontend_api = "clerk.a.example"', ["1 faults:", "[tenants.]: write a non-empty"]),
    "nothing known": ("[tenants.acme]", ["1 faults:", "[tenants.acme] publishable_key: nothing tells where to get"]),
    "twice": ("[tenants.a]\n[tenants.a]", ["is not TOML: "]),
    "no TOML": ("tenants: acme", ["is not TOML: "]),
    "JSON": ('{"tenants": {}}', ["is not TOML: "]),
    "unfinished": ('[tenants.acme]\npublishable_key = "pk_test_', ["is not TOML: "]),
    "Latin-1": ("# café".encode("latin-1"), ["is not encoded in UTF-8."]),
    "UTF-16": ("# a".encode("utf-16"), ["is not encoded in UTF-8."]),
    "binary": (bytes(range(256)), ["is not encoded in UTF-8."]),
    "null": ("a = '\0'", ["is not TOML: "]),
    "deep": (f"a = {'[' * 100_000}", ["is not TOML: "]),
    "deep tables": (f"a = {'{b = ' * 100_000}", ["is not TOML: "]),
    "long number": (f"a = {'1' * 5_000}", ["is not TOML: "]),
    "no such day": ("a = 2026-02-30", ["is not TOML: "]),
}  # fmt: skip


@pytest.mark.parametrize("document", DOCUMENTS)
def test_document(file: Path, document: str) -> None:
    """A file that is no document of tenants is refused as a whole, by its path."""
    text, expected = DOCUMENTS[document]
    told = refusal(file, text)

    assert expected[0] == told[0] or (expected[0].endswith(": ") and told[0].startswith(expected[0]))
    assert [] == [line for line in expected[1:] if not any(one.startswith(line) for one in told)]


def test_not_toml_shows_no_secret(file: Path) -> None:
    """What is wrong with the syntax is told by its place alone."""
    lines = [
        f"secret_key = {SECRET}",
        f'a = "{SECRET}',
        f"{SECRET} = ",
        f'"{SECRET}" = 1\n"{SECRET}" = 2',
        f"[{SECRET}",
    ]

    assert [] == [line for line in lines if "never4to3" in "".join(refusal(file, line))]


def test_cannot_be_read(kind: Any, tmp_path: Path) -> None:
    """A file that is not there, or no file, is a fault of the settings like any other."""
    for path, why in ((tmp_path / "none.toml", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError, match=why) as refused:
            kind.from_toml(path, {})
        assert str(path) == refused.value.field


def test_same_issuer(file: Path) -> None:
    """Two tenants with one issuer are told by both names, whichever setting says it, beside the other faults."""
    told = refusal(
        file,
        f"""
        [tenants.acme]
        publishable_key = "{ACME.publishable_key}"
        [tenants.twin]
        frontend_api = "{ACME.frontend_api.upper()}"
        [tenants.third]
        jwks_url = "https://a.example/jwks"
        issuer = ["https://a.example", "{ACME.issuer}"]
        [tenants.bad]
        clock_skew = 400
        frontend_api = "{ACME.frontend_api}"
        """,
    )

    assert [
        "3 faults:",
        "[tenants.bad] clock_skew: write a number of seconds from 0 to 300.",
        f"[tenants.twin]: has the same issuer as [tenants.acme], {ACME.issuer}.",
        f"[tenants.third]: has the same issuer as [tenants.acme], {ACME.issuer}.",
    ] == told


def test_fault_of_defaults(file: Path) -> None:
    """What is wrong with the defaults is told once, with their table, however many tenants there are."""
    tables = "".join(f'[tenants.t{number}]\nfrontend_api = "clerk.t{number}.example"\n' for number in range(3))
    told = refusal(file, f"[defaults]\nclock_skew = 400\n{tables}")

    assert ["1 faults:", "[defaults] clock_skew: write a number of seconds from 0 to 300."] == told


def test_nothing_hides_behind_another_fault(file: Path) -> None:
    """That nothing names the keys is told beside a fault of another setting."""
    told = refusal(file, "[tenants.acme]\nclock_skew = 400")

    assert ["2 faults", "[tenants.acme] clock_skew", "[tenants.acme] publishable_key"] == [
        line.partition(":")[0] for line in told
    ]


def test_secret_in_place_of_its_variable(file: Path) -> None:
    """A secret key that stands where its variable's name belongs is not shown, though it could be a name."""
    table = f'[tenants.acme]\npublishable_key = "{ACME.publishable_key}"\nsecret_key_env = "{SECRET}"'
    told = refusal(file, table)

    assert 2 == len(told)
    assert told[1].startswith("[tenants.acme] secret_key_env: ")
    assert "never4to3" not in told[1]


FIELDS: Final = [
    "publishable_key", "secret_key_env", "frontend_api", "proxy_url", "issuer", "jwks_url", "jwt_key",
    "authorized_parties", "audience", "clock_skew", "accept_pending", "max_age", "api_url", "api_version", "timeout",
    "token_cache_size", "jwks_fresh", "jwks_stale", "jwks_expire", "jwks_pause", "jwks_max_pause", "allow_http", "name",
    "secret_key", "clock",
]  # fmt: skip
# No secret for a key: what is no value is shown.
words = st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: SECRET not in text) | st.sampled_from(
    [ACME.publishable_key, "A", "NONE", "clerk.a.example", "https://clerk.a.example", ORIGIN, "http://a"]
)
scalars = st.one_of(words, st.just(SECRET), st.booleans(), st.integers(), st.floats(), st.dates())
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(words, inner), max_leaves=4)
tables = st.dictionaries(st.sampled_from(FIELDS) | words, values, max_size=5)
documents = st.dictionaries(
    st.sampled_from(["defaults", "tenants"]) | words,
    tables | st.dictionaries(st.sampled_from(["acme", "globex"]) | words, tables | values, max_size=3) | values,
    max_size=3,
)


def written(value: object) -> str:
    """A value as TOML has it, tables inline."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(written, cast('list[object]', value)))}]"
        case dict():
            members = cast("dict[str, object]", value).items()
            return f"{{{', '.join(f'{written(name)} = {written(member)}' for name, member in members)}}}"
        case _:
            return str(value)


def gives_settings_or_faults(path: Path, content: bytes) -> None:
    """Nothing else comes of a file, and no secret is told."""
    path.write_bytes(content)
    try:
        configs = configs_of_toml(path, {"A": SECRET})
    except ConfigurationError as fault:
        error = fault
    else:
        assert configs
        return

    assert str(path) == error.field
    assert SECRET not in error.message


@given(documents)
def test_any_document(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    """Whatever a TOML document says, it gives settings or ConfigurationError."""
    lines = "".join(f"{written(key)} = {written(value)}\n" for key, value in document.items())
    tomllib.loads(lines)
    gives_settings_or_faults(tmp_path_factory.getbasetemp() / "any.toml", lines.encode())


texts = st.text() | st.sampled_from(
    ["[tenants.a]\n", "[defaults]\n", "frontend_api = ", '"clerk.a.example"\n', "secret_key_env = 'A'\n", "x = {", "["]
)


@given(st.one_of(st.binary(), st.lists(texts).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever is in the file, it gives settings or ConfigurationError."""
    gives_settings_or_faults(tmp_path_factory.getbasetemp() / "any.toml", content)
