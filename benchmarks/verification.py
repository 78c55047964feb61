"""The verdict on a token, good or bad, a new `str` each time, with the keys at hand."""

from __future__ import annotations

import base64
from contextlib import ExitStack
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

import attrs
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from benchmarks import others
from benchmarks.material import UNKNOWN_KID, Mint, forged, greatest_headers, header_of
from benchmarks.measure import each, each_awaited, take_turns
from benchmarks.peers import OFFICIAL, PEERS
from benchmarks.report import Row
from benchmarks.workplace import Workplace, workplace
from clerk_ext import ClerkError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.measure import Sample

_CALLS: Final = 200
_FLOOR, _OURS, _ASYNC, _ACCEPTING = "bare verify", "ours", "async", "accepting"
_FIRST_SIGHT: Final = 1.65
_SMALL_CACHE: Final = 256


@attrs.frozen
class _Bench:
    """What the rows are measured on: one good token, and clients that remember none, some, or what fits."""

    mint: Mint
    good: bytes
    url: str
    forgetful: Workplace
    remembering: Workplace
    rounds: int

    @classmethod
    def open(cls, stack: ExitStack, mint: Mint, url: str, rounds: int) -> _Bench:
        forgetful = stack.enter_context(workplace(f"{url}/v1/jwks", token_cache_size=0))
        remembering = stack.enter_context(workplace(f"{url}/v1/jwks"))
        return cls(mint, mint.token(), url, forgetful, remembering, rounds)

    def floor(self) -> Sample:
        signed, _, segment = self.good.rpartition(b".")
        signature = base64.urlsafe_b64decode(segment + b"==")
        key, padding, algorithm = self.mint.public_key, PKCS1v15(), SHA256()
        return each(lambda _: key.verify(signature, signed, padding, algorithm), fresh(self.good))

    def accepted(self) -> list[Row]:
        """First sight, and again: the peers remember nothing, so that both are one to them."""
        good = fresh(self.good)
        first, again = "first", "again"
        samples: dict[str, Sample | None] = {_FLOOR: self.floor()}
        for name, place in ((first, self.forgetful), (again, self.remembering)):
            samples[f"{name} {_OURS}"] = each(place.clerk.verify_token, good)
            samples[f"{name} {_ASYNC}"] = each_awaited(place.loop, place.async_clerk.verify_token, good)
        for peer, verify in others.verifiers(self.mint, self.url).items():
            samples[peer] = each(verify, good) if verify else None
        measured = take_turns(samples, self.rounds)
        assert self.forgetful.clerk.stats().cache_hits == 0
        assert self.remembering.clerk.stats().cache_hits == (self.rounds + 1) * _CALLS - 1
        peers = {peer: measured.ratio(peer, _FLOOR) for peer in PEERS}
        return [
            Row(
                work=work,
                floor=_FLOOR,
                floor_seconds=measured.seconds(_FLOOR),
                peers=peers,
                ours=measured.ratio(f"{name} {_OURS}", _FLOOR),
                ours_async=measured.ratio(f"{name} {_ASYNC}", _FLOOR),
                ours_seconds=measured.seconds(f"{name} {_OURS}"),
                limit=limit,
            )
            for work, name, limit in (
                ("first sight of a token", first, _FIRST_SIGHT),
                ("the same token again", again, 0.08),
            )
        ]

    def remembered(self, tokens: Sequence[bytes]) -> Row:
        """First sight with a full cache: nothing found, room made, and the token remembered."""
        supply = cycle(tokens)
        with workplace(f"{self.url}/v1/jwks", token_cache_size=_SMALL_CACHE) as place:

            def unseen() -> list[str]:
                return [token.decode() for token in islice(supply, _CALLS)]

            for token in tokens:
                place.clerk.verify_token(token.decode())
                place.loop.run_until_complete(place.async_clerk.verify_token(token.decode()))
            ours = each(place.clerk.verify_token, unseen)
            awaited = each_awaited(place.loop, place.async_clerk.verify_token, unseen)
            measured = take_turns({_FLOOR: self.floor(), _OURS: ours, _ASYNC: awaited}, self.rounds)
            assert place.clerk.stats().cache_hits == place.async_clerk.stats().cache_hits == 0
            assert place.clerk.stats().remembered == _SMALL_CACHE
        return Row(
            work="first sight, into a full cache",
            floor=_FLOOR,
            floor_seconds=measured.seconds(_FLOOR),
            ours=measured.ratio(_OURS, _FLOOR),
            ours_async=measured.ratio(_ASYNC, _FLOOR),
            ours_seconds=measured.seconds(_OURS),
            limit=_FIRST_SIGHT,
        )

    def refused(
        self,
        work: str,
        token: bytes,
        peers: dict[str, others.Verify | None] | None = None,
        limit: float | None = None,
        *,
        official_calls: int = _CALLS,
    ) -> Row:
        """A refusal; without *limit*, within 1.1 of accepting. The official SDK may fetch keys each time."""
        bad, place = fresh(token), self.remembering
        theirs = fresh(token, official_calls)
        samples: dict[str, Sample | None] = {
            _FLOOR: self.floor(),
            _ACCEPTING: each(self.forgetful.clerk.verify_token, fresh(self.good)),
            _OURS: each(_refusing(place.clerk.verify_token, ClerkError), bad),
            _ASYNC: each_awaited(place.loop, _refusing_awaited(place.async_clerk.verify_token), bad),
        }
        for peer, verify in (peers or {}).items():
            refuse = _refusing(verify, Exception) if verify else None
            samples[peer] = each(refuse, theirs if peer == OFFICIAL else bad) if refuse else None
        measured = take_turns(samples, self.rounds)
        accepting = measured.ratio(_ACCEPTING, _FLOOR)
        assert accepting is not None
        return Row(
            work=work,
            floor=_FLOOR,
            floor_seconds=measured.seconds(_FLOOR),
            peers={peer: measured.ratio(peer, _FLOOR) for peer in peers or {}},
            ours=measured.ratio(_OURS, _FLOOR),
            ours_async=measured.ratio(_ASYNC, _FLOOR),
            ours_seconds=measured.seconds(_OURS),
            limit=1.1 * accepting if limit is None else limit,
        )


