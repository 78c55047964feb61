"""`SessionClaims` and `TemplateClaims`: both versions of Clerk's token read the same, odd values read as absent."""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import SessionClaims, TemplateClaims

from .twins import each_twin

if TYPE_CHECKING:
    from collections.abc import Callable

BASE: Final[dict[str, Any]] = {
    "sub": "user_1",
    "sid": "sess_1",
    "iss": "https://clerk.example.com",
    "iat": 1_767_225_600,
    "exp": 1_767_225_660,
}


def claims(**more: Any) -> SessionClaims:
    """Session claims with these beside the required ones."""
    return SessionClaims("acme", {**BASE, **more})


def v2(**more: Any) -> SessionClaims:
    """The same in version 2 of the format."""
    return claims(v=2, **more)


def permissions(fea: object, per: object, fpm: object, **more: Any) -> tuple[str, ...]:
    """The permissions of a version 2 token with these three lists."""
    lists = {"per": per, "fpm": fpm}
    organization = {"id": "org_1", **{name: value for name, value in lists.items() if value is not None}, **more}
    return v2(o=organization, **({} if fea is None else {"fea": fea})).org_permissions


def utc(*moment: int) -> dt.datetime:
    """A moment in UTC."""
    year, month, day, *rest = moment
    return dt.datetime(year, month, day, *rest, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


# --- what every token says


def test_required_claims() -> None:
    """Who, where from, and when, typed."""
    read = claims()

    assert ("acme", "user_1", "sess_1") == (read.tenant, read.user_id, read.session_id)
    assert "https://clerk.example.com" == read.issuer
    assert utc(2026, 1, 1) == read.issued_at
    assert utc(2026, 1, 1, 0, 1) == read.expires_at
    assert (dt.UTC, dt.UTC) == (read.issued_at.tzinfo, read.expires_at.tzinfo)


def test_optional_claims() -> None:
    """What Clerk may add, typed."""
    read = claims(
        azp="https://app.example.com", jti="tok_1", nbf=1_767_225_590, sts="pending", fva=[3, -1], act={"sub": "user_9"}
    )

    assert "https://app.example.com" == read.authorized_party
    assert "tok_1" == read.token_id
    assert utc(2025, 12, 31, 23, 59, 50) == read.not_before
    assert "pending" == read.status
    assert [3, -1] == list(read.factor_verification_age or ())
    assert {"sub": "user_9"} == read.actor
    assert read.is_impersonated


def test_bare_token() -> None:
    """A token with nothing but the required claims."""
    read = claims()

    assert (None, None, None) == (read.authorized_party, read.token_id, read.not_before)
    assert ("active", 1) == (read.status, read.version)
    assert (None, None, None) == (read.org_id, read.org_slug, read.org_role)
    assert ((), (), (), ()) == (read.org_permissions, read.features, read.plans, read.audience)
    assert (None, None, False) == (read.factor_verification_age, read.actor, read.is_impersonated)


@pytest.mark.parametrize(
    ("seconds", "moment"),
    [
        (0, utc(1970, 1, 1)),
        (1_767_225_600.25, dt.datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=dt.UTC)),
        (253_402_300_799, utc(9999, 12, 31, 23, 59, 59)),
    ],
)
def test_times_at_the_ends_of_what_is_accepted(seconds: float, moment: dt.datetime) -> None:
    """Every time that verification lets through is a moment that Python has."""
    read = claims(iat=seconds, exp=seconds, nbf=seconds)

    assert (moment, moment, moment) == (read.issued_at, read.expires_at, read.not_before)


@pytest.mark.parametrize(
    "value", [None, True, "1767225600", [], {}, -1, 253_402_300_800, 10**400, float("inf")], ids=repr
)
def test_odd_not_before(value: object) -> None:
    """A start of validity that is no time reads as absent."""
    assert None is claims(nbf=value).not_before


