"""What a verified token says, typed: pure and immutable.

The parsed payload stays inside; whatever is handed out is immutable or made anew, so that no two callers share
anything that one of them could change. Claims that Clerk may leave out are None, and odd ones read as absent: for
everything that grants something, absent is the safe side.
"""

from __future__ import annotations

import copy
import datetime as dt
import sys
import time
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import attrs

from clerk_ext.tokens.authorization import (
    NOT_ASKED,
    NotAsked,
    has_item,
    has_permission,
    has_role,
    is_fresh,
    prefixed,
)
from clerk_ext.tokens.token import MAX_TIME

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from clerk_ext.tokens.authorization import Preset, Reverification
    from clerk_ext.tokens.token import Claims

T = TypeVar("T")

_ORGANIZATION_SCOPES = frozenset({"o", "ou", "uo"})


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(t for t in cast("list[object]", value) if isinstance(t, str)) if isinstance(value, list) else ()


def _items(value: object) -> list[str]:
    """The elements of one of Clerk's comma-separated lists; positions matter, so empty ones stay."""
    return [item.strip() for item in value.split(",")] if isinstance(value, str) and value.strip() else []


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


@attrs.frozen(repr=False)
class _VerifiedClaims:
    """What session and JWT-template tokens have in common."""

    tenant: str
    """The name of the `ClerkConfig` whose keys verified the token."""
    _claims: Claims = attrs.field(hash=False)
    _clock: Callable[[], float] = attrs.field(default=time.time, eq=False)

    def __reduce__(self) -> tuple[type[Self], tuple[str, Claims]]:
        # Whoever unpickles it has a clock of their own.
        return type(self), (self.tenant, self._claims)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    @property
    def user_id(self) -> str:
        """The user's id, ``user_…`` (claim ``sub``)."""
        return cast("str", self._claims["sub"])

    @property
    def issuer(self) -> str:
        """The Frontend API URL of the instance that issued the token (claim ``iss``)."""
        return cast("str", self._claims["iss"])

    @property
    def authorized_party(self) -> str | None:
        """The origin of the page that obtained the token (claim ``azp``); None if it named none."""
        return _text(self._claims.get("azp"))

    @property
    def audience(self) -> tuple[str, ...]:
        """For whom the token is meant (claim ``aud``, RFC 7519 4.1.3); empty if it does not say."""
        audience = self._claims.get("aud")
        return (audience,) if isinstance(audience, str) else _texts(audience)

    @property
    def issued_at(self) -> dt.datetime:
        """When the token was issued (claim ``iat``), in UTC."""
        return _moment(self._claims["iat"])

    @property
    def expires_at(self) -> dt.datetime:
        """When the token ends to be valid (claim ``exp``), in UTC; the clock skew comes on top."""
        return _moment(self._claims["exp"])

    @property
    def not_before(self) -> dt.datetime | None:
        """When the token begins to be valid (claim ``nbf``), in UTC; None if it does not say."""
        seconds: Any = self._claims.get("nbf")
        is_time = type(seconds) in (int, float) and 0 <= seconds <= MAX_TIME
        return _moment(seconds) if is_time else None

    @property
    def token_id(self) -> str | None:
        """The token's own id (claim ``jti``); None if it has none."""
        return _text(self._claims.get("jti"))

    def custom(self, shape: type[T]) -> T:
        """Your custom claims as your own type, checked.

        Args:
            shape: A TypedDict, attrs class or dataclass whose fields are named as the claims; claims that it does not
                name are left aside. Fields may be str, int, float, bool, None, Literal, unions, lists, tuples, dicts
                with str keys, Any, and such types again.

        Returns:
            A new *shape*, the caller's to change.

        Raises:
            TokenVerificationError: A claim is missing or of another type (``token-verification-failed``).
            TypeError: *shape* is no such type, or has a field that JSON cannot give.
        """
        from clerk_ext.tokens.custom import read

        return read(shape, self.raw)

    @property
    def raw(self) -> dict[str, Any]:
        """Every claim as the token has it: a new dict each time, the caller's to change."""
        return copy.deepcopy(self._claims)


