"""`ClerkConfig`: what is derived, and that each bad setting names its field and the remedy, never a secret."""

from __future__ import annotations

import base64
import re
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import ClerkConfig, ConfigurationError
from clerk_ext.testing import SigningKey

from .twins import each_twin

if TYPE_CHECKING:
    from collections.abc import Callable

HOST: Final = "clerk.example.com"
BASE: Final = f"https://{HOST}"
SECRET: Final = "sk_test_" + "hushhush" * 4
APP: Final = "https://app.example.com"


def publishable(text: str, prefix: str = "pk_test_") -> str:
    """A publishable key that holds *text*."""
    return prefix + base64.b64encode(text.encode()).decode()


PUBLISHABLE: Final = publishable(f"{HOST}$")
PEM: Final = SigningKey.generate().public_pem()


def configured(**settings: Any) -> ClerkConfig:
    """The config of these settings, whatever their types."""
    whole: dict[str, Any] = {"publishable_key": PUBLISHABLE, **settings}
    return ClerkConfig(**whole)


def refused(**settings: Any) -> ConfigurationError:
    """The error that these settings give; no traceback of it shows a secret."""
    with pytest.raises(ConfigurationError) as caught:
        configured(**settings)
    error = caught.value
    shown = f"{error} {error!r} {''.join(traceback.format_exception(error))}"

    assert "hush" not in shown
    assert error.__cause__ is None
    assert str(error) == f"{error.field}: {error.message}"
    return error


# --- what is derived


def test_publishable_key_gives_issuer_and_key_set_url() -> None:
    """A publishable key names the Frontend API's host: the issuer and the JWKS URL follow from it."""
    config = ClerkConfig(publishable_key="pk_test_ZXhhbXBsZS5hY2NvdW50cy5kZXYk")

    assert ("https://example.accounts.dev",) == config.issuers
    assert "https://example.accounts.dev/.well-known/jwks.json" == config.keys_url
    assert config.pem_key is None


@pytest.mark.parametrize("prefix", ["pk_test_", "pk_live_"])
@pytest.mark.parametrize("padding", [True, False])
def test_publishable_key_of_both_environments_with_or_without_padding(prefix: str, padding: bool) -> None:
    """Both prefixes decode, and Clerk's keys may lack the base64 padding."""
    key = publishable("a.clerk.example.com$", prefix)
    config = ClerkConfig(publishable_key=key if padding else key.rstrip("="))

    assert key.endswith("=")
    assert ("https://a.clerk.example.com",) == config.issuers


def test_longest_host() -> None:
    """A DNS name may have 253 characters (RFC 1035 2.3.4, without the length octets); the bad keys have one of 255."""
    host = f"{'a.' * 125}com"

    assert 253 == len(host)
    assert (f"https://{host}",) == ClerkConfig(publishable_key=publishable(f"{host}$")).issuers


def test_host_of_publishable_key_is_lower_case() -> None:
    """Clerk writes the issuer in lower case, so a host in capitals is taken down to it."""
    assert (BASE,) == ClerkConfig(publishable_key=publishable("Clerk.Example.COM$")).issuers


@pytest.mark.parametrize("given_host", [HOST, BASE, f"{BASE}/", "Clerk.Example.com", "https://CLERK.example.com"])
def test_frontend_api_is_a_host_or_url(given_host: str) -> None:
    """`frontend_api` in any usual spelling stands for a publishable key."""
    config = ClerkConfig(frontend_api=given_host)

    assert (BASE,) == config.issuers
    assert f"{BASE}/.well-known/jwks.json" == config.keys_url


def test_frontend_api_goes_before_the_publishable_key() -> None:
    """What is said outright wins over what would be derived."""
    config = ClerkConfig(publishable_key=PUBLISHABLE, frontend_api="other.example.com")

    assert ("https://other.example.com",) == config.issuers
    assert "https://other.example.com/.well-known/jwks.json" == config.keys_url


def test_proxy_keeps_its_path_and_both_issuers() -> None:
    """A proxied Frontend API: its path stays in the JWKS URL, and tokens of both issuers are accepted."""
    config = ClerkConfig(publishable_key=PUBLISHABLE, proxy_url="https://app.example.com/__clerk/")

    assert "https://app.example.com/__clerk/.well-known/jwks.json" == config.keys_url
    assert (BASE, "https://app.example.com/__clerk") == config.issuers


def test_proxy_alone_is_its_own_issuer() -> None:
    """Without a publishable key the proxy is all that is known."""
    config = ClerkConfig(proxy_url="https://app.example.com/__clerk")

    assert ("https://app.example.com/__clerk",) == config.issuers


