"""The gRPC server for gateways and other replicas: port, TLS, keepalive.

Certificates are read again for each connection, so that a renewed one is used without a restart.
"""

import asyncio
from pathlib import Path

import grpc

from weir_proto.routing.v2 import replicas_pb2_grpc as replicas_rpc
from weir_proto.routing.v2 import routetable_pb2_grpc as rpc

GRACE_SECONDS = 2.0  # streams never end by themselves; gateways reconnect to another replica
OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),  # detects a gateway that vanished without closing
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),  # thousands of policies
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.so_reuseport", 0),
)


class NoCertificate(Exception):
    """The certificate's files can't be used; the message names them."""


class StreamServer:
    """Serves both services on one port."""

    def __init__(
        self,
        tables: rpc.RouteTablesServicer,
        replicas: replicas_rpc.ReplicasServicer,
        tls: Path | None,
    ) -> None:
        """`tls` is a folder with tls.crt and tls.key; None serves without TLS."""
        self._server = grpc.aio.server(options=OPTIONS)
        rpc.add_RouteTablesServicer_to_server(tables, self._server)
        replicas_rpc.add_ReplicasServicer_to_server(replicas, self._server)
        self._tls = tls

    async def start(self, address: str) -> int:
        """Listen at host:port; returns the bound port. Raises NoCertificate, OSError."""
        try:
            port = await self._add_port(address)
        except RuntimeError as error:
            raise OSError(f"can't listen at {address}: {error}") from None
        await self._server.start()
        return port

    async def _add_port(self, address: str) -> int:
        if self._tls is None:
            return self._server.add_insecure_port(address)
        credentials = await asyncio.to_thread(_credentials, self._tls)
        return self._server.add_secure_port(address, credentials)

    async def stop(self) -> None:
        """Close every stream and stop listening."""
        await self._server.stop(GRACE_SECONDS)


def _credentials(folder: Path) -> grpc.ServerCredentials:
    try:
        first = _configuration(folder)
    except OSError as error:
        raise NoCertificate(f"{error.filename}: {error.strerror}") from None

    def renewed() -> grpc.ServerCertificateConfiguration:
        try:
            return _configuration(folder)
        except OSError:  # the files are being replaced
            return first

    return grpc.dynamic_ssl_server_credentials(first, renewed, require_client_authentication=False)


def _configuration(folder: Path) -> grpc.ServerCertificateConfiguration:
    pair = (folder / "tls.key").read_bytes(), (folder / "tls.crt").read_bytes()
    return grpc.ssl_server_certificate_configuration([pair])
