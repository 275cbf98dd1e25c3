"""The gRPC server that Envoy asks: external processing and health, from start to drained."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import grpc
from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from weir_gateway.extproc.answer_side import Observer
from weir_gateway.extproc.session import Session, SessionParts
from weir_proto.envoy.v3 import external_processor_pb2 as pb
from weir_proto.envoy.v3 import external_processor_pb2_grpc as pb_grpc
from weir_runtime.quantities import Address

_LOG = logging.getLogger(__name__)

Context = aio.ServicerContext[pb.ProcessingRequest, pb.ProcessingResponse]
SERVICE: Final = pb.DESCRIPTOR.services_by_name["ExternalProcessor"].full_name
MESSAGE_FRAME: Final = 64 * 1024  # bytes of a message beside the body in it
KEEPALIVE_MS: Final = 30_000
HEALTH_CALLS: Final = 16  # beside the requests in flight


class ExternalProcessor(pb_grpc.ExternalProcessorServicer):
    """One call for each HTTP request."""

    def __init__(self, parts: SessionParts) -> None:
        self._parts = parts
        self.in_flight = 0

    async def Process(  # noqa: N802 - the wire's name; the stubs know no aio servicer
        self, request_iterator: AsyncIterator[pb.ProcessingRequest], context: Context
    ) -> AsyncGenerator[pb.ProcessingResponse]:
        """Answer the messages about one request."""
        self.in_flight += 1
        session: Session | Observer | None = None
        try:
            while (message := await _next(request_iterator, session)) is not None:
                if session is None:
                    session = self._session(message)
                for response in await session.answer(message):
                    yield response
        except TimeoutError:
            if isinstance(session, Session):
                for response in session.time_out():
                    yield response
        except Exception:  # noqa: BLE001 - the last line of defence: Envoy reads a status, its failure mode decides
            _LOG.exception("a stream of Envoy's failed because of a bug in the gateway")
            await context.abort(grpc.StatusCode.INTERNAL, "the gateway failed: see its log")
        finally:
            if session is not None:
                session.end()
            self.in_flight -= 1

    def _session(self, first: pb.ProcessingRequest) -> Session | Observer:
        if first.observability_mode:
            return Observer(self._parts.decisions)
        return Session(self._parts)


async def _next(
    requests: AsyncIterator[pb.ProcessingRequest], session: Session | Observer | None
) -> pb.ProcessingRequest | None:
    """The next message; None at the end. Raises TimeoutError where the session waits no longer."""
    within = None if session is None else session.within
    if within is None:
        return await anext(requests, None)
    async with asyncio.timeout(within):
        return await anext(requests, None)


class ExtprocServer:
    """Listens, reports its health, and drains before it stops."""

    def __init__(self, parts: SessionParts, *, max_calls: int, reuse_port: bool) -> None:
        """gRPC refuses streams beyond `max_calls`, which Envoy treats as a failure."""
        self.processor = ExternalProcessor(parts)
        self._parts = parts
        self._server = aio.server(
            options=[
                ("grpc.so_reuseport", int(reuse_port)),
                ("grpc.max_receive_message_length", parts.decider.bounds.body + MESSAGE_FRAME),
                ("grpc.max_send_message_length", -1),
                # A stream may be silent for as long as a model thinks: pings find a lost Envoy.
                ("grpc.keepalive_time_ms", KEEPALIVE_MS),
                ("grpc.keepalive_timeout_ms", KEEPALIVE_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ],
            maximum_concurrent_rpcs=max_calls + HEALTH_CALLS,
        )
        self._health = health.aio.HealthServicer()
        pb_grpc.add_ExternalProcessorServicer_to_server(self.processor, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)

    async def start(self, address: Address) -> Address:
        """Serve; returns the address that is really bound. Raises OSError."""
        target = str(address) if address.path is None else f"unix:{address.path}"
        try:
            port = self._server.add_insecure_port(target)
        except RuntimeError as error:
            raise OSError(f"can't listen on {address} for Envoy: is it free?") from error
        await self._server.start()
        for name in ("", SERVICE):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return address if address.path is not None else Address(host=address.host, port=port)

    async def drain(self, within: float, linger: float) -> None:
        """Report that it stops, let requests end for at most `within` seconds, then stop."""
        await self._health.enter_graceful_shutdown()
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        await asyncio.sleep(min(linger, within))
        await self._server.stop(max(until - loop.time(), 0.0))

    async def stop(self) -> None:
        """Close what is open; account what nobody sees any more."""
        await self._server.stop(None)
        self._parts.decisions.close_all()
