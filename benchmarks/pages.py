"""A page of 500 sessions, from the bytes of the answer to models."""

from __future__ import annotations

import json
from types import GenericAlias
from typing import TYPE_CHECKING, Any, Final, cast

import httpx

from benchmarks.material import PAGE_SIZE, page_of_sessions
from benchmarks.measure import each, take_turns
from benchmarks.peers import OFFICIAL, installed, load
from benchmarks.report import Row
from clerk_sessions_api.api.sessions import get_session_list

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLS: Final = 3
_FLOOR, _OURS = "json.loads", "ours"


def measure(rounds: int) -> list[Row]:
    """The rows about decoding."""
    return [
        _row(f"a page of {PAGE_SIZE} sessions", rounds, unknown=False, limit=1.8),
        _row("… with unknown fields", rounds, unknown=True, limit=2.1),
    ]


def _row(work: str, rounds: int, *, unknown: bool, limit: float) -> Row:
    body = page_of_sessions(unknown=unknown)
    answer = httpx.Response(200, content=body)
    assert len(cast("list[object]", get_session_list.parse_success(answer))) == PAGE_SIZE

    def answers() -> list[httpx.Response]:
        return [answer] * _CALLS

    measured = take_turns(
        {
            _FLOOR: each(lambda given: json.loads(given.content), answers),
            _OURS: each(get_session_list.parse_success, answers),
            OFFICIAL: each(_official(), answers) if installed(OFFICIAL) else None,
        },
        rounds,
    )
    return Row(
        work=work,
        floor="json.loads",
        floor_seconds=measured.seconds(_FLOOR),
        peers={OFFICIAL: measured.ratio(OFFICIAL, _FLOOR)},
        ours=measured.ratio(_OURS, _FLOOR),
        ours_seconds=measured.seconds(_OURS),
        limit=limit,
    )


def _official() -> Callable[[httpx.Response], Any]:
    """What its ``sessions.list`` does with an answer."""
    sessions = GenericAlias(list, (load("clerk_backend_api.models").Session,))
    unmarshal = load("clerk_backend_api.utils.unmarshal_json_response").unmarshal_json_response
    return lambda answer: unmarshal(sessions, answer)
