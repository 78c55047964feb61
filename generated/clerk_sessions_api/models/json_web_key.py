# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``JSONWebKey``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "kty",
        "kid",
        "alg",
        "use",
        "key_ops",
        "n",
        "e",
        "crv",
        "x",
        "y",
        "x5c",
        "x5t",
        "x5t#S256",
        "x5u",
    }
)


@attrs.define(kw_only=True)
class JSONWebKey:
    """One key of any kind (RFC 7517, section 4).

    Clerk's instances show one RSA key for signatures with RS256, and the instance's id as its `kid`.

    Attributes:
        kty: The kind of key, such as `RSA`.
        kid: The key's id, which tokens name in their header.
        alg: The algorithm that the key is for, such as `RS256`.
        use: What the key is for; `sig` means signatures.
        key_ops: What may be done with the key, such as `verify`.
        n: The modulus of an RSA key, base64url.
        e: The exponent of an RSA key, base64url.
        crv: The curve of an elliptic key.
        x: The first coordinate, or the public key of an Edwards curve; base64url.
        y: The second coordinate of an elliptic key, base64url.
        x5c: The certificate chain, each certificate in base64.
        x5t: The SHA-1 thumbprint of the certificate, base64url.
        x5t_s256: The SHA-256 thumbprint of the certificate, base64url.
        x5u: Where the certificate chain can be read.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    kty: str
    kid: str | None = None
    alg: str | None = None
    use: str | None = None
    key_ops: list[str] | None = None
    n: str | None = None
    e: str | None = None
    crv: str | None = None
    x: str | None = None
    y: str | None = None
    x5c: list[str] | None = None
    x5t: str | None = None
    x5t_s256: str | None = None
    x5u: str | None = None
    additional_properties: dict[str, Any] = attrs.field(factory=dict[str, Any], repr=False)

    @classmethod
    def from_dict(cls, source: dict[str, Any]) -> Self:
        """Read the model from a JSON object.

        Args:
            source: The object, as ``json.loads`` gives it.

        Raises:
            UnexpectedBody: It is not an object, a required field is missing, or a field has another JSON type.
        """
        model = object.__new__(cls)
        try:
            model.kty = kty = source["kty"]
        except KeyError as missing:
            raise UnexpectedBody(f"JSONWebKey.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("JSONWebKey", "an object") from None
        if type(kty) is not str:
            raise UnexpectedBody("JSONWebKey.kty", "a string")

        known = 14
        if "kid" in source:
            model.kid = kid = source["kid"]
            if kid is not None and type(kid) is not str:
                raise UnexpectedBody("JSONWebKey.kid", "a string")
        else:
            model.kid = None
            known -= 1
        if "alg" in source:
            model.alg = alg = source["alg"]
            if alg is not None and type(alg) is not str:
                raise UnexpectedBody("JSONWebKey.alg", "a string")
        else:
            model.alg = None
            known -= 1
        if "use" in source:
            model.use = use = source["use"]
            if use is not None and type(use) is not str:
                raise UnexpectedBody("JSONWebKey.use", "a string")
        else:
            model.use = None
            known -= 1
        if "key_ops" in source:
            model.key_ops = key_ops = source["key_ops"]
            if key_ops is not None and (
                type(key_ops) is not list or any(type(item) is not str for item in source["key_ops"])
            ):
                raise UnexpectedBody("JSONWebKey.key_ops", "an array of strings")
        else:
            model.key_ops = None
            known -= 1
        if "n" in source:
            model.n = n = source["n"]
            if n is not None and type(n) is not str:
                raise UnexpectedBody("JSONWebKey.n", "a string")
        else:
            model.n = None
            known -= 1
        if "e" in source:
            model.e = e = source["e"]
            if e is not None and type(e) is not str:
                raise UnexpectedBody("JSONWebKey.e", "a string")
        else:
            model.e = None
            known -= 1
        if "crv" in source:
            model.crv = crv = source["crv"]
            if crv is not None and type(crv) is not str:
                raise UnexpectedBody("JSONWebKey.crv", "a string")
        else:
            model.crv = None
            known -= 1
        if "x" in source:
            model.x = x = source["x"]
            if x is not None and type(x) is not str:
                raise UnexpectedBody("JSONWebKey.x", "a string")
        else:
            model.x = None
            known -= 1
        if "y" in source:
            model.y = y = source["y"]
            if y is not None and type(y) is not str:
                raise UnexpectedBody("JSONWebKey.y", "a string")
        else:
            model.y = None
            known -= 1
        if "x5c" in source:
            model.x5c = x5c = source["x5c"]
            if x5c is not None and (
                type(x5c) is not list or any(type(item) is not str for item in source["x5c"])
            ):
                raise UnexpectedBody("JSONWebKey.x5c", "an array of strings")
        else:
            model.x5c = None
            known -= 1
        if "x5t" in source:
            model.x5t = x5t = source["x5t"]
            if x5t is not None and type(x5t) is not str:
                raise UnexpectedBody("JSONWebKey.x5t", "a string")
        else:
            model.x5t = None
            known -= 1
        if "x5t#S256" in source:
            model.x5t_s256 = x_5_t_s256 = source["x5t#S256"]
            if x_5_t_s256 is not None and type(x_5_t_s256) is not str:
                raise UnexpectedBody("JSONWebKey.x5t#S256", "a string")
        else:
            model.x5t_s256 = None
            known -= 1
        if "x5u" in source:
            model.x5u = x5u = source["x5u"]
            if x5u is not None and type(x5u) is not str:
                raise UnexpectedBody("JSONWebKey.x5u", "a string")
        else:
            model.x5u = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "kty": self.kty,
        }
        if self.kid is not None:
            members["kid"] = self.kid
        if self.alg is not None:
            members["alg"] = self.alg
        if self.use is not None:
            members["use"] = self.use
        if self.key_ops is not None:
            members["key_ops"] = list(self.key_ops)
        if self.n is not None:
            members["n"] = self.n
        if self.e is not None:
            members["e"] = self.e
        if self.crv is not None:
            members["crv"] = self.crv
        if self.x is not None:
            members["x"] = self.x
        if self.y is not None:
            members["y"] = self.y
        if self.x5c is not None:
            members["x5c"] = list(self.x5c)
        if self.x5t is not None:
            members["x5t"] = self.x5t
        if self.x5t_s256 is not None:
            members["x5t#S256"] = self.x5t_s256
        if self.x5u is not None:
            members["x5u"] = self.x5u
        return members
