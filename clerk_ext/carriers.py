"""Where a request carries its session token: pure reading of headers and cookies, whatever the framework.

The rules are Clerk's (Clerk docs, ``authenticateRequest()``): a token in the ``Authorization`` header beats cookies.
Where several instances share a host, each writes cookies with a suffix of its own beside the plain ones, and the one
that fits this instance and is newer is taken. ``__client_uat`` tells since when the browser is signed in, or that it is
signed out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import attrs

from clerk_ext.errors import Reason, TokenVerificationError
from clerk_ext.tokens.token import SESSION, parse, unverified_claims

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeGuard


class HasHeaders(Protocol):
    """A request of httpx, Starlette, Django, Werkzeug and their like."""

    @property
    def headers(self) -> Any:
        """Header names and values: a mapping, or pairs."""
        ...


RequestLike: TypeAlias = HasHeaders | Mapping[str, Any]
"""An object with ``headers``; a mapping of header names to values in any letter case; a WSGI environ; an ASGI scope."""

# What machine tokens, OAuth access tokens and API keys of Clerk begin with: other credentials than sessions.
_MACHINE_PREFIXES = ("mt_", "oat_", "ak_")
_CARRYING = frozenset({"authorization", "cookie", b"authorization", b"cookie"})
_BLANKS = " \t"
_SESSION_COOKIE = re.compile(r"__session(_[A-Za-z0-9_-]{8})?\Z")
_MOST_INSTANCES = 8


@attrs.frozen
class Instance:
    """What the choice of a cookie depends on.

    Attributes:
        suffix: What this instance's cookie names end with; None if it is not known.
        host: Its Frontend API's host; None if it is not known.
        is_production: Whether it is a production instance.
    """

    suffix: str | None
    host: str | None
    is_production: bool

    @classmethod
    def of(cls, publishable_key: str | None) -> Instance:
        """The instance of a publishable key; without one, only plain cookies are looked at."""
        if publishable_key is None:
            return cls(None, None, True)
        digest = hashlib.sha1(publishable_key.encode(), usedforsecurity=False).digest()
        suffix = base64.urlsafe_b64encode(digest).decode()[:8]
        encoded = publishable_key[len("pk_test_") :]
        host = base64.b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")[:-1].lower()
        return cls(suffix, host, publishable_key.startswith("pk_live_"))


Cookies: TypeAlias = Mapping[str, str]


def read(request: RequestLike) -> str | TokenVerificationError | Cookies:
    """Look where *request* may carry a session token.

    Returns:
        The token of its header; why it is signed out without a look at one; or, without such a header, its cookies.

    Raises:
        TypeError: *request* has no headers that could be read.
    """
    authorizations: list[str] = []
    cookies: dict[str, str] = {}
    for name, value in _pairs(request):
        if name == "authorization":
            authorizations.append(value)
        else:
            for cookie, content in _cookies(value):
                cookies.setdefault(cookie, content)
    for value in authorizations:
        token = _bearer(value)
        if token is not None:
            if token.startswith(_MACHINE_PREFIXES):
                return TokenVerificationError(Reason.TOKEN_TYPE_MISMATCH, "The request brings a machine's credential.")
            return token
    return cookies


def _bearer(authorization: str) -> str | None:
    """The token of an Authorization header: of the scheme Bearer (RFC 6750 2.1) in any letter case, or bare."""
    for credentials in authorization.split(","):  # servers and dicts join several headers (RFC 9110 5.2)
        scheme, *rest = credentials.split(None, 1) or ("",)
        if rest and scheme.lower() == "bearer":
            return rest[0].strip()
    words = authorization.split()
    return words[0] if len(words) == 1 and words[0].lower() != "bearer" else None


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    """The cookies of a Cookie header (RFC 6265 5.4), whatever the others look like.

    Browsers do not interpret values, and neither do we: Clerk's are made of characters that need no decoding.
    """
    for pair in header.split(";"):
        name, found, value = pair.partition("=")
        if found:
            # Not all that Python takes for white space: a cookie called U+00A0 and __session is another one.
            value = value.strip(_BLANKS)
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            yield name.strip(_BLANKS), value


def by_cookie(cookies: Cookies, instance: Instance, now: float) -> str | TokenVerificationError:
    """Find the session token of *instance* among *cookies*.

    Returns:
        The token, or why the request is signed out without a look at one.

    Args:
        cookies: The cookies of a request that has no token in a header.
        instance: Whose cookies to look for.
        now: Unix seconds.
    """
    return _ending(cookies, f"_{instance.suffix}" if _uses_suffix(cookies, instance, now) else "")


def _ending(cookies: Cookies, end: str) -> str | TokenVerificationError:
    """The session token of the cookies whose names end in *end*."""
    token = cookies.get(f"__session{end}", "")
    since = cookies.get(f"__client_uat{end}", "")
    client_uat = int(since) if since.isascii() and since.isdigit() and len(since) < 16 else 0
    if not token and not client_uat:
        return TokenVerificationError(Reason.SESSION_TOKEN_AND_UAT_MISSING, "The request brings no session token.")
    if not client_uat:
        return TokenVerificationError(
            Reason.SESSION_TOKEN_BUT_NO_CLIENT_UAT, "The browser is signed out (cookie __client_uat)."
        )
    if not token:
        return TokenVerificationError(
            Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN, "The browser is signed in, but brings no session token."
        )
    issued = _number(unverified_claims(token), "iat")
    if issued is not None and issued < client_uat and _looks_like_a_session_token(token):
        return TokenVerificationError(
            Reason.SESSION_TOKEN_IAT_BEFORE_CLIENT_UAT,
            "The session token is older than the browser's latest sign-in (cookie __client_uat).",
        )
    return token


def issuers_of(cookies: Cookies) -> list[str]:
    """The issuers that the session cookies of a host name, believed by nobody; that of the newest token first.

    Several instances may write to one host, each a cookie with its own suffix, and the last one the plain one.
    """
    found: dict[str, float] = {}
    for name, token in cookies.items():
        if _SESSION_COOKIE.match(name) and len(found) < _MOST_INSTANCES:
            says = unverified_claims(token)
            issuer = (says or {}).get("iss")
            if isinstance(issuer, str) and issuer:
                found[issuer] = max(found.get(issuer, 0.0), _number(says, "iat") or 0.0)
    return sorted(found, key=lambda issuer: found[issuer], reverse=True)


def by_cookie_of_nobody(cookies: Cookies) -> str | TokenVerificationError:
    """The same as `by_cookie` where no session cookie names an issuer."""
    found = _ending(cookies, "")
    if isinstance(found, TokenVerificationError) and found.reason is Reason.SESSION_TOKEN_AND_UAT_MISSING:
        for name in cookies:
            other = _ending(cookies, name.removeprefix("__client_uat")) if name.startswith("__client_uat_") else found
            if isinstance(other, TokenVerificationError) and other.reason is Reason.CLIENT_UAT_BUT_NO_SESSION_TOKEN:
                return other
    return found


def _looks_like_a_session_token(token: str) -> bool:
    """Whether its header is a session token's; if not, its verification tells more than its age does."""
    try:
        parse(token, SESSION, {})
    except TokenVerificationError:
        return False
    return True


