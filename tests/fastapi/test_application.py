"""`ClerkAuth` and an application: installing, starting, stopping, mounting, other middlewares."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from clerk_ext import AsyncClerk, AsyncTenants, Clerk, Tenants
from clerk_ext.fastapi import ClerkAuth, SignedIn, require
from clerk_ext.testing import FakeClerk, FakeTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.contract import Answer


def me(claims: SignedIn) -> str:
    """An endpoint that says who asks."""
    return claims.user_id


def test_application_without_sign_in_says_what_is_missing(get: Callable[..., Answer]) -> None:
    """A route that asks for it names the call that somebody forgot."""
    app = FastAPI()
    app.get("/me")(me)

    with pytest.raises(RuntimeError, match=r"ClerkAuth\(clerk\)\.init_app\(app\)"):
        get(app, "/me")


def test_application_that_runs_takes_no_sign_in_any_more(auth: ClerkAuth, get: Callable[..., Answer]) -> None:
    """It would not be noticed."""
    app = FastAPI()
    assert 404 == get(app, "/").status

    with pytest.raises(RuntimeError, match="after an application has started"):
        auth.init_app(app)


def test_application_has_one_sign_in(auth: ClerkAuth) -> None:
    """A second one would not be noticed."""
    app = FastAPI()
    auth.init_app(app)

    with pytest.raises(RuntimeError, match="has its ClerkAuth already; call init_app once"):
        auth.init_app(app)


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (Clerk(FakeClerk("acme").config()), r"not Clerk; clerk\.as_async\(\) makes one"),
        (Tenants(), "not Tenants; it takes the same settings"),
        (FakeClerk("acme").config(), "give an AsyncClerk or AsyncTenants, not ClerkConfig"),
    ],
)
def test_client_of_the_other_world_is_refused(client: Any, told: str) -> None:
    """It would block the event loop; the error says what to give."""
    with pytest.raises(TypeError, match=told):
        ClerkAuth(client)


def test_settings_are_checked(clerk_async: AsyncClerk) -> None:
    """Each names itself and what to write."""
    with pytest.raises(ValueError, match="impersonation: write one of 'allow', 'refuse', 'refuse-all', not 'deny'"):
        ClerkAuth(clerk_async, impersonation="deny")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="details: write True or False, not 'False'"):
        ClerkAuth(clerk_async, details="False")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="recheck: write a number of seconds above 0, not 0"):
        ClerkAuth(clerk_async, recheck=0)


def test_sign_in_shows_whose_it_is(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """And nothing that is secret."""
    shown = repr(auth)

    assert shown.startswith("ClerkAuth(AsyncClerk(ClerkConfig(name='test'")
    assert clerk_fake.secret_key not in shown


class _Counting(AsyncClerk):
    """A client that counts how often it is closed."""

    closed = 0

    async def aclose(self) -> None:
        """Count."""
        self.closed += 1
        await super().aclose()


def started(auth: ClerkAuth) -> None:
    """Let an application with this sign-in start and stop."""

    async def run() -> None:
        async with auth.lifespan(FastAPI()):
            pass

    asyncio.run(run())


def test_lifespan_fetches_the_keys_and_closes(clerk_fake: FakeClerk) -> None:
    """Before the first request, and after the last one."""
    clerk = _Counting(clerk_fake.config(), transport=FakeTransport(clerk_fake))

    started(ClerkAuth(clerk))

    assert (1, 1) == (len(clerk_fake.requests), clerk.closed)


def test_lifespan_of_tenants_fetches_the_keys_of_each(clerk_fake: FakeClerk, clerk_fake_other: FakeClerk) -> None:
    """All that are known."""
    fakes = [clerk_fake, clerk_fake_other]

    started(ClerkAuth(AsyncTenants([fake.config() for fake in fakes], transport=FakeTransport(*fakes))))

    assert [1, 1] == [len(fake.requests) for fake in fakes]


@pytest.mark.parametrize("many", [False, True])
def test_outage_hinders_no_start(clerk_fake: FakeClerk, caplog: pytest.LogCaptureFixture, many: bool) -> None:
    """The log says of which tenant, and keys are fetched later."""
    clerk_fake.trouble.outage()
    config, transport = clerk_fake.config(), FakeTransport(clerk_fake)
    clerk = AsyncTenants([config], transport=transport) if many else AsyncClerk(config, transport=transport)

    with caplog.at_level(logging.WARNING, "clerk_ext"):
        started(ClerkAuth(clerk))

    told = [record.getMessage() for record in caplog.records if record.name == "clerk_ext"]
    assert 1 == len(told)
    assert told[0].startswith("the keys of tenant test cannot be had now: ")


def test_lifespan_of_an_application_is_run(auth: ClerkAuth, clerk_fake: FakeClerk) -> None:
    """As FastAPI takes it."""
    app = FastAPI(lifespan=auth.lifespan)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            pass

    asyncio.run(run())

    assert 1 == len(clerk_fake.requests)


def test_mounted_application_is_guarded_too(auth: ClerkAuth, clerk_fake: FakeClerk, get: Callable[..., Answer]) -> None:
    """Its routes find the sign-in of the one around it."""
    inner, app = FastAPI(), FastAPI()
    inner.get("/me")(me)
    auth.init_app(app)
    app.mount("/inner", inner)

    assert 200 == get(app, "/inner/me", clerk_fake.sign_in().headers).status
    answer = get(app, "/inner/me")
    assert (401, "Bearer") == (answer.status, answer.headers["www-authenticate"])


def test_mounted_application_may_have_its_own(
    auth: ClerkAuth, clerk_fake: FakeClerk, get: Callable[..., Answer]
) -> None:
    """The same sign-in twice is one; another counts inside."""
    inner, stricter, app = FastAPI(), FastAPI(), FastAPI()
    inner.get("/strict", dependencies=[Depends(require(reverification="strict"))])(lambda: None)
    stricter.get("/me")(me)
    stricter.post("/me")(me)
    auth.init_app(app)
    auth.init_app(inner)
    ClerkAuth(auth.clerk, impersonation="refuse").init_app(stricter)
    app.mount("/inner", inner)
    app.mount("/stricter", stricter)
    stale = clerk_fake.sign_in(claims={"fva": [99, -1]}).headers
    impersonated = clerk_fake.sign_in(actor={"sub": "user_support"}).headers

    assert "reverification-error" == get(app, "/inner/strict", stale).json["clerk_error"]["reason"]
    assert 200 == get(app, "/stricter/me", impersonated).status
    assert 403 == get(app, "/stricter/me", impersonated, method="POST").status


def test_refusals_pass_other_middlewares(auth: ClerkAuth, get: Callable[..., Answer]) -> None:
    """A page of another origin may read them: they have the headers of CORS."""
    app = FastAPI()
    app.get("/me")(me)
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
    auth.init_app(app)
    answer = get(app, "/me", {"Origin": "https://app.example.com"})

    assert (401, "https://app.example.com") == (answer.status, answer.headers["access-control-allow-origin"])


def test_own_handler_of_http_errors_does_not_get_refusals(auth: ClerkAuth, get: Callable[..., Answer]) -> None:
    """Their form is the same everywhere; other errors are the application's own."""
    app = FastAPI()
    app.get("/me")(me)

    @app.get("/other")
    def other() -> None:
        raise HTTPException(418)

    @app.exception_handler(StarletteHTTPException)
    async def own(request: Request, error: StarletteHTTPException) -> JSONResponse:
        return JSONResponse({"own": error.status_code}, error.status_code)

    auth.init_app(app)

    assert {"detail": "Not signed in."} == get(app, "/me").json
    assert {"own": 418} == get(app, "/other").json


def test_error_of_an_endpoint_is_left_alone(auth: ClerkAuth, clerk_fake: FakeClerk, get: Callable[..., Answer]) -> None:
    """It is none of ours."""
    app = FastAPI()
    auth.init_app(app)

    @app.get("/broken")
    def broken(claims: SignedIn) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        get(app, "/broken", clerk_fake.sign_in().headers)
