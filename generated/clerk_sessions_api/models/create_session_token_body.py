# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``CreateSessionTokenBody``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "expires_in_seconds",
    }
)


@attrs.define(kw_only=True)
class CreateSessionTokenBody:
    """How long the token shall live.

    Attributes:
        expires_in_seconds: The token's lifetime in seconds, up to ten years; null for the usual
            lifetime.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    expires_in_seconds: int | None = None
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
        if not isinstance(source, dict):
            raise UnexpectedBody("CreateSessionTokenBody", "an object")

        known = 1
        if "expires_in_seconds" in source:
            model.expires_in_seconds = expires_in_seconds = source["expires_in_seconds"]
            if expires_in_seconds is not None and type(expires_in_seconds) is not int:
                raise UnexpectedBody("CreateSessionTokenBody.expires_in_seconds", "an integer")
        else:
            model.expires_in_seconds = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
        }
        if self.expires_in_seconds is not None:
            members["expires_in_seconds"] = self.expires_in_seconds
        return members
