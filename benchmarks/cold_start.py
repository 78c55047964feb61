"""A rush on a process without keys while the key set takes a second: whether anybody else has to wait.

The process is an async application under uvicorn. All requests of the rush are sent at once, each with another token
and on a connection of its own. Until the last of them is answered another route, which asks for no sign-in, is asked
over and over, with a token and without. Told are the slowest of these answers, and how often the keys were fetched.
"""

from __future__ import annotations

import select
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Final

import attrs

from benchmarks.frameworks import peers_of, place_at, process
from benchmarks.material import Mint
from benchmarks.peers import CLERK_AUTH, OFFICIAL, OFFICIAL_SYNC
from benchmarks.report import Row
from benchmarks.server import ROOT
from benchmarks.sites import BARE, DJANGO_ASYNC, FASTAPI, OURS, STARLETTE
from benchmarks.slow_keys import FETCHES

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_RUSH: Final = 200
_LIMIT: Final = 50.0  # milliseconds
_DJANGO_LIMIT: Final = 1.75  # of what it takes by itself, which is more than that
_STARTS, _QUICK_STARTS = 5, 1
_FULL_ROUNDS: Final = 21
_PAUSE: Final = 0.001
_PATIENCE: Final = 60.0
_PEERS: Final = {FASTAPI: (OFFICIAL, OFFICIAL_SYNC, CLERK_AUTH), STARLETTE: (), DJANGO_ASYNC: ()}
"""Those who have their turn; the official SDK does the same in each framework."""


@attrs.frozen
class _Start:
    """What one start came to.

    Attributes:
        slowest: Milliseconds that the slowest answer of the other route took.
        fetches: How often the key set was asked for.
    """

    slowest: float
    fetches: int


def measure(rounds: int) -> list[Row]:
    """The rows about cold starts; of fewer starts, in one framework, where *rounds* are few."""
    is_full = rounds >= _FULL_ROUNDS
    starts, among = (_STARTS, list(_PEERS)) if is_full else (_QUICK_STARTS, [FASTAPI])
    mint = Mint()
    tokens = [mint.token(number) for number in range(_RUSH)]
    return [row for framework in among for row in _rows(framework, mint, tokens, starts)]


def _rows(framework: str, mint: Mint, tokens: Sequence[bytes], starts: int) -> list[Row]:
    ways = [BARE, OURS, *(peer for peer in _PEERS[framework] if peer in peers_of(framework))]
    made: dict[str, list[_Start]] = {way: [] for way in ways}
    for _ in range(starts):
        for way in ways:
            made[way].append(_start(framework, way, mint, tokens))
    slowest = {way: statistics.median(start.slowest for start in of) for way, of in made.items()}
    fetches = {way: float(max(start.fetches for start in of)) for way, of in made.items()}
    return [
        Row(
            work=f"{framework}, rush: slowest",
            floor="bare, asleep",
            floor_figure=slowest[BARE],
            peers={peer: slowest.get(peer) for peer in _PEERS[framework]},
            ours=slowest[OURS],
            limit=_LIMIT if framework != DJANGO_ASYNC else _DJANGO_LIMIT * slowest[BARE],
            unit="ms",
        ),
        Row(
            work=f"{framework}, rush: fetches",
            peers={peer: fetches.get(peer) for peer in _PEERS[framework]},
            ours=fetches[OURS],
            limit=1.0,
            unit="times",
        ),
    ]


def _start(framework: str, way: str, mint: Mint, tokens: Sequence[bytes]) -> _Start:
    with _slow_keys(mint.jwks()) as url, process("serve", framework, [way], place_at(url)) as served:
        where = served.said()
        port: int = where["port"]
        path = "/asleep" if way == BARE else where["path"]
        others = [_request(where["open"]), _request(where["open"], mint.token())]
        slowest = _rush(port, [_request(path, token) for token in tokens], others)
        with urllib.request.urlopen(f"{url}/{FETCHES}") as answer:
            return _Start(1e3 * slowest, int(answer.read()))


@contextmanager
def _slow_keys(jwks: bytes) -> Generator[str]:
    arguments = [sys.executable, "-m", "benchmarks.slow_keys"]
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            print(jwks.decode(), file=child.stdin, flush=True)
            yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        finally:
            child.terminate()


def _request(path: str, token: bytes | None = None) -> bytes:
    lines = [f"GET {path} HTTP/1.1".encode(), b"Host: app.example.com"]
    if token is not None:
        lines.append(b"Authorization: Bearer " + token)
    return b"\r\n".join([*lines, b"", b""])


def _rush(port: int, requests: Sequence[bytes], others: Sequence[bytes]) -> float:
    """Send all *requests* at once; the seconds of the slowest answer to *others* until the last one is answered."""
    with ExitStack() as stack:

        def connect() -> socket.socket:
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # An answer on each before the rush: what opening a connection takes is no part of it.
            _ask(connection, others[0])
            return connection

        aside = connect()
        crowd = [connect() for _ in requests]
        for connection, request in zip(crowd, requests, strict=True):
            connection.sendall(request)
        waiting = select.poll()
        for connection in crowd:
            waiting.register(connection, select.POLLIN)
        by_number = {connection.fileno(): connection for connection in crowd}
        slowest, begun, turns = 0.0, time.perf_counter(), cycle(others)
        while by_number:
            slowest = max(slowest, _ask(aside, next(turns)))
            for number, _ in waiting.poll(0):
                waiting.unregister(number)
                _check(by_number.pop(number).recv(65_536))
            if time.perf_counter() - begun > _PATIENCE:
                raise TimeoutError(f"{len(by_number)} of {len(requests)} requests have no answer")
            time.sleep(_PAUSE)
        return slowest


def _ask(connection: socket.socket, request: bytes) -> float:
    """The seconds until an answer begins to come; all of it fits into one piece, or two."""
    begun = time.perf_counter()
    connection.sendall(request)
    answer = connection.recv(65_536)
    seconds = time.perf_counter() - begun
    _check(answer)
    while not _is_whole(answer):
        answer += connection.recv(65_536)
    return seconds


def _check(answer: bytes) -> None:
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:200]


def _is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    if not found:
        return False
    _, has_length, length = head.lower().partition(b"content-length: ")
    if not has_length:  # in chunks
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(length.partition(b"\r\n")[0])
