# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``RefreshSessionBody``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers
from .refresh_format import REFRESH_FORMAT_BY_VALUE, RefreshFormat

_FIELDS = frozenset(
    {
        "expired_token",
        "refresh_token",
        "request_origin",
        "request_headers",
        "format",
        "request_originating_ip",
    }
)


@attrs.define(kw_only=True)
class RefreshSessionBody:
    """What a refresh needs of the browser's request.

    Attributes:
        expired_token: The expired session token, issued for this very session.
        refresh_token: The value of the browser's `__refresh_…` cookie.
        request_origin: The origin of the browser's request; must equal the `azp` claim of the expired
            token.
        request_headers: The headers of the browser's request, each name with a list of values.
        format: Whether to answer with a token or with cookies; a token unless asked otherwise.
        request_originating_ip: The address that the browser's request came from.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    expired_token: str = attrs.field(repr=False)
    refresh_token: str = attrs.field(repr=False)
    request_origin: str
    request_headers: dict[str, Any] | None = attrs.field(default=None, repr=False)
    format: RefreshFormat | None = None
    request_originating_ip: str | None = None
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
            model.expired_token = expired_token = source["expired_token"]
            model.refresh_token = refresh_token = source["refresh_token"]
            model.request_origin = request_origin = source["request_origin"]
        except KeyError as missing:
            raise UnexpectedBody(f"RefreshSessionBody.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("RefreshSessionBody", "an object") from None
        if type(expired_token) is not str:
            raise UnexpectedBody("RefreshSessionBody.expired_token", "a string")
        if type(refresh_token) is not str:
            raise UnexpectedBody("RefreshSessionBody.refresh_token", "a string")
        if type(request_origin) is not str:
            raise UnexpectedBody("RefreshSessionBody.request_origin", "a string")

        known = 6
        if "request_headers" in source:
            model.request_headers = request_headers = source["request_headers"]
            if request_headers is not None and type(request_headers) is not dict:
                raise UnexpectedBody("RefreshSessionBody.request_headers", "an object")
        else:
            model.request_headers = None
            known -= 1
        if "format" in source:
            format_ = source["format"]
            if format_ is not None and (type(format_) is not str or format_ not in REFRESH_FORMAT_BY_VALUE):
                raise UnexpectedBody("RefreshSessionBody.format", "one of token, cookie")
            model.format = None if format_ is None else REFRESH_FORMAT_BY_VALUE[format_]
        else:
            model.format = None
            known -= 1
        if "request_originating_ip" in source:
            model.request_originating_ip = request_originating_ip = source["request_originating_ip"]
            if request_originating_ip is not None and type(request_originating_ip) is not str:
                raise UnexpectedBody("RefreshSessionBody.request_originating_ip", "a string")
        else:
            model.request_originating_ip = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "expired_token": self.expired_token,
            "refresh_token": self.refresh_token,
            "request_origin": self.request_origin,
        }
        if self.request_headers is not None:
            members["request_headers"] = dict(self.request_headers)
        if self.format is not None:
            members["format"] = str(self.format)
        if self.request_originating_ip is not None:
            members["request_originating_ip"] = self.request_originating_ip
        return members
