"""The released Python SDK, ``clerk-backend-api``, against the served fake.

Where a case says "misbehaves", the SDK does what it should not, and the case expects that: it fails once they mend it.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias, cast

import pytest

from clerk_ext.testing import FakeClerk, FakeServer, FakeSignIn, SessionStatus

# Untyped, since type checkers run where the SDK is not installed.
official: Final[Any] = importlib.import_module("clerk_backend_api")
models: Final[Any] = importlib.import_module("clerk_backend_api.models")
security: Final[Any] = importlib.import_module("clerk_backend_api.security")

APP: Final = "https://app.example.com"
Verify: TypeAlias = Callable[..., dict[str, Any]]
Authenticate: TypeAlias = Callable[..., Any]


class Request:
    """Anything with headers, as frameworks have it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers


@pytest.fixture
def sdk(fake: FakeClerk, server: FakeServer) -> Iterator[Any]:
    """The SDK's client of the fake."""
    with official.Clerk(bearer_auth=fake.secret_key, server_url=server.api_url) as sdk:
        yield sdk


@pytest.fixture
def signed_in(fake: FakeClerk) -> FakeSignIn:
    """A user who is signed in."""
    return fake.sign_in(azp=APP)


def trade_of(fake: FakeClerk, signed_in: FakeSignIn) -> dict[str, Any]:
    """Return what a refresh of the session needs."""
    return {
        "session_id": signed_in.session.id,
        "expired_token": fake.session_token(signed_in.session, azp=APP, expires_in=-30),
        "refresh_token": fake.refresh_token(signed_in.session),
        "request_origin": APP,
    }


def codes(error: pytest.ExceptionInfo[Any]) -> tuple[int, list[str]]:
    """Return the status and the codes of an error."""
    return error.value.status_code, [detail.code for detail in error.value.data.errors]