def measure(rounds: int, mint: Mint, url: str, tokens: Sequence[bytes]) -> list[Row]:
    """The rows about verdicts."""
    with ExitStack() as stack:
        bench = _Bench.open(stack, mint, url, rounds)
        one_key, key_set = others.verifiers(mint, url), others.choosers(mint, url)
        strange = mint.token(header=header_of(UNKNOWN_KID))
        return [
            *bench.accepted(),
            bench.remembered(tokens),
            bench.refused("refused: bad signature", forged(bench.good), one_key, official_calls=1),
            bench.refused("refused: expired", mint.token(lifetime=-600), one_key),
            bench.refused("refused: unknown kid", strange, key_set, 1.0, official_calls=1),
            *(
                bench.refused(f"refused: header, {make}", mint.token(header=header), limit=1.0)
                for make, header in greatest_headers().items()
            ),
        ]


def fresh(token: bytes, calls: int = _CALLS) -> Callable[[], list[str]]:
    """Strings that nobody has hashed yet, as they come from the network."""
    return lambda: [token.decode() for _ in range(calls)]


def _refusing(verify: others.Verify, error: type[Exception]) -> Callable[[str], None]:
    def refuse(text: str) -> None:
        try:
            verify(text)
        except error:
            return
        raise AssertionError("a bad token was accepted")

    return refuse


def _refusing_awaited(verify: others.Verify) -> Callable[[str], Any]:
    async def refuse(text: str) -> None:
        try:
            await verify(text)
        except ClerkError:
            return
        raise AssertionError("a bad token was accepted")

    return refuse
