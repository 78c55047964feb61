"""A world to prove isolation in: instances that share keys and kids, tenants of them, and a lone twin of each tenant.

A tenant's twin is a `Clerk` that lives alone, and is told whatever the tenant is told. So long as both say the same,
nothing that other tenants do or suffer has changed a verdict.
"""

from __future__ import annotations

import base64
import functools
import json
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import attrs
import httpx

from clerk_ext import ClerkConfig, ClerkError, TokenVerificationError, VerificationUnavailable
from clerk_ext.testing.keys import SigningKey
from clerk_ext.testing.tokens import SESSION_CATEGORY, encode, token_header
from tests.transport.loopback import session_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clerk_ext import Clerk, Tenants
    from tests.worlds import Clock

Health: TypeAlias = Literal["well", "outage", "500", "429", "HTML", "hanging", "no keys"]
Source: TypeAlias = Literal["Frontend API", "Backend API", "another's", "PEM"]
Verdict: TypeAlias = tuple[str, str | None]
"""``accepted`` with the tenant's name; or the reason of the refusal or ``unavailable``, with None."""

SHARED_API: Final = "https://api.clerk.example/v1"
KIDS: Final = ("ins_1", "ins_2")
AT_REST: Final = 61.0
"""Seconds after which the longest pause between fetches is surely over."""
LONG: Final = 50_000.0
"""Seconds that a token lives: its keys and pauses decide, not its expiry."""


@functools.cache
def material(number: int) -> SigningKey:
    """One of a few keys, which several instances may have at the same time."""
    return SigningKey.generate()


@attrs.define(eq=False)
class Instance:
    """A Clerk instance that shares what can be shared with others.

    Attributes:
        slug: Its name.
        api_url: Its Backend API, perhaps that of all.
        keys: The kid and the number of each published key; the last one signs.
        health: How its key set is served.
        at_rest_from: Unix seconds from which on no earlier trouble of its own can matter.
    """

    slug: str
    api_url: str
    keys: list[tuple[str, int]]
    health: Health = "well"
    at_rest_from: float = 0.0
    rotations: int = 0

    @property
    def host(self) -> str:
        """Its Frontend API."""
        return f"clerk.{self.slug}.example"

    @property
    def issuer(self) -> str:
        """The ``iss`` of its tokens."""
        return f"https://{self.host}"

    @property
    def secret(self) -> str:
        """Its secret key."""
        return f"sk_test_{self.slug}{self.rotations}{'Secret' * 4}{self.slug}"

    @property
    def session_id(self) -> str:
        """The id of its only session, which says whose it is."""
        return f"sess_{self.slug}"

    def token(
        self, clock: Clock, *, issuer: str | None = None, kid: str | None = None, key: int | None = None
    ) -> Token:
        """A session token: a good one, but for what is given."""
        own_kid, own_key = self.keys[-1]
        kid, key, issuer = kid or own_kid, own_key if key is None else key, issuer or self.issuer
        now = int(clock.time())
        claims = {
            "azp": "https://app.example.com",
            "exp": now + LONG,
            "iat": now,
            "iss": issuer,
            "jti": f"{next(_NUMBERS):020d}",
            "nbf": now - 10,
            "sid": self.session_id,
            "sub": f"user_{self.slug}",
            "v": 2,
            "sts": "active",
        }
        return Token(encode(token_header(kid, SESSION_CATEGORY), claims, material(key)), issuer, kid, key)


_NUMBERS: Final = iter(range(10**9))


@attrs.frozen
class Token:
    """A token and what is true of it."""

    text: str
    issuer: str
    kid: str
    key: int | None
    """The number of the key that signed it; None where none did."""


def grafted(onto: Token, signature_of: Token) -> Token:
    """A token with the signature of another one, so that both end alike."""
    text = onto.text.rpartition(".")[0] + "." + signature_of.text.rpartition(".")[2]
    return Token(text, onto.issuer, onto.kid, None)


