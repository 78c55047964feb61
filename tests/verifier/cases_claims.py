"""Steps 5 to 9 of the trust policy: the payload, its claims, the session's state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from clerk_ext import Reason

from .bench import APP, REMOVE, TEMPLATE_CAT, Bench, Case, nested

if TYPE_CHECKING:
    from collections.abc import Callable

API: Final = "https://api.example.com"
LAST: Final = 253_402_300_799
NOT_TEXTS: Final[dict[str, object]] = {
    "null": None,
    "number": 5,
    "true": True,
    "list": ["user_1"],
    "object": {"id": "user_1"},
}
NOT_TIMES: Final[dict[str, object]] = {
    "null": None,
    "true": True,
    "string": "1767225660",
    "list": [1_767_225_660],
    "object": {},
    "negative": -1,
    "just negative": -0.5,
    "a second too far": LAST + 1,
    "half a second too far": LAST + 0.5,
    "huge": 10**400,
    "huge float": 1e300,
}


def raw(change: Callable[[str], str | bytes]) -> Callable[[Bench], str]:
    """A token, well signed, whose payload's JSON was changed."""

    def make(bench: Bench) -> str:
        changed = change(json.dumps(bench.claims()))
        return bench.payload(changed if isinstance(changed, bytes) else changed.encode())

    return make


def more(members: str) -> Callable[[Bench], str]:
    """A token, well signed, whose payload has these members behind the others, as they are spelt."""
    return raw(lambda payload: f"{payload[:-1]}, {members}}}")


def claims(**changes: Any) -> Callable[[Bench], str]:
    """A token with these claims."""
    return lambda bench: bench.token(**changes)


def at(**offsets: Any) -> Callable[[Bench], str]:
    """A token whose times are so many seconds from now."""
    return lambda bench: bench.token(**{name: bench.now + seconds for name, seconds in offsets.items()})


def _array(levels: int) -> Callable[[Bench], str]:
    """A token whose payload is nested so deeply, the payload itself counted."""
    return more(f'"x": {nested(levels - 1).decode()}')


_INVALID, _FAILED = Reason.TOKEN_INVALID, Reason.TOKEN_VERIFICATION_FAILED
_SID, _ISSUER, _AUD = Reason.TOKEN_INVALID_SESSION_ID, Reason.TOKEN_INVALID_ISSUER, Reason.TOKEN_INVALID_AUDIENCE
_AZP, _TYPE = Reason.TOKEN_INVALID_AUTHORIZED_PARTIES, Reason.TOKEN_TYPE_MISMATCH

