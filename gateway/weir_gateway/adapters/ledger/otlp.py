"""The ledger as OTLP log records, for a collector that keeps them: one record a line.

Blocking: for a thread, never for the event loop. Which collector, how it is reached and how long a
call may take say the standard OTEL_* variables.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from weir_gateway.adapters.ledger.entry import Entry
from weir_gateway.adapters.ledger.sqlite import LedgerError
from weir_runtime.otlp import LogSink

EVENT: Final = "weir.ledger.entry"
PER_CALL: Final = 1_000  # records; about 1 MB, well below what receivers take at once
NANOS_PER_MICRO: Final = 1_000
_SCOPE: Final = InstrumentationScope("weir")


class OtlpLedger:
    """Sends entries to a collector, which is responsible for their retention.

    Unacknowledged records are sent again: `decision` and `part` identify duplicates.
    """

    def __init__(self, sink: LogSink, resource: Resource) -> None:
        self._sink = sink
        self._resource = resource

    def write(self, entries: Sequence[Entry]) -> None:
        """Send `entries`. Raises LedgerError if the collector rejects them."""
        if self._sink.export(list(map(self._record, entries))) is not LogRecordExportResult.SUCCESS:
            raise LedgerError("the collector of the ledger's records can't be reached")

    def forget(self, before: int) -> int:
        """Delete nothing: retention is up to the collector."""
        del before
        return 0

    def close(self) -> None:
        """Abort the export in progress."""
        self._sink.shutdown()

    def _record(self, entry: Entry) -> ReadableLogRecord:
        known = {name: value for name, value in asdict(entry).items() if value is not None}
        nanos = known.pop("at") * NANOS_PER_MICRO
        record = LogRecord(
            timestamp=nanos,
            observed_timestamp=nanos,
            severity_number=SeverityNumber.INFO,
            event_name=EVENT,
            attributes={f"weir.{name}": value for name, value in known.items()},
        )
        return ReadableLogRecord(record, self._resource, _SCOPE)
