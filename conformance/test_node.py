"""Node's released ``@clerk/backend`` against the served fake.

Where a case says "misbehaves", the client does what it should not, and the case expects that: it fails once they
mend it.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, cast

import pytest

from clerk_ext.testing import FakeClerk, FakeServer, FakeSignIn, SessionStatus

HERE: Final = Path(__file__).parent
NODE: Final = shutil.which("node")
MODULES: Final = Path(os.environ.get("CONFORMANCE_NODE", HERE.parent / "build" / "conformance-node"))
if NODE is None or not (MODULES / "node_modules" / "@clerk" / "backend").is_dir():
    pytest.skip("no Node or no npm on this machine: @clerk/backend is not run", allow_module_level=True)

APP: Final = "https://app.example.com"
ANSWER_WITHIN: Final = 30.0
"""Seconds."""

Reply: TypeAlias = dict[str, Any]
Call: TypeAlias = Callable[..., Reply]
Authenticate: TypeAlias = Callable[..., Reply]


class Node:
    """A Node process with the client in it, which does one call after the other."""

    def __init__(self) -> None:
        assert NODE is not None
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [NODE, str(HERE / "node" / "peer.mjs")],
            cwd=MODULES,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, client: Mapping[str, Any], name: str, *args: object) -> Reply:
        """Return ``{"value": …}`` or ``{"error": {…}}``."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"client": client, "call": name, "args": args}) + "\n")
        self._process.stdin.flush()
        line = self._lines.get(timeout=ANSWER_WITHIN)
        assert line, "Node ended; its last words are above"
        return cast(Reply, json.loads(line))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(ANSWER_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """One process for all cases; each instance has keys of its own, so that nothing remembered helps another case."""
    node = Node()
    yield node
    node.close()


@pytest.fixture
def call(node: Node, fake: FakeClerk, server: FakeServer) -> Call:
    """Calls the client: ``call("sessions.getSession", "sess_…")``; keywords change how it is made."""

    def call(name: str, *args: object, **settings: object) -> Reply:
        client = {"secretKey": fake.secret_key, "publishableKey": fake.publishable_key, "apiUrl": server.url}
        return node.call({**client, **settings}, name, *args)

    return call


@pytest.fixture
def authenticate(call: Call) -> Authenticate:
    """Shows a browser's request to ``authenticateRequest``; keywords are its options."""

    def authenticate(
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        has: list[dict[str, Any]] | None = None,
        to_auth: Mapping[str, Any] | None = None,
        client: Mapping[str, Any] | None = None,
        **options: object,
    ) -> Reply:
        sent = dict(headers or {})
        if cookies is not None:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        question = {"url": f"{APP}/page", "method": method, "headers": sent, "options": options, "has": has}
        reply = call("authenticateRequest", {**question, "toAuth": to_auth or {}}, **(client or {}))
        return cast(Reply, reply["value"])

    return authenticate


@pytest.fixture
def signed_in(fake: FakeClerk) -> FakeSignIn:
    """A user who is signed in."""
    return fake.sign_in(azp=APP)


def suffix(signed_in: FakeSignIn) -> str:
    """What the names of the instance's own cookies end with."""
    return next(name for name in signed_in.cookies if name.startswith("__session_")).removeprefix("__session_")


def browser(signed_in: FakeSignIn) -> dict[str, str]:
    """Return the cookies of a development instance's browser, which is known to Clerk by one more of them."""
    named = suffix(signed_in)
    return {"__clerk_db_jwt": "dvb_1", f"__clerk_db_jwt_{named}": "dvb_1", **signed_in.cookies}


def only(cookies: Mapping[str, str], ending: str, *, suffixed: bool) -> dict[str, str]:
    """Return the cookies with the instance's own ending, or those without."""
    return {name: value for name, value in cookies.items() if name.endswith(f"_{ending}") is suffixed}


def expired(fake: FakeClerk, signed_in: FakeSignIn, *, ago: float = 30) -> str:
    """Return a token of the session that has run out."""
    return fake.session_token(signed_in.session, azp=APP, expires_in=-ago)


def claims_of(jwt: str) -> dict[str, Any]:
    """Return what a token says, unverified."""
    payload = jwt.split(".")[1]
    return cast(dict[str, Any], json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))


