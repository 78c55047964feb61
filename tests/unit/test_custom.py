"""Custom claims as the caller's own type."""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections.abc import Mapping, Sequence  # noqa: TC003 - hints are resolved when claims are read
from typing import Annotated, Any, Literal, NotRequired, Optional, Required, TypedDict, assert_type

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_ext import Reason, SessionClaims, TemplateClaims, TokenVerificationError

TIMES = {"sub": "user_1", "sid": "sess_1", "iss": "https://acme.clerk.accounts.dev", "iat": 0, "exp": 60}


class Plan(TypedDict):
    """What a customer bought."""

    name: Literal["free", "pro", 3]
    seats: NotRequired[int]


@attrs.define
class Settings:
    """Claims of an application, of every kind."""

    plan: Plan
    tags: list[str]
    scores: Sequence[float] = ()
    limits: dict[str, int] = attrs.field(factory=dict[str, int])
    extra: Mapping[str, Any] | None = None
    point: tuple[int, str] = (0, "")
    path: tuple[int, ...] = ()
    old: Optional[bool] = None  # noqa: UP045 - both spellings are understood
    noted: Annotated[str, "a note"] = ""
    anything: Any = None
    nothing: None = None
    whatever: object = None
    _private: int = 0
    made: int = attrs.field(default=7, init=False)


@dataclasses.dataclass
class Data:
    """The same as a dataclass."""

    tags: list[str]
    plan: Plan | None = None
    seen: list[int] = dataclasses.field(default_factory=list[int])
    made: int = dataclasses.field(default=7, init=False)


GOOD: dict[str, Any] = {
    "plan": {"name": "pro", "seats": 3, "unknown": 1},
    "tags": ["a", "b"],
    "scores": [1, 2.5],
    "limits": {"x": 1},
    "extra": {"deep": [1, {"a": None}]},
    "point": [1, "a"],
    "path": [1, 2],
    "old": True,
    "noted": "n",
    "anything": [1],
    "nothing": None,
    "whatever": "w",
    "_private": 5,
    "made": "not asked",
}


def claims(**custom: object) -> SessionClaims:
    """Claims with these beside Clerk's own."""
    return SessionClaims("acme", {**TIMES, **copy.deepcopy(custom)})


def test_attrs_class() -> None:
    """Each kind of field is read; fields that init leaves out and claims that no field names are left aside."""
    settings = claims(**GOOD).custom(Settings)

    assert_type(settings, Settings)
    assert {"name": "pro", "seats": 3} == settings.plan
    assert ["a", "b"] == settings.tags
    assert [1.0, 2.5] == settings.scores
    assert [float, float] == [type(score) for score in settings.scores]
    assert {"x": 1} == settings.limits
    assert {"deep": [1, {"a": None}]} == settings.extra
    assert (1, "a") == settings.point
    assert (1, 2) == settings.path
    assert settings.old is True
    assert ("n", [1], None, "w") == (settings.noted, settings.anything, settings.nothing, settings.whatever)
    assert 5 == settings._private  # pyright: ignore[reportPrivateUsage]
    assert 7 == settings.made


def test_typed_dict_and_dataclass() -> None:
    """A TypedDict gives a dict, a dataclass an instance; absent optional claims take their defaults."""
    assert {"name": "free"} == claims(name="free", seat=1).custom(Plan)
    assert Data(["x"], None, []) == claims(tags=["x"]).custom(Data)
    assert Data(["x"], {"name": 3}, [1]) == claims(tags=["x"], plan={"name": 3}, seen=[1]).custom(Data)


def test_template_claims() -> None:
    """JWT-template tokens have custom claims too."""
    template = TemplateClaims("acme", {**TIMES, "name": "pro"})

    assert {"name": "pro"} == template.custom(Plan)