PAYLOAD: Final = [
    Case(5, "blanks", "White space of JSON is fine.", raw(lambda p: f"\n {p}\t\r\n")),
    Case(5, "other scripts", "So is any script.", more('"name": "Ωλ \\ud83d\\ude00 é"')),
    Case(5, "large numbers", "So are large finite numbers.", more('"x": 1e308, "y": 123456789012345678901234567890')),
    Case(5, "same member, other object", "And a name in two objects.", more('"x": {"y": 1}, "z": {"y": 1}')),
    Case(5, "32 levels", "32 levels are fine.", _array(32)),
    Case(5, "32 levels and more", "Another array beside them too.", more(f'"x": {nested(31).decode()}, "y": []')),
    Case(5, "brackets in strings", "Brackets in strings are none.", more(f'"x": "\\\\\\"{"[" * 99}"')),
    Case(5, "many arrays", "Many arrays that do not nest are fine.", more(f'"x": [{",".join(["[]"] * 99)}]')),
    Case(5, "33 levels", "33 levels are too many.", _array(33), _INVALID),
    Case(5, "33 objects", "Of objects too.", more('"x": ' + '{"x":' * 32 + "1" + "}" * 32), _INVALID),
    Case(5, "10,000 levels", "The deepest that fits.", lambda b: b.payload(nested(5_800)), _INVALID),
    Case(5, "10,000 open", "The same, never closed.", lambda b: b.payload(b"[" * 11_000), _INVALID),
    Case(5, "empty payload", "Nothing.", lambda b: b.payload(b""), _INVALID),
    Case(5, "no JSON", "No JSON.", lambda b: b.payload(b"sub=user_1"), _INVALID),
    Case(5, "array", "An array.", raw(lambda p: f"[{p}]"), _INVALID),
    Case(5, "string", "A string.", raw(json.dumps), _INVALID),
    Case(5, "number", "A number.", lambda b: b.payload(b"1"), _INVALID),
    Case(5, "null", "null.", lambda b: b.payload(b"null"), _INVALID),
    Case(5, "cut", "Cut JSON.", raw(lambda p: p[:-1]), _INVALID),
    Case(5, "tail", "More behind it.", raw(lambda p: f"{p}x"), _INVALID),
    Case(5, "two objects", "A second object.", raw(lambda p: p + p), _INVALID),
    Case(5, "comma at the end", "A comma too many.", raw(lambda p: f"{p[:-1]},}}"), _INVALID),
    Case(5, "comment", "A comment.", raw(lambda p: f"{p}//"), _INVALID),
    Case(5, "single quotes", "Python is no JSON.", raw(lambda p: p.replace('"', "'")), _INVALID),
    Case(5, "control character", "A raw newline in a string.", more('"x": "\n"'), _INVALID),
    Case(5, "BOM", "A byte order mark.", raw(lambda p: f"\ufeff{p}"), _INVALID),
    Case(5, "UTF-16", "Another encoding.", raw(lambda p: p.encode("utf-16")), _INVALID),
    Case(5, "UTF-16LE", "The same, unmarked.", raw(lambda p: p.encode("utf-16-le")), _INVALID),
    Case(5, "UTF-32", "Another still.", raw(lambda p: p.encode("utf-32")), _INVALID),
    Case(5, "Latin-1", "No UTF-8.", raw(lambda p: f'{p[:-1]}, "x": "é"}}'.encode("latin-1")), _INVALID),
    Case(
        5,
        "surrogate in UTF-8",
        "A surrogate, encoded.",
        raw(lambda p: p.encode()[:-1] + b',"x":"\xed\xa0\x80"}'),
        _INVALID,
    ),
    Case(5, "overlong", "An overlong form.", raw(lambda p: p.encode()[:-1] + b',"x":"\xc0\xaf"}'), _INVALID),
    Case(5, "NaN", "NaN is no JSON.", more('"x": NaN'), _INVALID),
    Case(5, "Infinity", "Nor is Infinity.", more('"x": Infinity'), _INVALID),
    Case(5, "-Infinity", "Nor the other one.", more('"x": -Infinity'), _INVALID),
    Case(5, "1e999", "Infinity in disguise.", more('"x": 1e999'), _INVALID),
    Case(5, "-1e999", "And the other one.", more('"x": [-1e999]'), _INVALID),
    Case(5, "5000 digits", "More digits than Python reads.", more(f'"x": {"9" * 5_000}'), _INVALID),
    Case(5, "sub twice", "The second sub.", more('"sub": "user_2"'), _INVALID),
    Case(5, "sub twice, escaped", "The same in disguise.", more('"\\u0073ub": "user_2"'), _INVALID),
    Case(
        5, "sub twice, the same", "Even with one value.", lambda b: more(f'"sub": "{b.session.user.id}"')(b), _INVALID
    ),
    Case(5, "twice within", "Twice within an object.", more('"act": {"sub": "user_2", "sub": "user_3"}'), _INVALID),
    Case(5, "twice within an array", "Twice deeper within.", more('"x": [[{"y": 1, "y": 2}]]'), _INVALID),
    Case(5, "payload before claims", "JSON is looked at before claims.", more('"x": NaN, "exp": 0'), _INVALID),
]

