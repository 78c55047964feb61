"""The eight operations as the tests of the generated client call them, beside what the recorded spec says."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs
import yaml

from clerk_sessions_api.models import (
    CreateSessionBody,
    CreateSessionTokenBody,
    RefreshFormat,
    RefreshSessionBody,
    SessionStatusFilter,
)

ROOT: Final = Path(__file__).parent.parent.parent
SPEC: Final[dict[str, Any]] = yaml.safe_load((ROOT / "openapi" / "clerk-sessions.yaml").read_text("utf-8"))
SCHEMAS: Final[dict[str, Any]] = SPEC["components"]["schemas"]
OBJECTS: Final = sorted(name for name, schema in SCHEMAS.items() if "properties" in schema)
"""The schemas that a model class is generated for."""


@attrs.frozen(repr=False)
class Operation:
    """One call: how it is made, and the request that it must become."""

    module: str
    method: str
    template: str
    path: str
    args: tuple[str, ...] = ()
    options: dict[str, Any] = attrs.field(factory=dict[str, Any])
    query: str = ""
    body: dict[str, Any] | None = None

    @property
    def code(self) -> Any:
        """The generated module."""
        return import_module(f"clerk_sessions_api.api.{self.module}")

    @property
    def spec(self) -> dict[str, Any]:
        """What the recorded spec says of the operation."""
        operation: dict[str, Any] = SPEC["paths"][self.template][self.method.lower()]
        return operation

    def examples(self) -> list[Any]:
        """The recorded examples of the success."""
        content = resolved(self.spec["responses"]["200"])["content"]["application/json"]
        return [resolved(example)["value"] for example in content["examples"].values()]

    def error_statuses(self) -> list[int]:
        """The documented statuses besides 200."""
        return [int(status) for status in self.spec["responses"] if status != "200"]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a ``$ref`` inside the spec."""
    while "$ref" in node:
        found: Any = SPEC
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


OPERATIONS: Final = [
    Operation(module="jwks.get_jwks", method="GET", template="/jwks", path="/jwks"),
    Operation(
        module="sessions.get_session_list",
        method="GET",
        template="/sessions",
        path="/sessions",
        options={
            "client_id": "client_1",
            "user_id": "user_1",
            "status": SessionStatusFilter.ACTIVE,
            "paginated": True,
            "limit": 500,
            "offset": 0,
        },
        query="client_id=client_1&user_id=user_1&status=active&paginated=true&limit=500&offset=0",
    ),
    Operation(
        module="sessions.create_session",
        method="POST",
        template="/sessions",
        path="/sessions",
        options={"body": CreateSessionBody(user_id="user_1", active_organization_id="org_1")},
        body={"user_id": "user_1", "active_organization_id": "org_1"},
    ),
    Operation(
        module="sessions.get_session",
        method="GET",
        template="/sessions/{session_id}",
        path="/sessions/sess_1",
        args=("sess_1",),
    ),
    Operation(
        module="sessions.refresh_session",
        method="POST",
        template="/sessions/{session_id}/refresh",
        path="/sessions/sess_1/refresh",
        args=("sess_1",),
        options={
            "body": RefreshSessionBody(
                expired_token="expired",
                refresh_token="refresh",
                request_origin="https://app.example.com",
                request_headers={"user-agent": ["browser"]},
                format=RefreshFormat.COOKIE,
                request_originating_ip="192.0.2.1",
            )
        },
        body={
            "expired_token": "expired",
            "refresh_token": "refresh",
            "request_origin": "https://app.example.com",
            "request_headers": {"user-agent": ["browser"]},
            "format": "cookie",
            "request_originating_ip": "192.0.2.1",
        },
    ),
    Operation(
        module="sessions.revoke_session",
        method="POST",
        template="/sessions/{session_id}/revoke",
        path="/sessions/sess_1/revoke",
        args=("sess_1",),
    ),
    Operation(
        module="sessions.create_session_token",
        method="POST",
        template="/sessions/{session_id}/tokens",
        path="/sessions/sess_1/tokens",
        args=("sess_1",),
        options={"body": CreateSessionTokenBody(expires_in_seconds=600)},
        body={"expires_in_seconds": 600},
    ),
    Operation(
        module="sessions.create_session_token_from_template",
        method="POST",
        template="/sessions/{session_id}/tokens/{template_name}",
        path="/sessions/sess_1/tokens/hasura",
        args=("sess_1", "hasura"),
        options={"body": CreateSessionTokenBody(expires_in_seconds=600)},
        body={"expires_in_seconds": 600},
    ),
]
BY_NAME: Final = {operation.module.split(".")[1]: operation for operation in OPERATIONS}
