"""`ClerkConfig`: one tenant's settings, checked when they are made."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import attrs

from clerk_ext.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Self

    from clerk_ext.tokens.keys import VerificationKey

DEFAULT_API_URL = "https://api.clerk.com/v1"
API_VERSION = "2026-05-12"
"""The dated version of the Backend API that the recorded specification describes."""

_PREFIXES = ("sk_test_", "sk_live_", "test_", "live_")


def _masked(value: str | None) -> str:
    """What `repr` shows of a secret: its prefix, which tells the environment, and nothing else."""
    prefix = next((prefix for prefix in _PREFIXES if value and value.startswith(prefix)), "")
    return "None" if value is None else repr(f"{prefix}…")


@attrs.frozen(kw_only=True)
class ClerkConfig:
    """The settings of one Clerk instance, here called a tenant.

    Keys to verify with come from the first of ``jwt_key``, ``jwks_url``, the Frontend API (which the publishable key
    or ``frontend_api`` or ``proxy_url`` names) and the Backend API (with the secret key).

    Attributes:
        name: What you call the tenant; ``claims.tenant`` says it.
        publishable_key: ``pk_test_…`` or ``pk_live_…``: names the Frontend API, hence issuer and JWKS URL.
        secret_key: ``sk_test_…`` or ``sk_live_…``: for the session endpoints. Sent to ``api_url`` and nowhere else.
        frontend_api: Host or URL of the Frontend API, if there is no publishable key to take it from.
        proxy_url: URL under which your own domain proxies the Frontend API; tokens of both issuers are accepted.
        issuer: The ``iss`` that tokens must have, or several; derived from the above if left out.
        jwks_url: Where the key set is; derived from the above if left out.
        jwt_key: The instance's public key as PEM: verification without network.
        authorized_parties: The origins (``https://app.example.com``) whose tokens to accept; None for any.
        allow_missing_azp: Also accept tokens that name no party, as the Backend API mints them.
        audience: One or several values of which ``aud`` must name one; None refuses tokens with an ``aud``.
        clock_skew: Seconds of difference between the clocks to tolerate, 0 to 300.
        accept_pending: Accept sessions with outstanding tasks.
        max_age: The greatest age of a token since ``iat``, in seconds; None for no limit beyond ``exp``.
        api_url: Base URL of the Backend API, used as given.
        api_version: The dated version to ask the Backend API for.
        timeout: Seconds that one HTTP request may take; for the key set the whole fetch, for calls each wait.
        token_cache_size: How many verified tokens to remember, about 4 KB each; 0 to remember none.
        jwks_fresh: Age in seconds up to which a key set is used without a thought.
        jwks_stale: Age in seconds up to which it is used while it is refreshed in the background.
        jwks_expire: Age in seconds beyond which it is not used at all.
        jwks_pause: The least seconds between two fetches of the key set; doubles on failures.
        jwks_max_pause: The most seconds that this grows to.
        allow_http: Accept ``http://`` URLs of other machines: for a network that you trust wholly.
        clock: Gives Unix seconds; for tests.
        monotonic: Gives seconds that never run backwards; for tests.

    Raises:
        ConfigurationError: A setting cannot work; the error names it and what to write.
    """

    name: str = "default"
    publishable_key: str | None = None
    secret_key: str | None = attrs.field(default=None, repr=_masked)
    frontend_api: str | None = None
    proxy_url: str | None = None
    issuer: str | Collection[str] | None = None
    jwks_url: str | None = None
    jwt_key: str | None = attrs.field(default=None, repr=lambda pem: "None" if pem is None else "'…'")
    authorized_parties: Collection[str] | None = None
    allow_missing_azp: bool = False
    audience: str | Collection[str] | None = None
    clock_skew: float = 5.0
    accept_pending: bool = False
    max_age: float | None = None
    api_url: str = DEFAULT_API_URL
    api_version: str = API_VERSION
    timeout: float = 5.0
    token_cache_size: int = 4096
    jwks_fresh: float = 300.0
    jwks_stale: float = 600.0
    jwks_expire: float = 3600.0
    jwks_pause: float = 10.0
    jwks_max_pause: float = 60.0
    allow_http: bool = False
    clock: Callable[[], float] = attrs.field(default=time.time, repr=False, eq=False)
    monotonic: Callable[[], float] = attrs.field(default=time.monotonic, repr=False, eq=False)

    issuers: tuple[str, ...] | None = attrs.field(init=False, repr=False, eq=False)
    """The values of ``iss`` to accept; None where no setting tells one."""
    keys_url: str | None = attrs.field(init=False, repr=False, eq=False)
    """Where the key set is fetched; None with a ``jwt_key``, or where only the Backend API has it."""
    pem_key: VerificationKey | None = attrs.field(init=False, repr=False, eq=False)
    """The key of ``jwt_key``."""

    def __attrs_post_init__(self) -> None:
        from clerk_ext.config_checks import check_and_derive  # needed by who makes one, not by who imports the class

        check_and_derive(self)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the settings from environment variables.

        ``CLERK_PUBLISHABLE_KEY``, ``CLERK_SECRET_KEY``, ``CLERK_JWT_KEY``, ``CLERK_PROXY_URL``,
        ``CLERK_AUTHORIZED_PARTIES`` (comma-separated origins), ``CLERK_API_URL`` (``/v1`` is added where it has no
        path) and ``CLERK_API_VERSION`` (a date; ``v1`` is understood as the default). Empty ones count as absent.

        Args:
            environ: Where to read; the process's environment if left out.

        Raises:
            ConfigurationError: A value cannot work, or a variable asks for what is not supported (satellites).
        """
        from clerk_ext.config_checks import by_variable, settings_of

        settings = settings_of(os.environ if environ is None else environ)
        try:
            return cls(**settings)
        except ConfigurationError as fault:
            raise by_variable(fault) from None
