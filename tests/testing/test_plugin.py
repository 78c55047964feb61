"""The fixtures of the plugin, as a user meets them: pytest in an empty folder, with the package installed."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import clerk_ext.testing
from clerk_ext.testing import plugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_OF_THIS_RUN = ("PYTEST_", "COV_", "CLERK_")
HEAVY = ("httpx", "cryptography", "jwcrypto", "ssl", "asyncio", "http.server", "clerk_sessions_api")


def environment(**more: str) -> dict[str, str]:
    """The environment without what belongs to the run that we are in."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_", "CLERK_"))
    }
    return inherited | more


@pytest.fixture
def outcomes(tmp_path: Path) -> Callable[..., dict[str, int]]:
    """Runs pytest on the files given as keywords in an empty folder; how many tests there were of each outcome."""

    def run(*arguments: str, env: dict[str, str] | None = None, **files: str) -> dict[str, int]:
        for name, source in files.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), "utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *arguments],
            cwd=tmp_path,
            env=env or environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        counts = re.findall(r"(\d+) (passed|failed|errors?|skipped|warnings?)", done.stdout.rpartition("\n=")[2])
        found = {outcome: int(count) for count, outcome in counts}
        sys.stdout.write(done.stdout + done.stderr)  # shown if the test that called this fails
        return found

    return run


EVERY_FIXTURE = """
    import pytest
    from clerk_ext import AsyncClerk, Clerk, Tenants, TokenVerificationError
    from clerk_ext.testing import FakeClerk

    def test_fake(clerk_fake):
        assert isinstance(clerk_fake, FakeClerk) and clerk_fake.slug == "test"
        assert clerk_fake.users() == clerk_fake.sessions() == clerk_fake.requests == []
        clerk_fake.sign_in()

    def test_fake_is_a_new_one(clerk_fake):
        assert clerk_fake.users() == clerk_fake.sessions() == clerk_fake.requests == []
        clerk_fake.sign_in()

    def test_clerk(clerk, clerk_fake):
        ada = clerk_fake.add_user()
        signed_in = clerk_fake.sign_in(ada)
        assert isinstance(clerk, Clerk)
        assert clerk.verify_token(signed_in.token).user_id == ada.id
        assert clerk.authenticate_request(signed_in.headers).is_signed_in
        assert [it.id for it in clerk.sessions.list(user_id=ada.id)] == [signed_in.session.id]
        clerk.sessions.revoke(signed_in.session.id)
        assert clerk_fake.find_session(signed_in.session.id).status == "revoked"

    def test_clerk_heeds_the_clock(clerk, clerk_fake, clerk_token):
        token = clerk_token()
        clerk_fake.advance(61)
        assert clerk.authenticate_token(token).is_signed_in  # the five seconds of tolerance
        clerk_fake.advance(10)
        assert clerk.authenticate_token(token).reason == "token-expired"

    def test_tenants(clerk_tenants, clerk_fake, clerk_fake_other, clerk_token):
        assert isinstance(clerk_tenants, Tenants) and list(clerk_tenants) == ["test", "other"]
        theirs = clerk_fake_other.sign_in()
        assert clerk_tenants.verify_token(clerk_token()).tenant == "test"
        assert clerk_tenants.verify_token(theirs.token).tenant == "other"
        with pytest.raises(TokenVerificationError):
            clerk_tenants["test"].verify_token(theirs.token)
        assert clerk_tenants["other"].sessions.get(theirs.session.id).id == theirs.session.id
        clerk_fake.advance(100)
        assert clerk_tenants.authenticate_token(theirs.token).reason == "token-expired"
"""


