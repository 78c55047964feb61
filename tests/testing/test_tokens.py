"""The tokens that the fake instance mints, read by jwcrypto."""

from __future__ import annotations

import base64
import gc
import json
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto import jwk, jws

from clerk_ext.testing import FakeClerk, FakeSession, SigningKey
from clerk_ext.testing.tokens import permission_masks

from .conftest import NOW, Clock
from .oracle import permissions, verified

SLUGS = st.text(alphabet="abcdefgh_", min_size=1, max_size=6)


@pytest.fixture
def session(fake: FakeClerk, clock: Clock) -> FakeSession:
    """A session ten minutes old, in an organisation, impersonated."""
    user = fake.add_user("user_1", features=["beta", "reports"], plan="plus")
    organization = fake.add_organization("acme", organization_id="org_1", plan="pro")
    fake.add_membership(
        user,
        organization,
        role="org:clerk",
        permissions=[
            "org:invoices:approve",
            "org:invoices:view",
            "org:reports:export",
            "org:sys_memberships:read",
        ],
        features=["invoices"],
    )
    session = fake.create_session(user, organization=organization, actor={"sub": "user_9"})
    clock.advance(600)
    return session


def test_session_token_version_2(fake: FakeClerk, session: FakeSession) -> None:
    """A version 2 token has every claim of that version, the organisation packed into `o`."""
    header, claims = verified(fake.session_token(session, azp="https://app.example.com"), fake.jwks())
    token_id = claims.pop("jti")

    assert {"alg": "RS256", "cat": "cl_B7d4PD111AAA", "kid": fake.instance_id, "typ": "JWT"} == header
    assert isinstance(token_id, str)
    assert token_id
    assert {
        "act": {"sub": "user_9"},
        "azp": "https://app.example.com",
        "exp": NOW + 660,
        "fea": "o:invoices,uo:reports,u:beta",
        "fva": [10, -1],
        "iat": NOW + 600,
        "iss": "https://example.clerk.accounts.dev",
        "nbf": NOW + 590,
        "o": {"id": "org_1", "slg": "acme", "rol": "clerk", "per": "approve,export,view", "fpm": "5,2,0"},
        "pla": "o:pro,u:plus",
        "sid": session.id,
        "sts": "active",
        "sub": "user_1",
        "v": 2,
    } == claims


def test_session_token_version_1(fake: FakeClerk, session: FakeSession) -> None:
    """A version 1 token has the organisation at top level and knows no `v`, `jti`, plans or features."""
    _, claims = verified(fake.session_token(session, version=1), fake.jwks())

    assert {
        "act": {"sub": "user_9"},
        "exp": NOW + 660,
        "fva": [10, -1],
        "iat": NOW + 600,
        "iss": "https://example.clerk.accounts.dev",
        "nbf": NOW + 590,
        "org_id": "org_1",
        "org_slug": "acme",
        "org_role": "org:clerk",
        "org_permissions": ["org:invoices:approve", "org:invoices:view", "org:reports:export"],
        "sid": session.id,
        "sts": "active",
        "sub": "user_1",
    } == claims


@pytest.mark.parametrize("version", [1, 2])
def test_without_organization(fake: FakeClerk, version: Literal[1, 2]) -> None:
    """A session without active organisation says nothing of organisations, plans or features."""
    session = fake.create_session(fake.add_user())
    _, claims = verified(fake.session_token(session, version=version), fake.jwks())

    assert set() == claims.keys() & {
        "o",
        "org_id",
        "org_slug",
        "org_role",
        "org_permissions",
        "pla",
        "fea",
        "act",
        "azp",
    }


def test_member_without_permissions(fake: FakeClerk) -> None:
    """A member without permissions has neither names nor masks in `o`; a role given bare gets its prefix."""
    user, organization = fake.add_user(), fake.add_organization("acme")
    membership = fake.add_membership(user, organization, role="guest")
    _, claims = verified(fake.session_token(fake.create_session(user, organization=organization)), fake.jwks())

    assert "org:guest" == membership.role
    assert {"id": organization.id, "slg": "acme", "rol": "guest"} == claims["o"]


def test_pending_session(fake: FakeClerk) -> None:
    """A pending session's token says so, and so does the session with its task."""
    session = fake.create_session(fake.add_user(), status="pending")
    _, claims = verified(fake.session_token(session), fake.jwks())

    assert "pending" == claims["sts"]
    assert ("choose-organization",) == session.tasks


