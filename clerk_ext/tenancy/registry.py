"""The tenants of a process by name and by issuer, under their lock: what both worlds share of `Tenants`."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import attrs

from clerk_ext.config import ClerkConfig
from clerk_ext.errors import (
    ConfigurationError,
    TenantUnavailable,
    TokenVerificationError,
    UnknownTenant,
    VerificationUnavailable,
)
from clerk_ext.forks import mend_after_fork
from clerk_ext.tenancy.loads import Busy, Loads, Missing, may_be_a_name, may_be_looked_up
from clerk_ext.tokens.judge import Judge, KnownHeaders, Shared, warn_of_unknown_issuer
from clerk_ext.tokens.remembered import Room
from clerk_ext.tokens.ring import KeyRing, KeyRoom
from clerk_ext.tokens.tally import Tally
from clerk_ext.tokens.token import parse
from clerk_ext.tokens.verifier import AsyncVerifier, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from concurrent.futures import Future
    from typing import TypeAlias

    from clerk_ext.revocations import RevocationCheck
    from clerk_ext.tenancy.loads import Begin, Join, Key, Kind, Open, Outcome
    from clerk_ext.tokens.claims import SessionClaims
    from clerk_ext.tokens.token import Door, ParsedToken

    T = TypeVar("T")
    LoadSteps: TypeAlias = "Generator[Begin | Join, None, T]"

V = TypeVar("V", Verifier, AsyncVerifier)
C = TypeVar("C")

_KNOWN_HEADERS: Final = 16_384
_MOST_TURNS: Final = 4
_MOST_STEPS: Final = 64


class Slot(Generic[V, C]):
    """One tenant: its settings, and its client once it was needed.

    Attributes:
        config: The settings.
        judge: Who judges its tokens; None until one has to be.
        verifier: The driver of that.
        client: Its `Clerk` or `AsyncClerk`; None until it is asked for. Most tenants only verify.
        is_loaded: Whether a loader brought it.
        in_use: Whether it was asked for since somebody looked for room last.
        is_gone: Whether it was taken out.
    """

    __slots__ = ("client", "config", "in_use", "is_gone", "is_loaded", "judge", "verifier")

    def __init__(self, config: ClerkConfig, *, is_loaded: bool = False) -> None:
        self.config: ClerkConfig = config
        self.judge: Judge | None = None
        self.verifier: V | None = None
        self.client: C | None = None
        self.is_loaded: bool = is_loaded
        self.in_use: bool = True
        self.is_gone: bool = False


@attrs.frozen(kw_only=True)
class Bounds:
    """How much of what is kept, and how long is waited.

    Attributes:
        token_cache_size: How many verified tokens to remember, of all tenants together; 0 for none.
        key_cache_size: How many keys to hold, of all tenants together.
        loaded_tenants: How many loaded tenants to keep.
        load_timeout: Seconds that a load may take.
    """

    token_cache_size: int
    key_cache_size: int
    loaded_tenants: int
    load_timeout: float

    def __attrs_post_init__(self) -> None:
        for name, least in (("token_cache_size", 0), ("key_cache_size", 1), ("loaded_tenants", 1)):
            value: object = getattr(self, name)
            if type(value) is not int or not least <= value <= 100_000_000:
                raise ConfigurationError(name, f"write a number from {least} to 100000000.")
        timeout: object = self.load_timeout
        if type(timeout) not in (int, float) or not 0.001 <= self.load_timeout <= 300.0:
            raise ConfigurationError("load_timeout", "write a number of seconds from 0.001 to 300.")


@attrs.frozen
class _Taken(Generic[V, C]):
    """What became of a loader's answer."""

    outcome: Outcome
    complaint: str | None = None
    gone: Slot[V, C] | None = None
    new: Slot[V, C] | None = None


