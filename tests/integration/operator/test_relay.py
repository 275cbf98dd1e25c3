"""Two replicas over real gRPC: what one's gateways say is known where statuses are written."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator

import grpc

from support.fake_cluster import FakeCluster
from support.fakes import FakeClock
from support.gateway import backend
from support.gateway import table as gateway_table
from support.polling import eventually
from weir_operator.apply.authentication import (
    AllowAllAuthenticator,
    Authenticator,
    TokenReviewAuthenticator,
)
from weir_operator.apply.election import ADDRESS, Election, LeaseTiming
from weir_operator.apply.gateways import Gateways
from weir_operator.apply.relay import Relay, ReplicaIdentity, Sources
from weir_operator.apply.replicas import ReplicasService
from weir_operator.apply.server import StreamServer
from weir_operator.apply.stream import RouteTables
from weir_operator.apply.table_publisher import Snapshot, TablePublisher, contents_of
from weir_operator.apply.usage import GatewayRun
from weir_operator.apply.usage_reports import UsageReports
from weir_policy.table import decode
from weir_proto.routing.v2 import replicas_pb2_grpc
from weir_proto.routing.v2 import routetable_pb2 as pb
from weir_proto.routing.v2.replicas_pb2 import Hello, Relayed
from weir_runtime.metrics import Registry

TERMS = LeaseTiming(duration=60.0, retry_interval=0.02)


class Replica:
    """One replica's stream, without the rest of it."""

    def __init__(self, cluster: FakeCluster, name: str, door: Authenticator) -> None:
        self.name = name
        self.news = Sources(
            TablePublisher(), Gateways(time.monotonic), UsageReports(time.monotonic)
        )
        self.registry = Registry()
        self._cluster = cluster
        self._door = door
        self.clock = FakeClock()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator["Replica"]:
        """Serve and take part in the election."""
        news = self.news
        parts = (news.publisher, news.gateways, news.usage)
        tables = RouteTables(*parts, AllowAllAuthenticator(), self.registry)
        replicas = ReplicasService(*parts, self._door, self.registry)
        server = StreamServer(tables, replicas, None)
        port = await server.start("127.0.0.1:0")
        address = f"127.0.0.1:{port}"
        self.election = Election(self._cluster, self.name, address, self.clock, TERMS)
        replicas.use_election(self.election)
        relay = Relay(ReplicaIdentity(self.name, None, None), news, self.election, self.registry)
        tasks = [
            asyncio.create_task(self.election.run(), name=f"election-{self.name}"),
            asyncio.create_task(relay.run(), name=f"relay-{self.name}"),
        ]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await server.stop()

    def seen(self) -> list[tuple[str, str]]:
        """Every gateway that counts here, and what it runs."""
        return [(s.gateway, s.running) for s in self.news.gateways.active()]


def used(requests: int) -> list[pb.PolicyUsage]:
    """Of one policy."""
    return [pb.PolicyUsage(policy="shop/chat", uid="u", requests=requests)]


async def leads(replica: Replica) -> None:
    """Wait for it."""

    async def leading() -> bool:
        return replica.election.leading

    await eventually(leading)


async def sees(replica: Replica, *gateways: tuple[str, str]) -> None:
    """Wait for it."""

    async def seen() -> bool:
        return replica.seen() == list(gateways)

    await eventually(seen)


async def test_the_leader_knows_what_a_follower_s_gateways_say() -> None:
    cluster = FakeCluster()
    one, two = (
        Replica(cluster, "one", AllowAllAuthenticator()),
        Replica(cluster, "two", AllowAllAuthenticator()),
    )
    async with one.running():
        await leads(one)
        async with two.running():
            gateways, usage = two.news.gateways, two.news.usage
            session = gateways.connect(pb.Report(gateway="b", version="v1", started=5, stream=1))
            usage.record(GatewayRun("b", 5), used(3))
            one.news.gateways.connect(pb.Report(gateway="a", version="v1", started=5, stream=1))
            await sees(one, ("a", "v1"), ("b", "v1"))
            acked = pb.Report(gateway="b", version="v2")
            acked.ack.SetInParent()
            gateways.record_report(session, acked)
            usage.record(GatewayRun("b", 5), used(7))
            await sees(one, ("a", "v1"), ("b", "v2"))

            async def counted() -> bool:
                told = one.news.usage.of("shop/chat", "u").get(GatewayRun("b", 5))
                return told is not None and told.requests == 7

            await eventually(counted)
            session.goodbye = True
            gateways.disconnect(session)
            await sees(one, ("a", "v1"))
            assert two.seen() == []


