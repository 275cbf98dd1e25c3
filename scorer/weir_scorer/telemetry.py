"""The scorer's metrics by name, and the span of a batch."""

from collections.abc import Callable, Sequence
from enum import StrEnum

from weir_runtime.metrics import Registry
from weir_runtime.tracing import Span, TraceContext, Tracing
from weir_scorer.engine.ports import Device

_BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_CALL = ("router", "code")
_NO_SPAN = Span(TraceContext(1, 1, sampled=False), None)  # of a batch without a sampled request


class DropReason(StrEnum):
    """Why texts were not scored: the label of `weir.scorer.dropped`."""

    SHED = "shed"  # the queue was full
    EXPIRED = "expired"  # the deadline passed
    CANCELLED = "cancelled"  # the caller went away
    FAILED = "failed"  # the engine raised


class SwapOutcome(StrEnum):
    """The outcome of a new bundle: the label of `weir.scorer.swaps`."""

    LOADED = "loaded"
    REFUSED = "refused"


class Telemetry:
    """The scorer's metrics and spans."""

    def __init__(
        self, registry: Registry, tracing: Tracing, waiting: Callable[[], float] = lambda: 0
    ) -> None:
        """`waiting` gives the number of texts in the queue."""
        self.tracing = tracing
        self.calls = registry.histogram(
            "weir.score.duration", "From a Score call's arrival to its end", _CALL
        )
        self.batches = registry.histogram(
            "weir.scorer.batch.size",
            "Texts in a batch as the engine got it",
            ("router",),
            unit="{text}",
            bounds=_BATCH_BOUNDS,
        )
        self.runs = registry.histogram(
            "weir.scorer.batch.duration", "A batch's time on its device", ("router",)
        )
        self.dropped = registry.counter(
            "weir.scorer.dropped", "Texts not scored, by reason", ("why",), unit="{text}"
        )
        self.swaps = registry.counter(
            "weir.scorer.swaps", "New bundles found while serving, by outcome", ("outcome",)
        )
        self._device = registry.gauge(
            "weir.scorer.device",
            "1 for the device and provider that really run",
            ("name", "provider", "precision"),
        )
        registry.gauge_callback(
            "weir.scorer.queue.depth", "Texts that wait, unstarted", waiting, unit="{text}"
        )

    def devices(self, devices: Sequence[Device]) -> None:
        """Report exactly `devices` as running."""
        for cell in self._device.cells.values():
            cell.set(0)
        for device in devices:
            self._device.labels(device.name, device.provider, device.precision).set(1)

    def drop(self, reason: DropReason, texts: int) -> None:
        """Count texts that were not scored."""
        self.dropped.labels(reason.value).add(texts)

    def batch(self, router: str, texts: int, requests: Sequence[TraceContext]) -> Span:
        """The span of a batch: under its first sampled request, linked to each sampled one."""
        self.batches.labels(router).record(texts)
        sampled = [context for context in requests if context.sampled]
        if not sampled:
            return _NO_SPAN
        return self.tracing.start(
            "weir.batch",
            parent=sampled[0],
            links=sampled,
            attributes={"weir.router": router, "weir.scorer.batch.size": texts},
        )
