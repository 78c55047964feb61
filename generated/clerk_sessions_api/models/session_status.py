# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The enum ``SessionStatus``."""

from enum import StrEnum


class SessionStatus(StrEnum):
    """A session's state.

    `active` can be used; `pending` is signed in with tasks left to do; `expired` reached its longest
    lifetime; `abandoned` was unused for too long; `ended` and `removed` were signed out; `replaced`
    gave way to another session; `revoked` was ended by the application. Clerk may add states.
    """

    ABANDONED = "abandoned"
    ACTIVE = "active"
    ENDED = "ended"
    EXPIRED = "expired"
    PENDING = "pending"
    REMOVED = "removed"
    REPLACED = "replaced"
    REVOKED = "revoked"


SESSION_STATUS_BY_VALUE: dict[str, SessionStatus] = {member.value: member for member in SessionStatus}
