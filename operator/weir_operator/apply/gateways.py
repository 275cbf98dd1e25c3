"""Each gateway's state: the table it runs or refused, and whether it is still connected.

A gateway has a stream to this replica, or another replica relays its state. Where two replicas
report one gateway, the newer stream counts, so that a gateway that moves from one replica to
another is counted once.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from weir_proto.routing.v2.routetable_pb2 import BackendHealth, RefusedPolicy, Report

GRACE = 10.0  # seconds; the longest that a gateway waits before it reconnects
MAX_REASON = 512  # characters stored of a refusal
MAX_HEALTH = 4096  # backends that one gateway may report
MAX_REFUSED = 4096  # policies that one gateway may leave out


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a gateway would not run a table."""

    version: str
    policy: str  # its id; empty: the table as a whole
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """How one gateway's latest calls of one backend ended."""

    backend: str
    uid: str
    generation: int
    calls: int
    failures: int
    last_failure: str


@dataclass(frozen=True, slots=True)
class GatewayState:
    """One gateway, as its newest stream reports it."""

    gateway: str
    started: int = 0  # milliseconds since 1970, by its own clock
    stream: int = 0  # how many streams it has opened since
    running: str = ""  # the version it acknowledged last
    refusal: Refusal | None = None
    refused: tuple[Refusal, ...] = ()  # policies left out of the table that it runs
    health: tuple[Health, ...] = ()

    @property
    def order(self) -> tuple[int, int]:
        """Orders a gateway's streams by age: the highest is the newest."""
        return self.started, self.stream


@dataclass(eq=False, slots=True)
class Session:
    """One gateway's open stream to this replica."""

    state: GatewayState
    goodbye: bool = False  # the gateway announced that it stops
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Tracked:
    state: GatewayState
    via: object  # the session, or the link to another replica, that reports it
    lost_at: float | None = None


class Gateways:
    """Every gateway, connected to this replica or to another."""

    def __init__(self, clock: Callable[[], float], grace: float = GRACE) -> None:
        """`clock` gives monotonic seconds; a lost gateway still counts for `grace` of them."""
        self._clock = clock
        self._grace = grace
        self._sessions: list[Session] = []
        self._tracked: dict[str, _Tracked] = {}
        self._listeners: list[Callable[[], None]] = []
        self._followers: list[Callable[[str], None]] = []

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a gateway connects, leaves, or reports a verdict or health."""
        self._listeners.append(listener)

    def on_local_change(self, follower: Callable[[str], None]) -> Callable[[], None]:
        """Call `follower` with the name of each gateway of this replica that changes.

        The returned function unsubscribes it.
        """
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def connect(self, first: Report) -> Session:
        """Record a new stream of a gateway to this replica, opened with the report `first`."""
        state = GatewayState(first.gateway, first.started, first.stream, first.version)
        session = Session(state)
        self._sessions.append(session)
        self._track(state, session)
        self._notify(state.gateway)
        return session

    def record_report(self, session: Session, report: Report) -> None:
        """Record one report of a stream to this replica."""
        before = session.state
        session.goodbye = report.goodbye
        after = replace(before, health=health_of(report.health))
        verdict = report.WhichOneof("verdict")
        if verdict == "ack":
            refused = refused_in(report.version, report.ack.refused)
            after = replace(after, running=report.version, refusal=None, refused=refused)
        elif verdict == "nack":
            reason = report.nack.reason[:MAX_REASON]
            refusal = Refusal(report.version, report.nack.policy, reason)
            after = replace(after, refusal=refusal)
        if after != before:
            session.state = after
            self._track(after, session)
            self._notify(after.gateway)

    def disconnect(self, session: Session) -> None:
        """Record that a stream to this replica ended."""
        self._sessions.remove(session)
        name = session.state.gateway
        other = self._newest(name)
        if other is not None:  # a newer stream, or another gateway of the same name
            self._track(other.state, other, instead_of=session)
        self._mark_lost(name, session, goodbye=session.goodbye)
        self._notify(name)

    def record_relayed(self, link: object, state: GatewayState) -> None:
        """Record the state of a gateway that the replica at the other end of `link` serves."""
        self._track(state, link)
        self._notify()

    def record_relayed_end(self, link: object, gateway: str, *, goodbye: bool) -> None:
        """Record that a gateway's stream to the replica at the other end of `link` ended."""
        self._mark_lost(gateway, link, goodbye=goodbye)
        self._notify()

    def drop_link(self, link: object) -> None:
        """Mark the gateways of a replica that is gone as lost: they have to reconnect."""
        for name, seen in tuple(self._tracked.items()):
            if seen.via is link:
                self._mark_lost(name, link, goodbye=False)
        self._notify()

    def active(self) -> tuple[GatewayState, ...]:
        """Every gateway that is connected, or was within the grace period, by name."""
        now = self._clock()
        for name, seen in tuple(self._tracked.items()):
            if seen.lost_at is not None and now - seen.lost_at >= self._grace:
                del self._tracked[name]
        return tuple(self._tracked[name].state for name in sorted(self._tracked))

    def next_expiry(self) -> float | None:
        """Seconds until the next lost gateway is dropped; None where none is lost."""
        lost = [seen.lost_at for seen in self._tracked.values() if seen.lost_at is not None]
        return max(min(lost) + self._grace - self._clock(), 0.0) if lost else None

    def local_names(self) -> tuple[str, ...]:
        """The names of the gateways with a stream to this replica."""
        return tuple(sorted({session.state.gateway for session in self._sessions}))

    def local_state(self, gateway: str) -> GatewayState | None:
        """A gateway's state by its newest stream to this replica; None where it has none."""
        newest = self._newest(gateway)
        return newest.state if newest else None

    def is_lost(self, gateway: str) -> bool:
        """Whether a gateway's stream broke without a goodbye, within the grace period."""
        seen = self._tracked.get(gateway)
        return seen is not None and seen.lost_at is not None

    def wake_all(self) -> None:
        """Wake every session to send the new table."""
        for session in self._sessions:
            session.wake.set()

    def _newest(self, gateway: str) -> Session | None:
        streams = [s for s in reversed(self._sessions) if s.state.gateway == gateway]
        return max(streams, key=lambda stream: stream.state.order, default=None)

    def _track(self, state: GatewayState, via: object, instead_of: object = None) -> None:
        seen = self._tracked.get(state.gateway)
        if seen is None or seen.via in (via, instead_of) or state.order >= seen.state.order:
            self._tracked[state.gateway] = _Tracked(state, via)

    def _mark_lost(self, gateway: str, via: object, *, goodbye: bool) -> None:
        seen = self._tracked.get(gateway)
        if seen is None or seen.via is not via:
            return
        if goodbye:
            del self._tracked[gateway]
        elif seen.lost_at is None:
            seen.lost_at = self._clock()

    def _notify(self, gateway: str = "") -> None:
        for listener in self._listeners:
            listener()
        if gateway:
            for follower in self._followers:
                follower(gateway)


def health_of(reports: Iterable[BackendHealth]) -> tuple[Health, ...]:
    """The health in a gateway's report."""
    return tuple(
        Health(h.backend, h.uid, h.generation, h.calls, min(h.failures, h.calls), h.last_failure)
        for h in tuple(reports)[:MAX_HEALTH]
    )


def refused_in(version: str, refused: Iterable[RefusedPolicy]) -> tuple[Refusal, ...]:
    """The policies that a gateway left out of the table `version`."""
    return tuple(
        Refusal(version, entry.policy, entry.reason[:MAX_REASON])
        for entry in tuple(refused)[:MAX_REFUSED]
    )
