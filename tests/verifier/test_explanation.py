"""explain_token: each check in order, what failed and what to do, and nothing secret; it agrees with verify_token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest

from clerk_ext import JWKSUnavailable, Reason, RevocationUnavailable, TokenVerificationError
from clerk_ext.testing import FakeTransport

from .bench import APP, MARKER, REMOVE, TEMPLATE_CAT, Bench, pem, stranger
from .cases import CASES, Case
from .test_policy import secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from clerk_ext import Clerk, Explanation, SessionClaims
    from tests.worlds import World

NAMES: Final = (
    "form", "header", "crit", "typ", "cat", "alg", "key", "signature", "payload",
    "sub", "sid", "iss", "aud", "azp", "times", "sts", "not revoked",
)  # fmt: skip
# Of the steps that docs/reasons.md numbers.
OF_STEP: Final = {
    1: {"form", "header"},  # three empty parts are in form until one looks into the header
    2: {"header", "crit", "typ", "cat", "alg", "key"},
    3: {"key"},
    4: {"signature"},
    5: {"payload"},
    6: {"sub", "sid", "iss", "aud", "azp"},
    7: {"times"},
    8: {"sts"},
    9: {"not revoked"},
}
SESSIONS: Final = [case for case in CASES if case.door == "session"]


def client(world: World, bench: Bench, **overrides: Any) -> Clerk:
    """A client of the bench's instance, with revocations."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic, **overrides)
    return world.clerk(config, transport=FakeTransport(bench.fake, bench.other), revocations=bench.revocations)


def assert_fails_at(explanation: Explanation, name: str, reason: Reason) -> None:
    """What stands before *name* passed, *name* failed for *reason*, the rest was not reached."""
    at = NAMES.index(name)
    failed = explanation.checks[at]

    assert NAMES == tuple(check.name for check in explanation.checks)
    assert ["passed"] * at + ["failed"] + ["not reached"] * (len(NAMES) - at - 1) == [
        check.outcome for check in explanation.checks
    ]
    assert (failed, False) == (explanation.failed, explanation.is_accepted)
    assert reason == failed.reason
    assert failed.message
    assert failed.remedy
    others = [check for check in explanation.checks if check is not failed]
    assert {None} == {check.reason for check in others}
    assert {(None, None)} >= {(check.message, check.remedy) for check in others if check.name not in {"iss", "azp"}}


def verdict(clerk: Clerk, token: str) -> TokenVerificationError | None:
    """Why verify_token refuses it, if it does."""
    try:
        clerk.verify_token(token)
    except TokenVerificationError as refused:
        return refused
    return None


@pytest.mark.parametrize("case", SESSIONS, ids=lambda case: f"{case.step}: {case.name}")
def test_agrees_with_verify_token(world: World, bench: Bench, case: Case) -> None:
    """On every case of the trust policy the explanation says what verify_token does, at the step where it does."""
    clerk = client(world, bench, **case.settings_for(bench))
    case.prepare(bench)
    token = cast("str", case.make(bench))
    explanation = clerk.explain_token(token)
    shown = f"{explanation} {explanation!r}".replace("not revoked", "")  # the name of a check, and a status of a case
    refused = verdict(clerk, token)
    failed = explanation.failed

    assert [] == [secret for secret in secrets_of(token) if secret in shown]
    assert (refused is None) == (failed is None) == explanation.is_accepted
    if refused is None or failed is None:
        assert ["passed"] * len(NAMES) == [check.outcome for check in explanation.checks]
        return
    assert_fails_at(explanation, failed.name, refused.reason)
    assert refused.message == failed.message
    assert failed.name in OF_STEP[case.step]


AT: Final[dict[str, tuple[Callable[[Bench], object], Reason]]] = {
    "form": (lambda bench: f'"{bench.token()}"', Reason.TOKEN_INVALID),
    "header": (lambda bench: bench.raw_header(b"[]"), Reason.TOKEN_INVALID),
    "crit": (lambda bench: bench.token(header={"crit": ["b64"]}), Reason.TOKEN_INVALID),
    "typ": (lambda bench: bench.token(header={"typ": "at+jwt"}), Reason.TOKEN_TYPE_MISMATCH),
    "cat": (lambda bench: bench.template(), Reason.TOKEN_TYPE_MISMATCH),
    "alg": (lambda bench: bench.token(header={"alg": "none"}), Reason.TOKEN_INVALID_ALGORITHM),
    "key": (lambda bench: bench.token(header={"kid": "ins_other"}), Reason.JWK_KID_MISMATCH),
    "signature": (lambda bench: bench.token(key=stranger()), Reason.TOKEN_INVALID_SIGNATURE),
    "payload": (lambda bench: bench.payload(b"[]"), Reason.TOKEN_INVALID),
    "sub": (lambda bench: bench.token(sub=REMOVE), Reason.TOKEN_VERIFICATION_FAILED),
    "sid": (lambda bench: bench.token(sid=REMOVE), Reason.TOKEN_INVALID_SESSION_ID),
    "iss": (lambda bench: bench.token(iss="https://evil.example"), Reason.TOKEN_INVALID_ISSUER),
    "aud": (lambda bench: bench.token(aud="api"), Reason.TOKEN_INVALID_AUDIENCE),
    "azp": (lambda bench: bench.token(azp="https://evil.example"), Reason.TOKEN_INVALID_AUTHORIZED_PARTIES),
    "times": (lambda bench: bench.token(exp=bench.now - 60), Reason.TOKEN_EXPIRED),
    "sts": (lambda bench: bench.token(sts="pending"), Reason.SESSION_PENDING),
    "not revoked": (lambda bench: bench.token(sid="sess_revoked"), Reason.SESSION_REVOKED),
}