@pytest.mark.parametrize("arguments", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_fixtures_work_in_an_empty_folder(outcomes: Callable[..., dict[str, int]], arguments: tuple[str, ...]) -> None:
    """Each fixture works without any file but the tests, alone and spread over two processes."""
    assert {"passed": 10} == outcomes(*arguments, test_one=EVERY_FIXTURE, test_two=EVERY_FIXTURE)


def test_clerk_token_changes_any_claim(outcomes: Callable[..., dict[str, int]]) -> None:
    """Claims are set by name or in a mapping, removed by REMOVE; user, organisation and lifetime can be chosen."""
    source = """
        import pytest

        def test_claims(clerk, clerk_fake, clerk_token):
            claims = clerk.verify_token(clerk_token())
            assert clerk_fake.find_user(claims.user_id) and clerk_fake.find_session(claims.session_id)
            named = clerk.verify_token(clerk_token(azp="https://app.example.com", plan="gold", act={"sub": "user_x"}))
            assert named.authorized_party == "https://app.example.com"
            assert named.raw["plan"] == "gold" and named.is_impersonated
            mapped = clerk.verify_token(clerk_token({"https://example.com/x": 1, "user": "u"}, other=2)).raw
            assert (mapped["https://example.com/x"], mapped["user"], mapped["other"]) == (1, "u", 2)

        @pytest.mark.parametrize("claim", ["azp", "exp", "fva", "iat", "iss", "jti", "nbf", "sid", "sts", "sub", "v"])
        def test_a_claim_less(clerk_fake, clerk_token, clerk, claim):
            state = clerk.authenticate_token(clerk_token(**{claim: clerk_fake.REMOVE}))
            assert state.is_signed_in == (claim not in ("exp", "iat", "iss", "sid", "sub"))
            assert not state.is_signed_in or claim not in state.claims.raw

        def test_whose(clerk, clerk_fake, clerk_token):
            ada, acme = clerk_fake.add_user(), clerk_fake.add_organization("acme")
            clerk_fake.add_membership(ada, acme, "org:admin")
            claims = clerk.verify_token(clerk_token(user=ada, organization=acme))
            assert (claims.user_id, claims.org_id, claims.org_role) == (ada.id, acme.id, "org:admin")

        def test_lifetime(clerk, clerk_fake, clerk_token):
            claims = clerk.verify_token(clerk_token(expires_in=3600))
            assert (claims.expires_at - claims.issued_at).total_seconds() == 3600
            assert clerk.authenticate_token(clerk_token(expires_in=-60)).reason == "token-expired"
    """
    assert {"passed": 14} == outcomes(test_token=source)


def test_clerk_async_in_asyncio_and_anyio(outcomes: Callable[..., dict[str, int]]) -> None:
    """clerk_async works under asyncio.run, in several loops one after another, and under anyio's plugin."""
    source = """
        import asyncio
        import pytest
        from clerk_ext import AsyncClerk

        async def use(clerk, fake):
            signed_in = fake.sign_in()
            assert (await clerk.verify_token(signed_in.token)).session_id == signed_in.session.id
            assert (await clerk.authenticate_request(signed_in.headers)).is_signed_in
            assert (await clerk.sessions.get(signed_in.session.id)).status == "active"
            fake.advance(400)  # keys of this age are used, and refreshed in the background
            await clerk.verify_token(fake.sign_in().token)

        def test_in_two_loops(clerk_async, clerk_fake):
            assert isinstance(clerk_async, AsyncClerk)
            asyncio.run(use(clerk_async, clerk_fake))
            asyncio.run(use(clerk_async, clerk_fake))

        def test_as_a_context(clerk_async, clerk_fake):
            async def main():
                async with clerk_async as clerk:
                    await use(clerk, clerk_fake)
            asyncio.run(main())

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.anyio
        async def test_with_anyio(clerk_async, clerk_fake):
            await use(clerk_async, clerk_fake)

        def test_beside_the_other_world(clerk_async, clerk, clerk_token):
            token = clerk_token()
            assert asyncio.run(clerk_async.verify_token(token)).user_id == clerk.verify_token(token).user_id
    """
    assert {"passed": 4} == outcomes(test_async=source)


def test_ones_own_fixture_wins(outcomes: Callable[..., dict[str, int]]) -> None:
    """A user's fixture of the same name replaces the plugin's, and may build on it; the others build on the user's."""
    conftest = """
        import pytest
        from clerk_ext.testing import FakeClerk

        @pytest.fixture
        def clerk_fake():
            return FakeClerk("mine", environment="production")

        @pytest.fixture
        def clerk_async():
            return "my own"
    """
    source = """
        import pytest

        @pytest.fixture
        def clerk(clerk):
            return clerk.with_policy(authorized_parties=["https://mine.example.com"])

        def test_mine(clerk, clerk_async, clerk_fake, clerk_tenants, clerk_token):
            assert (clerk_fake.slug, clerk_async) == ("mine", "my own")
            assert list(clerk_tenants) == ["mine", "other"]
            assert clerk.config.publishable_key == clerk_fake.publishable_key
            assert clerk.authenticate_token(clerk_token(azp="https://mine.example.com")).is_signed_in
            assert not clerk.authenticate_token(clerk_token(azp="https://other.example.com")).is_signed_in
    """
    assert {"passed": 1} == outcomes(conftest=conftest, test_mine=source)


def test_plugin_can_be_named_and_turned_off(outcomes: Callable[..., dict[str, int]]) -> None:
    """Where plugins are not looked for, -p brings it; -p no:clerk leaves it out."""
    source = "def test_it(clerk, clerk_token): clerk.verify_token(clerk_token())"

    named = environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert {"passed": 1} == outcomes("-p", "clerk_ext.testing.plugin", env=named, test_it=source)
    assert {"passed": 1} == outcomes("-p", "clerk", env=named, test_it=source)
    assert {"error": 1} == outcomes("-p", "no:clerk", test_it=source)


def test_tests_that_need_none_of_it_do_not_pay(outcomes: Callable[..., dict[str, int]]) -> None:
    """Until a test asks for a fixture, neither the instance nor an HTTP client nor cryptography is loaded."""
    source = f"""
        import sys

        def loaded():
            ours = {{name for name in sys.modules if name.startswith("clerk_ext.testing.")}}
            heavy = {HEAVY!r}
            return (ours - {{"clerk_ext.testing.plugin"}}) | {{name for name in sys.modules if name in heavy}}

        BEFORE = loaded()

        def test_before():
            assert BEFORE == set() == loaded()

        def test_when_asked(clerk, clerk_token):
            clerk.verify_token(clerk_token())
            assert {{"httpx", "cryptography", "clerk_ext.testing.instance"}} <= loaded()
    """
    # Other plugins load what they like; ours is the only one here.
    lone = environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert {"passed": 2} == outcomes("-p", "clerk", env=lone, test_it=source)


def test_importing_the_plugin_is_light() -> None:
    """Beside pytest and clerk_ext itself, loading the plugin loads two modules: its own and its package."""
    script = (
        "import sys, pytest, clerk_ext; before = set(sys.modules); import clerk_ext.testing.plugin; "
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True, env=environment()
    )

    assert "['clerk_ext.testing', 'clerk_ext.testing.plugin']" == done.stdout.strip()


def test_keys_are_made_once_per_process(outcomes: Callable[..., dict[str, int]]) -> None:
    """However many tests sign: one key per instance that lives at a time, and none where no test signs."""
    conftest = """
        import pytest
        from clerk_ext.testing import SigningKey

        MADE = []
        generate = SigningKey.generate.__func__

        @pytest.fixture(scope="session", autouse=True)
        def count():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(SigningKey, "generate", classmethod(lambda *it: MADE.append(1) or generate(*it)))
                yield

        @pytest.fixture
        def made():
            return lambda: len(MADE)
    """
    source = """
        import asyncio
        import pytest

        @pytest.mark.parametrize("number", range(20))
        def test_first_without_signing(clerk_fake, clerk, number, made):
            assert clerk_fake.add_user() and made() == 0

        @pytest.mark.parametrize("number", range(20))
        def test_then_with_one(clerk_token, clerk, number, made):
            assert clerk.verify_token(clerk_token()) and made() == 1

        @pytest.mark.parametrize("number", range(20))
        def test_then_async(clerk_token, clerk_async, number, made):
            assert asyncio.run(clerk_async.verify_token(clerk_token())) and made() == 1

        @pytest.mark.parametrize("number", range(20))
        def test_then_with_two(clerk_tenants, clerk_token, clerk_fake_other, number, made):
            assert clerk_tenants.verify_token(clerk_token())
            assert clerk_tenants.verify_token(clerk_fake_other.sign_in().token) and made() == 2
    """
    assert {"passed": 80} == outcomes(conftest=conftest, test_keys=source)


def test_every_fixture_says_what_it_is() -> None:
    """`pytest --fixtures` has a line for each of them."""
    fixtures = [name for name in vars(plugin) if name.startswith("clerk")]

    assert sorted(["clerk", "clerk_async", "clerk_fake", "clerk_fake_other", "clerk_tenants", "clerk_token"]) == sorted(
        fixtures
    )
    assert [] == [name for name in fixtures if not inspect.getdoc(getattr(plugin, name))]


def test_names_of_the_package_are_sorted_and_there() -> None:
    """`__all__` is sorted, each name in it can be had from the package and is what dir() lists."""
    package: Any = clerk_ext.testing

    assert sorted(package.__all__) == package.__all__ == dir(package)
    assert [] == [name for name in package.__all__ if getattr(package, name, None) is None]


def test_misspelt_name_of_the_package_is_an_attribute_error() -> None:
    """A name that is not there is an AttributeError that repeats it, although names load lazily."""
    with pytest.raises(AttributeError, match="FakeClark"):
        _ = getattr(clerk_ext.testing, "FakeClark")  # noqa: B009 - mypy would refuse the plain form, rightly
