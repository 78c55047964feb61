"""The page of a served instance, asked for as a browser would, over HTTP on loopback."""

from __future__ import annotations

import http.client
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import attrs
import httpx
import pytest

from clerk_ext import Clerk
from clerk_ext.testing import FakeClerk, FakeServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clerk_ext.testing import SessionStatus

ODD = """<b>"'&é"""
"""What an id must not do to the page."""

VOID = frozenset({"meta", "link", "input"})


class Page(HTMLParser):
    """What a page shows: its tables by heading, its buttons and links, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.texts: dict[str, str] = {}
        self.buttons: list[tuple[str, str, dict[str, str]]] = []
        self.links: dict[str, str] = {}
        self._heading = self._action = self._link = ""
        self.feed(text)
        self.close()
        assert [] == self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self._heading = ""
        elif tag == "tr":
            self.rows.setdefault(self._heading.split()[0], []).append([])
        elif tag == "td":
            self.rows[self._heading.split()[0]][-1].append("")
        elif tag == "form":
            self._action = given["action"]
        elif tag == "button":
            field = {given["name"]: given["value"]} if "name" in given else {}
            self.buttons.append((self._action, "", field))
        elif tag == "a":
            self._link = given["href"]

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop()

    def handle_data(self, data: str) -> None:
        if {"h1", "h2"} & set(self.open):
            self._heading += data
        elif "td" in self.open:
            self.rows[self._heading.split()[0]][-1][-1] += data
        if "button" in self.open:
            action, label, field = self.buttons[-1]
            self.buttons[-1] = (action, label + data, field)
        if "a" in self.open:
            self.links[data] = self._link
        tag = self.open[-1] if self.open else ""
        self.texts[tag] = self.texts.get(tag, "") + data + "\n"

    def table(self, heading: str) -> list[list[str]]:
        """The rows of a table, its head apart."""
        return [row for row in self.rows[heading] if row]

    @property
    def origin(self) -> str:
        """What stands in the field for the origin."""
        return next(given["value"] for tag, given in self.attributes if tag == "input")

    def button(self, label: str, value: str | None = None) -> tuple[str, dict[str, str]]:
        """Where the one button with this label, and that field's value, leads, and what it sends."""
        found = [
            (action, field)
            for action, text, field in self.buttons
            if text == label and (value is None or value in field.values())
        ]
        assert 1 == len(found)
        return found[0]


