# Output: made from openapi/clerk-sessions.yaml, generator_config.yaml and openapi/templates/
# by openapi-python-client. Do not edit; change those and run `make generate`.
"""The client that operations take."""

from __future__ import annotations

from json import dumps
from threading import Lock
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import httpx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

_NOTHING = httpx.ByteStream(b"")
_USER_AGENT = "clerk-sessions-api/2026-05-12"


class AuthenticatedClient:
    """The API of one instance: its address, its credential, and the connections that calls go through.

    Nothing changes after construction but the two httpx clients, which are made when they are first used. As a
    context manager, sync or async, it closes what it made.

    Args:
        base_url: The API's address, such as ``https://api.clerk.com/v1``; paths are appended to it as it is.
        token: The bearer token; never shown.
        headers: More request headers. They are copied, and replace the defaults of the same name (``Accept``,
            ``User-Agent`` …) but not ``Authorization``.
        timeout: Seconds for each of connecting, sending, receiving and waiting for a connection, or an
            ``httpx.Timeout``.

    Raises:
        ValueError: The address is not an http(s) URL without credentials, query and fragment, or the token cannot
            be sent in a header.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: httpx.Timeout | float = 5.0,
    ) -> None:
        try:
            url = httpx.URL(base_url)
        except httpx.InvalidURL:
            raise ValueError("base_url is not a URL") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("base_url must be an absolute http or https URL")
        if url.userinfo or "?" in base_url or "#" in base_url:
            raise ValueError("base_url must not hold credentials, a query or a fragment")
        if not token or not token.isascii() or not token.isprintable():
            raise ValueError("token must be printable ASCII text")
        self._base_url = base_url.rstrip("/")
        self._headers = httpx.Headers(
            {
                "Host": url.netloc.decode("ascii"),
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "User-Agent": _USER_AGENT,
            }
        )
        self._headers.update(headers)
        self._headers["Authorization"] = f"Bearer {token}"
        self._body_headers = self._headers.copy()
        self._body_headers["Content-Type"] = "application/json"
        self._timeout = httpx.Timeout(timeout)
        self._timeouts = self._timeout.as_dict()
        self._lock = Lock()
        self._own: httpx.Client | None = None
        self._own_async: httpx.AsyncClient | None = None
        self._client: httpx.Client | None = None
        self._async_client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._base_url!r})"

    def build_request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int | bool | None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> httpx.Request:
        """Build a request that is ready to be sent: absolute URL, all headers, timeouts.

        Args:
            method: The HTTP method, in capitals.
            path: The path below the base URL, already percent-encoded.
            query: Query parameters; those that are None are left out.
            body: The JSON object to send, if any.
        """
        url = self._base_url + path
        if query is not None:
            pairs = [
                (name, ("true" if value else "false") if isinstance(value, bool) else str(value))
                for name, value in query.items()
                if value is not None
            ]
            if pairs:
                url = f"{url}?{urlencode(pairs, quote_via=quote, safe='')}"
        extensions = {"timeout": dict(self._timeouts)}
        if method == "GET":  # nothing is left for httpx to work out, which given a stream it does not try
            request = httpx.Request(
                method, url, headers=self._headers, stream=_NOTHING, extensions=extensions
            )
            request.read()
            return request
        content = None if body is None else dumps(body, separators=(",", ":")).encode()
        return httpx.Request(method, url, headers=self._body_headers, content=content, extensions=extensions)

    def get_httpx_client(self) -> httpx.Client:
        """Give the httpx client that calls go through, made on first use, once for all threads."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client
                if client is None:
                    client = self._client = self._own = httpx.Client(timeout=self._timeout)
        return client

    def get_async_httpx_client(self) -> httpx.AsyncClient:
        """Give the httpx client that async calls go through, made on first use, once for all threads."""
        client = self._async_client
        if client is None:
            with self._lock:
                client = self._async_client
                if client is None:
                    client = self._async_client = self._own_async = httpx.AsyncClient(timeout=self._timeout)
        return client

    def set_httpx_client(self, client: httpx.Client) -> None:
        """Send calls through this httpx client from now on; closing it stays with the caller."""
        self._client = client

    def set_async_httpx_client(self, client: httpx.AsyncClient) -> None:
        """Send async calls through this httpx client from now on; closing it stays with the caller."""
        self._async_client = client

    def close(self) -> None:
        """Close the httpx client that was made here, if any; one that was set stays open."""
        if self._own is not None:
            self._own.close()

    async def aclose(self) -> None:
        """Close the async httpx client that was made here, if any; one that was set stays open."""
        if self._own_async is not None:
            await self._own_async.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


__all__ = ["AuthenticatedClient"]