@pytest.mark.parametrize(
    ("value", "audience"),
    [
        ("api", ("api",)),
        (["a", "b"], ("a", "b")),
        ([], ()),
        (["a", 5, None, ["b"]], ("a",)),
        (None, ()),
        (5, ()),
        (True, ()),
        ({"a": 1}, ()),
    ],
)
def test_audience(value: object, audience: tuple[str, ...]) -> None:
    """One or several names; what is no name is left out."""
    assert audience == claims(aud=value).audience
    assert audience == TemplateClaims("acme", {**BASE, "aud": value}).audience


@pytest.mark.parametrize(
    ("value", "version"),
    [(2, 2), (1, 1), (3, 1), ("2", 1), (2.0, 1), (True, 1), (None, 1), ([2], 1), ({}, 1)],
    ids=repr,
)
def test_version(value: object, version: int) -> None:
    """The integer 2 alone is version 2."""
    assert version == claims(v=value).version


@pytest.mark.parametrize(("value", "status"), [("active", "active"), ("pending", "pending")])
def test_status(value: str, status: str) -> None:
    """The two states that verification lets through."""
    assert status == claims(sts=value).status


@pytest.mark.parametrize("name", ["azp", "jti"])
@pytest.mark.parametrize("value", ["", None, 5, True, ["x"], {"x": 1}], ids=repr)
def test_odd_texts(name: str, value: object) -> None:
    """What is no text, or an empty one, reads as absent."""
    read = claims(**{name: value})

    assert (None, None) == (read.authorized_party, read.token_id)


@pytest.mark.parametrize("value", [[0, 0], [0, -1], [-1, -1], [1.5, 2], [99999, 0]], ids=repr)
def test_factor_verification_age(value: list[float]) -> None:
    """Minutes since each factor; -1 for never."""
    assert tuple(value) == claims(fva=value).factor_verification_age


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        "0,0",
        {},
        [],
        [0],
        [0, 0, 0],
        [0, None],
        ["0", 0],
        [True, 0],
        [0, False],
        [-2, 0],
        [0, -0.5],
        [float("inf"), 0],
        [0, float("nan")],
        [10**400, 0],
        [[0], [0]],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_odd_factor_verification_age(value: object) -> None:
    """Anything but two such numbers verifies nothing."""
    assert None is claims(fva=value).factor_verification_age


@pytest.mark.parametrize(
    ("value", "actor", "impersonated"),
    [
        ({"sub": "user_9", "iss": "x"}, {"sub": "user_9", "iss": "x"}, True),
        ({}, {}, True),
        (None, None, False),
        ("user_9", None, True),
        (False, None, True),
        (0, None, True),
        ([], None, True),
    ],
    ids=repr,
)
def test_actor(value: object, actor: object, impersonated: bool) -> None:
    """An `act` of whatever form means that somebody acts as the user; absent or null means that nobody does."""
    read = claims(act=value)

    assert actor == read.actor
    assert impersonated is read.is_impersonated


# --- the organisation, version 1


def test_organization_of_version_1() -> None:
    """Version 1 spells the organisation out."""
    read = claims(
        org_id="org_1", org_slug="acme-inc", org_role="org:admin", org_permissions=["org:invoices:create", "org:x:y"]
    )

    assert ("org_1", "acme-inc", "org:admin") == (read.org_id, read.org_slug, read.org_role)
    assert ("org:invoices:create", "org:x:y") == read.org_permissions


def test_version_1_ignores_the_claims_of_version_2() -> None:
    """A version 1 token cannot get an organisation from a claim `o`, which may be a custom one there."""
    read = claims(o={"id": "org_9", "rol": "admin", "per": "a", "fpm": "1"}, fea="o:x")

    assert (None, None, ()) == (read.org_id, read.org_role, read.org_permissions)


def test_version_2_ignores_the_claims_of_version_1() -> None:
    """Nor a version 2 token from `org_id` and its kin."""
    read = v2(org_id="org_9", org_slug="x", org_role="org:admin", org_permissions=["org:x:y"])

    assert (None, None, None, ()) == (read.org_id, read.org_slug, read.org_role, read.org_permissions)


