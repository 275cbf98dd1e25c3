"""Settings of what outlives a request: logs, ledger, feedback, batches, the shared Redis."""

from dataclasses import dataclass
from pathlib import Path

from weir_runtime.logs import LogLevel
from weir_runtime.quantities import Bytes, Duration
from weir_runtime.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """What is logged and recorded."""

    level: LogLevel = setting(
        "WEIR_LOG_LEVEL",
        default="info",
        unit="debug, info, warning, error",
        why="How much is logged; debug logs every decision",
    )
    decisions: float = setting(
        "WEIR_LOG_DECISIONS",
        default="0.01",
        unit="share, 0 to 1",
        why="Share of decisions that get a log line at info",
    )
    content: bool = setting(
        "WEIR_TELEMETRY_CONTENT",
        default="0",
        unit="0 or 1",
        why="Whether log lines and the ledger may contain prompt text",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """The ledger."""

    file: Path | None = setting(
        "WEIR_LEDGER",
        default=None,
        unit="file",
        why="An SQLite file with a row per request: decision, tokens, cost; `weir ledger` reads "
        "it. Gateways on one machine may share it",
    )
    retention: Duration = setting(
        "WEIR_LEDGER_KEEP",
        default="2160h",
        unit="duration",
        why="How long ledger rows are stored; a million rows take about 500 MB",
    )
    otlp: bool = setting(
        "WEIR_LEDGER_OTLP",
        default="0",
        unit="0 or 1",
        why="Whether ledger rows are also exported as OTLP log records, to the collector that the "
        "standard OTEL_EXPORTER_OTLP_* variables name; with or without a file",
    )
    max_waiting: int = setting(
        "WEIR_LEDGER_WAITING",
        default="50000",
        unit="entries",
        why="Entries that may wait in memory while the file or the collector is unavailable, about "
        "1 kB each; more are dropped and counted",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSettings:
    """Feedback from clients."""

    max_age: Duration = setting(
        "WEIR_FEEDBACK_WITHIN",
        default="168h",
        unit="duration",
        why="How long after a decision clients may rate its answer; ratings are stored in the "
        "file of WEIR_LEDGER, as long as the decision",
    )
    per_minute: int = setting(
        "WEIR_FEEDBACK_PER_MINUTE",
        default="600",
        unit="requests",
        why="Feedback requests per client key, or in total without client keys; more get 429",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """Files and batches."""

    folder: Path | None = setting(
        "WEIR_BATCHES",
        default=None,
        unit="folder",
        why="The folder of /v1/files and /v1/batches; if not set, both are off. Gateways that "
        "share it need a file system with file locks",
    )
    max_file_bytes: Bytes = setting(
        "WEIR_BATCH_FILE_BYTES",
        default="200MiB",
        unit="size",
        why="The largest file; larger ones get 413",
    )
    max_total_bytes: Bytes = setting(
        "WEIR_BATCH_BYTES",
        default="20GiB",
        unit="size",
        why="The total size of all files; uploads beyond it get 503 until files are deleted",
    )
    retention: Duration = setting(
        "WEIR_BATCH_KEEP",
        default="720h",
        unit="duration",
        why="How long files and ended batches are stored; the default is OpenAI's",
    )
    calls: int = setting(
        "WEIR_BATCH_CALLS",
        default="8",
        unit="calls",
        why="Concurrent calls for items that are not sent to a provider's batch API: few, so that "
        "interactive requests come first. If a gateway is killed, these calls may be paid twice",
    )
    poll: Duration = setting(
        "WEIR_BATCH_POLL",
        default="30s",
        unit="duration",
        why="How often a provider's batch is polled",
    )
    score_timeout: Duration = setting(
        "WEIR_BATCH_SCORE_WITHIN",
        default="10s",
        unit="duration",
        why="How long an item of a batch waits for its score; longer, as answers are not urgent",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """The Redis or Valkey that gateways share."""

    url: str | None = setting(
        "WEIR_REDIS",
        default=None,
        unit="URL",
        why="A Redis or Valkey, 6.0 or newer, that all gateways share: `redis://host:6379/0`, "
        "`rediss://user@host:6379/0` for TLS, `unix:///path?db=0`; if not set, each counts alone",
    )
    password_file: Path | None = setting(
        "WEIR_REDIS_PASSWORD_FILE",
        default=None,
        unit="file",
        why="Its password, read at each connection; a password in the URL would be visible in the "
        "environment",
    )
    ca: Path | None = setting(
        "WEIR_REDIS_CA",
        default=None,
        unit="file",
        why="PEM of the authority that signed its certificate, for `rediss://`; if not set, "
        "the system's authorities",
    )
    timeout: Duration = setting(
        "WEIR_REDIS_WITHIN",
        default="250ms",
        unit="duration",
        why="How long a request waits for it; after three timeouts in a row, requests don't wait "
        "until it answers again",
    )
    connections: int = setting(
        "WEIR_REDIS_CONNECTIONS",
        default="16",
        unit="connections",
        why="Connections to it; a call occupies one for about 0.1 ms",
    )
