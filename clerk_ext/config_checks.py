"""What makes a `ClerkConfig` right: each setting is checked, and what follows from the settings is derived."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, cast
from urllib.parse import SplitResult, urlsplit

from clerk_ext.errors import ConfigurationError

if TYPE_CHECKING:
    from clerk_ext.config import ClerkConfig
    from clerk_ext.tokens.keys import VerificationKey

LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
"""A label of a DNS name, in lower case."""
_HOST = re.compile(rf"{LABEL}(\.{LABEL})*\Z", re.IGNORECASE)
_LOOPBACK = re.compile(r"(localhost|127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}|::1)\Z", re.IGNORECASE)
_SECRET_KEY = re.compile(r"((sk_)?(test|live)_)[A-Za-z0-9_-]+\Z")
# As browsers serialise an origin (RFC 6454 6.2), extensions and mobile web views included.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9._-]+(:\d{1,5})?\Z|[a-z]+://\[[0-9a-f:.]+\](:\d{1,5})?\Z")
_NOT_PRINTED = re.compile(r"[^\x21-\x7e]")


def _fault(field: str, message: str) -> NoReturn:
    raise ConfigurationError(field, message) from None


_EXAMPLES = {
    "api_url": "https://api.clerk.com/v1",
    "jwks_url": "https://clerk.example.com/.well-known/jwks.json",
    "proxy_url": "https://app.example.com/__clerk",
}
VARIABLES = {
    "publishable_key": "CLERK_PUBLISHABLE_KEY",
    "secret_key": "CLERK_SECRET_KEY",
    "jwt_key": "CLERK_JWT_KEY",
    "proxy_url": "CLERK_PROXY_URL",
    "authorized_parties": "CLERK_AUTHORIZED_PARTIES",
    "api_url": "CLERK_API_URL",
    "api_version": "CLERK_API_VERSION",
}
"""The environment variable of each setting that has one."""


def by_variable(fault: ConfigurationError) -> ConfigurationError:
    """The same fault, told to somebody who wrote environment variables."""
    variable = VARIABLES.get(fault.field)
    return fault if variable is None else ConfigurationError(fault.field, f"{fault.message} (variable {variable})")


def check_and_derive(config: ClerkConfig) -> None:
    """Check every setting of *config*, normalise collections and URLs, and fill the fields that are derived.

    Raises:
        ConfigurationError: A setting cannot work; the error names it and what to write.
    """
    derive = object.__setattr__  # the class is frozen for everybody else
    if not isinstance(config.name, str) or not config.name or not config.name.isprintable():
        _fault("name", "write a non-empty string without line breaks and other control characters.")
    _check_numbers(config)
    _check_cache_size(config.token_cache_size)
    for field in ("allow_missing_azp", "accept_pending", "allow_http"):
        if not isinstance(getattr(config, field), bool):
            _fault(field, "write True or False.")
    for field in ("clock", "monotonic"):
        if not callable(getattr(config, field)):
            _fault(field, "give a callable without arguments that returns seconds.")
    _check_keys(config.publishable_key, config.secret_key)
    for field in ("authorized_parties", "audience", "issuer"):
        derive(config, field, _strings(field, getattr(config, field), bare=field != "authorized_parties"))
    if not all(_ORIGIN.match(party) for party in config.authorized_parties or ()):
        _fault(
            "authorized_parties",
            "holds something that is no origin; write each as browsers do, in lower case and without a path or a "
            "final slash, such as 'https://app.example.com'.",
        )
    derive(config, "api_url", _url("api_url", config.api_url, config.allow_http).rstrip("/"))
    if not isinstance(config.api_version, str) or not _is_date(config.api_version):
        _fault("api_version", "write a date of Clerk's API versions, such as '2026-05-12'.")
    base, issuers = _frontend(config)
    if config.issuer is not None:
        issuers = tuple(_url("issuer", value, config.allow_http) for value in config.issuer)
        if any(value.endswith("/") for value in issuers):
            _fault("issuer", "ends with a slash, which Clerk's issuers never do; take it off.")
    derive(config, "issuers", tuple(dict.fromkeys(issuers)) or None)
    derive(config, "pem_key", None if config.jwt_key is None else _pem_key(config.jwt_key))
    if config.jwks_url is not None:
        _url("jwks_url", config.jwks_url, config.allow_http)
    derived_url = None if base is None else f"{base}/.well-known/jwks.json"
    derive(config, "keys_url", None if config.pem_key else config.jwks_url or derived_url)
    if not (config.pem_key or config.keys_url or config.secret_key):
        _fault(
            "publishable_key",
            "nothing tells where to get the keys that verify tokens. Give the publishable key (pk_test_… or "
            "pk_live_…) of Clerk's dashboard, or one of frontend_api, jwks_url, jwt_key, secret_key.",
        )


def settings_of(environ: Mapping[str, str]) -> dict[str, Any]:
    """The settings that the environment names; see `ClerkConfig.from_env`.

    Raises:
        ConfigurationError: A variable asks for what is not supported.
    """
    given = {name: value.strip() for name, value in environ.items() if name.startswith("CLERK_") and value.strip()}
    if "CLERK_DOMAIN" in given or given.get("CLERK_IS_SATELLITE", "false").lower() not in {"false", "0"}:
        _fault(
            "CLERK_DOMAIN" if "CLERK_DOMAIN" in given else "CLERK_IS_SATELLITE",
            "satellite domains are not read from the environment. Unset it and give ClerkConfig the satellite's "
            "frontend_api and issuer.",
        )
    proxy_url = given.get("CLERK_PROXY_URL")
    if proxy_url and proxy_url.startswith("/"):
        _fault("CLERK_PROXY_URL", "write the whole URL, such as 'https://app.example.com/__clerk'.")
    settings: dict[str, Any] = {
        "publishable_key": given.get("CLERK_PUBLISHABLE_KEY"),
        "secret_key": given.get("CLERK_SECRET_KEY"),
        "jwt_key": given.get("CLERK_JWT_KEY"),
        "proxy_url": proxy_url,
    }
    if "CLERK_AUTHORIZED_PARTIES" in given:
        parties = given["CLERK_AUTHORIZED_PARTIES"].split(",")
        settings["authorized_parties"] = [party.strip() for party in parties if party.strip()]
    if "CLERK_API_URL" in given:
        api_url = given["CLERK_API_URL"].rstrip("/")
        settings["api_url"] = f"{api_url}/v1" if api_url.partition("://")[2].count("/") == 0 else api_url
    if given.get("CLERK_API_VERSION", "v1") != "v1":
        settings["api_version"] = given["CLERK_API_VERSION"]
    return settings


def _check_numbers(config: ClerkConfig) -> None:
    ranges: dict[str, tuple[float, float]] = {
        "clock_skew": (0.0, 300.0),
        "timeout": (0.001, 300.0),
        "jwks_fresh": (0.0, 86_400.0),
        "jwks_stale": (config.jwks_fresh, 86_400.0),
        "jwks_expire": (config.jwks_stale or 1.0, 86_400.0),  # at 0 nothing could ever be verified
        "jwks_pause": (0.0, 3_600.0),
        "jwks_max_pause": (config.jwks_pause, 3_600.0),
    }
    if config.max_age is not None:
        ranges["max_age"] = (0.0, 1e10)
    for field, (least, most) in ranges.items():
        value = getattr(config, field)
        # type() because bool is an int to Python; no comparison holds for NaN.
        if type(value) not in (int, float) or not least <= value <= most:
            _fault(field, f"write a number of seconds from {least:g} to {most:g}.")


def _check_cache_size(size: object) -> None:
    if type(size) is not int or not 0 <= size <= 1_000_000:
        _fault("token_cache_size", "write a number of tokens from 0 (remember none) to 1000000.")


def _check_keys(publishable_key: object, secret_key: object) -> None:
    if publishable_key is not None and (
        not isinstance(publishable_key, str) or not publishable_key.startswith(("pk_test_", "pk_live_"))
    ):
        hint = " This looks like a secret key: it belongs in secret_key." if _is_secret(publishable_key) else ""
        _fault("publishable_key", f"write the key that begins with pk_test_ or pk_live_.{hint}")
    if secret_key is not None and not _is_secret(secret_key):
        is_publishable = isinstance(secret_key, str) and secret_key.startswith("pk_")
        hint = " This looks like a publishable key: it belongs in publishable_key." if is_publishable else ""
        _fault("secret_key", f"write the key that begins with sk_test_ or sk_live_, and nothing else.{hint}")
    if publishable_key is not None and secret_key is not None:
        kinds = {"test" if "test_" in cast("str", key)[:8] else "live" for key in (publishable_key, secret_key)}
        if len(kinds) == 2:
            _fault(
                "secret_key",
                "is of another environment (test, live) than the publishable key; give both of one.",
            )


def _is_secret(value: object) -> bool:
    return isinstance(value, str) and _SECRET_KEY.match(value) is not None


def _strings(field: str, value: object, *, bare: bool) -> tuple[str, ...] | None:
    """A collection of strings as a tuple; a single one where *bare* is allowed."""
    if value is None:
        return None
    if isinstance(value, str):
        if not bare:
            _fault(field, "is a single str; write a list of them, such as ['https://app.example.com'].")
        value = (value,)
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Collection):
        _fault(field, "write a list of strings.")
    values = tuple(cast("Collection[object]", value))
    if not values:
        _fault(field, "is empty, which would refuse every token; leave it out or name one.")
    if not all(isinstance(item, str) and item for item in values):
        _fault(field, "holds something that is no string, or an empty one.")
    return cast("tuple[str, ...]", values)


def _frontend(config: ClerkConfig) -> tuple[str | None, tuple[str, ...]]:
    """Base URL of the Frontend API, and the issuers that the settings name."""
    host = None if config.publishable_key is None else _host_of_publishable_key(config.publishable_key)
    base = None if host is None else f"https://{host}"
    if config.frontend_api is not None:
        given = config.frontend_api
        if not isinstance(given, str):
            _fault("frontend_api", "write a host, such as 'clerk.example.com'.")
        base = _url("frontend_api", given if "://" in given else f"https://{given}", config.allow_http).rstrip("/")
        if urlsplit(base).path:
            _fault("frontend_api", "write the host alone; a path belongs in proxy_url.")
        base = base.lower()  # as Clerk writes it in iss
    if config.proxy_url is None:
        return base, (() if base is None else (base,))
    proxy = _url("proxy_url", config.proxy_url, config.allow_http).rstrip("/")
    return proxy, ((proxy,) if base is None else (base, proxy))


def _host_of_publishable_key(key: str) -> str:
    """The Frontend API's host, which a publishable key holds as base64 of ``<host>$``."""
    encoded = key[len("pk_test_") :]
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        decoded = base64.b64decode(padded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        _fault("publishable_key", "does not decode; copy the whole key from Clerk's dashboard.")
    host = decoded[:-1]
    if not decoded.endswith("$") or "." not in host or not _is_dns_name(host):
        _fault(
            "publishable_key",
            "does not hold the name of a DNS host; copy the whole key from Clerk's dashboard.",
        )
    return host.lower()


def _url(field: str, value: object, allow_http: bool) -> str:
    """An absolute URL of a DNS host or of this machine, without userinfo, query and fragment."""
    example = f"such as {_EXAMPLES.get(field, 'https://clerk.example.com')!r}"
    if not isinstance(value, str) or _NOT_PRINTED.search(value):
        _fault(field, f"write an https URL in ASCII, {example}.")
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        _fault(field, f"is no URL; write one {example}.")
    if parts.scheme not in {"https", "http"} or not host:
        _fault(field, f"write an https URL, {example}.")
    if parts.username is not None or parts.password is not None:
        _fault(field, "holds a user name or password; take them out of the URL.")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        _fault(field, "holds a query or fragment; take it out of the URL.")
    _check_host(field, parts, host, allow_http)
    return value


def _check_host(field: str, parts: SplitResult, host: str, allow_http: bool) -> None:
    loopback = _LOOPBACK.match(host) is not None
    if not loopback and not _is_dns_name(host):
        _fault(field, "names no DNS host; write the host's name, not an address.")
    if parts.scheme == "http" and not (loopback or allow_http):
        _fault(field, "is an http URL; write https, or set allow_http if you trust the whole network in between.")


def _is_dns_name(host: str) -> bool:
    # Resolvers take a last label of digits for an address (RFC 1123 2.1).
    return len(host) <= 253 and _HOST.match(host) is not None and not host.rpartition(".")[2].isdigit()


def _pem_key(pem: object) -> VerificationKey:
    from clerk_ext.tokens.keys import UnusableKeys, key_from_pem  # loads cryptography, which can wait

    if not isinstance(pem, str):
        _fault("jwt_key", "write the PEM text of the instance's public key.")
    try:
        return key_from_pem(pem)
    except UnusableKeys as unusable:
        _fault("jwt_key", f"{unusable}.")


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
