"""The connected gateways: which table each runs or refused, and what each has counted.

Must not know gRPC.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from weir_proto.routing.v1.routetable_pb2 import Report

MAX_SEEN = 50_000  # counts kept of gateways that may come back
MAX_REASON = 512  # characters of a refusal that are kept


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a gateway would not run a table."""

    version: str
    policy: str  # its id; empty: the table as a whole
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What policies were used for; money in micro-USD."""

    requests: int = 0
    strong: int = 0
    paid: int = 0
    saved: int = 0

    def plus(self, other: "Usage") -> "Usage":
        """The sum."""
        return Usage(
            self.requests + other.requests,
            self.strong + other.strong,
            self.paid + other.paid,
            self.saved + other.saved,
        )

    def since(self, earlier: "Usage") -> "Usage":
        """What came on top of `earlier`; all of it where the gateway started anew."""
        if self.requests < earlier.requests:
            return self
        return Usage(
            self.requests - earlier.requests,
            max(self.strong - earlier.strong, 0),
            self.paid - earlier.paid,
            self.saved - earlier.saved,
        )


@dataclass(eq=False, slots=True)
class Session:
    """One gateway's open stream."""

    gateway: str
    running: str = ""  # the version it acknowledged last
    refusal: Refusal | None = None
    greeted: bool = False  # its first report has come
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class Gateways:
    """Every open stream."""

    def __init__(self) -> None:
        self._sessions: dict[int, Session] = {}  # by age: a later one of the same name counts
        self._listeners: list[Callable[[], None]] = []
        self._seen: dict[tuple[str, str], Usage] = {}  # by gateway and policy
        self._fresh: dict[str, Usage] = {}  # by policy, since it was last taken

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` when a gateway comes, goes, acknowledges or refuses."""
        self._listeners.append(listener)

    def join(self, gateway: str) -> Session:
        """A gateway's stream opened."""
        session = Session(gateway)
        self._sessions[id(session)] = session
        self._tell()
        return session

    def leave(self, session: Session) -> None:
        """Its stream ended."""
        self._sessions.pop(id(session), None)
        if len(self._seen) > MAX_SEEN:
            names = {other.gateway for other in self._sessions.values()}
            self._seen = {key: usage for key, usage in self._seen.items() if key[0] in names}
        self._tell()

    def note(self, session: Session, report: Report) -> None:
        """Take in one report."""
        before = (session.running, session.refusal)
        verdict = report.WhichOneof("verdict")
        if verdict == "ack" or (verdict is None and not session.running):
            session.running, session.refusal = report.version, None
        elif verdict == "nack":
            reason = report.nack.reason[:MAX_REASON]
            session.refusal = Refusal(report.version, report.nack.policy, reason)
        self._count(session, report)
        if (session.running, session.refusal) != before:
            self._tell()

    def connected(self) -> tuple[Session, ...]:
        """The newest stream of every gateway, by name."""
        newest = {session.gateway: session for session in self._sessions.values()}
        return tuple(newest[name] for name in sorted(newest))

    def wake_all(self) -> None:
        """There is a new table."""
        for session in self._sessions.values():
            session.wake.set()

    def take_usage(self) -> dict[str, Usage]:
        """What was counted since this was last asked, by policy."""
        fresh, self._fresh = self._fresh, {}
        return fresh

    def _count(self, session: Session, report: Report) -> None:
        """A gateway's first report is where its sums start: what came before is counted already."""
        for entry in report.usage:
            now = Usage(entry.requests, entry.strong, entry.paid_micro_usd, entry.saved_micro_usd)
            key = (session.gateway, entry.policy)
            earlier = self._seen.get(key)
            self._seen[key] = now
            if earlier is not None:
                added = now.since(earlier)
            else:
                added = now if session.greeted else Usage()
            if added.requests:
                total = self._fresh.get(entry.policy, Usage())
                self._fresh[entry.policy] = total.plus(added)
        session.greeted = True

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()
