# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``SessionCookies``."""

from __future__ import annotations

from typing import Any, Literal, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "object",
        "cookies",
    }
)


@attrs.define(kw_only=True)
class SessionCookies:
    """Cookies that hold a fresh token.

    Attributes:
        object: Says that these are cookies.
        cookies: The values of the `Set-Cookie` headers to send to the browser.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    object: Literal["cookies"]
    cookies: list[str] = attrs.field(repr=False)
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
            model.cookies = cookies = source["cookies"]
        except KeyError as missing:
            raise UnexpectedBody(f"SessionCookies.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("SessionCookies", "an object") from None
        if object_ != "cookies":
            raise UnexpectedBody("SessionCookies.object", "'cookies'")
        if type(cookies) is not list or any(type(item) is not str for item in source["cookies"]):
            raise UnexpectedBody("SessionCookies.cookies", "an array of strings")

        known = 2
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "object": self.object,
            "cookies": list(self.cookies),
        }
        return members
