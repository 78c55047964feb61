"""The same header lines as a request of every kind that `authenticate_request` reads."""

from __future__ import annotations

from email.message import Message
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from wsgiref.util import setup_testing_defaults

import flask
import httpx
import starlette.datastructures
import starlette.requests
import werkzeug
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest

from tests import django_ready as django_ready  # a request needs settings when it is made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Lines: TypeAlias = "list[tuple[str, str]]"
"""Header lines in their order, names in any letter case, values as latin-1."""


def joined(lines: Lines, name: Callable[[str], str] = str.title) -> dict[str, str]:
    """One value a name, several lines joined as servers do it: cookies by RFC 6265 5.4, the rest by RFC 9110 5.2."""
    values: dict[str, str] = {}
    for line, value in lines:
        between = "; " if line.lower() == "cookie" else ", "
        values[name(line)] = f"{values[name(line)]}{between}{value}" if name(line) in values else value
    return values


def environ_of(lines: Lines) -> dict[str, Any]:
    """A WSGI environ (PEP 3333)."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    return environ | joined(lines, lambda name: f"HTTP_{name.upper().replace('-', '_')}")


def octets(lines: Lines) -> list[tuple[bytes, bytes]]:
    """The lines as ASGI has them."""
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in lines]


def scope_of(lines: Lines, kind: str = "http") -> dict[str, Any]:
    """An ASGI scope."""
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": octets(lines),
    }


def _django_bare(lines: Lines) -> object:
    request = HttpRequest()
    request.META = environ_of(lines)
    return request


def _lists(lines: Lines) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in lines:
        values.setdefault(name.title(), []).append(value)
    return values


def _message(lines: Lines) -> object:
    message = Message()
    for name, value in lines:
        message[name] = value
    return SimpleNamespace(headers=message)


KINDS: Final[dict[str, Callable[[Lines], Any]]] = {
    "httpx request": lambda lines: httpx.Request("GET", "https://app.example.com/", headers=octets(lines)),
    "httpx headers": lambda lines: httpx.Headers(octets(lines)),
    "starlette request": lambda lines: starlette.requests.Request(scope_of(lines)),
    "starlette headers": lambda lines: starlette.datastructures.Headers(raw=octets(lines)),
    "django request": lambda lines: WSGIRequest(environ_of(lines)),
    "django bare request": _django_bare,
    "werkzeug request": lambda lines: werkzeug.Request(environ_of(lines)),
    "flask request": lambda lines: flask.Request(environ_of(lines)),
    "http.server handler": _message,
    "dict, title case": joined,
    "dict, lower case": lambda lines: joined(lines, str.lower),
    "dict, upper case": lambda lines: joined(lines, str.upper),
    "dict of bytes": lambda lines: {name: value.encode("latin-1") for name, value in joined(lines).items()},
    "dict of bytes to bytes": lambda lines: {k.encode(): v.encode("latin-1") for k, v in joined(lines).items()},
    "dict of lists": _lists,
    "dict of tuples of bytes": lambda lines: {
        name: tuple(value.encode("latin-1") for value in values) for name, values in _lists(lines).items()
    },
    "object with a dict": lambda lines: SimpleNamespace(headers=joined(lines)),
    "object with pairs": lambda lines: SimpleNamespace(headers=lines),
    "object with pairs of bytes": lambda lines: SimpleNamespace(headers=tuple(octets(lines))),
    "WSGI environ": environ_of,
    "CGI environ": lambda lines: (
        {"REQUEST_METHOD": "GET"}
        | {name: value for name, value in environ_of(lines).items() if name.startswith("HTTP_")}
    ),
    "WSGI environ of a server alone": lambda lines: {
        name: value for name, value in environ_of(lines).items() if name.startswith(("HTTP_", "wsgi."))
    },
    "ASGI scope": scope_of,
    "ASGI websocket scope": lambda lines: scope_of(lines, "websocket"),
    "ASGI scope of lists": lambda lines: scope_of(lines) | {"headers": [list(pair) for pair in octets(lines)]},
}


def cookie(*pairs: tuple[str, object]) -> tuple[str, str]:
    """A Cookie line."""
    return "Cookie", "; ".join(f"{name}={value}" for name, value in pairs)


def cookies(since: object, token: str, end: str = "") -> Iterable[tuple[str, object]]:
    """The two cookies of a browser that is signed in, for `cookie`."""
    return (f"__client_uat{end}", since), (f"__session{end}", token)