class TestSessions:
    """The calls of ``client.sessions`` and ``client.jwks``."""

    def test_list_of_a_user(self, call: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """The list is asked for as a page, and has the user's sessions and their number."""
        second = fake.create_session(signed_in.session.user)
        fake.sign_in()
        page = call("sessions.getSessionList", {"userId": signed_in.session.user.id})["value"]
        assert 2 == page["totalCount"]
        assert {second.id, signed_in.session.id} == {session["id"] for session in page["data"]}
        assert "paginated=true" in fake.requests[-1].path

    def test_list_filtered_and_cut(self, call: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Client, status, limit and offset each narrow the list; the number counts what the filters leave."""
        user, client_id = signed_in.session.user, signed_in.session.client_id
        ended = fake.create_session(user, client_id=client_id, status="ended")
        for _ in range(3):
            fake.create_session(user)
        page = call("sessions.getSessionList", {"clientId": client_id, "status": "ended"})["value"]
        assert [ended.id] == [session["id"] for session in page["data"]]
        wanted = {"userId": user.id, "status": "active", "limit": 2, "offset": 1}
        page = call("sessions.getSessionList", wanted)["value"]
        assert (4, 2) == (page["totalCount"], len(page["data"]))

    def test_get(self, call: Call, fake: FakeClerk) -> None:
        """Every member of a session arrives in the client's own names."""
        user, organization = fake.add_user(), fake.add_organization("acme")
        fake.add_membership(user, organization)
        session = fake.create_session(user, organization=organization, actor={"sub": "user_support"})
        value = call("sessions.getSession", session.id)["value"]
        assert {
            "id": session.id,
            "clientId": session.client_id,
            "userId": user.id,
            "status": "active",
            "lastActiveAt": session.last_active_at,
            "expireAt": session.expire_at,
            "abandonAt": session.abandon_at,
            "createdAt": session.created_at,
            "updatedAt": session.updated_at,
            "lastActiveOrganizationId": organization.id,
            "actor": {"sub": "user_support"},
        } == {name: member for name, member in value.items() if name != "latestActivity"}
        assert session.activity_id == value["latestActivity"]["id"]

    @pytest.mark.parametrize(
        "status", ["abandoned", "active", "ended", "expired", "pending", "removed", "replaced", "revoked"]
    )
    def test_get_in_every_status(self, call: Call, fake: FakeClerk, status: SessionStatus) -> None:
        """The client knows each status."""
        session = fake.create_session(fake.add_user(), status=status)
        assert status == call("sessions.getSession", session.id)["value"]["status"]

    def test_get_unknown(self, call: Call) -> None:
        """A 404 becomes the client's own error, with code, parameter and trace id."""
        error = call("sessions.getSession", "sess_nobody")["error"]
        assert ("ClerkAPIResponseError", 404) == (error["name"], error["status"])
        assert [("resource_not_found", "session_id")] == [(e["code"], e["meta"]["paramName"]) for e in error["errors"]]
        assert error["clerkTraceId"]

    def test_wrong_secret_key(self, call: Call, signed_in: FakeSignIn) -> None:
        """A secret key of nobody's is a 401 with Clerk's code."""
        error = call("sessions.getSession", signed_in.session.id, secretKey="sk_test_nobody")["error"]
        assert (401, "clerk_key_invalid") == (error["status"], error["errors"][0]["code"])

    def test_create(self, call: Call, fake: FakeClerk) -> None:
        """A session is created; Clerk has recorded no activity for it."""
        user = fake.add_user()
        value = call("sessions.createSession", {"userId": user.id})["value"]
        assert [value["id"]] == [session.id for session in fake.sessions()]
        assert (user.id, None) == (value["userId"], value["latestActivity"])

    def test_create_on_production(self, node: Node) -> None:
        """A production instance refuses."""
        fake = FakeClerk("conformance-production", environment="production")
        with FakeServer(fake) as server:
            client = {"secretKey": fake.secret_key, "publishableKey": fake.publishable_key, "apiUrl": server.url}
            error = node.call(client, "sessions.createSession", {"userId": fake.add_user().id})["error"]
        assert (400, "request_invalid_for_environment") == (error["status"], error["errors"][0]["code"])

    def test_revoke(self, call: Call, signed_in: FakeSignIn) -> None:
        """A revoked session says so and gives no further token."""
        assert "revoked" == call("sessions.revokeSession", signed_in.session.id)["value"]["status"]
        assert "revoked" == signed_in.session.status
        assert 404 == call("sessions.getToken", signed_in.session.id)["error"]["status"]

    @pytest.mark.parametrize(("asked", "lifetime"), [((), 60), (("", 600), 600)], ids=["usual", "given"])
    def test_get_token(
        self, call: Call, fake: FakeClerk, signed_in: FakeSignIn, asked: tuple[object, ...], lifetime: int
    ) -> None:
        """A token made by the API verifies, and lives as long as asked."""
        jwt = call("sessions.getToken", signed_in.session.id, *asked)["value"]["jwt"]
        claims = call("verifyToken", jwt, {"jwtKey": fake.public_key_pem()})["value"]
        assert (signed_in.session.id, lifetime) == (claims["sid"], claims["exp"] - claims["iat"])

    @pytest.mark.parametrize(("asked", "lifetime"), [((), 120), ((600,), 600)], ids=["usual", "given"])
    def test_get_token_from_template(
        self, call: Call, fake: FakeClerk, signed_in: FakeSignIn, asked: tuple[object, ...], lifetime: int
    ) -> None:
        """A template's token has its claims and no session, and lives as long as asked."""
        fake.add_template("hasura", {"role": "editor"}, lifetime=120, audience="hasura")
        claims = claims_of(call("sessions.getToken", signed_in.session.id, "hasura", *asked)["value"]["jwt"])
        assert ("editor", "hasura") == (claims["role"], claims["aud"])
        assert lifetime == claims["exp"] - claims["iat"]
        assert "sid" not in claims

    def test_get_token_from_no_template(self, call: Call, signed_in: FakeSignIn) -> None:
        """A template that is not there is a 404."""
        error = call("sessions.getToken", signed_in.session.id, "nothing")["error"]
        assert (404, "resource_not_found") == (error["status"], error["errors"][0]["code"])

    def test_refresh(self, call: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """An expired token is traded once; the second time has Clerk's code for it."""
        trade = {
            "expired_token": expired(fake, signed_in),
            "refresh_token": fake.refresh_token(signed_in.session),
            "request_origin": APP,
            "request_headers": {"user-agent": ["example-browser/1.0"]},
            "format": "token",
        }
        claims = claims_of(call("sessions.refreshSession", signed_in.session.id, trade)["value"]["jwt"])
        assert (signed_in.session.id, APP) == (claims["sid"], claims["azp"])
        error = call("sessions.refreshSession", signed_in.session.id, trade)["error"]
        assert (401, "session_refresh_expired_session_token_consumed") == (error["status"], error["errors"][0]["code"])

    @pytest.mark.parametrize("suffixed", [False, True])
    def test_refresh_to_cookies(self, call: Call, fake: FakeClerk, signed_in: FakeSignIn, suffixed: bool) -> None:
        """As cookies, the fresh token comes under the plain name, and under the suffixed one if asked for."""
        trade = {
            "expired_token": expired(fake, signed_in),
            "refresh_token": fake.refresh_token(signed_in.session),
            "request_origin": APP,
            "format": "cookie",
            "suffixed_cookies": suffixed,
        }
        cookies = call("sessions.refreshSession", signed_in.session.id, trade)["value"]["cookies"]
        names = ["__session", f"__session_{suffix(signed_in)}"] if suffixed else ["__session"]
        assert names == [cookie.partition("=")[0] for cookie in cookies]

    def test_jwks(self, call: Call, fake: FakeClerk) -> None:
        """The key set arrives as it is."""
        assert fake.jwks() == call("jwks.getJwks")["value"]

    def test_rate_limit(self, call: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A 429 is raised at once, with its code and the seconds to wait."""
        fake.trouble.rate_limit(7, times=1)
        error = call("sessions.getSession", signed_in.session.id)["error"]
        assert (429, 7) == (error["status"], error["retryAfter"])
        assert ["too_many_requests"] == [detail["code"] for detail in error["errors"]]
        assert 1 == len(fake.requests)


class TestVerifyToken:
    """``verifyToken`` with a PEM, and with the key set that it fetches by the secret key."""

    @pytest.fixture(params=["jwtKey", "secretKey"])
    def verify(self, request: pytest.FixtureRequest, call: Call, fake: FakeClerk, server: FakeServer) -> Call:
        """Verifies a token; keywords are the options."""
        keys = {"jwtKey": fake.public_key_pem()}
        if request.param == "secretKey":
            keys = {"secretKey": fake.secret_key, "apiUrl": server.url}

        def verify(token: str, **options: object) -> Reply:
            return call("verifyToken", token, {**keys, **options})

        return verify

    @pytest.mark.parametrize("version", [1, 2])
    def test_good(self, verify: Call, fake: FakeClerk, version: Literal[1, 2]) -> None:
        """A token of either version gives its claims."""
        token = fake.session_token(fake.create_session(fake.add_user()), version=version, azp=APP)
        assert {"value": claims_of(token)} == verify(token, authorizedParties=[APP])

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"azp": "https://evil.example.com"}, "token-invalid-authorized-parties"),
            ({"azp": FakeClerk.REMOVE}, "token-invalid-authorized-parties"),
            ({"exp": 1}, "token-expired"),
            ({"exp": FakeClerk.REMOVE}, "token-verification-failed"),
            ({"sub": FakeClerk.REMOVE}, "token-verification-failed"),
            ({"nbf": 4_000_000_000}, "token-not-active-yet"),
            ({"iat": 4_000_000_000}, "token-iat-in-the-future"),
        ],
        ids=["party", "no party", "expired", "no expiry", "no subject", "early", "from the future"],
    )
    def test_claims(
        self, verify: Call, fake: FakeClerk, signed_in: FakeSignIn, changed: dict[str, object], reason: str
    ) -> None:
        """A claim that is not as it should be is refused with Clerk's reason."""
        token = fake.session_token(signed_in.session, azp=APP, claims=changed)
        assert reason == verify(token, authorizedParties=[APP])["error"]["reason"]

    def test_forged(self, verify: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A token that somebody else signed is refused."""
        assert "token-invalid-signature" == verify(fake.forge(signed_in.token))["error"]["reason"]

    def test_algorithm(self, verify: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A token that names another algorithm is refused."""
        token = fake.session_token(signed_in.session, header={"alg": "HS256"})
        assert "token-invalid-algorithm" == verify(token)["error"]["reason"]

    def test_key_set_fetched_once(self, call: Call, fake: FakeClerk, server: FakeServer, signed_in: FakeSignIn) -> None:
        """Good and forged tokens of a known key cost one fetch in all."""
        options = {"secretKey": fake.secret_key, "apiUrl": server.url}
        for token in (signed_in.token, fake.forge(signed_in.token), signed_in.token):
            call("verifyToken", token, options)
        assert ["/v1/jwks"] == [request.path for request in fake.requests]

    def test_rotation(self, call: Call, fake: FakeClerk, server: FakeServer, signed_in: FakeSignIn) -> None:
        """A new key under a new id is found by one more fetch, and the old one still verifies while it is shown."""
        options = {"secretKey": fake.secret_key, "apiUrl": server.url}
        call("verifyToken", signed_in.token, options)
        fake.rotate_key(kid="ins_rotated")
        assert "value" in call("verifyToken", fake.sign_in().token, options)
        assert "value" in call("verifyToken", signed_in.token, options)
        assert 2 == len(fake.requests)

    def test_wrong_secret_key(self, call: Call, fake: FakeClerk, server: FakeServer, signed_in: FakeSignIn) -> None:
        """Without the right secret key there is no key set."""
        error = call("verifyToken", signed_in.token, {"secretKey": "sk_test_nobody", "apiUrl": server.url})["error"]
        assert "secret-key-invalid" == error["reason"]
        # Misbehaves: the refusal, which will not change, is asked for again and again, and the caller waits for it.
        assert 5 == len(fake.requests)

    def test_foreign_issuer_misbehaves(self, verify: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: the issuer is never looked at."""
        token = fake.session_token(signed_in.session, claims={"iss": "https://clerk.evil.example.com"})
        assert "value" in verify(token)

    def test_template_token_misbehaves(self, verify: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: a template's token, which outlives its session, verifies like a session token."""
        fake.add_template("hasura")
        assert "value" in verify(fake.template_token(signed_in.session, "hasura"))

    def test_no_session_misbehaves(self, verify: Call, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """Misbehaves: a token without a session id verifies."""
        assert "value" in verify(fake.session_token(signed_in.session, claims={"sid": FakeClerk.REMOVE}))

    def test_unknown_key_misbehaves(
        self, call: Call, fake: FakeClerk, server: FakeServer, signed_in: FakeSignIn
    ) -> None:
        """Misbehaves: each token of an unknown key, which anybody can make up, costs a fetch."""
        token = fake.session_token(signed_in.session, header={"kid": "ins_nobody"})
        for _ in range(3):
            error = call("verifyToken", token, {"secretKey": fake.secret_key, "apiUrl": server.url})["error"]
            assert "jwk-kid-mismatch" == error["reason"]
        assert 3 == len(fake.requests)


class TestAuthenticateRequest:
    """``authenticateRequest`` with what a browser or an app sends."""

    def test_header(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """A session token in the header signs in."""
        state = authenticate(signed_in.headers, authorizedParties=[APP])
        assert ("signed-in", True) == (state["status"], state["isSignedIn"])
        assert (signed_in.session.user.id, signed_in.session.id) == (
            state["auth"]["userId"],
            state["auth"]["sessionId"],
        )

    def test_networkless(self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """With the PEM nothing is fetched."""
        assert "signed-in" == authenticate(signed_in.headers, client={"jwtKey": fake.public_key_pem()})["status"]
        assert [] == fake.requests

    @pytest.mark.parametrize("version", [1, 2])
    def test_organization(self, authenticate: Authenticate, fake: FakeClerk, version: Literal[1, 2]) -> None:
        """Role and permissions are read from tokens of both versions; ``has`` answers by them."""
        user, organization = fake.add_user(), fake.add_organization("acme")
        fake.add_membership(user, organization, "editor", ["org:invoices:read", "org:reports:export"])
        session = fake.create_session(user, organization=organization)
        token = fake.session_token(session, version=version)
        questions = [
            {"role": "org:editor"},
            {"role": "org:admin"},
            {"permission": "org:reports:export"},
            {"permission": "org:reports:read"},
            {"reverification": "strict"},
        ]
        state = authenticate({"authorization": f"Bearer {token}"}, has=questions)
        assert (organization.id, "acme", "org:editor") == tuple(
            state["auth"][name] for name in ("orgId", "orgSlug", "orgRole")
        )
        assert ["org:invoices:read", "org:reports:export"] == sorted(state["auth"]["orgPermissions"])
        assert [True, False, True, False, True] == state["has"]

    def test_plans_and_features(self, authenticate: Authenticate, fake: FakeClerk) -> None:
        """Plans and features of organisation and user are told apart."""
        user = fake.add_user(features=["beta"], plan="free")
        organization = fake.add_organization("acme", plan="pro")
        fake.add_membership(user, organization, features=["reports"])
        questions = [
            {"plan": "org:pro"},
            {"plan": "user:pro"},
            {"plan": "user:free"},
            {"feature": "reports"},
            {"feature": "org:beta"},
            {"feature": "user:beta"},
        ]
        state = authenticate(fake.sign_in(user, organization=organization).headers, has=questions)
        assert [True, False, True, True, False, True] == state["has"]

    def test_impersonation(self, authenticate: Authenticate, fake: FakeClerk) -> None:
        """Who impersonates the user is known."""
        state = authenticate(fake.sign_in(actor={"sub": "user_support"}).headers)
        assert {"sub": "user_support"} == state["auth"]["actor"]

    @pytest.mark.parametrize("which", ["both", "plain", "suffixed"])
    def test_cookies(self, authenticate: Authenticate, signed_in: FakeSignIn, which: str) -> None:
        """A browser's cookies sign in: plain, suffixed, and both at once, as browsers have them."""
        cookies = browser(signed_in)
        if which != "both":
            cookies = only(cookies, suffix(signed_in), suffixed=which == "suffixed")
        state = authenticate(cookies=cookies)
        assert ("signed-in", signed_in.session.user.id) == (state["status"], state["auth"]["userId"])

    def test_cookies_of_a_sign_in(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """What ``sign_in`` says a browser brings is enough on a development instance."""
        assert "signed-in" == authenticate(cookies=signed_in.cookies)["status"]

    def test_cookies_of_production(self, node: Node) -> None:
        """On a production instance the cookies of a sign-in are enough."""
        fake = FakeClerk("conformance-cookies", environment="production")
        signed_in = fake.sign_in(azp=APP)
        header = "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())
        with FakeServer(fake) as server:
            client = {"secretKey": fake.secret_key, "publishableKey": fake.publishable_key, "apiUrl": server.url}
            question = {"url": f"{APP}/", "method": "GET", "headers": {"cookie": header}, "options": {}}
            state = node.call(client, "authenticateRequest", question)["value"]
        assert ("signed-in", signed_in.session.id) == (state["status"], state["auth"]["sessionId"])

    def test_cookies_of_another_instance(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """Plain cookies of another instance on the same host are passed over for the suffixed ones."""
        other = FakeClerk("conformance-neighbour").sign_in(azp=APP)
        cookies = {**browser(signed_in), "__session": other.token}
        state = authenticate(cookies=cookies)
        assert ("signed-in", signed_in.session.id) == (state["status"], state["auth"]["sessionId"])

    def test_signed_out(self, authenticate: Authenticate) -> None:
        """A browser that Clerk knows, with nobody signed in, is signed out."""
        state = authenticate(cookies={"__clerk_db_jwt": "dvb_1", "__client_uat": "0"})
        assert ("signed-out", "session-token-and-uat-missing") == (state["status"], state["reason"])

    def test_first_visit(self, authenticate: Authenticate, fake: FakeClerk) -> None:
        """A browser that Clerk does not know is sent to the instance's Frontend API."""
        state = authenticate({"accept": "text/html"})
        assert ("handshake", "dev-browser-missing") == (state["status"], state["reason"])
        location = dict(state["headers"])["location"]
        assert location.startswith(f"{fake.issuer}/v1/client/handshake?")

    def test_forged(self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A forged token is signed out, in the header and as cookie."""
        forged = fake.forge(signed_in.token)
        cookies = {name: forged if value == signed_in.token else value for name, value in browser(signed_in).items()}
        for state in (authenticate({"authorization": f"Bearer {forged}"}), authenticate(cookies=cookies)):
            assert ("signed-out", "token-invalid-signature") == (state["status"], state["reason"])

    def test_expired_header(self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """An expired token in the header is signed out: there is no refresh cookie."""
        state = authenticate({"authorization": f"Bearer {expired(fake, signed_in)}"})
        assert "signed-out" == state["status"]
        assert "session-token-expired-refresh-non-eligible-no-refresh-cookie" == state["reason"]

    def test_expired_cookie_is_refreshed(
        self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn
    ) -> None:
        """An expired token with its refresh cookie is traded for a fresh one, which signs in; once."""
        token, named = expired(fake, signed_in), suffix(signed_in)
        cookies = {name: token if value == signed_in.token else value for name, value in browser(signed_in).items()}
        cookies[f"__refresh_{named}"] = fake.refresh_token(signed_in.session)
        state = authenticate(cookies=cookies)
        assert ("signed-in", signed_in.session.id) == (state["status"], state["auth"]["sessionId"])
        assert ["__session", f"__session_{named}"] == [
            value.partition("=")[0] for name, value in state["headers"] if name == "set-cookie"
        ]
        again = authenticate(cookies=cookies)
        assert "signed-out" == again["status"]
        assert "session-token-expired-refresh-session_refresh_expired_session_token_consumed" == again["reason"]

    def test_refresh_of_a_revoked_session(
        self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn
    ) -> None:
        """A session that is over is not refreshed: a page is sent to the handshake."""
        token, named = expired(fake, signed_in), suffix(signed_in)
        cookies = {name: token if value == signed_in.token else value for name, value in browser(signed_in).items()}
        cookies[f"__refresh_{named}"] = fake.refresh_token(signed_in.session)
        fake.revoke(signed_in.session)
        state = authenticate({"accept": "text/html"}, cookies)
        assert "handshake" == state["status"]
        assert "session-token-expired-refresh-session_refresh_inactive_session" == state["reason"]

    def test_wrong_party(self, authenticate: Authenticate, signed_in: FakeSignIn) -> None:
        """A token that another origin obtained is signed out."""
        state = authenticate(signed_in.headers, authorizedParties=["https://other.example.com"])
        assert ("signed-out", "token-invalid-authorized-parties") == (state["status"], state["reason"])

    @pytest.mark.parametrize("accept", [False, True])
    def test_pending(self, authenticate: Authenticate, fake: FakeClerk, accept: bool) -> None:
        """A pending session counts as signed out unless the app says otherwise."""
        pending = fake.sign_in(status="pending")
        state = authenticate(pending.headers, to_auth={"treatPendingAsSignedOut": not accept})
        assert "pending" == state["auth"]["sessionStatus"]
        assert (pending.session.user.id if accept else None) == state["auth"]["userId"]

    def test_template_token(self, authenticate: Authenticate, fake: FakeClerk, signed_in: FakeSignIn) -> None:
        """A template's token is no session."""
        fake.add_template("hasura")
        token = fake.template_token(signed_in.session, "hasura")
        state = authenticate({"authorization": f"Bearer {token}"})
        assert ("signed-out", "token-type-mismatch") == (state["status"], state["reason"])

    def test_skewed_clock(self, authenticate: Authenticate, fake: FakeClerk) -> None:
        """A token of an instance whose clock is a minute ahead is not good yet."""
        fake.skew = 60
        state = authenticate(fake.sign_in().headers)
        assert ("signed-out", "session-token-nbf") == (state["status"], state["reason"])

    def test_foreign_issuer_misbehaves(self, authenticate: Authenticate, fake: FakeClerk) -> None:
        """Misbehaves: a token that names another issuer signs in, though the publishable key says who it should be."""
        signed_in = fake.sign_in(claims={"iss": "https://clerk.evil.example.com"})
        assert "signed-in" == authenticate(signed_in.headers)["status"]
