"""A DecisionRecorder that queues ledger entries in memory.

The queue is bounded; entries that don't fit are dropped and counted.
"""

from collections import deque
from collections.abc import Callable, Sequence

from weir_gateway.adapters.ledger.entry import Entry, entries
from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.finish_gate import GateStep
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request
from weir_gateway.routing.account import DecisionRecorder
from weir_runtime.metrics import Counter, Family, Registry


def entry_counts(registry: Registry) -> Family[Counter]:
    """Declare the metric that all sinks share."""
    return registry.counter(
        "weir.ledger.entries", "Entries of the ledger: written, or dropped.", ("sink", "result")
    )


class LedgerRecorder:
    """Queues the entries of finished requests, and passes all calls on to `inner`."""

    def __init__(
        self,
        inner: DecisionRecorder,
        counts: Family[Counter],
        now: Callable[[], float],
        *,
        max_waiting: int,
        content: bool,
        sink: str = "file",
    ) -> None:
        """Queue at most `max_waiting` entries; `content` stores text; `now` is seconds since 1970.

        `counts` is the metric of `entry_counts`; `sink` is its label.
        """
        self._inner = inner
        self._now = now
        self._max_waiting = max_waiting
        self._content = content
        self._waiting: deque[Entry] = deque()
        self._written = counts.labels(sink, "written")
        self._dropped = counts.labels(sink, "dropped")

    def __len__(self) -> int:
        return len(self._waiting)

    def decided(self, request: Request, decision: RouteDecision, seconds: float) -> None:
        self._inner.decided(request, decision, seconds)

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        self._inner.fell_back(request, decision)

    def joined(self, request: Request, decision: RouteDecision) -> None:
        self._inner.joined(request, decision)

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        self._inner.cascaded(request, decision, result)

    def gated(self, request: Request, decision: RouteDecision, step: GateStep) -> None:
        self._inner.gated(request, decision, step)

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Queue the request's entries, all or none."""
        self._inner.finished(request, decision, outcome)
        if len(self._waiting) + len(outcome.side_costs) >= self._max_waiting:
            self._dropped.value += 1 + len(outcome.side_costs)
            return
        lines = entries(request, decision, outcome, at=self._now(), content=self._content)
        self._waiting.extend(lines)

    def take(self, most: int) -> list[Entry]:
        """Remove and return the `most` oldest entries."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def requeue(self, entries: Sequence[Entry]) -> None:
        """Put unwritten entries back to the front; if space is short, the oldest are dropped."""
        room = max(self._max_waiting - len(self._waiting), 0)
        lost = max(len(entries) - room, 0)
        self._dropped.add(lost)
        self._waiting.extendleft(reversed(entries[lost:]))

    def count_written(self, count: int) -> None:
        """Count written entries."""
        self._written.add(count)