@pytest.mark.parametrize("issuer", ["https://a.example.com", ["https://a.example.com"], {"https://a.example.com"}])
def test_issuer_replaces_what_is_derived(issuer: Any) -> None:
    """A given issuer, alone or in a collection, is the only one; where the keys are does not change."""
    config = ClerkConfig(publishable_key=PUBLISHABLE, issuer=issuer)

    assert ("https://a.example.com",) == config.issuers
    assert f"{BASE}/.well-known/jwks.json" == config.keys_url


def test_several_issuers() -> None:
    """Each of several issuers is accepted."""
    config = ClerkConfig(secret_key=SECRET, issuer=["https://a.example.com", "https://b.example.com/path"])

    assert ("https://a.example.com", "https://b.example.com/path") == config.issuers


def test_jwt_key_goes_before_every_url() -> None:
    """With the PEM at hand no URL is asked."""
    config = ClerkConfig(
        jwt_key=PEM, jwks_url="https://keys.example.com/jwks", publishable_key=PUBLISHABLE, secret_key=SECRET
    )

    assert config.pem_key is not None
    assert config.keys_url is None
    assert (BASE,) == config.issuers


def test_jwks_url_goes_before_the_frontend_api() -> None:
    """A given JWKS URL is used as given; the issuer still comes from the publishable key."""
    config = ClerkConfig(jwks_url="https://keys.example.com/a/jwks", publishable_key=PUBLISHABLE, secret_key=SECRET)

    assert "https://keys.example.com/a/jwks" == config.keys_url
    assert (BASE,) == config.issuers


@pytest.mark.parametrize(
    "settings",
    [{"secret_key": SECRET}, {"jwt_key": PEM}, {"jwks_url": "https://keys.example.com/jwks"}],
    ids=lambda s: next(iter(s)),
)
def test_no_issuer_is_known(settings: dict[str, str]) -> None:
    """A source of keys alone is enough to verify, but names no issuer."""
    config = configured(publishable_key=None, **settings)

    assert config.issuers is None
    assert settings.get("jwks_url") == config.keys_url


def test_the_frontend_api_goes_before_the_backend_api() -> None:
    """With a publishable and a secret key the key set comes from where no secret is needed."""
    config = ClerkConfig(publishable_key=PUBLISHABLE, secret_key=SECRET)

    assert f"{BASE}/.well-known/jwks.json" == config.keys_url


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://api.clerk.com/v1", "https://api.clerk.com/v1"),
        ("https://api.clerk.com/v1/", "https://api.clerk.com/v1"),
        ("https://api.example.com", "https://api.example.com"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.255.255.254", "http://127.255.255.254"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example/v1"),
        ("https://internal:8443/v1", "https://internal:8443/v1"),
    ],
)
def test_api_url_is_used_as_given(url: str, used: str) -> None:
    """Nothing is added to `api_url`; this machine may be spoken to over plain http."""
    assert used == ClerkConfig(publishable_key=PUBLISHABLE, api_url=url).api_url


def test_allow_http_accepts_http_everywhere() -> None:
    """Whoever trusts the network says so, and every URL may be http."""
    config = ClerkConfig(
        frontend_api="http://clerk.internal",
        api_url="http://api.internal/v1",
        jwks_url="http://keys.internal/jwks",
        proxy_url="http://app.internal/__clerk",
        allow_http=True,
    )

    assert ("http://clerk.internal", "http://app.internal/__clerk") == config.issuers
    assert "http://keys.internal/jwks" == config.keys_url


def test_collections_become_tuples() -> None:
    """What the caller does to a list afterwards changes nothing."""
    parties = [APP]
    config = ClerkConfig(publishable_key=PUBLISHABLE, authorized_parties=parties, audience="api")
    parties.append("https://evil.example.com")

    assert (APP,) == config.authorized_parties
    assert ("api",) == config.audience


@pytest.mark.parametrize(
    "party",
    [
        APP,
        "http://localhost:3000",
        "http://[::1]:3000",
        "https://xn--bcher-kva.example",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "capacitor://localhost",
    ],
)
def test_origins_as_browsers_write_them(party: str) -> None:
    """Web pages, extensions and mobile shells are origins."""
    assert (party,) == ClerkConfig(publishable_key=PUBLISHABLE, authorized_parties=[party]).authorized_parties


