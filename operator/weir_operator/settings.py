"""The operator's settings: `WEIR_*`, each with default, unit and reason.

Values only; what to do with them is app.py's business.
"""

from dataclasses import dataclass
from pathlib import Path

from weir_runtime.logs import LogLevel
from weir_runtime.quantities import Address, Duration, Networks
from weir_runtime.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the environment says."""

    listen: Address = setting(
        "WEIR_OPERATOR_LISTEN",
        default="0.0.0.0:50052",
        unit="host:port",
        why="Where gateways get the route table",
    )
    admin: Address = setting(
        "WEIR_ADMIN",
        default="0.0.0.0:9090",
        unit="host:port",
        why="Where /livez, /readyz and /metrics are served",
    )
    namespace: str = setting(
        "WEIR_OPERATOR_NAMESPACE",
        default="default",
        unit="name",
        why="Where the operator's own Lease and ConfigMap are: its pod's namespace",
    )
    watch: tuple[str, ...] = setting(
        "WEIR_OPERATOR_WATCH",
        default="",
        unit="names, comma-separated",
        why="Namespaces whose policies and backends are served; empty: all",
    )
    config_map: str = setting(
        "WEIR_OPERATOR_CONFIGMAP",
        default="weir-routetable",
        unit="name",
        why="The ConfigMap that gateways start with when the operator is away",
    )
    lease: str = setting(
        "WEIR_OPERATOR_LEASE",
        default="weir-operator",
        unit="name",
        why="The Lease that decides which replica writes statuses and the ConfigMap",
    )
    lease_duration: Duration = setting(
        "WEIR_OPERATOR_LEASE_DURATION",
        default="15s",
        unit="duration",
        why="How long statuses may stand still when the replica that writes them is gone",
    )
    name: str | None = setting(
        "WEIR_OPERATOR_NAME",
        default=None,
        unit="text",
        why="This replica's name in the Lease; not set, the host name (a pod's name)",
    )
    tls: Path | None = setting(
        "WEIR_OPERATOR_TLS",
        default=None,
        unit="folder",
        why="tls.crt and tls.key of the stream, read again when they are renewed",
    )
    gateways: tuple[str, ...] = setting(
        "WEIR_OPERATOR_GATEWAYS",
        default="",
        unit="user names, comma-separated",
        why="Service accounts that get tables, as system:serviceaccount:NAMESPACE:NAME",
    )
    token: Path | None = setting(
        "WEIR_OPERATOR_TOKEN",
        default=None,
        unit="file",
        why="The token of this replica's service account, with which it authenticates to other "
        "replicas; not set, its gateways are not counted while another replica writes "
        "statuses",
    )
    replicas: tuple[str, ...] = setting(
        "WEIR_OPERATOR_REPLICAS",
        default="",
        unit="user names, comma-separated",
        why="Service accounts of other replicas, which may say what their gateways run and count",
    )
    host: str | None = setting(
        "WEIR_OPERATOR_HOST",
        default=None,
        unit="host",
        why="The address at which other replicas reach this one; not set, the host name",
    )
    tls_name: str = setting(
        "WEIR_OPERATOR_TLS_NAME",
        default="",
        unit="host",
        why="The name in the certificate, which all replicas share; empty: they are reached by it",
    )
    settle: Duration = setting(
        "WEIR_OPERATOR_SETTLE",
        default="12s",
        unit="duration",
        why="How long a new leader waits for the gateways that statuses mention before it "
        "reports them as gone",
    )
    insecure: bool = setting(
        "WEIR_OPERATOR_INSECURE",
        default="0",
        unit="0 or 1",
        why="Serves every caller, without TLS, secrets included: only for tests on one machine",
    )
    scorer: str | None = setting(
        "WEIR_OPERATOR_SCORER",
        default=None,
        unit="gRPC target",
        why="The scorer for policies' probes; not set, probes are skipped",
    )
    upstream_allow: Networks = setting(
        "WEIR_UPSTREAM_ALLOW",
        default="",
        unit="addresses or networks, comma-separated",
        why="Addresses that endpoints may have although they are loopback, link-local or a "
        "cloud's metadata service; the same as the gateways'",
    )
    catalog: Path | None = setting(
        "WEIR_OPERATOR_CATALOG",
        default=None,
        unit="file",
        why="A price catalog whose models come before those of the package; read at the start",
    )
    secrets_every: Duration = setting(
        "WEIR_OPERATOR_SECRETS_EVERY",
        default="15s",
        unit="duration",
        why="How often referenced Secrets are read again; the operator has no right to list or "
        "watch them",
    )
    resync_every: Duration = setting(
        "WEIR_OPERATOR_RESYNC_EVERY",
        default="30s",
        unit="duration",
        why="How often the operator looks for resources whose deletion it missed while the API "
        "server was away",
    )
    usage_every: Duration = setting(
        "WEIR_OPERATOR_USAGE_EVERY",
        default="30s",
        unit="duration",
        why="How often requests, strong share and savings are written into statuses",
    )
    log_level: LogLevel = setting(
        "WEIR_LOG_LEVEL",
        default="info",
        unit="debug, info, warning, error",
        why="How much is logged",
    )
