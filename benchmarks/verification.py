"""First sight of a token: signature, every check and typed claims, keys at hand, a new `str` each time."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks.caller import SECRET_KEY
from benchmarks.material import ISSUER, PARTY, SignedToken
from benchmarks.measure import each, each_awaited, take_turns
from benchmarks.peers import JOSERFC, JWCRYPTO, OFFICIAL, PEERS, PYJWT, installed, load
from benchmarks.report import Row
from benchmarks.server import serving
from clerk_ext import AsyncClerk, Clerk, ClerkConfig, TokenVerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.measure import Sample

_CALLS: Final = 200
_FLOOR, _OURS, _OURS_ASYNC, _FORGED, _OFFICIAL_ASYNC = "verify", "ours", "ours, async", "forged", "official, async"


def measure(rounds: int) -> list[Row]:
    """The rows about verification."""
    token = SignedToken.mint()
    with serving({"jwks": token.jwks()}) as url:
        config = ClerkConfig(issuer=ISSUER, jwks_url=f"{url}/v1/jwks", authorized_parties=[PARTY])
        loop = asyncio.new_event_loop()
        try:
            clerk, async_clerk = Clerk(config), AsyncClerk(config)
            clerk.prewarm()
            loop.run_until_complete(async_clerk.prewarm())
            measured = take_turns(_samples(token, url, clerk, async_clerk, loop), rounds)
            clerk.close()
            loop.run_until_complete(async_clerk.aclose())
        finally:
            loop.close()
    return [
        Row(
            work="first sight of a token",
            floor="bare verify",
            floor_seconds=measured.seconds(_FLOOR),
            peers={peer: measured.ratio(peer, _FLOOR) for peer in PEERS},
            ours=measured.ratio(_OURS, _FLOOR),
            ours_seconds=measured.seconds(_OURS),
            limit=1.65,
        ),
        Row(
            work="first sight, async",
            floor="bare verify",
            floor_seconds=measured.seconds(_FLOOR),
            peers={OFFICIAL: measured.ratio(_OFFICIAL_ASYNC, _FLOOR)},
            ours=measured.ratio(_OURS_ASYNC, _FLOOR),
            ours_seconds=measured.seconds(_OURS_ASYNC),
            limit=1.65,
        ),
        Row(
            work="refusing a bad signature",
            floor="ours, accepting",
            floor_seconds=measured.seconds(_OURS),
            ours=measured.ratio(_FORGED, _OURS),
            ours_seconds=measured.seconds(_FORGED),
            limit=1.1,
        ),
    ]


def _samples(
    token: SignedToken, url: str, clerk: Clerk, async_clerk: AsyncClerk, loop: asyncio.AbstractEventLoop
) -> dict[str, Sample | None]:
    good, forged = token.text.encode(), token.forged.encode()
    signed, _, segment = good.rpartition(b".")
    signature = base64.urlsafe_b64decode(segment + b"==")
    padding, algorithm = PKCS1v15(), SHA256()

    def fresh() -> list[str]:
        return [good.decode() for _ in range(_CALLS)]

    def fresh_forged() -> list[str]:
        return [forged.decode() for _ in range(_CALLS)]

    def refuse(text: str) -> None:
        try:
            clerk.verify_token(text)
        except TokenVerificationError:
            return
        raise AssertionError("a forged token was accepted")

    peers: dict[str, Callable[[], Callable[[str], object]]] = {
        PYJWT: lambda: _pyjwt(token),
        JOSERFC: lambda: _joserfc(token),
        JWCRYPTO: lambda: _jwcrypto(token),
        OFFICIAL: lambda: _official(url),
    }
    samples: dict[str, Sample | None] = {
        _FLOOR: each(lambda _: token.public_key.verify(signature, signed, padding, algorithm), fresh),
        _OURS: each(clerk.verify_token, fresh),
        _OURS_ASYNC: each_awaited(loop, async_clerk.verify_token, fresh),
        _FORGED: each(refuse, fresh_forged),
    }
    for peer, make in peers.items():
        samples[peer] = each(make(), fresh) if installed(peer) else None
    samples[_OFFICIAL_ASYNC] = each_awaited(loop, _official_async(url), fresh) if installed(OFFICIAL) else None
    return samples


def _pyjwt(token: SignedToken) -> Callable[[str], object]:
    jwt = load("jwt")
    return lambda text: jwt.decode(text, token.public_key, algorithms=["RS256"], issuer=ISSUER, leeway=5)


def _joserfc(token: SignedToken) -> Callable[[str], object]:
    jwt = load("joserfc.jwt")
    key = load("joserfc.jwk").RSAKey.import_key(token.jwk)
    required = {"iss": ISSUER, "azp": PARTY}
    registry = jwt.JWTClaimsRegistry(
        leeway=5, **{claim: {"essential": True, "value": value} for claim, value in required.items()}
    )

    def verify(text: str) -> object:
        claims = jwt.decode(text, key, algorithms=["RS256"]).claims
        registry.validate(claims)
        return claims

    return verify


def _jwcrypto(token: SignedToken) -> Callable[[str], object]:
    jwt = load("jwcrypto.jwt")
    key = load("jwcrypto.jwk").JWK(**token.jwk)
    checks = {"iss": ISSUER, "azp": PARTY, "exp": None}
    return lambda text: json.loads(jwt.JWT(jwt=text, key=key, algs=["RS256"], check_claims=checks).claims)


def _options(url: str) -> Any:
    options = load("clerk_backend_api.security.types").VerifyTokenOptions
    return options(secret_key=SECRET_KEY, api_url=url, authorized_parties=[PARTY])


def _official(url: str) -> Callable[[str], object]:
    """Its first call fetches the key set, which it then keeps for five minutes."""
    verify, options = load("clerk_backend_api.security.verifytoken").verify_token, _options(url)
    return lambda text: verify(text, options)


def _official_async(url: str) -> Callable[[str], Any]:
    verify, options = load("clerk_backend_api.security.verifytoken").verify_token_async, _options(url)
    return lambda text: verify(text, options)
