"""What is written, and how often: over an API server held in memory."""

import asyncio
import time
from typing import Any

from support.fake_cluster import FakeCluster
from support.polling import eventually
from support.resources import Wire, backend, policy
from weir_operator.apply.cluster import ClusterError
from weir_operator.apply.compile_loop import CompileLoop, NoProbes
from weir_operator.apply.gateways import Gateways
from weir_operator.apply.index import Index
from weir_operator.apply.secret_cache import SecretCache
from weir_operator.apply.status_writer import StatusSources, StatusWriter
from weir_operator.apply.table_publisher import TablePublisher
from weir_operator.apply.usage import GatewayRun
from weir_operator.apply.usage_reports import UsageReports
from weir_policy.reading.resources import ResourceKind, ResourceRef
from weir_proto.routing.v2.routetable_pb2 import PolicyUsage, Report
from weir_runtime.metrics import Registry

NOW = "2026-11-30T00:00:00Z"
CHAT = ResourceRef(ResourceKind.POLICY, "shop", "chat")
KINDS = {"RoutePolicy": ResourceKind.POLICY, "ModelBackend": ResourceKind.BACKEND}


class World:
    """An operator without its loops: what it knows, and what it wrote."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.index = Index()
        self.publisher = TablePublisher()
        self.gateways = Gateways(time.monotonic)
        self.usage = UsageReports(time.monotonic)
        registry = Registry()
        secrets = SecretCache(self.cluster, self.index.dirty)
        self.compile_loop = CompileLoop(self.index, secrets, self.publisher, NoProbes(), registry)
        known = StatusSources(
            self.index, self.publisher, self.gateways, self.usage, self.compile_loop
        )
        self.registry = registry
        self.writer = StatusWriter(self.cluster, known, lambda: True, lambda: NOW, registry)

    async def apply(self, *documents: Wire) -> None:
        """Put resources there and plan."""
        for document in documents:
            metadata: Any = document["metadata"]
            metadata.update(uid=f"u-{metadata['name']}", generation=1)
            ref = ResourceRef(KINDS[str(document["kind"])], "shop", str(metadata["name"]))
            self.cluster.resources[ref] = dict(document)
            self.index.put(document)
        await self.compile_loop.compile_once()

    def connect(self, name: str) -> None:
        """A gateway that runs the current table."""
        current = self.publisher.current
        assert current is not None
        self.gateways.connect(Report(gateway=name, version=current.version, started=1, stream=1))

    def use(self, gateway: str, requests: int) -> None:
        """A gateway reports."""
        usage = PolicyUsage(policy="shop/chat", uid="u-chat", requests=requests)
        self.usage.record(GatewayRun(gateway, 1), [usage])

    def status(self) -> dict[str, Any]:
        """The policy's."""
        found: dict[str, Any] = self.cluster.resources[CHAT]["status"]
        return found


PAIR = (backend("weak"), backend("strong"))


async def test_what_is_written_once_is_not_written_again() -> None:
    world = World()
    await world.apply(*PAIR, policy())
    world.connect("a")
    assert await world.writer.write(with_usage=True)
    written = len(world.cluster.patches)
    assert written == 3
    assert world.status()["programmed"] == "1/1"
    assert await world.writer.write(with_usage=True)
    assert len(world.cluster.patches) == written
    assert len(world.cluster.tables) == 1
    assert [(n.ref, n.reason) for n in world.cluster.notices if n.ref == CHAT] == [(CHAT, "Ready")]


async def test_usage_is_written_when_it_is_due_and_counts_once() -> None:
    world = World()
    await world.apply(*PAIR, policy())
    world.connect("a")
    await world.writer.write(with_usage=True)
    world.use("a", 5)
    await world.writer.write(with_usage=False)
    assert "requests" not in world.status()
    for _ in range(2):
        await world.writer.write(with_usage=True)
        assert world.status()["requests"] == 5
    world.use("a", 7)
    world.use("b", 2)
    await world.writer.write(with_usage=True)
    assert world.status()["requests"] == 9


async def test_a_policy_made_anew_is_never_given_the_former_one_s_status() -> None:
    world = World()
    await world.apply(*PAIR, policy())
    world.connect("a")
    world.cluster.resources[CHAT]["metadata"] = {"name": "chat", "uid": "another"}
    assert await world.writer.write(with_usage=True)  # 409: the watch will tell
    assert all(ref != CHAT for ref, _ in world.cluster.patches)


async def test_what_could_not_be_written_is_tried_again() -> None:
    world = World()
    await world.apply(*PAIR, policy())
    world.cluster.failing = ClusterError("away", 503)
    assert not await world.writer.write(with_usage=True)
    world.cluster.failing = None
    assert await world.writer.write(with_usage=True)
    assert len(world.cluster.patches) == 3
    assert len(world.cluster.tables) == 1


async def test_who_takes_over_waits_for_the_gateways_that_statuses_tell_of() -> None:
    world = World()
    await world.apply(*PAIR, policy())
    world.index.put(
        {
            **policy(),
            "metadata": world.cluster.resources[CHAT]["metadata"],
            "status": {"programmed": "2/2"},
        }
    )

    async def kept() -> bool:
        return bool(world.cluster.tables)

    async def told() -> bool:
        return len(world.cluster.patches) == len(PAIR) + 1

    running = asyncio.create_task(world.writer.run(), name="reporter")
    try:
        world.connect("a")
        await eventually(kept)
        assert world.cluster.patches == []  # the table is kept, of gateways nothing is said
        world.connect("b")
        await eventually(told)
        assert world.status()["programmed"] == "2/2"
    finally:
        running.cancel()
        await asyncio.wait({running})