NAMES: Final = [
    *(
        Case(6, f"sub {kind}", "The user's id is a text.", claims(sub=value), _FAILED)
        for kind, value in NOT_TEXTS.items()
    ),
    Case(6, "sub absent", "It must be there.", claims(sub=REMOVE), _FAILED),
    Case(6, "sub empty", "And say something.", claims(sub=""), _FAILED),
    Case(6, "sub of any form", "Imported users have ids of any form.", claims(sub="Ωλ 1")),
    Case(6, "sub machine", "A machine is no user.", claims(sub="mch_2x"), _TYPE),
    Case(6, "sub almost machine", "A user may be called so.", claims(sub="mch")),
    *(
        Case(6, f"sid {kind}", "The session's id is a text.", claims(sid=value), _SID)
        for kind, value in NOT_TEXTS.items()
    ),
    Case(6, "sid absent", "It must be there.", claims(sid=REMOVE), _SID),
    Case(6, "sid empty", "And say something.", claims(sid=""), _SID),
    *(Case(6, f"iss {kind}", "The issuer is a text.", claims(iss=value), _ISSUER) for kind, value in NOT_TEXTS.items()),
    Case(6, "iss absent", "It must be there.", claims(iss=REMOVE), _ISSUER),
    Case(6, "iss empty", "And say something.", claims(iss=""), _ISSUER),
    Case(6, "iss other", "Another instance's.", lambda b: b.token(iss=b.other.issuer), _ISSUER),
    Case(6, "iss with slash", "An issuer has one spelling.", lambda b: b.token(iss=f"{b.fake.issuer}/"), _ISSUER),
    Case(6, "iss upper case", "In one case.", lambda b: b.token(iss=b.fake.issuer.upper()), _ISSUER),
    Case(6, "iss host", "With its scheme.", lambda b: b.token(iss=b.fake.frontend_api), _ISSUER),
    Case(6, "iss http", "Which is https.", lambda b: b.token(iss=f"http://{b.fake.frontend_api}"), _ISSUER),
    Case(6, "iss begins alike", "In whole.", lambda b: b.token(iss=f"{b.fake.issuer}.evil.example"), _ISSUER),
    Case(
        6, "iss list of ours", "It is no list, even of the right one.", lambda b: b.token(iss=[b.fake.issuer]), _ISSUER
    ),
    Case(
        6,
        "iss of several",
        "Where several are configured, each will do.",
        claims(iss="https://b.example"),
        settings={"issuer": ["https://a.example", "https://b.example"]},
    ),
    Case(
        6,
        "iss not of several",
        "And no other.",
        lambda b: b.token(),
        _ISSUER,
        settings={"issuer": ["https://a.example", "https://b.example"]},
    ),
    Case(
        6,
        "iss not known",
        "With a secret key alone no issuer is known: any is taken,",
        claims(iss="https://any.example"),
        settings={"publishable_key": None},
    ),
    Case(6, "iss not known, absent", "but one.", claims(iss=REMOVE), _ISSUER, settings={"publishable_key": None}),
]


def _audiences(value: object, name: str, reason: Reason | None = _AUD, *, audience: Any = API) -> Case:
    why = "An audience is configured: the token must name one of it, and nothing but texts."
    return Case(6, f"aud {name}", why, claims(aud=value), reason, settings={"audience": audience})


def _parties(value: object, name: str, reason: Reason | None = _AZP, *, allow_missing_azp: bool = False) -> Case:
    why = "Parties are configured: the token must come from one of them."
    settings = {"authorized_parties": [APP, "https://b.example"], "allow_missing_azp": allow_missing_azp}
    return Case(6, f"azp {name}", why, claims(azp=value), reason, settings=settings)


