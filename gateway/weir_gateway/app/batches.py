"""Opens the folder of files and batches as the settings say."""

import contextlib
from collections.abc import Callable

from weir_gateway.adapters.keys import KeyRing
from weir_gateway.adapters.providers.upstream import HttpUpstreams
from weir_gateway.batches.context import BatchLimits
from weir_gateway.batches.factory import BatchDependencies, BatchService, BatchStorage, open_batches
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.pipeline import Routing
from weir_gateway.settings import Settings


async def open_batch_service(
    settings: Settings,
    routing: Routing,
    tables: Callable[[], RouteTable],
    keys: KeyRing | None,
    calls: HttpUpstreams,
    stack: contextlib.AsyncExitStack,
) -> BatchService | None:
    """Open the batch service; `stack` closes it. Returns None where batches are disabled.

    Raises StoreUnavailable and OSError: with batches enabled, the gateway does not start without.
    """
    if settings.batches is None:
        return None
    storage = BatchStorage(
        folder=settings.batches,
        max_file_bytes=settings.batch_file_bytes,
        max_total_bytes=settings.batch_bytes,
        retention=settings.batch_keep,
    )
    limits = BatchLimits(
        max_calls=settings.batch_calls,
        poll_interval=settings.batch_poll,
        max_line=settings.max_body,
        max_answer=settings.max_answer,
    )
    patient = routing.patient(settings.batch_score_within)
    dependencies = BatchDependencies(routing=patient, tables=tables, keys=keys, calls=calls)
    return await open_batches(storage, limits, dependencies, stack)
