"""`claims.has()`: Clerk's truth table, case by case as data, and what holds whatever is asked of whatever token."""

from __future__ import annotations

import copy
import decimal
import enum
import functools
import json
import pickle
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clerk_ext import Clerk, SessionClaims
from clerk_ext.testing import FakeClerk
from clerk_ext.tokens.authorization import NOT_ASKED, PRESETS
from tests.verifier.bench import Bench
from tests.worlds import Clock

if TYPE_CHECKING:
    from collections.abc import Mapping

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "has.json"
ISSUED: Final = 1_767_225_600


@attrs.frozen(kw_only=True)
class Case:
    """A row of the truth table.

    Attributes:
        rule: The rule that decides.
        why: What it shows.
        claims: Claims beside the required ones.
        ask: The arguments.
        after: Seconds since the token was issued.
        expect: What it says.
    """

    rule: str
    why: str
    claims: Mapping[str, Any]
    ask: Mapping[str, Any]
    after: float = 0
    expect: bool


CASES: Final = [Case(**case) for case in json.loads(VECTORS.read_text("utf-8"))["cases"]]
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{number}: {case.rule}" for number, case in enumerate(CASES)])


def claims(more: Mapping[str, Any], after: float = 0) -> SessionClaims:
    """Claims of a token that was issued so many seconds ago."""
    required = {"sub": "user_1", "sid": "sess_1", "iss": "https://a.example", "iat": ISSUED, "exp": ISSUED + 60}
    return SessionClaims("acme", {**required, **more}, lambda: ISSUED + after)


@each_case
def test_truth_table(case: Case) -> None:
    """Each row, on claims made by hand."""
    assert case.expect is claims(case.claims, case.after).has(**case.ask), case.why


@functools.cache
def verifying() -> tuple[Clock, Bench, Clerk]:
    """A clock, an instance, and a client that has its key."""
    clock = Clock()
    bench = Bench.of(FakeClerk("acme", clock=clock.time), clock)
    return clock, bench, Clerk(bench.fake.config(jwt_key=bench.fake.public_key_pem(), clock_skew=300))


@pytest.mark.parametrize("case", [case for case in CASES if "sub" not in case.claims], ids=lambda case: case.rule)
def test_truth_table_on_verified_tokens(case: Case) -> None:
    """Each row that a token can have, on a token that was signed and verified, at first sight and again."""
    clock, bench, clerk = verifying()
    clock.unix = ISSUED
    token = bench.token(exp=ISSUED + 100_000, note=len(case.why), **case.claims)
    first, again = clerk.verify_token(token), clerk.verify_token("".join(list(token)))
    clock.unix = ISSUED + case.after

    assert (case.expect, case.expect) == (first.has(**case.ask), again.has(**case.ask)), case.why


def test_table_is_whole() -> None:
    """Each rule has rows that pass and rows that fail; no row is there twice."""
    rules = {case.rule for case in CASES if case.expect} & {case.rule for case in CASES if not case.expect}
    rows = Counter(json.dumps([case.claims, case.ask, case.after], sort_keys=True) for case in CASES)

    assert {
        "combination", "odd demands", "role", "permission", "feature", "plan", "level", "preset", "ages", "ageing",
    } == rules  # fmt: skip
    assert {"user", "version"} == {case.rule for case in CASES} - rules
    assert [] == [row for row, count in rows.items() if count > 1]


def test_presets() -> None:
    """The four presets are what Clerk says they are."""
    assert {
        "strict_mfa": {"level": "multi_factor", "afterMinutes": 10},
        "strict": {"level": "second_factor", "afterMinutes": 10},
        "moderate": {"level": "second_factor", "afterMinutes": 60},
        "lax": {"level": "second_factor", "afterMinutes": 1440},
    } == PRESETS


class Role(str, enum.Enum):  # noqa: UP042 - the older way, which formats differently
    """Names as many applications keep them."""

    ADMIN = "admin"
    OTHER = "member"


class Name(enum.StrEnum):
    """And the newer way."""

    ADMIN = "admin"
    READ = "invoices:read"
    REPORTS = "o:reports"
    STRICT = "strict"


