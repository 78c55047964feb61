"""The order of the checks: of several faults the earliest is told, whichever they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

from clerk_ext import Reason, TokenVerificationError
from clerk_ext.testing import FakeTransport

from .bench import APP, REMOVE, Bench, stranger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.worlds import World


@attrs.frozen
class Fault:
    """A fault of a token, as a change to a good one."""

    name: str
    reason: Reason
    header: Mapping[str, object] = attrs.field(factory=dict[str, object])
    claims: Mapping[str, object] = attrs.field(factory=dict[str, object])
    payload_tail: bytes = b""
    forged: bool = False
    tail: str = ""


# In the order in which they are to be found. Times are offsets from now.
FAULTS: Final = [
    Fault("too long", Reason.TOKEN_TOO_LARGE, tail="A" * 16_384),
    Fault("not ASCII", Reason.TOKEN_INVALID, tail="é"),
    Fault("four parts", Reason.TOKEN_INVALID, tail=".A"),
    Fault("padding", Reason.TOKEN_INVALID, tail="=="),
    Fault("crit", Reason.TOKEN_INVALID, header={"crit": ["x"]}),
    Fault("access token", Reason.TOKEN_TYPE_MISMATCH, header={"typ": "at+jwt"}),
    Fault("machine token", Reason.TOKEN_TYPE_MISMATCH, header={"cat": "cl_B7d4PD333AAA"}),
    Fault("HS256", Reason.TOKEN_INVALID_ALGORITHM, header={"alg": "HS256"}),
    Fault("no kid", Reason.TOKEN_INVALID, header={"kid": REMOVE}),
    Fault("unknown kid", Reason.JWK_KID_MISMATCH, header={"kid": "ins_unknown"}),
    Fault("forged", Reason.TOKEN_INVALID_SIGNATURE, forged=True),
    Fault("two objects", Reason.TOKEN_INVALID, payload_tail=b"{}"),
    Fault("no user", Reason.TOKEN_VERIFICATION_FAILED, claims={"sub": REMOVE}),
    Fault("no session", Reason.TOKEN_INVALID_SESSION_ID, claims={"sid": REMOVE}),
    Fault("other issuer", Reason.TOKEN_INVALID_ISSUER, claims={"iss": "https://evil.example"}),
    Fault("audience", Reason.TOKEN_INVALID_AUDIENCE, claims={"aud": "https://evil.example"}),
    Fault("party", Reason.TOKEN_INVALID_AUTHORIZED_PARTIES, claims={"azp": "https://evil.example"}),
    Fault("expired", Reason.TOKEN_EXPIRED, claims={"exp": -60}),
    Fault("issued later", Reason.TOKEN_IAT_IN_THE_FUTURE, claims={"iat": 60}),
    Fault("not yet", Reason.TOKEN_NOT_ACTIVE_YET, claims={"nbf": 60}),
    Fault("too old", Reason.TOKEN_TOO_OLD, claims={"iat": -3600}),
    Fault("unknown status", Reason.SESSION_STATUS_UNKNOWN, claims={"sts": "ended"}),
    Fault("pending", Reason.SESSION_PENDING, claims={"sts": "pending"}),
    Fault("revoked", Reason.SESSION_REVOKED, claims={"sid": "sess_revoked"}),
]
_TIMES = {"exp", "iat", "nbf"}


def with_faults(bench: Bench, *faults: Fault) -> str:
    """A token with these faults; where two need the same member, the first has it."""
    header: dict[str, Any] = {}
    claims: dict[str, Any] = {"azp": APP}
    for fault in reversed(faults):
        header |= fault.header
        claims |= {name: bench.now + cast_int(v) if name in _TIMES else v for name, v in fault.claims.items()}
    payload = json.dumps(bench.claims(**claims)).encode() + b"".join(fault.payload_tail for fault in faults)
    key = stranger() if any(fault.forged for fault in faults) else None
    tail = "".join(fault.tail for fault in faults)
    return bench.fake.sign(bench.header(**header), payload, key=key) + tail


def cast_int(value: object) -> int:
    """An offset."""
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[fault.name for fault in FAULTS])
def test_earliest_fault_is_told(world: World, bench: Bench, first: int) -> None:
    """Alone, with any one of the later faults, and with all of them, the fault is what the error tells."""
    bench.revocations.revoke_session("sess_revoked")
    config = bench.fake.config(
        clock=bench.clock.time, monotonic=bench.clock.monotonic, authorized_parties=[APP], max_age=600
    )
    clerk = world.clerk(config, transport=FakeTransport(bench.fake), revocations=bench.revocations)
    fault, later = FAULTS[first], FAULTS[first + 1 :]
    told: dict[str, Reason] = {}
    for name, others in {"alone": [], "all": later, **{other.name: [other] for other in later}}.items():
        with pytest.raises(TokenVerificationError) as refused:
            clerk.verify_token(with_faults(bench, fault, *others))
        told[name] = refused.value.reason

    assert dict.fromkeys(told, fault.reason) == told


def test_no_fault(world: World, bench: Bench) -> None:
    """The token that the faults are made to is a good one."""
    config = bench.fake.config(
        clock=bench.clock.time, monotonic=bench.clock.monotonic, authorized_parties=[APP], max_age=600
    )
    clerk = world.clerk(config, transport=FakeTransport(bench.fake), revocations=bench.revocations)

    assert bench.session.id == clerk.verify_token(with_faults(bench)).session_id


def test_no_fetch_for_what_the_header_tells(world: World, bench: Bench) -> None:
    """A token that its form or header refuses causes no fetch of keys; one with an unknown kid does."""
    config = bench.fake.config(clock=bench.clock.time, monotonic=bench.clock.monotonic)
    clerk = world.clerk(config, transport=FakeTransport(bench.fake))
    fetches: list[int] = []
    for fault in FAULTS[:10]:
        with pytest.raises(TokenVerificationError):
            clerk.verify_token(with_faults(bench, fault))
        fetches.append(len(bench.fake.requests))

    assert [0] * 9 + [1] == fetches
