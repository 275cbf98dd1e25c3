"""The registry's numbers as OTLP, sent every interval off the event loop.

Builds the SDK's own data points, so that any SDK exporter can send them. Knows no metric names.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from weir_runtime import otlp
from weir_runtime.metrics import Callback, Cell, Counter, Family, Gauge, Histogram, Registry
from weir_runtime.tasks import run_with_timeout
from weir_runtime.tracing import resource

_LOG = logging.getLogger(__name__)
_DEFAULT_INTERVAL_MS = 60_000  # OTEL_METRIC_EXPORT_INTERVAL's own default
EXPORT_WITHIN = 30.0  # seconds; longer than the exporters' own timeout
LAST_EXPORT_WITHIN = 2.0  # a collector that is away must not eat a pod's grace period
_CUMULATIVE = sdk.AggregationTemporality.CUMULATIVE


async def export_forever(service: str, registry: Registry, variables: Mapping[str, str]) -> None:
    """Export until cancelled, once more on the way out; returns at once where nothing asks."""
    exporter = otlp.metric_exporter(variables)
    if exporter is None:
        return
    interval = float(variables.get("OTEL_METRIC_EXPORT_INTERVAL") or _DEFAULT_INTERVAL_MS) / 1000
    snapshot = Snapshot(registry, resource(service, variables))
    try:
        while True:
            await asyncio.sleep(interval)
            await _export(exporter, snapshot, EXPORT_WITHIN)
    finally:
        await asyncio.shield(_export(exporter, snapshot, LAST_EXPORT_WITHIN))
        exporter_end = run_with_timeout(exporter.shutdown, LAST_EXPORT_WITHIN, "weir-export-end")
        with contextlib.suppress(TimeoutError):
            await exporter_end


async def _export(exporter: otlp.MetricSink, snapshot: "Snapshot", within: float) -> None:
    try:
        await run_with_timeout(
            lambda: exporter.export(snapshot.take()), within, "weir-export-metrics"
        )
    except Exception as error:  # noqa: BLE001 - an exporter may raise anything; telemetry never ends a program
        _LOG.warning("metrics could not be exported: %s", type(error).__name__)


class Snapshot:
    """Turns a registry into the SDK's MetricsData; sums count from this object's making."""

    def __init__(self, registry: Registry, resource_: Resource) -> None:
        self._registry = registry
        self._resource = resource_
        self._start = time.time_ns()

    def take(self) -> sdk.MetricsData:
        """The numbers as they stand now."""
        now = time.time_ns()
        registry = self._registry
        metrics = [self._counter(family, now) for family in registry.counters.values()]
        metrics += [_gauge(family, now) for family in registry.gauges.values()]
        metrics += [self._histogram(family, now) for family in registry.histograms.values()]
        metrics += [_callback(callback, now) for callback in registry.callbacks.values()]
        scope = sdk.ScopeMetrics(InstrumentationScope("weir"), metrics, "")
        return sdk.MetricsData([sdk.ResourceMetrics(self._resource, [scope], "")])

    def _counter(self, family: Family[Counter], now: int) -> sdk.Metric:
        points = [
            sdk.NumberDataPoint(attributes, self._start, now, cell.value)
            for attributes, cell in _cells(family)
        ]
        return _metric(family, sdk.Sum(points, _CUMULATIVE, is_monotonic=True))

    def _histogram(self, family: Family[Histogram], now: int) -> sdk.Metric:
        points = [
            _histogram_point(cell, attributes, self._start, now)
            for attributes, cell in _cells(family)
        ]
        return _metric(family, sdk.Histogram(points, _CUMULATIVE))


def _gauge(family: Family[Gauge], now: int) -> sdk.Metric:
    points = [
        sdk.NumberDataPoint(attributes, 0, now, cell.value) for attributes, cell in _cells(family)
    ]
    return _metric(family, sdk.Gauge(points))


def _cells(family: Family[Cell]) -> list[tuple[dict[str, str], Cell]]:
    cells = list(family.cells.items())
    return [(dict(zip(family.labels_, values, strict=True)), cell) for values, cell in cells]


def _metric(family: Family[Cell], data: sdk.Sum | sdk.Gauge | sdk.Histogram) -> sdk.Metric:
    return sdk.Metric(family.name, family.help, family.unit, data)


def _histogram_point(
    cell: Histogram, attributes: dict[str, str], start: int, now: int
) -> sdk.HistogramDataPoint:
    count = sum(cell.counts)
    low, high = _extremes(cell)
    return sdk.HistogramDataPoint(
        attributes, start, now, count, cell.sum, list(cell.counts), list(cell.bounds), low, high
    )


def _extremes(cell: Histogram) -> tuple[float, float]:
    """The bounds of the outermost buckets in use: min and max are not kept on the hot path."""
    used = [index for index, count in enumerate(cell.counts) if count]
    if not used:
        return 0.0, 0.0
    edges = (0.0, *cell.bounds, cell.bounds[-1])
    return edges[used[0]], edges[used[-1] + 1]


def _callback(callback: Callback, now: int) -> sdk.Metric:
    point = sdk.NumberDataPoint({}, 0, now, callback.value())
    return sdk.Metric(callback.name, callback.help, callback.unit, sdk.Gauge([point]))
