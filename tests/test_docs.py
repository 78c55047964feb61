"""The documentation tells the truth: its code runs, its links lead somewhere, its lists are complete."""

from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path
from typing import Any

import attrs
import pytest

import clerk_ext
from clerk_ext.config import ClerkConfig
from clerk_ext.testing import FakeClerk, FakeTransport
from tests.conformance.asgi_client import in_process

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md")))
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_readme_block_runs_with_ones_own_keys(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ten lines that a user types first verify a token once the placeholders are filled in."""
    fake = FakeClerk("acme")
    session = fake.create_session(fake.add_user())
    monkeypatch.setattr(clerk_ext, "Clerk", functools.partial(clerk_ext.Clerk, transport=FakeTransport(fake)))
    block = BLOCKS[0].replace("pk_test_…", fake.publishable_key).replace("sk_test_…", fake.secret_key)
    token = fake.session_token(session, azp="https://app.example.com")

    exec(block, {"session_token": token})
    exec(block, {"session_token": fake.forge(token)})

    printed = capsys.readouterr().out
    assert printed.startswith(f"{session.user.id} None ()\ntoken-invalid-signature ")


def test_readme_block_without_an_account_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """The example on the fake instance needs nothing filled in."""
    exec(BLOCKS[1], {})

    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+00:00\n", capsys.readouterr().out)


def test_readme_block_of_requests_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """The example of authenticate_request and explain_token prints what the text below it says."""
    exec(BLOCKS[4], {})

    printed = capsys.readouterr().out
    assert printed.startswith("signed-out {'x-clerk-auth-status': 'signed-out', ")
    assert "\nThe session token is refused by tenant acme:\n" in printed
    assert "(token-invalid-signature)" in printed


def test_readme_block_of_tenants_runs_as_it_stands() -> None:
    """The example of many instances needs nothing filled in."""
    exec(BLOCKS[6], {})


def test_readme_block_of_a_framework_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The application answers who is signed in, refuses others, and asks for proof in the form that Clerk has."""
    fake = FakeClerk("acme")
    clerk = clerk_ext.AsyncClerk(fake.config(), transport=FakeTransport(fake))
    monkeypatch.setattr(clerk_ext.AsyncClerk, "from_env", lambda: clerk)
    ada, acme = fake.add_user(), fake.add_organization("acme")
    fake.add_membership(ada, acme, permissions=["org:invoices:delete"], features=["invoices"])
    signed_in = fake.sign_in(ada, organization=acme, claims={"fva": [30, -1]})
    names: dict[str, Any] = {}
    exec(BLOCKS[5], names)

    with in_process(names["app"]) as call:
        assert {"user": ada.id} == call("GET", "/me", signed_in.headers).json
        assert 401 == call("GET", "/me", {}).status
        refused = call("DELETE", "/invoices", signed_in.headers)
        assert "reverification-error" == refused.json["clerk_error"]["reason"]


@pytest.mark.parametrize("number", range(4))
def test_blocks_about_tenants_run_as_they_stand(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """So do those of the page about tenants."""
    page = (ROOT / "docs" / "tenants.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    exec(blocks[number], {})

    assert 4 == len(blocks)
    assert "Traceback" not in capsys.readouterr().err


def test_toml_about_tenants_is_read(tmp_path: Path) -> None:
    """The file on that page is one that can be read, once its keys are filled in."""
    page = (ROOT / "docs" / "tenants.md").read_text("utf-8")
    (text,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for slug in ("acme", "globex"):
        text = text.replace("pk_live_…", FakeClerk(slug, environment="production").publishable_key, 1)
    file = tmp_path / "tenants.toml"
    file.write_text(text, "utf-8")
    tenants = clerk_ext.Tenants.from_toml(file, {"ACME_SECRET_KEY": "sk_live_x"})

    assert ["acme", "globex"] == list(tenants)
    assert ("sk_live_x", 10) == (tenants["acme"].config.secret_key, tenants["globex"].config.clock_skew)


def test_readme_block_of_the_endpoints_runs() -> None:
    """Each call of the list works on an instance that has such a user, session and template."""
    fake = FakeClerk("acme")
    fake.add_template("hasura")
    user = fake.add_user()
    block = re.sub(r"sess_…", lambda _: fake.create_session(user).id, BLOCKS[3].replace("user_…", user.id))

    with clerk_ext.Clerk(
        fake.config(authorized_parties=["https://app.example.com"]), transport=FakeTransport(fake)
    ) as clerk:
        exec(block, {"clerk": clerk})

    paths = {f"{request.method} {request.path.partition('?')[0].rpartition('/')[2]}" for request in fake.requests}
    assert {"GET sessions", "POST sessions", "POST revoke", "POST tokens", "POST hasura", "GET jwks"} <= paths


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page names a file that is there."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))

    assert [] == [target for target in targets if not (page.parent / target).exists()]


def test_make_targets_are_there() -> None:
    """Each make target that a page names exists."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text("utf-8"))}

    assert set() == named - targets


def test_settings_are_documented() -> None:
    """Each setting of ClerkConfig has its line in the docstring, and no line is about a setting that is not there."""
    settings = {field.name for field in attrs.fields(ClerkConfig) if field.init}
    listed = inspect.getdoc(ClerkConfig) or ""
    documented = set(
        re.findall(r"^ {4}(\w+): ", listed.partition("Attributes:")[2].partition("Raises:")[0], re.MULTILINE)
    )

    assert settings == documented


def test_environment_variables_are_documented() -> None:
    """Each variable that from_env reads is named in the README."""
    source = (ROOT / "clerk_ext" / "config_checks.py").read_text("utf-8")
    read = set(re.findall(r'given(?:\.get\(|\[)"(CLERK_\w+)"', source)) - {"CLERK_IS_SATELLITE"}

    assert len(read) > 5
    assert set() == {name for name in read if name not in README}
