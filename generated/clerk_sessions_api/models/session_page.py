# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``SessionPage``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers
from .session import Session

_FIELDS = frozenset(
    {
        "data",
        "total_count",
    }
)


@attrs.define(kw_only=True)
class SessionPage:
    """Some sessions, and how many there are in all.

    Attributes:
        data: The sessions of this page.
        total_count: How many sessions match, on this page and all others.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    data: list[Session]
    total_count: int
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
            data = source["data"]
            model.total_count = total_count = source["total_count"]
        except KeyError as missing:
            raise UnexpectedBody(f"SessionPage.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("SessionPage", "an object") from None
        if type(data) is not list:
            raise UnexpectedBody("SessionPage.data", "an array")
        model.data = list(map(Session.from_dict, source["data"]))
        if type(total_count) is not int:
            raise UnexpectedBody("SessionPage.total_count", "an integer")

        known = 2
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "data": [item.to_dict() for item in self.data],
            "total_count": self.total_count,
        }
        return members
