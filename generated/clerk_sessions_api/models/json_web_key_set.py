# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``JSONWebKeySet``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers
from .json_web_key import JSONWebKey

_FIELDS = frozenset(
    {
        "keys",
    }
)


@attrs.define(kw_only=True)
class JSONWebKeySet:
    """A key set (RFC 7517, section 5).

    Attributes:
        keys: The keys, of any kind.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    keys: list[JSONWebKey]
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
            keys = source["keys"]
        except KeyError as missing:
            raise UnexpectedBody(f"JSONWebKeySet.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("JSONWebKeySet", "an object") from None
        if type(keys) is not list:
            raise UnexpectedBody("JSONWebKeySet.keys", "an array")
        model.keys = list(map(JSONWebKey.from_dict, source["keys"]))

        known = 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "keys": [item.to_dict() for item in self.keys],
        }
        return members
