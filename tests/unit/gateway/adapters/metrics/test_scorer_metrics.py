"""The span of a call that several requests share."""

import asyncio
import logging
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from support.fakes import FakeClock
from weir_gateway.adapters.metrics.scorer_metrics import Call, ScorerMetrics
from weir_gateway.adapters.scorer.coalescer import Batch, Key, Waiter
from weir_gateway.adapters.scorer.prompts import Prompt
from weir_gateway.domain.errors import NoSuchRouter, ScorerUnavailable
from weir_policy.ids import RouterName
from weir_runtime.metrics import Registry
from weir_runtime.tracing import Sampling, TraceContext, Tracing

SAMPLED = [TraceContext(n, n, sampled=True) for n in (1, 2, 3)]
UNSAMPLED = TraceContext(9, 9, sampled=False)


class Watched:
    """Telemetry whose spans and metrics can be looked at."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.registry = Registry()
        tracing = Tracing(
            Resource.get_empty(), SimpleSpanProcessor(self.exporter), Sampling(ratio=0.0)
        )
        self.clock = FakeClock()
        self.telemetry = ScorerMetrics(self.registry, tracing, self.clock)

    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def up(self) -> float:
        return self.registry.gauges["weir.score.up"].labels().value


async def call(watched: Watched, *traces: TraceContext | None) -> Call:
    future = asyncio.get_running_loop().create_future()
    batch = Batch(Key(RouterName(""), want_quality=False))
    for n, trace in enumerate(traces):
        prompt = Prompt(str(n))
        batch.waiters[prompt] = [Waiter(prompt, 0.0, trace, future)]
    with watched.telemetry.call(batch) as made:
        return made


async def test_the_first_sampled_is_the_parent_and_the_others_are_linked() -> None:
    watched = Watched()
    made = await call(watched, None, UNSAMPLED, *SAMPLED)
    (span,) = watched.spans()
    assert span.name == "weir.scorer.v1.Scorer/Score"
    assert span.parent is not None
    assert span.parent.span_id == 1
    assert [link.context.trace_id for link in span.links] == [2, 3]
    assert (span.attributes or {})["weir.texts"] == 5
    context = span.get_span_context()
    assert context is not None
    assert made.metadata == (("traceparent", f"00-{1:032x}-{context.span_id:016x}-01"),)


async def test_an_unsampled_context_is_handed_on_without_a_span() -> None:
    watched = Watched()
    made = await call(watched, UNSAMPLED)
    assert not watched.spans()
    assert made.metadata == (("traceparent", f"00-{9:032x}-{9:016x}-00"),)


async def test_without_a_trace_nothing_goes_along() -> None:
    assert (await call(Watched(), None)).metadata is None


async def test_a_failed_call_marks_its_span_and_the_scorer_as_away() -> None:
    watched = Watched()
    await call(watched)
    assert watched.up() == 1
    batch = Batch(Key(RouterName(""), want_quality=False))
    prompt = Prompt("t")
    waiter = Waiter(prompt, 0.0, SAMPLED[0], asyncio.get_running_loop().create_future())
    batch.waiters[prompt] = [waiter]
    with pytest.raises(ScorerUnavailable), watched.telemetry.call(batch):
        raise ScorerUnavailable("away")
    assert watched.up() == 0
    assert watched.spans()[0].status.description == "away"


async def test_a_router_it_lacks_does_not_make_the_scorer_away() -> None:
    watched = Watched()
    await call(watched)
    batch = Batch(Key(RouterName(""), want_quality=False))
    with pytest.raises(NoSuchRouter), watched.telemetry.call(batch):
        raise NoSuchRouter("none such")
    assert watched.up() == 1


def test_coming_and_going_is_said_but_not_many_times_a_second(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    watched = Watched()
    telemetry, clock = watched.telemetry, watched.clock
    for _ in range(3):
        telemetry.mark_up()
        telemetry.mark_down("shed")
        clock.advance(0.1)
    clock.advance(1)
    for _ in range(3):
        telemetry.mark_down("gone")
        clock.advance(1)
    telemetry.mark_up()
    assert [r.message for r in caplog.records] == [
        "the scorer answers",
        "the scorer gives no score",
        "the scorer answers",
    ]