@attrs.frozen
class Answer:
    """An answer, read whole."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def page(self) -> Page:
        return Page(self.text)


@attrs.frozen
class Browser:
    """Asks as a browser that is at the server's address."""

    host: str

    def ask(
        self, method: str, path: str, body: str | bytes = b"", headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """Send a request; a header that is None is left out."""
        own: dict[str, str | None] = {"Host": self.host}
        if method == "POST":
            own |= {"Origin": f"http://{self.host}", "Content-Type": "application/x-www-form-urlencoded"}
        connection = http.client.HTTPConnection(self.host, timeout=5)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            content = body.encode() if isinstance(body, str) else body
            own["Content-Length"] = str(len(content))
            for name, value in (own | dict(headers or {})).items():
                if value is not None:
                    connection.putheader(name, value)
            connection.endheaders(content)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def page(self, path: str = "/") -> Page:
        """Open a page."""
        answer = self.ask("GET", path)
        assert 200 == answer.status
        return answer.page

    def push(self, button: tuple[str, Mapping[str, str]], **typed: str) -> Answer:
        """Push a button, and go where it leads."""
        answer = self.ask("POST", button[0], urlencode({**button[1], **typed}))
        if answer.status != 303:
            return answer
        assert "" == answer.text
        return self.ask("GET", answer.headers["Location"])


@pytest.fixture
def server(fake: FakeClerk) -> Iterator[FakeServer]:
    """The instance, served with its page."""
    with FakeServer(fake, page=True) as server:
        yield server


@pytest.fixture
def browser(server: FakeServer) -> Browser:
    """A browser at the server's address."""
    return Browser(urlsplit(server.url).netloc)


def snapshot(fake: FakeClerk) -> object:
    """Whatever the buttons could change."""
    return [user.id for user in fake.users()], [(it.id, it.status) for it in fake.sessions()], fake.jwks()


def test_page_of_an_empty_instance(fake: FakeClerk, server: FakeServer, browser: Browser) -> None:
    """An instance without users, sessions and requests says so, and what would change that."""
    page = browser.page()

    assert f"{fake.slug} · fake Clerk" == page.texts["title"].strip()
    assert [["Nobody yet. Sign in a new user to begin."]] == page.table("Users")
    assert [["None yet. Each sign-in opens one."]] == page.table("Sessions")
    assert "None yet." in page.table("Recent")[0][0]
    assert {"Rotate the key", "Sign in a new user"} == {label for _, label, _ in page.buttons}
    for shown in (fake.instance_id, fake.issuer, server.api_url, server.jwks_url, fake.kid):
        assert shown in page.texts["code"].splitlines()
    assert "2027-01-15 08:00:00" == page.texts["time"].strip()


def test_environment_is_shown(fake: FakeClerk, server: FakeServer, browser: Browser) -> None:
    """The page shows what to put in the environment, at the address that the browser came by."""
    text = browser.page().texts["pre"].strip()
    shown: dict[str, str] = dict(re.findall(r'^export (\w+)="(.*)"$', text, re.MULTILINE))
    by_name = browser.host.replace("127.0.0.1", "localhost")
    there = browser.ask("GET", "/", headers={"Host": by_name}).page

    assert fake.publishable_key == shown["CLERK_PUBLISHABLE_KEY"]
    assert fake.secret_key == shown["CLERK_SECRET_KEY"]
    assert server.url == shown["CLERK_API_URL"]
    assert fake.public_key_pem().strip() == shown["CLERK_JWT_KEY"].replace("\\n", "\n")
    assert fake.webhook_secret == shown["CLERK_WEBHOOK_SIGNING_SECRET"]
    assert f'export CLERK_API_URL="http://{by_name}"' in there.texts["pre"].splitlines()
    assert len(shown) == len(text.splitlines())


@pytest.mark.parametrize(
    ("status", "buttons"),
    [
        ("active", 1),
        ("pending", 1),
        ("abandoned", 0),
        ("ended", 0),
        ("expired", 0),
        ("removed", 0),
        ("replaced", 0),
        ("revoked", 0),
    ],
)
def test_session_is_shown(fake: FakeClerk, browser: Browser, status: SessionStatus, buttons: int) -> None:
    """A session stands there with its status; one that is over has no buttons."""
    session = fake.create_session(fake.add_user(plan="pro"), status=status)
    page = browser.page()

    assert [session.id, session.user.id, "–", status, "2027-01-15 08:00:00"] == page.table("Sessions")[0][:5]
    assert [session.user.id, "pro", str(buttons), "Sign in"] == page.table("Users")[0]
    assert buttons == [label for _, label, _ in page.buttons].count("Revoke")
    assert buttons == ("Token" in page.links)


def test_organisation_and_impersonation_are_shown(fake: FakeClerk, browser: Browser) -> None:
    """A session tells its active organisation and who impersonates the user."""
    user, organization = fake.add_user(), fake.add_organization("berlin")
    fake.add_membership(user, organization)
    fake.create_session(user, organization=organization, actor={"sub": "user_admin"})
    row = browser.page().table("Sessions")[0]

    assert "berlin" == row[2]
    assert f"{user.id}impersonated by user_admin" == row[1]


def test_session_ages(fake: FakeClerk, browser: Browser) -> None:
    """The page shows statuses and the time as they are by the instance's clock."""
    fake.create_session(fake.add_user())
    fake.advance(8 * 86_400)
    page = browser.page()

    assert "expired" == page.table("Sessions")[0][3]
    assert "2027-01-23 08:00:00" == page.texts["time"].splitlines()[0]


def test_clock_of_another_millennium(fake: FakeClerk, browser: Browser) -> None:
    """A clock that was moved out of the calendar does not break the page."""
    fake.advance(1e15)

    assert "9999-12-31 23:59:59" == browser.page().texts["time"].splitlines()[0]


def test_newest_first_and_so_many(fake: FakeClerk, browser: Browser) -> None:
    """Of many users and sessions the page shows the newest fifty, and tells how many there are."""
    sessions = [fake.create_session(fake.add_user()) for _ in range(51)]
    page = browser.page()

    assert [it.user.id for it in sessions[:0:-1]] == [row[0] for row in page.table("Users")]
    assert [it.id for it in sessions[:0:-1]] == [row[0] for row in page.table("Sessions")]
    assert ["the newest 50 of 51"] * 2 == [text for text in page.texts["small"].splitlines() if text]


def test_requests_are_shown_but_the_pages_own(fake: FakeClerk, server: FakeServer, browser: Browser) -> None:
    """What an application asked is listed, newest first, with its answer; what the page itself does is not."""
    browser.ask("GET", "/.well-known/jwks.json")
    fake.trouble.server_error(503, times=1)
    browser.ask("GET", "/v1/sessions?user_id=" + "x" * 300, headers={"Authorization": "Bearer secret"})
    browser.ask("DELETE" * 5, "/v1/<nothing>")
    for path in ("/", "/favicon.ico", "/token?session_id=no", "/sign-in", "/revoke", "/rotate"):
        browser.ask("GET", path)
        browser.ask("POST", path)
    browser.push(browser.page().button("Sign in a new user"))

    assert [
        ["DELETE" * 3 + "DE…", "/v1/<nothing>", "–", "401"],
        ["GET", "/v1/sessions?user_id=" + "x" * 179 + "…", "sessions.list", "503"],
        ["GET", "/.well-known/jwks.json", "jwks", "200"],
    ] == browser.page().table("Recent")
    assert 3 == len(fake.requests)


def test_names_of_any_kind_are_escaped(fake: FakeClerk, browser: Browser) -> None:
    """Ids, slugs and plans show as they are, whatever is in them; the buttons send them as they are."""
    user, organization = fake.add_user(f"user_{ODD}", plan=ODD), fake.add_organization(ODD)
    fake.add_membership(user, organization)
    session = fake.create_session(user, organization=organization, actor={"sub": ODD})
    asked = f"/v1/{ODD}".replace("é", "%C3%A9")
    browser.ask("GET", asked)
    page = browser.page()
    token = browser.push(page.button("Sign in", user.id)).page

    assert [user.id, ODD, "1", "Sign in"] == page.table("Users")[0]
    assert [session.id, f"{user.id}impersonated by {ODD}", ODD] == page.table("Sessions")[0][:3]
    assert asked == page.table("Recent")[0][1]
    assert f"{user.id}\n" == token.texts["code"]
    assert "b" not in {*page.tags, *token.tags}


@pytest.mark.parametrize("path", ["/?", "/token?session_id={id}&"])
def test_query_of_any_kind_is_escaped(fake: FakeClerk, browser: Browser, path: str) -> None:
    """An origin that a link brings along is shown as it is, and is no origin for a token."""
    odd = ODD + "<script>"
    page = browser.page(path.format(id=fake.sign_in().session.id) + urlencode({"origin": odd}))
    if "Back to example" in page.links:
        assert '"azp"' not in page.texts["pre"]
        page = browser.page(page.links["Back to example"])

    assert odd == page.origin
    assert {"b", "script"}.isdisjoint(page.tags)


def test_ids_that_are_no_text_at_all(fake: FakeClerk, browser: Browser) -> None:
    """Even half of a surrogate pair, which no encoding knows, does not break the page."""
    fake.add_user("user_\ud800")

    assert "user_?" == browser.page().table("Users")[0][0]


def test_page_asks_nobody_else(fake: FakeClerk, browser: Browser) -> None:
    """The page has no script and no resource of another place, and the browser is told to allow none."""
    fake.sign_in()
    answer = browser.ask("GET", "/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))

    assert {"script", "img", "iframe"}.isdisjoint(answer.page.tags)
    assert not [name for _, given in answer.page.attributes for name in given if name.startswith("on")]
    assert {"data:,"} == {given["href"] for tag, given in answer.page.attributes if tag == "link"}
    assert ("'none'", "'self'", "'none'") == (policy["default-src"], policy["form-action"], policy["frame-ancestors"])
    assert "no-store" == answer.headers["Cache-Control"]
    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]


def test_sign_in_a_new_user(fake: FakeClerk, server: FakeServer, browser: Browser) -> None:
    """The button makes a user and a session, and shows a token, as header and as cookies, that a client takes."""
    page = browser.push(browser.page().button("Sign in a new user")).page
    header, cookies, claims = page.texts["pre"].strip().split("\n", 2)
    sent = cookies.removeprefix("Cookie: ")
    by_name = dict(pair.split("=", 1) for pair in sent.split("; "))
    (session,) = fake.sessions()
    token = header.removeprefix("Authorization: Bearer ")
    with Clerk(server.config()) as clerk:
        verified = clerk.verify_token(token)
        state = clerk.authenticate_request(httpx.Request("GET", "http://app.example", headers=[("Cookie", sent)]))

    assert (session.id, session.user.id, None) == (verified.session_id, verified.user_id, verified.authorized_party)
    assert (True, token) == (state.is_signed_in, state.token)
    assert fake.sign_in().cookies.keys() == by_name.keys()
    assert str(session.created_at // 1000) == by_name["__client_uat"]
    assert verified.raw == json.loads(claims)


def test_sign_in_somebody_from_an_origin(fake: FakeClerk, server: FakeServer, browser: Browser) -> None:
    """A user's own button opens a further session of theirs; the origin that was typed is the token's ``azp``."""
    user, other = fake.add_user(), fake.add_user()
    page = browser.push(browser.page().button("Sign in", user.id), origin=" http://localhost:3000/ ").page
    token = page.texts["pre"].split()[2]
    with Clerk(server.config(authorized_parties=["http://localhost:3000"])) as clerk:
        claims = clerk.verify_token(token)

    assert user.id == claims.user_id
    assert [user, other] == fake.users()
    assert "http://localhost:3000" == browser.page(page.links["Back to example"]).origin


def test_token_of_a_session(fake: FakeClerk, browser: Browser) -> None:
    """Each load of a session's token shows another one; that of a pending session says so."""
    session = fake.create_session(fake.add_user(), status="pending")
    path = browser.page().links["Token"]
    pages = [browser.page(path) for _ in range(2)]

    assert 2 == len({page.texts["pre"].split()[2] for page in pages})
    assert "pending\n" == pages[0].texts["span"]
    assert [session] == fake.sessions()


@pytest.mark.parametrize("skew", [-30, 0, 30])
def test_cookies_of_a_clock_that_is_off(fake: FakeClerk, browser: Browser, skew: int) -> None:
    """A token is never older than the sign-in that the cookies tell of, else Clerk's SDKs take it for a former one."""
    fake.skew = skew
    fake.create_session(fake.add_user())
    header, cookies, claims = browser.page(browser.page().links["Token"]).texts["pre"].strip().split("\n", 2)

    assert header.startswith("Authorization: ")
    assert json.loads(claims)["iat"] >= int(cookies.partition("__client_uat=")[2].partition(";")[0])


def test_token_of_no_session(fake: FakeClerk, browser: Browser) -> None:
    """A session that is unknown or over has no token to show, and the page says which."""
    session = fake.create_session(fake.add_user(), status="ended")
    unknown = browser.ask("GET", "/token?session_id=sess_no")
    over = browser.ask("GET", f"/token?session_id={session.id}")

    assert (404, 410) == (unknown.status, over.status)
    assert "no such session" in unknown.page.texts["h1"]
    assert "is over" in over.page.texts["h1"]
    assert "It is ended" in over.page.texts["p"]
    assert "/" == over.page.links["Back"]
    assert "eyJ" not in over.text


def test_revoke(fake: FakeClerk, browser: Browser) -> None:
    """The button ends that session alone, and leads back to the page, which shows it."""
    kept, revoked = (fake.create_session(fake.add_user()) for _ in range(2))
    page = browser.push(browser.page().button("Revoke", revoked.id)).page

    assert ("active", "revoked") == (kept.status, revoked.status)
    assert ["revoked", "active"] == [row[3] for row in page.table("Sessions")]
    assert ["session.created", "session.created", "session.revoked"] == [it.type for it in fake.webhooks]


def test_revoke_what_ended_meanwhile(fake: FakeClerk, browser: Browser) -> None:
    """A button of a page that is out of date does not revoke a session that has ended."""
    session = fake.create_session(fake.add_user())
    button = browser.page().button("Revoke")
    fake.set_status(session, "ended")

    assert 200 == browser.push(button).status
    assert "ended" == session.status


def test_rotate(fake: FakeClerk, server: FakeServer, browser: Browser) -> None:
    """The button makes a new key sign, the old one stays in the set, and the environment changes."""
    before, pem = fake.sign_in().token, fake.public_key_pem()
    page = browser.push(browser.page().button("Rotate the key")).page
    with Clerk(server.config()) as clerk:
        users = [clerk.verify_token(token).user_id for token in (before, fake.sign_in().token)]

    assert 2 == len(set(users))
    assert 2 == len(fake.jwks()["keys"])
    assert "2; the newest signs\n" in page.texts["dd"]
    assert pem.splitlines()[2] not in page.texts["pre"]
    assert fake.public_key_pem().splitlines()[2] in page.texts["pre"]


@pytest.mark.parametrize(
    ("path", "field", "status"),
    [
        ("/sign-in", {"user_id": "user_gone"}, 404),
        ("/sign-in", {"origin": "http://a.example/path"}, 400),
        ("/sign-in", {"origin": "javascript:alert(1)"}, 400),
        ("/sign-in", {"origin": "http://" + "a" * 300}, 400),
        ("/revoke", {}, 404),
        ("/revoke", {"session_id": "sess_gone"}, 404),
        ("/revoke", {"session_id": ODD}, 404),
    ],
)
def test_fields_that_name_nothing(
    fake: FakeClerk, browser: Browser, path: str, field: dict[str, str], status: int
) -> None:
    """A user or a session that there is not, or an origin that is none, changes nothing, and the page says so."""
    fake.sign_in()
    before = snapshot(fake)
    answer = browser.ask("POST", path, urlencode(field))

    assert status == answer.status
    assert ["h1", "p", "p", "a"] == answer.page.tags[-4:]
    assert before == snapshot(fake)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff\xfe\x00", 400),
        (b"a=1&" * 200_000, 400),
        (b"session_id=" + b"x" * (1 << 19), 404),
        (b"session_id=%FF%00%", 404),
        (b"=&&;", 404),
    ],
)
def test_bodies_of_any_kind(fake: FakeClerk, browser: Browser, body: bytes, status: int) -> None:
    """A body that is huge or no form is refused with a status of its own, and changes nothing."""
    fake.sign_in()
    before = snapshot(fake)

    assert status == browser.ask("POST", "/revoke", body).status
    assert before == snapshot(fake)
    assert [] == fake.requests