def test_template_token(fake: FakeClerk, session: FakeSession) -> None:
    """A template token has the automatic claims and the template's own, and nothing of the session."""
    fake.add_template("hasura", {"role": "editor"}, lifetime=600, audience="https://db.example.com")
    header, claims = verified(fake.template_token(session, "hasura", azp="https://app.example.com"), fake.jwks())
    token_id = claims.pop("jti")

    assert "cl_B7d4PD222AAA" == header["cat"]
    assert isinstance(token_id, str)
    assert token_id
    assert {
        "aud": "https://db.example.com",
        "azp": "https://app.example.com",
        "exp": NOW + 1200,
        "iat": NOW + 600,
        "iss": "https://example.clerk.accounts.dev",
        "nbf": NOW + 595,
        "role": "editor",
        "sub": "user_1",
    } == claims


def test_template_lifetime_for_one_token(fake: FakeClerk, session: FakeSession) -> None:
    """A lifetime given for one token goes before the template's; `nbf` is as early as its clock skew says."""
    template = fake.add_template("short", lifetime=600, clock_skew=300)
    _, claims = verified(fake.template_token(session, template, expires_in=-1), fake.jwks())

    assert (NOW + 599, NOW + 300) == (claims["exp"], claims["nbf"])


def test_unknown_template(fake: FakeClerk, session: FakeSession) -> None:
    """A template that does not exist is a KeyError, not an empty token."""
    with pytest.raises(KeyError):
        fake.template_token(session, "nobody")


@pytest.mark.parametrize("mint", ["session", "template"])
def test_members_changed_and_removed(fake: FakeClerk, session: FakeSession, mint: str) -> None:
    """Any member of header and payload can be set, or left out by REMOVE; the signature stays good."""
    changes: dict[str, Any] = {
        "claims": {"sub": None, "iss": FakeClerk.REMOVE, "custom": [1, 2], "absent": FakeClerk.REMOVE},
        "header": {"typ": "at+jwt", "cat": FakeClerk.REMOVE},
    }
    if mint == "session":
        header, claims = verified(fake.session_token(session, **changes), fake.jwks())
    else:
        fake.add_template("any")
        header, claims = verified(fake.template_token(session, "any", **changes), fake.jwks())

    assert {"alg": "RS256", "kid": fake.instance_id, "typ": "at+jwt"} == header
    assert (None, [1, 2]) == (claims["sub"], claims["custom"])
    assert set() == claims.keys() & {"iss", "absent"}


def test_sign_anything(fake: FakeClerk) -> None:
    """Bytes are signed as they are, anything else as JSON; the key may be another."""
    key = SigningKey.generate()
    raw = fake.sign(b"\xff{", b"[", key).split(".")
    header, claims = verified(fake.sign({"alg": "RS256", "kid": fake.kid}, {"exp": 1e400}), fake.jwks())

    assert [b"\xff{", b"["] == [base64.urlsafe_b64decode(part + "==") for part in raw[:2]]
    assert key.signed(".".join(raw[:2]).encode(), base64.urlsafe_b64decode(raw[2] + "=="))
    assert {"alg": "RS256", "kid": fake.kid} == header
    assert {"exp": float("inf")} == claims


def test_forged_token(fake: FakeClerk, session: FakeSession) -> None:
    """A forged token says the same, and jwcrypto refuses its signature."""
    token = fake.session_token(session)
    forged = fake.forge(token)

    assert token.rpartition(".")[0] == forged.rpartition(".")[0]
    with pytest.raises(jws.InvalidJWSSignature):
        verified(forged, fake.jwks())


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d"])
def test_forging_no_token(fake: FakeClerk, token: str) -> None:
    """What has not three parts is refused."""
    with pytest.raises(ValueError, match="three parts"):
        fake.forge(token)


def test_foreign_key(fake: FakeClerk, session: FakeSession) -> None:
    """A token can be signed by a key of one's own, and then does not verify as the instance's."""
    with pytest.raises(jws.InvalidJWSSignature):
        verified(fake.session_token(session, key=SigningKey.generate()), fake.jwks())


def test_key_set(fake: FakeClerk) -> None:
    """The key set shows one public RSA key of 2048 bits under the instance's id; the PEM is the same key."""
    (entry,) = fake.jwks()["keys"]
    key = jwk.JWK(**entry)

    assert {"use", "kty", "kid", "alg", "n", "e"} == entry.keys()
    assert ("sig", "RSA", fake.instance_id, "RS256") == (
        entry["use"],
        entry["kty"],
        entry["kid"],
        entry["alg"],
    )
    assert not key.has_private
    assert 256 == len(base64.urlsafe_b64decode(entry["n"] + "=="))
    assert jwk.JWK.from_pem(fake.public_key_pem().encode()).thumbprint() == key.thumbprint()


