"""Settings of serving requests: clients, scorer, caches, route table, providers."""

from dataclasses import dataclass
from pathlib import Path

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
        why="Concurrent requests; more get 503 with Retry-After, so that memory stays bounded",
    )
    max_body: Bytes = setting(
        "WEIR_MAX_BODY",
        default="16MiB",
        unit="size",
        why="The largest request body; larger ones get 413",
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
    stream_ping: Duration = setting(
        "WEIR_STREAM_PING",
        default="8s",
        unit="duration",
        why="The longest silence of a stream; then its client gets a ping, and its headers if they "
        "were not sent yet, after which a failure is an error event. Below the 10 s after which "
        "some clients give up; 0: no pings",
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
        why="How long idle connections stay open at the start of the drain, so that clients see "
        "`Connection: close` on their next answer instead of a reset",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySettings:
    """The client keys."""

    file: Path | None = setting(
        "WEIR_KEYS",
        default=None,
        unit="file",
        why="The client keys that may use this gateway, as `weir key` writes them: hashes and "
        "rights; if not set, no key is required",
    )
    check: Duration = setting(
        "WEIR_KEYS_CHECK",
        default="500ms",
        unit="duration",
        why="How often that file is checked for changes; a revoked key stops working within a "
        "second",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorerSettings:
    """The scorer and the cache of its scores."""

    target: str = setting(
        "WEIR_SCORER",
        default="unix:///run/weir/scorer.sock",
        unit="gRPC target",
        why="The scorer's address; a sidecar's unix socket saves the network latency",
    )
    timeout: Duration = setting(
        "WEIR_SCORE_WITHIN",
        default="500ms",
        unit="duration",
        why="How long a request waits for its score before the policy's failureMode applies; a "
        "burst on a busy core queues for about 100 ms. While the scorer is down, requests "
        "don't wait",
    )
    cache_entries: int = setting(
        "WEIR_SCORE_CACHE",
        default="20000",
        unit="entries",
        why="Scores cached by text hash, least recently used evicted first; about 0.4 kB each, "
        "2 kB with the embeddings of a semantic cache",
    )
    calls: int = setting(
        "WEIR_SCORE_CALLS",
        default="2",
        unit="calls",
        why="Concurrent score calls; requests that arrive during a call share the next one",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """The cache of answers."""

    max_bytes: Bytes = setting(
        "WEIR_CACHE_BYTES",
        default="64MiB",
        unit="size",
        why="Memory for cached answers, least recently used evicted first; answers that are "
        "still being received may take the same amount in addition",
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
        why="How long a request waits for the answer to an equal request in flight before it is "
        "sent itself",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """What routing keeps in memory."""

    sessions: int = setting(
        "WEIR_SESSIONS",
        default="50000",
        unit="conversations",
        why="Conversations that are remembered for policies with session.sticky, pins or the "
        "router `stage`, least recently used evicted first; about 0.4 kB each",
    )
    agent_weights: Path | None = setting(
        "WEIR_AGENT_WEIGHTS",
        default=None,
        unit="folder",
        why="Weights of agents' scores that were fitted on this deployment's sessions, one file "
        "`<name>.json` each, read again when it changes; a policy names one as "
        "router.stage.weights. In a cluster mount a ConfigMap there",
    )
    cascade_hold: Bytes = setting(
        "WEIR_CASCADE_HOLD",
        default="4MiB",
        unit="size",
        why="How much of a cascade's weak answer is buffered until it is accepted; a larger "
        "one (about 15,000 streamed tokens) is sent unchecked instead of being paid for "
        "twice",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """The route table from a file."""

    file: Path | None = setting(
        "WEIR_ROUTETABLE_FILE",
        default=None,
        unit="file",
        why="The route table as JSON: the only source without an operator, otherwise the table "
        "that the gateway starts with",
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
        why="Secrets for WEIR_ROUTETABLE_FILE: a JSON list of namespace, name, key, value",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """The route table from the operator."""

    target: str | None = setting(
        "WEIR_OPERATOR",
        default=None,
        unit="host:port",
        why="The operator's route-table stream; if not set, only the file is read",
    )
    ca: Path | None = setting(
        "WEIR_OPERATOR_CA",
        default=None,
        unit="file",
        why="PEM of the authority that signed the operator's certificate; if not set, the stream "
        "is not encrypted",
    )
    token: Path | None = setting(
        "WEIR_OPERATOR_TOKEN",
        default=None,
        unit="file",
        why="The service account token that authenticates the gateway to the operator",
    )
    gateway_name: str | None = setting(
        "WEIR_GATEWAY_NAME",
        default=None,
        unit="text",
        why="This gateway's name at the operator; if not set, the host name (a pod's name)",
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
        why="Provider addresses to allow although they are link-local, a cloud's metadata "
        "service or, with WEIR_OPERATOR, the gateway's own host; checked at each connection",
    )
    max_answer: Bytes = setting(
        "WEIR_MAX_ANSWER",
        default="64MiB",
        unit="size",
        why="The largest answer that is not streamed",
    )