def test_body_that_is_too_large(fake: FakeClerk, browser: Browser) -> None:
    """A body that is announced as larger than a megabyte is refused unread, and changes nothing."""
    fake.sign_in()
    before = snapshot(fake)

    # Nothing of it is sent: the server may hang up in the middle, and the answer be lost.
    assert 413 == browser.ask("POST", "/revoke", headers={"Content-Length": str((1 << 20) + 1)}).status
    assert before == snapshot(fake)
    assert [] == fake.requests


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "multipart/form-data; boundary=x", None])
def test_forms_only(fake: FakeClerk, browser: Browser, media_type: str | None) -> None:
    """A body of another media type than this page's forms have is not read."""
    answer = browser.ask("POST", "/sign-in", b"user_id=", {"Content-Type": media_type})

    assert 415 == answer.status
    assert [] == fake.users()


@pytest.mark.parametrize("path", ["/sign-in", "/revoke", "/rotate"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://{host}"},
        {"Origin": "http://{host}.evil.example"},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Host": "evil.example:{port}", "Origin": "http://evil.example:{port}"},
        {"Host": "evil.example", "Origin": None},
        {"Host": "127.0.0.1.evil.example", "Origin": "http://127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example", "Origin": "http://localhost.evil.example"},
        {"Host": "", "Origin": "http://"},
        {"Host": None},
        {"Host": "{host}", "host": "evil.example"},
    ],
)
def test_buttons_are_not_pushed_from_elsewhere(
    fake: FakeClerk, browser: Browser, path: str, headers: dict[str, str | None]
) -> None:
    """A form of another site, or of this address under a name that was made to lead here, changes nothing."""
    session = fake.sign_in().session
    before = snapshot(fake)
    port = browser.host.partition(":")[2]
    sent = {name: value and value.format(host=browser.host, port=port) for name, value in headers.items()}
    answer = browser.ask("POST", path, urlencode({"session_id": session.id}), sent)

    assert 403 == answer.status
    assert before == snapshot(fake)
    assert [] == fake.requests