def test_numbers_at_the_edges_of_their_ranges() -> None:
    """The ends of each range belong to it, and integers are numbers."""
    config = ClerkConfig(
        publishable_key=PUBLISHABLE,
        clock_skew=0,
        max_age=0,
        timeout=300,
        jwks_fresh=0,
        jwks_stale=0,
        jwks_expire=86_400,
        jwks_pause=0,
        jwks_max_pause=3_600,
    )

    assert (0, 86_400) == (config.clock_skew, config.jwks_expire)
    assert 300 == ClerkConfig(publishable_key=PUBLISHABLE, clock_skew=300).clock_skew


def test_defaults() -> None:
    """The documented defaults."""
    config = ClerkConfig(publishable_key=PUBLISHABLE)

    assert "default" == config.name
    assert (5.0, 5.0) == (config.clock_skew, config.timeout)
    assert "https://api.clerk.com/v1" == config.api_url
    assert "2026-05-12" == config.api_version
    assert (300.0, 600.0, 3600.0) == (config.jwks_fresh, config.jwks_stale, config.jwks_expire)
    assert (10.0, 60.0) == (config.jwks_pause, config.jwks_max_pause)
    assert (None, None, None) == (config.authorized_parties, config.audience, config.max_age)
    assert (False, False, False) == (config.allow_missing_azp, config.accept_pending, config.allow_http)
    assert (time.time, time.monotonic) == (config.clock, config.monotonic)


# --- bad keys


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("", "begins with pk_test_ or pk_live_"),
        ("pk_", "begins with pk_test_ or pk_live_"),
        ("hello", "begins with pk_test_ or pk_live_"),
        ("pk_prod_" + PUBLISHABLE[8:], "begins with pk_test_ or pk_live_"),
        ("PK_TEST_" + PUBLISHABLE[8:], "begins with pk_test_ or pk_live_"),
        (" " + PUBLISHABLE, "begins with pk_test_ or pk_live_"),
        (5, "begins with pk_test_ or pk_live_"),
        (b"pk_test_", "begins with pk_test_ or pk_live_"),
        (SECRET, "belongs in secret_key"),
        ("sk_live_hushhush", "belongs in secret_key"),
        ("live_hushhush", "belongs in secret_key"),
        (PUBLISHABLE[:-3], "copy the whole key"),
        (PUBLISHABLE + "\n", "copy the whole key"),
        (PUBLISHABLE + "=x", "copy the whole key"),
        ("pk_test_", "copy the whole key"),
        ("pk_test_a", "copy the whole key"),
        ("pk_test_ä", "copy the whole key"),
        ("pk_test_\ud800", "copy the whole key"),
        (publishable("clerk.exämple.com$"), "copy the whole key"),
        (publishable(HOST), "copy the whole key"),
        (publishable(f"{HOST}$$"), "copy the whole key"),
        (publishable("$"), "copy the whole key"),
        (publishable("localhost$"), "copy the whole key"),
        (publishable("127.0.0.1$"), "copy the whole key"),
        (publishable("10.1.2.3$"), "copy the whole key"),
        (publishable("[::1]$"), "copy the whole key"),
        (publishable("user@clerk.example.com$"), "copy the whole key"),
        (publishable("clerk.example.com:443$"), "copy the whole key"),
        (publishable("clerk.example.com/x$"), "copy the whole key"),
        (publishable("clerk.example.com.$"), "copy the whole key"),
        (publishable("clerk..example.com$"), "copy the whole key"),
        (publishable("-clerk.example.com$"), "copy the whole key"),
        (publishable("clerk.example.com\n$"), "copy the whole key"),
        (publishable(f"{'a' * 64}.example.com$"), "copy the whole key"),
        (publishable(f"{'a.' * 126}com$"), "copy the whole key"),
        (publishable(f"https://{HOST}$"), "copy the whole key"),
    ],
)
def test_bad_publishable_key(key: Any, remedy: str) -> None:
    """A publishable key of the wrong kind, cut short, or that names no DNS host is refused."""
    error = refused(publishable_key=key)

    assert "publishable_key" == error.field
    assert remedy in error.message


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        ("", "begins with sk_test_ or sk_live_"),
        ("sk_test_", "begins with sk_test_ or sk_live_"),
        ("hushhush", "begins with sk_test_ or sk_live_"),
        ("sk_prod_hushhush", "begins with sk_test_ or sk_live_"),
        ("Bearer sk_test_hushhush", "begins with sk_test_ or sk_live_"),
        (f"{SECRET}\n", "and nothing else"),
        (f"{SECRET}\r\nX-Evil: 1", "and nothing else"),
        (f" {SECRET}", "and nothing else"),
        (f"{SECRET}é", "and nothing else"),
        (SECRET.encode(), "begins with sk_test_ or sk_live_"),
        (7, "begins with sk_test_ or sk_live_"),
        (PUBLISHABLE, "belongs in publishable_key"),
        ("sk_live_hushhush", "another environment"),
        ("live_hushhush", "another environment"),
    ],
)
def test_bad_secret_key(key: Any, remedy: str) -> None:
    """A secret key of the wrong kind, with anything around it, or of another environment is refused unseen."""
    error = refused(secret_key=key)

    assert "secret_key" == error.field
    assert remedy in error.message