@pytest.mark.parametrize("value", [None, "", 5, ["org_1"], {}, True], ids=repr)
def test_no_organization_without_its_id(value: object) -> None:
    """Without an id there is no organisation: no slug, role or permission counts, in either version."""
    first = claims(org_id=value, org_slug="x", org_role="org:admin", org_permissions=["org:x:y"])
    second = v2(o={"id": value, "slg": "x", "rol": "admin", "per": "a", "fpm": "1"}, fea="o:x")

    for read in (first, second):
        assert (None, None, None, ()) == (read.org_id, read.org_slug, read.org_role, read.org_permissions)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([], ()),
        (None, ()),
        ("org:x:y", ()),
        ({"org:x:y": True}, ()),
        (5, ()),
        (["org:x:y", 5, None, ["org:a:b"], True], ("org:x:y",)),
    ],
    ids=repr,
)
def test_odd_permissions_of_version_1(value: object, found: tuple[str, ...]) -> None:
    """What is no list grants nothing, nor does what is no text in it."""
    assert found == claims(org_id="org_1", org_permissions=value).org_permissions


# --- the organisation, version 2


def test_organization_of_version_2() -> None:
    """The worked example of Clerk's compact form: role, permissions and features spelt out."""
    read = v2(
        fea="o:invoices,u:beta,uo:reports",
        o={"id": "org_1", "slg": "acme-inc", "rol": "clerk", "per": "approve,export,view", "fpm": "5,0,6"},
    )

    assert ("org_1", "acme-inc", "org:clerk") == (read.org_id, read.org_slug, read.org_role)
    assert (
        "org:invoices:approve",
        "org:invoices:view",
        "org:reports:export",
        "org:reports:view",
    ) == read.org_permissions
    assert ("o:invoices", "u:beta", "uo:reports") == read.features


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("admin", "org:admin"),
        ("org:admin", "org:admin"),
        ("org:org:admin", "org:admin"),
        ("billing:admin", "org:billing:admin"),
        ("", None),
        ("org:", None),
        ("org:org:", None),
        (None, None),
        (5, None),
        (["admin"], None),
    ],
    ids=repr,
)
def test_role_has_one_prefix(role: object, expected: str | None) -> None:
    """However a role is written, it is read with one ``org:``, in both versions."""
    assert expected == claims(org_id="org_1", org_role=role).org_role
    assert expected == v2(o={"id": "org_1", "rol": role}).org_role


@pytest.mark.parametrize("value", [None, [], "org_1", 5, True, ["id", "org_1"]], ids=repr)
def test_organization_that_is_no_object(value: object) -> None:
    """An `o` of another type is none."""
    assert None is v2(o=value).org_id


FULL_HOUSE: Final = 2**200 - 1

