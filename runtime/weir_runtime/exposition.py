"""The Prometheus text of a registry, by OpenTelemetry's naming rules for Prometheus.

Dots become underscores, units become suffixes, counters end in `_total`
(https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).
"""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from weir_runtime.metrics import Cell, Counter, Family, Gauge, Histogram, Registry

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SUFFIXES = {"s": "_seconds", "By": "_bytes", "1": ""}


def prometheus_name(name: str, unit: str) -> str:
    """`weir.decision.duration` in `s` is `weir_decision_duration_seconds`."""
    base = name.replace(".", "_").replace("-", "_")
    suffix = _SUFFIXES.get(unit, "")
    return base if base.endswith(suffix) else base + suffix


def prometheus(registry: Registry) -> bytes:
    """Everything the registry holds, as text."""
    collectors = CollectorRegistry(auto_describe=False)
    collectors.register(_Snapshot(registry))
    return generate_latest(collectors)


class _Snapshot(Collector):
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        registry = self._registry
        yield from (_counter(family) for family in registry.counters.values())
        yield from (_gauge(family) for family in registry.gauges.values())
        yield from (_histogram(family) for family in registry.histograms.values())
        for callback in registry.callbacks.values():
            name = prometheus_name(callback.name, callback.unit)
            yield GaugeMetricFamily(name, callback.help, value=callback.value())


def _counter(family: Family[Counter]) -> Metric:
    metric = CounterMetricFamily(_name(family), family.help, labels=_labels(family))
    for values, cell in list(family.cells.items()):
        metric.add_metric(values, cell.value)
    return metric


def _gauge(family: Family[Gauge]) -> Metric:
    metric = GaugeMetricFamily(_name(family), family.help, labels=_labels(family))
    for values, cell in list(family.cells.items()):
        metric.add_metric(values, cell.value)
    return metric


def _histogram(family: Family[Histogram]) -> Metric:
    metric = HistogramMetricFamily(_name(family), family.help, labels=_labels(family))
    for values, cell in list(family.cells.items()):
        bounds = [*(str(bound) for bound in cell.bounds), "+Inf"]
        buckets = list(zip(bounds, accumulate(cell.counts), strict=True))
        metric.add_metric(values, buckets, cell.sum)
    return metric


def _name(family: Family[Cell]) -> str:
    return prometheus_name(family.name, family.unit)


def _labels(family: Family[Cell]) -> list[str]:
    return [label.replace(".", "_") for label in family.labels_]
