"""The published table: the newest one, and which generation of each policy every recent one holds.

Must not know gateways or how tables travel.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weir_operator.plan.compile import Plan, with_credentials
from weir_operator.plan.secrets import Credential
from weir_proto.routing.v1.routetable_pb2 import RouteTable

REMEMBERED = 256  # versions whose contents are known; a gateway on an older one counts as behind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published table."""

    version: str
    message: RouteTable = field(repr=False)  # with credentials: for the stream only
    plain: RouteTable  # without
    credentials: tuple[Credential, ...] = field(repr=False)

    def same_as(self, other: "Snapshot | None") -> bool:
        """Whether gateways that run `other` need not be told of this one."""
        return (
            other is not None
            and self.version == other.version
            and [c.value for c in self.credentials] == [c.value for c in other.credentials]
        )


def snapshot_of(plan: Plan) -> Snapshot:
    """What a plan publishes."""
    message = with_credentials(plan.table, plan.credentials)
    return Snapshot(plan.table.version, message, plan.table, plan.credentials)


class Board:
    """Where tables are published."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self._generations: OrderedDict[str, Mapping[str, int]] = OrderedDict()
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` at every new table. It must not block."""
        self._listeners.append(listener)

    def publish(self, snapshot: Snapshot) -> bool:
        """Make `snapshot` the current one; False where it already is."""
        if snapshot.same_as(self.current):
            return False
        self.current = snapshot
        policies = snapshot.plain.policies
        self._generations[snapshot.version] = {p.id: p.generation for p in policies}
        self._generations.move_to_end(snapshot.version)
        while len(self._generations) > REMEMBERED:
            self._generations.popitem(last=False)
        for listener in self._listeners:
            listener()
        return True

    def generation_in(self, version: str, policy: str) -> int | None:
        """The policy's generation in a published table; None where it isn't in it or is unknown."""
        return self._generations.get(version, {}).get(policy)
