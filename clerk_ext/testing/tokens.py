"""Minting: from what the instance knows to the claims of a token, and from claims to a signed JWT. Pure."""

from __future__ import annotations

import base64
import enum
import hmac
import json
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .keys import SigningKey
    from .records import FakeMembership, FakeSession, FakeTemplate

SESSION_CATEGORY: Final = "cl_B7d4PD111AAA"
TEMPLATE_CATEGORY: Final = "cl_B7d4PD222AAA"
NOT_BEFORE_MARGIN: Final = 10
"""Seconds that the ``nbf`` of a session token lies before its ``iat``."""

RESERVED_CLAIMS: Final = frozenset({"azp", "exp", "iat", "iss", "jti", "nbf", "sub"})
"""Claims that Clerk sets in every template token and that no template may set."""


class Marker(enum.Enum):
    """A value that stands for no value."""

    REMOVE = enum.auto()


def token_header(kid: str, category: str) -> dict[str, Any]:
    """Return the header of a token of this class."""
    return {"alg": "RS256", "cat": category, "kid": kid, "typ": "JWT"}


def session_claims(
    session: FakeSession,
    membership: FakeMembership | None,
    *,
    version: Literal[1, 2],
    issuer: str,
    issued_at: int,
    expires_in: float,
    azp: str | None,
    token_id: str,
) -> dict[str, Any]:
    """Return the claims of a session token.

    Args:
        session: The session.
        membership: The user's membership in the session's active organisation, if one is active.
        version: 1 has the organisation at top level, 2 in ``o``.
        issuer: The Frontend API's address.
        issued_at: Unix seconds.
        expires_in: Seconds from issue to expiry; may be negative.
        azp: Origin of the browser request, None if it had none.
        token_id: The ``jti`` of a version 2 token; version 1 has none.
    """
    claims: dict[str, Any] = {
        "exp": issued_at + expires_in,
        "fva": [max(0, issued_at - session.created_at // 1000) // 60, -1],
        "iat": issued_at,
        "iss": issuer,
        "nbf": issued_at - NOT_BEFORE_MARGIN,
        "sid": session.id,
        "sts": "pending" if session.status == "pending" else "active",
        "sub": session.user.id,
    }
    if azp is not None:
        claims["azp"] = azp
    if session.actor is not None:
        claims["act"] = dict(session.actor)
    if version == 1:
        return claims | _organization_v1(membership)
    return claims | {"jti": token_id, "v": 2} | _billing(session, membership) | _organization_v2(session, membership)


def template_claims(
    session: FakeSession,
    template: FakeTemplate,
    *,
    issuer: str,
    issued_at: int,
    expires_in: float | None,
    azp: str | None,
    token_id: str,
) -> dict[str, Any]:
    """Return the claims of a template token: the template's own and those of every such token."""
    claims: dict[str, Any] = {
        **template.claims,
        "exp": issued_at + (template.lifetime if expires_in is None else expires_in),
        "iat": issued_at,
        "iss": issuer,
        "jti": token_id,
        "nbf": issued_at - template.clock_skew,
        "sub": session.user.id,
    }
    if azp is not None:
        claims["azp"] = azp
    return claims


def permission_masks(features: Sequence[str], permissions: Iterable[str]) -> tuple[str, str]:
    """Return ``per`` and ``fpm``: the permission names, and for each feature which of them are granted.

    Args:
        features: The elements of ``fea`` in order, each ``scope:feature``. A feature without the scope ``o``
            keeps its place with a mask of zero.
        permissions: Permission keys, each ``org:<feature>:<permission>``.
    """
    granted = [(feature, name) for _, feature, name in (key.split(":", 2) for key in permissions)]
    names = sorted({name for _, name in granted})
    masks: list[str] = []
    for element in features:
        scope, feature = element.split(":", 1)
        bits = {names.index(name) for owner, name in granted if owner == feature and "o" in scope}
        masks.append(str(sum(1 << bit for bit in bits)))
    return ",".join(names), ",".join(masks)


def edited(base: Mapping[str, Any], changes: Mapping[str, object]) -> dict[str, Any]:
    """Return the members with these changes made; a value of ``REMOVE`` takes the member out."""
    merged = {**base, **changes}
    return {name: value for name, value in merged.items() if value is not Marker.REMOVE}


def encode(header: object, payload: object, key: SigningKey | str) -> str:
    """Return the compact JWS (RFC 7515, section 7.1): bytes as they are, any other value as JSON.

    Args:
        header: The header.
        payload: The payload.
        key: Signs with RS256; a secret text with HS256.
    """
    signing_input = (_segment(_octets(header)) + "." + _segment(_octets(payload))).encode("ascii")
    signature = hmac.digest(key.encode(), signing_input, "sha256") if isinstance(key, str) else key.sign(signing_input)
    return signing_input.decode() + "." + _segment(signature)


def resigned(token: str, key: SigningKey) -> str:
    """Return the token with the same header and payload, signed by another key.

    Raises:
        ValueError: The token has not three parts.
    """
    signing_input, dot, _ = token.rpartition(".")
    if not dot or signing_input.count(".") != 1:
        raise ValueError("token: has not three parts separated by dots; pass a token that the instance made")
    return signing_input + "." + _segment(key.sign(signing_input.encode("ascii")))


def token_permissions(membership: FakeMembership) -> list[str]:
    """Return the permissions that tokens carry: Clerk leaves its own system permissions out."""
    return [key for key in membership.permissions if not key.startswith("org:sys_")]


def _organization_v1(membership: FakeMembership | None) -> dict[str, Any]:
    if membership is None:
        return {}
    return {
        "org_id": membership.organization.id,
        "org_slug": membership.organization.slug,
        "org_role": membership.role,
        "org_permissions": token_permissions(membership),
    }


def _organization_v2(session: FakeSession, membership: FakeMembership | None) -> dict[str, Any]:
    if membership is None:
        return {}
    organization = {
        "id": membership.organization.id,
        "slg": membership.organization.slug,
        "rol": membership.role.removeprefix("org:"),
    }
    if permissions := token_permissions(membership):
        names, masks = permission_masks(_features(session, membership), permissions)
        organization |= {"per": names, "fpm": masks}
    return {"o": organization}


def _billing(session: FakeSession, membership: FakeMembership | None) -> dict[str, Any]:
    """Return ``pla`` and ``fea``, each only if there is something to say."""
    plans: list[str] = []
    if membership is not None and membership.organization.plan is not None:
        plans.append(f"o:{membership.organization.plan}")
    if session.user.plan is not None:
        plans.append(f"u:{session.user.plan}")
    lists = {"pla": plans, "fea": _features(session, membership)}
    return {claim: ",".join(elements) for claim, elements in lists.items() if elements}


def _features(session: FakeSession, membership: FakeMembership | None) -> list[str]:
    """Return the elements of ``fea``.

    The organisation's features come first. A user-only feature before one of them is where published readers
    of ``fpm`` disagree, and an ordinary token should not depend on the reader.
    """
    of_user = session.user.features
    of_organization: dict[str, None] = {}
    if membership is not None:
        named = (key.split(":", 2)[1] for key in token_permissions(membership))
        of_organization = dict.fromkeys([*membership.features, *named])
    shared = [("uo:" if name in of_user else "o:") + name for name in of_organization]
    return shared + [f"u:{name}" for name in of_user if name not in of_organization]


def _octets(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode("ascii")


def _segment(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
