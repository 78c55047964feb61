"""The fake Clerk instance: what an application is configured with, its tokens, its door for requests."""

from __future__ import annotations

import base64
import time
import weakref
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from . import api, refresh, tokens, webhooks
from .keys import KeyRing, foreign
from .records import FakeSignIn, make_id
from .state import NOTHING, InstanceState
from .trouble import Troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from clerk_ext.config import ClerkConfig

    from .exchange import FakeRequest, FakeResponse
    from .keys import SigningKey
    from .records import FakeOrganization, FakeSession, FakeTemplate, FakeUser, SessionStatus
    from .webhooks import Event, FakeWebhook, Target

REQUESTS_KEPT: Final = 10_000


class FakeClerk(InstanceState):
    """A Clerk instance in memory that signs real tokens with its own keys and answers the session endpoints.

    Everything is reproducible but the keys: identifiers depend on the slug and on how many were made before.
    An instance may be used from several threads.

    Args:
        slug: Names the instance; becomes part of its Frontend API host. A DNS label.
        environment: ``development`` or ``production``.
        clock: Gives the time in Unix seconds; ``advance`` moves the instance's time on from there.
        token_version: The version of the tokens that the instance mints unless told otherwise.

    Attributes:
        instance_id: ``ins_…``.
        secret_key: ``sk_test_…`` or ``sk_live_…``.
        api_url: Where the instance's Backend API seems to be.
        skew: Seconds that the clock by which tokens are made is ahead of everybody else's.
        trouble: What goes wrong, on command.
        webhook_secret: ``whsec_…``: signs the session events.
        webhooks: The session events so far, oldest first; of many thousands, the newest.
        requests: The requests so far, oldest first; of many thousands, the newest.
        on_exchange: Each is called with every request and its answer, once the answer is made. What it raises
            goes to whoever sent the request in-process, and to whoever stops the server over HTTP.

    Raises:
        ValueError: A field has a value that Clerk would not allow.
    """

    REMOVE: ClassVar = tokens.Marker.REMOVE
    """As a value in ``claims`` or ``header``: leave this member out."""

    def __init__(
        self,
        slug: str = "example",
        *,
        environment: Literal["development", "production"] = "development",
        clock: Callable[[], float] = time.time,
        token_version: Literal[1, 2] = 2,
    ) -> None:
        super().__init__(slug, environment=environment, clock=clock)
        if token_version not in (1, 2):
            raise ValueError("token_version: must be 1 or 2")
        kind = "test" if environment == "development" else "live"
        self.token_version: Literal[1, 2] = token_version
        self.instance_id: str = make_id("ins_", slug, environment)
        self.secret_key: str = make_id(f"sk_{kind}_", slug)
        self.frontend_api: str = f"{slug}.clerk.accounts.dev" if kind == "test" else f"clerk.{slug}.com"
        self.publishable_key: str = f"pk_{kind}_" + base64.b64encode(f"{self.frontend_api}$".encode()).decode()
        self.api_url: str = f"https://{api.BACKEND_HOST}/v1"
        self.requests: list[FakeRequest] = []
        self.on_exchange: list[Callable[[FakeRequest, FakeResponse], None]] = []
        self.trouble: Troubles = Troubles(self.clock)
        self.webhook_secret: str = webhooks.secret_of(slug, environment)
        self.webhooks: list[FakeWebhook] = []
        self._deliveries = webhooks.Deliveries()
        self._untold: list[FakeWebhook] = []
        self._depth = 0
        self._exchanges: deque[tuple[FakeRequest, int]] = deque(maxlen=REQUESTS_KEPT)
        self._keys = KeyRing(self.instance_id)
        self._consumed: set[str] = set()
        weakref.finalize(self, self._keys.give_back).atexit = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.slug!r}, environment={self.environment!r})"

    @property
    def issuer(self) -> str:
        """The ``iss`` of the instance's tokens."""
        return f"https://{self.frontend_api}"

    @property
    def jwks_url(self) -> str:
        """Where the Frontend API shows the key set."""
        return f"{self.issuer}{api.JWKS_PATH}"

    def config(self, **overrides: Any) -> ClerkConfig:
        """Return the configuration of this instance, named by its slug and on its clock.

        Args:
            overrides: Fields of ``ClerkConfig``, in place of or beside those.
        """
        from clerk_ext.config import ClerkConfig

        fields: dict[str, Any] = {
            "name": self.slug,
            "publishable_key": self.publishable_key,
            "secret_key": self.secret_key,
            "api_url": self.api_url,
            "clock": self.clock,
        }
        return ClerkConfig(**(fields | overrides))

    @property
    def kid(self) -> str:
        """The ``kid`` of the key in use: the instance's id, unless a rotation gave another."""
        return self._keys.current()[0]

    def jwks(self) -> dict[str, Any]:
        """Return the key set, as Clerk publishes it."""
        return {"keys": [key.public_jwk(kid) for kid, key in self._keys.published()]}

    def public_key_pem(self) -> str:
        """Return the public key in use as PEM."""
        return self._keys.current()[1].public_pem()

    def rotate_key(self, *, keep_old: bool = True, kid: str | None = None) -> None:
        """Sign with a new key from now on.

        Args:
            keep_old: Whether the key set still shows the keys before it.
            kid: The new key's id; the instance's id, as Clerk has it, if None. Beside the old key under the same id
                some clients, Clerk's own among them, find one of the two only.
        """
        self._keys.rotate(kid or self.instance_id, keep_old=keep_old)

    def sign_in(
        self,
        user: FakeUser | None = None,
        *,
        organization: FakeOrganization | None = None,
        status: SessionStatus = "active",
        azp: str | None = None,
        actor: Mapping[str, Any] | None = None,
        claims: Mapping[str, object] = NOTHING,
    ) -> FakeSignIn:
        """Sign a user in, and return what their browser brings with each request from then on.

        Args:
            user: Who; a new user if None, who is a member of the organisation.
            organization: The active organisation; the user must be a member.
            status: The session's status.
            azp: The origin of the application's pages, as for ``session_token``.
            actor: Who impersonates the user: the ``act`` claim, such as ``{"sub": "user_…"}``.
            claims: Members of the token to set, or to leave out by ``REMOVE``.

        Raises:
            ValueError: The user is of another instance, or no member of the organisation.
        """
        since = int(self.own_clock())  # it comes from where the token comes from, and is never younger
        user = user or self.add_member(organization)
        session = self.create_session(user, organization=organization, status=status, actor=actor)
        token = self.session_token(session, azp=azp, claims=claims)
        return FakeSignIn(
            session=session,
            token=token,
            cookies=self.cookies(session, token, since),
            headers={"Authorization": f"Bearer {token}"},
        )

    def cookies(self, session: FakeSession, token: str, since: int) -> dict[str, str]:
        """Return the cookies that Clerk's frontend leaves on the application's host, plain and suffixed.

        Args:
            session: The session.
            token: Its token.
            since: Unix seconds of the sign-in.
        """
        values = {"__session": token, "__client_uat": str(since)}
        if self.environment == "development":  # where no cookie is shared with the Frontend API
            values["__clerk_db_jwt"] = make_id("dvb_", self.slug, session.client_id)
        suffix = refresh.cookie_suffix(self.publishable_key)
        return {name + end: value for end in ("", f"_{suffix}") for name, value in values.items()}

    def send_webhooks_to(self, target: Target) -> None:
        """Tell *target* of each session event from now on, signed with ``webhook_secret``.

        Args:
            target: A URL, which gets a POST, in the background; or a function, which is called with the
                ``FakeWebhook`` before the request or the call that caused it is done. What it raises goes to
                whoever caused it, once every other target has been told.

        Raises:
            TypeError: It is neither a URL nor a function.
            ValueError: It is no http URL.
        """
        self._deliveries.add(target)

    def wait_for_webhooks(self, timeout: float = 5.0) -> None:
        """Wait until every message to a URL is delivered.

        Raises:
            RuntimeError: One was not taken with a 2xx status, which is told once, or it took longer than *timeout*
                seconds.
        """
        if not self._deliveries.wait(timeout):
            raise RuntimeError(f"webhooks: not delivered within {timeout:g} s")
        if self._deliveries.failures:
            raise RuntimeError(f"webhooks: {self._deliveries.failures.pop(0)}")

    @contextmanager
    def _change(self) -> Generator[None, None, None]:
        """As a change of the state; then, without the lock, its own thread tells what was announced.

        Who is told may ask the instance over HTTP, where another thread answers, which needs the lock.
        """
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                untold: list[FakeWebhook] = []
                if not self._depth:
                    untold, self._untold = self._untold, untold
        self._deliveries.send(untold)

    def _announce(self, event: Event, session: FakeSession) -> None:
        webhook = webhooks.message(
            event,
            session,
            instance_id=self.instance_id,
            message_id=self.new_id("msg_"),
            now=self.clock(),
            secret=self.webhook_secret,
        )
        self.webhooks.append(webhook)
        _forget_old(self.webhooks)
        self._untold.append(webhook)

    def session_token(
        self,
        session: FakeSession,
        *,
        version: Literal[1, 2] | None = None,
        expires_in: float = 60,
        azp: str | None = None,
        claims: Mapping[str, object] = NOTHING,
        header: Mapping[str, object] = NOTHING,
        key: SigningKey | None = None,
    ) -> str:
        """Mint a session token, whatever the session's status.

        Args:
            session: The session.
            version: 1 or 2; the instance's own if None.
            expires_in: Seconds from now to expiry; negative makes an expired token.
            azp: Origin of the browser request; None as for a token minted by the API.
            claims: Members of the payload to set, or to leave out by ``REMOVE``.
            header: The same for the header.
            key: Signs in place of the instance's key.
        """
        organization = session.organization
        minted = tokens.session_claims(
            session,
            None if organization is None else self.membership(session.user, organization),
            version=version or self.token_version,
            issuer=self.issuer,
            issued_at=int(self.own_clock()),
            expires_in=expires_in,
            azp=azp,
            token_id=self.new_id("")[:20],
        )
        return self._mint(tokens.SESSION_CATEGORY, minted, claims, header, key)

    def template_token(
        self,
        session: FakeSession,
        template: FakeTemplate | str,
        *,
        expires_in: float | None = None,
        azp: str | None = None,
        claims: Mapping[str, object] = NOTHING,
        header: Mapping[str, object] = NOTHING,
        key: SigningKey | None = None,
    ) -> str:
        """Mint a token by a JWT template.

        Args:
            session: The session.
            template: The template or its name.
            expires_in: Seconds from now to expiry, in place of the template's lifetime.
            azp: As for ``session_token``, like the rest.
            claims: Members of the payload to set, or to leave out by ``REMOVE``.
            header: The same for the header.
            key: Signs in place of the instance's key.

        Raises:
            KeyError: There is no template of this name.
        """
        template = self._templates[template] if isinstance(template, str) else template
        minted = tokens.template_claims(
            session,
            template,
            issuer=self.issuer,
            issued_at=int(self.own_clock()),
            expires_in=expires_in,
            azp=azp,
            token_id=self.new_id("")[:20],
        )
        signer = key or template.signing_key
        if isinstance(signer, str):
            header = {"alg": "HS256", **header}
        return self._mint(tokens.TEMPLATE_CATEGORY, minted, claims, header, signer)

    def sign(self, header: object, payload: object, key: SigningKey | None = None) -> str:
        """Sign anything: bytes as they are, any other value as JSON. The signature is always RS256.

        Args:
            header: The header; nothing is added to it.
            payload: The payload.
            key: Signs in place of the instance's key.
        """
        return tokens.encode(header, payload, key or self._keys.current()[1])

    def forge(self, token: str) -> str:
        """Return the token with the same header and payload, signed by a key that no instance has.

        Raises:
            ValueError: The token has not three parts.
        """
        return tokens.resigned(token, foreign())

    def signed(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether a key of the key set made this signature."""
        return any(key.signed(signing_input, signature) for _, key in self._keys.published())

    def refresh_token(self, session: FakeSession) -> str:
        """Return the value of the browser's refresh cookie for this session."""
        return make_id("", self.slug, "refresh", session.id)

    def consume(self, token: str) -> bool:
        """Mark an expired token as traded for a fresh one; false if it was before."""
        with self._lock:
            fresh = token not in self._consumed
            self._consumed.add(token)
            return fresh

    def exchanges(self) -> list[tuple[FakeRequest, int]]:
        """Return the requests so far and the status of each answer, oldest first; of many thousands, the newest."""
        return list(self._exchanges)

    def handle(self, request: FakeRequest) -> FakeResponse:
        """Answer a request to the Backend API or the Frontend API, without any I/O.

        Returns:
            What Clerk would answer, after the trouble on command. A request that makes no sense has an error for
            its answer; nothing is raised but what functions raise that ``on_exchange`` has or webhooks go to.
        """
        with self._change():
            self.requests.append(request)
            _forget_old(self.requests)
            response = self.trouble.spoil(
                api.operation_of(request), lambda: api.answer(self, request, trace_id=self.new_id("")[:24])
            )
            self._exchanges.append((request, response.status))
        for watch in self.on_exchange:
            watch(request, response)
        return response

    def _mint(
        self,
        category: str,
        payload: Mapping[str, Any],
        claims: Mapping[str, object],
        header: Mapping[str, object],
        key: SigningKey | str | None,
    ) -> str:
        kid, own = self._keys.current()
        head = tokens.edited(tokens.token_header(kid, category), header)
        return tokens.encode(head, tokens.edited(payload, claims), key or own)


def _forget_old(items: list[Any]) -> None:
    if len(items) > REQUESTS_KEPT:
        del items[: REQUESTS_KEPT // 10]
