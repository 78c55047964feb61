"""What a session may do, by Clerk's truth table (Clerk docs, ``has()``). Pure; whatever is odd is denied."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import Final, Literal, Protocol, TypeAlias, TypedDict, cast


class NotAsked(enum.Enum):
    """What an argument of `SessionClaims.has` is when it is left out; None is an answer that was not found: denied."""

    NOT_ASKED = "not asked"

    def __repr__(self) -> str:
        return "NOT_ASKED"


NOT_ASKED: Final = NotAsked.NOT_ASKED

Level: TypeAlias = Literal["first_factor", "second_factor", "multi_factor"]
Preset: TypeAlias = Literal["strict_mfa", "strict", "moderate", "lax"]


class Reverification(TypedDict):
    """How lately the user must have proven who they are.

    Attributes:
        level: Which factors count.
        afterMinutes: The age in minutes from which a proof is too old; more than 0.
    """

    level: Level
    afterMinutes: float


PRESETS: Mapping[str, Reverification] = {
    "strict_mfa": {"level": "multi_factor", "afterMinutes": 10},
    "strict": {"level": "second_factor", "afterMinutes": 10},
    "moderate": {"level": "second_factor", "afterMinutes": 60},
    "lax": {"level": "second_factor", "afterMinutes": 1440},
}
_LEVELS: Mapping[str, Level] = {
    "first_factor": "first_factor",
    "second_factor": "second_factor",
    "multi_factor": "multi_factor",
}
_ORGANIZATION, _USER = frozenset({"org", "organization", "o"}), frozenset({"user", "u"})
_SCOPES: Mapping[str, frozenset[str]] = {
    "o": frozenset({"o"}),
    "u": frozenset({"u"}),
    "ou": frozenset({"o", "u"}),
    "uo": frozenset({"o", "u"}),
}


class Grants(Protocol):
    """What of a session's claims grants something; `SessionClaims` has it."""

    @property
    def org_id(self) -> str | None:
        """The active organisation's id."""
        ...

    @property
    def org_role(self) -> str | None:
        """The role in it, with its prefix."""
        ...

    @property
    def org_permissions(self) -> tuple[str, ...]:
        """The custom permissions in it."""
        ...

    @property
    def factor_verification_age(self) -> tuple[float, float] | None:
        """Minutes since each factor was verified, at issue."""
        ...


def prefixed(name: str) -> str:
    """Clerk's two ways to write a role or permission (``admin``, ``org:admin``) as one: with one ``org:``."""
    while name.startswith("org:"):
        name = name[4:]
    return "org:" + name  # an f-string would write a member of a str enumeration by its Python name


def has_role(claims: Grants, role: object) -> bool:
    """Whether the user has *role* in the active organisation."""
    return isinstance(role, str) and claims.org_role is not None and claims.org_role == prefixed(role)


def has_permission(claims: Grants, permission: object) -> bool:
    """Whether the user has *permission* in the active organisation."""
    return isinstance(permission, str) and claims.org_id is not None and prefixed(permission) in claims.org_permissions


def has_item(held: list[str], wanted: object) -> bool:
    """Whether *wanted* (``reports``, ``org:reports``, ``u:reports``) is among *held* (``o:reports``, ``uo:beta``)."""
    if not isinstance(wanted, str) or not wanted or any(":" not in item for item in held):
        return False
    scope, colon, name = wanted.partition(":")
    name = name.partition(":")[0] or scope  # `org:` asks for what is called org, in the organisation's
    if not colon:
        scopes = frozenset({"o", "u"})
    elif scope in _ORGANIZATION:
        scopes = frozenset({"o"})
    elif scope in _USER:
        scopes = frozenset({"u"})
    else:
        return False
    for item in held:
        item_scope, _, item_name = item.partition(":")
        if item_name == name and not scopes.isdisjoint(_SCOPES.get(item_scope, ())):
            return True
    return False


def is_reverification(value: object) -> bool:
    """Whether *value* is something that `is_fresh` could grant: a preset, or a level and minutes above 0."""
    return _level_and_minutes(value) is not None


def _level_and_minutes(reverification: object) -> tuple[Level, float] | None:
    config = PRESETS.get(reverification) if isinstance(reverification, str) else reverification
    if not isinstance(config, Mapping):
        return None
    asked = cast("Mapping[str, object]", config)
    level, after = asked.get("level"), asked.get("afterMinutes")
    # type() because bool is an int to Python; no comparison holds for NaN.
    if (type(after) is not int and type(after) is not float) or not 0 < after < math.inf:
        return None
    known = _LEVELS.get(level) if isinstance(level, str) else None
    return None if known is None else (known, after)


def is_fresh(ages: tuple[float, float] | None, minutes: float, reverification: object) -> bool:
    """Whether the factors were proven lately enough.

    Args:
        ages: Minutes since each factor was verified when the token was issued; None if unknown.
        minutes: Minutes since the token was issued.
        reverification: What is asked for.
    """
    asked = _level_and_minutes(reverification)
    if ages is None or asked is None:
        return False
    level, after = asked
    first, second = ages
    has_first, has_second = first != -1, second != -1
    fresh_first, fresh_second = has_first and after > first + minutes, has_second and after > second + minutes
    if level == "first_factor":
        return fresh_first
    if level == "second_factor":
        return fresh_second if has_second else fresh_first
    return has_first and fresh_first and (fresh_second or not has_second)
