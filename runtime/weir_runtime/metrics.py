"""Metrics as plain numbers: a cell is bound once, and on the hot path only adds.

The SDK's instruments cost a fifth of the gateway's throughput when recorded per request; these
cells are read at collection: the Prometheus text of the admin port (exposition.py) and the OTLP
export (metrics_export.py) come from the same numbers.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

# Seconds; OpenTelemetry's advice for gen_ai.client.operation.duration and finer below it.
LATENCY_BOUNDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
    *(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
MAX_CELLS = 2000  # label sets per metric: a bound, so that labels from outside can't eat memory
OVERFLOW = "other"


class Counter:
    """A sum that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def add(self, amount: float = 1) -> None:
        """Add a non-negative amount."""
        self.value += amount


class Gauge:
    """A value that goes up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: float = 0

    def set(self, value: float) -> None:
        """Replace the value."""
        self.value = value

    def add(self, amount: float) -> None:
        """Add an amount, a negative one too."""
        self.value += amount


class Histogram:
    """Counts per bucket and a sum; `bounds` are upper and inclusive, the last bucket is open."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum: float = 0

    def record(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


Cell = TypeVar("Cell", Counter, Gauge, Histogram)


@dataclass(slots=True)
class Family(Generic[Cell]):
    """One metric and its cells, a cell per label set."""

    name: str  # OpenTelemetry's dotted name
    help: str
    unit: str  # UCUM: s, By, {token}, {USD}, 1
    labels_: tuple[str, ...]
    make: Callable[[], Cell]
    cells: dict[tuple[str, ...], Cell] = field(default_factory=dict[tuple[str, ...], Cell])

    def labels(self, *values: str) -> Cell:
        """The cell for these label values; bind it once where it is used often."""
        cell = self.cells.get(values)
        if cell is None:
            cell = self._new(values)
        return cell

    def forget(self, *values: str) -> None:
        """Stop telling this label set, where it is one."""
        self.cells.pop(values, None)

    def _new(self, values: tuple[str, ...]) -> Cell:
        if len(values) != len(self.labels_):
            raise ValueError(f"{self.name} has the labels {self.labels_}, not {values}")
        if len(self.cells) >= MAX_CELLS:
            values = (OVERFLOW,) * len(self.labels_)
        return self.cells.setdefault(values, self.make())


@dataclass(frozen=True, slots=True)
class Callback:
    """A gauge whose value is computed at collection."""

    name: str
    help: str
    unit: str
    value: Callable[[], float]


class Registry:
    """A program's metrics, by kind and name."""

    def __init__(self) -> None:
        self.counters: dict[str, Family[Counter]] = {}
        self.gauges: dict[str, Family[Gauge]] = {}
        self.histograms: dict[str, Family[Histogram]] = {}
        self.callbacks: dict[str, Callback] = {}

    def counter(
        self, name: str, help_: str, labels: tuple[str, ...] = (), *, unit: str = "1"
    ) -> Family[Counter]:
        """Declare a counter."""
        self._claim(name)
        return self.counters.setdefault(name, Family(name, help_, unit, labels, Counter))

    def gauge(
        self, name: str, help_: str, labels: tuple[str, ...] = (), *, unit: str = "1"
    ) -> Family[Gauge]:
        """Declare a gauge."""
        self._claim(name)
        return self.gauges.setdefault(name, Family(name, help_, unit, labels, Gauge))

    def histogram(
        self,
        name: str,
        help_: str,
        labels: tuple[str, ...] = (),
        *,
        unit: str = "s",
        bounds: Sequence[float] = LATENCY_BOUNDS,
    ) -> Family[Histogram]:
        """Declare a histogram with ascending upper bounds."""
        self._claim(name)
        family = Family(name, help_, unit, labels, lambda: Histogram(bounds))
        return self.histograms.setdefault(name, family)

    def gauge_callback(
        self, name: str, help_: str, value: Callable[[], float], *, unit: str = "1"
    ) -> None:
        """Declare a gauge that is read from `value` at collection."""
        self._claim(name)
        self.callbacks[name] = Callback(name, help_, unit, value)

    def _claim(self, name: str) -> None:
        kinds = (self.counters, self.gauges, self.histograms, self.callbacks)
        if any(name in kind for kind in kinds):
            raise ValueError(f"the metric {name} is declared twice")