@pytest.mark.parametrize("path", ["/", "/token?session_id={id}"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", '127.0.0.1"><b>', "127.0.0.1:99999999", "a@127.0.0.1", "", None]
)
def test_page_is_not_shown_under_another_name(fake: FakeClerk, browser: Browser, path: str, host: str | None) -> None:
    """A page of another site that made its name lead here reads nothing of the instance, but is told the address."""
    session = fake.sign_in().session
    answer = browser.ask("GET", path.format(id=session.id), headers={"Host": host})

    assert 403 == answer.status
    assert f"This page is at http://{browser.host}" in answer.page.texts["h1"]
    for secret in (fake.secret_key, fake.webhook_secret, fake.slug, session.id, "eyJ"):
        assert secret not in answer.text


@pytest.mark.parametrize("host", ["localhost:{port}", "LOCALHOST:{port}", "127.0.0.1", "[::1]:{port}", "192.0.2.7:80"])
def test_names_of_this_machine(fake: FakeClerk, browser: Browser, host: str) -> None:
    """The page and its buttons work by each address, as a forwarded port has another."""
    host = host.format(port=browser.host.partition(":")[2])
    sent = {"Host": host, "Origin": f"http://{host.lower()}"}

    assert f"http://{host.lower()}/v1" in browser.ask("GET", "/", headers={"Host": host}).page.texts["code"]
    assert 303 == browser.ask("POST", "/sign-in", headers=sent).status
    assert 1 == len(fake.users())


def test_buttons_work_without_a_browser(fake: FakeClerk, browser: Browser) -> None:
    """A command that sends no origin, as no browser does, may push the buttons."""
    answer = browser.ask("POST", "/sign-in", headers={"Origin": None, "Content-Type": None})

    assert 303 == answer.status
    assert answer.headers["Location"].endswith(fake.sessions()[0].id)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"),
        ("PUT", "/?x", "GET, HEAD"),
        ("OPTIONS", "/", "GET, HEAD"),
        ("POST", "/token", "GET, HEAD"),
        ("GET", "/sign-in", "POST"),
        ("HEAD", "/revoke?session_id=x", "POST"),
        ("DELETE", "/rotate", "POST"),
        ("get", "/", "GET, HEAD"),
    ],
)
def test_methods(fake: FakeClerk, browser: Browser, method: str, path: str, allowed: str) -> None:
    """Each address of the page takes its own methods; the others are refused and change nothing."""
    before = snapshot(fake)
    answer = browser.ask(method, path)

    assert (405, allowed) == (answer.status, answer.headers["Allow"])
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert before == snapshot(fake)
    assert [] == fake.requests


