"""The operator's stream as a real gRPC server: says what a test wants, keeps what it hears."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field

import grpc

from weir_proto.routing.v2 import routetable_pb2 as pb
from weir_proto.routing.v2 import routetable_pb2_grpc as rpc


@dataclass
class Operator(rpc.RouteTablesServicer):
    """Sends what a test puts in `outbox`, keeps what it is told."""

    outbox: "asyncio.Queue[pb.RouteTable]" = field(default_factory=asyncio.Queue[pb.RouteTable])
    reports: "asyncio.Queue[pb.Report]" = field(default_factory=asyncio.Queue[pb.Report])
    tokens: list[str] = field(default_factory=list[str])

    async def Stream(  # noqa: N802 - the proto's name
        self,
        request_iterator: AsyncIterator[pb.Report],
        context: grpc.aio.ServicerContext[pb.Report, pb.RouteTable],
    ) -> AsyncIterator[pb.RouteTable]:
        self.tokens += [
            str(v) for k, v in context.invocation_metadata() or () if k == "authorization"
        ]
        reading = asyncio.create_task(self._read(request_iterator), name="operator-reads")
        try:
            while True:
                yield await self.outbox.get()
        finally:
            reading.cancel()

    async def _read(self, reports: AsyncIterator[pb.Report]) -> None:
        async for report in reports:
            await self.reports.put(report)

    async def verdict(self, version: str) -> pb.Report:
        """The next report with an ACK or NACK of `version`."""
        async with asyncio.timeout(20):
            while True:
                report = await self.reports.get()
                if report.version == version and report.WhichOneof("verdict"):
                    return report


@contextlib.asynccontextmanager
async def running_operator(operator: Operator, port: int = 0) -> AsyncGenerator[int]:
    """Serve it; gives the port."""
    server = grpc.aio.server()
    rpc.add_RouteTablesServicer_to_server(operator, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(None)
