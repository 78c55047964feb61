"""Which instance a request reaches through the in-process transport."""

from __future__ import annotations

import httpx
import pytest

from clerk_ext.testing import FakeClerk, FakeTransport


def authorized(fake: FakeClerk) -> dict[str, str]:
    """The headers of who has the instance's secret key."""
    return {"Authorization": f"Bearer {fake.secret_key}"}


def test_routes_by_host_and_secret_key() -> None:
    """A Frontend API host leads to its instance, the Backend API to the instance of the secret key."""
    acme, globex = FakeClerk("acme"), FakeClerk("globex", environment="production")
    with httpx.Client(transport=FakeTransport(acme, globex)) as client:
        public = [client.get(fake.jwks_url).json() for fake in (acme, globex)]
        secret = [client.get(f"{fake.api_url}/jwks", headers=authorized(fake)).json() for fake in (acme, globex)]
        elsewhere = client.get("http://localhost:8000/v1/jwks", headers=authorized(globex)).json()

    assert [acme.jwks(), globex.jwks()] == public == secret
    assert globex.jwks() == elsewhere
    assert (2, 3) == (len(acme.requests), len(globex.requests))


def test_unknown_key() -> None:
    """A key of no instance is refused, whatever the host."""
    with httpx.Client(transport=FakeTransport(FakeClerk("acme"), FakeClerk("globex"))) as client:
        responses = [
            client.get("https://api.clerk.com/v1/jwks", headers=authorized(FakeClerk("other"))),
            client.get("https://api.clerk.com/v1/jwks"),
            client.get("http://localhost:8000/v1/jwks"),
        ]

    assert ["clerk_key_invalid"] + ["authorization_header_format_invalid"] * 2 == [
        response.json()["errors"][0]["code"] for response in responses
    ]


def test_the_two_apis_keep_apart() -> None:
    """The Frontend API's host has no Backend API, secret key or not, and the other way round."""
    fake = FakeClerk()
    with httpx.Client(transport=FakeTransport(fake), headers=authorized(fake)) as client:
        responses = [
            client.get(f"{fake.issuer}/v1/jwks"),
            client.get("https://api.clerk.com/.well-known/jwks.json"),
            client.post(fake.jwks_url),
        ]

    assert [404, 404, 405] == [response.status_code for response in responses]


@pytest.mark.parametrize("path", ["/", "/.well-known/jwks.json", "/v1"])
def test_no_such_host(path: str) -> None:
    """Another host cannot be connected to, as if it were not there."""
    with (
        httpx.Client(transport=FakeTransport(FakeClerk())) as client,
        pytest.raises(httpx.ConnectError, match=r"example\.com"),
    ):
        client.get(f"https://example.com{path}")


def test_nothing_to_reach() -> None:
    """A transport without instances makes no sense, and neither do two that nobody could tell apart."""
    with pytest.raises(ValueError, match="none given"):
        FakeTransport()
    with pytest.raises(ValueError, match="same slug"):
        FakeTransport(FakeClerk("acme"), FakeClerk("acme"))


def test_hook_failure_reaches_the_sender() -> None:
    """What a function in `on_exchange` raises goes to whoever sent the request."""
    fake = FakeClerk()
    fake.on_exchange.append(lambda request, response: pytest.fail(f"{request.method} {response.status}"))
    with (
        httpx.Client(transport=FakeTransport(fake)) as client,
        pytest.raises(pytest.fail.Exception, match="GET 200"),
    ):
        client.get(fake.jwks_url)


def test_request_is_recorded_as_sent() -> None:
    """The instance keeps method, target, headers and body as the client sent them."""
    fake = FakeClerk()
    with httpx.Client(transport=FakeTransport(fake)) as client:
        client.post(
            "https://api.clerk.com/v1/sessions/a%2Fb?x=%20y", content=b"\xff", headers={b"X-Name": "é".encode()}
        )
    (request,) = fake.requests

    assert ("POST", "/v1/sessions/a%2Fb?x=%20y", b"\xff") == (request.method, request.path, request.body)
    assert ["é".encode().decode("latin-1")] == request.header_values("x-name")