@pytest.mark.parametrize("prefix", ["sk_test_", "test_"])
def test_secret_key_of_the_same_environment(prefix: str) -> None:
    """Both of Clerk's prefixes, the old one too, go with a publishable key of their environment."""
    assert f"{prefix}abc" == ClerkConfig(publishable_key=PUBLISHABLE, secret_key=f"{prefix}abc").secret_key


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "hushhush",
        "-----BEGIN PUBLIC KEY-----\nhushhush\n-----END PUBLIC KEY-----",
        "-----BEGIN PRIVATE KEY-----\nhushhush\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nhushhush\n-----END CERTIFICATE-----",
        SECRET,
        PEM.encode(),
        5,
    ],
)
def test_bad_jwt_key(pem: Any) -> None:
    """What is not the PEM of a public key is refused, and not shown."""
    error = refused(jwt_key=pem)

    assert "jwt_key" == error.field
    assert error.message.endswith(".")
    assert re.search("PEM|public", error.message)


def test_nothing_to_take_keys_from() -> None:
    """Without a key or a source of keys nothing could be verified: the error names each way out."""
    with pytest.raises(ConfigurationError) as caught:
        ClerkConfig(issuer=BASE)

    assert "publishable_key" == caught.value.field
    for field in ("frontend_api", "jwks_url", "jwt_key", "secret_key"):
        assert field in caught.value.message


# --- bad URLs

BAD_URLS: Final[dict[str, tuple[Any, str]]] = {
    "no str": (5, "write an https URL"),
    "bytes": (b"https://clerk.example.com", "write an https URL"),
    "no scheme": ("//clerk.example.com", "write an https URL"),
    "no host": ("https://", "write an https URL"),
    "port alone": ("https://:443", "write an https URL"),
    "ftp": ("ftp://clerk.example.com", "write an https URL"),
    "file": ("file:///etc/passwd", "write an https URL"),
    "newline": ("https://clerk.example.com\n", "write an https URL"),
    "tab inside": ("https://clerk.exa\tmple.com", "write an https URL"),
    "space": ("https://clerk.example.com ", "write an https URL"),
    "nul": ("https://clerk.example.com\0", "write an https URL"),
    "IDN": ("https://bücher.example", "write an https URL"),
    "fullwidth dot": ("https://clerk\uff0eexample.com", "write an https URL"),
    "lone surrogate": ("https://clerk\ud800.example.com", "write an https URL"),
    "user": ("https://hush@clerk.example.com", "user name or password"),
    "user and password": ("https://user:hush@clerk.example.com", "user name or password"),
    "empty user": ("https://@clerk.example.com", "user name or password"),
    "backslash": ("https://evil.example.com\\@clerk.example.com", "user name or password"),
    "backslash host": ("https://evil.example.com\\.clerk.example.com", "names no DNS host"),
    "IPv4": ("https://10.1.2.3", "names no DNS host"),
    "public IPv4": ("https://93.184.216.34", "names no DNS host"),
    "IPv4 as one number": ("https://3232235777", "names no DNS host"),
    "no loopback after all": ("http://127.0.0.256", "names no DNS host"),
    "loopback cut short": ("https://127.1", "names no DNS host"),
    "IPv6": ("https://[2001:db8::1]", "names no DNS host"),
    "mapped loopback": ("http://[::ffff:127.0.0.1]", "names no DNS host"),
    "open bracket": ("https://[::1", "is no URL"),
    "port too large": ("https://clerk.example.com:65536", "is no URL"),
    "port no number": ("https://clerk.example.com:https", "is no URL"),
    "final dot": ("https://clerk.example.com.", "names no DNS host"),
    "underscore": ("https://clerk_api.example.com", "names no DNS host"),
    "query": ("https://clerk.example.com?a=b", "query or fragment"),
    "empty query": ("https://clerk.example.com?", "query or fragment"),
    "fragment": ("https://clerk.example.com#a", "query or fragment"),
    "empty fragment": ("https://clerk.example.com#", "query or fragment"),
    "http": ("http://clerk.example.com", "allow_http"),
    "http look-alike": ("http://localhost.example.com", "allow_http"),
    "http other look-alike": ("http://127.0.0.1.example.com", "allow_http"),
    "secret": (SECRET, "write an https URL"),
    "list": (["https://clerk.example.com"], "write an https URL"),
}


