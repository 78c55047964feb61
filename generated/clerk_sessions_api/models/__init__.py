# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The objects and enums of requests and answers."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .create_session_body import CreateSessionBody
    from .create_session_token_body import CreateSessionTokenBody
    from .error_body import ErrorBody
    from .error_detail import ErrorDetail
    from .json_web_key import JSONWebKey
    from .json_web_key_set import JSONWebKeySet
    from .refresh_format import RefreshFormat
    from .refresh_session_body import RefreshSessionBody
    from .session import Session
    from .session_activity import SessionActivity
    from .session_cookies import SessionCookies
    from .session_page import SessionPage
    from .session_status import SessionStatus
    from .session_status_filter import SessionStatusFilter
    from .session_task import SessionTask
    from .session_token import SessionToken

__all__ = (
    "CreateSessionBody",
    "CreateSessionTokenBody",
    "ErrorBody",
    "ErrorDetail",
    "JSONWebKey",
    "JSONWebKeySet",
    "RefreshFormat",
    "RefreshSessionBody",
    "Session",
    "SessionActivity",
    "SessionCookies",
    "SessionPage",
    "SessionStatus",
    "SessionStatusFilter",
    "SessionTask",
    "SessionToken",
)

if not TYPE_CHECKING:
    _HOMES = {
        "CreateSessionBody": "create_session_body",
        "CreateSessionTokenBody": "create_session_token_body",
        "ErrorBody": "error_body",
        "ErrorDetail": "error_detail",
        "JSONWebKey": "json_web_key",
        "JSONWebKeySet": "json_web_key_set",
        "RefreshFormat": "refresh_format",
        "RefreshSessionBody": "refresh_session_body",
        "Session": "session",
        "SessionActivity": "session_activity",
        "SessionCookies": "session_cookies",
        "SessionPage": "session_page",
        "SessionStatus": "session_status",
        "SessionStatusFilter": "session_status_filter",
        "SessionTask": "session_task",
        "SessionToken": "session_token",
    }

    def __getattr__(name):
        """Import the module that a model lives in, when the model is first used."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return value

    def __dir__():
        """List the models, loaded or not."""
        return sorted({*globals(), *__all__})
