"""The newest usage sums of each gateway, reported to this replica or relayed by another.

Sums only grow, so of two reports the larger is the newer.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

from weir_operator.apply.usage import GatewayRun, Usage
from weir_proto.routing.v2.routetable_pb2 import PolicyUsage

MAX_SUMS = 200_000  # of one gateway and one policy each, about 300 bytes
# How long a disconnected gateway's sums stay, so that a new leader can still write them.
RETENTION_SECONDS = 300.0

PolicyKey = tuple[str, str]  # a policy's id and uid; the uid is empty in an older gateway's report
Follower = Callable[[GatewayRun, PolicyKey], None]


class UsageReports:
    """Every gateway's sums."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._sums: dict[PolicyKey, dict[GatewayRun, Usage]] = {}
        self._last_report: dict[GatewayRun, float] = {}  # its time; the latest is last
        self._followers: list[Follower] = []

    def on_growth(self, follower: Follower) -> Callable[[], None]:
        """Call `follower` with the run and the policy of each sum that grows.

        The returned function unsubscribes it.
        """
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def record(self, source: GatewayRun, reported: Iterable[PolicyUsage]) -> None:
        """Record a gateway's sums."""
        self._last_report.pop(source, None)
        self._last_report[source] = self._clock()
        for entry in reported:
            now = Usage(
                entry.requests,
                entry.strong,
                entry.paid_micro_usd,
                entry.saved_micro_usd,
                entry.judged,
                entry.unknown,
            )
            key = (entry.policy, entry.uid)
            sums = self._sums.setdefault(key, {})
            if now.requests > sums.get(source, Usage()).requests:
                sums[source] = now
                for follower in self._followers:
                    follower(source, key)

    def of(self, policy: str, uid: str) -> Mapping[GatewayRun, Usage]:
        """Each gateway's sum of one policy."""
        return {**self._sums.get((policy, ""), {}), **self._sums.get((policy, uid), {})}

    def sum_of(self, source: GatewayRun, key: PolicyKey) -> Usage | None:
        return self._sums.get(key, {}).get(source)

    def keys(self) -> Iterable[tuple[GatewayRun, PolicyKey]]:
        """The run and the policy of every sum."""
        return [(source, key) for key, sums in self._sums.items() for source in sums]

    def prune(self, connected: Collection[str], policies: Collection[PolicyKey]) -> None:
        """Drop gateways that left long ago, and policies that are not in `policies`."""
        now = self._clock()
        old = {
            s
            for s, at in self._last_report.items()
            if s.gateway not in connected and now - at > RETENTION_SECONDS
        }
        policies = {*policies, *((policy, "") for policy, _ in policies)}
        self._sums = {
            key: {source: usage for source, usage in sums.items() if source not in old}
            for key, sums in self._sums.items()
            if key in policies
        }
        while sum(map(len, self._sums.values())) > MAX_SUMS:
            self._forget(next(iter(self._last_report)))
        for source in old:
            self._last_report.pop(source, None)

    def _forget(self, source: GatewayRun) -> None:
        self._last_report.pop(source, None)
        for sums in self._sums.values():
            sums.pop(source, None)
