"""The main job on one screen: three fake Clerk instances over HTTP on loopback, and one process that serves all."""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from clerk_ext import Clerk, ClerkConfig, NotFoundError, Revocations, Tenants, TokenVerificationError
from clerk_ext.testing import FakeClerk, FakeServer

if TYPE_CHECKING:
    from clerk_ext.testing import FakeSession

APP = "https://app.example.com"


def say(what: str, outcome: str) -> None:
    """Print one line of the story."""
    print(f"  {what:<47} {outcome}")


def verdict(tenants: Tenants, session_token: str) -> str:
    """What `verify_token` says of a token."""
    try:
        claims = tenants.verify_token(session_token)
    except TokenVerificationError as refusal:
        return f"refused: {refusal.reason}"
    role = f", {claims.org_role} of {claims.org_slug}" if claims.org_id else ""
    return f"accepted by {claims.tenant}: {claims.user_id[:13]}…{role}"


def verdict_at(clerk: Clerk, session_token: str) -> str:
    """The same of one tenant."""
    try:
        return f"accepted: {clerk.verify_token(session_token).user_id}"
    except TokenVerificationError as refusal:
        return f"refused: {refusal.reason}"


def signed_in(fake: FakeClerk, company: str) -> FakeSession:
    """Somebody with a session, active in an organisation."""
    user = fake.add_user()
    organization = fake.add_organization(company)
    fake.add_membership(user, organization, role="org:admin")
    fake.create_session(user)
    return fake.create_session(user, organization=organization)


def main() -> int:
    """Tell the story; every line of it is computed."""
    logging.getLogger("clerk_ext").addHandler(logging.NullHandler())
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"  # this machine's proxy, if any, is for other hosts
    fakes = acme, globex, initech = FakeClerk("acme"), FakeClerk("globex"), FakeClerk("initech")
    acme.add_template("hasura", claims={"role": "editor"})
    with ExitStack() as stack:
        servers = {fake.issuer: stack.enter_context(FakeServer(fake)) for fake in fakes}
        print("Three Clerk instances: " + ", ".join(f"{s.fake.slug} at {s.url}" for s in servers.values()))
        asked: list[str] = []

        def from_the_database(issuer: str) -> ClerkConfig | None:
            asked.append(issuer)
            return servers[issuer].config(authorized_parties=[APP]) if issuer in servers else None

        tenants = stack.enter_context(
            Tenants(
                [servers[fake.issuer].config(authorized_parties=[APP]) for fake in (acme, globex)],
                load_by_issuer=from_the_database,
                revocations=Revocations(),
            )
        )
        ada, bob, cleo = signed_in(acme, "analytical"), signed_in(globex, "hooli"), signed_in(initech, "penetrode")
        adas, bobs = acme.session_token(ada, azp=APP), globex.session_token(bob, azp=APP)
        cleos = initech.session_token(cleo, azp=APP)

        print(f"\nWho is asking? One process, {len(tenants)} tenants: {', '.join(tenants)}")
        say("acme's token", verdict(tenants, adas))
        say("globex's token", verdict(tenants, bobs))
        say("globex's token, asked at acme", verdict_at(tenants["acme"], bobs))
        say("a token that expired an hour ago", verdict(tenants, acme.session_token(ada, azp=APP, expires_in=-3600)))
        say("a forged token: right text, foreign key", verdict(tenants, acme.forge(adas)))
        say(
            "acme's key under globex's issuer", verdict(tenants, acme.session_token(ada, claims={"iss": globex.issuer}))
        )
        elsewhere = acme.session_token(ada, azp="https://evil.example")
        say("a token obtained by another web site", verdict(tenants, elsewhere))

        print("\nTenants come and go")
        say("initech's token, of which nothing is known", verdict(tenants, cleos))
        say("the loader was asked for", f"{len(asked)} issuer; tenants are now {', '.join(tenants)}")
        tenants.remove("globex")
        servers.pop(globex.issuer)
        say("globex is removed; its token, just accepted", verdict(tenants, bobs))
        say("acme's token again", verdict(tenants, adas))

        print("\nThe session endpoints")
        at_acme = tenants["acme"]
        page = at_acme.sessions.page(user_id=ada.user.id)
        newest = page.data[0]
        say(f"sessions of {ada.user.id[:13]}…", f"{page.total_count}, newest {newest.id[:13]}… ({newest.status})")
        jwt = at_acme.sessions.create_token_from_template(ada.id, "hasura", expires_in_seconds=120)
        minted = at_acme.with_policy(allow_missing_azp=True)  # what the Backend API mints names no party
        claims = minted.verify_template_token(jwt)
        lifetime = (claims.expires_at - claims.issued_at).total_seconds()
        say("a token minted from the template hasura", f"verified: role {claims.raw['role']}, lives {lifetime:.0f} s")
        say("the same, shown as a session token", verdict(tenants, jwt))
        say("every session of hers is revoked", str(tenants.revoke_sessions_of([ada.user.id], tenant="acme")))
        say("her token, valid a moment ago", verdict(tenants, adas))
        try:
            at_acme.sessions.get("sess_nobody")
        except NotFoundError as error:
            say("a session that is not there", f"{type(error).__name__}: {error.errors[0].code}")

        began = time.perf_counter()
        for _ in range(1000):
            tenants.verify_token(cleos)
        spent = time.perf_counter() - began
        fetches = {fake.slug: sum("jwks.json" in request.path for request in fake.requests) for fake in fakes}
        print(f"\n1000 more verifications took {spent * 1000:.1f} ms; the key sets were fetched", end=" ")
        print(", ".join(f"{times} time at {slug}" for slug, times in fetches.items()) + ".")
    return 0


if __name__ == "__main__":
    sys.exit(main())