@pytest.mark.parametrize("name", NAMES)
def test_each_check(world: World, bench: Bench, name: str) -> None:
    """A fault that just one check finds: those before it passed, those after it were not reached."""
    bench.revocations.revoke_session("sess_revoked")
    clerk = client(world, bench, authorized_parties=None if name != "azp" else [APP])
    make, reason = AT[name]

    assert_fails_at(clerk.explain_token(cast("str", make(bench))), name, reason)


NO_PARTIES = (
    ": No parties are configured: tokens that any web site obtained are accepted."
    "\n    Set authorized_parties to your frontend's origin."
)


def test_what_passes_unseen(world: World, bench: Bench) -> None:
    """Where nothing to compare with is configured, the check that passes for it says so, and what to set."""
    token = bench.token(azp=APP)
    unseen = client(world, bench, authorized_parties=None, publishable_key=None, jwks_url=bench.fake.jwks_url)
    seen = client(world, bench, authorized_parties=[APP])
    lines = str(unseen.explain_token(token)).split("\n")
    iss = lines.index("ok iss: No issuer is known, so that any is accepted.")

    assert "    Add publishable_key, frontend_api or issuer." == lines[iss + 1]
    assert NO_PARTIES in str(unseen.explain_token(token))
    assert unseen.explain_token(token).is_accepted
    assert {None} == {check.message for check in seen.explain_token(token).checks}


@pytest.mark.parametrize("name", NAMES)
def test_text(world: World, bench: Bench, name: str) -> None:
    """Printed, it is a verdict, a line for each check, and the remedy below the one that failed."""
    bench.revocations.revoke_session("sess_revoked")
    clerk = client(world, bench, authorized_parties=None if name != "azp" else [APP])
    make, reason = AT[name]
    explanation = clerk.explain_token(cast("str", make(bench)))
    failed = explanation.failed
    assert failed is not None
    first, *lines = str(explanation).replace(NO_PARTIES, "").split("\n")
    at = NAMES.index(name)

    assert "The session token is refused by tenant acme:" == first
    assert [f"ok {passed}" for passed in NAMES[:at]] == lines[:at]
    assert [f"NO {name}: {failed.message} ({reason})", f"    {failed.remedy}"] == lines[at : at + 2]
    assert [f"-- {rest}" for rest in NAMES[at + 1 :]] == lines[at + 2 :]
    assert str(explanation).isascii()  # printed on a terminal of any encoding


def test_accepted(clerk: Clerk, bench: Bench) -> None:
    """All checks of a good token passed, and none of its claims is shown."""
    explanation = clerk.explain_token(bench.token())

    assert [(name, "passed") for name in NAMES] == [(check.name, check.outcome) for check in explanation.checks]
    assert (None, True, "acme") == (explanation.failed, explanation.is_accepted, explanation.tenant)
    assert "The session token is accepted by tenant acme:\nok form\n" in str(explanation)
    assert MARKER not in f"{explanation}{explanation!r}"


def failure(clerk: Clerk, token: str) -> tuple[str, str, str]:
    """Check, message and remedy of what failed."""
    failed = clerk.explain_token(token).failed
    assert failed is not None
    return failed.name, failed.message or "", failed.remedy or ""


@pytest.mark.parametrize("seconds", [7, 90, 3600])
def test_clocks(clerk: Clerk, bench: Bench, seconds: int) -> None:
    """Of clocks that differ the message tells by how much, and the remedy where to look."""
    times: dict[str, Any] = {"iat": bench.now, "nbf": bench.now, "exp": bench.now + 10_000}
    cases: dict[str, dict[str, Any]] = {
        f"issued {seconds} s in the future": times | {"iat": bench.now + seconds},
        f"valid in {seconds} s": times | {"nbf": bench.now + seconds},
        f"expired {seconds} s ago": times | {"exp": bench.now - seconds},
    }
    told = {text: failure(clerk, bench.token(**claims)) for text, claims in cases.items()}

    assert dict.fromkeys(cases, "times") == {text: name for text, (name, _, _) in told.items()}
    assert [] == [text for text, (_, message, _) in told.items() if text not in message]
    assert [] == [text for text, (_, _, remedy) in told.items() if "clock" not in remedy]


