"""The settings of many tenants: from objects, a TOML file or the environment, with every fault told at once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import attrs

from clerk_ext.config import ClerkConfig
from clerk_ext.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from typing import TypeAlias

    Settings: TypeAlias = Iterable[ClerkConfig] | Mapping[str, ClerkConfig | Mapping[str, Any]]

_DEFAULT: Final = "default"
# The fields that tell where keys come from.
_SOURCES: Final = frozenset({"publishable_key", "secret_key", "frontend_api", "proxy_url", "jwks_url", "jwt_key"})
_SECRET, _SECRET_VARIABLE = "secret_key", "secret_key_env"
# What a file cannot hold: secrets, Python objects, and what stands elsewhere in it.
_NOT_IN_FILES: Final = frozenset({"name", _SECRET, "clock", "monotonic"})
_IN_FILES: Final = frozenset(
    {field.name for field in attrs.fields(ClerkConfig) if field.init} - _NOT_IN_FILES | {_SECRET_VARIABLE}
)
_NAME_IN_VARIABLES: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")


def checked(config: object) -> ClerkConfig:
    """*config*, if it is one.

    Raises:
        TypeError: It is not.
    """
    if not isinstance(config, ClerkConfig):
        raise TypeError(f"configs: give ClerkConfig objects, not {type(config).__name__}.")
    return config


def configs_of(settings: Settings) -> list[ClerkConfig]:
    """The settings of each tenant, from a list of them or from a mapping of names.

    Raises:
        ConfigurationError: A setting cannot work, or two names contradict each other.
        TypeError: There is something else among them.
    """
    if isinstance(settings, (str, bytes, ClerkConfig)):
        raise TypeError("configs: give a list of ClerkConfig, or a mapping of names to them.")
    if not isinstance(settings, Mapping):
        return [checked(config) for config in settings]
    return [_named(name, given) for name, given in cast("Mapping[str, object]", settings).items()]


def _named(name: str, given: object) -> ClerkConfig:
    if isinstance(given, ClerkConfig):
        if given.name not in (name, _DEFAULT):
            raise ConfigurationError("name", f"the tenant {name!r} has a ClerkConfig that says {given.name!r}.")
        return given if given.name == name else attrs.evolve(given, name=name)
    if not isinstance(given, Mapping):
        raise TypeError(f"configs: give a ClerkConfig or its fields for {name!r}, not {type(given).__name__}.")
    fields: dict[str, Any] = {"name": name, **cast("Mapping[str, Any]", given)}
    if fields["name"] != name:
        raise ConfigurationError("name", f"the tenant {name!r} has fields that say {fields['name']!r}.")
    try:
        return ClerkConfig(**fields)
    except ConfigurationError as fault:
        raise ConfigurationError(fault.field, f"{fault.message} (tenant {name!r})") from None


class _Faults:
    """What is wrong with a file or an environment, place by place."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, place: str, message: str) -> None:
        line = f"{place}: {message}"
        if line not in self._lines:  # a fault of the defaults is one, however many tenants it is of
            self._lines.append(line)

    def raise_any(self, source: str) -> None:
        if self._lines:
            raise ConfigurationError(source, "\n  ".join([f"{len(self._lines)} faults:", *self._lines]))


def _made(
    fields: dict[str, Any],
    faults: _Faults,
    place: Mapping[str, str],
    otherwise: str,
    left_out: Collection[str] = (),
) -> ClerkConfig | None:
    """The settings of one tenant; all that is wrong with them goes to *faults*.

    Args:
        fields: The fields of its `ClerkConfig`.
        faults: Where to tell of faults.
        place: What stands for each field where it was written.
        otherwise: What stands for any other.
        left_out: Fields that were written, but are at fault already.
    """
    met = set(left_out)
    while True:
        try:
            config = ClerkConfig(**fields)
        except ConfigurationError as fault:
            field = fault.field
            # What is missing once a faulty field was left out is no fault of its own.
            if field in met or (field not in fields and not met.isdisjoint(_SOURCES)):
                return None
            faults.add(place.get(field, f"{otherwise}{field}"), fault.message)
            met.add(field)
            if fields.pop(field, None) is None:
                return None
        else:
            return None if met else config


def _distinct(configs: Iterable[tuple[str, ClerkConfig]], faults: _Faults) -> None:
    """Tell of issuers that two tenants have."""
    taken: dict[str, str] = {}
    for place, config in configs:
        for issuer in sorted(config.issuers or ()):
            if issuer in taken:
                faults.add(place, f"has the same issuer as {taken[issuer]}, {issuer}.")
            taken.setdefault(issuer, place)


