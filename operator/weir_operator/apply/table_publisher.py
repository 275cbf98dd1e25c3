"""The published route table, and the resources that recent tables were compiled from."""

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from weir_operator.plan.compile import Plan
from weir_operator.plan.secrets import Credential
from weir_policy.table import Table
from weir_proto.routing.v2.routetable_pb2 import Credential as CredentialMessage
from weir_proto.routing.v2.routetable_pb2 import RouteTable, SecretRef

# Versions whose contents are known, our own and other replicas' each; a gateway on an older one
# counts as behind. At most five are published a second, and a gateway takes one in a second or two.
MAX_VERSIONS = 64
DIGEST_CHARS = 16  # hexadecimal digits of a policy's contents


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One published table."""

    version: str
    message: RouteTable = field(repr=False)  # with credentials: for the stream only
    table: Table
    table_json: bytes = field(repr=False)  # the same, for the ConfigMap
    credentials: tuple[Credential, ...] = field(repr=False)
    contents: Mapping[str, str]  # by policy's id, the resources it was compiled from

    def same_as(self, other: "Snapshot | None") -> bool:
        """Whether gateways that run `other` need no update to this one."""
        return (
            other is not None
            and self.version == other.version
            and [c.value for c in self.credentials] == [c.value for c in other.credentials]
        )


def snapshot_of(plan: Plan) -> Snapshot:
    """The table that a plan publishes."""
    version = plan.table.version
    message = RouteTable(
        version=version, table=plan.table_json, credentials=map(_credential, plan.credentials)
    )
    contents = contents_of(plan.table)
    return Snapshot(version, message, plan.table, plan.table_json, plan.credentials, contents)


def contents_of(table: Table) -> dict[str, str]:
    """Which generation of which resources each policy of a table was compiled from, in short.

    Of the resources and not of the table's bytes: operators of two versions may compile the same
    resources into two tables, and a gateway that runs either runs what was applied.
    """
    backends = {b.id: f"{b.id} {b.uid} {b.generation}" for b in table.backends}
    return {
        policy.id: hashlib.sha256(
            "\n".join(
                [
                    f"{policy.uid} {policy.generation}",
                    *(backends[c.backend] for c in policy.spec.candidates),
                ]
            ).encode()
        ).hexdigest()[:DIGEST_CHARS]
        for policy in table.policies
    }


def _credential(credential: Credential) -> CredentialMessage:
    ref = SecretRef(namespace=credential.namespace, name=credential.name, key=credential.key)
    return CredentialMessage(ref=ref, value=credential.value)


class TablePublisher:
    """Holds the current table and notifies listeners of a new one."""

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self._published: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._relayed: OrderedDict[str, Mapping[str, str]] = OrderedDict()
        self._listeners: list[Callable[[], None]] = []

    def on_publish(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at every new table; it must not block.

        The returned function unsubscribes it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, snapshot: Snapshot) -> bool:
        """Make `snapshot` the current one; False where it already is."""
        if snapshot.same_as(self.current):
            return False
        self.current = snapshot
        _remember(self._published, snapshot.version, snapshot.contents)
        for listener in tuple(self._listeners):
            listener()
        return True

    def record_relayed(self, version: str, contents: Mapping[str, str]) -> None:
        """Record the contents of a version that another replica published."""
        _remember(self._relayed, version, contents)

    def contents(self, version: str) -> Mapping[str, str] | None:
        """The contents of a version, by policy's id; None where the version is unknown."""
        contents = self._published.get(version)
        return self._relayed.get(version) if contents is None else contents


def _remember(
    versions: OrderedDict[str, Mapping[str, str]], version: str, contents: Mapping[str, str]
) -> None:
    # Most policies don't change between versions: equal strings are stored once.
    versions[version] = {sys.intern(policy): sys.intern(of) for policy, of in contents.items()}
    versions.move_to_end(version)
    while len(versions) > MAX_VERSIONS:
        versions.popitem(last=False)