@attrs.frozen(repr=False)
class SessionClaims(_VerifiedClaims):
    """The claims of a verified session token, version 1 or 2, read the same way (Clerk docs, "Session tokens").

    Immutable; can be copied, pickled and compared. The organisation is the active one of the session.
    """

    @property
    def session_id(self) -> str:
        """The session's id, ``sess_…`` (claim ``sid``)."""
        return cast("str", self._claims["sid"])

    @property
    def status(self) -> Literal["active", "pending"]:
        """``"pending"`` while the user has tasks to do before the session is active (claim ``sts``)."""
        return "pending" if self._claims.get("sts") == "pending" else "active"

    @property
    def version(self) -> Literal[1, 2]:
        """The version of the token's format (claim ``v``); anything but the integer 2 is version 1."""
        version = self._claims.get("v")
        return 2 if type(version) is int and version == 2 else 1

    @property
    def org_id(self) -> str | None:
        """The active organisation's id, ``org_…``; None without one."""
        return _text(self._organization.get("id"))

    @property
    def org_slug(self) -> str | None:
        """The active organisation's slug; None if it has none."""
        return _text(self._organization.get("slg")) if self.org_id else None

    @property
    def org_role(self) -> str | None:
        """The user's role in the active organisation, always in the form ``org:admin``; None without one."""
        role = _text(self._organization.get("rol")) if self.org_id else None
        return prefixed(role) if role and prefixed(role) != "org:" else None

    @property
    def org_permissions(self) -> tuple[str, ...]:
        """The user's custom permissions in the active organisation, in the form ``org:invoices:create``.

        System permissions are never in a token. Empty where the token's lists do not fit together.
        """
        if not self.org_id:
            return ()
        if self.version == 1:
            return _texts(self._claims.get("org_permissions"))
        return _permissions(self._claims.get("fea"), self._organization)

    @property
    def features(self) -> tuple[str, ...]:
        """Features with their scope, such as ``o:reports`` (claim ``fea``)."""
        return tuple(item for item in _items(self._claims.get("fea")) if item)

    @property
    def plans(self) -> tuple[str, ...]:
        """Billing plans with their scope, such as ``u:pro`` (claim ``pla``)."""
        return tuple(item for item in _items(self._claims.get("pla")) if item)

    @property
    def factor_verification_age(self) -> tuple[float, float] | None:
        """Minutes from the verification of the first and second factor to `issued_at` (claim ``fva``).

        -1 stands for a factor that was never verified. None if the token does not say, or says it oddly.
        """
        ages = self._claims.get("fva")
        if not isinstance(ages, list) or len(cast("list[object]", ages)) != 2:
            return None
        first, second = (_age(value) for value in cast("list[object]", ages))
        return None if first is None or second is None else (first, second)

    @property
    def actor(self) -> dict[str, Any] | None:
        """Who acts as the user when somebody impersonates them (claim ``act``): a new dict each time."""
        actor = self._claims.get("act")
        return copy.deepcopy(cast("dict[str, Any]", actor)) if isinstance(actor, dict) else None

    @property
    def is_impersonated(self) -> bool:
        """Whether somebody acts as the user: the token has an ``act`` claim of whatever form."""
        return self._claims.get("act") is not None

    def has(
        self,
        *,
        role: str | NotAsked = NOT_ASKED,
        permission: str | NotAsked = NOT_ASKED,
        feature: str | NotAsked = NOT_ASKED,
        plan: str | NotAsked = NOT_ASKED,
        reverification: Preset | Reverification | NotAsked = NOT_ASKED,
    ) -> bool:
        """Whether the session has everything that is asked for (Clerk docs, ``has()``).

        Odd claims and arguments, None among them, are denied and never raise; nothing asked is denied too.

        Args:
            role: A role in the active organisation; ``admin`` and ``org:admin`` are the same.
            permission: A custom permission in the active organisation, such as ``org:invoices:create``.
            feature: A feature of the organisation's or the user's plan: ``reports``. With ``org:reports`` or
                ``user:reports`` only one of the two is looked at.
            plan: A plan, written like a feature.
            reverification: How lately the user must have proven who they are: ``"strict_mfa"``, ``"strict"``,
                ``"moderate"``, ``"lax"``, or ``{"level": "second_factor", "afterMinutes": 10}``. The ages in the token
                (claim ``fva``) grow by the minutes since it was issued.
        """
        asked = (role, permission, feature, plan, reverification)
        return any(argument is not NOT_ASKED for argument in asked) and (
            _text(self._claims.get("sub")) is not None
            and (role is NOT_ASKED or has_role(self, role))
            and (permission is NOT_ASKED or has_permission(self, permission))
            and (feature is NOT_ASKED or has_item(_items(self._claims.get("fea")), feature))
            and (plan is NOT_ASKED or has_item(_items(self._claims.get("pla")), plan))
            and (reverification is NOT_ASKED or self._is_fresh(reverification))
        )

    def _is_fresh(self, reverification: object) -> bool:
        issued: Any = self._claims.get("iat")
        if type(issued) not in (int, float) or not 0 <= issued <= MAX_TIME:
            return False  # of claims made by hand: a verified token says when it was issued
        return is_fresh(self.factor_verification_age, max(0.0, self._clock() - issued) / 60, reverification)

    @property
    def _organization(self) -> dict[str, Any]:
        """The organisation's members under their version 2 names."""
        if self.version == 2:
            organization = self._claims.get("o")
            return cast("dict[str, Any]", organization) if isinstance(organization, dict) else {}
        return {
            "id": self._claims.get("org_id"),
            "slg": self._claims.get("org_slug"),
            "rol": self._claims.get("org_role"),
        }

    def __hash__(self) -> int:
        return hash((self.tenant, self.user_id, self.session_id, self._claims.get("iat")))

    def __repr__(self) -> str:
        return (
            f"SessionClaims(tenant={self.tenant!r}, user_id={self.user_id!r}, session_id={self.session_id!r}, "
            f"org_id={self.org_id!r}, org_role={self.org_role!r}, expires_at={self.expires_at.isoformat()!r})"
        )


