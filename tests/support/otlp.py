"""A real OTLP collector over gRPC that keeps the spans and log records it is sent."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from grpc import StatusCode, aio
from opentelemetry.proto.collector.logs.v1 import (  # pyright: ignore[reportMissingTypeStubs] # generated without types
    logs_service_pb2 as logs_pb,
)
from opentelemetry.proto.collector.logs.v1 import (  # pyright: ignore[reportMissingTypeStubs] # generated without types
    logs_service_pb2_grpc as logs_rpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Seen:
    """One span and the service that sent it."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        """The span's name."""
        return self.span.name

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes, each as text."""
        return texts(self.span.attributes)


def texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes, each as text."""
    return {
        each.key: str(getattr(each.value, each.value.WhichOneof("value") or "string_value"))
        for each in attributes
    }


@dataclass
class Records(logs_rpc.LogsServiceServicer):
    """Keeps the log records it gets; while `away` it refuses them."""

    kept: list[LogRecord] = field(default_factory=list[LogRecord])
    away: bool = False
    refused: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def Export(  # noqa: N802 - the service's own name
        self,
        request: logs_pb.ExportLogsServiceRequest,
        context: "aio.ServicerContext[logs_pb.ExportLogsServiceRequest, logs_pb.ExportLogsServiceResponse]",  # noqa: E501 - the type's own length
    ) -> logs_pb.ExportLogsServiceResponse:
        """Take one batch."""
        if self.away:
            self.refused += 1
            self._changed.set()
            await context.abort(StatusCode.INVALID_ARGUMENT, "not now")
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                self.kept.extend(scope.log_records)
        self._changed.set()
        return logs_pb.ExportLogsServiceResponse()

    async def until(self, holds: Callable[[], bool], *, within: float) -> None:
        """Wait for it."""
        async with asyncio.timeout(within):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


@dataclass
class Collector(rpc.TraceServiceServicer):
    """Keeps what it gets."""

    endpoint: str = ""
    records: Records = field(default_factory=Records)
    spans: list[Seen] = field(default_factory=list[Seen])
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def Export(  # noqa: N802 - the service's own name
        self,
        request: pb.ExportTraceServiceRequest,
        context: "aio.ServicerContext[pb.ExportTraceServiceRequest, pb.ExportTraceServiceResponse]",
    ) -> pb.ExportTraceServiceResponse:
        """Take one batch."""
        del context
        for resource in request.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                service = names.get("service.name", "")
                self.spans.extend(Seen(service, span) for span in scope.spans)
        self._arrived.set()
        return pb.ExportTraceServiceResponse()

    def of(self, trace_id: bytes) -> list[Seen]:
        """The spans of one trace."""
        return [seen for seen in self.spans if seen.span.trace_id == trace_id]

    async def wait_for(self, trace_id: bytes, names: set[str], *, within: float) -> list[Seen]:
        """The trace's spans, once all the `names` are among them."""
        async with asyncio.timeout(within):
            while not names <= {seen.name for seen in self.of(trace_id)}:
                self._arrived.clear()
                await self._arrived.wait()
        return self.of(trace_id)


@asynccontextmanager
async def collecting() -> AsyncGenerator[Collector]:
    """A collector on a free port."""
    collector = Collector()
    server = aio.server()
    rpc.add_TraceServiceServicer_to_server(collector, server)  # pyright: ignore[reportUnknownMemberType] # generated without types
    logs_rpc.add_LogsServiceServicer_to_server(collector.records, server)  # pyright: ignore[reportUnknownMemberType] # generated without types
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    collector.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield collector
    finally:
        await server.stop(grace=None)
