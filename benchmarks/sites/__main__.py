"""A process with applications of one framework: ``python -m benchmarks.sites visit|serve FRAMEWORK``.

Its first line of input says where its instance is and in which ways to guard. To ``visit`` is to call the applications
as a server would, without one: each further line says which and with what tokens, and is answered with the seconds that
a request took. To ``serve`` is to run the first of them under uvicorn until the process is ended; it says the port.
"""

from __future__ import annotations

import asyncio
import io
import json
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sites import OPEN, SYNC, Place, make

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence
    from typing import TypeAlias

    from benchmarks.sites import Site

    Message: TypeAlias = MutableMapping[str, Any]
    Receive: TypeAlias = Callable[[], Awaitable[Message]]
    Visit: TypeAlias = Callable[[Site, str, Sequence[str]], float]

_HEADERS: Final = {
    "host": "app.example.com",
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "accept": "*/*",
    "accept-language": "en-GB,en;q=0.5",
    "accept-encoding": "gzip, deflate, br, zstd",
    "referer": "https://app.example.com/",
    "origin": "https://app.example.com",
    "connection": "keep-alive",
    "sec-fetch-dest": "empty",
    "sec-fetch-mode": "cors",
    "sec-fetch-site": "same-origin",
}
"""What a browser sends beside the token when a page fetches something."""


def main() -> None:
    """Do as told until the input ends."""
    mode, framework = sys.argv[1:]
    first = json.loads(sys.stdin.readline())
    place = Place(**first["place"])
    sites = {way: make(framework, way, place) for way in first["ways"]}
    if mode == "serve":
        _serve(sites[first["ways"][0]])
        return
    visit = _visit if framework in SYNC else _visiting_async()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        way, path, tokens = json.loads(line)
        site = sites[way]
        print(visit(site, path or site.path, tokens), flush=True)


def _serve(site: Site) -> None:
    import uvicorn

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        # Without the application's lifespan, which would fetch the keys before anybody comes.
        server = uvicorn.Server(uvicorn.Config(site.app, log_level="error", lifespan="off"))
        print(json.dumps({"port": listener.getsockname()[1], "path": site.path, "open": OPEN}), flush=True)
        asyncio.run(server.serve([listener]))


def _visit(site: Site, path: str, tokens: Sequence[str]) -> float:
    """The seconds of a WSGI application's request."""
    environs = [_environ(path, token) for token in tokens]
    statuses: list[str] = []

    def start_response(status: str, headers: object, error: object = None) -> None:
        statuses.append(status)

    app = site.app
    begun = time.perf_counter()
    for environ in environs:
        body = app(environ, start_response)
        for _ in body:
            pass
        body.close()
    seconds = time.perf_counter() - begun
    assert all(status.startswith("200") for status in statuses), statuses
    assert len(statuses) == len(tokens)
    return seconds / len(tokens)


def _environ(path: str, token: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        **{f"HTTP_{name.replace('-', '_').upper()}": value for name, value in _HEADERS.items()},
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _visiting_async() -> Visit:
    """The same for an ASGI application, one request after the other on an event loop that stays."""
    loop = asyncio.new_event_loop()

    async def all_of(site: Site, path: str, tokens: Sequence[str]) -> float:
        requests = [(_scope(path, token), _receiving()) for token in tokens]
        statuses: list[int] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        app = site.app
        begun = time.perf_counter()
        for scope, receive in requests:
            await app(scope, receive, send)
        seconds = time.perf_counter() - begun
        assert statuses == [200] * len(tokens), statuses
        return seconds / len(tokens)

    return lambda site, path, tokens: loop.run_until_complete(all_of(site, path, tokens))


def _receiving() -> Receive:
    """What gives a request its empty body, and then waits for a client that does not leave."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    return receive


def _scope(path: str, token: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            *((name.encode(), value.encode()) for name, value in _HEADERS.items()),
            (b"authorization", b"Bearer " + token.encode()),
        ],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 8_000),
    }


if __name__ == "__main__":
    main()