def test_another_instance(clerk: Clerk, bench: Bench) -> None:
    """A token of another instance fails at its key, and the remedy says whose it is."""
    token = bench.other.session_token(bench.other.create_session(bench.other.add_user()))
    name, _, remedy = failure(clerk, token)

    assert "key" == name
    assert "another instance's" in remedy


def test_another_instance_by_pem(world: World, bench: Bench) -> None:
    """With a PEM there are no names of keys: it fails at the signature, and the key counts as passed."""
    clerk = client(world, bench, jwt_key=pem(bench))
    token = bench.other.session_token(bench.other.create_session(bench.other.add_user()))

    assert_fails_at(clerk.explain_token(token), "signature", Reason.TOKEN_INVALID_SIGNATURE)
    assert clerk.explain_token(bench.token(header={"kid": REMOVE})).is_accepted
    assert [] == bench.fake.requests


@pytest.mark.parametrize("cat", [TEMPLATE_CAT, REMOVE])
def test_template(clerk: Clerk, bench: Bench, cat: object) -> None:
    """A JWT-template token, of new instances and of old ones, is sent to its door."""
    token = bench.token(header={"cat": cat}, sid=REMOVE, sts=REMOVE)
    name, _, remedy = failure(clerk, token)

    assert ("sid" if cat is REMOVE else "cat") == name
    assert "verify_template_token" in remedy


def test_parties(world: World, bench: Bench) -> None:
    """Without parties any azp passes; with them a missing one is told from a wrong one."""
    assert client(world, bench).explain_token(bench.token(azp="https://evil.example")).is_accepted
    clerk = client(world, bench, authorized_parties=[APP])
    missing, wrong = failure(clerk, bench.token()), failure(clerk, bench.token(azp="https://evil.example"))

    assert ("azp", "azp") == (missing[0], wrong[0])
    assert "allow_missing_azp" in missing[1]
    assert "authorized_parties" in wrong[2]
    assert "evil" not in "".join(wrong)


def test_audience(world: World, bench: Bench) -> None:
    """An aud without an audience configured is told, with the setting to write; nowhere is its value."""
    name, message, remedy = failure(client(world, bench), bench.token(aud="secret-api"))

    assert "aud" == name
    assert "none is configured" in message
    assert "Set audience" in remedy
    assert "secret-api" not in message + remedy
    assert client(world, bench, audience="secret-api").explain_token(bench.token(aud="secret-api")).is_accepted


def test_outage(world: World, bench: Bench) -> None:
    """Where the keys cannot be had there is nothing to explain."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.other))
    with pytest.raises(JWKSUnavailable):
        clerk.explain_token(bench.token())


class Broken:
    """Revocations out of order."""

    def is_revoked(self, claims: SessionClaims) -> bool:
        """Fail."""
        raise OSError(claims.session_id)


def test_broken_revocations(world: World, bench: Bench) -> None:
    """Nor where the revocations fail."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.fake), revocations=Broken())
    with pytest.raises(RevocationUnavailable):
        clerk.explain_token(bench.token())


def test_key_that_is_known(clerk: Clerk, bench: Bench) -> None:
    """With the keys at hand it says the same as with keys to fetch."""
    tokens = [bench.token(), bench.token(key=stranger()), bench.token(header={"kid": "ins_other"})]
    cold = [clerk.explain_token(token) for token in tokens]

    assert cold == [clerk.explain_token(token) for token in tokens]


def test_verifies_anew_and_remembers_nothing(clerk: Clerk, bench: Bench) -> None:
    """A token that was verified before is checked again; explanations count as no verification."""
    token = bench.token()
    clerk.verify_token(token)
    before = attrs.evolve(clerk.stats())
    bench.clock.advance(100)

    assert_fails_at(clerk.explain_token(token), "times", Reason.TOKEN_EXPIRED)
    assert clerk.explain_token(bench.token()).is_accepted
    assert before == clerk.stats()


def test_remedy_for_every_reason_of_a_check() -> None:
    """Each reason that a session token can be refused for is met by the cases, each of which has its remedy."""
    of_requests = {reason for reason in Reason if reason.startswith(("session-token-", "client-uat-", "tenant-"))}

    assert set(Reason) - of_requests == {case.reason for case in SESSIONS if case.reason}