async def test_a_follower_tells_what_a_table_holds_though_it_learns_it_late() -> None:
    cluster = FakeCluster()
    one, two = (
        Replica(cluster, "one", AllowAllAuthenticator()),
        Replica(cluster, "two", AllowAllAuthenticator()),
    )
    made = gateway_table(backend("weak", "http://127.0.0.1:1"), version="otherwise")
    table = decode(made.to_json())
    async with one.running():
        await leads(one)
        async with two.running():
            two.news.gateways.connect(pb.Report(gateway="b", version="otherwise"))
            await sees(one, ("b", "otherwise"))
            assert one.news.publisher.contents("otherwise") is None
            contents = contents_of(table)
            two.news.publisher.publish(
                Snapshot("otherwise", made.message(), table, made.to_json(), (), contents)
            )

            async def learned() -> bool:
                return one.news.publisher.contents("otherwise") == contents

            await eventually(learned)


async def test_when_the_lease_moves_the_other_way_is_told() -> None:
    cluster = FakeCluster()
    one, two = (
        Replica(cluster, "one", AllowAllAuthenticator()),
        Replica(cluster, "two", AllowAllAuthenticator()),
    )
    async with one.running():
        await leads(one)
        one.news.gateways.connect(pb.Report(gateway="a", version="v1", started=5, stream=1))
        async with two.running():
            two.news.gateways.connect(pb.Report(gateway="b", version="v1", started=5, stream=1))
            await sees(one, ("a", "v1"), ("b", "v1"))
            assert cluster.lease is not None
            cluster.lease["spec"]["holderIdentity"] = "two"
            cluster.lease["metadata"]["annotations"]["weir.dev/address"] = ""
            await leads(two)
            await sees(two, ("a", "v1"), ("b", "v1"))
            assert not one.election.leading


async def test_only_other_replicas_may_relay_and_only_to_the_leader() -> None:
    cluster = FakeCluster(tokens={"good": "operator", "gateway": "gateway"})
    door = TokenReviewAuthenticator(
        cluster, frozenset({"operator"}), time.monotonic, "the operator's account"
    )
    one = Replica(cluster, "one", door)
    async with one.running():
        await leads(one)
        assert cluster.lease is not None
        address = cluster.lease["metadata"]["annotations"][ADDRESS]
        codes = {token: await relaying(address, token) for token in ("good", "gateway", "forged")}
        one.clock.advance(TERMS.duration)
        cluster.lease = {
            "metadata": {"resourceVersion": "99"},
            "spec": {"holderIdentity": "another", "leaseDurationSeconds": 600},
        }
        codes["deposed"] = await relaying(address, "good")
    assert codes == {
        "good": None,
        "gateway": grpc.StatusCode.PERMISSION_DENIED,
        "forged": grpc.StatusCode.UNAUTHENTICATED,
        "deposed": grpc.StatusCode.FAILED_PRECONDITION,
    }


async def relaying(address: str, token: str) -> grpc.StatusCode | None:
    """How a call for a relay begins: None where it is welcome."""
    async with grpc.aio.insecure_channel(address) as channel:
        metadata = (("authorization", f"Bearer {token}"),)
        call = replicas_pb2_grpc.ReplicasStub(channel).Relay(metadata=metadata)
        try:
            await call.write(Relayed(hello=Hello(replica="test")))
            await call.read()
        except grpc.aio.AioRpcError as error:
            return error.code()
        except asyncio.InvalidStateError:
            return await call.code()
        return None
