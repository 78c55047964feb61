"""The page that a served instance shows at ``/``: who is signed in, what was asked, buttons to change it. No I/O."""

from __future__ import annotations

import datetime as dt
import html
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from .exchange import FakeResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .exchange import FakeRequest
    from .instance import FakeClerk

_ROWS: Final = 50
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1e21; --soft: #5f6670; --line: #dfe3e8; --paper: #fbfbfc; --card: #fff;
  --accent: #1b6ca8; --good: #20794d; --bad: #a8323a }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #9aa3ad; --line: #343a42; --paper: #16181b;
  --card: #1e2125; --accent: #6cb2e6; --good: #6ccb95; --bad: #ec8a90 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem }
h1 { font-size: 1.5rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2.25rem 0 .6rem }
p { margin: .25rem 0 } .soft { color: var(--soft) }
code, td.code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .8rem 1rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--line) }
th, td { text-align: left; padding: .45rem .75rem; border-bottom: 1px solid var(--line); vertical-align: middle }
th { font-weight: 600; font-size: 13px; color: var(--soft) } tr:last-child td { border-bottom: 0 }
td.right, th.right { text-align: right }
form { display: inline } button { font: inherit; font-size: 14px; padding: .25rem .8rem; border-radius: 6px;
  border: 1px solid var(--accent); background: transparent; color: var(--accent); cursor: pointer }
button:hover, button:focus-visible { background: var(--accent); color: var(--paper) }
header { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; align-items: baseline; justify-content: space-between }
.active, .ok { color: var(--good) } .pending { color: var(--accent) } .over, .error { color: var(--bad) }
"""


def answer(fake: FakeClerk, request: FakeRequest, base: str) -> FakeResponse | None:
    """Answer a request of a browser, or return None where it is none of the page's.

    Args:
        fake: The instance.
        request: The request.
        base: The address of the server, ``http://127.0.0.1:…``.
    """
    path = request.path.partition("?")[0]
    if path == "/" and request.method == "GET":
        return _html(200, _page(fake, base))
    act = _ACTIONS.get(path)
    if act is None or request.method != "POST":
        return None
    # A page of another site must not push these buttons, nor one that a name leads here by DNS rebinding.
    origins = request.header_values("origin")
    if request.host not in _LOOPBACK or any(origin != f"http://{_host(request)}" for origin in origins):
        return _html(403, "<p>These buttons work from this page only.</p>")
    fields = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
    shown = act(fake, fields)
    if shown is not None:
        return _html(200, shown)
    return FakeResponse(303, {"Location": "/", "Content-Type": "text/plain"})


def _host(request: FakeRequest) -> str:
    return next(iter(request.header_values("host")), "")


def _sign_in(fake: FakeClerk, fields: Mapping[str, str]) -> str | None:
    user = fake.find_user(fields.get("user_id", ""))
    signed_in = fake.sign_in(user, azp=fields.get("origin") or None)
    cookies = "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())
    who = html.escape(signed_in.session.user.id)
    token = html.escape(f"Authorization: Bearer {signed_in.token}")
    return _document(
        fake,
        f"<h1>{who} is signed in</h1><p class=soft>The token is good for a minute. <a href=/>Back</a></p>"
        f"<h2>For an API</h2><pre>{token}</pre>"
        f"<h2>For a page: cookies of your application's host</h2><pre>Cookie: {html.escape(cookies)}</pre>",
    )


def _revoke(fake: FakeClerk, fields: Mapping[str, str]) -> str | None:
    session = fake.find_session(fields.get("session_id", ""))
    if session is not None:
        fake.revoke(session)
    return None


def _rotate(fake: FakeClerk, _: Mapping[str, str]) -> str | None:
    fake.rotate_key()
    return None


_ACTIONS: Final[Mapping[str, Callable[[FakeClerk, Mapping[str, str]], str | None]]] = {
    "/sign-in": _sign_in,
    "/revoke": _revoke,
    "/rotate": _rotate,
}


def environment(fake: FakeClerk, base: str) -> dict[str, str]:
    """Return what to put in the environment of an application, for ``Clerk.from_env`` and for Clerk's own SDKs."""
    return {
        "CLERK_PUBLISHABLE_KEY": fake.publishable_key,
        "CLERK_SECRET_KEY": fake.secret_key,
        "CLERK_API_URL": base,
        "CLERK_JWT_KEY": fake.public_key_pem().strip().replace("\n", "\\n"),
        "CLERK_WEBHOOK_SIGNING_SECRET": fake.webhook_secret,
    }


def _page(fake: FakeClerk, base: str) -> str:
    users = "".join(
        f"<tr><td class=code>{html.escape(user.id)}</td><td>{html.escape(user.plan or '')}</td>"
        f"<td class=right>{_button('/sign-in', 'Sign in', user_id=user.id)}</td></tr>"
        for user in fake.users()[-_ROWS:]
    )
    sessions = "".join(
        f"<tr><td class=code>{html.escape(session.id)}</td><td class=code>{html.escape(session.user.id)}</td>"
        f"<td class={session.status if session.is_live else 'over'}>{session.status}</td>"
        f"<td>{_time(session.created_at / 1000)}</td>"
        f"<td class=right>{_button('/revoke', 'Revoke', session_id=session.id) if session.is_live else ''}</td></tr>"
        for session in fake.sessions()[:_ROWS]
    )
    requests = "".join(
        f"<tr><td class=code>{html.escape(request.method)}</td><td class=code>{html.escape(request.path[:200])}</td>"
        f"<td class='right {'ok' if status < 400 else 'error'}'>{status}</td></tr>"
        for request, status in reversed(fake.exchanges()[-_ROWS:])
    )
    variables = "\n".join(f"{name}={html.escape(value)}" for name, value in environment(fake, base).items())
    nobody = "<tr><td colspan=5 class=soft>None yet.</td></tr>"
    return _document(
        fake,
        f"""<header><div><h1>{html.escape(fake.slug)}</h1>
<p class=soft>A fake Clerk instance ({fake.environment}), <code>{fake.instance_id}</code>; all in memory</p></div>
<div>{_button("/sign-in", "Sign in a new user")} {_button("/rotate", "Rotate the key")}</div></header>
<h2>Environment</h2><pre>{variables}</pre>
<p class=soft>The key set: <code>{base}/.well-known/jwks.json</code>. After a rotation CLERK_JWT_KEY is another.</p>
<h2>Users</h2><table><tr><th>User<th>Plan<th></tr>{users or nobody}</table>
<h2>Sessions</h2><table><tr><th>Session<th>User<th>Status<th>Since<th></tr>{sessions or nobody}</table>
<h2>Recent requests</h2><table><tr><th>Method<th>Path<th class=right>Answer</tr>{requests or nobody}</table>""",
    )


def _button(action: str, label: str, **fields: str) -> str:
    hidden = "".join(f'<input type=hidden name={name} value="{html.escape(value)}">' for name, value in fields.items())
    return f"<form method=post action={action}>{hidden}<button>{label}</button></form>"


def _time(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%H:%M:%S} UTC"


def _document(fake: FakeClerk, content: str) -> str:
    title = f"{html.escape(fake.slug)} · fake Clerk"
    return (
        f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'>"
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>{content}</main></body></html>\n"
    )


def _html(status: int, text: str) -> FakeResponse:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    }
    return FakeResponse(status, headers, text.encode())
