"""Applies route tables: the last good one at start, then those of a file or the operator."""

import asyncio
import logging
import socket
import time

from weir_gateway.adapters.providers.credentials import Credentials
from weir_gateway.adapters.route_table.file import LastGood, TableFile
from weir_gateway.adapters.route_table.stream import (
    StreamOptions,
    TableStream,
    TableTargets,
    UsageSources,
)
from weir_gateway.adapters.route_table.tables import Tables
from weir_gateway.app.build import Parts
from weir_gateway.domain.errors import BadTable
from weir_gateway.settings import Settings
from weir_gateway.settings.serving import OperatorSettings
from weir_runtime.tasks import Background

_LOG = logging.getLogger(__name__)

CREDENTIALS = "credentials"  # a topic of /readyz
NANOS_PER_MILLI = 1_000_000


async def follow_tables(
    settings: Settings, parts: Parts, tables: Tables, tasks: Background
) -> None:
    """Load the first table and start to follow its source."""
    table, operator = settings.table, settings.operator
    last_good = LastGood(table.last_good) if table.last_good else None
    if last_good is not None:
        await _restore(last_good, tables, parts.credentials)
    if table.file is not None:
        file = TableFile(table.file, table.credentials, tables, parts.credentials)
        if not tables.version:  # the last table of the operator is newer than any file
            await file.refresh()
        if operator.target is None:
            tasks.start(file.follow(table.check), "weir-routetable-file")
    if operator.target is not None:
        _await_credentials(parts, tables)
        stream = _stream(operator, operator.target, parts, tables, last_good)
        tasks.start(stream.follow(), "weir-routetable-stream")


async def _restore(last_good: LastGood, tables: Tables, credentials: Credentials) -> None:
    try:
        saved = await asyncio.to_thread(last_good.load)
        if saved is not None:
            message, secrets = saved
            credentials.replace(secrets)
            await tables.apply(message, "last good")
    except (OSError, ValueError, BadTable):
        _LOG.warning("the last good table can't be used; starting without it")


def _await_credentials(parts: Parts, tables: Tables) -> None:
    """Stay not ready while only the operator has the keys: each call would fail."""
    if not tables.version:
        return
    missing = parts.credentials.missing(tables.current().backends.values())
    if missing:
        names = ", ".join(f"{ref.namespace}/{ref.name}" for ref in missing[:3])
        why = f"waiting for the operator's stream to bring the keys of {names}"
        parts.health.not_ready(CREDENTIALS, why)


def _stream(
    settings: OperatorSettings,
    target: str,
    parts: Parts,
    tables: Tables,
    last_good: LastGood | None,
) -> TableStream:
    options = StreamOptions(
        target=target,
        gateway=settings.gateway_name or socket.gethostname(),
        ca=settings.ca,
        token=settings.token,
        usage_every=settings.usage_every,
        started=time.time_ns() // NANOS_PER_MILLI,
    )
    targets = TableTargets(
        tables,
        parts.credentials,
        last_good,
        on_applied=lambda: parts.health.ready(CREDENTIALS),
    )
    usage = UsageSources(parts.metrics.totals, parts.backend_health.recent)
    return TableStream(options, targets, usage, parts.registry)
