# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""Create a session: ``POST /sessions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import UnexpectedBody, UnexpectedStatus
from ...models.create_session_body import CreateSessionBody
from ...models.error_body import ErrorBody
from ...models.session import Session
from ...types import Response, read_json

if TYPE_CHECKING:
    import httpx

    from ...client import AuthenticatedClient


def build_request(
    client: AuthenticatedClient,
    *,
    body: CreateSessionBody,
) -> httpx.Request:
    """Build the request; nothing is sent.

    Signs a user in without a browser. Meant for tests: a production instance refuses it.

    Args:
        client: The client to call through.
        body: Whom to sign in.
    """
    return client.build_request(
        "POST",
        "/sessions",
        body=body.to_dict(),
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
    if response.status_code in (400, 401, 404, 422, 429, 500, 503):
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
    *,
    client: AuthenticatedClient,
    body: CreateSessionBody,
) -> Response[Session | ErrorBody]:
    """Create a session: the answer with its status and headers.

    Args:
        client: The client to call through.
        body: Whom to sign in.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        body=body,
    )
    response = client.get_httpx_client().send(request)
    return build_response(response)


def sync(
    *,
    client: AuthenticatedClient,
    body: CreateSessionBody,
) -> Session | ErrorBody:
    """Create a session: the answer alone.

    Args:
        client: The client to call through.
        body: Whom to sign in.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        body=body,
    )
    response = client.get_httpx_client().send(request)
    return parse_response(response)


async def asyncio_detailed(
    *,
    client: AuthenticatedClient,
    body: CreateSessionBody,
) -> Response[Session | ErrorBody]:
    """Create a session: the answer with its status and headers.

    Args:
        client: The client to call through.
        body: Whom to sign in.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        body=body,
    )
    response = await client.get_async_httpx_client().send(request)
    return build_response(response)


async def asyncio(
    *,
    client: AuthenticatedClient,
    body: CreateSessionBody,
) -> Session | ErrorBody:
    """Create a session: the answer alone.

    Args:
        client: The client to call through.
        body: Whom to sign in.

    Raises:
        UnexpectedStatus: The status is not documented, or the body of an error cannot be read.
        UnexpectedBody: The body of the success is not what it should be.
        httpx.HTTPError: There was no answer.
    """
    request = build_request(
        client,
        body=body,
    )
    response = await client.get_async_httpx_client().send(request)
    return parse_response(response)
