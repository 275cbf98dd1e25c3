"""The gRPC service `weir.scorer.v1.Scorer`: each call with its deadline, span and metrics."""

import asyncio
import time
from typing import NamedTuple, TypeAlias, cast

import grpc
from grpc import aio
from opentelemetry.trace import SpanKind

from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_proto.scorer.v1 import scorer_pb2_grpc
from weir_runtime.tracing import Span, TraceContext, current
from weir_scorer.batching.calls import BatchKey
from weir_scorer.server.bundles import Bundles, Serving
from weir_scorer.server.codec import (
    KNOWN_ERRORS,
    CallLimits,
    NotServing,
    code_of,
    describe,
    response,
    texts_of,
)
from weir_scorer.telemetry import Telemetry

_SPAN = "weir.scorer.v1.Scorer/Score"
_ATTRIBUTES = {
    "rpc.system": "grpc",
    "rpc.service": "weir.scorer.v1.Scorer",
    "rpc.method": "Score",
}

_TRACE_HEADERS = frozenset({"traceparent", "tracestate"})
_TICK_SECONDS = 0.005  # gRPC's clock may be that much ahead of ours

ScoreContext: TypeAlias = aio.ServicerContext[pb.ScoreRequest, pb.ScoreResponse]
DescribeContext: TypeAlias = aio.ServicerContext[pb.DescribeRequest, pb.Description]


class _Outcome(NamedTuple):
    """A call's outcome, for its metric and span."""

    router: str
    code: grpc.StatusCode


class ScorerService(scorer_pb2_grpc.ScorerServicer):
    """Answers from the bundle that serves at the call's arrival."""

    def __init__(self, bundles: Bundles, limits: CallLimits, telemetry: Telemetry) -> None:
        self._bundles = bundles
        self._limits = limits
        self._telemetry = telemetry
        self._draining = False
        self._active = 0
        self._empty = asyncio.Event()
        self._empty.set()

    async def drain(self) -> None:
        """Refuse new calls from now on; returns when those inside are over."""
        self._draining = True
        await self._empty.wait()

    async def Score(self, request: pb.ScoreRequest, context: ScoreContext) -> pb.ScoreResponse:  # noqa: N802 - the name in the service
        """Score each text; see scorer.proto for the status codes."""
        started = time.perf_counter()  # the loop's own clock ticks in milliseconds
        seconds = self._seconds(context)
        deadline = asyncio.get_running_loop().time() + seconds
        span = self._span(context)
        code = grpc.StatusCode.UNKNOWN
        router = ""
        self._enter()
        try:
            serving = self._serving()
            texts = texts_of(request, self._limits)
            router = serving.engine.resolve(request.router)
            answer = await serving.batcher.score(
                texts,
                BatchKey(router, request.want_quality, request.want_embedding),
                deadline=deadline,
                context=span.context if span.recording else None,
            )
            code = grpc.StatusCode.OK
            return response(answer, serving.description.version, router)
        except KNOWN_ERRORS as error:
            code = code_of(error)
            await context.abort(code, str(error))
        except asyncio.CancelledError:  # by the caller, or by gRPC when the caller's time was up
            late = time.perf_counter() - started + _TICK_SECONDS >= seconds
            code = grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
            raise
        finally:
            self._leave()
            self._record(span, _Outcome(router, code), time.perf_counter() - started)

    async def Describe(  # noqa: N802 - as above
        self, request: pb.DescribeRequest, context: DescribeContext
    ) -> pb.Description:
        """The bundle that serves, its routers, devices and limits."""
        del request
        try:
            serving = self._serving()
        except NotServing as error:
            await context.abort(code_of(error), str(error))
        return describe(serving.description, serving.devices, self._limits)

    def _serving(self) -> Serving:
        if self._draining:
            raise NotServing("the scorer is draining; ask another one")
        serving = self._bundles.serving
        if serving is None:
            raise NotServing("the bundle is not warm yet; try again")
        return serving

    def _seconds(self, context: ScoreContext) -> float:
        # None without a deadline, whatever the stubs say.
        remaining = cast("float | None", context.time_remaining())
        return self._limits.seconds if remaining is None else min(remaining, self._limits.seconds)

    def _span(self, context: ScoreContext) -> Span:
        headers = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if key in _TRACE_HEADERS and isinstance(value, str)
        }
        parent = TraceContext.from_headers(headers) if headers else None
        span = self._telemetry.tracing.start(
            _SPAN, SpanKind.SERVER, parent=parent, attributes=_ATTRIBUTES
        )
        current.set(span.context)
        return span

    def _record(self, span: Span, outcome: _Outcome, seconds: float) -> None:
        code = outcome.code
        self._telemetry.calls.labels(outcome.router, code.name).record(seconds)
        if span.recording:
            span.set("weir.router", outcome.router)
            span.set("rpc.grpc.status_code", _number(code))
            if code is not grpc.StatusCode.OK:
                span.error(code.name)
        span.end()

    def _enter(self) -> None:
        self._active += 1
        self._empty.clear()

    def _leave(self) -> None:
        self._active -= 1
        if self._active == 0:
            self._empty.set()


def _number(code: grpc.StatusCode) -> int:
    number: int = code.value[0]
    return number
