"""W3C context in and out, and sampling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from weir_runtime.tracing import Sampling, TraceContext, Tracing

PARENT = TraceContext(0xABC, 0xDEF, sampled=True, state="vendor=1")


def _tracing(sampling: Sampling) -> tuple[Tracing, InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    return Tracing(Resource.get_empty(), SimpleSpanProcessor(exporter), sampling), exporter


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_context_survives_its_headers(trace_id: int, span_id: int, sampled: bool) -> None:  # noqa: FBT001 - hypothesis hands values by position
    context = TraceContext(trace_id, span_id, sampled, "a=b")
    assert TraceContext.from_headers(context.to_headers()) == context


@given(st.text(alphabet="0123456789abcdef-ABCZ ", max_size=70))
def test_a_malformed_header_is_no_context(header: str) -> None:
    context = TraceContext.from_headers({"traceparent": header})
    assert context is None or context.to_headers()["traceparent"][3:52] in header


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-0-0-00",
        f"00-{0:032x}-{1:016x}-01",
        f"00-{1:032x}-{0:016x}-01",
        f"ff-{1:032x}-{1:016x}-01",
        f"00-{1:032x}-{1:016x}-01-more",
        f"00-{'A' * 32}-{1:016x}-01",
    ],
)
def test_what_the_specification_forbids_is_ignored(header: str) -> None:
    assert TraceContext.from_headers({"traceparent": header}) is None


def test_a_sampled_parent_gets_children_in_its_trace() -> None:
    tracing, exporter = _tracing(Sampling(ratio=0.0))
    with tracing.start("child", parent=PARENT, attributes={"a": 1}) as span:
        span.set("b", "c")
        assert span.recording
        assert span.context.trace_id == PARENT.trace_id
        assert span.context.state == PARENT.state
    (finished,) = exporter.get_finished_spans()
    assert finished.parent is not None
    assert finished.parent.span_id == PARENT.span_id
    assert dict(finished.attributes or {}) == {"a": 1, "b": "c"}


def test_an_unsampled_trace_records_nothing_and_is_still_handed_on() -> None:
    tracing, exporter = _tracing(Sampling(ratio=0.0))
    with tracing.start("root") as root, tracing.start("child", parent=root.context) as child:
        assert not root.recording
        assert child.context.trace_id == root.context.trace_id
    assert exporter.get_finished_spans() == ()
    assert root.context.to_headers()["traceparent"].endswith("-00")


def test_an_error_marks_the_span() -> None:
    tracing, exporter = _tracing(Sampling(ratio=1.0))
    with pytest.raises(KeyError), tracing.start("root"):
        raise KeyError("x")
    (finished,) = exporter.get_finished_spans()
    assert finished.status.description == "KeyError"


@pytest.mark.parametrize(
    ("variables", "sampling"),
    [
        ({}, Sampling(0.01, follow=True)),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, Sampling(1.0, follow=False)),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, Sampling(0.0, follow=True)),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            Sampling(0.25, follow=False),
        ),
        ({"OTEL_TRACES_SAMPLER_ARG": "7"}, Sampling(1.0, follow=True)),
    ],
)
def test_sampling_follows_the_standard_variables(
    variables: dict[str, str], sampling: Sampling
) -> None:
    assert Sampling.from_env(variables) == sampling


def test_nothing_is_recorded_where_nothing_is_configured() -> None:
    tracing = Tracing.from_env("weir-test", {"OTEL_TRACES_SAMPLER": "always_on"})
    assert not tracing.start("root").recording