PERMISSIONS: Final[dict[str, tuple[object, object, object, tuple[str, ...]]]] = {
    # Both readings agree.
    "one": ("o:a", "read", "1", ("org:a:read",)),
    "none set": ("o:a", "read", "0", ()),
    "bits count from the least": ("o:a", "p,q,r", "4", ("org:a:r",)),
    "features pair with masks by place": ("o:a,o:b", "p,q", "1,2", ("org:a:p", "org:b:q")),
    "fewer masks than features": ("o:a,o:b", "p", "1", ("org:a:p",)),
    "user feature behind": ("o:a,u:b", "p", "1", ("org:a:p",)),
    "user feature behind, with its zero": ("o:a,u:b", "p", "1,0", ("org:a:p",)),
    "both scopes": ("ou:a,uo:b", "p", "1,1", ("org:a:p", "org:b:p")),
    "spaces": (" o:a , o:b ", " p , q ", " 1 , 2 ", ("org:a:p", "org:b:q")),
    "bits beyond the names": ("o:a", "p", "7", ("org:a:p",)),
    "all bits of a great mask": ("o:a", "p,q", str(FULL_HOUSE), ("org:a:p", "org:a:q")),
    "bit 70": ("o:a", ",".join(f"p{bit}" for bit in range(71)), str(2**70), ("org:a:p70",)),
    "leading zeros": ("o:a", "p", "0001", ("org:a:p",)),
    "the same feature twice": ("o:a,o:a", "p,q", "1,3", ("org:a:p", "org:a:q")),
    # Only the reading of the whole list is possible: more masks than organisation features.
    "whole list alone": ("u:x,o:a", "p", "0,1", ("org:a:p",)),
    "whole list alone, in the middle": ("o:a,u:x,o:b", "p,q", "1,0,2", ("org:a:p", "org:b:q")),
    # Only the reading of the organisation's features is possible: a mask other than zero at a user's place.
    "organisation list alone": ("u:x,o:a", "p", "1", ("org:a:p",)),
    "organisation list alone, in the middle": ("o:a,u:x,o:b", "p,q", "1,2", ("org:a:p", "org:b:q")),
    # Both are possible and say different things: what both say.
    "they disagree": ("u:x,o:a,o:b", "p,q", "0,1", ()),
    "they agree in part": ("u:x,o:a,o:b", "p,q", "0,3", ()),
    "they share a bit": ("u:x,o:a,o:b,o:c", "p,q,r", "0,3,1", ("org:b:p",)),
    # Neither is possible.
    "more masks than features": ("o:a", "p", "1,1", ()),
    "masks for a user's feature, and too many": ("u:x,o:a", "p", "1,1", ()),
    "user features alone": ("u:x", "p", "1", ()),
    "user features alone, with zero": ("u:x", "p", "0", ()),
    # Odd scopes are no organisation's: they take their place in the list and grant nothing.
    "unknown scope": ("x:a,o:b", "p", "1,1", ("org:b:p",)),
    "scope of several letters": ("org:a", "p", "1", ()),
    "scope in capitals": ("O:a", "p", "1", ()),
    "no scope": (":a", "p", "1", ()),
    # An element that cannot be read spoils the list.
    "no colon": ("o:a,b", "p", "1", ()),
    "empty feature": ("o:a,,o:b", "p", "1,0,1", ()),
    "final comma of features": ("o:a,", "p", "1", ()),
    "no name": ("o:", "p", "1", ()),
    # A mask that is no decimal grants nothing, to its own feature.
    "hexadecimal": ("o:a,o:b", "p", "0x1,1", ("org:b:p",)),
    "negative": ("o:a,o:b", "p", "-1,1", ("org:b:p",)),
    "signed": ("o:a,o:b", "p", "+1,1", ("org:b:p",)),
    "underscore": ("o:a,o:b", "p", "1_1,1", ("org:b:p",)),
    "float": ("o:a,o:b", "p", "1.0,1", ("org:b:p",)),
    "exponent": ("o:a,o:b", "p", "1e3,1", ("org:b:p",)),
    "Arabic digits": ("o:a,o:b", "p", "١,1", ("org:b:p",)),
    "superscript": ("o:a,o:b", "p", "¹,1", ("org:b:p",)),
    "empty mask": ("o:a,o:b", "p", ",1", ("org:b:p",)),
    "more digits than int() takes": ("o:a,o:b", "p", f"{'1' * 5000},1", ("org:b:p",)),
    "no name for a bit": ("o:a", ",q", "3", ("org:a:q",)),
    # Missing or of another type.
    "no fea": (None, "p", "1", ()),
    "no per": ("o:a", None, "1", ()),
    "no fpm": ("o:a", "p", None, ()),
    "empty fea": ("", "p", "1", ()),
    "empty per": ("o:a", "", "1", ()),
    "empty fpm": ("o:a", "p", "", ()),
    "blank fpm": ("o:a", "p", " ", ()),
    "fea a list": (["o:a"], "p", "1", ()),
    "per a list": ("o:a", ["p"], "1", ()),
    "fpm a number": ("o:a", "p", 1, ()),
    "fpm a list": ("o:a", "p", [1], ()),
    "all objects": ({}, {}, {}, ()),
}


@pytest.mark.parametrize("case", PERMISSIONS)
def test_permissions_of_version_2(case: str) -> None:
    """The two published readings of the masks: what the token refutes is dropped, what is left must agree."""
    fea, per, fpm, expected = PERMISSIONS[case]

    assert expected == permissions(fea, per, fpm)