def test_rotation_with_overlap(fake: FakeClerk, session: FakeSession) -> None:
    """After a rotation tokens of both keys verify; both keys have the instance's id."""
    before = fake.session_token(session)
    fake.rotate_key()
    after = fake.session_token(session)

    assert [fake.instance_id] * 2 == [key["kid"] for key in fake.jwks()["keys"]]
    assert verified(before, fake.jwks())[1]["sub"] == verified(after, fake.jwks())[1]["sub"]


def test_rotation_without_overlap(fake: FakeClerk, session: FakeSession) -> None:
    """After a rotation that drops the old key only tokens of the new one verify, under the new id."""
    before = fake.session_token(session)
    fake.rotate_key(keep_old=False, kid="ins_new")
    header, _ = verified(fake.session_token(session), fake.jwks())

    assert "ins_new" == fake.kid == header["kid"]
    assert 1 == len(fake.jwks()["keys"])
    with pytest.raises(KeyError):
        verified(before, fake.jwks())


def test_keys_are_lent_to_one_living_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Living instances never share a key, not even one no longer shown; a collected one gives its keys back."""
    generate = SigningKey.generate
    made: list[SigningKey] = []

    def generate_and_count() -> SigningKey:
        made.append(generate())
        return made[-1]

    monkeypatch.setattr(SigningKey, "generate", generate_and_count)
    gc.collect()
    hoarders: list[FakeClerk] = []
    while not made and len(hoarders) < 1000:  # until no key is to spare
        hoarders.append(FakeClerk())
        assert hoarders[-1].kid
    first, second = FakeClerk("one"), FakeClerk("two")
    first_keys = {first.public_key_pem()}
    first.rotate_key(keep_old=False)
    first_keys.add(first.public_key_pem())
    others = {fake.public_key_pem() for fake in (second, *hoarders)}
    count = len(made)
    del first
    gc.collect()
    third = FakeClerk("three")
    third.rotate_key()
    third_keys = {jwk.JWK(**key).export_to_pem().decode() for key in third.jwks()["keys"]}

    assert 2 == len(first_keys)
    assert set() == first_keys & others
    assert first_keys == third_keys
    assert count == len(made)


def test_reproducible(clock: Clock) -> None:
    """Two runs give the same ids, secrets and claims; another slug or environment gives others."""

    def run(slug: str, environment: Literal["development", "production"]) -> list[object]:
        fake = FakeClerk(slug, environment=environment, clock=clock)
        session = fake.create_session(fake.add_user())
        claims = json.loads(base64.urlsafe_b64decode(fake.session_token(session).split(".")[1] + "=="))
        return [fake.instance_id, fake.secret_key, fake.publishable_key, session.to_json(), claims]

    assert run("acme", "development") == run("acme", "development")
    assert all(a != b for a, b in zip(run("acme", "development"), run("globex", "development"), strict=True))
    assert run("acme", "development")[:3] != run("acme", "production")[:3]


def test_worked_example() -> None:
    """Names are sorted; a mask has bit n for the nth of them; a user-only feature keeps its place with a zero."""
    granted = ["org:reports:view", "org:invoices:view", "org:invoices:approve", "org:reports:export"]

    assert ("approve,export,view", "5,0,6") == permission_masks(["o:invoices", "u:beta", "uo:reports"], granted)


def test_user_only_feature_grants_nothing() -> None:
    """A user-only feature has the mask zero even where the organisation has one of the same name."""
    assert ("view", "0,1,1") == permission_masks(["u:x", "o:x", "ou:x"], ["org:x:view"])


def test_more_permissions_than_a_float_counts() -> None:
    """The masks are exact beyond 53 bits."""
    names = [f"p{number:03}" for number in range(100)]

    assert (",".join(names), str(2**100 - 1)) == permission_masks(["o:x"], [f"org:x:{name}" for name in names])


@settings(deadline=None)
@given(
    granted=st.lists(st.builds("org:{}:{}".format, SLUGS, SLUGS), max_size=8),
    features=st.lists(SLUGS, max_size=4),
    own=st.lists(SLUGS, max_size=4, unique=True),
)
def test_permissions_survive_packing(granted: list[str], features: list[str], own: list[str]) -> None:
    """Whatever a member may do is what a reader of the version 2 token finds, system permissions apart."""
    fake = FakeClerk(clock=Clock())
    user, organization = fake.add_user(features=own), fake.add_organization("acme")
    fake.add_membership(user, organization, permissions=granted, features=features)
    _, claims = verified(fake.session_token(fake.create_session(user, organization=organization)), fake.jwks())

    assert {key for key in granted if not key.startswith("org:sys_")} == permissions(claims)
