"""From the setting ``CLERK`` to the clients that it describes, and what is said to a slip."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from clerk_ext.clerk import AsyncClerk, Clerk
from clerk_ext.config import ClerkConfig
from clerk_ext.errors import ConfigurationError
from clerk_ext.tenants import AsyncTenants, Tenants

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    Clients: TypeAlias = "tuple[Clerk | Tenants, AsyncClerk | AsyncTenants | SettingError]"
    """Those of the two worlds, or why there is none for async code."""

NAME: Final = "CLERK"
FIELDS: Final = {field.name.upper(): field.name for field in attrs.fields(ClerkConfig) if field.init}
"""The keys that are fields of `ClerkConfig`, and their names there."""
OF_CLIENTS: Final = ("TENANTS", "RESOLVER", "REVOCATIONS")


class SettingError(ImproperlyConfigured):
    """The setting ``CLERK`` cannot work.

    Attributes:
        message: What cannot work.
        key: Which part of it, such as ``"PUBLISHABLE_KEY"``; empty where it is the whole.
        hint: What to write instead; empty where the message says it.
        is_unknown: Whether there is no such key.
    """

    def __init__(self, key: str, message: str, hint: str = "", *, is_unknown: bool = False) -> None:
        where = f"{NAME}[{key!r}]" if key else NAME
        super().__init__(f"{where}: {message} {hint}".rstrip())
        self.message: str = f"{where}: {message}"
        self.key: str = key
        self.hint: str = hint
        self.is_unknown: bool = is_unknown


def clients_of(values: Mapping[str, Any]) -> Clients:
    """The clients that the setting gives, or describes.

    Raises:
        SettingError: It cannot work.
    """
    return _given(values) if "CLIENT" in values or "ASYNC_CLIENT" in values else _made(values)


def check_keys(values: Iterable[object], known: Iterable[str], within: str = "") -> None:
    """Refuse a key that is none, and say which are near.

    Raises:
        SettingError: There is one.
    """
    known = tuple(known)
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(str(key).upper(), known, n=3, cutoff=0.6)
            hint = f"Did you mean {' or '.join(map(repr, near))}?" if near else f"Known are {', '.join(sorted(known))}."
            raise SettingError(within, f"there is no key {key!r}.", hint, is_unknown=True)


def _found(key: str, value: object) -> Any:
    """An object that may be given by its dotted path."""
    if not isinstance(value, str):
        return value
    try:
        return import_string(value)
    except ImportError as fault:
        raise SettingError(key, f"{value!r} cannot be imported: {fault}.") from fault


def function_of(key: str, values: Mapping[str, Any]) -> Any:
    """A function that may be given by its dotted path, or None.

    Raises:
        SettingError: It is no function, or cannot be imported.
    """
    value = _found(key, values.get(key))
    if value is not None and not callable(value):
        raise SettingError(key, f"write a function or its dotted path, not {type(value).__name__}.")
    return value


def _given(values: Mapping[str, Any]) -> Clients:
    """The clients of ``CLIENT`` and ``ASYNC_CLIENT``."""
    if "CLIENT" not in values:
        raise SettingError("ASYNC_CLIENT", "needs CLIENT beside it: sync code has to ask somebody, too.")
    idle = [key for key in values if key in FIELDS or key in OF_CLIENTS]
    if idle:
        raise SettingError(idle[0], "says nothing beside CLIENT.", "Give it to the client, or leave CLIENT out.")
    client = _found("CLIENT", values["CLIENT"])
    if not isinstance(client, (Clerk, Tenants)):
        raise SettingError("CLIENT", f"give a Clerk or Tenants, not {type(client).__name__}.")
    other = _found("ASYNC_CLIENT", values.get("ASYNC_CLIENT"))
    if other is not None and not isinstance(other, (AsyncClerk, AsyncTenants)):
        raise SettingError("ASYNC_CLIENT", f"give an AsyncClerk or AsyncTenants, not {type(other).__name__}.")
    return client, _async_of(client) if other is None else other


def _async_of(client: Clerk | Tenants) -> AsyncClerk | SettingError:
    if isinstance(client, Tenants):
        return SettingError("ASYNC_CLIENT", "async code needs an AsyncTenants of the same settings here.")
    try:
        return client.as_async()
    except ValueError:
        return SettingError(
            "ASYNC_CLIENT",
            "the transport of CLIENT is not for async code.",
            "Give client.as_async(transport=…).",
        )


def _made(values: Mapping[str, Any]) -> Clients:
    """The clients of the fields, of ``TENANTS``, or of the environment."""
    fields = {key: values[key] for key in FIELDS if key in values}
    revocations = _found("REVOCATIONS", values.get("REVOCATIONS"))
    if revocations is not None and (isinstance(revocations, type) or not hasattr(revocations, "is_revoked")):
        raise SettingError("REVOCATIONS", "give an object with is_revoked(claims), such as a Revocations().")
    if "TENANTS" in values:
        if fields:
            raise SettingError(next(iter(fields)), "says nothing beside TENANTS.", "Write it into each of them.")
        resolver = function_of("RESOLVER", values)
        configs = _configs(values["TENANTS"])
        try:
            return (
                Tenants(configs, resolver=resolver, revocations=revocations),
                AsyncTenants(configs, resolver=resolver, revocations=revocations),
            )
        except ConfigurationError as fault:
            raise SettingError("TENANTS", str(fault)) from None
    if "RESOLVER" in values:
        raise SettingError("RESOLVER", "needs TENANTS to choose from.")
    if fields:
        config = _config(fields)
    else:
        try:
            config = ClerkConfig.from_env()
        except ConfigurationError as fault:
            raise SettingError("", f"has no fields, and the environment cannot work: {fault}") from None
    client = Clerk(config, revocations=revocations)
    return client, _async_of(client)


def _configs(written: object) -> list[ClerkConfig]:
    if not isinstance(written, Mapping):
        raise SettingError("TENANTS", f"write a dict of names to dicts, not {type(written).__name__}.")
    if not written:
        raise SettingError("TENANTS", "is empty, so that nobody could sign in.", "For loaders, give CLIENT a Tenants.")
    configs: list[ClerkConfig] = []
    for name, fields in cast("Mapping[str, Any]", written).items():
        if isinstance(fields, ClerkConfig):
            configs.append(fields if fields.name == name else attrs.evolve(fields, name=name))
            continue
        if not isinstance(fields, Mapping):
            raise SettingError("TENANTS", f"{name!r}: write a dict of fields, not {type(fields).__name__}.")
        own = cast("Mapping[str, Any]", fields)
        check_keys(own, (key for key in FIELDS if key != "NAME"), "TENANTS")
        configs.append(_config({**own, "NAME": name}, f"{name!r}: "))
    return configs


def _config(fields: Mapping[str, Any], whose: str = "") -> ClerkConfig:
    try:
        return ClerkConfig(**{FIELDS[key]: value for key, value in fields.items()})
    except ConfigurationError as fault:
        key = fault.field.upper()
        if whose:
            raise SettingError("TENANTS", f"{whose}{key}: {fault.message}") from None
        raise SettingError(key, fault.message) from None
