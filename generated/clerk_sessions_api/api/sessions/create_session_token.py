# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""Issue a session token: ``POST /sessions/{session_id}/tokens``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnexpectedBody, UnexpectedStatus
from ...models.create_session_token_body import CreateSessionTokenBody
from ...models.error_body import ErrorBody
from ...models.session_token import SessionToken
from ...types import Response, path_segment, read_json

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient


def build_request(
    client: AuthenticatedClient,
    session_id: str,
    *,
    body: CreateSessionTokenBody | None = None,
) -> httpx.Request:
    """Build the request; nothing is sent.

    Issues a session token outside a browser. Such a token carries no `azp` claim.

    Args:
        client: The client to call through.
        session_id: The session's id.
        body: How long the token shall live.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
    """
    return client.build_request(
        "POST",
        f"/sessions/{path_segment(session_id, 'session_id')}/tokens",
        body=None if body is None else body.to_dict(),
    )


def parse_success(response: httpx.Response) -> SessionToken:
    """Read the body of a success (status 200).

    Raises:
        UnexpectedBody: The body is not JSON, or not what it should be.
    """
    source = read_json(response)
    return SessionToken.from_dict(source)


def parse_response(response: httpx.Response) -> SessionToken | ErrorBody:
    """Read an answer by its documented status.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of a success is not what it should be.
    """
    if response.status_code == 200:
        return parse_success(response)
    if response.status_code in (400, 401, 404, 422, 429, 500, 503):
        try:
            return ErrorBody.from_dict(read_json(response))
        except UnexpectedBody:
            raise UnexpectedStatus(response.status_code) from None
    raise UnexpectedStatus(response.status_code)


def build_response(response: httpx.Response) -> Response[SessionToken | ErrorBody]:
    """Read an answer, and keep its status, headers and body beside what was read.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of a success is not what it should be.
    """
    return Response(
        status_code=response.status_code,
        content=response.content,
        headers=response.headers,
        parsed=parse_response(response),
    )


def sync_detailed(
    session_id: str,
    *,
    client: AuthenticatedClient,
    body: CreateSessionTokenBody | None = None,
) -> Response[SessionToken | ErrorBody]:
    """Issue a session token: the answer with its status and headers.

    Args:
        client: The client to call through.
        session_id: The session's id.
        body: How long the token shall live.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
        body=body,
    )
    response = client.get_httpx_client().send(request)
    return build_response(response)


def sync(
    session_id: str,
    *,
    client: AuthenticatedClient,
    body: CreateSessionTokenBody | None = None,
) -> SessionToken | ErrorBody:
    """Issue a session token: the answer alone.

    Args:
        client: The client to call through.
        session_id: The session's id.
        body: How long the token shall live.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
        body=body,
    )
    response = client.get_httpx_client().send(request)
    return parse_response(response)


async def asyncio_detailed(
    session_id: str,
    *,
    client: AuthenticatedClient,
    body: CreateSessionTokenBody | None = None,
) -> Response[SessionToken | ErrorBody]:
    """Issue a session token: the answer with its status and headers.

    Args:
        client: The client to call through.
        session_id: The session's id.
        body: How long the token shall live.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
        body=body,
    )
    response = await client.get_async_httpx_client().send(request)
    return build_response(response)


async def asyncio(
    session_id: str,
    *,
    client: AuthenticatedClient,
    body: CreateSessionTokenBody | None = None,
) -> SessionToken | ErrorBody:
    """Issue a session token: the answer alone.

    Args:
        client: The client to call through.
        session_id: The session's id.
        body: How long the token shall live.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
        body=body,
    )
    response = await client.get_async_httpx_client().send(request)
    return parse_response(response)
