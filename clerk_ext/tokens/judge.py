"""From a token to a verdict, for both worlds: no I/O; what has to be fetched is asked for in steps."""

from __future__ import annotations

import enum
import weakref
from typing import TYPE_CHECKING, Any, Final

import attrs

from clerk_ext.errors import JWKSUnavailable, Reason, RevocationUnavailable, TokenVerificationError
from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
from clerk_ext.tokens.jwks import Fetch, Hit, Unavailable, Unknown, Wait
from clerk_ext.tokens.remembered import Remembered, RememberedTokens, Room
from clerk_ext.tokens.tally import Stats, Tally
from clerk_ext.tokens.token import (
    SESSION,
    TEMPLATE,
    Policy,
    check_claims,
    claims_of,
    claims_our_issuer,
    parse,
    refuse,
    signing_key,
    validity,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator
    from typing import TypeAlias, TypeVar

    from clerk_ext.config import ClerkConfig
    from clerk_ext.errors import VerificationUnavailable
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.tokens.jwks import KeyCache, Keys
    from clerk_ext.tokens.keys import VerificationKey
    from clerk_ext.tokens.ring import KeyRing
    from clerk_ext.tokens.token import Claims, Door, ParsedToken

    T = TypeVar("T")
    Steps: TypeAlias = "Generator[Fetch | Refresh | Wait, None, T]"


_COMPLAINT_INTERVAL = 60.0
_FEW = 8


class Unchanged(enum.Enum):
    """What an argument of `with_policy` is when it is left out, since None means something there."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "UNCHANGED"


UNCHANGED: Final = Unchanged.UNCHANGED


@attrs.frozen
class Refresh:
    """Fetch for *ticket* in the background, and go on at once."""

    ticket: int


class KnownHeaders(dict[str, "tuple[str | None, str | None]"]):
    """Header segments of verified tokens, with the ``kid`` and ``cat`` in them: they need not be read again.

    Of verified tokens only: nobody without a key of an instance can fill it.

    Args:
        size: The most segments.
    """

    __slots__ = ("_size",)

    def __init__(self, size: int = 256) -> None:
        super().__init__()
        self._size = size

    def note(self, token: ParsedToken) -> None:
        """Know the header of a token whose signature holds."""
        if len(self) >= self._size:
            self.clear()
        self[token.header_segment] = (token.kid, token.category)


@attrs.frozen(eq=False)
class Shared:
    """What the judges of many tenants have in common: memory that is bounded for all of them together.

    Attributes:
        room: For verified tokens.
        known_headers: Of all their tokens: what a header says does not depend on whose it is.
    """

    room: Room
    known_headers: KnownHeaders


@attrs.define(eq=False)
class Judge:
    """A tenant's policy, keys and revocations, brought to bear on a token.

    A driver calls `parse`, `at_hand`, where that gives None runs the steps of `find_key`, and ends with
    `session_claims` or `template_claims`.
    """

    config: ClerkConfig
    ring: KeyRing
    revocations: RevocationCheck | None = None
    shared: Shared | None = None
    is_routed_to: bool = False
    """Whether its verified tokens are to be found among those of all tenants, too."""
    _known_headers: KnownHeaders = attrs.field(init=False)
    _quiet_until: float = attrs.field(default=float("-inf"), init=False)
    _derived: weakref.WeakSet[Judge] | None = attrs.field(default=None, init=False)
    policy: Policy = attrs.field(init=False)
    remembered: RememberedTokens | None = attrs.field(init=False)
    # What each verification needs: among many tenants, each object on the way is out of the processor's cache.
    _name: str = attrs.field(init=False)
    _clock: Callable[[], float] = attrs.field(init=False)
    _monotonic: Callable[[], float] = attrs.field(init=False)
    _pem_key: VerificationKey | None = attrs.field(init=False)
    _keys: KeyCache = attrs.field(init=False)
    _tally: Tally = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.policy = _policy_of(self.config)
        config = self.config
        self._name, self._clock, self._monotonic = config.name, config.clock, config.monotonic
        self._pem_key, self._keys, self._tally = config.pem_key, self.ring.cache, self.ring.tally
        size, shared = self.config.token_cache_size, self.shared
        if shared is not None and shared.room.size == 0:
            size = 0
        self._known_headers = KnownHeaders() if shared is None else shared.known_headers
        room = Room() if shared is None else shared.room
        self.remembered = RememberedTokens(size, room, indexed=self.is_routed_to) if size else None

    def with_policy(self, **changes: object) -> Judge:
        """A judge of another policy: the same keys, revocations and counts, and no verified token of this one's.

        Raises:
            ConfigurationError: A change cannot work.
        """
        changed: dict[str, Any] = {name: value for name, value in changes.items() if value is not UNCHANGED}
        derived = Judge(attrs.evolve(self.config, **changed), self.ring, self.revocations, self.shared)
        if self.shared is not None:
            if self._derived is None:
                self._derived = weakref.WeakSet()
            self._derived.add(derived)
        return derived

    def recall(self, token: object) -> SessionClaims | None:
        """The claims of a session token that was verified before, if everything that they rest on still holds.

        Raises:
            TokenVerificationError: The session was revoked since.
            RevocationUnavailable: Whether it was cannot be told.
        """
        remembered = self.remembered
        if remembered is None or not isinstance(token, str):
            return None
        found = remembered.get(token)
        return None if found is None else self.confirm(found)

    def confirm(self, found: Remembered) -> SessionClaims | None:
        """The claims of a token that this judge has accepted before, if everything that they rest on still holds.

        Raises:
            TokenVerificationError: The session was revoked since.
            RevocationUnavailable: Whether it was cannot be told.
        """
        now = self._clock()
        if not found.valid_from <= now < found.valid_until:
            return None
        if found.kid is not None:
            keys = self._keys.peek(found.kid, (self._monotonic(), now))
            if keys is None:
                return None
            if found.key not in keys:
                if self.remembered is not None:
                    self.remembered.drop(found)
                return None
        claims = found.claims
        if self.revocations is not None:
            self.refuse_revoked(self.revocations, claims)
        tally = self._tally
        tally.verified += 1
        tally.cache_hits += 1
        return claims

    def count(self, verdict: TokenVerificationError | VerificationUnavailable) -> None:
        """Count a token that was not accepted."""
        if isinstance(verdict, TokenVerificationError):
            self._tally.refuse(verdict.reason)
        else:
            self._tally.unavailable += 1

    def close(self) -> None:
        """Forget every verified token, and remember none from now on."""
        self.ring.leave()
        for derived in self._derived or ():
            derived.close()
        if self.remembered is not None:
            self.remembered.close()

    def stats(self) -> Stats:
        """The counts until now."""
        tally = self._tally
        return Stats(
            tenant=self._name,
            verified=tally.verified,
            cache_hits=tally.cache_hits,
            refused=dict(tally.refused),
            unavailable=tally.unavailable,
            fetches=tally.fetches(),
            keys=len(self.ring) if self._pem_key is None else 1,
            remembered=0 if self.remembered is None else len(self.remembered),
        )

    def parse(self, token: object, door: Door) -> ParsedToken:
        """Check the form and the header of *token*."""
        return parse(token, door, self._known_headers)

    def at_hand(self, token: ParsedToken) -> VerificationKey | None:
        """The key that signed *token*, if it is at hand and nothing has to be decided about it."""
        pem_key = self._pem_key
        if pem_key is not None:
            return signing_key(token, (pem_key,)) or _bad_signature()
        if token.kid is None:
            refuse(Reason.TOKEN_INVALID, "The token does not say which key signed it (header kid).")
        keys = self._keys.peek(token.kid, (self._monotonic(), self._clock()))
        if keys is None:
            return None
        key = signing_key(token, keys)
        if (
            key is None
            and not (self.ring.may_suspect() and claims_our_issuer(token, self.policy))
            # A set that came in between is for find_key.
            and self._keys.peek(token.kid, (self._monotonic(), self._clock())) is keys
        ):
            _bad_signature()
        return key

    def find_key(self, token: ParsedToken) -> Steps[VerificationKey]:
        """The key of the tenant's set that signed *token*, fetched if need be.

        Raises:
            TokenVerificationError: There is none.
            JWKSUnavailable: The key set cannot be had.
        """
        assert token.kid is not None  # at_hand has refused it
        keys = yield from self._had(token.kid)
        key = signing_key(token, keys)
        if key is None:
            replaced = yield from self._replacement(token, token.kid, keys)
            key = signing_key(token, replaced)
        return key or _bad_signature()

    def _had(self, kid: str) -> Steps[Keys]:
        for last in (False, False, True):
            answer = self.ring.lookup(kid, may_fetch=not last)  # nobody would do the last one
            if isinstance(answer, Hit):
                if answer.refresh is not None:
                    yield Refresh(answer.refresh)
                return answer.keys
            if isinstance(answer, Unknown):
                refuse(
                    Reason.JWK_KID_MISMATCH,
                    "The token was signed with a key that the instance does not have (header kid).",
                )
            if isinstance(answer, Unavailable):
                raise _unavailable(answer.retry_after)
            if not last:
                yield answer
        raise _unavailable(None)

    def _replacement(self, token: ParsedToken, kid: str, tried: Keys) -> Steps[Keys]:
        """Keys that have taken the place of *tried* under their name; none where asking is not worth it."""
        if not claims_our_issuer(token, self.policy):
            return ()
        answer = self.ring.suspect()
        if answer is not None:
            yield answer
        # Also where nothing is to be fetched: what another caller fetched may have come since.
        known = {key.thumbprint for key in tried}
        # Not peek: with a short jwks_fresh what has just come may not be fresh any more.
        return tuple(key for key in self.ring.usable(kid) if key.thumbprint not in known)

    def prewarm(self) -> Steps[None]:
        """Have a fresh key set at hand.

        Raises:
            JWKSUnavailable: It cannot be had.
        """
        if self._pem_key is not None:
            return
        for last in (False, False, True):
            answer = self.ring.prefetch(may_fetch=not last)
            if answer is None:
                return
            if isinstance(answer, Unavailable):
                raise _unavailable(answer.retry_after)
            if not last:
                yield answer
        raise _unavailable(None)

    def session_claims(self, token: ParsedToken, key: VerificationKey) -> SessionClaims:
        """The claims of a session token that *key* signed, after every other check; they are remembered."""
        now = self._clock()
        payload = self._checked(token, SESSION, now)
        claims = SessionClaims(self._name, payload, self._clock)
        if self.revocations is not None:
            self.refuse_revoked(self.revocations, claims)
        self._tally.verified += 1
        if self.remembered is not None:
            begins, ends = validity(payload, self.policy)
            kid = None if self._pem_key is not None else token.kid
            self.remembered.add(Remembered(token.text, kid, key, begins, ends, claims, self), now)
        return claims

    def template_claims(self, token: ParsedToken) -> TemplateClaims:
        """The claims of a JWT-template token whose signature holds, after every other check."""
        payload = self._checked(token, TEMPLATE, self._clock())
        self._tally.verified += 1
        return TemplateClaims(self._name, payload)

    def _checked(self, token: ParsedToken, door: Door, now: float) -> Claims:
        if token.header_segment not in self._known_headers:
            self._known_headers.note(token)
        claims = claims_of(token.payload)
        check_claims(claims, token.category, door, self.policy, now)
        return claims

    def refuse_revoked(self, revocations: RevocationCheck, claims: SessionClaims) -> None:
        """Refuse the token if its session was revoked.

        Raises:
            TokenVerificationError: It was.
            RevocationUnavailable: Whether it was cannot be told.
        """
        try:
            revoked = revocations.is_revoked(claims)
        except Exception as failure:  # noqa: BLE001 - the user's object may raise anything; the answer is missing
            self._complain(failure)
            raise RevocationUnavailable("Whether the session was revoked cannot be told now.") from None
        if revoked:
            refuse(Reason.SESSION_REVOKED, "The session was revoked.")

    def _complain(self, failure: Exception) -> None:
        import logging

        # Each request meets the failure while it lasts; one line a minute tells of it, the others are for debugging.
        now = self.config.monotonic()
        level = logging.DEBUG if now < self._quiet_until else logging.ERROR
        if level == logging.ERROR:
            self._quiet_until = now + _COMPLAINT_INTERVAL
        log = logging.getLogger("clerk_ext.tokens")
        log.log(level, "tenant %s: is_revoked raised %s", self._name, type(failure).__name__)


def warn_of_unknown_issuer(config: ClerkConfig) -> None:
    """Say in the log if the ``iss`` of a tenant's tokens cannot be compared with anything."""
    if config.issuers is None:
        import logging

        logging.getLogger("clerk_ext").warning(
            "tenant %s: no issuer is known, so that the iss of a token cannot be compared; add publishable_key, "
            "frontend_api or issuer",
            config.name,
        )


def _policy_of(config: ClerkConfig) -> Policy:
    def chosen(values: str | Collection[str] | None) -> Collection[str] | None:
        # The settings hold tuples: found as fast in a few, and a fifth of the size, where there are many tenants.
        return values if values is None or len(values) <= _FEW else frozenset(values)

    return Policy(
        issuers=chosen(config.issuers),
        authorized_parties=chosen(config.authorized_parties),
        allow_missing_azp=config.allow_missing_azp,
        audience=chosen(config.audience),
        clock_skew=config.clock_skew,
        accept_pending=config.accept_pending,
        max_age=config.max_age,
    )


def _bad_signature() -> VerificationKey:
    refuse(
        Reason.TOKEN_INVALID_SIGNATURE,
        "The token's signature does not match: it was changed, or another key made it.",
    )


def _unavailable(retry_after: float | None) -> JWKSUnavailable:
    return JWKSUnavailable(
        "The instance's key set cannot be had now, so no token can be judged; the log of clerk_ext.keys says why.",
        retry_after,
    )
