"""Django REST framework: authentication, permissions, and what its own classes make of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests import django_ready as django_ready

# isort: split
from django.contrib.auth.models import AnonymousUser
from django.test import override_settings
from django.views.decorators.cache import cache_page
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from clerk_ext.access import unavailable
from clerk_ext.django.rest_framework import ClerkAuthentication, Denied, IsSignedIn, requires
from clerk_ext.django.visits import DjangoVisit
from clerk_ext.errors import VerificationUnavailable
from clerk_ext.tokens.claims import SessionClaims

if TYPE_CHECKING:
    from rest_framework.request import Request

    from tests.django.conftest import Project


class View(APIView):
    """Says who it is."""

    authentication_classes = (ClerkAuthentication,)

    def get(self, request: Request) -> Response:
        assert request.auth is None or isinstance(request.auth, SessionClaims)
        return Response({"user": str(request.user), "is_authenticated": request.user.is_authenticated})

    post = get


def ask(
    project: Project, *permissions: Any, headers: dict[str, str] | None = None, bare: bool = False, **more: Any
) -> Any:
    """The answer of a view; somebody is signed in unless headers say otherwise."""
    request: Any = APIRequestFactory().get("/", headers=project.headers() if headers is None else headers)
    if not bare:
        DjangoVisit(request).install()
    response = View.as_view(permission_classes=permissions, **more)(request)
    response.render()
    return response


def member(project: Project, role: str) -> dict[str, str]:
    """The headers of a member of an organisation."""
    user, acme = project.fake.add_user(), project.fake.add_organization("acme")
    project.fake.add_membership(user, acme, role=role)
    return project.headers(user=user, organization=acme)


@pytest.mark.parametrize("bare", [False, True], ids=["with the middleware", "without it"])
def test_user_and_claims(project: Project, bare: bool) -> None:
    """``request.user`` is the project's, and ``request.auth`` the claims."""
    ada = project.fake.add_user()

    answer = ask(project, IsAuthenticated, headers=project.headers(user=ada), bare=bare)
    assert (200, {"user": ada.id, "is_authenticated": True}) == (answer.status_code, answer.data)


def test_nothing_brought_is_left_to_others(project: Project) -> None:
    """To other classes, or to the permissions."""
    answer = ask(project, AllowAny, headers={})

    assert {"user": str(AnonymousUser()), "is_authenticated": False} == answer.data


@pytest.mark.parametrize("permission", [IsAuthenticated, IsSignedIn, requires(role="org:admin")])
def test_nothing_brought_is_401(project: Project, permission: Any) -> None:
    """And not the 403 that the framework answers without ``authenticate_header``."""
    answer = ask(project, permission, headers={})

    assert (401, "Bearer") == (answer.status_code, answer["WWW-Authenticate"])
    if permission is not IsAuthenticated:
        assert {"detail": "Not signed in."} == answer.data


@pytest.mark.parametrize("permission", [AllowAny, IsAuthenticated, IsSignedIn])
def test_refused_token_is_401(project: Project, permission: Any) -> None:
    """Whatever the view asks for."""
    answer = ask(project, permission, headers={"Authorization": "Bearer garbage"})

    assert (401, 'Bearer error="invalid_token"') == (answer.status_code, answer["WWW-Authenticate"])
    assert {"detail": "Not signed in."} == answer.data


@pytest.mark.parametrize(
    ("permission", "classes"),
    [
        (AllowAny, [ClerkAuthentication]),
        (IsAuthenticated, [ClerkAuthentication]),
        (IsSignedIn, [ClerkAuthentication]),
        (IsSignedIn, []),
    ],
)
def test_outage_is_503(project: Project, permission: Any, classes: Any) -> None:
    """Neither 401 nor an error of the project."""
    project.fake.trouble.outage()
    answer = ask(project, permission, authentication_classes=classes)

    assert 503 == answer.status_code
    assert {"detail": "Whether you are signed in cannot be told now. Try again."} == answer.data
    assert int(answer["Retry-After"]) >= 1
    assert "WWW-Authenticate" not in answer


def test_challenge_of_another_class(project: Project) -> None:
    """The first class of the view challenges where nothing was brought."""
    answer = ask(
        project, IsAuthenticated, headers={}, authentication_classes=(BasicAuthentication, ClerkAuthentication)
    )

    assert answer["WWW-Authenticate"].startswith("Basic ")


def test_reverification_keeps_its_numbers(project: Project) -> None:
    """Clerk's frontend reads them."""
    permission = requires(reverification={"level": "first_factor", "afterMinutes": 10})
    answer = ask(project, permission, headers=project.headers(claims={"fva": [30, -1]}))

    assert 403 == answer.status_code
    metadata = answer.data["clerk_error"]["metadata"]
    assert {"reverification": {"level": "first_factor", "afterMinutes": 10}} == metadata


