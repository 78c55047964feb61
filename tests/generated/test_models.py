"""The generated models, each field of each by what the recorded spec says of it."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any, assert_type

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_sessions_api import UnexpectedBody, models
from clerk_sessions_api.models import (
    ErrorBody,
    JSONWebKey,
    RefreshSessionBody,
    Session,
    SessionCookies,
    SessionPage,
    SessionStatus,
    SessionToken,
)
from tests.generated.operations import BY_NAME, OBJECTS, SCHEMAS, resolved

FULL: dict[str, Any] = BY_NAME["get_session"].examples()[0]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def model(name: str) -> Any:
    """The class that was generated for a schema."""
    return getattr(models, name)


def kind(schema: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The JSON type of a property that is not null, and the schema that says so."""
    schema = resolved(schema)
    for alternative in schema.get("oneOf", []):
        if alternative.get("type") != "null":
            return kind(alternative)
    declared: Any = schema["type"]
    return declared if isinstance(declared, str) else next(name for name in declared if name != "null"), schema


def sample(schema: dict[str, Any]) -> Any:
    """A value with every described member, made from a schema alone."""
    name, schema = kind(schema)
    if name == "object":
        members = schema.get("properties", {})
        return {member: sample(described) for member, described in members.items()} or {"free": [1]}
    if name == "array":
        return [sample(schema["items"])]
    if name == "string":
        return schema.get("const") or schema.get("enum", ["text"])[0]
    return {"integer": 1_700_000_000_123, "boolean": True}[name]


PROPERTIES = [
    pytest.param(name, member, id=f"{name}.{member}") for name in OBJECTS for member in SCHEMAS[name]["properties"]
]


def field_name(name: str, member: str) -> str:
    """The attribute that a member of the JSON object becomes."""
    milliseconds = SCHEMAS[name]["properties"][member].get("x-unix-milliseconds")
    return member.replace("#", "_").lower() + ("_ms" if milliseconds else "")


@pytest.mark.parametrize("name", OBJECTS)
def test_names_are_the_apis_own(name: str) -> None:
    """A model has a field for each member, under the member's own name, and one for the rest."""
    expected = {field_name(name, member) for member in SCHEMAS[name]["properties"]}

    assert expected | {"additional_properties"} == {field.name for field in attrs.fields(model(name))}


@pytest.mark.parametrize("name", OBJECTS)
def test_round_trip(name: str) -> None:
    """An object with every member is read and written again as it was."""
    value = sample(SCHEMAS[name])
    parsed = model(name).from_dict(value)

    assert value == parsed.to_dict()
    assert {} == parsed.additional_properties


@pytest.mark.parametrize("name", OBJECTS)
def test_required_members_alone(name: str) -> None:
    """An object with nothing but its required members is read; every other field is None, never Unset."""
    required = SCHEMAS[name].get("required", [])
    value = {member: item for member, item in sample(SCHEMAS[name]).items() if member in required}
    parsed = model(name).from_dict(value)
    others = [field_name(name, member) for member in SCHEMAS[name]["properties"] if member not in required]

    assert value == parsed.to_dict()
    assert [None] * len(others) == [getattr(parsed, field) for field in others]
    assert model(name)(**{field_name(name, member): getattr(parsed, field_name(name, member)) for member in value}) == (
        parsed
    )


@pytest.mark.parametrize(("name", "member"), PROPERTIES)
def test_missing_member(name: str, member: str) -> None:
    """A missing member raises by its name if it is required, and is None if it is not."""
    value = sample(SCHEMAS[name])
    del value[member]

    if member in SCHEMAS[name].get("required", []):
        with pytest.raises(UnexpectedBody) as caught:
            model(name).from_dict(value)
        assert (f"{name}.{member}", "a value") == (caught.value.field, caught.value.expected)
    else:
        assert getattr(model(name).from_dict(value), field_name(name, member)) is None


