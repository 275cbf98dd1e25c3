"""Builds the ledger where settings want it kept, and the desk for feedback beside it.

It opens before the first request and writes a last time after the last one was accounted for.
"""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from weir_gateway.adapters.ledger.feedback import SqliteFeedback
from weir_gateway.adapters.ledger.feedback_service import FeedbackService, with_feedback
from weir_gateway.adapters.ledger.otlp import PER_CALL, OtlpLedger
from weir_gateway.adapters.ledger.recorder import LedgerRecorder, entry_counts
from weir_gateway.adapters.ledger.sqlite import SqliteLedger
from weir_gateway.adapters.ledger.writer import BATCH, LedgerStore, LedgerWriter
from weir_gateway.routing.account import DecisionRecorder
from weir_gateway.settings import Settings
from weir_runtime.metrics import Registry
from weir_runtime.otlp import log_exporter
from weir_runtime.tasks import Background
from weir_runtime.tracing import resource


@dataclass(frozen=True, slots=True)
class Ledgers:
    """The opened ledgers."""

    accounts: DecisionRecorder  # count on into those that were given
    feedback_service: FeedbackService | None  # None without a file
    writers: Mapping[str, LedgerWriter]  # by where they write

    def start(self, tasks: Background) -> None:
        """Start the background tasks."""
        for sink, writer in self.writers.items():
            tasks.start(writer.run(), f"weir-ledger-{sink}")
        if self.feedback_service is not None:
            tasks.start(self.feedback_service.run(), "weir-feedback")


def open_ledgers(
    settings: Settings,
    variables: Mapping[str, str],
    service: str,
    registry: Registry,
    accounts: DecisionRecorder,
    stack: contextlib.AsyncExitStack,
) -> Ledgers:
    """Open the ledgers; `stack` writes the remaining entries and closes them.

    `variables` are the OTEL_* of `service`. Each sink has its own queue, so that an unavailable
    sink delays no other.
    """
    writers: dict[str, LedgerWriter] = {}
    counts = entry_counts(registry)
    for sink, store, batch in _stores(settings, variables, service, stack):
        accounts = waiting = LedgerRecorder(
            accounts,
            counts,
            time.time,
            max_waiting=settings.ledger.max_waiting,
            content=settings.log.content,
            sink=sink,
        )
        keep = settings.ledger.retention
        writers[sink] = LedgerWriter(waiting, store, time.time, keep=keep, batch=batch)
        stack.push_async_callback(writers[sink].close)
    if settings.ledger.file is None:
        return Ledgers(accounts, None, writers)
    feedback_store = SqliteFeedback(
        settings.ledger.file, within=settings.feedback.max_age, content=settings.log.content
    )
    accounts, feedback_service = with_feedback(
        accounts, feedback_store, settings.feedback.per_minute, registry
    )
    return Ledgers(accounts, feedback_service, writers)


def _stores(
    settings: Settings,
    variables: Mapping[str, str],
    service: str,
    stack: contextlib.AsyncExitStack,
) -> Iterator[tuple[str, LedgerStore, int]]:
    """Each sink's name, store and batch size."""
    if settings.ledger.file is not None:
        yield "file", SqliteLedger(settings.ledger.file), BATCH
    if settings.ledger.otlp:
        store = OtlpLedger(log_exporter(variables), resource(service, variables))
        stack.callback(store.close)
        yield "otlp", store, PER_CALL
