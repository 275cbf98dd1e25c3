"""Log lines: JSON with trace ids for machines, plain text on a terminal.

Lines are written by a thread from a bounded queue, so that a slow reader of stderr never holds
the event loop; what doesn't fit is dropped and counted. Knows no logger names.
"""

import json
import logging
import logging.handlers
import queue
import sys
import time
from enum import StrEnum
from typing import TextIO

from weir_runtime.tracing import current

QUEUE_LINES = 10_000

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `extra` fields stand beside the standard ones."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        line: dict[str, object] = {
            "time": _rfc3339(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class PlainFormatter(logging.Formatter):
    """Time, level, message and the extra fields as key=value, for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Render one record."""
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        extra = "".join(
            f" {key}={value}" for key, value in vars(record).items() if key not in _STANDARD
        )
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}{extra}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


class _TraceIds(logging.Filter):
    """Runs where the line is made: only there is the task's trace known."""

    def filter(self, record: logging.LogRecord) -> bool:
        trace = current.get()
        if trace is not None:
            record.trace_id = f"{trace.trace_id:032x}"
            record.span_id = f"{trace.span_id:016x}"
        return True


class _Queue(logging.handlers.QueueHandler):
    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record  # stays in this process: exceptions and extras need no flattening


class Logs:
    """The running log pipe; close it last, so that nothing said before is lost."""

    def __init__(self, handler: _Queue, listener: logging.handlers.QueueListener) -> None:
        self._handler = handler
        self._listener = listener

    @property
    def dropped(self) -> int:
        """Lines that did not fit in the queue."""
        return self._handler.dropped

    def close(self) -> None:
        """Write what is queued and stop."""
        logging.getLogger().removeHandler(self._handler)
        self._listener.stop()


def configure(level: str, stream: TextIO = sys.stderr) -> Logs:
    """Send every logger's lines to `stream`: JSON, or plain text where it is a terminal."""
    writer = logging.StreamHandler(stream)
    writer.setFormatter(PlainFormatter() if stream.isatty() else JsonFormatter())
    lines: queue.Queue[logging.LogRecord] = queue.Queue(QUEUE_LINES)
    handler = _Queue(lines)
    handler.addFilter(_TraceIds())
    listener = logging.handlers.QueueListener(lines, writer)
    root = logging.getLogger()
    root.setLevel(level.upper())
    logging.getLogger("grpc").setLevel(logging.INFO)  # its debug lines are about its own loop
    root.addHandler(handler)
    listener.start()
    return Logs(handler, listener)


def _rfc3339(seconds: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds % 1 * 1e6):06d}Z"
