"""How each peer verifies a session token; with what it offers, and with a key that is parsed before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.caller import SECRET_KEY
from benchmarks.material import ISSUER, PARTY, Mint
from benchmarks.peers import JOSERFC, JWCRYPTO, OFFICIAL, PYJWT, installed, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Verify: TypeAlias = Callable[[str], Any]


def verifiers(mint: Mint, url: str) -> dict[str, Verify | None]:
    """The peers that are installed, each with one key given to it; None for the others."""
    makers: dict[str, Callable[[], Verify]] = {
        PYJWT: lambda: _pyjwt(mint),
        JOSERFC: lambda: _joserfc(load("joserfc.jwk").RSAKey.import_key(mint.jwk)),
        JWCRYPTO: lambda: _jwcrypto(load("jwcrypto.jwk").JWK(**mint.jwk)),
        OFFICIAL: lambda: _official(url),
    }
    return {peer: make() if installed(peer) else None for peer, make in makers.items()}


def choosers(mint: Mint, url: str) -> dict[str, Verify | None]:
    """The same, each with a key set from which it chooses by the token's ``kid``."""
    makers: dict[str, Callable[[], Verify]] = {
        PYJWT: lambda: _pyjwt_by_url(f"{url}/v1/jwks"),
        JOSERFC: lambda: _joserfc(load("joserfc.jwk").KeySet.import_key_set(json.loads(mint.jwks()))),
        JWCRYPTO: lambda: _jwcrypto(load("jwcrypto.jwk").JWKSet.from_json(mint.jwks().decode())),
        OFFICIAL: lambda: _official(url),
    }
    return {peer: make() if installed(peer) else None for peer, make in makers.items()}


def _pyjwt(mint: Mint) -> Verify:
    decode, key = load("jwt").decode, mint.public_key
    return lambda text: decode(text, key, algorithms=["RS256"], issuer=ISSUER, leeway=5)


def _pyjwt_by_url(url: str) -> Verify:
    jwt = load("jwt")
    client = jwt.PyJWKClient(url)

    def verify(text: str) -> object:
        key = client.get_signing_key_from_jwt(text).key
        return jwt.decode(text, key, algorithms=["RS256"], issuer=ISSUER, leeway=5)

    return verify


def _joserfc(key: Any) -> Verify:
    jwt = load("joserfc.jwt")
    required = {"iss": ISSUER, "azp": PARTY}
    registry = jwt.JWTClaimsRegistry(
        leeway=5, **{claim: {"essential": True, "value": value} for claim, value in required.items()}
    )

    def verify(text: str) -> object:
        claims = jwt.decode(text, key, algorithms=["RS256"]).claims
        registry.validate(claims)
        return claims

    return verify


def _jwcrypto(key: Any) -> Verify:
    jwt = load("jwcrypto.jwt")
    checks = {"iss": ISSUER, "azp": PARTY, "exp": None}
    return lambda text: json.loads(jwt.JWT(jwt=text, key=key, algs=["RS256"], check_claims=checks).claims)


def _options(url: str) -> Any:
    options = load("clerk_backend_api.security.types").VerifyTokenOptions
    return options(secret_key=SECRET_KEY, api_url=url, authorized_parties=[PARTY])


def _official(url: str) -> Verify:
    """Its first call fetches the key set, which it then keeps for five minutes."""
    verify, options = load("clerk_backend_api.security.verifytoken").verify_token, _options(url)
    return lambda text: verify(text, options)
