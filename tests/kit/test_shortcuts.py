"""Shortcuts for tests of an application: a signed-in request, time that moves, keys of templates' own."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from jwcrypto import jwk, jws

from clerk_ext import Clerk, Reason, TokenVerificationError
from clerk_ext.testing import FakeClerk, FakeTransport, SigningKey
from tests.testing.oracle import verified

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clerk_ext.testing import FakeOrganization, FakeSignIn, FakeUser, SessionStatus
    from tests.worlds import Clock, World

ORIGIN = "https://app.example.com"
SECRET = "a secret of the application's own, long enough for HS256"


@pytest.fixture
def clerk(world: World, fake: FakeClerk) -> Clerk:
    """A client with the settings that the instance hands out, nothing else, in each world."""
    return world.clerk(fake.config(), transport=FakeTransport(fake))


def cookie(cookies: Mapping[str, str]) -> dict[str, str]:
    """The header of a browser that brings these."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def payload(signed_in: FakeSignIn, fake: FakeClerk) -> dict[str, Any]:
    """The claims of its token, as jwcrypto reads them."""
    return verified(signed_in.token, fake.jwks())[1]


def requests_of(signed_in: FakeSignIn) -> dict[str, dict[str, str]]:
    """The same sign-in as four kinds of request."""
    plain = {name: value for name, value in signed_in.cookies.items() if name in ("__session", "__client_uat")}
    suffixed = {name: value for name, value in signed_in.cookies.items() if name not in plain}
    return {
        "header": dict(signed_in.headers),
        "cookies": cookie(signed_in.cookies),
        "plain cookies": cookie(plain),
        "suffixed cookies": cookie(suffixed),
    }


@pytest.mark.parametrize("environment", ["development", "production"])
@pytest.mark.parametrize("kind", ["header", "cookies", "plain cookies", "suffixed cookies"])
def test_signed_in_request(world: World, clock: Clock, environment: Any, kind: str) -> None:
    """What a sign-in returns is a signed-in request, by its header, by all its cookies, and by either half of them."""
    fake = FakeClerk("acme", environment=environment, clock=clock.time)
    clerk = world.clerk(fake.config(), transport=FakeTransport(fake))
    signed_in = fake.sign_in(azp=ORIGIN)
    state = clerk.authenticate_request(requests_of(signed_in)[kind])

    assert state.is_signed_in
    assert state.claims is not None
    assert (signed_in.session.id, signed_in.session.user.id) == (state.claims.session_id, state.claims.user_id)
    assert signed_in.session.id == clerk.verify_token(signed_in.token).session_id


def test_cookies(fake: FakeClerk) -> None:
    """There are session, time of the sign-in and a development browser's token, plain and with the key's suffix."""
    signed_in = fake.sign_in()
    digest = hashlib.sha1(fake.publishable_key.encode()).digest()
    suffix = base64.urlsafe_b64encode(digest).decode()[:8]

    assert {
        "__session": signed_in.token,
        f"__session_{suffix}": signed_in.token,
        "__client_uat": "1767225600",
        f"__client_uat_{suffix}": "1767225600",
        "__clerk_db_jwt": signed_in.cookies["__clerk_db_jwt"],
        f"__clerk_db_jwt_{suffix}": signed_in.cookies["__clerk_db_jwt"],
    } == signed_in.cookies
    assert signed_in.cookies["__clerk_db_jwt"].startswith("dvb_")
    in_production = FakeClerk("acme", environment="production").sign_in().cookies
    assert 4 == len(in_production)
    assert "__clerk_db_jwt" not in in_production


def test_new_user_or_given(fake: FakeClerk) -> None:
    """Without a user a new one signs in; a user may sign in again, each time with a session of its own."""
    ada = fake.add_user("user_ada")
    sessions = [fake.sign_in(user).session for user in (None, ada, ada)]

    assert sessions[1].user is sessions[2].user is ada
    assert [ada, sessions[0].user] == fake.users()
    assert sessions[::-1] == fake.sessions()
    assert 3 == len({session.id for session in sessions})


def test_organization(fake: FakeClerk, clerk: Clerk) -> None:
    """A member signs in with the organisation active, and may there what the membership says."""
    ada, acme = fake.add_user(), fake.add_organization("acme-inc")
    fake.add_membership(ada, acme, "editor", ["org:invoices:create"])
    claims = clerk.verify_token(fake.sign_in(ada, organization=acme).token)

    assert (acme.id, "acme-inc") == (claims.org_id, claims.org_slug)
    assert claims.has(role="org:editor")
    assert claims.has(permission="org:invoices:create")
    assert not claims.has(permission="org:invoices:delete")