def test_each_call_gives_a_new_object() -> None:
    """What one caller does to it reaches no other."""
    held = claims(**GOOD)
    first = held.custom(Settings)
    first.tags.append("c")
    first.plan["seats"] = 9

    assert ["a", "b"] == held.custom(Settings).tags
    assert 3 == held.custom(Settings).plan.get("seats")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"plan": None}, "the claim plan is not an object"),
        ({"plan": {}}, "the claim plan.name is missing"),
        ({"plan": {"name": "gold"}}, "the claim plan.name is not one of 'free', 'pro', 3"),
        ({"plan": {"name": "pro", "seats": True}}, "the claim plan.seats is not an integer"),
        ({"plan": {"name": "pro", "seats": 1.0}}, "the claim plan.seats is not an integer"),
        ({"tags": "a"}, "the claim tags is not an array"),
        ({"tags": ["a", 1]}, "the claim tags[1] is not a string"),
        ({"scores": [True]}, "the claim scores[0] is not a number"),
        ({"limits": []}, "the claim limits is not an object"),
        ({"limits": {"x": "1"}}, "the claim limits[…] is not an integer"),
        ({"extra": 1}, "the claim extra is not Mapping or NoneType"),
        ({"point": [1]}, "the claim point is not an array of 2"),
        ({"point": ["a", 1]}, "the claim point[0] is not an integer"),
        ({"path": [1, None]}, "the claim path[1] is not an integer"),
        ({"old": 0}, "the claim old is not bool or NoneType"),
        ({"noted": 1}, "the claim noted is not a string"),
        ({"nothing": 0}, "the claim nothing is not null"),
    ],
)
def test_misfit_names_the_claim(changed: dict[str, object], said: str) -> None:
    """A claim of another type is a refusal that names it and what was expected, and shows no value."""
    with pytest.raises(TokenVerificationError) as caught:
        claims(**{**GOOD, **changed}).custom(Settings)

    assert f"The token's custom claims do not fit Settings: {said}." == caught.value.message
    assert Reason.TOKEN_VERIFICATION_FAILED == caught.value.reason
    assert caught.value.__context__ is None  # the cause would show the value in tracebacks


@attrs.define
class Strict:
    """A class with a validator of its own."""

    size: int = attrs.field(validator=attrs.validators.lt(5))
    ratio: float | int | None = None


def test_validator_that_refuses() -> None:
    """A validator's error becomes a refusal, without the value that it shows."""
    with pytest.raises(TokenVerificationError) as caught:
        claims(size=777).custom(Strict)

    assert "777" not in str(caught.value)
    assert caught.value.__context__ is None


def test_union_prefers_the_very_type() -> None:
    """An integer stays one where int is among the choices."""
    read = claims(size=1, ratio=3).custom(Strict).ratio

    assert (3, int) == (read, type(read))


class Floating(TypedDict):
    """A number."""

    value: float


def test_number_too_large_for_a_float() -> None:
    """An integer that no float can hold is a misfit, not an OverflowError."""
    with pytest.raises(TokenVerificationError, match="not a number of that size"):
        claims(value=10**400).custom(Floating)


class Bare(TypedDict):
    """A generic type that does not say of what."""

    value: typing.List  # type: ignore[type-arg]  # noqa: UP006


def test_bare_generic_is_the_programmers_error() -> None:
    """Of what a list consists has to be said, or plain list written."""
    with pytest.raises(TypeError, match="say of what"):
        claims(value=[]).custom(Bare)


def test_missing_claim() -> None:
    """A claim that a field without default wants is missed by name."""
    with pytest.raises(TokenVerificationError, match="do not fit Data: the claim tags is missing"):
        claims().custom(Data)


class Optionals(TypedDict, total=False):
    """Nothing has to be there but what says so."""

    must: Required[dict]  # type: ignore[type-arg]
    may: list  # type: ignore[type-arg]


def test_totality_and_marks() -> None:
    """A TypedDict's totality counts, and the field's own mark more; bare dict and list take any object and array."""
    assert {"must": {"a": 1}} == claims(must={"a": 1}).custom(Optionals)
    with pytest.raises(TokenVerificationError, match="the claim must is missing"):
        claims(may=[1]).custom(Optionals)
    with pytest.raises(TokenVerificationError, match="the claim may is not an array"):
        claims(must={}, may={}).custom(Optionals)


class Impossible(TypedDict):
    """JSON gives no bytes."""

    tags: bytes


class ImpossibleKeys(TypedDict):
    """JSON gives no numbers as keys."""

    tags: dict[int, str]


@pytest.mark.parametrize("shape", [int, dict, "Plan", None, Impossible, ImpossibleKeys])
def test_impossible_shape_is_the_programmers_error(shape: Any) -> None:
    """A type that claims cannot fill is a TypeError, whatever the token says."""
    with pytest.raises(TypeError):
        claims(tags={"a": "b"}).custom(shape)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*GOOD, "name", "seats"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON))
def test_any_claims_fit_or_are_refused(custom: dict[str, Any]) -> None:
    """Whatever the claims are, the result is as typed or a refusal: nothing else is raised."""
    try:
        settings = claims(**custom).custom(Settings)
    except TokenVerificationError:
        return

    assert all(isinstance(tag, str) for tag in settings.tags)
    assert settings.plan["name"] in ("free", "pro", 3)
