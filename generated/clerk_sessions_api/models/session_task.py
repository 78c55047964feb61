# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``SessionTask``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "key",
    }
)


@attrs.define(kw_only=True)
class SessionTask:
    """Something that a user must do before a session becomes active.

    Attributes:
        key: Which task, such as `choose-organization`, `reset-password` or `setup-mfa`; others may
            follow.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    key: str
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
            model.key = key = source["key"]
        except KeyError as missing:
            raise UnexpectedBody(f"SessionTask.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("SessionTask", "an object") from None
        if type(key) is not str:
            raise UnexpectedBody("SessionTask.key", "a string")

        known = 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "key": self.key,
        }
        return members