def test_no_member(fake: FakeClerk) -> None:
    """Who is no member, or of another instance, cannot sign in, and leaves no session behind."""
    organization: FakeOrganization = fake.add_organization("acme-inc")
    stranger: FakeUser = FakeClerk("other").add_user()
    with pytest.raises(ValueError, match=r"^organization: "):
        fake.sign_in(fake.add_user(), organization=organization)
    with pytest.raises(ValueError, match=r"^user: "):
        fake.sign_in(stranger)

    assert [] == fake.sessions()
    assert [] == fake.webhooks


def test_pending(fake: FakeClerk, clerk: Clerk) -> None:
    """A pending session is refused as one, and accepted by who accepts those."""
    signed_in = fake.sign_in(status="pending")
    states = [door.authenticate_request(signed_in.headers) for door in (clerk, clerk.with_policy(accept_pending=True))]

    assert [(False, "session-pending"), (True, None)] == [(state.is_signed_in, state.reason) for state in states]


@pytest.mark.parametrize("status", ["ended", "removed", "revoked", "expired", "abandoned", "replaced"])
def test_session_that_is_over(fake: FakeClerk, clerk: Clerk, status: SessionStatus) -> None:
    """The token of a session that is over is good until it expires, as Clerk's is; the session says what it is."""
    signed_in = fake.sign_in(status=status)

    assert clerk.authenticate_request(signed_in.headers).is_signed_in
    assert status == clerk.sessions.get(signed_in.session.id).status


def test_impersonation(fake: FakeClerk, clerk: Clerk) -> None:
    """Who impersonates the user is in the token and in the session."""
    signed_in = fake.sign_in(actor={"sub": "user_admin"})
    claims = clerk.verify_token(signed_in.token)

    assert {"sub": "user_admin"} == payload(signed_in, fake)["act"]
    assert {"sub": "user_admin"} == claims.actor
    assert claims.is_impersonated
    assert {"sub": "user_admin"} == signed_in.session.actor
    assert "act" not in payload(fake.sign_in(), fake)


def test_claims_changed(fake: FakeClerk, clerk: Clerk) -> None:
    """Any claim can be changed, added or left out; the cookies and the header have the same token."""
    signed_in = fake.sign_in(azp=ORIGIN, claims={"plan": {"name": "pro"}, "sub": "user_x", "azp": FakeClerk.REMOVE})
    claims = payload(signed_in, fake)

    assert ({"name": "pro"}, "user_x") == (claims["plan"], claims["sub"])
    assert "azp" not in claims
    assert "user_x" == clerk.verify_token(signed_in.token).user_id
    assert {signed_in.token} == {value for name, value in signed_in.cookies.items() if "session" in name}
    assert signed_in.headers["Authorization"].endswith(signed_in.token)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 1_767_225_000}, "token-expired"),
        ({"exp": FakeClerk.REMOVE}, "token-verification-failed"),
        ({"iss": "https://evil.clerk.accounts.dev"}, "token-invalid-issuer"),
        ({"sts": "pending"}, "session-pending"),
        ({"aud": "someone-else"}, "token-invalid-audience"),
        ({"nbf": 1_767_226_000}, "token-not-active-yet"),
    ],
)
def test_claims_refused(fake: FakeClerk, clerk: Clerk, claims: dict[str, object], reason: str) -> None:
    """A sign-in whose token has a fault is refused for that fault."""
    state = clerk.authenticate_request(fake.sign_in(claims=claims).headers)

    assert (False, reason) == (state.is_signed_in, state.reason)


@pytest.mark.parametrize(("azp", "reason"), [(ORIGIN, None), ("https://evil.example", "other"), (None, "none")])
def test_origin(fake: FakeClerk, clerk: Clerk, azp: str | None, reason: str | None) -> None:
    """The origin is the token's azp, which a client that knows its origins checks."""
    signed_in = fake.sign_in(azp=azp)
    state = clerk.with_policy(authorized_parties=[ORIGIN]).authenticate_request(signed_in.headers)

    assert azp == payload(signed_in, fake).get("azp")
    assert (reason is None) is state.is_signed_in
    assert (None if reason is None else Reason.TOKEN_INVALID_AUTHORIZED_PARTIES) == state.reason


def test_nothing_secret_is_shown(fake: FakeClerk) -> None:
    """No repr of a sign-in or of a template shows a token or a secret."""
    signed_in = fake.sign_in()
    template = fake.add_template("hasura", signing_key=SECRET)
    own = fake.add_template("own", signing_key=SigningKey.generate(1024))
    shown = repr([signed_in, template, own])

    assert signed_in.token not in shown
    assert "eyJ" not in shown
    assert SECRET not in shown
    assert "signing_key" not in shown


