# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""List sessions: ``GET /sessions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnexpectedBody, UnexpectedStatus
from ...models.error_body import ErrorBody
from ...models.session import Session
from ...models.session_page import SessionPage
from ...models.session_status_filter import SessionStatusFilter
from ...types import Response, is_array, read_json

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient


def build_request(
    client: AuthenticatedClient,
    *,
    client_id: str | None = None,
    user_id: str | None = None,
    status: SessionStatusFilter | None = None,
    paginated: bool | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> httpx.Request:
    """Build the request; nothing is sent.

    Gives sessions, newest first. Clerk expects a `client_id` or a `user_id`. Sessions that ended long
    ago may be missing, since Clerk removes them. The answer is a bare array; with `paginated=true` it
    is an object that also tells how many there are.

    Args:
        client: The client to call through.
        client_id: Only the sessions of this client.
        user_id: Only the sessions of this user.
        status: The states that a list of sessions can be narrowed to.
        paginated: True asks for an object with `data` and `total_count` in place of the bare array.
        limit: The largest number of sessions to give. At least 1, at most 500, 10 if left out.
        offset: How many of the newest sessions to leave out. At least 0, 0 if left out.
    """
    return client.build_request(
        "GET",
        "/sessions",
        query={
            "client_id": client_id,
            "user_id": user_id,
            "status": status,
            "paginated": paginated,
            "limit": limit,
            "offset": offset,
        },
    )


def parse_success(response: httpx.Response) -> list[Session] | SessionPage:
    """Read the body of a success (status 200).

    Raises:
        UnexpectedBody: The body is not JSON, or not what it should be.
    """
    source = read_json(response)
    if is_array(source):
        return list(map(Session.from_dict, source))
    return SessionPage.from_dict(source)


def parse_response(response: httpx.Response) -> list[Session] | SessionPage | ErrorBody:
    """Read an answer by its documented status.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of a success is not what it should be.
    """
    if response.status_code == 200:
        return parse_success(response)
    if response.status_code in (400, 401, 422, 429, 500, 503):
        try:
            return ErrorBody.from_dict(read_json(response))
        except UnexpectedBody:
            raise UnexpectedStatus(response.status_code) from None
    raise UnexpectedStatus(response.status_code)


def build_response(response: httpx.Response) -> Response[list[Session] | SessionPage | ErrorBody]:
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
    *,
    client: AuthenticatedClient,
    client_id: str | None = None,
    user_id: str | None = None,
    status: SessionStatusFilter | None = None,
    paginated: bool | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> Response[list[Session] | SessionPage | ErrorBody]:
    """List sessions: the answer with its status and headers.

    Args:
        client: The client to call through.
        client_id: Only the sessions of this client.
        user_id: Only the sessions of this user.
        status: The states that a list of sessions can be narrowed to.
        paginated: True asks for an object with `data` and `total_count` in place of the bare array.
        limit: The largest number of sessions to give. At least 1, at most 500, 10 if left out.
        offset: How many of the newest sessions to leave out. At least 0, 0 if left out.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        client_id=client_id,
        user_id=user_id,
        status=status,
        paginated=paginated,
        limit=limit,
        offset=offset,
    )
    response = client.get_httpx_client().send(request)
    return build_response(response)


def sync(
    *,
    client: AuthenticatedClient,
    client_id: str | None = None,
    user_id: str | None = None,
    status: SessionStatusFilter | None = None,
    paginated: bool | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> list[Session] | SessionPage | ErrorBody:
    """List sessions: the answer alone.

    Args:
        client: The client to call through.
        client_id: Only the sessions of this client.
        user_id: Only the sessions of this user.
        status: The states that a list of sessions can be narrowed to.
        paginated: True asks for an object with `data` and `total_count` in place of the bare array.
        limit: The largest number of sessions to give. At least 1, at most 500, 10 if left out.
        offset: How many of the newest sessions to leave out. At least 0, 0 if left out.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        client_id=client_id,
        user_id=user_id,
        status=status,
        paginated=paginated,
        limit=limit,
        offset=offset,
    )
    response = client.get_httpx_client().send(request)
    return parse_response(response)


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    client_id: str | None = None,
    user_id: str | None = None,
    status: SessionStatusFilter | None = None,
    paginated: bool | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> Response[list[Session] | SessionPage | ErrorBody]:
    """List sessions: the answer with its status and headers.

    Args:
        client: The client to call through.
        client_id: Only the sessions of this client.
        user_id: Only the sessions of this user.
        status: The states that a list of sessions can be narrowed to.
        paginated: True asks for an object with `data` and `total_count` in place of the bare array.
        limit: The largest number of sessions to give. At least 1, at most 500, 10 if left out.
        offset: How many of the newest sessions to leave out. At least 0, 0 if left out.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        client_id=client_id,
        user_id=user_id,
        status=status,
        paginated=paginated,
        limit=limit,
        offset=offset,
    )
    response = await client.get_async_httpx_client().send(request)
    return build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    client_id: str | None = None,
    user_id: str | None = None,
    status: SessionStatusFilter | None = None,
    paginated: bool | None = None,
    limit: int | None = None,
    offset: int | None = None,
) -> list[Session] | SessionPage | ErrorBody:
    """List sessions: the answer alone.

    Args:
        client: The client to call through.
        client_id: Only the sessions of this client.
        user_id: Only the sessions of this user.
        status: The states that a list of sessions can be narrowed to.
        paginated: True asks for an object with `data` and `total_count` in place of the bare array.
        limit: The largest number of sessions to give. At least 1, at most 500, 10 if left out.
        offset: How many of the newest sessions to leave out. At least 0, 0 if left out.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        client_id=client_id,
        user_id=user_id,
        status=status,
        paginated=paginated,
        limit=limit,
        offset=offset,
    )
    response = await client.get_async_httpx_client().send(request)
    return parse_response(response)
