"""From a token to a verdict, for both worlds: no I/O; what has to be fetched is asked for in steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from clerk_ext.errors import JWKSUnavailable, Reason, RevocationUnavailable, TokenVerificationError
from clerk_ext.tokens.claims import SessionClaims, TemplateClaims
from clerk_ext.tokens.jwks import Fetch, Hit, Unavailable, Unknown, Wait
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
)

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import TypeAlias, TypeVar

    from clerk_ext.config import ClerkConfig
    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.tokens.jwks import Keys
    from clerk_ext.tokens.keys import VerificationKey
    from clerk_ext.tokens.ring import KeyRing
    from clerk_ext.tokens.token import Claims, Door, ParsedToken

    T = TypeVar("T")
    Steps: TypeAlias = "Generator[Fetch | Refresh | Wait, None, T]"


_MAX_KNOWN_HEADERS = 256


@attrs.frozen
class Refresh:
    """Fetch for *ticket* in the background, and go on at once."""

    ticket: int


@attrs.define(eq=False)
class Judge:
    """A tenant's policy, keys and revocations, brought to bear on a token.

    A driver calls `parse`, `at_hand`, where that gives None runs the steps of `find_key`, and ends with
    `session_claims` or `template_claims`.
    """

    config: ClerkConfig
    policy: Policy
    ring: KeyRing
    revocations: RevocationCheck | None = None
    # Header segments of verified tokens only: nobody without a key of the tenant's can fill it.
    _known_headers: dict[str, tuple[str | None, str | None]] = attrs.field(
        factory=dict[str, tuple[str | None, str | None]], init=False
    )

    def parse(self, token: object, door: Door) -> ParsedToken:
        """Check the form and the header of *token*."""
        return parse(token, door, self._known_headers)

    def at_hand(self, token: ParsedToken) -> VerificationKey | None:
        """The key that signed *token*, if it is at hand and nothing has to be decided about it."""
        pem_key = self.config.pem_key
        if pem_key is not None:
            return signing_key(token, (pem_key,)) or _bad_signature()
        if token.kid is None:
            refuse(Reason.TOKEN_INVALID, "The token does not say which key signed it (header kid).")
        keys = self.ring.peek(token.kid)
        if keys is None:
            return None
        key = signing_key(token, keys)
        if key is None and not (self.ring.may_suspect() and claims_our_issuer(token, self.policy)):
            _bad_signature()
        return key

    def find_key(self, token: ParsedToken) -> Steps[VerificationKey]:
        """The key of the tenant's set that signed *token*, fetched if need be.

        Raises:
            TokenVerificationError: There is none.
            JWKSUnavailable: The key set cannot be had.
        """
        assert token.kid is not None  # at_hand has refused it
        keys = yield from self._keys(token.kid)
        key = signing_key(token, keys)
        if key is None:
            replaced = yield from self._replacement(token, token.kid, keys)
            key = signing_key(token, replaced)
        return key or _bad_signature()

    def _keys(self, kid: str) -> Steps[Keys]:
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
        answer = self.ring.suspect() if claims_our_issuer(token, self.policy) else None
        if answer is None:
            return ()
        yield answer
        known = {key.thumbprint for key in tried}
        return tuple(key for key in self.ring.peek(kid) or () if key.thumbprint not in known)

    def prewarm(self) -> Steps[None]:
        """Have a fresh key set at hand.

        Raises:
            JWKSUnavailable: It cannot be had.
        """
        if self.config.pem_key is not None:
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

    def session_claims(self, token: ParsedToken) -> SessionClaims:
        """The claims of a session token whose signature holds, after every other check."""
        claims = SessionClaims(self.config.name, self._checked(token, SESSION))
        if self.revocations is not None and self._is_revoked(self.revocations, claims):
            raise TokenVerificationError(Reason.SESSION_REVOKED, "The session was revoked.")
        return claims

    def template_claims(self, token: ParsedToken) -> TemplateClaims:
        """The claims of a JWT-template token whose signature holds, after every other check."""
        return TemplateClaims(self.config.name, self._checked(token, TEMPLATE))

    def _checked(self, token: ParsedToken, door: Door) -> Claims:
        known = self._known_headers
        if token.header_segment not in known:
            if len(known) >= _MAX_KNOWN_HEADERS:
                known.clear()
            known[token.header_segment] = (token.kid, token.category)
        claims = claims_of(token)
        check_claims(claims, token.category, door, self.policy, self.config.clock())
        return claims

    def _is_revoked(self, revocations: RevocationCheck, claims: SessionClaims) -> bool:
        try:
            return bool(revocations.is_revoked(claims))
        except Exception as failure:  # the user's object may raise anything; the answer is missing all the same
            import logging

            log = logging.getLogger("clerk_ext.tokens")
            log.error("tenant %s: is_revoked raised %s", self.config.name, type(failure).__name__)
            raise RevocationUnavailable("Whether the session was revoked cannot be told now.") from failure


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
