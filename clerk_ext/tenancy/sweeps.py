"""Ending every session of some users, at one tenant or at all: the steps without I/O, their pace and their report."""

from __future__ import annotations

import inspect
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

import attrs

from clerk_ext.calls import check_ids
from clerk_ext.errors import (
    APIConnectionError,
    ClerkError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from clerk_ext.calls import Found, SessionCalls
    from clerk_ext.config import ClerkConfig
    from clerk_ext.transport import Call

Outcome: TypeAlias = Literal["revoked", "gone", "to revoke", "failed"]

_DONE: Final = frozenset({"revoked", "gone"})
_OVER: Final = frozenset({"abandoned", "ended", "expired", "removed", "replaced", "revoked"})
_PAGE_SIZE: Final = 500
_MOST_ROUNDS: Final = 10
_MOST_TRIES: Final = 5
_MOST_FAILURES: Final = 2
LONGEST_PAUSE: Final = 60.0
# Clerk allows an instance 1,000 requests in 10 s in production, 100 in development (Clerk docs, "Rate limits"). A fifth
# is left to whatever else the application asks for.
WINDOW: Final = 10.0
IN_PRODUCTION, IN_DEVELOPMENT = 800, 80


@attrs.frozen(kw_only=True)
class SweptSession:
    """What became of one session.

    Attributes:
        tenant: The tenant's name.
        user_id: Whose session it is.
        session_id: The session; None where the user's sessions could not be listed.
        outcome: ``"revoked"``; ``"gone"``: it was not there any more; ``"to revoke"``: a dry run found it;
            ``"failed"``: see *error*.
        error: Why it failed; None if it did not.
    """

    tenant: str
    user_id: str
    session_id: str | None
    outcome: Outcome
    error: ClerkError | None = None


@attrs.frozen(kw_only=True)
class SweepProgress:
    """How far a sweep has come.

    Attributes:
        latest: What was done last; None where a user is finished.
        users_done: How many users are finished, each counted at each tenant.
        users: How many there are.
    """

    latest: SweptSession | None
    users_done: int
    users: int


@attrs.frozen(kw_only=True)
class SweepReport:
    """What a sweep came to. Give it as *resume* to do what is left.

    Attributes:
        sessions: What became of each session, in the order in which it did.
        unfinished: The tenant and the user of whom a live session may be left.
    """

    sessions: tuple[SweptSession, ...]
    unfinished: tuple[tuple[str, str], ...]

    @property
    def is_complete(self) -> bool:
        """Whether no live session is left of any user."""
        return not self.unfinished

    def of(self, outcome: Outcome) -> list[SweptSession]:
        """The sessions with one outcome."""
        return [session for session in self.sessions if session.outcome == outcome]

    def __str__(self) -> str:
        counts: dict[str, int] = {}
        for session in self.sessions:
            counts[session.outcome] = counts.get(session.outcome, 0) + 1
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items()) or "no live session"
        return f"{said}; {len(self.unfinished)} users unfinished" if self.unfinished else said


class Pace:
    """At most *most* requests in *seconds*. Pure: the moment is passed in.

    Args:
        most: How many.
        seconds: In which time.
    """

    def __init__(self, most: int, seconds: float = WINDOW) -> None:
        self._seconds = seconds
        self._not_before = float("-inf")
        self._sent: deque[float] = deque(maxlen=most)

    @classmethod
    def of(cls, config: ClerkConfig) -> Pace:
        """The pace that an instance allows, which its secret key tells."""
        is_live = (config.secret_key or "").removeprefix("sk_").startswith("live_")
        return cls(IN_PRODUCTION if is_live else IN_DEVELOPMENT)

    def reserve(self, now: float) -> float:
        """Take the next place; seconds to wait until it comes."""
        is_full = len(self._sent) == self._sent.maxlen
        at = max(now, self._not_before, self._sent[0] + self._seconds if is_full else now)
        self._sent.append(at)
        return at - now

    def held(self, now: float) -> float:
        """Seconds for which Clerk has asked to wait."""
        return max(0.0, self._not_before - now)

    def is_idle(self, now: float) -> bool:
        """Whether a new pace would be as good."""
        return self._not_before <= now and (not self._sent or self._sent[-1] + self._seconds <= now)

    def hold(self, until: float) -> None:
        """Give no place before *until*: Clerk has said that it is too early."""
        self._not_before = max(self._not_before, until)


@attrs.frozen
class Listing:
    """Send *call* and give what it brings."""

    call: Call[Found]


@attrs.frozen
class Ending:
    """Revoke the session."""

    session_id: str


@attrs.frozen
class Rest:
    """Let *seconds* pass."""

    seconds: float


Step: TypeAlias = Listing | Ending | Rest
Steps: TypeAlias = "Generator[Step, Found | ClerkError | None, bool]"


def sweep(
    calls: SessionCalls, tenant: str, user_id: str, *, dry_run: bool, tell: Callable[[SweptSession], None]
) -> Steps:
    """End every live session of a user, and list them anew until none is left.

    Sessions in states that are not known here count as live. Yields what to send; is sent what came of it.

    Returns:
        Whether no live session is left.
    """

    def result(session_id: str | None, outcome: Outcome, error: ClerkError | None = None) -> None:
        tell(SweptSession(tenant=tenant, user_id=user_id, session_id=session_id, outcome=outcome, error=error))

    met: set[str] = set()
    is_clean = True
    for _ in range(_MOST_ROUNDS):
        try:
            live = [session for session in (yield from _live(calls, user_id)) if session not in met]
        except ClerkError as failure:
            result(None, "failed", failure)
            return False
        met.update(live)
        for session_id in live:
            if dry_run:
                result(session_id, "to revoke")
                continue
            answer = yield from _patiently(Ending(session_id))
            if isinstance(answer, NotFoundError):
                result(session_id, "gone")
            elif isinstance(answer, ClerkError):
                result(session_id, "failed", answer)
                is_clean = False
            else:
                result(session_id, "revoked")
        if dry_run:
            return not live
        if not live:
            return is_clean
    return False


