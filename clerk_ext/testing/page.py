"""The page that a served instance shows at ``/``: who is signed in, what was asked, buttons to change it. No I/O."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, quote

import attrs

from .api import JWKS_PATH, operation_of
from .exchange import FakeResponse
from .state import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .exchange import FakeRequest
    from .instance import FakeClerk
    from .records import FakeSession, FakeUser

_ROWS: Final = 50
_FORM: Final = "application/x-www-form-urlencoded"
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999, after which Python has no date

# A name could be made to lead here by DNS rebinding; an address cannot, and browsers know what localhost is.
_SAFE_HOST: Final = re.compile(r"(localhost|\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])(:\d{1,5})?")
_ORIGIN: Final = re.compile(r"https?://([a-z0-9._-]{1,253}|\[[0-9a-f:.]+\])(:\d{1,5})?")

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5a616b; --line: #dde1e7; --paper: #f6f7f9; --card: #fff;
  --accent: #14609c; --good: #17693f; --wait: #8a5200; --bad: #a3262f }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a0a9b4; --line: #343a43; --paper: #14161a;
  --card: #1c1f24; --accent: #74b8ea; --good: #6ccb95; --wait: #e5b567; --bad: #f0959b } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 0 } h2 small { font-size: 14px; font-weight: 400; color: var(--soft) }
section { margin-top: 2.25rem } p { margin: .35rem 0 0; max-width: 60rem } .soft { color: var(--soft) }
a { color: var(--accent) } code, pre { font: 13px/1.55 ui-monospace, "DejaVu Sans Mono", monospace }
code { overflow-wrap: anywhere }
.bar { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; justify-content: space-between }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: 1rem }
.card, pre, table { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .7rem 0 0 }
pre { padding: .8rem 1rem; white-space: pre-wrap; word-break: break-all }
dl.card { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1.5rem; padding: .9rem 1rem }
dt { color: var(--soft) } dd { margin: 0; min-width: 0 }
table { width: 100%; border-collapse: separate; border-spacing: 0 }
th, td { text-align: left; padding: .45rem .75rem; border-bottom: 1px solid var(--line) }
:is(th, td):first-child { padding-left: 1rem } :is(th, td):last-child { padding-right: 1rem }
th { font-weight: 600; font-size: 13px; color: var(--soft) } tr:last-child td { border-bottom: 0 }
td code { font-size: 12px; word-break: break-all }
td time { white-space: nowrap; font-size: 14px; font-variant-numeric: tabular-nums }
.id code { white-space: nowrap } .pair { display: flex; gap: .4rem; justify-content: flex-end }
td:last-child, th:last-child { text-align: right } td.none { text-align: left; color: var(--soft) }
.pill { display: inline-block; font-size: 13px; line-height: 1.5; padding: 0 .6rem; border-radius: 1rem;
  border: 1px solid currentColor; color: var(--soft) }
.pill.good { color: var(--good) } .pill.wait { color: var(--wait) } .pill.bad { color: var(--bad) }
button, .button { font: inherit; font-size: 14px; padding: .2rem .8rem; border-radius: 6px; white-space: nowrap;
  border: 1px solid var(--accent); background: transparent; color: var(--accent); cursor: pointer;
  text-decoration: none; display: inline-block }
button:hover, .button:hover, button.main { background: var(--accent); color: var(--card) }
button.main:hover { filter: brightness(1.1) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
input { font: inherit; font-size: 14px; padding: .2rem .6rem; border-radius: 6px; border: 1px solid var(--soft);
  background: var(--card); color: var(--ink); width: 15rem; max-width: 100% }
input::placeholder { color: var(--soft); opacity: .85; font-style: italic }
label { font-size: 14px; color: var(--soft) }
@media (max-width: 52rem) {
  tr:first-child:has(th) { display: none } table, tbody { display: block }
  tr { display: grid; gap: .3rem; padding: .7rem 1rem; border-bottom: 1px solid var(--line) }
  tr:last-child { border-bottom: 0 }
  td, td:first-child, td:last-child { display: flex; gap: .75rem; padding: 0; border: 0 }
  td[data-of]::before { content: attr(data-of); color: var(--soft); flex: 0 0 6.5rem; font-size: 14px }
  td:empty { display: none } dl.card { grid-template-columns: 1fr; gap: 0 } dd + dt { margin-top: .5rem }
}
"""


@attrs.frozen
class _Visit:
    """What a view or a button needs to know.

    Attributes:
        fake: The instance.
        base: The address of the server as the browser has it: ``http://localhost:…``.
        siblings: Slug and address of each instance that is served beside this one, itself included.
        fields: The fields of the query or of the form, each once.
    """

    fake: FakeClerk
    base: str
    siblings: Sequence[tuple[str, str]]
    fields: Mapping[str, str]