@pytest.mark.parametrize(("name", "member"), PROPERTIES)
def test_null_member(name: str, member: str) -> None:
    """Null raises where a member is required, and is as good as nothing where it is not."""
    value = sample(SCHEMAS[name]) | {member: None}

    if member in SCHEMAS[name].get("required", []):
        with pytest.raises(UnexpectedBody):
            model(name).from_dict(value)
    else:
        assert getattr(model(name).from_dict(value), field_name(name, member)) is None


@pytest.mark.parametrize(("name", "member"), PROPERTIES)
def test_member_of_another_type(name: str, member: str) -> None:
    """A value of another JSON type raises by the member's name; true is no integer, and 1 not true."""
    expected, schema = kind(SCHEMAS[name]["properties"][member])
    wrong: dict[str, Any] = {"string": "zzz", "integer": 1, "boolean": True, "object": {}, "array": [], "number": 1.5}
    del wrong[expected]
    if expected == "array" and kind(schema["items"])[0] == "string":
        wrong["items"] = [1]
    if "const" in schema:
        wrong["const"] = "zzz"

    for value in wrong.values():
        with pytest.raises(UnexpectedBody) as caught:
            model(name).from_dict(sample(SCHEMAS[name]) | {member: value})
        assert "zzz" not in str(caught.value)
        if expected != "object" or not schema.get("properties"):
            assert f"{name}.{member}" == caught.value.field


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("value", [None, True, 1, "text", [], ["object", "id"]])
def test_not_an_object(name: str, value: Any) -> None:
    """Anything but a JSON object raises by the model's name."""
    with pytest.raises(UnexpectedBody, match=f"^{name}: expected an object$"):
        model(name).from_dict(value)


@given(extra=st.dictionaries(st.text(), JSON), name=st.sampled_from(OBJECTS))
def test_unknown_members_are_kept(extra: dict[str, Any], name: str) -> None:
    """Members that the spec does not describe are reachable, in their order, and are written again."""
    extra = {key: value for key, value in extra.items() if key not in SCHEMAS[name]["properties"]}
    value = sample(SCHEMAS[name]) | extra
    parsed = model(name).from_dict(value)

    assert list(extra.items()) == list(parsed.additional_properties.items())
    assert value == parsed.to_dict()


def test_unknown_members_in_place_of_missing_ones() -> None:
    """As many unknown members as there are optional ones missing are not taken for them."""
    value = {member: item for member, item in FULL.items() if member != "actor"} | {"locale": "nl"}
    parsed = Session.from_dict(value)

    assert (None, {"locale": "nl"}) == (parsed.actor, parsed.additional_properties)


def test_models_share_nothing_of_their_own() -> None:
    """Two models of one object have each their own dict of unknown members."""
    first, second = Session.from_dict(FULL), Session.from_dict(FULL)
    first.additional_properties["seen"] = True

    assert {} == second.additional_properties


@pytest.mark.parametrize("status", SCHEMAS["SessionStatus"]["enum"])
def test_known_status(status: str) -> None:
    """A status of the spec is a member of the enum, and equal to its string."""
    parsed = Session.from_dict(FULL | {"status": status})

    assert isinstance(parsed.status, SessionStatus)
    assert parsed.status == status
    assert type(parsed.to_dict()["status"]) is str


def test_unknown_status() -> None:
    """A status that the spec does not list is kept as a plain string, on the page's other sessions nothing."""
    page = SessionPage.from_dict({"data": [FULL | {"status": "paused"}, FULL], "total_count": 2})
    statuses = [session.status for session in page.data]
    assert_type(page.data[0].status, SessionStatus | str)

    assert ["paused", SessionStatus.PENDING] == statuses
    assert str is type(statuses[0])
    assert page.to_dict()["data"][0]["status"] == "paused"