def test_head(browser: Browser) -> None:
    """HEAD has the head of GET, and no body."""
    head, page = browser.ask("HEAD", "/"), browser.ask("GET", "/")

    assert (200, "", page.headers["Content-Length"]) == (head.status, head.text, head.headers["Content-Length"])


@pytest.mark.parametrize("path", ["/sign-in/", "/SIGN-IN", "/%2F", "/v1", "/page", "/revoke%20", "/.", "/*"])
def test_other_paths_are_the_instances(fake: FakeClerk, browser: Browser, path: str) -> None:
    """What is not quite one of the page's addresses gets Clerk's own answer, and is recorded."""
    answer = browser.ask("POST", path)

    assert (404, "resource_not_found") == (answer.status, json.loads(answer.text)["errors"][0]["code"])
    assert [path] == [request.path for request in fake.requests]


def test_icon(fake: FakeClerk, browser: Browser) -> None:
    """The icon that browsers ask for by themselves is no request of an application."""
    assert 204 == browser.ask("GET", "/favicon.ico").status
    assert [] == fake.requests


def test_no_page_unless_wanted(fake: FakeClerk) -> None:
    """A server of tests has no page and no buttons: its addresses are Clerk's alone."""
    with FakeServer(fake) as server:
        browser = Browser(urlsplit(server.url).netloc)
        statuses = [browser.ask(*asked).status for asked in (("GET", "/"), ("POST", "/sign-in"), ("POST", "/rotate"))]

    assert [404, 404, 404] == statuses
    assert ([], 3) == (fake.users(), len(fake.requests))


