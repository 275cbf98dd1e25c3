"""What the scorer tells: its spans in the caller's trace, its metrics by name."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import aiohttp
import pytest
from grpc import aio
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from support.fakes_scorer import CHEAP, write_bundle
from support.scorer_app import SECONDS, eventually, running_scorer
from weir_proto.scorer.v1 import scorer_pb2 as pb
from weir_runtime.tracing import Sampling, TraceContext, Tracing

A = TraceContext(0xA, 0xA1, sampled=True)
B = TraceContext(0xB, 0xB1, sampled=True)
QUIET = TraceContext(0xC, 0xC1, sampled=False)


def metadata(context: TraceContext) -> tuple[tuple[str, str], ...]:
    return tuple(context.to_headers().items())


def recorded() -> tuple[Tracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    sampling = Sampling(ratio=0.0)
    return Tracing(Resource.get_empty(), SimpleSpanProcessor(exporter), sampling), exporter


def by_trace(exporter: InMemorySpanExporter, name: str) -> Mapping[int, ReadableSpan]:
    spans = [span for span in exporter.get_finished_spans() if span.name == name]
    return {span.context.trace_id: span for span in spans if span.context is not None}


async def test_a_batch_hangs_under_its_first_request_and_links_to_all(tmp_path: Path) -> None:
    tracing, exporter = recorded()
    async with running_scorer(write_bundle(tmp_path / "b", "fake@1"), tracing=tracing) as scorer:
        scorer.engine.hold()
        quiet = scorer.stub.Score(
            pb.ScoreRequest(texts=["busy"]), timeout=SECONDS, metadata=metadata(QUIET)
        )
        await scorer.busy()
        calls = [
            scorer.stub.Score(
                pb.ScoreRequest(texts=["text"]), timeout=SECONDS, metadata=metadata(context)
            )
            for context in (A, B)
        ]
        await scorer.until_waiting(2)
        await scorer.stub.Score(pb.ScoreRequest(texts=["last"], router=CHEAP), timeout=SECONDS)
        scorer.engine.release()
        await asyncio.gather(quiet, *calls)
    servers = by_trace(exporter, "weir.scorer.v1.Scorer/Score")
    assert servers.keys() == {A.trace_id, B.trace_id}
    for context in (A, B):
        server = servers[context.trace_id]
        assert server.kind is SpanKind.SERVER
        assert server.parent is not None
        assert server.parent.span_id == context.span_id
        assert (server.attributes or {})["rpc.grpc.status_code"] == 0
    (batch,) = by_trace(exporter, "weir.batch").values()
    assert batch.parent is not None
    assert batch.parent.span_id in {
        span.context.span_id for span in servers.values() if span.context
    }
    linked = {link.context.trace_id for link in batch.links}
    assert linked == {A.trace_id, B.trace_id}
    assert (batch.attributes or {})["weir.scorer.batch.size"] == 2


async def test_a_refused_call_is_a_failed_span(tmp_path: Path) -> None:
    tracing, exporter = recorded()
    async with running_scorer(write_bundle(tmp_path / "b", "fake@1"), tracing=tracing) as scorer:
        with pytest.raises(aio.AioRpcError):
            await scorer.stub.Score(
                pb.ScoreRequest(texts=["a"], router="mf"), timeout=SECONDS, metadata=metadata(A)
            )
    (span,) = by_trace(exporter, "weir.scorer.v1.Scorer/Score").values()
    assert not span.status.is_ok
    assert (span.attributes or {})["rpc.grpc.status_code"] == 5


async def test_the_metrics_have_their_names(tmp_path: Path) -> None:
    async with running_scorer(write_bundle(tmp_path / "b", "fake@1")) as scorer:
        await scorer.stub.Score(pb.ScoreRequest(texts=["a", "b"]), timeout=SECONDS)
        url = f"http://{scorer.app.admin_address}/metrics"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            text = await answer.text()
    lines = [
        'weir_score_duration_seconds_count{code="OK",router="linear"} 1.0',
        'weir_scorer_device{name="cpu:0",precision="fp32",provider="CPUExecutionProvider"} 1.0',
    ]
    for line in lines:
        assert line in text
    for name in ("weir_scorer_batch_size", "weir_scorer_queue_depth", "weir_scorer_dropped"):
        assert name in text


async def test_a_queue_that_waits_shows_in_the_metric(tmp_path: Path) -> None:
    async with running_scorer(write_bundle(tmp_path / "b", "fake@1")) as scorer:
        scorer.engine.hold()
        calls = [scorer.stub.Score(pb.ScoreRequest(texts=["a"]), timeout=SECONDS) for _ in range(1)]
        await scorer.busy()
        calls.append(scorer.stub.Score(pb.ScoreRequest(texts=["b", "c"]), timeout=SECONDS))
        depth = scorer.app.registry.callbacks["weir.scorer.queue.depth"]
        await eventually(lambda: depth.value() == 2)
        scorer.engine.release()
        await asyncio.gather(*calls)
        assert depth.value() == 0
