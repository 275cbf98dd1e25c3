"""The same cells, read as Prometheus text and as OTLP data."""

import pytest
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from prometheus_client.parser import text_string_to_metric_families

from weir_runtime.exposition import prometheus, prometheus_name
from weir_runtime.metrics import MAX_CELLS, OVERFLOW, Registry
from weir_runtime.metrics_export import Snapshot


def _registry() -> Registry:
    registry = Registry()
    decisions = registry.counter("weir.decisions", "Decisions.", ("policy", "gen_ai.model"))
    decisions.labels("shop/chat", "gpt").add()
    decisions.labels("shop/chat", "gpt").add(2)
    registry.gauge("weir.queue", "Waiting.").labels().set(4)
    duration = registry.histogram("weir.decision.duration", "Time.", bounds=(0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3.0):
        duration.labels().record(value)
    registry.gauge_callback("weir.up", "Asked for.", lambda: 1.0)
    return registry


def test_prometheus_reads_what_was_recorded() -> None:
    text = prometheus(_registry()).decode()
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples[("weir_decisions_total", ("gen_ai_model", "gpt"), ("policy", "shop/chat"))] == 3
    assert samples[("weir_queue",)] == 4
    assert samples[("weir_up",)] == 1
    assert samples[("weir_decision_duration_seconds_bucket", ("le", "0.1"))] == 2
    assert samples[("weir_decision_duration_seconds_bucket", ("le", "1.0"))] == 3
    assert samples[("weir_decision_duration_seconds_bucket", ("le", "+Inf"))] == 4
    assert samples[("weir_decision_duration_seconds_sum",)] == pytest.approx(3.65)


def test_otlp_carries_the_same_numbers() -> None:
    data = Snapshot(_registry(), Resource.get_empty()).take()
    metrics = {m.name: m for m in data.resource_metrics[0].scope_metrics[0].metrics}
    decisions = metrics["weir.decisions"].data
    assert isinstance(decisions, sdk.Sum)
    assert decisions.data_points[0].value == 3
    duration = metrics["weir.decision.duration"].data
    assert isinstance(duration, sdk.Histogram)
    (point,) = duration.data_points
    assert (point.count, list(point.bucket_counts)) == (4, [2, 1, 1])
    assert metrics["weir.decision.duration"].unit == "s"


def test_labels_from_outside_cannot_eat_memory() -> None:
    family = Registry().counter("weir.x", "x", ("model",))
    for index in range(MAX_CELLS + 500):
        family.labels(str(index)).add()
    assert len(family.cells) <= MAX_CELLS + 1
    assert family.cells[(OVERFLOW,)].value == 500


def test_a_name_is_declared_once_and_labels_must_fit() -> None:
    registry = _registry()
    with pytest.raises(ValueError, match="twice"):
        registry.gauge("weir.decisions", "again")
    with pytest.raises(ValueError, match="labels"):
        registry.counters["weir.decisions"].labels("only-one")


def test_names_follow_the_prometheus_rules() -> None:
    assert prometheus_name("gen_ai.client.operation.duration", "s").endswith("duration_seconds")
    assert prometheus_name("weir.cost.usd", "{USD}") == "weir_cost_usd"
