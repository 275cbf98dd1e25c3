"""The gateway's settings: `WEIR_*`, each with default, unit and reason, in groups.

Each part of `app/build.py` takes the group that it needs.
"""

from dataclasses import dataclass
from pathlib import Path

from weir_runtime.logs import LogLevel
from weir_runtime.quantities import Address, Bytes, Duration, Networks
from weir_runtime.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenSettings:
    """How clients reach the gateway, and how it shuts down."""

    address: Address = setting(
        "WEIR_LISTEN",
        default="0.0.0.0:8080",
        unit="host:port or unix:///path",
        why="Where clients are served",
    )
    reuse_port: bool = setting(
        "WEIR_REUSE_PORT",
        default="0",
        unit="0 or 1",
        why="Lets several gateway processes share one port, a core each",
    )
    admin: Address = setting(
        "WEIR_ADMIN",
        default="0.0.0.0:9090",
        unit="host:port",
        why="Where /livez, /readyz and /metrics are served",
    )
    in_flight: int = setting(
        "WEIR_IN_FLIGHT",
        default="2000",
        unit="requests",
        why="Concurrent requests; more get 503 with Retry-After instead of filling the memory",
    )
    max_body: Bytes = setting(
        "WEIR_MAX_BODY", default="16MiB", unit="size", why="The largest request body; more get 413"
    )
    head_timeout: Duration = setting(
        "WEIR_HEAD_WITHIN",
        default="10s",
        unit="duration",
        why="How long a new connection may take to send its first request's head",
    )
    body_timeout: Duration = setting(
        "WEIR_BODY_WITHIN",
        default="30s",
        unit="duration",
        why="How long a request's body may take to arrive",
    )
    keep_alive: Duration = setting(
        "WEIR_KEEP_ALIVE",
        default="75s",
        unit="duration",
        why="How long an idle client connection stays open; longer than the 60s of common load "
        "balancers, so that they close first",
    )
    drain: Duration = setting(
        "WEIR_DRAIN",
        default="30s",
        unit="duration",
        why="How long requests in flight, streams among them, may take to end after SIGTERM",
    )
    drain_linger: Duration = setting(
        "WEIR_DRAIN_LINGER",
        default="1s",
        unit="duration",
        why="How long idle connections stay open at the start of the drain, so that clients in "
        "mid-conversation leave by a `Connection: close` and not on a reset",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSettings:
    """The scorer and the cache of its scores."""

    target: str = setting(
        "WEIR_SCORER",
        default="unix:///run/weir/scorer.sock",
        unit="gRPC target",
        why="The scorer; a sidecar's socket saves the network's share of the latency",
    )
    timeout: Duration = setting(
        "WEIR_SCORE_WITHIN",
        default="500ms",
        unit="duration",
        why="How long a request waits for its score before the policy's failureMode decides; a "
        "burst on a busy core queues for some 100 ms. If the scorer is down, requests "
        "don't wait",
    )
    cache_entries: int = setting(
        "WEIR_SCORE_CACHE",
        default="20000",
        unit="entries",
        why="Scores cached by text hash, the least recently used go first; about 0.4 kB each, "
        "2 kB with the embeddings of a semantic cache",
    )
    calls: int = setting(
        "WEIR_SCORE_CALLS",
        default="2",
        unit="calls",
        why="Concurrent score calls; requests that arrive meanwhile share the next one",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The cache of answers."""

    max_bytes: Bytes = setting(
        "WEIR_CACHE_BYTES",
        default="64MiB",
        unit="size",
        why="Memory for cached answers, the least recently used go first; as much again for "
        "copies of answers that are still running",
    )
    max_answer: Bytes = setting(
        "WEIR_CACHE_ANSWER",
        default="512KiB",
        unit="size",
        why="The largest answer that is cached, so that a few don't displace all others",
    )
    wait: Duration = setting(
        "WEIR_CACHE_WAIT",
        default="30s",
        unit="duration",
        why="How long a request waits for the answer to an equal one that is running, before "
        "it is sent itself",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """What routing keeps in memory."""

    sessions: int = setting(
        "WEIR_SESSIONS",
        default="50000",
        unit="conversations",
        why="Conversations whose last model is remembered for policies with session.sticky, "
        "the longest unused go first; about 0.4 kB each",
    )
    cascade_hold: Bytes = setting(
        "WEIR_CASCADE_HOLD",
        default="4MiB",
        unit="size",
        why="How much of a cascade's weak answer is buffered until it is accepted; a larger "
        "one (some 15,000 tokens as a stream) is given without a check instead of being "
        "paid for twice",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """The route table from a file."""

    file: Path | None = setting(
        "WEIR_ROUTETABLE_FILE",
        default=None,
        unit="file",
        why="The route table as JSON: the only source without an operator, else what the "
        "gateway starts with",
    )
    check: Duration = setting(
        "WEIR_ROUTETABLE_CHECK",
        default="200ms",
        unit="duration",
        why="How often that file is checked for changes",
    )
    last_good: Path | None = setting(
        "WEIR_ROUTETABLE_KEEP",
        default=None,
        unit="folder",
        why="Where the last good table and its credentials are stored for a restart; use a "
        "memory-backed volume",
    )
    credentials: Path | None = setting(
        "WEIR_CREDENTIALS_FILE",
        default=None,
        unit="file",
        why="Secrets that go with WEIR_ROUTETABLE_FILE: a JSON list of namespace, name, key, value",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """The route table from the operator."""

    target: str | None = setting(
        "WEIR_OPERATOR",
        default=None,
        unit="host:port",
        why="The operator's route-table stream; not set, only the file counts",
    )
    ca: Path | None = setting(
        "WEIR_OPERATOR_CA",
        default=None,
        unit="file",
        why="PEM of the authority that signed the operator's certificate; not set, the stream "
        "is not encrypted",
    )
    token: Path | None = setting(
        "WEIR_OPERATOR_TOKEN",
        default=None,
        unit="file",
        why="The service account's token, with which the gateway authenticates to the operator",
    )
    gateway_name: str | None = setting(
        "WEIR_GATEWAY_NAME",
        default=None,
        unit="text",
        why="This gateway's name at the operator; not set, the host name (a pod's name)",
    )
    usage_every: Duration = setting(
        "WEIR_USAGE_EVERY",
        default="10s",
        unit="duration",
        why="How often usage is reported to the operator",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Calls to providers."""

    allow: Networks = setting(
        "WEIR_UPSTREAM_ALLOW",
        default="",
        unit="addresses or networks, comma-separated",
        why="Providers' addresses that are allowed although they are link-local, a cloud's "
        "metadata service or, with WEIR_OPERATOR, the gateway's own host; checked at each "
        "connection",
    )
    max_answer: Bytes = setting(
        "WEIR_MAX_ANSWER",
        default="64MiB",
        unit="size",
        why="The largest answer that is not streamed",
    )


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
        why="Whether prompts' text may stand in those log lines",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The client keys."""

    file: Path | None = setting(
        "WEIR_KEYS",
        default=None,
        unit="file",
        why="The client keys that may use this gateway, as `weir key` writes them: hashes and "
        "rights; not set, no key is required",
    )
    check: Duration = setting(
        "WEIR_KEYS_CHECK",
        default="500ms",
        unit="duration",
        why="How often that file is checked for changes; a revoked key stops working within a "
        "second",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSettings:
    """The ledger."""

    file: Path | None = setting(
        "WEIR_LEDGER",
        default=None,
        unit="file",
        why="An SQLite file that gets a row per request: decision, tokens, cost; `weir ledger` "
        "reads it. Gateways of one machine may share it",
    )
    retention: Duration = setting(
        "WEIR_LEDGER_KEEP",
        default="2160h",
        unit="duration",
        why="How long its rows are stored: 90 days; a million rows take about 500 MB",
    )
    otlp: bool = setting(
        "WEIR_LEDGER_OTLP",
        default="0",
        unit="0 or 1",
        why="Whether the ledger's rows also go out as OTLP log records, to the collector that the "
        "standard OTEL_EXPORTER_OTLP_* variables name; with or without a file",
    )
    max_waiting: int = setting(
        "WEIR_LEDGER_WAITING",
        default="50000",
        unit="entries",
        why="Entries that may wait in memory while file or collector can't be written to, about "
        "1 kB each; more are dropped and counted",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackSettings:
    """Feedback from clients."""

    max_age: Duration = setting(
        "WEIR_FEEDBACK_WITHIN",
        default="168h",
        unit="duration",
        why="How long after a decision clients may rate its answer: a week; ratings are stored "
        "in the file of WEIR_LEDGER, as long as the decision",
    )
    per_minute: int = setting(
        "WEIR_FEEDBACK_PER_MINUTE",
        default="600",
        unit="requests",
        why="Feedback per client key, or of all clients together without client keys; more get 429",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """Files and batches."""

    folder: Path | None = setting(
        "WEIR_BATCHES",
        default=None,
        unit="folder",
        why="The folder of /v1/files and /v1/batches; not set, they are off. Gateways that "
        "share it need file locks that hold between them",
    )
    max_file_bytes: Bytes = setting(
        "WEIR_BATCH_FILE_BYTES",
        default="200MiB",
        unit="size",
        why="The largest file; more get 413",
    )
    max_total_bytes: Bytes = setting(
        "WEIR_BATCH_BYTES",
        default="20GiB",
        unit="size",
        why="The size of all files together; more get 503 until some are deleted",
    )
    retention: Duration = setting(
        "WEIR_BATCH_KEEP",
        default="720h",
        unit="duration",
        why="How long files and ended batches are stored: 30 days, as at OpenAI",
    )
    calls: int = setting(
        "WEIR_BATCH_CALLS",
        default="8",
        unit="calls",
        why="Concurrent calls for items that go to no provider's batch: few, so that "
        "interactive requests come first. As many may be paid twice if a gateway is killed",
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
        why="How long an item of a batch waits for its score; its answer is not urgent",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisSettings:
    """The Redis or Valkey that gateways share."""

    url: str | None = setting(
        "WEIR_REDIS",
        default=None,
        unit="URL",
        why="A Redis or Valkey, 6.0 or newer, that all gateways share: `redis://host:6379/0`, "
        "`rediss://user@host:6379/0` for TLS, `unix:///path?db=0`; not set, each counts for itself",
    )
    password_file: Path | None = setting(
        "WEIR_REDIS_PASSWORD_FILE",
        default=None,
        unit="file",
        why="Its password, read again at each connection; a password in the URL is visible to "
        "everybody who sees the environment",
    )
    ca: Path | None = setting(
        "WEIR_REDIS_CA",
        default=None,
        unit="file",
        why="PEM of the authority that signed its certificate, for `rediss://`; not set, the "
        "system's authorities",
    )
    timeout: Duration = setting(
        "WEIR_REDIS_WITHIN",
        default="250ms",
        unit="duration",
        why="How long a request waits for it; after three calls in a row that took longer, "
        "requests don't wait for it until it answers again",
    )
    connections: int = setting(
        "WEIR_REDIS_CONNECTIONS",
        default="16",
        unit="connections",
        why="Connections to it; a call occupies one for some 0.1 ms",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, parsed from the environment."""

    listen: ListenSettings
    scorer: ScorerSettings
    cache: CacheSettings
    routing: RoutingSettings
    table: TableSettings
    operator: OperatorSettings
    upstream: UpstreamSettings
    log: LogSettings
    keys: KeySettings
    ledger: LedgerSettings
    feedback: FeedbackSettings
    batches: BatchSettings
    redis: RedisSettings
    spend: Path | None = setting(
        "WEIR_SPEND",
        default=None,
        unit="file",
        why="An SQLite file with the USD of the day and the period, so that they survive a "
        "restart, for the gateways of one machine; with WEIR_REDIS it is not used",
    )