PARTIES: Final = [
    Case(6, "aud not configured", "No audience is configured: none is taken.", claims(aud=API), _AUD),
    Case(6, "aud null not configured", "Not even null.", claims(aud=None), _AUD),
    Case(6, "aud empty not configured", "Not even no one.", claims(aud=[]), _AUD),
    _audiences(API, "matching", None),
    _audiences([API], "matching in list", None),
    _audiences(["x", API, "y"], "matching among others", None),
    _audiences("y", "matching one of several", None, audience=["x", "y"]),
    _audiences(REMOVE, "absent"),
    _audiences("https://other.example", "other"),
    _audiences(f"{API}/", "almost"),
    _audiences([], "no one"),
    _audiences("", "empty"),
    _audiences(["x", "y"], "list of others"),
    _audiences([API, 5], "matching, and a number"),
    _audiences([API, None], "matching, and null"),
    _audiences([[API]], "nested"),
    _audiences([API, {"x": 1}], "matching, and an object"),
    _audiences({API: 1}, "object"),
    _audiences(None, "null"),
    _audiences(5, "number"),
    Case(6, "azp not configured", "No party is configured: any will do.", claims(azp="https://any.example")),
    _parties(APP, "matching", None),
    _parties("https://b.example", "second", None),
    _parties(REMOVE, "absent"),
    _parties(REMOVE, "absent, allowed", None, allow_missing_azp=True),
    _parties("https://evil.example", "other, missing allowed", allow_missing_azp=True),
    _parties(None, "null, missing allowed", allow_missing_azp=True),
    _parties("", "empty, missing allowed", allow_missing_azp=True),
    _parties("https://evil.example", "other"),
    _parties(f"{APP}/", "with slash"),
    _parties(APP.upper(), "upper case"),
    _parties(f"{APP}.evil.example", "begins alike"),
    _parties("null", "of no origin"),
    _parties([APP], "list"),
    _parties(5, "number"),
    _parties({APP: 1}, "object"),
]

TIMES: Final = [
    *(
        Case(7, f"{name} {kind}", f"{name} is a time in Unix seconds.", claims(**{name: value}), _FAILED)
        for name in ("exp", "iat", "nbf")
        for kind, value in NOT_TIMES.items()
    ),
    Case(
        5, "exp NaN", "NaN is no time, nor JSON.", raw(lambda p: p.replace('"exp": 1', '"exp": NaN, "x": 1')), _INVALID
    ),
    Case(7, "exp absent", "A token must end.", claims(exp=REMOVE), _FAILED),
    Case(7, "iat absent", "And have begun.", claims(iat=REMOVE), _FAILED),
    Case(7, "nbf absent", "nbf may be left out.", claims(nbf=REMOVE)),
    Case(7, "floats", "Fractions of seconds are fine.", at(exp=0.5, iat=-0.5, nbf=-0.5)),
    Case(7, "exp last second", "A datetime's last second is fine.", claims(exp=LAST)),
    Case(7, "exp last second, float", "As a float too.", claims(exp=float(LAST))),
    Case(7, "nbf zero", "So is the first one.", claims(nbf=0, iat=0)),
    Case(7, "exp zero", "A time, but past.", claims(exp=0), Reason.TOKEN_EXPIRED),
    Case(7, "exp just within", "Within the skew of 5 s.", at(exp=-4.999)),
    Case(7, "exp at the border", "Exactly the skew ago is over.", at(exp=-5), Reason.TOKEN_EXPIRED),
    Case(
        7,
        "exp without skew",
        "Without a skew now is over.",
        at(exp=0),
        Reason.TOKEN_EXPIRED,
        settings={"clock_skew": 0},
    ),
    Case(7, "exp without skew, later", "A moment later is not.", at(exp=0.001), settings={"clock_skew": 0}),
    Case(7, "exp with the widest skew", "Five minutes of skew.", at(exp=-299.9), settings={"clock_skew": 300}),
    Case(7, "iat at the border", "The skew ahead is fine.", at(iat=5)),
    Case(7, "iat in the future", "More is not.", at(iat=5.001), Reason.TOKEN_IAT_IN_THE_FUTURE),
    Case(7, "iat without skew", "Now is fine without a skew.", at(iat=0), settings={"clock_skew": 0}),
    Case(
        7,
        "iat ahead without skew",
        "A second ahead is not.",
        at(iat=1),
        Reason.TOKEN_IAT_IN_THE_FUTURE,
        settings={"clock_skew": 0},
    ),
    Case(7, "nbf at the border", "The skew ahead is fine.", at(nbf=5)),
    Case(7, "nbf in the future", "More is not.", at(nbf=5.001), Reason.TOKEN_NOT_ACTIVE_YET),
    Case(7, "old", "Without max_age a token may be as old as it is valid.", at(iat=-1e6)),
    Case(7, "age at the border", "max_age and the skew.", at(iat=-35), settings={"max_age": 30}),
    Case(7, "too old", "A moment more.", at(iat=-35.001), Reason.TOKEN_TOO_OLD, settings={"max_age": 30}),
    Case(7, "no age", "max_age of 0 leaves the skew.", at(iat=-5), settings={"max_age": 0}),
]