def _reading(features: list[tuple[str, str]], masks: list[int], names: list[str]) -> set[str]:
    """One reading, straight from its definition."""
    return {
        f"org:{feature}:{name}"
        for (scope, feature), mask in zip(features, masks, strict=False)
        if "o" in scope
        for bit, name in enumerate(names)
        if mask & (1 << bit)
    }


@given(
    scopes=st.lists(st.sampled_from(["o", "u", "ou", "uo"]), min_size=1, max_size=6),
    masks=st.lists(st.integers(0, 15), min_size=1, max_size=7),
    names=st.lists(st.sampled_from("pqrs"), min_size=1, max_size=4, unique=True),
)
@example(["u", "o"], [0], ["p"])
@example(["u", "o", "o"], [0, 1], ["p"])
def test_permissions_are_what_every_possible_reading_grants(
    scopes: list[str], masks: list[int], names: list[str]
) -> None:
    """An account of the two readings that shares no code: they are intersected where both are possible."""
    features = [(scope, f"f{place}") for place, scope in enumerate(scopes)]
    ours = [feature for feature in features if feature[0] != "u"]
    possible: list[set[str]] = []
    if len(masks) <= len(features) and all(
        mask == 0 for (scope, _), mask in zip(features, masks, strict=False) if scope == "u"
    ):
        possible.append(_reading(features, masks, names))
    if len(masks) <= len(ours):
        possible.append(_reading(ours, masks, names))
    expected = possible[0].intersection(*possible) if possible else set[str]()
    found = permissions(
        ",".join(f"{scope}:{name}" for scope, name in features), ",".join(names), ",".join(map(str, masks))
    )

    assert expected == set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["features", "plans"])
@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("o:a", ("o:a",)),
        ("o:a,u:b, ou:c ", ("o:a", "u:b", "ou:c")),
        ("o:a,,u:b,", ("o:a", "u:b")),
        ("", ()),
        (" ", ()),
        (",", ()),
        (None, ()),
        (5, ()),
        (["o:a"], ()),
        ({}, ()),
    ],
    ids=repr,
)
def test_features_and_plans(name: str, value: object, items: tuple[str, ...]) -> None:
    """Comma-separated lists with their scopes; other types are empty."""
    claim = {"features": "fea", "plans": "pla"}[name]

    assert items == getattr(v2(**{claim: value}), name)


# --- immutable


def whole() -> SessionClaims:
    """Claims with something mutable in many places."""
    return v2(
        aud=["api"],
        fva=[1, 2],
        act={"sub": "user_9", "chain": ["a"]},
        o={"id": "org_1", "rol": "admin", "per": "p", "fpm": "1"},
        fea="o:a",
        metadata={"roles": ["x"]},
    )


def test_frozen() -> None:
    """No attribute can be set."""
    read = whole()

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        read.tenant = "globex"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        read.user_id = "user_2"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        read.anything = 1  # type: ignore[attr-defined]


def test_raw_is_the_callers() -> None:
    """`raw` and `actor` are made anew each time: what one caller writes into them reaches no other."""
    read = whole()
    raw, actor = read.raw, read.actor
    assert actor is not None
    raw["sub"] = "user_2"
    raw["o"]["id"] = "org_2"
    raw["act"]["chain"].append("b")
    raw["metadata"]["roles"].clear()
    actor["chain"].append("c")
    actor["sub"] = "user_2"

    assert whole().raw == read.raw
    assert {"sub": "user_9", "chain": ["a"]} == read.actor
    assert ("user_1", "org_1") == (read.user_id, read.org_id)
    assert read.raw is not read.raw


def test_nothing_else_is_mutable() -> None:
    """Whatever else is handed out is a text, a number, a moment or a tuple of texts or numbers."""
    read = whole()
    plain = (str, int, float, bool, dt.datetime, type(None))
    for name in properties(SessionClaims) - {"raw", "actor"}:
        value: Any = getattr(read, name)
        items = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)

        assert all(isinstance(item, plain) for item in items), name


