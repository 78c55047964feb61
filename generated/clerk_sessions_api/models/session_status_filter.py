# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The enum ``SessionStatusFilter``."""

from enum import StrEnum


class SessionStatusFilter(StrEnum):
    """The states that a list of sessions can be narrowed to."""

    ABANDONED = "abandoned"
    ACTIVE = "active"
    ENDED = "ended"
    EXPIRED = "expired"
    REMOVED = "removed"
    REPLACED = "replaced"
    REVOKED = "revoked"


SESSION_STATUS_FILTER_BY_VALUE: dict[str, SessionStatusFilter] = {
    member.value: member for member in SessionStatusFilter
}