def configs_of_toml(path: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> list[ClerkConfig]:
    """See `Tenants.from_toml`."""
    import tomllib

    source = os.fspath(path)
    try:
        text = Path(path).read_text("utf-8")
    except OSError as failure:
        raise ConfigurationError(source, f"cannot be read: {failure.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(source, "is not encoded in UTF-8.") from None
    except ValueError as fault:  # a name that no file can have
        raise ConfigurationError(repr(source), f"cannot be read: {fault}.") from None
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ConfigurationError(source, "is not TOML: it is nested too deeply.") from None
    except ValueError as fault:  # a number of thousands of digits is one, too
        raise ConfigurationError(source, f"is not TOML: {fault}.") from None
    faults = _Faults()
    for key in sorted(document.keys() - {"defaults", "tenants"}):
        faults.add(key, "is not known; write [defaults] and [tenants.NAME].")
    defaults = _table(document.get("defaults", {}), "defaults", faults)
    tenants = document.get("tenants")
    if not isinstance(tenants, dict) or not tenants:
        faults.add("tenants", "there are none; write a table [tenants.NAME] for each.")
        tenants = {}
    variables = os.environ if environ is None else environ
    made: list[tuple[str, ClerkConfig]] = []
    for name, table in cast("dict[str, object]", tenants).items():
        place = f"[tenants.{name}]"
        own = _table(table, f"tenants.{name}", faults)
        fields = {"name": name, **defaults, **own}
        variable = fields.pop(_SECRET_VARIABLE, None)
        left_out: list[str] = []
        if variable is not None:
            secret = variables.get(variable, "").strip() if isinstance(variable, str) else ""
            if secret:
                fields[_SECRET] = secret
            else:
                faults.add(f"{place} {_SECRET_VARIABLE}", _no_variable(variable))
                left_out.append(_SECRET)
        places = {field: f"[defaults] {field}" for field in defaults.keys() - own.keys()}
        places |= {_SECRET: f"{place} {_SECRET_VARIABLE}", "name": place}
        config = _made(fields, faults, places, f"{place} ", left_out)
        if config is not None:
            made.append((place, config))
    _distinct(made, faults)
    faults.raise_any(source)
    return [config for _, config in made]


def _table(table: object, name: str, faults: _Faults) -> dict[str, Any]:
    """The known fields of a table."""
    if not isinstance(table, dict):
        faults.add(name, f"is no table; write [{name}] and its settings below.")
        return {}
    fields = cast("dict[str, Any]", table)
    for key in sorted(fields.keys() - _IN_FILES):
        if key == _SECRET:
            faults.add(f"[{name}] {key}", f"no secret belongs into a file; name its variable in {_SECRET_VARIABLE}.")
        else:
            faults.add(f"[{name}] {key}", f"is not known; known are {', '.join(sorted(_IN_FILES))}.")
    return {key: value for key, value in fields.items() if key in _IN_FILES}


def _no_variable(variable: object) -> str:
    if not isinstance(variable, str) or not variable.isidentifier():
        return "write the name of an environment variable."
    if variable.startswith(("sk_", "test_", "live_")):
        return "this looks like the secret key itself; write the name of the environment variable that holds it."
    return f"the environment variable {variable} is not set, or empty."


def configs_of_environ(environ: Mapping[str, str] | None = None) -> list[ClerkConfig]:
    """See `Tenants.from_env`."""
    from clerk_ext.config_checks import VARIABLES, settings_of

    variables = os.environ if environ is None else environ
    names = [name.strip() for name in variables.get("CLERK_TENANTS", "").split(",") if name.strip()]
    faults = _Faults()
    if not names:
        faults.add("CLERK_TENANTS", "is not set; write the names of the tenants, such as 'acme,globex'.")
    prefixes: dict[str, str] = {}
    for name in names:
        prefix = f"CLERK_{name.upper().replace('-', '_')}_"
        if not _NAME_IN_VARIABLES.match(name):
            faults.add("CLERK_TENANTS", f"{name!r} has characters that no variable can have; write letters and digits.")
        elif prefix in prefixes:
            faults.add("CLERK_TENANTS", f"{name!r} and {prefixes[prefix]!r} are read from the same variables.")
        else:
            prefixes[prefix] = name
    made: list[tuple[str, ClerkConfig]] = []
    for prefix, name in prefixes.items():
        own = {f"CLERK_{key.removeprefix(prefix)}": variables[key] for key in variables if key.startswith(prefix)}
        place = {field: variable.replace("CLERK_", prefix, 1) for field, variable in VARIABLES.items()}
        fields: dict[str, Any] | None = None
        left_out: list[str] = []
        while fields is None:
            try:
                fields = {field: value for field, value in settings_of(own).items() if value is not None}
            except ConfigurationError as fault:  # its field is the variable
                faults.add(fault.field.replace("CLERK_", prefix, 1), fault.message)
                del own[fault.field]
                left_out.append(fault.field.removeprefix("CLERK_").lower())
        config = _made({"name": name, **fields}, faults, place, f"tenant {name!r}, ", left_out)
        if config is not None:
            made.append((f"tenant {name!r}", config))
    _distinct(made, faults)
    faults.raise_any("the environment")
    return [config for _, config in made]