@each_twin
@pytest.mark.parametrize("cls", [SessionClaims, TemplateClaims])
def test_duplicates_are_equal(cls: type[SessionClaims | TemplateClaims], twin: Callable[[Any], Any]) -> None:
    """Claims can be copied and pickled; the double says the same, and shares nothing that can change."""
    read = cls("acme", whole().raw)
    other = twin(read)

    assert read == other
    assert hash(read) == hash(other)
    assert type(read) is type(other)
    assert {name: getattr(read, name) for name in properties(cls)} == {
        name: getattr(other, name) for name in properties(cls)
    }


def test_equality() -> None:
    """Claims are equal if tenant and every claim are; the two kinds never are."""
    assert claims() == claims()
    assert claims() != claims(jti="x")
    assert claims() != SessionClaims("globex", dict(BASE))
    assert claims() != cast("object", TemplateClaims("acme", dict(BASE)))
    assert 1 == len({claims(), claims()})


def test_repr() -> None:
    """`repr` says who, where and until when: nothing custom, nobody's address."""
    text = repr(whole())

    assert (
        "SessionClaims(tenant='acme', user_id='user_1', session_id='sess_1', org_id='org_1', org_role='org:admin', "
        "expires_at='2026-01-01T00:01:00+00:00')"
    ) == text
    assert "TemplateClaims(tenant='acme', user_id='user_1', expires_at='2026-01-01T00:01:00+00:00')" == repr(
        TemplateClaims("acme", whole().raw)
    )


# --- any payload at all


def properties(cls: type) -> set[str]:
    """Everything that can be read from claims."""
    return {"tenant"} | {
        name
        for base in cls.__mro__
        for name, value in vars(base).items()
        if isinstance(value, property) and name[0] != "_"
    }


_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**310),
    st.floats(),
    st.text(max_size=10),
    st.text("ou:,a01 ", max_size=12),
)
_JSON = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_OPTIONAL: Final = (
    *("aud", "azp", "jti", "nbf", "sts", "v", "fva", "act", "pla", "fea", "o", "custom"),
    *("org_id", "org_slug", "org_role", "org_permissions"),
)
_PAYLOAD = st.fixed_dictionaries(
    {
        "sub": st.text(min_size=1),
        "sid": st.text(min_size=1),
        "iss": st.text(min_size=1),
        "iat": st.integers(0, 253_402_300_799) | st.floats(0, 253_402_300_799),
        "exp": st.integers(0, 253_402_300_799) | st.floats(0, 253_402_300_799),
    },
    optional={
        **dict.fromkeys(_OPTIONAL, _JSON),
        "v": st.just(2) | _JSON,
        "fva": st.lists(_LEAF, min_size=2, max_size=2) | _JSON,
        "o": st.fixed_dictionaries(
            {"id": st.just("org_1")}, optional=dict.fromkeys(("slg", "rol", "per", "fpm"), _JSON)
        )
        | _JSON,
    },
)
_PERMISSION: Final = re.compile(r"org:.+:.+", re.DOTALL)


@given(payload=_PAYLOAD)
def test_any_payload(payload: dict[str, Any]) -> None:
    """Whatever a signed token holds beside what verification has checked, everything can be read of it."""
    read = SessionClaims("acme", payload)
    said = {name: getattr(read, name) for name in properties(SessionClaims)}

    assert {"tenant", "user_id", "org_permissions", "factor_verification_age", "raw"} <= set(said)
    assert repr(payload) == repr(read.raw)
    assert said["status"] in {"active", "pending"}
    assert said["org_role"] is None or said["org_role"].startswith("org:")
    assert said["org_id"] is not None or (None, None, ()) == (read.org_slug, read.org_role, read.org_permissions)
    assert read.version == 1 or all(_PERMISSION.fullmatch(permission) for permission in read.org_permissions)
    assert repr(read) == repr(SessionClaims("acme", json.loads(json.dumps(payload))))


def test_hashes_differ_by_token() -> None:
    """Claims of different tokens spread over a dictionary, and equal ones meet in it."""
    one, other = (SessionClaims("acme", {**BASE, "sid": sid}) for sid in ("sess_1", "sess_2"))

    assert hash(one) != hash(other)
    assert {one: 1} == {SessionClaims("acme", {**BASE, "sid": "sess_1"}): 1}