def test_policy_of_a_view(project: Project) -> None:
    """It holds for authentication too: the token is looked at once, and its user is the request's."""
    permission, headers = requires(policy={"accept_pending": True}), project.headers(status="pending")

    for classes in ([ClerkAuthentication], []):
        assert 200 == ask(project, permission, headers=headers, authentication_classes=classes).status_code
        assert 401 == ask(project, IsSignedIn, headers=headers, authentication_classes=classes).status_code
    assert ask(project, permission, headers=headers).data["is_authenticated"]


def test_impersonation_of_a_view(project: Project) -> None:
    """A view may refuse whoever acts as somebody else."""
    headers = project.headers(claims={"act": {"sub": "user_support"}})

    assert 403 == ask(project, requires(impersonation="refuse-all"), headers=headers).status_code
    assert 200 == ask(project, requires(impersonation="refuse"), headers=headers).status_code


def test_combined_permissions(project: Project) -> None:
    """By the framework's operators; a denial is then in its words, but for what comes first."""
    admin, member_ = requires(role="org:admin"), requires(role="org:member")
    either: Any = admin | member_
    both: Any = IsSignedIn & admin
    other: Any = ~admin

    def status(permission: Any, role: str) -> object:
        return ask(project, permission, headers=member(project, role)).status_code

    assert [200, 200, 403] == [status(either, role) for role in ("org:admin", "org:member", "org:guest")]
    assert [200, 403] == [status(both, role) for role in ("org:admin", "org:member")]
    assert [403, 200] == [status(other, role) for role in ("org:admin", "org:member")]
    assert 401 == ask(project, either, headers={}).status_code


def test_combined_permissions_in_an_outage(project: Project) -> None:
    """It is 503, and no denial of the first is turned round."""
    project.fake.trouble.outage()
    other: Any = ~requires(role="org:admin")

    assert 503 == ask(project, other, authentication_classes=()).status_code


def test_user_whom_the_project_does_not_know(project: Project) -> None:
    """They are not authenticated, though signed in with Clerk."""

    def nobody(claims: SessionClaims) -> None:
        return None

    with project.using(USER=nobody):
        assert 401 == ask(project, IsAuthenticated).status_code
        assert 200 == ask(project, AllowAny).status_code
        assert 200 == ask(project, IsSignedIn).status_code


def test_permission_that_denies_nothing_has_no_message() -> None:
    """As the framework expects of one."""
    assert getattr(IsSignedIn(), "message", "") is None


def test_denial_for_an_exception_handler() -> None:
    """A project's own may read what is refused, and why."""
    denied = Denied(unavailable(VerificationUnavailable("x", 2.5), details=True))

    assert (503, "unavailable", 3) == (denied.denial.status_code, str(denied), denied.wait)
    assert "x" == denied.detail["message"]


def test_slips_are_seen_when_the_view_is_made() -> None:
    """And not by the first user."""
    with pytest.raises(ValueError, match="permission: is empty"):
        requires(permission="")


def test_views_need_no_middleware_of_ours_but_for_headers(project: Project) -> None:
    """With it, the answer has them all; conformance is tested with it."""
    with override_settings(ROOT_URLCONF="tests.conformance.apps.django_rest"):
        answer = project.browser(signed_in=False).get("/me")

    assert ("no-store", "signed-out") == (answer["Cache-Control"], answer["x-clerk-auth-status"])
    assert {"Authorization", "Cookie", "Accept"} == set(answer["Vary"].split(", "))


def test_cached_view(project: Project) -> None:
    """Django's cache_page gives nobody what was made for somebody else."""
    cached = cache_page(60)(View.as_view(permission_classes=[IsSignedIn]))

    def get(headers: dict[str, str]) -> Any:
        request: Any = APIRequestFactory().get("/cached-rest", headers=headers)
        DjangoVisit(request).install()
        return cached(request).render()

    cookies = project.fake.sign_in().cookies
    assert 200 == get({"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}).status_code
    assert 401 == get({}).status_code


def test_objects_under_a_combination(project: Project) -> None:
    """A permission that is turned round counts for objects as for the rest."""

    class OfObjects(View):
        def get(self, request: Request) -> Response:
            self.check_object_permissions(request, object())
            return Response({})

    request: Any = APIRequestFactory().get("/", headers=project.headers())
    DjangoVisit(request).install()
    view = OfObjects.as_view(permission_classes=[~requires(role="org:admin")])

    assert 200 == view(request).status_code


def test_codes_for_an_exception_handler(project: Project) -> None:
    """What the framework's own exceptions tell, a denial tells as well."""
    denied = Denied(unavailable(VerificationUnavailable("x"), details=False))

    assert ("unavailable", "unavailable") == (denied.get_codes(), denied.get_full_details()["code"])