def test_enumerations() -> None:
    """Members of str enumerations count as their texts, however they format."""
    held = claims({
        "org_id": "org_1", "org_role": "org:admin", "org_permissions": ["org:invoices:read"], "fea": "o:reports",
        "pla": "o:admin", "fva": [0, 0],
    })  # fmt: skip

    assert held.has(role=Role.ADMIN, plan=Role.ADMIN)
    assert not held.has(role=Role.OTHER)
    assert held.has(role=Name.ADMIN, permission=Name.READ, feature=Name.REPORTS, plan=Name.ADMIN)
    assert held.has(reverification=Name.STRICT)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Odd:
    """Compares with nothing."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")


ODDITIES: Final[list[Any]] = [
    None, 0, 1.5, True, b"admin", ["admin"], {"admin"}, {}, object(), Odd(), decimal.Decimal(10),
    {"level": Odd(), "afterMinutes": 10}, {"level": "first_factor", "afterMinutes": Odd()},
    {"level": "first_factor", "afterMinutes": float("nan")}, {"level": "first_factor", "afterMinutes": float("inf")},
    {"level": "first_factor", "afterMinutes": decimal.Decimal(10)},
]  # fmt: skip


@pytest.mark.parametrize("name", ["role", "permission", "feature", "plan", "reverification"])
@pytest.mark.parametrize("value", ODDITIES, ids=lambda value: type(value).__name__)
def test_odd_arguments(name: str, value: Any) -> None:
    """What JSON cannot say is denied as well."""
    held = claims({"org_id": "org_1", "org_role": "admin", "fea": "o:None", "pla": "o:None", "fva": [0, 0]})

    assert False is held.has(**{name: value})


@pytest.mark.parametrize("issued", [None, "1767225600", True, 10**400, -1, float("nan"), [], {}], ids=str)
def test_without_moment_of_issue(issued: object) -> None:
    """Claims made by hand that do not say when they were issued prove nothing fresh."""
    assert not claims({"iat": issued, "fva": [0, 0]}).has(reverification="lax")


def test_copies() -> None:
    """Copies say the same; out of a pickle they go by the clock of whoever reads it."""
    held = claims({"org_id": "org_1", "org_role": "admin", "fva": [0, 0]})

    for twin in (copy.copy(held), copy.deepcopy(held), pickle.loads(pickle.dumps(held))):
        assert twin.has(role="admin")
    assert held.has(reverification="lax")
    assert copy.deepcopy(held).has(reverification="lax")


def test_left_out() -> None:
    """What is left out is one value, which shows as what it is and survives a pickle."""
    assert "NOT_ASKED" == repr(NOT_ASKED)
    assert pickle.loads(pickle.dumps(NOT_ASKED)) is NOT_ASKED
    assert claims({"org_id": "org_1", "org_role": "admin"}).has(role="admin", plan=NOT_ASKED)


# --- whatever is asked


_WORDS = st.sampled_from(
    ["", ":", "admin", "org:admin", "org:", "o:a", "u:a", "ou:a", "a", "org:a:b", "user:a", "x:a", "a,b", "o:a,u:b",
     "strict", "lax", "o:a,", "org:a:read", "a:read", "read", "1", "3", "0"]
)  # fmt: skip
_NUMBERS = st.one_of(st.sampled_from([-1, 0, 1, 5, 10, -1.0, 1e308, 10**400, True]), st.floats(), st.integers())
_LEAVES = st.one_of(st.none(), st.booleans(), _NUMBERS, _WORDS, st.text(max_size=5))
_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
_DEMAND = st.one_of(
    _ANYTHING,
    _WORDS,
    st.sampled_from([*PRESETS]),
    st.fixed_dictionaries(
        {"level": st.sampled_from(["first_factor", "second_factor", "multi_factor", "x"]), "afterMinutes": _NUMBERS}
    ),
)
_NAMES = ["role", "permission", "feature", "plan", "reverification"]
_ASKED = st.dictionaries(st.sampled_from(_NAMES), _DEMAND)
_CLAIMS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "v": st.one_of(st.just(2), _ANYTHING),
        "o": st.one_of(
            _ANYTHING,
            st.fixed_dictionaries(
                {}, optional={name: st.one_of(_WORDS, _ANYTHING) for name in ("id", "rol", "per", "fpm", "slg")}
            ),
        ),
        "org_id": st.one_of(st.just("org_1"), _ANYTHING),
        "org_role": st.one_of(_WORDS, _ANYTHING),
        "org_permissions": st.one_of(st.lists(_WORDS, max_size=3), _ANYTHING),
        "fea": st.one_of(_WORDS, _ANYTHING),
        "pla": st.one_of(_WORDS, _ANYTHING),
        "fva": st.one_of(st.tuples(_NUMBERS, _NUMBERS).map(list), _ANYTHING),
        "iat": st.one_of(st.just(ISSUED), _ANYTHING),
        "sub": st.one_of(st.just("user_1"), _ANYTHING),
    },
)


@given(held=_CLAIMS, asked=_ASKED, after=st.floats(-1e6, 1e6))
@example({"fva": [0, -1]}, {"reverification": {"level": "first_factor", "afterMinutes": 10**400}}, 0.0)
@example({"fva": [0, 0], "iat": 10**400}, {"reverification": "lax"}, 0.0)
def test_never_raises(held: dict[str, Any], asked: dict[str, Any], after: float) -> None:
    """Any claims and any arguments get a plain yes or no."""
    assert type(claims(held, after).has(**asked)) is bool


@given(held=_CLAIMS)
def test_nothing_asked(held: dict[str, Any]) -> None:
    """Whatever the token has, nothing asked is denied."""
    assert False is claims(held).has()
    assert False is claims(held).has(role=NOT_ASKED, reverification=NOT_ASKED)


@given(held=_CLAIMS, asked=_ASKED, name=st.sampled_from(_NAMES), demand=_DEMAND, after=st.floats(0, 1e5))
@example({"org_id": "o", "org_role": "admin"}, {"role": "org:admin"}, "plan", "a", 0.0)
@example({"org_id": "o", "org_role": "admin", "pla": "o:a"}, {"role": "org:admin"}, "plan", "a", 0.0)
def test_more_demands_never_help(
    held: dict[str, Any], asked: dict[str, Any], name: str, demand: Any, after: float
) -> None:
    """All together are met exactly where each is by itself, so that one more never turns a no into a yes."""
    read = claims(held, after)
    together = {**asked, name: demand}

    assert all(read.has(**{one: value}) for one, value in together.items()) is read.has(**together)
    if read.has(**together) and asked:
        assert read.has(**asked)


@given(held=_CLAIMS, demand=_DEMAND, after=st.floats(0, 1e5), more=st.floats(0, 1e5))
def test_nothing_grows_fresher(held: dict[str, Any], demand: Any, after: float, more: float) -> None:
    """What is not fresh enough does not become so by waiting."""
    if claims(held, after + more).has(reverification=demand):
        assert claims(held, after).has(reverification=demand)