def test_token_expires(fake: FakeClerk, clerk: Clerk) -> None:
    """A minute passes for instance and client alike; the client's tolerance on top, the token is refused."""
    token = fake.sign_in().token
    found: list[object] = []
    for seconds in (59, 5, 0.999, 0.001):
        fake.advance(seconds)
        state = clerk.authenticate_token(token)
        found.append(state.reason or "signed in")

    assert ["signed in", "signed in", "signed in", "token-expired"] == found
    assert clerk.authenticate_token(fake.sign_in().token).is_signed_in


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("-inf")])
def test_time_does_not_go_back(fake: FakeClerk, seconds: float) -> None:
    """Time moves on only; what is refused moves nothing."""
    before = fake.clock()
    with pytest.raises(ValueError, match=r"^seconds: "):
        fake.advance(seconds)
    fake.advance(0)

    assert before == fake.clock()


def test_time_moves_on_from_the_clock(fake: FakeClerk, clock: Clock) -> None:
    """What was advanced comes on top of the clock that was given, which goes on by itself."""
    fake.advance(10)
    clock.advance(5)
    fake.advance(0.5)

    assert clock.time() + 10.5 == fake.clock() == fake.config().clock()
    assert int((clock.time() + 10.5) * 1000) == fake.sign_in().session.created_at


@pytest.mark.parametrize(
    ("skew", "reason"),
    [
        (5, None),
        (6, "token-iat-in-the-future"),
        (30, "token-iat-in-the-future"),
        (-5, None),
        (-64, None),
        (-65, "token-expired"),
        (-300, "token-expired"),
    ],
)
def test_skew(fake: FakeClerk, clerk: Clerk, skew: float, reason: str | None) -> None:
    """Tokens of a clock that is off are accepted within the client's tolerance, in header and cookies alike."""
    fake.skew = skew
    signed_in = fake.sign_in()

    assert [reason] * 4 == [clerk.authenticate_request(headers).reason for headers in requests_of(signed_in).values()]
    assert int(fake.clock()) + skew == payload(signed_in, fake)["iat"]
    assert fake.clock() * 1000 == signed_in.session.created_at


def test_skew_and_greater_tolerance(fake: FakeClerk, world: World) -> None:
    """A client with more tolerance takes more; without skew all is as before."""
    tolerant = world.clerk(fake.config(clock_skew=30), transport=FakeTransport(fake))
    fake.skew = 30

    assert tolerant.authenticate_request(fake.sign_in().headers).is_signed_in
    fake.skew = 31
    assert "token-iat-in-the-future" == tolerant.authenticate_request(fake.sign_in().headers).reason


def test_keys_grow_old(fake: FakeClerk, clerk: Clerk, world: World) -> None:
    """By the instance's clock the client's keys grow old: fetched once, in the background, while waited for, never."""
    fetched: list[int] = []
    for seconds in (0, 299, 2, 601):  # first, fresh still, aging, stale
        fake.advance(seconds)
        clerk.verify_token(fake.sign_in().token)
        world.settle()
        fetched.append(len(fake.requests))

    assert [1, 1, 2, 3] == fetched


def test_clients(fake: FakeClerk) -> None:
    """Each browser or device is there with its sessions, newest first."""
    ada, ben = fake.add_user(), fake.add_user()
    assert {} == fake.clients()
    first = fake.create_session(ada)
    fake.advance(1)
    second = fake.create_session(ben, client_id=first.client_id)
    third = fake.sign_in(ada).session

    assert {first.client_id: [second, first], third.client_id: [third]} == fake.clients()
    assert first.client_id.startswith("client_")
    fake.clients().clear()
    assert 2 == len(fake.clients())
    fake.advance(7 * 86_400)
    assert {"expired"} == {it.status for sessions in fake.clients().values() for it in sessions}


def test_users(fake: FakeClerk) -> None:
    """Users come in the order in which they were added; the list is the caller's own."""
    added = [fake.add_user("user_z"), fake.add_user("user_a"), fake.sign_in().session.user]

    assert added == fake.users()
    fake.users().clear()
    assert added == fake.users()


