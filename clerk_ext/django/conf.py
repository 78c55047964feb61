"""The setting ``CLERK``: one dict, from which the project's clients are made when they are first needed.

Its keys are the fields of `ClerkConfig` in capitals, and:

===================  ================================================================================================
``TENANTS``          names of tenants to dicts of such fields, in place of the fields: for several instances
``RESOLVER``         with ``TENANTS``: chooses the tenant of a request by its name, in place of the token's issuer
``REVOCATIONS``      asked on every verification; see `Revocations`
``CLIENT``           a ready `Clerk` or `Tenants`, in place of all of the above
``ASYNC_CLIENT``     the same for async code; only ``Tenants`` need it, a `Clerk` makes its own
``USER``             maps the claims to the project's own user, or to None for nobody; may be a coroutine function
``DETAILS``          whether the bodies of refusals tell why
``IMPERSONATION``    what somebody who acts as another user may do where a view says nothing of it
===================  ================================================================================================

Objects and functions may be given by their dotted path. Without any field the environment is read, as by
`Clerk.from_env`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import attrs
from django.conf import settings
from django.core.signals import setting_changed

from clerk_ext.access import check_details, check_impersonation
from clerk_ext.clerk import Clerk
from clerk_ext.django.answers import Refused
from clerk_ext.django.clients import FIELDS, NAME, OF_CLIENTS, SettingError, check_keys, clients_of, function_of
from clerk_ext.errors import TokenVerificationError, VerificationUnavailable
from clerk_ext.forks import mend_after_fork
from clerk_ext.tenants import Tenants
from clerk_ext.visits import AsyncGate, Gate

if TYPE_CHECKING:
    from clerk_ext.access import Denial
    from clerk_ext.tokens.claims import SessionClaims

    UserOf: TypeAlias = Callable[[SessionClaims], Any]

KEYS: Final = (*FIELDS, *OF_CLIENTS, "CLIENT", "ASYNC_CLIENT", "USER", "DETAILS", "IMPERSONATION")

LAPSES: Final = (VerificationUnavailable, Refused)
"""What ``request.user`` may raise."""
ANSWERED: Final = (TokenVerificationError, *LAPSES)
"""The errors that have an answer of their own wherever a view lets them escape."""


@attrs.frozen
class Conf:
    """What the requests of the project pass, made of its settings.

    Attributes:
        gate: What sync code asks.
        user_of: Maps the claims to the project's own user.
    """

    gate: Gate
    user_of: UserOf | None
    _async_gate: AsyncGate | SettingError
    _is_ours: bool

    @property
    def async_gate(self) -> AsyncGate:
        """What async code asks.

        Raises:
            ImproperlyConfigured: There is no client for it.
        """
        if isinstance(self._async_gate, SettingError):
            raise self._async_gate.with_traceback(None)  # or each time would add to it
        return self._async_gate

    @property
    def lacks_async(self) -> SettingError | None:
        """Why there is no client for async code; None if there is one."""
        return self._async_gate if isinstance(self._async_gate, SettingError) else None

    def denial_of(self, error: TokenVerificationError | VerificationUnavailable | Refused) -> Denial:
        """The answer where a view lets an error escape."""
        return error.denial if isinstance(error, Refused) else self.gate.answer_to(error)

    def close(self) -> None:
        """Close the connections of a client that was made here."""
        if self._is_ours:
            self.gate.clerk.close()


def load(written: object) -> Conf:
    """Make what a value of the setting describes.

    Raises:
        SettingError: It cannot work.
    """
    values = _checked(written)
    details, impersonation = values.get("DETAILS", False), values.get("IMPERSONATION", "allow")
    for key, check, value in (
        ("DETAILS", check_details, details),
        ("IMPERSONATION", check_impersonation, impersonation),
    ):
        try:
            check(value)
        except (TypeError, ValueError) as fault:
            raise SettingError(key, str(fault).partition(": ")[2]) from None
    options = {"details": details, "impersonation": impersonation}
    client, other = clients_of(values)
    return Conf(
        Gate(client, **options),
        function_of("USER", values),
        other if isinstance(other, SettingError) else AsyncGate(other, **options),
        "CLIENT" not in values,
    )


def _checked(written: object) -> dict[str, Any]:
    if not isinstance(written, Mapping):
        hint = ' Write {"CLIENT": …} to give a ready one.' if isinstance(written, (Clerk, Tenants)) else ""
        raise SettingError("", f"write a dict, not {type(written).__name__}.", hint.strip())
    values = dict(cast("Mapping[str, Any]", written))
    check_keys(values, KEYS)
    return values


class _Holder:
    """What was made of the settings, made once for all threads."""

    def __init__(self) -> None:
        self._conf: Conf | None = None
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """A thread of the parent may have held the lock."""
        self._lock = threading.Lock()

    def current(self) -> Conf:
        """See `current`."""
        conf = self._conf
        if conf is None:
            with self._lock:
                conf = self._conf
                if conf is None:
                    conf = self._conf = load(getattr(settings, NAME, {}))
        return conf

    def forget(self, *, setting: str, **_: object) -> None:
        """Have it made anew, if it is this setting that changes."""
        if setting == NAME:
            conf, self._conf = self._conf, None
            if conf is not None:
                conf.close()


HOLDER: Final = _Holder()
setting_changed.connect(HOLDER.forget, dispatch_uid="clerk_ext.django.conf")


def current() -> Conf:
    """What is made of the project's settings; made anew when ``override_settings`` changes them.

    Raises:
        SettingError: They cannot work.
    """
    return HOLDER.current()