def test_closed_enum() -> None:
    """A format that the spec does not list is refused: that enum is for requests, and not marked as open."""
    value = sample(SCHEMAS["RefreshSessionBody"]) | {"format": "zzz"}

    with pytest.raises(UnexpectedBody, match=r"^RefreshSessionBody\.format: expected one of token, cookie$"):
        RefreshSessionBody.from_dict(value)


@given(milliseconds=st.integers(0, 253_402_300_799_999))
def test_timestamps(milliseconds: int) -> None:
    """A timestamp is there as the number received and as an aware datetime, exact to the millisecond."""
    parsed = Session.from_dict(FULL | {"expire_at": milliseconds})
    seconds, rest = divmod(milliseconds, 1000)

    assert milliseconds == parsed.expire_at_ms
    assert datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=rest) == parsed.expire_at
    assert timedelta(0) == parsed.expire_at.utcoffset()


def test_every_timestamp_has_both_forms() -> None:
    """Each member marked as milliseconds is a number and a datetime."""
    parsed = Session.from_dict(FULL)
    marked = [name for name, schema in SCHEMAS["Session"]["properties"].items() if "x-unix-milliseconds" in schema]

    assert sorted(name for name in FULL if name.endswith("_at")) == sorted(marked)
    for name in marked:
        assert FULL[name] == getattr(parsed, f"{name}_ms")
        assert FULL[name] == getattr(parsed, name).timestamp() * 1000


@pytest.mark.parametrize("milliseconds", [10**15, 10**400, -(10**15)])
def test_timestamp_that_no_datetime_holds(milliseconds: int) -> None:
    """A number that no datetime can hold is still read; only the datetime raises."""
    parsed = Session.from_dict(FULL | {"expire_at": milliseconds})

    assert milliseconds == parsed.expire_at_ms
    with pytest.raises(OverflowError):
        _ = parsed.expire_at


def test_secrets_are_not_shown() -> None:
    """Tokens and cookies, and members that nobody described, are absent from repr; the rest is there."""
    shown = " ".join(
        repr(value)
        for value in (
            SessionToken.from_dict({"object": "token", "jwt": "secret", "refresh": "secret"}),
            SessionCookies(object="cookies", cookies=["__session=secret"]),
            RefreshSessionBody(
                expired_token="secret",
                refresh_token="secret",
                request_origin="https://app.example.com",
                request_headers={"cookie": ["secret"]},
            ),
            JSONWebKey.from_dict({"kty": "oct", "k": "secret"}),
        )
    )

    assert "secret" not in shown
    assert "https://app.example.com" in shown


def test_every_credential_of_the_spec_is_hidden() -> None:
    """Whatever the spec marks as a credential is a field without repr."""
    for name in OBJECTS:
        for member, schema in SCHEMAS[name]["properties"].items():
            field = getattr(attrs.fields(model(name)), field_name(name, member))

            assert (schema.get("format") != "password") == field.repr, f"{name}.{member}"


@pytest.mark.parametrize("name", OBJECTS)
def test_pickled_copied_compared(name: str) -> None:
    """A model can be pickled and copied, equals its copy, and no longer does once the copy changes."""
    parsed = model(name).from_dict(sample(SCHEMAS[name]) | {"unknown": [1]})
    copies = [copy.copy(parsed), copy.deepcopy(parsed), pickle.loads(pickle.dumps(parsed))]

    assert [parsed] * 3 == copies
    copies[1].additional_properties["unknown"].append(2)
    assert parsed != copies[1]


def test_free_form_objects_are_plain_dicts() -> None:
    """Objects without described members are plain dicts, and have no class."""
    parsed = Session.from_dict(FULL | {"actor": {"sub": "user_9", "more": [1]}})
    error = ErrorBody.from_dict({"errors": [], "meta": {"param_name": "limit"}})
    assert_type(parsed.actor, dict[str, Any] | None)

    assert {"sub": "user_9", "more": [1]} == parsed.actor
    assert {"param_name": "limit"} == error.meta
    assert not hasattr(models, "JSONObject")
