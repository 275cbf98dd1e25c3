"""The gRPC server: scorer, health and reflection on its addresses, from start to drained.

Must not know what scoring is.
"""

import asyncio
import logging
from collections.abc import Sequence

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from weir_proto.scorer.v1 import scorer_pb2, scorer_pb2_grpc
from weir_runtime.quantities import Address, Bytes
from weir_scorer.server.listen import forget, listen
from weir_scorer.server.service import ScorerService

_log = logging.getLogger(__name__)

_SCORER = scorer_pb2.DESCRIPTOR.services_by_name["Scorer"].full_name
_NAMES = (_SCORER, health.SERVICE_NAME, reflection.SERVICE_NAME)
_LINGER_SECONDS = 0.25  # for last answers to leave; open health watches never end by themselves


class ScorerServer:
    """Listens, tells its health, drains."""

    def __init__(self, service: ScorerService, *, max_message: Bytes, max_calls: int) -> None:
        """`max_message` bounds a request in bytes, `max_calls` all calls at once, of any method.

        gRPC answers RESOURCE_EXHAUSTED over either.
        """
        self._service = service
        self._server = aio.server(options=_options(max_message), maximum_concurrent_rpcs=max_calls)
        self._health = health.aio.HealthServicer()
        self._addresses: list[Address] = []
        scorer_pb2_grpc.add_ScorerServicer_to_server(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(_NAMES, self._server)

    async def start(self, addresses: Sequence[Address]) -> tuple[Address, ...]:
        """Listen, not serving yet; returns what is really bound. Raises CannotListen."""
        await self._tell(health_pb2.HealthCheckResponse.NOT_SERVING)
        for address in addresses:
            self._addresses.append(await listen(self._server, address))
        await self._server.start()
        return tuple(self._addresses)

    async def serving(self) -> None:
        """The bundle is warm: tell it."""
        await self._tell(health_pb2.HealthCheckResponse.SERVING)

    async def drain(self, within: float) -> bool:
        """Refuse new calls, let those inside finish; False if `within` seconds were too few."""
        await self._health.enter_graceful_shutdown()
        try:
            async with asyncio.timeout(within):
                await self._service.drain()
        except TimeoutError:
            _log.warning("calls were cut off by the drain deadline", extra={"deadline_s": within})
            return False
        return True

    async def stop(self) -> None:
        """Close connections and sockets."""
        await self._server.stop(_LINGER_SECONDS)
        for address in self._addresses:
            await forget(address)

    async def _tell(self, status: int) -> None:
        for name in ("", _SCORER):
            await self._health.set(name, status)


def _options(max_message: Bytes) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # a second scorer on the port is a mistake, not a partner
        ("grpc.max_receive_message_length", max_message),
        # Gateways keep idle connections alive with pings; that is no abuse.
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ]
