"""The gRPC server: scorer, health and reflection on TCP or unix sockets, from start to drained."""

import asyncio
import logging
import socket
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from weir_proto.scorer.v1 import scorer_pb2, scorer_pb2_grpc
from weir_runtime.quantities import Address, Bytes
from weir_scorer.server.service import ScorerService

_SOCKET_MODE = 0o660  # only the owner and the gateway's group may connect
_PROBE_SECONDS = 1.0


class CannotListen(Exception):
    """The address cannot be listened on; the message says why and what to do."""


async def listen(server: aio.Server, address: Address) -> Address:
    """Bind `server` to `address`; returns it with the port really bound. Raises CannotListen."""
    if address.path is None:
        return Address(host=address.host, port=_bind(server, address, str(address)))
    await asyncio.to_thread(_remove_stale_socket, address.path)
    _bind(server, address, f"unix:{address.path}")
    await asyncio.to_thread(address.path.chmod, _SOCKET_MODE)
    return address


async def remove_socket(address: Address) -> None:
    """Remove the socket file, if `address` is one and it is still there."""
    if address.path is not None:
        await asyncio.to_thread(address.path.unlink, missing_ok=True)


def _bind(server: aio.Server, address: Address, target: str) -> int:
    try:
        port = server.add_insecure_port(target)
    except RuntimeError as error:
        raise CannotListen(
            f"cannot listen on {address}: is the address free, and does it exist here?"
        ) from error
    if port == 0:
        raise CannotListen(f"cannot listen on {address}: is the address free?")
    return port


def _remove_stale_socket(path: Path) -> None:
    """Remove a stale socket file. Raises CannotListen for anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise CannotListen(f"cannot listen on {path}: its folder does not exist") from None
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(f"cannot listen on {path}: another kind of file is there; remove it")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        with suppress(ConnectionRefusedError, FileNotFoundError):
            probe.connect(str(path))
            raise CannotListen(f"cannot listen on {path}: another program serves there")
    path.unlink(missing_ok=True)


_log = logging.getLogger(__name__)

_SCORER = scorer_pb2.DESCRIPTOR.services_by_name["Scorer"].full_name
_NAMES = (_SCORER, health.SERVICE_NAME, reflection.SERVICE_NAME)
_LINGER_SECONDS = 0.25  # for last answers to leave; open health watches never end by themselves


class ScorerServer:
    """Listens, reports its health, and drains before it stops."""

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
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        for address in addresses:
            self._addresses.append(await listen(self._server, address))
        await self._server.start()
        return tuple(self._addresses)

    async def set_serving(self) -> None:
        """Report the service as healthy: the bundle is warm."""
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)

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
            await remove_socket(address)

    async def _set_health(self, status: int) -> None:
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