def test_siblings() -> None:
    """A page links to the instances beside it, and shows nothing else of them; a lone one has no such line."""
    siblings: dict[str, str] = {}
    acme, globex = FakeClerk("acme"), FakeClerk("globex")
    with (
        FakeServer(acme, page=True, siblings=siblings) as first,
        FakeServer(globex, page=True, siblings=siblings) as second,
    ):
        browser = Browser(urlsplit(first.url).netloc)
        siblings["acme"] = first.url
        alone = browser.page()
        siblings["globex"] = second.url
        globex.sign_in()
        both = browser.ask("GET", "/")

    assert f"{siblings['globex']}/" == both.page.links["globex"]
    assert "acme\n" == both.page.texts["b"]
    assert "nav" not in alone.tags
    hidden = [globex.secret_key, globex.publishable_key, globex.webhook_secret, globex.instance_id]
    hidden += [globex.users()[0].id, globex.sessions()[0].id, globex.public_key_pem().splitlines()[2]]
    assert [] == [secret for secret in hidden if secret in both.text]


def test_button_of_another_instance(fake: FakeClerk, browser: Browser) -> None:
    """An id of another instance is unknown to this one's buttons."""
    other = FakeClerk("other").sign_in().session

    assert 404 == browser.ask("POST", "/revoke", urlencode({"session_id": other.id})).status
    assert 404 == browser.ask("POST", "/sign-in", urlencode({"user_id": other.user.id})).status
    assert 404 == browser.ask("GET", f"/token?session_id={other.id}").status
    assert "active" == other.status


def test_failure_behind_a_button_is_raised_when_it_stops(fake: FakeClerk) -> None:
    """What a receiver of webhooks raises at a button's push is a 500 to the browser, and is raised on leaving."""
    fake.send_webhooks_to(lambda webhook: pytest.fail(webhook.type))
    server = FakeServer(fake, page=True)
    statuses: list[int] = []
    with pytest.raises(pytest.fail.Exception, match=r"session\.created"), server:
        statuses.append(Browser(urlsplit(server.url).netloc).ask("POST", "/sign-in").status)

    assert [500] == statuses


def test_back_keeps_the_origin(browser: Browser) -> None:
    """Whoever goes back to the page need not type the origin again."""
    signed_in = browser.push(browser.page().button("Sign in a new user"), origin="https://app.example.com")
    back = signed_in.page.links["Back to example"]

    assert {"origin": ["https://app.example.com"]} == parse_qs(urlsplit(back).query)
