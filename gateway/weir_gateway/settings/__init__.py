"""The gateway's settings: `WEIR_*`, each with default, unit and reason, in groups.

Each part of `app/build.py` takes the group that it needs.
"""

from dataclasses import dataclass
from pathlib import Path

from weir_gateway.settings.extproc import ExtprocSettings
from weir_gateway.settings.records import (
    BatchSettings,
    FeedbackSettings,
    LedgerSettings,
    LogSettings,
    RedisSettings,
)
from weir_gateway.settings.serving import (
    CacheSettings,
    KeySettings,
    ListenSettings,
    OperatorSettings,
    RoutingSettings,
    ScorerSettings,
    TableSettings,
    UpstreamSettings,
)
from weir_runtime.settings import setting


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
    extproc: ExtprocSettings
    spend: Path | None = setting(
        "WEIR_SPEND",
        default=None,
        unit="file",
        why="An SQLite file with the USD spent in the current day and period, which the gateways "
        "of one machine share and which survives a restart; not used with WEIR_REDIS",
    )
