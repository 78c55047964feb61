# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``CreateSessionBody``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "user_id",
        "active_organization_id",
    }
)


@attrs.define(kw_only=True)
class CreateSessionBody:
    """Whom to sign in.

    Attributes:
        user_id: The user's id, `user_…`.
        active_organization_id: The organization that the session starts in, `org_…`.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    user_id: str
    active_organization_id: str | None = None
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
            model.user_id = user_id = source["user_id"]
        except KeyError as missing:
            raise UnexpectedBody(f"CreateSessionBody.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("CreateSessionBody", "an object") from None
        if type(user_id) is not str:
            raise UnexpectedBody("CreateSessionBody.user_id", "a string")

        known = 2
        if "active_organization_id" in source:
            model.active_organization_id = active_organization_id = source["active_organization_id"]
            if active_organization_id is not None and type(active_organization_id) is not str:
                raise UnexpectedBody("CreateSessionBody.active_organization_id", "a string")
        else:
            model.active_organization_id = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "user_id": self.user_id,
        }
        if self.active_organization_id is not None:
            members["active_organization_id"] = self.active_organization_id
        return members