_UNKNOWN, _PENDING = Reason.SESSION_STATUS_UNKNOWN, Reason.SESSION_PENDING
STATUSES: Final = [
    Case(8, "sts absent", "Instances that do not say are fine.", claims(sts=REMOVE)),
    Case(8, "sts active", "Active sessions are fine.", claims(sts="active")),
    Case(8, "sts pending", "Pending ones are not,", claims(sts="pending"), _PENDING),
    Case(
        8, "sts pending accepted", "unless they are accepted.", claims(sts="pending"), settings={"accept_pending": True}
    ),
    *(
        Case(8, f"sts {value!r}", "Any other is not.", claims(sts=value), _UNKNOWN, settings={"accept_pending": True})
        for value in ("revoked", "Active", "PENDING", "", None, True, 1, ["active"], {"active": 1})
    ),
]

REVOCATIONS: Final = [
    Case(
        9,
        "session revoked",
        "A revoked session is over.",
        claims(),
        Reason.SESSION_REVOKED,
        prepare=lambda b: b.revocations.revoke_session(b.session.id),
    ),
    Case(
        9,
        "user revoked",
        "So is each session of a revoked user that was issued a token before.",
        at(iat=-1),
        Reason.SESSION_REVOKED,
        prepare=lambda b: b.revocations.revoke_user(b.session.user.id),
    ),
    Case(
        9,
        "user revoked before",
        "A token from after is fine.",
        at(iat=0),
        prepare=lambda b: b.revocations.revoke_user(b.session.user.id),
    ),
    Case(
        9,
        "other session revoked",
        "Other sessions are not concerned.",
        claims(),
        prepare=lambda b: b.revocations.revoke_session("sess_other"),
    ),
    Case(
        9,
        "template token of a revoked session",
        "A JWT-template token outlives its session.",
        lambda b: b.template(),
        door="template",
        prepare=lambda b: b.revocations.revoke_session(b.session.id),
    ),
]


def _at_template(step: int, name: str, why: str, reason: Reason | None = None, **changes: Any) -> Case:
    return Case(step, f"template {name}", why, lambda b: b.template(**changes), reason, door="template")


TEMPLATES: Final = [
    _at_template(6, "good", "A JWT-template token at its own door."),
    _at_template(6, "with sid", "Its class decides, even where a template names a session.", sid="sess_1"),
    _at_template(6, "without sub", "It must name its user,", _FAILED, sub=REMOVE),
    _at_template(6, "of a machine", "who is no machine,", _TYPE, sub="mch_1"),
    _at_template(6, "other iss", "its issuer,", _ISSUER, iss="https://evil.example"),
    _at_template(6, "with aud", "no audience where none is configured,", _AUD, aud=API),
    _at_template(7, "expired", "and an end that lies ahead.", Reason.TOKEN_EXPIRED, exp=1),
    _at_template(8, "pending", "It has no status that would count.", sts="pending"),
    Case(
        6,
        "template with its audience",
        "The audience that is configured is fine.",
        lambda b: b.template(aud=API),
        door="template",
        settings={"audience": API},
    ),
    Case(
        6,
        "template of no party",
        "Its party must be listed.",
        lambda b: b.template(),
        _AZP,
        door="template",
        settings={"authorized_parties": [APP]},
    ),
    Case(
        6,
        "template by the kit",
        "As the instance mints it.",
        lambda b: b.fake.template_token(b.session, "hasura"),
        door="template",
    ),
    Case(
        4,
        "template with kid of the other",
        "Other instances' are refused.",
        lambda b: b.other.sign(b.header(cat=TEMPLATE_CAT), b.claims(sid=REMOVE)),
        Reason.TOKEN_INVALID_SIGNATURE,
        door="template",
    ),
]

CASES: Final = [*PAYLOAD, *NAMES, *PARTIES, *TIMES, *STATUSES, *REVOCATIONS, *TEMPLATES]
