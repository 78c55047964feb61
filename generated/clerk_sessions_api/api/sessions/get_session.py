# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""Read one session: ``GET /sessions/{session_id}``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnexpectedBody, UnexpectedStatus
from ...models.error_body import ErrorBody
from ...models.session import Session
from ...types import Response, path_segment, read_json

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient


def build_request(
    client: AuthenticatedClient,
    session_id: str,
) -> httpx.Request:
    """Build the request; nothing is sent.

    Gives the session with this id.

    Args:
        client: The client to call through.
        session_id: The session's id.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
    """
    return client.build_request(
        "GET",
        f"/sessions/{path_segment(session_id, 'session_id')}",
    )


def parse_success(response: httpx.Response) -> Session:
    """Read the body of a success (status 200).

    Raises:
        UnexpectedBody: The body is not JSON, or not what it should be.
    """
    source = read_json(response)
    return Session.from_dict(source)


def parse_response(response: httpx.Response) -> Session | ErrorBody:
    """Read an answer by its documented status.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of a success is not what it should be.
    """
    if response.status_code == 200:
        return parse_success(response)
    if response.status_code in (400, 401, 404, 429, 500, 503):
        try:
            return ErrorBody.from_dict(read_json(response))
        except UnexpectedBody:
            raise UnexpectedStatus(response.status_code) from None
    raise UnexpectedStatus(response.status_code)


def build_response(response: httpx.Response) -> Response[Session | ErrorBody]:
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
) -> Response[Session | ErrorBody]:
    """Read one session: the answer with its status and headers.

    Args:
        client: The client to call through.
        session_id: The session's id.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
    )
    response = client.get_httpx_client().send(request)
    return build_response(response)


def sync(
    session_id: str,
    *,
    client: AuthenticatedClient,
) -> Session | ErrorBody:
    """Read one session: the answer alone.

    Args:
        client: The client to call through.
        session_id: The session's id.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
    )
    response = client.get_httpx_client().send(request)
    return parse_response(response)


async def asyncio_detailed(
    session_id: str,
    *,
    client: AuthenticatedClient,
) -> Response[Session | ErrorBody]:
    """Read one session: the answer with its status and headers.

    Args:
        client: The client to call through.
        session_id: The session's id.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
    )
    response = await client.get_async_httpx_client().send(request)
    return build_response(response)


async def asyncio(
    session_id: str,
    *,
    client: AuthenticatedClient,
) -> Session | ErrorBody:
    """Read one session: the answer alone.

    Args:
        client: The client to call through.
        session_id: The session's id.

    Raises:
        ValueError: An id would lead to another path; nothing was sent.
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        session_id,
    )
    response = await client.get_async_httpx_client().send(request)
    return parse_response(response)