@attrs.frozen(repr=False)
class TemplateClaims(_VerifiedClaims):
    """The claims of a verified JWT-template token (Clerk docs, "JWT templates").

    It has no session: it stays valid until it expires, even when the session it was made from is revoked.
    Immutable; can be copied, pickled and compared.
    """

    def __hash__(self) -> int:
        return hash((self.tenant, self.user_id, self._claims.get("iat")))

    def __repr__(self) -> str:
        return (
            f"TemplateClaims(tenant={self.tenant!r}, user_id={self.user_id!r}, "
            f"expires_at={self.expires_at.isoformat()!r})"
        )


def seconds_left(claims: SessionClaims) -> float:
    """Seconds until a token expires, by the client's clock; negative from then on. What open streams ask."""
    return claims.expires_at.timestamp() - claims._clock()  # pyright: ignore[reportPrivateUsage]


def _age(value: object) -> float | None:
    # type() because bool is an int to Python.
    if type(value) is not int and type(value) is not float:
        return None
    # An int beyond what a float holds would break the first sum with it.
    return value if value == -1 or 0 <= value <= sys.float_info.max else None


def _permissions(fea: object, organization: dict[str, Any]) -> tuple[str, ...]:
    """Clerk's compact permissions, spelt out (Clerk docs, "Session token version 2").

    ``per`` lists permission names, ``fea`` features with their scopes, ``fpm`` a bit mask a feature: bit *b* set
    grants the *b*-th name. Two published readings differ in which features the masks belong to: every one of the
    list, or only the organisation's. A reading that the token refutes is dropped; what remains is intersected.
    """
    names = _items(organization.get("per"))
    masks = [_mask(item) for item in _items(organization.get("fpm"))]
    features = [item.partition(":") for item in _items(fea)]
    if not names or not masks or any(not colon for _, colon, _ in features):
        return ()
    whole = [(scope in _ORGANIZATION_SCOPES, name) for scope, _, name in features]
    ours = [entry for entry in whole if entry[0]]
    readings: list[dict[str, None]] = []
    if len(masks) <= len(whole) and not any(
        mask and scope == "u" for mask, (scope, _, _) in zip(masks, features, strict=False)
    ):
        readings.append(_granted(names, masks, whole))
    if len(masks) <= len(ours):
        readings.append(_granted(names, masks, ours))
    if not readings:
        return ()
    return tuple(permission for permission in readings[0] if all(permission in other for other in readings[1:]))


def _granted(names: list[str], masks: list[int | None], features: list[tuple[bool, str]]) -> dict[str, None]:
    """The permissions of one reading, as an ordered set."""
    return {
        f"org:{feature}:{name}": None
        for mask, (is_ours, feature) in zip(masks, features, strict=False)
        if is_ours and mask and feature
        for bit, name in enumerate(names)
        if mask >> bit & 1 and name
    }


def _mask(item: str) -> int | None:
    """A decimal mask of any size that Clerk could send; None where it is none, which grants nothing."""
    return int(item) if item.isascii() and item.isdigit() and len(item) <= 4000 else None
