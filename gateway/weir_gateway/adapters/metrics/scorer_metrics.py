"""Metrics, spans and log lines of calls to the scorer."""

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.trace import SpanKind

from weir_gateway.adapters.scorer.coalescer import Batch
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_gateway.routing import ports
from weir_runtime.metrics import Registry
from weir_runtime.tracing import Span, TraceContext, Tracing

log = logging.getLogger(__name__)

SPAN = "weir.scorer.v1.Scorer/Score"
QUIET = 1.0  # seconds between two log lines: a scorer that sheds flips many times a second
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128)
ATTRIBUTES = {
    "rpc.system": "grpc",
    "rpc.service": "weir.scorer.v1.Scorer",
    "rpc.method": "Score",
}

Metadata = tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class Call:
    """What a call carries of its trace."""

    metadata: Metadata


class ScorerMetrics:
    """What is counted and traced of one scorer's client."""

    def __init__(
        self, registry: Registry, tracing: Tracing, clock: ports.Clock = time.perf_counter
    ) -> None:
        self._tracing = tracing
        self._clock = clock
        self._registry = registry
        self._duration = registry.histogram(
            "weir.score.duration", "Seconds a call to the scorer took.", ("outcome",)
        )
        self._ok = self._duration.labels("ok")
        self._failed = self._duration.labels("failed")
        self._logged_at = 0.0
        self._logged_up: bool | None = None  # what the log said last
        self._texts = registry.histogram(
            "weir.score.texts", "Prompts that shared one call.", unit="{text}", bounds=BATCH_BOUNDS
        ).labels()
        self._up = registry.gauge("weir.score.up", "1 while the scorer answers, else 0.").labels()

    def watch_waiting(self, waiting: Callable[[], int]) -> None:
        """Show how many prompts wait for a call."""
        self._registry.gauge_callback(
            "weir.score.waiting", "Prompts that wait for a call to the scorer.", waiting
        )

    @contextmanager
    def call(self, batch: Batch) -> Generator[Call]:
        """Time a call; the first sampled caller is its span's parent, the others are linked."""
        self._texts.record(len(batch.waiters))
        started = self._clock()
        span = self._span(batch)
        try:
            yield Call(_metadata(span))
        except ScorerUnavailable as error:
            self._failed.record(self._clock() - started)
            if not isinstance(error, NoSuchRouter):
                self.mark_down(error.message)
            if span is not None:
                span.error(error.message)
            raise
        else:
            self._ok.record(self._clock() - started)
            self.mark_up()
        finally:
            if span is not None:
                span.end()

    def mark_up(self) -> None:
        """The scorer answered."""
        self._up.value = 1
        if self._logged_up is not True:
            self._log_change(logging.INFO, "the scorer answers")

    def mark_down(self, why: str) -> None:
        """The scorer gave no answer."""
        self._up.value = 0
        if self._logged_up is not False:
            self._log_change(logging.WARNING, "the scorer gives no score", why)

    def _log_change(self, level: int, what: str, why: str = "") -> None:
        now = self._clock()
        if self._logged_up is None or now - self._logged_at >= QUIET:
            self._logged_at, self._logged_up = now, bool(self._up.value)
            log.log(level, what, extra={"why": why} if why else {})

    def _span(self, batch: Batch) -> Span | None:
        traces = batch.traces()
        if not traces:
            return None
        sampled = [trace for trace in traces if trace.sampled]
        first = sampled[0] if sampled else traces[0]
        return self._tracing.start(
            SPAN,
            SpanKind.CLIENT,
            parent=_concrete(first),
            attributes={**ATTRIBUTES, "weir.texts": len(batch.waiters)},
            links=[_concrete(trace) for trace in sampled[1:]],
        )


def _metadata(span: Span | None) -> Metadata:
    # An unsampled context is handed on as well, or the scorer would start traces of its own.
    return None if span is None else tuple(span.context.to_headers().items())


def _concrete(trace: ports.TraceContext) -> TraceContext:
    if isinstance(trace, TraceContext):
        return trace
    return TraceContext(trace.trace_id, trace.span_id, trace.sampled, trace.state)