def _uses_suffix(cookies: Cookies, instance: Instance, now: float) -> bool:
    """Whether this instance's suffixed cookies are to be read rather than the plain ones; the first rule decides.

    What tokens say is not verified here: it only selects which of the two is verified.
    """
    if instance.suffix is None:
        return False
    # An empty cookie, as sign-out may leave one, counts as absent.
    suffixed, plain = cookies.get(f"__session_{instance.suffix}", ""), cookies.get("__session", "")
    suffixed_uat, plain_uat = cookies.get(f"__client_uat_{instance.suffix}", ""), cookies.get("__client_uat", "")
    plain_says = unverified_claims(plain)
    if plain:
        issuer = (plain_says or {}).get("iss")
        if not isinstance(issuer, str) or not issuer:
            return False
        if issuer.rpartition("://")[2] != instance.host:
            return True
    if not suffixed and not suffixed_uat:
        return False
    suffixed_says = unverified_claims(suffixed)
    if suffixed_uat != "0" and plain_uat != "0":
        if (_number(plain_says, "iat") or 0) > (_number(suffixed_says, "iat") or 0):
            return False
    elif suffixed_uat == "0":
        if plain_uat != "0":
            return False
    elif not instance.is_production:
        expires = _number(suffixed_says, "exp")
        if expires is not None and expires <= now:
            return False
    return bool(suffixed_uat)


def _number(claims: Mapping[str, Any] | None, name: str) -> float | None:
    value = (claims or {}).get(name)
    return value if type(value) is int or type(value) is float else None


def _pairs(request: object) -> Iterator[tuple[str, str]]:
    """The headers that may carry a token, their names in lower case, of anything that has headers."""
    meta: object = getattr(request, "META", None)
    # Of Django, which would make its headers of all that is in there; a test's stand-in may have its names otherwise.
    if isinstance(meta, dict) and "REQUEST_METHOD" in meta:
        return _wsgi_pairs(cast("Mapping[str, object]", meta))
    headers: object = getattr(request, "headers", None)
    kind = type(request).__name__
    scope = cast("Mapping[str, object] | None", request if isinstance(request, Mapping) else None)
    if headers is None and scope is not None:
        if "REQUEST_METHOD" in scope or isinstance(scope.get("wsgi.version"), tuple):
            return _wsgi_pairs(scope)
        # Only pairs make an ASGI scope: a client may send a header called "headers".
        headers = scope["headers"] if _are_pairs(scope.get("headers")) else scope
    environ: object = getattr(headers, "environ", None)
    if isinstance(environ, dict):  # of Werkzeug
        return _wsgi_pairs(cast("Mapping[str, object]", environ))
    raw: object = getattr(headers, "raw", None)
    if isinstance(raw, list):  # of Starlette and httpx: not decoded
        return _text_pairs(cast("Iterable[tuple[object, object]]", raw))
    pairs: Any = getattr(headers, "multi_items", None) or getattr(headers, "items", None)
    if callable(pairs):
        return _text_pairs(cast("Iterable[tuple[object, object]]", pairs()))
    if _are_pairs(headers):
        return _text_pairs(headers)
    raise TypeError(f"a request has headers; of {kind} none can be read")


def _are_pairs(headers: object) -> TypeGuard[Sequence[tuple[object, object]]]:
    return isinstance(headers, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(cast("Sequence[object]", pair)) == 2
        for pair in cast("Sequence[object]", headers)
    )


def _wsgi_pairs(environ: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, variable in (("authorization", "HTTP_AUTHORIZATION"), ("cookie", "HTTP_COOKIE")):
        value = environ.get(variable)
        if isinstance(value, str):
            yield name, value


def _text_pairs(pairs: Iterable[tuple[object, object]]) -> Iterator[tuple[str, str]]:
    for key, value in pairs:
        name = key.lower() if isinstance(key, (str, bytes)) else str(key).lower()
        if name not in _CARRYING:  # most do not, and are left as they are
            continue
        name = _text(name)
        if isinstance(value, (list, tuple)):
            for single in cast("list[object]", value):
                yield name, _text(single)
        elif value is not None:  # as a lookup that found no header leaves it in a dict
            yield name, _text(value)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
