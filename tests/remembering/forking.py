"""Forks with verified tokens remembered and the locks taken, and tells what child and parent find; run by a test."""

from __future__ import annotations

import asyncio
import operator
import os
import signal
import sys
import threading
import warnings

from clerk_ext import Clerk, Revocations, TokenVerificationError
from clerk_ext.testing import FakeClerk, FakeTransport

FAKE = FakeClerk("acme")
SESSION = FAKE.create_session(FAKE.add_user())
REVOCATIONS = Revocations()
CLERK = Clerk(FAKE.config(), transport=FakeTransport(FAKE), revocations=REVOCATIONS)
TWIN = CLERK.as_async()


def say(fact: str, holds: bool) -> None:
    """Tell what was found."""
    sys.stdout.write(f"{fact}\n" if holds else f"NOT {fact}\n")
    sys.stdout.flush()


async def verify(token: str) -> str:
    """Verify in a loop."""
    return (await TWIN.verify_token(token)).session_id


def child(token: str) -> None:
    """What the child does."""
    before = CLERK.stats()
    CLERK.verify_token(token)
    asyncio.run(verify(token))
    say("child: remembered without a check, also in a loop", CLERK.stats().cache_hits == before.cache_hits + 2)
    new = FAKE.session_token(SESSION)
    CLERK.verify_token(new)
    CLERK.verify_token(new)
    say("child: verifies what is new", CLERK.stats().remembered == before.remembered + 1)
    REVOCATIONS.revoke_session(SESSION.id)
    try:
        CLERK.verify_token(token)
    except TokenVerificationError as refused:
        say("child: honours its own revocations", refused.reason == "session-revoked")


def main() -> None:
    """Run."""
    token = FAKE.session_token(SESSION)
    CLERK.verify_token(token)
    before = CLERK.stats()
    lock: threading.Lock = operator.attrgetter("_judge.remembered._room.lock")(CLERK)
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(20)
    warnings.simplefilter("ignore")  # of forking with threads (Python 3.12)
    forked = os.fork()
    if forked == 0:
        signal.alarm(30)  # a child that waits for a lock must not wait for ever
        child(token)
        os._exit(0)
    _, status = os.waitpid(forked, 0)
    done.set()
    holder.join(20)
    CLERK.verify_token(token)
    say("parent: has none of the child's revocations", len(REVOCATIONS) == 0)
    say("parent: counts none of the child's tokens", CLERK.stats().verified == before.verified + 1)
    raise SystemExit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
