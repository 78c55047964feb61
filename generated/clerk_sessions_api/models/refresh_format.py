# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The enum ``RefreshFormat``."""

from enum import StrEnum


class RefreshFormat(StrEnum):
    """The form in which a refresh answers."""

    TOKEN = "token"
    COOKIE = "cookie"


REFRESH_FORMAT_BY_VALUE: dict[str, RefreshFormat] = {member.value: member for member in RefreshFormat}
