"""The gRPC service `weir.routing.v2.Replicas`: receives what other replicas relay.

Serves only while this replica holds the Lease; when a stream ends, the other replica looks for the
new holder.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import grpc

from weir_operator.apply.authentication import Authenticator
from weir_operator.apply.election import Election
from weir_operator.apply.gateways import Gateways, GatewayState, Refusal, health_of, refused_in
from weir_operator.apply.stream import authenticate
from weir_operator.apply.table_publisher import TablePublisher
from weir_operator.apply.usage import GatewayRun
from weir_operator.apply.usage_reports import UsageReports
from weir_proto.routing.v2 import replicas_pb2 as wire
from weir_proto.routing.v2 import replicas_pb2_grpc as rpc
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[wire.Relayed, wire.Welcome]


class ReplicasService(rpc.ReplicasServicer):
    """The service."""

    def __init__(
        self,
        publisher: TablePublisher,
        gateways: Gateways,
        usage: UsageReports,
        authenticator: Authenticator,
        registry: Registry,
    ) -> None:
        self._publisher = publisher
        self._gateways = gateways
        self._usage = usage
        self._authenticator = authenticator
        self._election: Election | None = None
        self._links: set[object] = set()
        registry.gauge_callback(
            "weir.operator.replicas.linked",
            "Other replicas that relay what their gateways say to this one.",
            lambda: len(self._links),
        )

    def use_election(self, election: Election) -> None:
        """Serve while `election` says that this replica leads; before this call it refuses."""
        self._election = election

    @property
    def _leading(self) -> bool:
        return self._election is not None and self._election.leading

    async def Relay(  # type: ignore[override]  # noqa: N802 - the wire's name; the stubs know no aio servicer
        self, request_iterator: AsyncIterator[wire.Relayed], context: Context
    ) -> None:
        """Record what one replica relays, for as long as this one leads."""
        await authenticate(self._authenticator, context)
        if not self._leading:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this replica does not lead")
        link = object()
        self._links.add(link)
        try:
            await context.write(wire.Welcome())
            async with asyncio.TaskGroup() as tasks:
                reading = tasks.create_task(self._read(link, request_iterator), name="weir-take")
                tasks.create_task(self._while_leading(reading), name="weir-until-deposed")
        finally:
            self._links.discard(link)
            self._gateways.drop_link(link)

    async def _while_leading(self, reading: "asyncio.Task[None]") -> None:
        while self._leading and not reading.done():
            await asyncio.wait({reading}, timeout=1.0)
        reading.cancel()

    async def _read(self, link: object, messages: AsyncIterator[wire.Relayed]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            async for message in messages:
                self._record(link, message)

    def _record(self, link: object, message: wire.Relayed) -> None:
        match message.WhichOneof("what"):
            case "hello":
                _LOG.info("a replica relays", extra={"replica": message.hello.replica})
            case "contents":
                self._publisher.record_relayed(
                    message.contents.version, dict(message.contents.policies)
                )
            case "usage":
                usage = message.usage
                self._usage.record(GatewayRun(usage.gateway, usage.started), usage.usage)
            case "standing":
                self._record_standing(link, message.standing)
            case None:
                pass  # a kind of message from a newer version

    def _record_standing(self, link: object, standing: wire.Standing) -> None:
        if standing.presence == wire.PRESENCE_CONNECTED:
            self._gateways.record_relayed(link, _gateway_state(standing))
        else:
            goodbye = standing.presence == wire.PRESENCE_LEFT
            self._gateways.record_relayed_end(link, standing.gateway, goodbye=goodbye)


def _gateway_state(standing: wire.Standing) -> GatewayState:
    refusal = None
    if standing.HasField("refusal"):
        refusal = Refusal(
            standing.refusal.version, standing.refusal.policy, standing.refusal.reason
        )
    return GatewayState(
        gateway=standing.gateway,
        started=standing.started,
        stream=standing.stream,
        running=standing.running,
        refusal=refusal,
        refused=refused_in(standing.running, standing.refused),
        health=health_of(standing.health),
    )