def answer(
    fake: FakeClerk, request: FakeRequest, address: str, siblings: Mapping[str, str] = NOTHING
) -> FakeResponse | None:
    """Answer a request of a browser, or return None where it is none of the page's.

    Args:
        fake: The instance.
        request: The request.
        address: Where the server listens, ``http://127.0.0.1:…``.
        siblings: The addresses of the instances to link to, by slug.
    """
    path, _, query = request.path.partition("?")
    if path == "/favicon.ico":  # browsers ask for it by themselves; it would stand among the recent requests
        return FakeResponse(204, {"Cache-Control": "max-age=3600"})
    act = _BUTTONS.get(path)
    view = _VIEWS.get(path)
    if act is None and view is None:
        return None
    hosts = request.header_values("host")
    host = hosts[0].lower() if len(hosts) == 1 else ""
    if not _SAFE_HOST.fullmatch(host):
        return _message(403, f"This page is at {address}. It answers to no other name.")
    allowed = ("GET", "HEAD") if act is None else ("POST",)
    if request.method not in allowed:
        return _message(405, f"This address takes {' and '.join(allowed)} only.", {"Allow": ", ".join(allowed)})
    # A page of another site, or of another port of this machine, must not push these buttons. Browsers send the
    # origin with each POST; without one it is no browser.
    if act is not None and any(origin != f"http://{host}" for origin in request.header_values("origin")):
        return _message(403, "These buttons work from this page only. Open it again, and push them there.")
    if act is not None and request.body and request.media_type != _FORM:
        return _message(415, f"This address takes {_FORM} only.")
    try:
        sent = parse_qs(query if act is None else request.body.decode(), max_num_fields=10)
    except ValueError:  # not UTF-8, or too many
        return _message(400, "This form is not one of this page's.")
    fields = {name: values[0] for name, values in sent.items()}
    return (act or view or _page)(_Visit(fake, f"http://{host}", tuple(siblings.items()), fields))


def environment(fake: FakeClerk, base: str) -> dict[str, str]:
    """Return what to put in the environment of an application, for ``Clerk.from_env`` and for Clerk's own SDKs."""
    return {
        "CLERK_PUBLISHABLE_KEY": fake.publishable_key,
        "CLERK_SECRET_KEY": fake.secret_key,
        "CLERK_API_URL": base,
        "CLERK_JWT_KEY": fake.public_key_pem().strip().replace("\n", "\\n"),
        "CLERK_WEBHOOK_SIGNING_SECRET": fake.webhook_secret,
    }


def exports(fake: FakeClerk, base: str) -> str:
    """Return the environment as lines that a shell takes, and what reads ``.env`` files."""
    return "\n".join(f'export {name}="{value}"' for name, value in environment(fake, base).items())


def _sign_in(visit: _Visit) -> FakeResponse:
    user_id, origin = visit.fields.get("user_id"), visit.fields.get("origin", "").strip().rstrip("/")
    if origin and not _ORIGIN.fullmatch(origin):
        return _message(400, "This is no origin. One is like http://localhost:3000, without a path.")
    user = visit.fake.find_user(user_id) if user_id else visit.fake.add_user()
    if user is None:
        return _message(404, "There is no such user. The command was started again, perhaps.")
    session = visit.fake.create_session(user)
    return _see(
        f"/token?session_id={quote(session.id, safe='')}" + (f"&origin={quote(origin, safe='')}" if origin else "")
    )


def _revoke(visit: _Visit) -> FakeResponse:
    session = visit.fake.find_session(visit.fields.get("session_id", ""))
    if session is None:
        return _no_such_session()
    if session.is_live:  # one that ended meanwhile stays as it ended
        visit.fake.revoke(session)
    return _see("/")


def _rotate(visit: _Visit) -> FakeResponse:
    # Under a kid of its own: not every client tries two keys of one kid, and tokens of both are to stay good.
    visit.fake.rotate_key(kid=visit.fake.new_id("ins_"))
    return _see("/")