def opened(token: str, key: jwk.JWK, algorithm: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, if this key made it by this algorithm; jwcrypto raises otherwise."""
    signature: Any = jws.JWS()
    signature.allowed_algs = [algorithm]
    signature.deserialize(token, key)
    return dict(signature.jose_header), json.loads(signature.payload)


def octets(secret: str) -> jwk.JWK:
    """A secret text as a key."""
    return jwk.JWK.from_password(secret)


def minted(fake: FakeClerk, clerk: Clerk, **options: Any) -> list[str]:
    """Two tokens of a new template: one that the API mints, one by hand."""
    fake.add_template("own", {"role": "admin"}, **options)
    session = fake.create_session(fake.add_user())
    return [clerk.sessions.create_token_from_template(session.id, "own"), fake.template_token(session, "own")]


@pytest.mark.parametrize("secret", [SECRET, "gehéim — 32 bytes or a few more 🔑"])
def test_template_with_a_secret(fake: FakeClerk, clerk: Clerk, secret: str) -> None:
    """A template with a secret text signs with HS256, which its reader checks and our client refuses."""
    for token in minted(fake, clerk, signing_key=secret):
        header, claims = opened(token, octets(secret), "HS256")
        with pytest.raises(jws.InvalidJWSSignature):
            opened(token, octets(secret + "x"), "HS256")
        with pytest.raises(TokenVerificationError) as refused:
            clerk.verify_template_token(token)

        assert ("HS256", "admin", fake.issuer) == (header["alg"], claims["role"], claims["iss"])
        assert Reason.TOKEN_INVALID_ALGORITHM == refused.value.reason


def test_template_with_a_key(fake: FakeClerk, clerk: Clerk) -> None:
    """A template with a key of its own signs with RS256 and that key, which the key set does not show."""
    key = SigningKey.generate()
    for token in minted(fake, clerk, signing_key=key):
        header, claims = opened(token, jwk.JWK(**key.public_jwk("any")), "RS256")
        with pytest.raises(jws.InvalidJWSSignature):
            verified(token, fake.jwks())
        with pytest.raises(TokenVerificationError) as refused:
            clerk.verify_template_token(token)

        assert ("RS256", "admin") == (header["alg"], claims["role"])
        assert Reason.TOKEN_INVALID_SIGNATURE == refused.value.reason
    assert 1 == len(fake.jwks()["keys"])


def test_template_without_a_key(fake: FakeClerk, clerk: Clerk) -> None:
    """Any other template's tokens are the instance's, and pass."""
    for token in minted(fake, clerk):
        assert "admin" == verified(token, fake.jwks())[1]["role"]
        assert clerk.verify_template_token(token).user_id == fake.users()[0].id


def test_template_key_in_place_of_another(fake: FakeClerk) -> None:
    """A key given for one token goes before the template's own, and the header says what it is."""
    key = SigningKey.generate(1024)
    session = fake.create_session(fake.add_user())
    fake.add_template("secret", signing_key=SECRET)
    fake.add_template("own", signing_key=SigningKey.generate(1024))
    for name in ("secret", "own"):
        header, _ = opened(fake.template_token(session, name, key=key), jwk.JWK(**key.public_jwk("any")), "RS256")
        assert "RS256" == header["alg"]
    odd = fake.template_token(session, "secret", header={"alg": "none"})

    assert "none" == json.loads(base64.urlsafe_b64decode(odd.partition(".")[0] + "=="))["alg"]


def test_empty_secret(fake: FakeClerk) -> None:
    """A secret that everybody has is refused, and there is no template."""
    with pytest.raises(ValueError, match=r"^signing_key: "):
        fake.add_template("own", signing_key="")

    assert fake.find_template("own") is None


@pytest.mark.parametrize("signing_key", [None, SECRET])
def test_new_instance_costs_no_key(monkeypatch: pytest.MonkeyPatch, clock: Clock, signing_key: str | None) -> None:
    """Until it signs or shows its keys, an instance has none: not for users, sessions, webhooks, trouble, requests."""
    spare: deque[SigningKey] = deque(maxlen=0)  # instances of other tests may give theirs back just now

    def generate(bits: int = 2048) -> SigningKey:
        raise ZeroDivisionError

    monkeypatch.setattr("clerk_ext.testing.keys._SPARE", spare)
    monkeypatch.setattr(SigningKey, "generate", generate)
    fake = FakeClerk("acme", clock=clock.time)
    with Clerk(fake.config(), transport=FakeTransport(fake)) as clerk:
        fake.send_webhooks_to(lambda webhook: None)
        fake.add_template("own", signing_key=signing_key)
        session = clerk.sessions.create(user_id=fake.add_user().id)
        fake.trouble.rate_limit(0, times=1)
        clerk.sessions.revoke(session.id)
        fake.advance(1)
        assert 2 == len(fake.webhooks)
        for show in (fake.jwks, fake.public_key_pem, fake.sign_in):
            with pytest.raises(ZeroDivisionError):
                show()


def test_new_user_of_an_organisation(fake: FakeClerk, clerk: Clerk) -> None:
    """A new user who signs in to an organisation is a member of it."""
    organization = fake.add_organization("analytical")
    claims = clerk.verify_token(fake.sign_in(organization=organization).token)

    assert (organization.id, "org:admin") == (claims.org_id, claims.org_role)