def _live(calls: SessionCalls, user_id: str) -> Generator[Step, Any, list[str]]:
    walk = calls.walk(None, user_id, None, _PAGE_SIZE)
    live: list[str] = []
    while (call := walk.next_call()) is not None:
        answer = yield from _patiently(Listing(call))
        if isinstance(answer, ClerkError):
            raise answer
        live += [session.id for session in walk.take(cast("Found", answer)) if session.status not in _OVER]
    return live


def _patiently(step: Listing | Ending) -> Generator[Step, Any, Found | ClerkError | None]:
    """Take *step*, again when Clerk says that it is too early; a list also when the server or the way to it fails."""
    for attempt in range(_MOST_TRIES - 1):
        answer = yield step
        wait = _wait(step, answer, attempt)
        if wait is None:
            return cast("Found | ClerkError | None", answer)
        yield Rest(wait)
    return cast("Found | ClerkError | None", (yield step))


def _wait(step: Listing | Ending, answer: object, attempt: int) -> float | None:
    """Seconds after which *step* is worth another try; None if the answer stands."""
    if isinstance(answer, RateLimitError):
        after = asked_to_wait(answer)
        return after if after <= LONGEST_PAUSE else None
    is_transient = isinstance(answer, (APIConnectionError, InternalServerError))
    return 0.25 * 2.0**attempt if is_transient and isinstance(step, Listing) and attempt < _MOST_FAILURES else None


def asked_to_wait(limited: RateLimitError) -> float:
    """Seconds that Clerk asks to wait."""
    return 1.0 if limited.retry_after is None else limited.retry_after


class Sweep:
    """A sweep over many users: what is to do, and what has come of it.

    Args:
        pairs: Tenants and users.
        before: What an earlier sweep came to that this one goes on from.
        progress: Is told of each step.

    Attributes:
        is_stopped: Whether *progress* has raised: nothing else is to be begun, and what comes of it is told no more.
    """

    def __init__(
        self,
        pairs: Iterable[tuple[str, str]],
        *,
        before: SweepReport | None = None,
        progress: Callable[[SweepProgress], object] | None = None,
    ) -> None:
        if progress is not None and (not callable(progress) or inspect.iscoroutinefunction(progress)):
            raise TypeError("progress: give a plain function of a SweepProgress.")
        self._unfinished = dict.fromkeys(pairs)
        self._users = len(self._unfinished)
        self._done = 0
        done = before.sessions if before else ()
        self._sessions = [session for session in done if session.outcome in _DONE]
        self._progress = progress
        self.is_stopped: bool = False

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Tenants and users that are not finished."""
        return list(self._unfinished)

    def tell(self, session: SweptSession) -> None:
        """A session was dealt with."""
        if self.is_stopped:
            return
        self._sessions.append(session)
        self._say(session)

    def end(self, pair: tuple[str, str], *, is_clean: bool) -> None:
        """A user was dealt with."""
        if self.is_stopped:
            return
        if is_clean:
            self._unfinished.pop(pair, None)
        self._done += 1
        self._say(None)

    def fail(self, pair: tuple[str, str], error: ClerkError) -> None:
        """A user could not be dealt with at all."""
        tenant, user_id = pair
        self.tell(SweptSession(tenant=tenant, user_id=user_id, session_id=None, outcome="failed", error=error))
        self.end(pair, is_clean=False)

    def report(self) -> SweepReport:
        """What came of it until now."""
        return SweepReport(sessions=tuple(self._sessions), unfinished=tuple(self._unfinished))

    def _say(self, latest: SweptSession | None) -> None:
        if self._progress is None:
            return
        try:
            self._progress(SweepProgress(latest=latest, users_done=self._done, users=self._users))
        except BaseException:
            self.is_stopped = True
            raise


def pairs_of(
    user_ids: Iterable[str], tenant: str | None, tenants: list[str], resume: SweepReport | None
) -> list[tuple[str, str]]:
    """The tenants and users of a sweep: *tenant*, or all *tenants*, which take turns.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: *user_ids* has what is no id, or something is given beside *resume*.
    """
    if isinstance(user_ids, str):
        raise TypeError("user_ids: is a single str; write a list of them, such as ['user_…'].")
    users = list(user_ids)
    for user_id in users:
        check_ids(user_ids=user_id)
    if resume is not None:
        if not isinstance(resume, SweepReport):
            raise TypeError(f"resume: give the SweepReport of an earlier sweep, not {type(resume).__name__}.")
        if users or tenant is not None:
            raise ValueError("resume: says what is left to do; leave out user_ids and tenant.")
        return list(resume.unfinished)
    if tenant is not None and not isinstance(tenant, str):
        raise TypeError(f"tenant: write a str, not {type(tenant).__name__}.")
    return [(name, user_id) for user_id in users for name in (tenants if tenant is None else [tenant])]