@pytest.mark.parametrize(
    ("field", "case"),
    [
        (field, case)
        for field in ("frontend_api", "proxy_url", "jwks_url", "api_url", "issuer")
        for case, (url, _) in BAD_URLS.items()
        if field != "issuer" or isinstance(url, str)  # an issuer may be a collection, and has a test of those
    ],
)
def test_bad_url(field: str, case: str) -> None:
    """Each field that holds a URL refuses the same things, in the same words, and shows nothing of them."""
    url, remedy = BAD_URLS[case]
    if field == "frontend_api":
        if case == "secret":
            remedy = "names no DNS host"  # without a scheme it is taken for a host
        if case == "no scheme":
            url = "ftp://x"
        if not isinstance(url, str):
            remedy = "write a host"

    error = refused(**{field: url})

    assert field == error.field
    assert remedy in error.message


@pytest.mark.parametrize("host", ["clerk.example.com/path", "https://clerk.example.com/path", "a/b"])
def test_frontend_api_with_a_path(host: str) -> None:
    """A path is the sign of a proxy, which has a field of its own."""
    error = refused(frontend_api=host)

    assert "frontend_api" == error.field
    assert "proxy_url" in error.message


def test_empty_frontend_api() -> None:
    """An empty setting is no host."""
    assert "write an https URL" in refused(frontend_api="").message


@pytest.mark.parametrize("issuer", [f"{BASE}/", [BASE, "https://b.example.com/path/"]])
def test_issuer_with_a_final_slash(issuer: Any) -> None:
    """Clerk's issuers end without a slash: with one, every token would be refused."""
    error = refused(issuer=issuer)

    assert "issuer" == error.field
    assert "slash" in error.message


# --- bad collections


@pytest.mark.parametrize("field", ["authorized_parties", "audience", "issuer"])
@pytest.mark.parametrize(
    "value",
    [[], (), set[str](), [""], [5], [None], [b"x"], {"https://a.example.com": 1}, b"x", 5, True, iter(["x"]), [["x"]]],
    ids=lambda value: "iterator" if hasattr(value, "__next__") else repr(value),
)
def test_bad_collection(field: str, value: Any) -> None:
    """Empty collections, other types and odd elements are refused, each by the name of its field."""
    error = refused(**{field: value})

    assert field == error.field
    assert re.search("list of strings|is empty|no string", error.message)


def test_str_for_a_list() -> None:
    """The bare string that would be read letter by letter elsewhere is refused with the way to write it."""
    error = refused(authorized_parties=APP)

    assert "authorized_parties" == error.field
    assert "['https://app.example.com']" in error.message


@pytest.mark.parametrize(
    "party",
    [
        "app.example.com",
        f"{APP}/",
        f"{APP}/path",
        f"{APP}\n",
        f"{APP} ",
        "https://App.example.com",
        "HTTPS://app.example.com",
        "https://user:hush@app.example.com",
        "https://bücher.example",
        "https://*.example.com",
        f"{APP}?hush",
        f"{APP}#hush",
        "https://",
        "*",
        "null",
        SECRET,
    ],
)
def test_party_that_is_no_origin(party: str) -> None:
    """What no browser would send as an origin could never match: refused, and not shown."""
    error = refused(authorized_parties=[APP, party])

    assert "authorized_parties" == error.field
    assert "https://app.example.com" in error.message


# --- bad numbers, switches, names

RANGES: Final = {
    "clock_skew": (0, 300),
    "max_age": (0, 1e10),
    "timeout": (0.001, 300),
    "jwks_fresh": (0, 86_400),
    "jwks_stale": (300, 86_400),
    "jwks_expire": (600, 86_400),
    "jwks_pause": (0, 3_600),
    "jwks_max_pause": (10, 3_600),
}


@pytest.mark.parametrize("field", RANGES)
@pytest.mark.parametrize(
    "value", [-1, -0.001, 1e11, 10**400, float("nan"), float("inf"), -float("inf"), True, False, "5", [5], 5j], ids=repr
)
def test_bad_number(field: str, value: Any) -> None:
    """Out of range, not finite, a bool or no number at all: refused with the range."""
    error = refused(**{field: value})

    assert field == error.field
    assert "number of seconds" in error.message