class Network(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Leads to the instances, and records each request."""

    def __init__(self, instances: Iterable[Instance]) -> None:
        self.instances: list[Instance] = list(instances)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer in the sync world."""
        return self._answer(request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer in the async world."""
        return self._answer(request)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        for instance in self.instances:
            if request.url.host == instance.host:
                return _key_set(instance, request)
        secret = request.headers.get("Authorization", "").removeprefix("Bearer ")
        for instance in self.instances:
            if str(request.url).startswith(instance.api_url) and secret == instance.secret:
                if request.url.path.endswith("/jwks"):
                    return _key_set(instance, request)
                return httpx.Response(200, json=session_json(instance.session_id), request=request)
        return httpx.Response(401, json={"errors": []}, request=request)


def _key_set(instance: Instance, request: httpx.Request) -> httpx.Response:
    health = instance.health
    if health == "outage":
        raise httpx.ConnectError("nobody is there", request=request)
    if health == "hanging":
        raise httpx.ReadTimeout("nothing comes", request=request)
    keys = [] if health == "no keys" else [material(number).public_jwk(kid) for kid, number in instance.keys]
    if health == "HTML":
        return httpx.Response(200, html="<p>One moment", request=request)
    status = int(health) if health in ("500", "429") else 200
    headers = {"Retry-After": "600"} if health == "429" else {}
    return httpx.Response(status, headers=headers, content=json.dumps({"keys": keys}), request=request)


@attrs.define(eq=False)
class Placed:
    """A tenant as it stands: its settings, what can be true of its tokens, and its twin.

    Attributes:
        config: Its settings.
        instance: Whose tokens it takes.
        source: Whose keys it takes: its own, or another's.
        published: The numbers of the keys that were there to be had since it stands.
        twin: The lone client that is told all that it is told.
        client: The client by name, which may be held beyond the tenant's end.
        pem: The number of its only key, if that is given and not fetched.
        seen: Tokens that it was shown.
    """

    config: ClerkConfig
    instance: Instance
    source: Instance
    published: set[int]
    twin: Clerk
    client: Clerk
    pem: int | None = None
    seen: deque[Token] = attrs.field(factory=lambda: deque[Token](maxlen=6))

    def may_accept(self, token: Token) -> bool:
        """Whether a token is one of its own: by its issuer, signed by a key of its source."""
        return token.issuer == self.instance.issuer and token.key in self.published

    def must_accept(self, token: Token, now: float) -> bool:
        """Whether it has to accept a token: it is well, and has been for long enough."""
        source = self.source
        if self.pem is not None:
            return self.may_accept(token)
        if self.config.keys_url is None and self.config.secret_key != source.secret:
            return False  # the Backend API answers nobody who comes with an old secret key
        return (
            self.may_accept(token)
            and source.health == "well"
            and source.at_rest_from <= now
            and (token.kid, token.key) in source.keys
        )


def config_of(name: str, instance: Instance, source: Source, other: Instance, clock: Clock) -> ClerkConfig:
    """Settings of an instance; its keys are its own, or those at *other*'s address, or its present one as PEM."""
    fields: dict[str, Any] = {
        "name": name,
        "secret_key": instance.secret,
        "api_url": instance.api_url,
        "clock": clock.time,
        "monotonic": clock.monotonic,
    }
    if source == "Frontend API":
        fields["publishable_key"] = "pk_test_" + base64.b64encode(f"{instance.host}$".encode()).decode()
    else:
        fields["issuer"] = instance.issuer
    if source == "another's":
        fields["jwks_url"] = f"{other.issuer}/keys.json"
    elif source == "PEM":
        fields["jwt_key"] = material(instance.keys[-1][1]).public_pem()
    return ClerkConfig(**fields)


class Heard:
    """All that was said where a user could read it: messages, reprs, log lines."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, *things: object) -> None:
        """Take down what things say of themselves."""
        for thing in things:
            self.texts += [str(thing), repr(thing)]

    def found(self, secrets: Iterable[str]) -> list[str]:
        """Which of the secrets was said; what was taken down is forgotten."""
        said, self.texts = "\n".join(self.texts), []
        return [secret for secret in secrets if secret in said]


class Logged(logging.Handler):
    """Takes down log lines of every level."""

    def __init__(self, heard: Heard) -> None:
        super().__init__(logging.DEBUG)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        """Take down a line."""
        self._heard.texts.append(self.format(record))


HOWS: Final = ("verify", "authenticate", "request")


def told(client: Clerk | Tenants, token: str, how: str, heard: Heard) -> Verdict:
    """What a client says of a token, by one of its doors; what could be read on the way is taken down."""
    try:
        if how == "verify":
            claims = client.verify_token(token)
            heard.say(claims)
            return "accepted", claims.tenant
        if how == "authenticate":
            state = client.authenticate_token(token)
        else:
            state = client.authenticate_request({"Authorization": f"Bearer {token}"})
        heard.say(state, state.headers)
        if state.claims is not None:
            return "accepted", state.claims.tenant
        return str(state.reason), None
    except TokenVerificationError as refusal:
        heard.say(refusal)
        return str(refusal.reason), None
    except VerificationUnavailable as unavailable:
        heard.say(unavailable)
        return "unavailable", None


def refused(change: Any, *arguments: object) -> ClerkError | None:
    """The error of a change that is refused; None if it is made."""
    try:
        change(*arguments)
    except ClerkError as error:
        return error
    return None
