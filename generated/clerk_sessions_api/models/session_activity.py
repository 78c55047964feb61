# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``SessionActivity``."""

from __future__ import annotations

from typing import Any, Self

import attrs

from ..errors import UnexpectedBody
from ..types import leftovers

_FIELDS = frozenset(
    {
        "object",
        "id",
        "is_mobile",
        "device_type",
        "browser_name",
        "browser_version",
        "ip_address",
        "city",
        "country",
    }
)


@attrs.define(kw_only=True)
class SessionActivity:
    """The device and place from which a session was last used.

    Attributes:
        object: Says that this is an activity, `session_activity`.
        id: The activity's id.
        is_mobile: Whether the device is a mobile one.
        device_type: The kind of device, as the browser tells it.
        browser_name: The browser's name.
        browser_version: The browser's version.
        ip_address: The address that the request came from.
        city: The city of that address.
        country: The country of that address.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    object: str
    id: str
    is_mobile: bool
    device_type: str | None = None
    browser_name: str | None = None
    browser_version: str | None = None
    ip_address: str | None = None
    city: str | None = None
    country: str | None = None
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
            model.id = id = source["id"]
            model.is_mobile = is_mobile = source["is_mobile"]
        except KeyError as missing:
            raise UnexpectedBody(f"SessionActivity.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("SessionActivity", "an object") from None
        if type(object_) is not str:
            raise UnexpectedBody("SessionActivity.object", "a string")
        if type(id) is not str:
            raise UnexpectedBody("SessionActivity.id", "a string")
        if type(is_mobile) is not bool:
            raise UnexpectedBody("SessionActivity.is_mobile", "true or false")

        known = 9
        if "device_type" in source:
            model.device_type = device_type = source["device_type"]
            if device_type is not None and type(device_type) is not str:
                raise UnexpectedBody("SessionActivity.device_type", "a string")
        else:
            model.device_type = None
            known -= 1
        if "browser_name" in source:
            model.browser_name = browser_name = source["browser_name"]
            if browser_name is not None and type(browser_name) is not str:
                raise UnexpectedBody("SessionActivity.browser_name", "a string")
        else:
            model.browser_name = None
            known -= 1
        if "browser_version" in source:
            model.browser_version = browser_version = source["browser_version"]
            if browser_version is not None and type(browser_version) is not str:
                raise UnexpectedBody("SessionActivity.browser_version", "a string")
        else:
            model.browser_version = None
            known -= 1
        if "ip_address" in source:
            model.ip_address = ip_address = source["ip_address"]
            if ip_address is not None and type(ip_address) is not str:
                raise UnexpectedBody("SessionActivity.ip_address", "a string")
        else:
            model.ip_address = None
            known -= 1
        if "city" in source:
            model.city = city = source["city"]
            if city is not None and type(city) is not str:
                raise UnexpectedBody("SessionActivity.city", "a string")
        else:
            model.city = None
            known -= 1
        if "country" in source:
            model.country = country = source["country"]
            if country is not None and type(country) is not str:
                raise UnexpectedBody("SessionActivity.country", "a string")
        else:
            model.country = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "object": self.object,
            "id": self.id,
            "is_mobile": self.is_mobile,
        }
        if self.device_type is not None:
            members["device_type"] = self.device_type
        if self.browser_name is not None:
            members["browser_name"] = self.browser_name
        if self.browser_version is not None:
            members["browser_version"] = self.browser_version
        if self.ip_address is not None:
            members["ip_address"] = self.ip_address
        if self.city is not None:
            members["city"] = self.city
        if self.country is not None:
            members["country"] = self.country
        return members