@pytest.mark.parametrize(("field", "edges"), RANGES.items())
def test_numbers_just_outside_their_ranges(field: str, edges: tuple[float, float]) -> None:
    """The ranges end where they say."""
    for value in (edges[0] - 0.0005, edges[1] + 0.5):
        assert field == refused(**{field: value}).field
    for value in edges:
        # What has to be at least as much is as much.
        wide: dict[str, float] = (
            {"jwks_stale": 86_400, "jwks_expire": 86_400} if field in {"jwks_fresh", "jwks_stale"} else {}
        )
        wide |= {"jwks_max_pause": 3_600} if field == "jwks_pause" else {}
        wide |= {field: value}
        assert value == getattr(configured(**wide), field)


@pytest.mark.parametrize("field", [name for name in RANGES if name != "max_age"])
def test_number_that_is_none(field: str) -> None:
    """None means no limit to `max_age` alone."""
    assert field == refused(**{field: None}).field


@pytest.mark.parametrize("field", ["allow_missing_azp", "accept_pending", "allow_http"])
@pytest.mark.parametrize("value", [0, 1, None, "false", "True", []], ids=repr)
def test_switch_that_is_no_bool(field: str, value: Any) -> None:
    """A switch is on or off; ``"false"`` would be on."""
    error = refused(**{field: value})

    assert field == error.field
    assert "True or False" in error.message


@pytest.mark.parametrize("value", ["", None, 5, b"acme", "a\nb", "\ud800"], ids=ascii)
def test_bad_name(value: Any) -> None:
    """A tenant has a name."""
    error = refused(name=value)

    assert "name" == error.field
    assert "non-empty" in error.message


@pytest.mark.parametrize("field", ["clock", "monotonic"])
@pytest.mark.parametrize("value", [None, 5.0, "now"], ids=repr)
def test_clock_that_cannot_be_called(field: str, value: Any) -> None:
    """A clock is asked, not read."""
    error = refused(**{field: value})

    assert field == error.field
    assert "callable" in error.message


@pytest.mark.parametrize(
    "value", ["", "v1", "2026", "20260512", "2026-W20-2", "2026-13-01", "2026-05-12\n", None, 5], ids=repr
)
def test_bad_api_version(value: Any) -> None:
    """The version is one of Clerk's dates."""
    error = refused(api_version=value)

    assert "api_version" == error.field
    assert "2026-05-12" in error.message


def test_unknown_setting_is_a_type_error() -> None:
    """A misspelt setting is not ignored."""
    with pytest.raises(TypeError, match="autorized_parties"):
        ClerkConfig(autorized_parties=[APP])  # type: ignore[call-arg]


# --- the environment


def test_environment_whole() -> None:
    """Every variable has its field; spaces around values do not count."""
    config = ClerkConfig.from_env(
        {
            "CLERK_PUBLISHABLE_KEY": f" {PUBLISHABLE} ",
            "CLERK_SECRET_KEY": f"{SECRET}\n",
            "CLERK_JWT_KEY": PEM.replace("\n", "\\n"),
            "CLERK_PROXY_URL": "https://app.example.com/__clerk",
            "CLERK_AUTHORIZED_PARTIES": f"{APP}, http://localhost:3000,",
            "CLERK_API_URL": "https://api.example.com",
            "CLERK_API_VERSION": "2025-11-10",
            "CLERK_IS_SATELLITE": "false",
            "CLERK_SOMETHING_ELSE": "x",
            "UNRELATED": "x",
        }
    )

    assert PUBLISHABLE == config.publishable_key
    assert SECRET == config.secret_key
    assert config.pem_key is not None
    assert "https://app.example.com/__clerk" == config.proxy_url
    assert (APP, "http://localhost:3000") == config.authorized_parties
    assert "https://api.example.com/v1" == config.api_url
    assert "2025-11-10" == config.api_version


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://api.clerk.com", "https://api.clerk.com/v1"),
        ("https://api.clerk.com/", "https://api.clerk.com/v1"),
        ("HTTPS://API.clerk.com", "HTTPS://API.clerk.com/v1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080", "http://[::1]:8080/v1"),
        ("https://api.clerk.com/v1", "https://api.clerk.com/v1"),
        ("https://api.clerk.com/v1/", "https://api.clerk.com/v1"),
        ("https://gateway.example.com/clerk", "https://gateway.example.com/clerk"),
    ],
)
def test_environment_api_url(url: str, used: str) -> None:
    """Clerk's SDKs write CLERK_API_URL without the version: it is added where there is no path."""
    assert used == ClerkConfig.from_env({"CLERK_SECRET_KEY": SECRET, "CLERK_API_URL": url}).api_url


