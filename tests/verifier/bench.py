"""Tokens made to measure, and what a case of the trust policy consists of. Shares no code with what verifies."""

from __future__ import annotations

import base64
import functools
import json
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import attrs

from clerk_ext import Revocations
from clerk_ext.testing import FakeClerk, SigningKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clerk_ext.testing import FakeSession
    from tests.worlds import Clock

Door: TypeAlias = Literal["session", "template"]

SESSION_CAT: Final = "cl_B7d4PD111AAA"
TEMPLATE_CAT: Final = "cl_B7d4PD222AAA"
MACHINE_CAT: Final = "cl_B7d4PD333AAA"
IGNORE_CAT: Final = "cl_I7d4PD111III"
APP: Final = "https://app.example.com"
MARKER: Final = "custom-claim-that-nobody-may-see"
REMOVE: Final = FakeClerk.REMOVE


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(segment: str) -> bytes:
    """The bytes of base64url without padding."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def payload_of(token: str) -> dict[str, Any]:
    """The payload of a token, as plain `json` reads it."""
    return cast("dict[str, Any]", json.loads(unb64(token.split(".")[1])))


def nested(levels: int) -> bytes:
    """So many arrays inside each other."""
    return b"[" * levels + b"]" * levels


def pem(bench: Bench) -> str:
    """The instance's key, for ``jwt_key``."""
    return bench.fake.public_key_pem()


@functools.cache
def stranger() -> SigningKey:
    """A key that no instance has."""
    return SigningKey.generate()


OWN_KID: Final = "ins_bench"
"""The ``kid`` of `own_key` in the key set of a `BenchClerk`."""


@functools.cache
def own_key() -> SigningKey:
    """A key that the bench may sign anything with."""
    return SigningKey.generate()


class BenchClerk(FakeClerk):
    """An instance whose key set also has other entries: `own_key` and whatever a test wants.

    Attributes:
        served: Those entries.
    """

    def __init__(self, slug: str, *, clock: Callable[[], float]) -> None:
        super().__init__(slug, clock=clock)
        self.served: list[dict[str, Any]] = [own_key().public_jwk(OWN_KID)]

    def jwks(self) -> dict[str, Any]:
        """The key set, ours included."""
        return {"keys": [*super().jwks()["keys"], *self.served]}


@attrs.define(eq=False)
class Bench:
    """An instance with a user and a session, another instance, and tokens of theirs with any fault."""

    clock: Clock
    fake: FakeClerk
    other: FakeClerk
    session: FakeSession
    revocations: Revocations

    @classmethod
    def of(cls, fake: FakeClerk, clock: Clock) -> Bench:
        """A bench around *fake*."""
        other = FakeClerk("globex", clock=clock.time)
        session = fake.create_session(fake.add_user())
        fake.add_template("hasura", claims={"note": MARKER}, lifetime=60)
        return cls(clock, fake, other, session, Revocations(clock=clock.time))

    @property
    def now(self) -> int:
        """Unix seconds."""
        return int(self.clock.time())

    def header(self, **members: object) -> dict[str, object]:
        """The header of a good session token, with these members instead."""
        header = {"alg": "RS256", "cat": SESSION_CAT, "kid": self.fake.kid, "typ": "JWT", **members}
        return {name: value for name, value in header.items() if value is not REMOVE}

    def claims(self, **members: object) -> dict[str, object]:
        """The payload of a good session token, with these members instead."""
        claims: dict[str, object] = {
            "exp": self.now + 60,
            "iat": self.now,
            "iss": self.fake.issuer,
            "nbf": self.now - 10,
            "note": MARKER,
            "sid": self.session.id,
            "sts": "active",
            "sub": self.session.user.id,
            **members,
        }
        return {name: value for name, value in claims.items() if value is not REMOVE}

    def token(self, *, key: SigningKey | None = None, header: Mapping[str, object] = {}, **claims: Any) -> str:
        """A session token with these claims and members of the header instead of the good ones."""
        return self.fake.sign(self.header(**header), self.claims(**claims), key=key)

    def template(self, **claims: Any) -> str:
        """A JWT-template token, likewise."""
        return self.fake.sign(self.header(cat=TEMPLATE_CAT), self.claims(**{"sid": REMOVE, "sts": REMOVE, **claims}))

    def parts(self, **claims: Any) -> list[str]:
        """The three segments of a session token."""
        return self.token(**claims).split(".")

    def payload(self, raw: bytes) -> str:
        """A token whose payload is *raw*, well signed."""
        return self.fake.sign(self.header(), raw)

    def raw_header(self, raw: bytes) -> str:
        """A token whose header is *raw*, well signed."""
        return self.fake.sign(raw, self.claims())

    def signed(
        self, header: str | None = None, payload: str | None = None, sign: Callable[[bytes], bytes] | None = None
    ) -> str:
        """A token of these two segments as they are spelt, signed by `own_key` or as *sign* does it."""
        header = b64(json.dumps(self.header(kid=OWN_KID)).encode()) if header is None else header
        payload = self.parts()[1] if payload is None else payload
        signing_input = f"{header}.{payload}"
        return f"{signing_input}.{b64((sign or own_key().sign)(signing_input.encode()))}"
