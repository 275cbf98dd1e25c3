"""weir.routing.v1.Replicas: what the other replicas' gateways say reaches the one that writes.

Serves only while this replica holds the Lease; a stream that ends tells the other one to look who
does. Must not know Kubernetes.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import grpc

from weir_operator.apply.admission import Doorkeeper
from weir_operator.apply.board import Board
from weir_operator.apply.election import Election
from weir_operator.apply.gateways import Gateways, Refusal, Standing, health_of
from weir_operator.apply.reported import Reported
from weir_operator.apply.stream import admitted
from weir_operator.apply.usage import Source
from weir_proto.routing.v1 import replicas_pb2 as wire
from weir_proto.routing.v1 import replicas_pb2_grpc as rpc
from weir_runtime.metrics import Registry

_LOG = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[wire.Relayed, wire.Welcome]


class ReplicasService(rpc.ReplicasServicer):
    """The service."""

    def __init__(
        self,
        board: Board,
        gateways: Gateways,
        reported: Reported,
        door: Doorkeeper,
        registry: Registry,
    ) -> None:
        self._board = board
        self._gateways = gateways
        self._reported = reported
        self._door = door
        self._election: Election | None = None
        self._links: set[object] = set()
        registry.gauge_callback(
            "weir.operator.replicas.linked",
            "Other replicas that relay what their gateways say to this one.",
            lambda: len(self._links),
        )

    def elect(self, election: Election) -> None:
        """By whom it is decided whether this replica writes; before that it does not."""
        self._election = election

    @property
    def _leading(self) -> bool:
        return self._election is not None and self._election.leading

    async def Relay(  # type: ignore[override]  # noqa: N802 - the wire's name; the stubs know no aio servicer
        self, request_iterator: AsyncIterator[wire.Relayed], context: Context
    ) -> None:
        """Take in what one replica says, for as long as this one leads."""
        await admitted(self._door, context)
        if not self._leading:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "this replica does not lead")
        link = object()
        self._links.add(link)
        try:
            await context.write(wire.Welcome())
            async with asyncio.TaskGroup() as tasks:
                taking = tasks.create_task(self._take_all(link, request_iterator), name="weir-take")
                tasks.create_task(self._until_deposed(taking), name="weir-until-deposed")
        finally:
            self._links.discard(link)
            self._gateways.unlink(link)

    async def _until_deposed(self, taking: "asyncio.Task[None]") -> None:
        while self._leading and not taking.done():
            await asyncio.wait({taking}, timeout=1.0)
        taking.cancel()

    async def _take_all(self, link: object, said: AsyncIterator[wire.Relayed]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            async for message in said:
                self._take(link, message)

    def _take(self, link: object, message: wire.Relayed) -> None:
        match message.WhichOneof("what"):
            case "hello":
                _LOG.info("a replica relays", extra={"replica": message.hello.replica})
            case "contents":
                self._board.learn(message.contents.version, dict(message.contents.policies))
            case "usage":
                usage = message.usage
                self._reported.note(Source(usage.gateway, usage.started), usage.usage)
            case "standing":
                self._stand(link, message.standing)
            case None:
                pass  # of a newer version

    def _stand(self, link: object, told: wire.Standing) -> None:
        if told.presence == wire.PRESENCE_CONNECTED:
            self._gateways.relayed(link, _standing(told))
        else:
            goodbye = told.presence == wire.PRESENCE_LEFT
            self._gateways.relayed_end(link, told.gateway, goodbye=goodbye)


def _standing(told: wire.Standing) -> Standing:
    refusal = None
    if told.HasField("refusal"):
        refusal = Refusal(told.refusal.version, told.refusal.policy, told.refusal.reason)
    return Standing(
        gateway=told.gateway,
        started=told.started,
        stream=told.stream,
        running=told.running,
        refusal=refusal,
        health=health_of(told.health),
    )
