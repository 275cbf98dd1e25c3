"""Traces: W3C context in and out, spans only for what is sampled, OTLP by the OTEL_* variables.

An unsampled request costs a random number, not an SDK span: with spans on the hot path that is a
fifth of the gateway's throughput.
"""

import contextlib
import contextvars
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from opentelemetry import trace as api
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import StatusCode

from weir_runtime import otlp
from weir_runtime.tasks import run_with_timeout

AttributeValue = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, AttributeValue]

SHUTDOWN_WITHIN = 2.0  # seconds; a collector that is away must not eat a pod's grace period
_VERSION_00 = "00"
_TRACEPARENT_PARTS = 4
_HEX = frozenset("0123456789abcdef")

# The running task's trace, for log lines; set when a server span starts.
current: contextvars.ContextVar["TraceContext | None"] = contextvars.ContextVar(
    "weir_trace", default=None
)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """W3C trace context (https://www.w3.org/TR/trace-context/): ids, sampled flag, tracestate."""

    trace_id: int
    span_id: int
    sampled: bool
    state: str = ""

    @classmethod
    def from_headers(cls, headers: Mapping[str, str]) -> "TraceContext | None":
        """Read `traceparent` and `tracestate`; None where absent or malformed, as the spec says."""
        header = headers.get("traceparent")
        if header is None:
            return None
        parts = header.strip().split("-")
        if len(parts) < _TRACEPARENT_PARTS or not _well_formed(parts):
            return None
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:_TRACEPARENT_PARTS])
        if trace_id == 0 or span_id == 0:
            return None
        return cls(trace_id, span_id, bool(flags & 1), headers.get("tracestate", ""))

    def to_headers(self) -> dict[str, str]:
        """The headers that hand this context on."""
        traceparent = f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"
        if self.state:
            return {"traceparent": traceparent, "tracestate": self.state}
        return {"traceparent": traceparent}


def _well_formed(parts: list[str]) -> bool:
    version, trace_id, span_id, flags = parts[:_TRACEPARENT_PARTS]
    if version == _VERSION_00 and len(parts) != _TRACEPARENT_PARTS:
        return False
    lengths = (len(version), len(trace_id), len(span_id), len(flags))
    return (
        lengths == (2, 32, 16, 2)
        and version != "ff"
        and _HEX.issuperset(version + trace_id + span_id + flags)
    )


class Span:
    """One span; where the trace isn't sampled, only a context to propagate."""

    __slots__ = ("_span", "context")

    def __init__(self, context: TraceContext, span: api.Span | None) -> None:
        self.context = context
        self._span = span

    @property
    def recording(self) -> bool:
        """Whether attributes are recorded; where not, callers skip costly ones."""
        return self._span is not None

    def set(self, key: str, value: AttributeValue) -> None:
        """Set an attribute."""
        if self._span is not None:
            self._span.set_attribute(key, value)

    def link(self, context: TraceContext) -> None:
        """Link another trace's span."""
        if self._span is not None:
            self._span.add_link(_span_context(context))

    def error(self, message: str) -> None:
        """Mark the span as failed."""
        if self._span is not None:
            self._span.set_status(StatusCode.ERROR, message)

    def end(self) -> None:
        """End the span; later calls have no effect."""
        if self._span is not None:
            self._span.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self.error(type(error).__name__)
        self.end()


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which traces are recorded: this share of new ones; a caller's own choice where `follow`."""

    ratio: float = 0.01
    follow: bool = True

    @classmethod
    def from_env(cls, variables: Mapping[str, str]) -> "Sampling":
        """OTEL_TRACES_SAMPLER and its argument; Weir's default is 1 % of new traces."""
        name = variables.get("OTEL_TRACES_SAMPLER") or "parentbased_traceidratio"
        argument = variables.get("OTEL_TRACES_SAMPLER_ARG")
        root = name.removeprefix("parentbased_")
        default = "0.01" if "OTEL_TRACES_SAMPLER" not in variables else "1.0"
        ratios = {"always_on": 1.0, "always_off": 0.0}
        ratio = ratios.get(root, float(argument or default))
        return cls(min(max(ratio, 0.0), 1.0), follow=name.startswith("parentbased_"))


class Tracing:
    """Starts spans for one service."""

    def __init__(
        self, resource: Resource, processor: SpanProcessor | None, sampling: Sampling
    ) -> None:
        self._sampling = sampling
        self._provider: TracerProvider | None = None
        self._tracer: api.Tracer | None = None
        if processor is not None:
            self._provider = TracerProvider(
                resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False
            )
            self._provider.add_span_processor(processor)
            self._tracer = self._provider.get_tracer("weir")

    @classmethod
    def from_env(cls, service: str, variables: Mapping[str, str]) -> "Tracing":
        """Export as the standard OTEL_* variables say; record nothing where they say nothing."""
        sampling = Sampling.from_env(variables)
        processor = otlp.span_processor(variables)
        if processor is None:
            return cls(Resource.get_empty(), None, sampling)
        return cls(resource(service, variables), processor, sampling)

    def start(
        self,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        *,
        parent: TraceContext | None = None,
        attributes: Attributes | None = None,
        links: Sequence[TraceContext] = (),
    ) -> Span:
        """Start a span under `parent`, or a new trace where there is none."""
        tracer = self._tracer
        if tracer is None or not self._sampled(parent):
            return Span(parent if parent is not None else _new_context(), None)
        context = None
        if parent is not None:
            context = api.set_span_in_context(NonRecordingSpan(_span_context(parent)))
        span = tracer.start_span(
            name,
            context=context,
            kind=kind,
            attributes=attributes,
            links=[Link(_span_context(link)) for link in links],
        )
        own = span.get_span_context()
        state = parent.state if parent is not None else ""
        return Span(TraceContext(own.trace_id, own.span_id, sampled=True, state=state), span)

    def _sampled(self, parent: TraceContext | None) -> bool:
        if parent is not None and self._sampling.follow:
            return parent.sampled
        return random.random() < self._sampling.ratio  # noqa: S311 - sampling, not secrecy

    async def shutdown(self) -> None:
        """Flush what is queued and stop; gives up on a collector that is away."""
        if self._provider is not None:
            with contextlib.suppress(TimeoutError):
                await run_with_timeout(self._provider.shutdown, SHUTDOWN_WITHIN, "weir-traces-end")


def resource(service: str, variables: Mapping[str, str]) -> Resource:
    """Who speaks: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, else `service`."""
    if "OTEL_SERVICE_NAME" in variables or "service.name" in variables.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        return Resource.create()
    return Resource.create({SERVICE_NAME: service})


def _new_context() -> TraceContext:
    bits = random.getrandbits(192)
    return TraceContext((bits >> 64) or 1, (bits & (2**64 - 1)) or 1, sampled=False)


def _span_context(context: TraceContext) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(context.trace_id, context.span_id, is_remote=True, trace_flags=flags)
