# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``SessionToken``."""

from __future__ import annotations

from typing import Any, Literal, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "object",
        "jwt",
    }
)


@attrs.define(kw_only=True)
class SessionToken:
    """A token issued for a session.

    Attributes:
        object: Says that this is a token.
        jwt: The signed token, ready to be sent.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    object: Literal["token"]
    jwt: str = attrs.field(repr=False)
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
            model.object = object_ = source["object"]
            model.jwt = jwt = source["jwt"]
        except KeyError as missing:
            raise UnexpectedBody(f"SessionToken.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("SessionToken", "an object") from None
        if object_ != "token":
            raise UnexpectedBody("SessionToken.object", "'token'")
        if type(jwt) is not str:
            raise UnexpectedBody("SessionToken.jwt", "a string")

        known = 2
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "object": self.object,
            "jwt": self.jwt,
        }
        return members
