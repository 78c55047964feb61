"""Readers of tokens that the kit has no part in: jwcrypto, and Clerk's published rule for permissions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jwcrypto import jwk, jws

if TYPE_CHECKING:
    from collections.abc import Mapping


def verified(token: str, key_set: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token that a key of the set has signed; jwcrypto raises otherwise."""
    signature: Any = jws.JWS()
    signature.allowed_algs = ["RS256"]
    signature.deserialize(token)
    kid: object = signature.jose_header["kid"]
    keys = [jwk.JWK(**key) for key in key_set["keys"] if key["kid"] == kid]
    failures: list[jws.InvalidJWSSignature] = []
    for key in keys:
        try:
            signature.verify(key)
        except jws.InvalidJWSSignature as failure:
            failures.append(failure)
        else:
            return dict(signature.jose_header), json.loads(signature.payload)
    raise failures[0] if failures else KeyError(kid)


def permissions(claims: Mapping[str, Any]) -> set[str]:
    """Return the permissions of a version 2 token, masks paired with the whole list of features."""
    names = claims["o"].get("per", "").split(",")
    masks = claims["o"].get("fpm", "").split(",")
    granted: set[str] = set()
    for element, mask in zip(claims.get("fea", "").split(","), masks, strict=False):
        scope, _, feature = element.partition(":")
        if "o" in scope and mask:
            granted |= {f"org:{feature}:{name}" for bit, name in enumerate(names) if int(mask) & (1 << bit)}
    return granted