class TestSessions:
    """The calls of ``Clerk.sessions`` and ``Clerk.jwks``."""

    def test_list(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A user's sessions, and nobody else's."""
        second = fake.create_session(signed_in.session.user)
        fake.sign_in()
        listed = sdk.sessions.list(user_id=signed_in.session.user.id)
        assert {second.id, signed_in.session.id} == {session.id for session in listed}

    def test_list_filtered_and_cut(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Client, status, limit and offset each narrow the list."""
        user, client_id = signed_in.session.user, signed_in.session.client_id
        ended = fake.create_session(user, client_id=client_id, status="ended")
        for _ in range(3):
            fake.create_session(user)
        listed = sdk.sessions.list(client_id=client_id, status=models.QueryParamStatus.ENDED)
        assert [ended.id] == [session.id for session in listed]
        every = [session.id for session in sdk.sessions.list(user_id=user.id, limit=500)]
        assert every[1:3] == [session.id for session in sdk.sessions.list(user_id=user.id, limit=2, offset=1)]

    def test_list_cut_too_wide(self, sdk: Any, signed_in: FakeSignIn) -> None:
        """A limit above Clerk's is a 422."""
        with pytest.raises(models.ClerkErrors) as error:
            sdk.sessions.list(user_id=signed_in.session.user.id, limit=501)
        assert (422, ["form_param_value_invalid"]) == codes(error)

    def test_get(self, sdk: Any, fake: FakeClerk) -> None:
        """Every member of a session arrives."""
        user, organization = fake.add_user(), fake.add_organization("acme")
        fake.add_membership(user, organization)
        session = fake.create_session(user, organization=organization, status="pending")
        got = sdk.sessions.get(session_id=session.id)
        assert session.to_json() == {**got.model_dump(mode="json"), "actor": None}

    @pytest.mark.parametrize(
        "status", ["abandoned", "active", "ended", "expired", "pending", "removed", "replaced", "revoked"]
    )
    def test_get_in_every_status(self, sdk: Any, fake: FakeClerk, status: SessionStatus) -> None:
        """The SDK knows each status."""
        session = fake.create_session(fake.add_user(), status=status)
        assert status == sdk.sessions.get(session_id=session.id).status.value

    def test_get_unknown(self, sdk: Any) -> None:
        """A 404 becomes the SDK's own error, with code and parameter."""
        with pytest.raises(models.ClerkErrors) as error:
            sdk.sessions.get(session_id="sess_nobody")
        assert (404, ["resource_not_found"]) == codes(error)

    def test_wrong_secret_key(self, server: FakeServer, signed_in: FakeSignIn) -> None:
        """A secret key of nobody's is a 401 with Clerk's code."""
        with (
            official.Clerk(bearer_auth="sk_test_nobody", server_url=server.api_url) as sdk,
            pytest.raises(models.ClerkErrors) as error,
        ):
            sdk.sessions.get(session_id=signed_in.session.id)
        assert (401, ["clerk_key_invalid"]) == codes(error)

    def test_create(self, sdk: Any, fake: FakeClerk) -> None:
        """A session is created, in an organisation if one is named."""
        user, organization = fake.add_user(), fake.add_organization("acme")
        fake.add_membership(user, organization)
        plain = sdk.sessions.create(request={"user_id": user.id})
        within = sdk.sessions.create(request={"user_id": user.id, "active_organization_id": organization.id})
        assert (None, organization.id) == (plain.last_active_organization_id, within.last_active_organization_id)
        assert {plain.id, within.id} == {session.id for session in fake.sessions()}

    def test_create_for_nobody(self, sdk: Any) -> None:
        """A user who is not there is a 404."""
        with pytest.raises(models.ClerkErrors) as error:
            sdk.sessions.create(request={"user_id": "user_nobody"})
        assert (404, ["resource_not_found"]) == codes(error)

    def test_revoke(self, sdk: Any, signed_in: FakeSignIn) -> None:
        """A revoked session says so and gives no further token."""
        assert "revoked" == sdk.sessions.revoke(session_id=signed_in.session.id).status.value
        assert "revoked" == signed_in.session.status
        with pytest.raises(models.ClerkErrors) as error:
            sdk.sessions.create_token(session_id=signed_in.session.id)
        assert (404, ["resource_not_found"]) == codes(error)

    @pytest.mark.parametrize(("asked", "lifetime"), [({}, 60), ({"expires_in_seconds": 600}, 600)])
    def test_create_token(
        self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn, asked: dict[str, int], lifetime: int
    ) -> None:
        """A token made by the API verifies, and lives as long as asked."""
        token = sdk.sessions.create_token(session_id=signed_in.session.id, **asked)
        claims = security.verify_token(token.jwt, security.VerifyTokenOptions(jwt_key=fake.public_key_pem()))
        assert ("token", signed_in.session.id) == (token.object.value, claims["sid"])
        assert lifetime == claims["exp"] - claims["iat"]

    @pytest.mark.parametrize(("asked", "lifetime"), [({}, 120), ({"expires_in_seconds": 600}, 600)])
    def test_create_token_from_template(
        self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn, asked: dict[str, int], lifetime: int
    ) -> None:
        """A template's token has its claims, and lives as long as asked."""
        fake.add_template("hasura", {"role": "editor"}, lifetime=120)
        token = sdk.sessions.create_token_from_template(
            session_id=signed_in.session.id, template_name="hasura", **asked
        )
        claims = security.verify_token(token.jwt, security.VerifyTokenOptions(jwt_key=fake.public_key_pem()))
        assert ("editor", lifetime) == (claims["role"], claims["exp"] - claims["iat"])

    def test_refresh(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """An expired token is traded once; the second time has Clerk's code for it."""
        trade = trade_of(fake, signed_in)
        token = sdk.sessions.refresh(**trade)
        claims = security.verify_token(token.jwt, security.VerifyTokenOptions(jwt_key=fake.public_key_pem()))
        assert (signed_in.session.id, APP) == (claims["sid"], claims["azp"])
        with pytest.raises(models.ClerkErrors) as error:
            sdk.sessions.refresh(**trade)
        assert (401, ["session_refresh_expired_session_token_consumed"]) == codes(error)

    def test_refresh_to_cookies(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """As cookies, the fresh token comes as a ``Set-Cookie`` directive."""
        answer = sdk.sessions.refresh(
            **trade_of(fake, signed_in), format_="cookie", request_headers={"user-agent": ["example-browser/1.0"]}
        )
        assert ["__session"] == [cookie.partition("=")[0] for cookie in answer.cookies]

    def test_jwks(self, sdk: Any, fake: FakeClerk) -> None:
        """The key set arrives as it is."""
        assert fake.jwks()["keys"] == [key.model_dump(exclude_none=True) for key in sdk.jwks.get_jwks().keys]

    def test_async(self, fake: FakeClerk, server: FakeServer, signed_in: FakeSignIn) -> None:
        """Its asynchronous half speaks to the fake as well."""

        async def calls() -> tuple[Any, Any, Any]:
            async with official.Clerk(bearer_auth=fake.secret_key, server_url=server.api_url) as sdk:
                listed = await sdk.sessions.list_async(user_id=signed_in.session.user.id)
                token = await sdk.sessions.create_token_async(session_id=signed_in.session.id)
                return listed, token, await sdk.sessions.revoke_async(session_id=signed_in.session.id)

        listed, token, revoked = asyncio.run(calls())
        assert [signed_in.session.id] == [session.id for session in listed]
        assert (2, "revoked") == (token.jwt.count("."), revoked.status.value)

    def test_page_misbehaves(self, sdk: Any, signed_in: FakeSignIn) -> None:
        """Misbehaves: its own option ``paginated`` makes an answer that it cannot read."""
        with pytest.raises(models.ResponseValidationError):
            sdk.sessions.list(user_id=signed_in.session.user.id, paginated=True)

    def test_unknown_status_misbehaves(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: a status that Clerk might add one day is an error."""
        signed_in.session.status = "paused"  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(models.ResponseValidationError):
            sdk.sessions.get(session_id=signed_in.session.id)

    def test_actor_misbehaves(self, sdk: Any, fake: FakeClerk) -> None:
        """Misbehaves: who impersonates the user is thrown away."""
        session = fake.create_session(fake.add_user(), actor={"sub": "user_support"})
        assert {} == sdk.sessions.get(session_id=session.id).actor.model_dump()

    def test_rate_limit_misbehaves(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: a 429 is neither repeated nor taken apart."""
        fake.trouble.rate_limit(1, times=1)
        with pytest.raises(models.SDKError) as error:
            sdk.sessions.get(session_id=signed_in.session.id)
        assert (429, False) == (error.value.status_code, hasattr(error.value, "data"))
        assert 1 == len(fake.requests)

    def test_repeated_post_misbehaves(self, sdk: Any, fake: FakeClerk) -> None:
        """Misbehaves: after a 500 a creation is repeated, though the session may have been made."""
        fake.trouble.server_error(times=1)
        sdk.sessions.create(request={"user_id": fake.add_user().id})
        assert ["POST", "POST"] == [request.method for request in fake.requests]

    def test_repeated_refresh_misbehaves(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: so is a refresh, though each expired token can be traded once."""
        fake.trouble.server_error(times=1)
        sdk.sessions.refresh(**trade_of(fake, signed_in))
        assert ["POST", "POST"] == [request.method for request in fake.requests]

    def test_cut_answer_misbehaves(self, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: an answer that breaks off raises httpx's error, which is none of the SDK's own."""
        fake.trouble.cut_body(times=1)
        with pytest.raises(importlib.import_module("httpx").RemoteProtocolError):
            sdk.sessions.get(session_id=signed_in.session.id)


class TestVerifyToken:
    """``verify_token`` with a PEM, and with the key set that it fetches by the secret key."""

    @pytest.fixture(params=["jwt_key", "secret_key"])
    def verify(self, request: pytest.FixtureRequest, fake: FakeClerk, server: FakeServer) -> Verify:
        """Verifies a token; keywords are the options."""
        keys = {"jwt_key": fake.public_key_pem()}
        if request.param == "secret_key":
            keys = {"secret_key": fake.secret_key, "api_url": server.url}

        def verify(token: str, **options: object) -> dict[str, Any]:
            return cast(dict[str, Any], security.verify_token(token, security.VerifyTokenOptions(**keys, **options)))

        return verify

    @pytest.fixture
    def fetching(self, fake: FakeClerk, server: FakeServer) -> Any:
        """Options with which the key set is fetched."""
        return security.VerifyTokenOptions(secret_key=fake.secret_key, api_url=server.url)

    @pytest.mark.parametrize("version", [1, 2])
    def test_good(self, verify: Verify, fake: FakeClerk, version: Literal[1, 2]) -> None:
        """A token of either version gives its claims."""
        session = fake.create_session(fake.add_user())
        claims = verify(fake.session_token(session, version=version, azp=APP), authorized_parties=[APP])
        assert (session.user.id, session.id, fake.issuer) == (claims["sub"], claims["sid"], claims["iss"])

    def test_good_async(self, fetching: Any, signed_in: FakeSignIn) -> None:
        """The same in its asynchronous half."""
        claims = asyncio.run(security.verify_token_async(signed_in.token, fetching))
        assert signed_in.session.id == claims["sid"]

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"azp": "https://evil.example.com"}, "token-invalid-authorized-parties"),
            ({"azp": FakeClerk.REMOVE}, "token-invalid-authorized-parties"),
            ({"exp": 1}, "token-expired"),
            ({"nbf": 4_000_000_000}, "token-not-active-yet"),
            ({"aud": "somebody else"}, "token-invalid-audience"),
        ],
        ids=["party", "no party", "expired", "early", "audience"],
    )
    def test_claims(
        self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn, changed: dict[str, object], reason: str
    ) -> None:
        """A claim that is not as it should be is refused with its reason."""
        token = fake.session_token(signed_in.session, azp=APP, claims=changed)
        assert reason == refusal(lambda: verify(token, authorized_parties=[APP]))

    def test_audience(self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """The audience that is asked for is accepted."""
        assert "api" == verify(fake.session_token(signed_in.session, claims={"aud": "api"}), audience="api")["aud"]

    def test_forged(self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A token that somebody else signed is refused."""
        assert "token-invalid-signature" == refusal(lambda: verify(fake.forge(signed_in.token)))

    def test_unknown_key(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A token of a key that the set has not is refused."""
        token = fake.session_token(signed_in.session, header={"kid": "ins_nobody"})
        assert "jwk-kid-mismatch" == refusal(lambda: security.verify_token(token, fetching))

    def test_wrong_secret_key(self, server: FakeServer, signed_in: FakeSignIn) -> None:
        """Without the right secret key there is no key set."""
        options = security.VerifyTokenOptions(secret_key="sk_test_nobody", api_url=server.url)
        assert "jwk-failed-to-load" == refusal(lambda: security.verify_token(signed_in.token, options))

    def test_key_set_fetched_once(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Good tokens cost one fetch in all."""
        for _ in range(3):
            security.verify_token(signed_in.token, fetching)
        assert ["/v1/jwks"] == [request.path for request in fake.requests]

    @pytest.mark.parametrize("kid", [None, "ins_rotated"])
    def test_rotation(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn, kid: str | None) -> None:
        """A new key is found by one more fetch, under the old id, as Clerk has it, and under a new one."""
        security.verify_token(signed_in.token, fetching)
        fake.rotate_key(kid=kid, keep_old=False)
        fresh = fake.sign_in()
        assert fresh.session.id == security.verify_token(fresh.token, fetching)["sid"]
        assert 2 == len(fake.requests)

    def test_rotation_with_overlap(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Under an id of its own a new key stands beside the old one: tokens of both verify."""
        fake.rotate_key(kid="ins_rotated")
        for browser in (signed_in, fake.sign_in()):
            assert browser.session.id == security.verify_token(browser.token, fetching)["sid"]

    def test_rotation_with_overlap_under_one_id_misbehaves(
        self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn
    ) -> None:
        """Misbehaves: of two keys under one id it finds the first one only."""
        fake.rotate_key()
        assert signed_in.session.id == security.verify_token(signed_in.token, fetching)["sid"]
        assert "token-invalid-signature" == refusal(lambda: security.verify_token(fake.sign_in().token, fetching))

    @pytest.mark.parametrize("claim", ["exp", "sub", "sid", "iat", "nbf", "iss"])
    def test_missing_claim_misbehaves(self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn, claim: str) -> None:
        """Misbehaves: a token that never expires, or of no user, session or issuer, verifies."""
        token = fake.session_token(signed_in.session, claims={claim: FakeClerk.REMOVE})
        assert claim not in verify(token)

    def test_foreign_issuer_misbehaves(self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: the issuer is never looked at."""
        foreign = "https://clerk.evil.example.com"
        assert foreign == verify(fake.session_token(signed_in.session, claims={"iss": foreign}))["iss"]

    def test_template_token_misbehaves(self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: a template's token, which outlives its session, verifies like a session token."""
        fake.add_template("hasura", {"role": "editor"})
        assert "editor" == verify(fake.template_token(signed_in.session, "hasura"))["role"]

    @pytest.mark.parametrize(
        ("header", "claims"),
        [({"cat": "cl_B7d4PD333AAA"}, {"sub": "mch_1"}), ({"typ": "at+jwt"}, {})],
        ids=["machine", "access token"],
    )
    def test_other_token_misbehaves(
        self,
        verify: Verify,
        fake: FakeClerk,
        signed_in: FakeSignIn,
        header: dict[str, object],
        claims: dict[str, object],
    ) -> None:
        """Misbehaves: machines' tokens and OAuth access tokens verify like session tokens."""
        assert verify(fake.session_token(signed_in.session, header=header, claims=claims))

    def test_from_the_future_misbehaves(self, verify: Verify, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: a token from the future is refused for another reason than the one that there is for it."""
        token = fake.session_token(signed_in.session, claims={"iat": 4_000_000_000})
        assert "token-not-active-yet" == refusal(lambda: verify(token))

    def test_audience_missing_misbehaves(self, verify: Verify, signed_in: FakeSignIn) -> None:
        """Misbehaves: a token without the audience that is asked for is refused, but not for its audience."""
        assert "token-invalid" == refusal(lambda: verify(signed_in.token, audience="api"))

    def test_no_parties_misbehaves(self, verify: Verify, signed_in: FakeSignIn) -> None:
        """Misbehaves: an empty list of parties, which is no check elsewhere, refuses every token."""
        refused = refusal(lambda: verify(signed_in.token, authorized_parties=[]))
        assert "token-invalid-authorized-parties" == refused

    def test_forged_flood_misbehaves(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: each forged token, which anybody can make, costs a fetch."""
        security.verify_token(signed_in.token, fetching)
        for _ in range(5):
            assert "token-invalid-signature" == refusal(
                lambda: security.verify_token(fake.forge(signed_in.token), fetching)
            )
        assert 6 == len(fake.requests)

    def test_unknown_key_flood_misbehaves(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: so does each token of a made-up key."""
        token = fake.session_token(signed_in.session, header={"kid": "ins_nobody"})
        for _ in range(5):
            refusal(lambda: security.verify_token(token, fetching))
        assert 5 == len(fake.requests)

    def test_forged_during_outage_misbehaves(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: one forged token while the key set is out of reach throws the good key away, for everybody."""
        security.verify_token(signed_in.token, fetching)
        fake.trouble.server_error()
        refusal(lambda: security.verify_token(fake.forge(signed_in.token), fetching))
        assert "jwk-failed-to-load" == refusal(lambda: security.verify_token(signed_in.token, fetching))

    def test_rotation_misbehaves(self, fetching: Any, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: right after a change of keys, an expired token raises what is not the SDK's own error."""
        security.verify_token(signed_in.token, fetching)
        fake.rotate_key(keep_old=False)
        with pytest.raises(Exception, match="Signature has expired") as error:
            security.verify_token(fake.session_token(signed_in.session, expires_in=-30), fetching)
        assert not isinstance(error.value, security.TokenVerificationError)


def refusal(verify: Callable[[], object]) -> str:
    """Return the reason for which a token is refused."""
    with pytest.raises(security.TokenVerificationError) as error:
        verify()
    return cast(str, error.value.reason.value[0])


class TestAuthenticateRequest:
    """``authenticate_request``, by a PEM: with a secret key it asks nobody but Clerk, see the last case."""

    @pytest.fixture(params=["sync", "async"])
    def authenticate(self, request: pytest.FixtureRequest, sdk: Any, fake: FakeClerk) -> Authenticate:
        """Shows the SDK a request with these headers; keywords are the options."""

        def authenticate(headers: Mapping[str, str], **options: object) -> Any:
            settings = security.AuthenticateRequestOptions(jwt_key=fake.public_key_pem(), **options)
            if request.param == "sync":
                return sdk.authenticate_request(Request(headers), settings)
            return asyncio.run(waited(sdk.authenticate_request_async(Request(headers), settings)))

        return authenticate

    def test_header(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """A session token in the header signs in."""
        state = authenticate(signed_in.headers, authorized_parties=[APP])
        assert (True, signed_in.token) == (state.is_signed_in, state.token)
        assert (signed_in.session.user.id, signed_in.session.id) == (state.to_auth().sub, state.to_auth().sid)

    def test_cookies(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """A browser's cookies sign in."""
        assert authenticate({"cookie": cookie_header(signed_in.cookies)}, authorized_parties=[APP]).is_signed_in

    def test_suffixed_cookie(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """The instance's own cookie is enough."""
        cookies = {name: value for name, value in signed_in.cookies.items() if name.startswith("__session_")}
        assert authenticate({"cookie": cookie_header(cookies)}).is_signed_in

    @pytest.mark.parametrize("version", [1, 2])
    def test_organization(self, authenticate: Authenticate, fake: FakeClerk, version: Literal[1, 2]) -> None:
        """Organisation and permissions are read from tokens of both versions."""
        user, organization = fake.add_user(features=["beta"]), fake.add_organization("acme")
        fake.add_membership(user, organization, "editor", ["org:invoices:read", "org:reports:export"])
        token = fake.session_token(fake.create_session(user, organization=organization), version=version)
        auth = authenticate({"Authorization": f"Bearer {token}"}).to_auth()
        assert organization.id == auth.org_id
        assert ["org:invoices:read", "org:reports:export"] == sorted(auth.org_permissions)
        # Misbehaves: the role of a version 2 token lacks the prefix that the role of version 1 has.
        assert ("org:editor" if version == 1 else "editor") == auth.org_role

    def test_nothing(self, authenticate: Authenticate) -> None:
        """A request without a token is signed out."""
        state = authenticate({})
        assert (False, "session-token-missing") == (state.is_signed_in, state.reason.value[0])

    def test_expired(self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """An expired token is signed out, in the header and as cookie."""
        token = fake.session_token(signed_in.session, azp=APP, expires_in=-30)
        for headers in ({"Authorization": f"Bearer {token}"}, {"cookie": f"__session={token}"}):
            assert "token-expired" == authenticate(headers).reason.value[0]

    def test_forged(self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A forged token is signed out, in the header and as cookie."""
        token = fake.forge(signed_in.token)
        for headers in ({"Authorization": f"Bearer {token}"}, {"cookie": f"__session={token}"}):
            assert "token-invalid-signature" == authenticate(headers).reason.value[0]

    def test_wrong_party(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """A token that another origin obtained is signed out."""
        state = authenticate(signed_in.headers, authorized_parties=["https://other.example.com"])
        assert "token-invalid-authorized-parties" == state.reason.value[0]

    def test_pending_misbehaves(self, authenticate: Authenticate, fake: FakeClerk) -> None:
        """Misbehaves: a pending session is signed in, and there is no option for it."""
        assert authenticate(fake.sign_in(status="pending").headers).is_signed_in

    def test_template_token_misbehaves(
        self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn
    ) -> None:
        """Misbehaves: a template's token signs in, also where only session tokens are accepted."""
        fake.add_template("hasura")
        headers = {"Authorization": f"Bearer {fake.template_token(signed_in.session, 'hasura')}"}
        assert authenticate(headers, accepts_token=["session_token"]).is_signed_in

    def test_other_scheme_misbehaves(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """Misbehaves: a header of another scheme is taken for a token and hides a good cookie."""
        headers = {"Authorization": "Basic dTpw", "cookie": f"__session={signed_in.token}"}
        assert "token-invalid" == authenticate(headers).reason.value[0]

    def test_shadowed_cookie_misbehaves(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """Misbehaves: a cookie of any name that begins with ``__session`` shadows the real one."""
        headers = {"cookie": f"__session_of_another_app=nonsense; __session={signed_in.token}"}
        assert "token-invalid" == authenticate(headers).reason.value[0]

    def test_lower_case_header_misbehaves(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """Misbehaves: in a plain dict the header is found under one spelling only."""
        state = authenticate({"authorization": f"Bearer {signed_in.token}"})
        assert "session-token-missing" == state.reason.value[0]

    def test_secret_key_misbehaves(
        self, monkeypatch: pytest.MonkeyPatch, sdk: Any, fake: FakeClerk, signed_in: FakeSignIn
    ) -> None:
        """Misbehaves: with a secret key the key set comes from Clerk itself, whatever ``server_url`` the client has.

        So this way into the SDK cannot be shown to the fake.
        """
        asked: list[str] = []

        def fetch(options: Any) -> dict[str, Any]:
            asked.append(options.api_url)
            return fake.jwks()

        monkeypatch.setattr(importlib.import_module("clerk_backend_api.security.verifytoken"), "_fetch_jwks", fetch)
        assert sdk.authenticate_request(Request(signed_in.headers), security.AuthenticateRequestOptions()).is_signed_in
        assert ["https://api.clerk.com"] == asked


async def waited(awaitable: Awaitable[Any]) -> Any:
    """Return what comes of it."""
    return await awaitable


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Return the value of a ``Cookie`` header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())
