"""A real OTLP collector over gRPC that keeps the spans it is sent."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from grpc import aio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as rpc
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
        return {
            each.key: str(getattr(each.value, each.value.WhichOneof("value") or "string_value"))
            for each in self.span.attributes
        }


@dataclass
class Collector(rpc.TraceServiceServicer):
    """Keeps what it gets."""

    endpoint: str = ""
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
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    collector.endpoint = f"http://127.0.0.1:{port}"
    try:
        yield collector
    finally:
        await server.stop(grace=None)
