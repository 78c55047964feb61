"""The main job on one screen: two fake Clerk instances over real HTTP on loopback, and one process that serves both."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from clerk_ext import Clerk, NotFoundError, Revocations, TokenVerificationError
from clerk_ext.testing import FakeClerk, FakeServer

if TYPE_CHECKING:
    from clerk_ext.testing import FakeSession

APP = "https://app.example.com"


def say(what: str, outcome: str) -> None:
    """Print one line of the story."""
    print(f"  {what:<46} {outcome}")


def verdict(clerk: Clerk, session_token: str) -> str:
    """What `verify_token` says of a token."""
    try:
        claims = clerk.verify_token(session_token)
    except TokenVerificationError as refusal:
        return f"refused: {refusal.reason}"
    role = f", {claims.org_role} of {claims.org_slug}" if claims.org_id else ""
    return f"accepted by {claims.tenant}: {claims.user_id[:13]}…{role}"


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
    acme, globex = FakeClerk("acme"), FakeClerk("globex")
    acme.add_template("hasura", claims={"role": "editor"})
    with FakeServer(acme) as acme_server, FakeServer(globex) as globex_server:
        print(f"Two Clerk instances: acme at {acme_server.url}, globex at {globex_server.url}")
        with (
            Clerk(acme_server.config(authorized_parties=[APP]), revocations=Revocations()) as at_acme,
            Clerk(globex_server.config(authorized_parties=[APP])) as at_globex,
            Clerk(acme_server.config(allow_missing_azp=True, authorized_parties=[APP])) as templates,
        ):
            ada, bob = signed_in(acme, "analytical"), signed_in(globex, "hooli")
            adas_token, bobs_token = acme.session_token(ada, azp=APP), globex.session_token(bob, azp=APP)

            print("\nWho is asking?")
            say("acme's token, asked at acme", verdict(at_acme, adas_token))
            say("globex's token, asked at globex", verdict(at_globex, bobs_token))
            say("globex's token, asked at acme", verdict(at_acme, bobs_token))
            expired = acme.session_token(ada, azp=APP, expires_in=-3600)
            say("a token that expired an hour ago", verdict(at_acme, expired))
            say("a forged token: right text, foreign key", verdict(at_acme, acme.forge(adas_token)))
            elsewhere = acme.session_token(ada, azp="https://evil.example")
            say("a token obtained by another web site", verdict(at_acme, elsewhere))

            print("\nThe session endpoints")
            page = at_acme.sessions.page(user_id=ada.user.id)
            newest = page.data[0]
            say(f"sessions of {ada.user.id[:13]}…", f"{page.total_count}, newest {newest.id[:13]}… ({newest.status})")
            jwt = at_acme.sessions.create_token_from_template(ada.id, "hasura", expires_in_seconds=120)
            claims = templates.verify_template_token(jwt)
            lifetime = (claims.expires_at - claims.issued_at).total_seconds()
            say(
                "a token minted from the template hasura",
                f"verified: role {claims.raw['role']}, lives {lifetime:.0f} s",
            )
            say("the same, shown as a session token", verdict(at_acme, jwt))
            say("the session is revoked", f"its status is {at_acme.sessions.revoke(ada.id).status} now")
            say("its token, valid a moment ago", verdict(at_acme, adas_token))
            try:
                at_acme.sessions.get("sess_nobody")
            except NotFoundError as error:
                say("a session that is not there", f"{type(error).__name__}: {error.errors[0].code}")

            began = time.perf_counter()
            for _ in range(1000):
                at_globex.verify_token(bobs_token)
            spent = time.perf_counter() - began
            print(f"\n1000 more verifications took {spent * 1000:.0f} ms; the key sets were fetched", end=" ")
            fetches = [sum("jwks.json" in request.path for request in fake.requests) for fake in (acme, globex)]
            print(f"{fetches[0]} times at acme (by two clients) and {fetches[1]} at globex.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