@pytest.mark.parametrize(("version", "used"), [("v1", "2026-05-12"), ("", "2026-05-12"), ("2024-10-01", "2024-10-01")])
def test_environment_api_version(version: str, used: str) -> None:
    """``v1``, which Clerk's other SDKs want, means the default date."""
    environ = {"CLERK_SECRET_KEY": SECRET, "CLERK_API_VERSION": version}

    assert used == ClerkConfig.from_env(environ).api_version


def test_environment_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the process's environment is read, at that moment."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", PUBLISHABLE)

    assert PUBLISHABLE == ClerkConfig.from_env().publishable_key


def test_empty_variables_are_absent() -> None:
    """Compose files pass on variables that nobody set."""
    names = (
        "SECRET_KEY",
        "JWT_KEY",
        "PROXY_URL",
        "AUTHORIZED_PARTIES",
        "API_URL",
        "API_VERSION",
        "DOMAIN",
        "IS_SATELLITE",
    )
    environ = {f"CLERK_{name}": "  " for name in names} | {"CLERK_PUBLISHABLE_KEY": PUBLISHABLE}

    assert ClerkConfig(publishable_key=PUBLISHABLE) == ClerkConfig.from_env(environ)


@pytest.mark.parametrize(
    ("environ", "field"),
    [
        ({}, "publishable_key"),
        ({"CLERK_SECRET_KEY": "hushhush"}, "secret_key"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_PUBLISHABLE_KEY": SECRET}, "publishable_key"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_API_VERSION": "v2"}, "api_version"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_API_VERSION": "latest"}, "api_version"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_API_URL": "api.clerk.com"}, "api_url"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_API_URL": "http://api.clerk.com"}, "api_url"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_API_URL": "https://api.clerk.com?x=y"}, "api_url"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_AUTHORIZED_PARTIES": ","}, "authorized_parties"),
        ({"CLERK_SECRET_KEY": SECRET, "CLERK_AUTHORIZED_PARTIES": "app.example.com"}, "authorized_parties"),
        ({"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_PROXY_URL": "/__clerk"}, "CLERK_PROXY_URL"),
        ({"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_PROXY_URL": "app.example.com"}, "proxy_url"),
        ({"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_DOMAIN": "b.example.com"}, "CLERK_DOMAIN"),
        (
            {"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_DOMAIN": "b.example.com", "CLERK_IS_SATELLITE": "1"},
            "CLERK_DOMAIN",
        ),
        ({"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_IS_SATELLITE": "true"}, "CLERK_IS_SATELLITE"),
        ({"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_IS_SATELLITE": "TRUE"}, "CLERK_IS_SATELLITE"),
    ],
)
def test_bad_environment(environ: dict[str, str], field: str) -> None:
    """A variable that cannot work, or asks for what would be ignored, is named."""
    with pytest.raises(ConfigurationError) as caught:
        ClerkConfig.from_env(environ)

    assert field == caught.value.field
    assert "hush" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("value", ["false", "False", "0"])
def test_no_satellite(value: str) -> None:
    """Saying that this is no satellite asks for nothing."""
    environ = {"CLERK_PUBLISHABLE_KEY": PUBLISHABLE, "CLERK_IS_SATELLITE": value}

    assert (BASE,) == ClerkConfig.from_env(environ).issuers


# --- as a value


def full_config() -> ClerkConfig:
    """A config with something in most fields."""
    return ClerkConfig(
        name="acme",
        publishable_key=PUBLISHABLE,
        secret_key=SECRET,
        jwt_key=PEM,
        authorized_parties=[APP],
        audience="api",
        max_age=60,
    )


def test_evolve_checks_and_derives_anew() -> None:
    """`attrs.evolve` gives a config whose derived settings follow the change, and refuses what is wrong."""
    config = full_config()
    other = attrs.evolve(config, publishable_key=publishable("b.example.com$"), jwt_key=None, name="b")

    assert ("https://b.example.com",) == other.issuers
    assert "https://b.example.com/.well-known/jwks.json" == other.keys_url
    assert (SECRET, (APP,), ("api",)) == (other.secret_key, other.authorized_parties, other.audience)
    assert (BASE,) == config.issuers
    with pytest.raises(ConfigurationError, match="clock_skew"):
        attrs.evolve(config, clock_skew=-1)


@each_twin
@pytest.mark.parametrize("jwt_key", [None, PEM], ids=["url", "pem"])
def test_duplicates_are_equal_and_work(twin: Callable[[Any], Any], jwt_key: str | None) -> None:
    """A config can be copied and sent to other processes, with a PEM too; what is derived goes along."""
    config = attrs.evolve(full_config(), jwt_key=jwt_key)
    other: ClerkConfig = twin(config)

    assert config == other
    assert hash(config) == hash(other)
    assert (config.issuers, config.keys_url) == (other.issuers, other.keys_url)
    assert (config.pem_key and config.pem_key.thumbprint) == (other.pem_key and other.pem_key.thumbprint)