class Registry(Generic[V, C]):
    """The tenants, and how to get at those that only a loader knows.

    Reading takes no lock. Each change of a name or an issuer is one assignment, so that a reader sees the tenant as it
    was or as it is, and never none in between.

    Args:
        verifier: Makes the verifier of a tenant.
        client: Makes its client around that.
        revocations: What every tenant asks.
        loaders: Which loaders there are.
        bounds: How much is kept.
        monotonic: Gives seconds that never run backwards.
    """

    def __init__(
        self,
        verifier: Callable[[Judge], V],
        client: Callable[[V], C],
        *,
        revocations: RevocationCheck | None,
        loaders: frozenset[Kind],
        bounds: Bounds,
        monotonic: Callable[[], float],
    ) -> None:
        self._new_verifier: Callable[[Judge], V] = verifier
        self._new_client: Callable[[V], C] = client
        self._revocations = revocations
        self._loaders = loaders
        self._bounds = bounds
        self._monotonic = monotonic
        self._room = Room(bounds.token_cache_size)
        self._keys = KeyRoom(bounds.key_cache_size)
        self._known_headers = KnownHeaders(_KNOWN_HEADERS)
        self._shared = Shared(self._room, self._known_headers)
        self._by_name: dict[str, Slot[V, C]] = {}
        self._by_issuer: dict[str, Slot[V, C]] = {}
        self._loaded: deque[Slot[V, C]] = deque()
        self._loads = Loads(bounds.load_timeout)
        self.tally: Tally = Tally()
        self.loads_by_outcome: defaultdict[Outcome, int] = defaultdict(int)
        self.after_fork()
        mend_after_fork(self)

    def after_fork(self) -> None:
        """The parent's threads and tasks that loaded are not here, and one may have been in the midst of a change."""
        self._lock = threading.Lock()
        self._flights: dict[int, Future[None]] = {}
        self._loads.forget()
        slots = list(self._by_name.values())
        self._by_issuer = {issuer: slot for slot in slots for issuer in slot.config.issuers or ()}
        self._loaded = deque(slot for slot in slots if slot.is_loaded)
        for slot in slots:
            if slot.judge is not None:
                slot.judge.ring.after_fork()

    # Reading: no lock.

    def slots(self) -> list[Slot[V, C]]:
        """The tenants that are known now."""
        return list(self._by_name.values())

    def names(self) -> list[str]:
        """Their names."""
        return list(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def remembered(self) -> int:
        """Verified tokens at hand."""
        return len(self._room)

    @property
    def keys(self) -> int:
        """Keys at hand."""
        return len(self._keys)

    def held(self, key: Key) -> Slot[V, C] | None:
        """The tenant of a name or an issuer, if it is known."""
        kind, value = key
        slot = (self._by_issuer if kind == "issuer" else self._by_name).get(value)
        if slot is not None:
            slot.in_use = True
        return slot

    def recall(self, token: object) -> SessionClaims | None:
        """The claims of a session token that was verified before, by the tenant that its issuer leads to now.

        Raises:
            TokenVerificationError: The session was revoked since.
            RevocationUnavailable: Whether it was cannot be told.
        """
        found = self._room.get(token) if isinstance(token, str) else None
        if found is None:
            return None
        slot = self._by_issuer.get(found.claims.issuer)
        judge = None if slot is None else slot.judge
        if slot is None or judge is None or judge is not found.owner:
            return None
        slot.in_use = True
        try:
            return judge.confirm(found)
        except (TokenVerificationError, VerificationUnavailable) as verdict:
            judge.count(verdict)
            raise

    def whose(self, token: str) -> str | None:
        """The name of the tenant that would `recall` a token."""
        found = self._room.get(token)
        slot = None if found is None else self._by_issuer.get(found.claims.issuer)
        return None if slot is None else slot.config.name

    def parse(self, token: object, door: Door) -> ParsedToken:
        """Check form and header of a token of which it is not known yet whose it is.

        Raises:
            TokenVerificationError: The token is refused.
        """
        return parse(token, door, self._known_headers)

    def verifier(self, slot: Slot[V, C]) -> V:
        """The verifier of a tenant, made when it is first needed."""
        made = slot.verifier
        if made is None:
            with self._lock:
                made = slot.verifier
                if made is None:
                    ring = KeyRing(slot.config, self._keys)
                    judge = Judge(slot.config, ring, self._revocations, self._shared, is_routed_to=True)
                    if slot.is_gone:
                        judge.close()
                    made = self._new_verifier(judge)
                    slot.judge = judge
                    slot.verifier = made
        return made

    def client(self, slot: Slot[V, C]) -> C:
        """The client of a tenant, made when it is first asked for."""
        if slot.client is None:
            verifier = self.verifier(slot)
            with self._lock:
                if slot.client is None:
                    slot.client = self._new_client(verifier)
        return slot.client

    # Changing: under the lock.

    def add(self, configs: Iterable[ClerkConfig]) -> None:
        """Add tenants, all of them or none.

        Raises:
            ConfigurationError: A name or an issuer is taken.
        """
        slots: list[Slot[V, C]] = [Slot(config) for config in configs]
        names: dict[str, Slot[V, C]] = {}
        issuers: dict[str, Slot[V, C]] = {}
        with self._lock:
            for slot in slots:
                self._refuse_taken(slot.config, names, issuers)
                names[slot.config.name] = slot
                issuers.update(dict.fromkeys(slot.config.issuers or (), slot))
            for slot in slots:
                self._put(slot)
                self._bar(slot)
        for slot in slots:
            warn_of_unknown_issuer(slot.config)

    def replace(self, config: ClerkConfig) -> None:
        """Put a tenant in the place of that of the same name.

        Raises:
            ConfigurationError: Another tenant has one of its issuers.
            UnknownTenant: There is none of that name.
        """
        new: Slot[V, C] = Slot(config)
        with self._lock:
            old = self._by_name.get(config.name)
            if old is None:
                raise UnknownTenant(config.name, "add() takes new ones.")
            _refuse_taken_issuers(config, self._by_issuer)
            self._swap(old, new)
            self._bar(new)
        self._let_go(old)
        warn_of_unknown_issuer(config)

    def remove(self, name: str) -> None:
        """Take a tenant out.

        Raises:
            UnknownTenant: There is none of that name.
        """
        with self._lock:
            slot = self._by_name.get(name)
            if slot is None:
                raise UnknownTenant(name)
            self._take_out(slot)
            self._bar(slot)
        self._let_go(slot)

    def _refuse_taken(self, config: ClerkConfig, names: dict[str, Slot[V, C]], issuers: dict[str, Slot[V, C]]) -> None:
        if config.name in self._by_name or config.name in names:
            raise ConfigurationError(
                "name", f"two tenants are called {config.name!r}; give each Clerk instance a name of its own."
            )
        _refuse_taken_issuers(config, self._by_issuer)
        _refuse_taken_issuers(config, issuers)

    def _put(self, slot: Slot[V, C]) -> None:
        self._by_name[slot.config.name] = slot
        for issuer in slot.config.issuers or ():
            self._by_issuer[issuer] = slot
        if slot.is_loaded:
            self._loaded.append(slot)

    def _swap(self, old: Slot[V, C], new: Slot[V, C]) -> None:
        # What both have is assigned, never missing in between: a request meanwhile is not to be refused.
        if old.is_loaded:
            self._loaded.remove(old)
        self._put(new)
        for issuer in set(old.config.issuers or ()).difference(new.config.issuers or ()):
            del self._by_issuer[issuer]

    def _take_out(self, slot: Slot[V, C]) -> None:
        if slot.is_loaded:
            self._loaded.remove(slot)
        del self._by_name[slot.config.name]
        for issuer in slot.config.issuers or ():
            del self._by_issuer[issuer]

    def _bar(self, slot: Slot[V, C]) -> None:
        """Have what is being loaded not undo a change by hand."""
        for ticket in self._loads.bar(slot.config.name, slot.config.issuers):
            self._release(ticket)

    def _let_go(self, slot: Slot[V, C]) -> None:
        with self._lock:
            slot.is_gone = True
            judge = slot.judge
        if judge is not None:
            judge.close()

    # Loading.

    def find(self, key: Key) -> LoadSteps[Slot[V, C] | None]:
        """The tenant of a name or an issuer, loaded if need be; None if there is none.

        Raises:
            TenantUnavailable: It cannot be told now.
        """
        for _ in range(_MOST_TURNS):
            slot = self.held(key)
            if slot is not None or not self._may_load(key):
                return slot
            with self._lock:
                answer = self._loads.ask(key, self._monotonic())
            if isinstance(answer, Missing):
                return None
            if isinstance(answer, Busy):
                raise _unavailable(answer.retry_after)
            yield answer
        raise _unavailable(None)

    def would_load(self, key: Key) -> bool:
        """Whether `find` would wait for a load."""
        if self.held(key) is not None or not self._may_load(key):
            return False
        with self._lock:
            return self._loads.settled(key, self._monotonic()) is None

    def refresh(self, name: str) -> LoadSteps[Slot[V, C] | None]:
        """The tenant of a name, loaded anew; None if it is gone.

        Raises:
            TenantUnavailable: It cannot be loaded now; what was known of it stays in use.
            UnknownTenant: No loader could find it.
            ValueError: It was given, not loaded.
        """
        key = self._source(name)
        slot = self.held(("name", name))
        with self._lock:
            for ticket in self._loads.bar(name, slot.config.issuers if slot else None):
                self._release(ticket)
            answer = self._loads.ask(key, self._monotonic(), refresh=True)
        if isinstance(answer, Busy):
            raise _unavailable(answer.retry_after)
        assert not isinstance(answer, Missing)
        yield answer
        for _ in range(_MOST_TURNS):  # somebody else may have asked anew meanwhile, and been given newer settings
            with self._lock:
                newer = self._loads.under_way(key, self._monotonic())
            if newer is None:
                break
            yield newer
        with self._lock:
            settled = self._loads.settled(key, self._monotonic())
        if isinstance(settled, Busy):
            raise _unavailable(settled.retry_after)
        return self.held(("name", name))

    def _may_load(self, key: Key) -> bool:
        kind, value = key
        is_sound = may_be_looked_up(value) if kind == "issuer" else may_be_a_name(value)
        return kind in self._loaders and is_sound

    def _source(self, name: str) -> Key:
        slot = self.held(("name", name))
        if slot is not None and not slot.is_loaded:
            raise ValueError(f"the tenant {name!r} was given, not loaded; replace() puts another in its place.")
        if "name" in self._loaders:
            return ("name", name)
        issuer = min(slot.config.issuers or (), default=None) if slot is not None else None
        if issuer is None:
            raise UnknownTenant(name, "there is no load_by_name to find it.")
        return ("issuer", issuer)

    def flight(self, ticket: int) -> Future[None]:
        """What ends when the load of *ticket* does."""
        from concurrent.futures import Future

        with self._lock:
            known = self._flights.get(ticket)
            if known is not None:
                return known
            flight: Future[None] = Future()
            if self._loads.of(ticket) is None:
                flight.set_result(None)
            else:
                self._flights[ticket] = flight
            return flight

    def overdue(self, ticket: int) -> None:
        """The load of *ticket* takes too long."""
        with self._lock:
            load = self._loads.of(ticket)
            self._loads.overdue(ticket, self._monotonic())
        try:
            if load is not None:
                self.loads_by_outcome["failed"] += 1
                _complain(load.key, f"has not answered within {self._bounds.load_timeout:g} s")
        finally:
            with self._lock:
                self._release(ticket)

    def landed(self, ticket: int, result: object) -> None:
        """The loader answered: settings, None, or the exception that it raised."""
        taken: _Taken[V, C] = _Taken("stale")
        with self._lock:
            load = self._loads.of(ticket)
            try:
                if load is not None:
                    taken = self._install(load, result)
            except Exception as fault:  # noqa: BLE001 - whatever it is, others wait for this
                taken = _Taken("failed", f"gave what cannot be used: {type(fault).__name__}")
            finally:
                self._loads.ended(ticket, taken.outcome, self._monotonic())
        try:
            self.loads_by_outcome[taken.outcome] += 1
            if taken.gone is not None:
                self._let_go(taken.gone)
            if taken.new is not None:
                warn_of_unknown_issuer(taken.new.config)
            if load is not None and taken.complaint is not None:
                _complain(load.key, taken.complaint)
        finally:  # last: who waited finds all of it done
            with self._lock:
                self._release(ticket)

    def _release(self, ticket: int) -> None:
        flight = self._flights.pop(ticket, None)
        if flight is not None:
            flight.set_result(None)

    def _install(self, load: Open, result: object) -> _Taken[V, C]:
        """Take in what a loader gave."""
        kind, value = load.key
        if isinstance(result, BaseException):
            return _Taken("failed", f"raised {type(result).__name__}")
        if result is None:
            known = self.held(load.key) if load.refreshes else None
            if known is None:
                return _Taken("missing")
            if not known.is_loaded or known.config.name in load.barred:
                return _Taken("stale")
            self._take_out(known)
            return _Taken("missing", gone=known)
        if not isinstance(result, ClerkConfig):
            return _Taken("failed", f"gave {type(result).__name__} in place of a ClerkConfig or None")
        config = result
        if config.name == "default":
            if kind == "issuer":
                return _Taken("failed", "gave a ClerkConfig without a name of its own")
            config = attrs.evolve(config, name=value)
        if kind == "name" and config.name != value:
            return _Taken("failed", f"gave the settings of {config.name!r}")
        if kind == "issuer" and value not in (config.issuers or ()):
            return _Taken("failed", "gave settings that do not list that issuer")
        return self._take_in(load, config)

    def _take_in(self, load: Open, config: ClerkConfig) -> _Taken[V, C]:
        known = self._by_name.get(config.name)
        if known is not None and known.config == config:
            return _Taken("found")
        if config.name in load.barred:
            return _Taken("stale")
        if known is not None and not (load.refreshes and known.is_loaded):
            return _Taken("failed", f"gave settings of {config.name!r} that differ from those in use; refresh() it")
        try:
            _refuse_taken_issuers(config, self._by_issuer)
        except ConfigurationError as taken:
            return _Taken("failed", f"gave settings that cannot be added: {taken}")
        slot: Slot[V, C] = Slot(config, is_loaded=True)
        if known is not None:
            self._swap(known, slot)
            return _Taken("found", gone=known, new=slot)
        self._put(slot)
        too_many = len(self._loaded) > self._bounds.loaded_tenants
        return _Taken("found", gone=self._make_room() if too_many else None, new=slot)

    def _make_room(self) -> Slot[V, C]:
        """Take the loaded tenant out that was not in use for the longest time."""
        for _ in range(_MOST_STEPS):
            if not self._loaded[0].in_use:
                break
            self._loaded[0].in_use = False
            self._loaded.rotate(-1)
        idle = self._loaded[0]
        self._take_out(idle)
        return idle


def _refuse_taken_issuers(config: ClerkConfig, by_issuer: dict[str, Slot[V, C]]) -> None:
    for issuer in config.issuers or ():
        other = by_issuer.get(issuer)
        if other is not None and other.config.name != config.name:
            raise ConfigurationError(
                "issuer",
                f"the tenants {other.config.name!r} and {config.name!r} both have {issuer}; a token's issuer must tell "
                "whose it is.",
            )


def _unavailable(retry_after: float | None) -> TenantUnavailable:
    return TenantUnavailable(
        "The tenant's settings cannot be had now, so nothing can be judged; the log of clerk_ext.tenants may say why.",
        retry_after,
    )


def not_asked() -> TenantUnavailable:
    """Why nothing can be said of an issuer that was not looked up, since another one was."""
    return _unavailable(0.0)


def _complain(key: Key, complaint: str) -> None:
    import logging

    kind, value = key
    logging.getLogger("clerk_ext.tenants").error("load_by_%s(%.300r) %s", kind, value, complaint)
