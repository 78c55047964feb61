# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The object ``Session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from ..errors import UnexpectedBody
from ..types import from_milliseconds, leftovers
from .session_activity import SessionActivity
from .session_status import SESSION_STATUS_BY_VALUE, SessionStatus
from .session_task import SessionTask

if TYPE_CHECKING:
    from datetime import datetime

_FIELDS = frozenset(
    {
        "object",
        "id",
        "user_id",
        "client_id",
        "status",
        "last_active_at",
        "expire_at",
        "abandon_at",
        "updated_at",
        "created_at",
        "last_active_organization_id",
        "actor",
        "latest_activity",
        "tasks",
    }
)


@attrs.define(kw_only=True)
class Session:
    """One sign-in of one user on one client.

    Attributes:
        object: Says that this is a session.
        id: The session's id, `sess_…`.
        user_id: The id of the user who is signed in, `user_…`.
        client_id: The id of the client (a browser or a device), `client_…`.
        status: A session's state. `active` can be used; `pending` is signed in with tasks left to do;
            `expired` reached its longest lifetime; `abandoned` was unused for too long; `ended` and
            `removed` were signed out; `replaced` gave way to another session; `revoked` was ended by the
            application. Clerk may add states.
        last_active_at_ms: When the session was last used; milliseconds since 1970.
        expire_at_ms: When the session reaches its longest lifetime; milliseconds since 1970.
        abandon_at_ms: When the session counts as abandoned if it stays unused; milliseconds since
            1970.
        updated_at_ms: When the session last changed; milliseconds since 1970.
        created_at_ms: When the user signed in; milliseconds since 1970.
        last_active_organization_id: The organization that was chosen last, `org_…`; null for the
            personal account.
        actor: Who acts in the user's name; null unless somebody impersonates the user.
        latest_activity: Where the session was last used; null if Clerk keeps no record.
        tasks: What the user must still do before a pending session becomes active.
        additional_properties: The members of the object that are not listed here; not shown by ``repr``.
    """

    object: Literal["session"]
    id: str
    user_id: str
    client_id: str
    status: SessionStatus | str
    last_active_at_ms: int
    expire_at_ms: int
    abandon_at_ms: int
    updated_at_ms: int
    created_at_ms: int
    last_active_organization_id: str | None = None
    actor: dict[str, Any] | None = None
    latest_activity: SessionActivity | None = None
    tasks: list[SessionTask] | None = None
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
            model.user_id = user_id = source["user_id"]
            model.client_id = client_id = source["client_id"]
            status = source["status"]
            model.last_active_at_ms = last_active_at = source["last_active_at"]
            model.expire_at_ms = expire_at = source["expire_at"]
            model.abandon_at_ms = abandon_at = source["abandon_at"]
            model.updated_at_ms = updated_at = source["updated_at"]
            model.created_at_ms = created_at = source["created_at"]
        except KeyError as missing:
            raise UnexpectedBody(f"Session.{missing.args[0]}", "a value") from None
        except TypeError:
            raise UnexpectedBody("Session", "an object") from None
        if object_ != "session":
            raise UnexpectedBody("Session.object", "'session'")
        if type(id) is not str:
            raise UnexpectedBody("Session.id", "a string")
        if type(user_id) is not str:
            raise UnexpectedBody("Session.user_id", "a string")
        if type(client_id) is not str:
            raise UnexpectedBody("Session.client_id", "a string")
        if type(status) is not str:
            raise UnexpectedBody("Session.status", "a string")
        model.status = SESSION_STATUS_BY_VALUE.get(status, status)
        if type(last_active_at) is not int:
            raise UnexpectedBody("Session.last_active_at", "an integer")
        if type(expire_at) is not int:
            raise UnexpectedBody("Session.expire_at", "an integer")
        if type(abandon_at) is not int:
            raise UnexpectedBody("Session.abandon_at", "an integer")
        if type(updated_at) is not int:
            raise UnexpectedBody("Session.updated_at", "an integer")
        if type(created_at) is not int:
            raise UnexpectedBody("Session.created_at", "an integer")

        known = 14
        if "last_active_organization_id" in source:
            model.last_active_organization_id = last_active_organization_id = source[
                "last_active_organization_id"
            ]
            if last_active_organization_id is not None and type(last_active_organization_id) is not str:
                raise UnexpectedBody("Session.last_active_organization_id", "a string")
        else:
            model.last_active_organization_id = None
            known -= 1
        if "actor" in source:
            model.actor = actor = source["actor"]
            if actor is not None and type(actor) is not dict:
                raise UnexpectedBody("Session.actor", "an object")
        else:
            model.actor = None
            known -= 1
        if "latest_activity" in source:
            latest_activity = source["latest_activity"]
            model.latest_activity = (
                None if latest_activity is None else SessionActivity.from_dict(latest_activity)
            )
        else:
            model.latest_activity = None
            known -= 1
        if "tasks" in source:
            tasks = source["tasks"]
            if tasks is not None and type(tasks) is not list:
                raise UnexpectedBody("Session.tasks", "an array")
            model.tasks = None if tasks is None else list(map(SessionTask.from_dict, source["tasks"]))
        else:
            model.tasks = None
            known -= 1
        model.additional_properties = {} if len(source) == known else leftovers(source, _FIELDS)
        return model

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a JSON object; optional fields that are None are left out."""
        members: dict[str, Any] = {
            **self.additional_properties,
            "object": self.object,
            "id": self.id,
            "user_id": self.user_id,
            "client_id": self.client_id,
            "status": str(self.status),
            "last_active_at": self.last_active_at_ms,
            "expire_at": self.expire_at_ms,
            "abandon_at": self.abandon_at_ms,
            "updated_at": self.updated_at_ms,
            "created_at": self.created_at_ms,
        }
        if self.last_active_organization_id is not None:
            members["last_active_organization_id"] = self.last_active_organization_id
        if self.actor is not None:
            members["actor"] = dict(self.actor)
        if self.latest_activity is not None:
            members["latest_activity"] = self.latest_activity.to_dict()
        if self.tasks is not None:
            members["tasks"] = [item.to_dict() for item in self.tasks]
        return members

    @property
    def last_active_at(self) -> datetime:
        """``last_active_at_ms`` as an aware datetime in UTC.

        Raises:
            OverflowError: The moment is outside the years 1 to 9999.
        """
        return from_milliseconds(self.last_active_at_ms)

    @property
    def expire_at(self) -> datetime:
        """``expire_at_ms`` as an aware datetime in UTC.

        Raises:
            OverflowError: The moment is outside the years 1 to 9999.
        """
        return from_milliseconds(self.expire_at_ms)

    @property
    def abandon_at(self) -> datetime:
        """``abandon_at_ms`` as an aware datetime in UTC.

        Raises:
            OverflowError: The moment is outside the years 1 to 9999.
        """
        return from_milliseconds(self.abandon_at_ms)

    @property
    def updated_at(self) -> datetime:
        """``updated_at_ms`` as an aware datetime in UTC.

        Raises:
            OverflowError: The moment is outside the years 1 to 9999.
        """
        return from_milliseconds(self.updated_at_ms)

    @property
    def created_at(self) -> datetime:
        """``created_at_ms`` as an aware datetime in UTC.

        Raises:
            OverflowError: The moment is outside the years 1 to 9999.
        """
        return from_milliseconds(self.created_at_ms)
