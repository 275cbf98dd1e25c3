"""Accounts that write into a ledger: an entry per request, handed over in memory.

On a request's way: it appends to a bounded queue and no more. What doesn't fit is dropped and
counted. Must not know files.
"""

from collections import deque
from collections.abc import Callable, Sequence

from weir_gateway.adapters.ledger.entry import Entry, entries
from weir_gateway.domain.cascade import CascadeResult
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.outcome import Outcome
from weir_gateway.domain.request import Request
from weir_gateway.routing.account import DecisionRecorder
from weir_runtime.metrics import Counter, Family, Registry


def entry_counts(registry: Registry) -> Family[Counter]:
    """The metric that all sinks share."""
    return registry.counter(
        "weir.ledger.entries", "Entries of the ledger: written, or dropped.", ("sink", "result")
    )


class LedgerRecorder:
    """Passes everything on to other accounts, and keeps an entry of what has finished."""

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
        """At `most` so many entries wait; `content` keeps text; `now` is seconds since 1970.

        `counts` is what `entry_counts` made; `sink` is where entries go, for that metric.
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
        """Of no interest here: it is told again when it has finished."""
        self._inner.decided(request, decision, seconds)

    def fell_back(self, request: Request, decision: RouteDecision) -> None:
        """Of no interest here, for the same reason."""
        self._inner.fell_back(request, decision)

    def joined(self, request: Request, decision: RouteDecision) -> None:
        """Of no interest here, for the same reason."""
        self._inner.joined(request, decision)

    def cascaded(self, request: Request, decision: RouteDecision, result: CascadeResult) -> None:
        """Of no interest here, for the same reason."""
        self._inner.cascaded(request, decision, result)

    def finished(self, request: Request, decision: RouteDecision, outcome: Outcome) -> None:
        """Keep its lines, all of them or none."""
        self._inner.finished(request, decision, outcome)
        if len(self._waiting) + len(outcome.side_costs) >= self._max_waiting:
            self._dropped.value += 1 + len(outcome.side_costs)
            return
        lines = entries(request, decision, outcome, at=self._now(), content=self._content)
        self._waiting.extend(lines)

    def take(self, most: int) -> list[Entry]:
        """The oldest entries that wait, at most `most`; they are the caller's now."""
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def requeue(self, entries: Sequence[Entry]) -> None:
        """Entries that could not be written: to the front again, the newest as far as they fit."""
        room = max(self._max_waiting - len(self._waiting), 0)
        lost = max(len(entries) - room, 0)
        self._dropped.add(lost)
        self._waiting.extendleft(reversed(entries[lost:]))

    def count_written(self, count: int) -> None:
        """Count what has reached the file."""
        self._written.add(count)