def _token(visit: _Visit) -> FakeResponse:
    """Show a fresh token of a session, and how to send it."""
    fake, origin = visit.fake, visit.fields.get("origin", "")
    session = fake.find_session(visit.fields.get("session_id", ""))
    if session is None:
        return _no_such_session()
    if not session.is_live:
        return _message(410, f"This session is over. It is {session.status}, and gives no further token.")
    token = fake.session_token(session, azp=origin if _ORIGIN.fullmatch(origin) else None)
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    # The cookie tells since when somebody is signed in: no token is older, by whichever clock it was made.
    since = min(session.created_at // 1000, claims["iat"])
    cookies = "; ".join(f"{name}={value}" for name, value in fake.cookies(session, token, since).items())
    back = "/" + (f"?origin={quote(origin, safe='')}" if origin else "")
    return _html(
        200,
        _document(
            f"Signed in · {fake.slug}",
            f"<div class=bar><div><h1>Signed in</h1><p>{_code(session.user.id)} {_status(session)}</p></div>"
            f"<a class=button href='{escape(back)}'>Back to {escape(fake.slug)}</a></div>"
            "<p class=soft>The token is good for a minute. Load this page again for the next one.</p>"
            f"{_block('For an API', f'Authorization: Bearer {token}')}"
            f"{_block('For a page: the cookies of your application', f'Cookie: {cookies}')}"
            f"{_block('What the token says', _members(claims))}",
        ),
    )


def _page(visit: _Visit) -> FakeResponse:
    fake = visit.fake
    content = "".join(
        (
            f"<header><div class=bar><h1>{escape(fake.slug)}</h1>"
            f"<span class=pill>{escape(fake.environment)}</span></div>"
            "<p class=soft>A fake Clerk instance. It signs real tokens and keeps everything in memory until it is"
            f" stopped.</p>{_siblings(visit)}</header>",
            _facts(visit),
            _block(
                "Environment",
                exports(fake, visit.base),
                "For your application: in a shell or a .env file. CLERK_JWT_KEY changes when the key is rotated.",
            ),
            _users(visit),
            _sessions(fake),
            _requests(fake),
        )
    )
    return _html(200, _document(f"{fake.slug} · fake Clerk", content))


def _siblings(visit: _Visit) -> str:
    if len(visit.siblings) < 2:
        return ""
    links = (
        f"<b>{escape(slug)}</b>" if slug == visit.fake.slug else f"<a href='{escape(address)}/'>{escape(slug)}</a>"
        for slug, address in visit.siblings
    )
    return f"<nav aria-label=Instances><span class=soft>Served here:</span> {' '.join(links)}</nav>"


def _facts(visit: _Visit) -> str:
    fake = visit.fake
    keys = len(fake.jwks()["keys"])
    key_set = f"{visit.base}{JWKS_PATH}"
    facts = {
        "Id": _code(fake.instance_id),
        "Issuer": _code(fake.issuer),
        "Backend API": _code(f"{visit.base}/v1"),
        "Key set": f"<a href='{escape(key_set)}'>{_code(key_set)}</a>",
        "Keys in it": f"{keys}{'' if keys == 1 else '; the newest signs'}",
        "Key id": _code(fake.kid),
        "Its time": f"<time>{_moment(fake.clock())}</time> UTC",
    }
    rows = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return (
        "<section><div class=bar><h2>Instance</h2><form method=post action=/rotate><button>Rotate the key</button>"
        f"</form></div><dl class=card>{rows}</dl><p class=soft>Rotating signs with a new key from then on."
        " Tokens of the old key stay good, as the key set still shows it.</p></section>"
    )


def _users(visit: _Visit) -> str:
    users, live = visit.fake.users(), dict[str, int]()
    for session in visit.fake.sessions():
        live[session.user.id] = live.get(session.user.id, 0) + session.is_live

    def row(user: FakeUser) -> tuple[str, ...]:
        button = f'<button name=user_id value="{escape(user.id)}">Sign in</button>'
        return (_code(user.id), escape(user.plan or "–"), str(live.get(user.id, 0)), button)

    origin = escape(visit.fields.get("origin", ""))
    table = _table(
        ("User", "Plan", "Live sessions", ""),
        map(row, reversed(users[-_ROWS:])),
        "Nobody yet. Sign in a new user to begin.",
    )
    return (
        f"<section><form method=post action=/sign-in><div class=bar>{_heading('Users', len(users))}"
        f'<div class=bar><label>Origin of your pages <input name=origin value="{origin}"'
        " placeholder=http://localhost:3000 autocomplete=on></label>"
        "<button class=main>Sign in a new user</button></div></div>"
        "<p class=soft>Signing in opens a session and shows a token for it. The origin, if you give one,"
        f" becomes the token's azp.</p>{table}</form></section>"
    )


def _sessions(fake: FakeClerk) -> str:
    sessions = fake.sessions()

    def row(session: FakeSession) -> tuple[str, ...]:
        who = _code(session.user.id)
        if session.actor is not None:
            who = f"<div>{who}<div class=soft>impersonated by {_code(str(session.actor.get('sub', '?')))}</div></div>"
        organization = "–" if session.organization is None else escape(session.organization.slug)
        buttons = (
            f"<div class=pair><a class=button href='/token?session_id={quote(session.id, safe='')}'>Token</a>"
            f' <button name=session_id value="{escape(session.id)}">Revoke</button></div>'
        )
        since = f"<time>{_moment(session.created_at / 1000)}</time>"
        identity = f"<span class=id>{_code(session.id)}</span>"
        return (identity, who, organization, _status(session), since, buttons if session.is_live else "")

    table = _table(
        ("Session", "User", "Organisation", "Status", "Begun (UTC)", ""),
        map(row, sessions[:_ROWS]),
        "None yet. Each sign-in opens one.",
    )
    return (
        f"<section>{_heading('Sessions', len(sessions))}<p class=soft>Revoking ends a session: it gives no further"
        " token, while those that it gave stay good for their minute."
        f"</p><form method=post action=/revoke>{table}</form></section>"
    )


def _requests(fake: FakeClerk) -> str:
    exchanges = fake.exchanges()

    def row(request: FakeRequest, status: int) -> tuple[str, ...]:
        kind = "good" if status < 400 else "wait" if status < 500 else "bad"
        return (
            _code(_shortened(request.method, 20)),
            _code(_shortened(request.path, 200)),
            escape(operation_of(request) or "–"),
            f"<span class='pill {kind}'>{status}</span>",
        )

    table = _table(
        ("Method", "Path", "Call", "Answer"),
        (row(*exchange) for exchange in reversed(exchanges[-_ROWS:])),
        "None yet. What your application asks this instance appears here; this page's own requests do not.",
    )
    return f"<section>{_heading('Recent requests', len(exchanges))}{table}</section>"


def _heading(title: str, count: int) -> str:
    note = "" if not count else f"{count}" if count <= _ROWS else f"the newest {_ROWS} of {count}"
    return f"<h2>{title} <small>{note}</small></h2>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    """Return a table of cells that are HTML already; each says of what it is, for narrow windows."""
    cells = [
        "".join(
            f"<td data-of='{head}'>{cell}</td>" if head else f"<td>{cell}</td>"
            for head, cell in zip(heads, row, strict=True)
        )
        for row in rows
    ]
    if not cells:
        return f"<table><tr><td class=none>{empty}</td></tr></table>"
    head = "".join(f"<th>{head}</th>" for head in heads)
    return f"<table><tr>{head}</tr>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _block(title: str, text: str, note: str = "") -> str:
    return f"<section><h2>{title}</h2><p class=soft>{note}</p><pre>{escape(text)}</pre></section>"


def _members(claims: Mapping[str, object]) -> str:
    lines = (f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in claims.items())
    return "{\n" + ",\n".join(lines) + "\n}"


def _status(session: FakeSession) -> str:
    kind = {"active": "good", "pending": "wait", "revoked": "bad"}.get(session.status, "")
    return f"<span class='pill {kind}'>{escape(session.status)}</span>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"


def _moment(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(min(seconds, _LAST_SECOND), dt.UTC):%Y-%m-%d %H:%M:%S}"


def _document(title: str, content: str) -> str:
    return (
        "<!DOCTYPE html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'><link rel=icon href='data:,'>"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>{content}</main></body></html>\n"
    )


def _see(location: str) -> FakeResponse:
    return FakeResponse(303, {"Location": location})


def _no_such_session() -> FakeResponse:
    return _message(404, "There is no such session. The command was started again, perhaps.")


def _message(status: int, text: str, headers: Mapping[str, str] = NOTHING) -> FakeResponse:
    first, _, rest = text.partition(". ")
    content = f"<h1>{escape(first)}</h1><p class=soft>{escape(rest)}</p><p><a class=button href=/>Back</a></p>"
    return _html(status, _document("fake Clerk", content), headers)


def _html(status: int, text: str, headers: Mapping[str, str] = NOTHING) -> FakeResponse:
    own = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        # Not no-referrer: with that, browsers send "null" for the origin of this page's own forms.
        "Referrer-Policy": "same-origin",
    }
    return FakeResponse(status, {**own, **headers}, text.encode("utf-8", "replace"))


_VIEWS: Final[Mapping[str, Callable[[_Visit], FakeResponse]]] = {"/": _page, "/token": _token}
_BUTTONS: Final[Mapping[str, Callable[[_Visit], FakeResponse]]] = {
    "/sign-in": _sign_in,
    "/revoke": _revoke,
    "/rotate": _rotate,
}
