# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``ErrorBody``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers
from .error_detail import ErrorDetail

_FIELDS = frozenset(
    {
        "errors",
        "meta",
        "clerk_trace_id",
    }
)


@attrs.define(kw_only=True)
class ErrorBody:
    """Why a request was refused.

    Attributes:
        errors: The reasons, most often one.
        meta: A JSON object whose members Clerk does not describe.
        clerk_trace_id: What to quote to Clerk's support.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    errors: list[ErrorDetail]
    meta: dict[str, Any] | None = None
    clerk_trace_id: str | None = None
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
            errors = source["errors"]
        except KeyError as missing:
            raise UnexpectedBody(f"ErrorBody.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("ErrorBody", "an object") from None
        if type(errors) is not list:
            raise UnexpectedBody("ErrorBody.errors", "an array")
        model.errors = list(map(ErrorDetail.from_dict, source["errors"]))

        known = 3
        if "meta" in source:
            model.meta = meta = source["meta"]
            if meta is not None and type(meta) is not dict:
                raise UnexpectedBody("ErrorBody.meta", "an object")
        else:
            model.meta = None
            known -= 1
        if "clerk_trace_id" in source:
            model.clerk_trace_id = clerk_trace_id = source["clerk_trace_id"]
            if clerk_trace_id is not None and type(clerk_trace_id) is not str:
                raise UnexpectedBody("ErrorBody.clerk_trace_id", "a string")
        else:
            model.clerk_trace_id = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "errors": [item.to_dict() for item in self.errors],
        }
        if self.meta is not None:
            members["meta"] = dict(self.meta)
        if self.clerk_trace_id is not None:
            members["clerk_trace_id"] = self.clerk_trace_id
        return members