def test_equality_is_of_the_settings() -> None:
    """Another setting makes another config; the clocks, which are there for tests, do not count."""
    config = full_config()

    assert config == attrs.evolve(config, clock=lambda: 0.0, monotonic=lambda: 0.0)
    assert config != attrs.evolve(config, name="globex")
    assert config != attrs.evolve(config, secret_key="sk_test_other")


def test_frozen() -> None:
    """A config that was checked cannot be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        full_config().name = "globex"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (SECRET, "secret_key='sk_test_…'"),
        ("sk_test_hush_hush_hush", "secret_key='sk_test_…'"),
        ("test_hushhush", "secret_key='test_…'"),
        (None, "secret_key=None"),
    ],
)
def test_repr_masks_secrets(secret: str | None, shown: str) -> None:
    """`repr` shows the environment of the secret key and nothing else of it, and nothing of the PEM."""
    text = repr(attrs.evolve(full_config(), secret_key=secret))

    assert shown in text
    assert "hush" not in text
    assert "jwt_key='…'" in text
    assert "MIIB" not in text
    assert "jwt_key=None" in repr(ClerkConfig(publishable_key=PUBLISHABLE))


# --- any text at all

_DNS_NAME: Final = re.compile(r"https://[a-z0-9-]+(\.[a-z0-9-]+)+")


@given(
    st.one_of(
        st.text(),
        st.text().map(lambda text: f"pk_test_{text}"),
        st.binary().map(lambda raw: f"pk_live_{base64.b64encode(raw).decode()}"),
        st.text().map(lambda text: publishable(f"{text}$".encode("utf-8", "replace").decode())),
        st.from_regex(r"[a-zA-Z0-9.-]{1,30}\$", fullmatch=True).map(publishable),
    )
)
@example(publishable("1.2$"))
@example(publishable("a.b$"))
def test_any_publishable_key(key: str) -> None:
    """Any text gives a dotted DNS host or a `ConfigurationError` of its field."""
    config: ClerkConfig | ConfigurationError
    try:
        config = ClerkConfig(publishable_key=key)
    except ConfigurationError as error:
        config = error

    if isinstance(config, ConfigurationError):
        assert "publishable_key" == config.field
        return
    assert config.issuers is not None
    (issuer,) = config.issuers
    assert _DNS_NAME.fullmatch(issuer)
    assert not issuer.rpartition(".")[2].isdigit()


@given(field=st.sampled_from(["frontend_api", "proxy_url", "jwks_url", "api_url", "issuer"]), text=st.text())
@example("proxy_url", "https://[")
@example("jwks_url", "https://a\u2100b")
def test_any_url(field: str, text: str) -> None:
    """Any text as a URL is taken or refused by the name of its field; nothing else is raised."""
    for url in (text, f"https://{text}", f"https://clerk.example.com{text}"):
        blamed = field
        try:
            configured(**{field: url})
        except ConfigurationError as error:
            blamed = error.field

        assert field == blamed


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({}, "CLERK_PUBLISHABLE_KEY"),
        ({"CLERK_SECRET_KEY": "nonsense"}, "CLERK_SECRET_KEY"),
        ({"CLERK_SECRET_KEY": "sk_test_x", "CLERK_API_URL": "nonsense"}, "CLERK_API_URL"),
    ],
)
def test_environment_faults_name_the_variable(environ: dict[str, str], variable: str) -> None:
    """Who writes variables is told which one; the field is named as well."""
    with pytest.raises(ConfigurationError) as caught:
        ClerkConfig.from_env(environ)

    assert f"(variable {variable})" in caught.value.message
    assert variable.removeprefix("CLERK_").lower() == caught.value.field


def test_examples_are_of_the_field() -> None:
    """A wrong Backend API address is not answered with an example of a Frontend API's, to which no secret should go."""
    assert "https://api.clerk.com/v1" in refused(secret_key=SECRET, api_url="api.clerk.com").message


@pytest.mark.parametrize("value", [-1, 1_000_001, 1.0, True, "10", None], ids=repr)
def test_bad_cache_size(value: Any) -> None:
    """A memory of verified tokens has room for a whole number of them, or for none."""
    error = refused(token_cache_size=value)

    assert "token_cache_size" == error.field
    assert "0 (remember none) to 1000000" in error.message
