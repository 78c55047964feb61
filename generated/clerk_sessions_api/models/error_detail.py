# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``ErrorDetail``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "message",
        "long_message",
        "code",
        "meta",
    }
)


@attrs.define(kw_only=True)
class ErrorDetail:
    """One reason for a refusal.

    Attributes:
        message: The reason in a few words.
        long_message: The reason in a sentence.
        code: The reason for programs, such as `resource_not_found`; codes may be added.
        meta: A JSON object whose members Clerk does not describe.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    message: str
    long_message: str
    code: str
    meta: dict[str, Any] | None = None
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
            model.message = message = source["message"]
            model.long_message = long_message = source["long_message"]
            model.code = code = source["code"]
        except KeyError as missing:
            raise UnexpectedBody(f"ErrorDetail.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("ErrorDetail", "an object") from None
        if type(message) is not str:
            raise UnexpectedBody("ErrorDetail.message", "a string")
        if type(long_message) is not str:
            raise UnexpectedBody("ErrorDetail.long_message", "a string")
        if type(code) is not str:
            raise UnexpectedBody("ErrorDetail.code", "a string")

        known = 4
        if "meta" in source:
            model.meta = meta = source["meta"]
            if meta is not None and type(meta) is not dict:
                raise UnexpectedBody("ErrorDetail.meta", "an object")
        else:
            model.meta = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "message": self.message,
            "long_message": self.long_message,
            "code": self.code,
        }
        if self.meta is not None:
            members["meta"] = dict(self.meta)
        return members
