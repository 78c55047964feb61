"""What grows with the keys of an instance and with its revocations: nothing, if all is well."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from benchmarks.measure import each, take_turns
from benchmarks.report import Row
from benchmarks.verification import fresh
from benchmarks.workplace import workplace
from clerk_ext import Revocations

if TYPE_CHECKING:
    from benchmarks.material import Mint
    from benchmarks.measure import Sample

KEYS: Final = (1, 10, 32)
_REVOKED: Final = 100_000
_LIMIT: Final = 1.05


def measure(rounds: int, mint: Mint, url: str) -> list[Row]:
    """The rows about growth; *url* serves the key sets as ``jwks1``, ``jwks10`` and so on."""
    good = fresh(mint.token())
    few, many = Revocations(), Revocations()
    for number in range(_REVOKED // 2):
        many.revoke_session(f"sess_2revoked{number:018d}")
        many.revoke_user(f"user_2revoked{number:018d}")
    assert len(many) == _REVOKED
    samples: dict[str, Sample | None] = {}
    with ExitStack() as stack:
        for keys in KEYS:
            place = stack.enter_context(workplace(f"{url}/v1/jwks{keys}", token_cache_size=0))
            assert place.clerk.stats().keys == keys
            samples[f"{keys} keys"] = each(place.clerk.verify_token, good)
        for name, revocations in (("none", few), ("many", many)):
            first = stack.enter_context(workplace(f"{url}/v1/jwks", revocations, token_cache_size=0))
            again = stack.enter_context(workplace(f"{url}/v1/jwks", revocations))
            samples[f"first {name}"] = each(first.clerk.verify_token, good)
            samples[f"again {name}"] = each(again.clerk.verify_token, good)
        measured = take_turns(samples, rounds)

    def row(work: str, floor: str, base: str, case: str) -> Row:
        return Row(
            work=work,
            floor=floor,
            floor_seconds=measured.seconds(base),
            ours=measured.ratio(case, base),
            ours_seconds=measured.seconds(case),
            limit=_LIMIT,
        )

    return [
        *(row(f"first sight, {keys} keys", "ours, 1 key", f"{KEYS[0]} keys", f"{keys} keys") for keys in KEYS[1:]),
        row(f"first sight, {_REVOKED:,} revocations", "ours, none", "first none", "first many"),
        row(f"again, {_REVOKED:,} revocations", "ours, none", "again none", "again many"),
    ]
