"""Where every gateway is: which table it runs or refused, and whether it is still there.

Gateways are known from their own streams to this replica, and from what other replicas relay. Of
two that tell of one gateway the one with its newer stream counts, so that a gateway that goes from
one replica to another is never there twice. Must not know gRPC.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from weir_proto.routing.v1.routetable_pb2 import BackendHealth, Report

GRACE = 10.0  # seconds; a gateway whose stream breaks tries again after at most so long
MAX_REASON = 512  # characters of a refusal that are kept
MAX_HEALTH = 4096  # backends that one gateway may tell of


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
class Standing:
    """One gateway as its newest stream tells."""

    gateway: str
    started: int = 0  # milliseconds since 1970, by its own clock
    stream: int = 0  # how many streams it has opened since
    running: str = ""  # the version it acknowledged last
    refusal: Refusal | None = None
    health: tuple[Health, ...] = ()

    @property
    def order(self) -> tuple[int, int]:
        """The higher, the newer."""
        return self.started, self.stream


@dataclass(eq=False, slots=True)
class Session:
    """One gateway's open stream to this replica."""

    standing: Standing
    goodbye: bool = False  # the gateway said that it ends
    wake: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Seen:
    standing: Standing
    via: object  # the session, or the link to another replica, that tells of it
    lost_at: float | None = None


class Gateways:
    """Every gateway, here or with another replica."""

    def __init__(self, clock: Callable[[], float], grace: float = GRACE) -> None:
        """`clock` gives monotonic seconds; a lost gateway still counts for `grace` of them."""
        self._clock = clock
        self._grace = grace
        self._sessions: list[Session] = []
        self._seen: dict[str, _Seen] = {}
        self._listeners: list[Callable[[], None]] = []
        self._followers: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a gateway comes, goes, acknowledges, refuses or tells of health."""
        self._listeners.append(listener)

    def follow(self, follower: Callable[[str], None]) -> Callable[[], None]:
        """Call `follower` with the name of each gateway of this replica that changes.

        Gives what ends that.
        """
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def join(self, first: Report) -> Session:
        """A gateway's stream to this replica opened, with this report."""
        standing = Standing(first.gateway, first.started, first.stream, first.version)
        session = Session(standing)
        self._sessions.append(session)
        self._take(standing, session)
        self._tell(standing.gateway)
        return session

    def note(self, session: Session, report: Report) -> None:
        """Take in one report of a stream to this replica."""
        before = session.standing
        session.goodbye = report.goodbye
        after = replace(before, health=health_of(report.health))
        verdict = report.WhichOneof("verdict")
        if verdict == "ack":
            after = replace(after, running=report.version, refusal=None)
        elif verdict == "nack":
            reason = report.nack.reason[:MAX_REASON]
            refusal = Refusal(report.version, report.nack.policy, reason)
            after = replace(after, refusal=refusal)
        if after != before:
            session.standing = after
            self._take(after, session)
            self._tell(after.gateway)

    def leave(self, session: Session) -> None:
        """A stream to this replica ended."""
        self._sessions.remove(session)
        name = session.standing.gateway
        other = self._newest(name)
        if other is not None:  # a newer stream, or another gateway that goes by the same name
            self._take(other.standing, other, instead_of=session)
        self._gone(name, session, goodbye=session.goodbye)
        self._tell(name)

    def relayed(self, link: object, standing: Standing) -> None:
        """Another replica, at the other end of `link`, tells of a gateway that it serves."""
        self._take(standing, link)
        self._tell()

    def relayed_end(self, link: object, gateway: str, *, goodbye: bool) -> None:
        """A gateway's stream to the replica at the other end of `link` ended."""
        self._gone(gateway, link, goodbye=goodbye)
        self._tell()

    def unlink(self, link: object) -> None:
        """The replica is away: its gateways have to show up again, there or elsewhere."""
        for name, seen in tuple(self._seen.items()):
            if seen.via is link:
                self._gone(name, link, goodbye=False)
        self._tell()

    def counted(self) -> tuple[Standing, ...]:
        """Every gateway that is there, or was a moment ago, by name."""
        now = self._clock()
        for name, seen in tuple(self._seen.items()):
            if seen.lost_at is not None and now - seen.lost_at >= self._grace:
                del self._seen[name]
        return tuple(self._seen[name].standing for name in sorted(self._seen))

    def changes_in(self) -> float | None:
        """Seconds until a lost gateway stops being counted; None where none is lost."""
        lost = [seen.lost_at for seen in self._seen.values() if seen.lost_at is not None]
        return max(min(lost) + self._grace - self._clock(), 0.0) if lost else None

    def here(self) -> tuple[str, ...]:
        """The names of those with a stream to this replica."""
        return tuple(sorted({session.standing.gateway for session in self._sessions}))

    def own(self, gateway: str) -> Standing | None:
        """The newest stream of a gateway to this replica; None where it has none."""
        newest = self._newest(gateway)
        return newest.standing if newest else None

    def lost(self, gateway: str) -> bool:
        """Whether a gateway's stream broke a moment ago, without a goodbye."""
        seen = self._seen.get(gateway)
        return seen is not None and seen.lost_at is not None

    def wake_all(self) -> None:
        """There is a new table."""
        for session in self._sessions:
            session.wake.set()

    def _newest(self, gateway: str) -> Session | None:
        streams = [s for s in reversed(self._sessions) if s.standing.gateway == gateway]
        return max(streams, key=lambda stream: stream.standing.order, default=None)

    def _take(self, standing: Standing, via: object, instead_of: object = None) -> None:
        seen = self._seen.get(standing.gateway)
        if seen is None or seen.via in (via, instead_of) or standing.order >= seen.standing.order:
            self._seen[standing.gateway] = _Seen(standing, via)

    def _gone(self, gateway: str, via: object, *, goodbye: bool) -> None:
        seen = self._seen.get(gateway)
        if seen is None or seen.via is not via:
            return
        if goodbye:
            del self._seen[gateway]
        elif seen.lost_at is None:
            seen.lost_at = self._clock()

    def _tell(self, gateway: str = "") -> None:
        for listener in self._listeners:
            listener()
        if gateway:
            for follower in self._followers:
                follower(gateway)


def health_of(told: Iterable[BackendHealth]) -> tuple[Health, ...]:
    """As a gateway tells it."""
    return tuple(
        Health(h.backend, h.uid, h.generation, h.calls, min(h.failures, h.calls), h.last_failure)
        for h in tuple(told)[:MAX_HEALTH]
    )
