"""The order of the checks: of several faults the earliest is told, whichever they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import attrs
import pytest

from clerk_ext import Clerk, Reason, TokenVerificationError
from clerk_ext.testing import FakeTransport

from . import recipes
from .bench import APP
from .cases import read, settings

if TYPE_CHECKING:
    from tests.worlds import World

    from .bench import Bench
    from .recipes import Recipe

ORDER: Final = read("order.json")


@attrs.frozen
class Fault:
    """A fault of a token, as the recipe of one that has nothing else wrong."""

    name: str
    reason: Reason
    recipe: Recipe


FAULTS: Final = [Fault(fault["name"], Reason(fault["expect"]), fault["token"]) for fault in ORDER["faults"]]


def with_faults(bench: Bench, *faults: Fault) -> str:
    """A token with these faults; where two need the same member, the first has it."""
    recipe: Recipe = {"header": {}, "claims": {"azp": APP}, "edits": {}}
    for fault in reversed(faults):
        recipe["header"] |= fault.recipe.get("header", {})
        recipe["claims"] |= fault.recipe.get("claims", {})
        recipe["signer"] = fault.recipe.get("signer", recipe.get("signer", "instance"))
        for place, edits in fault.recipe.get("edits", {}).items():
            recipe["edits"][place] = [*edits, *recipe["edits"].get(place, [])]
    return cast("str", recipes.made(bench, recipe))


def client(world: World, bench: Bench) -> Clerk:
    """A client with the settings under which each fault is one."""
    times = {"clock": bench.clock.time, "monotonic": bench.clock.monotonic}
    config = bench.fake.config(**times, **settings(bench, ORDER["config"]))
    bench.revocations.revoke_session(ORDER["revoked"])
    return world.clerk(config, transport=FakeTransport(bench.fake), revocations=bench.revocations)


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[fault.name for fault in FAULTS])
def test_earliest_fault_is_told(world: World, bench: Bench, first: int) -> None:
    """Alone, with any one of the later faults, and with all of them, the fault is what the error tells."""
    clerk = client(world, bench)
    fault, later = FAULTS[first], FAULTS[first + 1 :]
    told: dict[str, Reason] = {}
    for name, others in {"alone": [], "all": later, **{other.name: [other] for other in later}}.items():
        with pytest.raises(TokenVerificationError) as refused:
            clerk.verify_token(with_faults(bench, fault, *others))
        told[name] = refused.value.reason

    assert dict.fromkeys(told, fault.reason) == told


def test_no_fault(world: World, bench: Bench) -> None:
    """The token that the faults are made to is a good one."""
    clerk = client(world, bench)

    assert bench.session.id == clerk.verify_token(with_faults(bench)).session_id


def test_no_fetch_for_what_the_header_tells(world: World, bench: Bench) -> None:
    """A token that its form or header refuses causes no fetch of keys; one with an unknown kid does."""
    clerk = client(world, bench)
    fetches: list[int] = []
    for fault in FAULTS[:10]:
        with pytest.raises(TokenVerificationError):
            clerk.verify_token(with_faults(bench, fault))
        fetches.append(len(bench.fake.requests))

    assert [0] * 9 + [1] == fetches
