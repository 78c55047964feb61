"""Django's own users beside Clerk's: the admin, and who is signed in by a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from tests import django_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.django.conftest import Project

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def staff() -> Iterator[User]:
    """A user of the admin."""
    user = User.objects.create_superuser("staff", password="x")
    yield user
    user.delete()


def browser_of(staff: User, headers: dict[str, str] | None = None) -> Client:
    """A browser with a session of Django's."""
    browser = Client(headers=headers)
    browser.force_login(staff)
    return browser


def test_admin_has_its_own_users(project: Project, staff: User) -> None:
    """Who is signed in there by a session stays who they are, with a token of Clerk or without."""
    for headers in (None, project.headers()):
        page = browser_of(staff, headers).get("/admin/")

        assert 200 == page.status_code
        assert "Site administration" in page.content.decode()
    assert 0 == project.fetches()


def test_admin_does_not_know_users_of_clerk(project: Project) -> None:
    """They are sent to its login page, and no key is fetched."""
    page = project.browser().get("/admin/")

    assert (302, "/admin/login/?next=/admin/") == (page.status_code, page["Location"])
    assert 200 == project.browser().get("/admin/login/").status_code
    assert 0 == project.fetches()


def test_admin_works_in_an_outage(project: Project, staff: User) -> None:
    """Nothing of it depends on Clerk."""
    project.fake.trouble.outage()

    assert 200 == browser_of(staff, project.headers()).get("/admin/auth/user/").status_code


def test_middleware_that_asks_before_the_view_is_chosen(project: Project, staff: User) -> None:
    """It is told the same user as the admin."""
    curious = "tests.django.test_outages.curious"
    with override_settings(MIDDLEWARE=[*django_settings.MIDDLEWARE, curious]):
        assert 200 == browser_of(staff, project.headers()).get("/admin/").status_code
        assert 404 == project.browser(raise_request_exception=False).get("/no-such-page").status_code
        assert 200 == project.browser().get("/whoami").status_code


def test_session_counts_where_nobody_is_signed_in_with_clerk(project: Project, staff: User) -> None:
    """Elsewhere than in the admin Clerk's user comes first."""
    ada = project.fake.add_user()

    assert "User True staff" == browser_of(staff).get("/whoami").content.decode()
    assert "True staff" == browser_of(staff).get("/whoami-awaited").content.decode()
    page = browser_of(staff, project.headers(user=ada)).get("/whoami")
    assert page.content.decode().endswith(f"True {ada.id}")


def test_session_in_async_code(project: Project, staff: User) -> None:
    """The awaited form tells Django's user, and the sync form after it."""
    session = browser_of(staff).cookies["sessionid"].value
    answer = project.get_awaited("/whoami-awaited", {}, {"sessionid": session})

    assert "True staff" == answer.content.decode()


def test_login_of_the_project_counts(project: Project, staff: User) -> None:
    """What Django's login() assigns is the user from then on."""
    page = project.browser().get("/sign-in-staff")

    assert "staff" == page.content.decode()
