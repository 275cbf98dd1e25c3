"""Opens the folder of files and batches as the settings say."""

import contextlib
from pathlib import Path

from weir_gateway.batches.context import BatchLimits
from weir_gateway.batches.factory import BatchDependencies, BatchService, BatchStorage, open_batches
from weir_gateway.settings import Settings
from weir_gateway.settings.records import BatchSettings


async def open_batch_service(
    settings: Settings, dependencies: BatchDependencies, stack: contextlib.AsyncExitStack
) -> BatchService | None:
    """Open the batch service; `stack` closes it. Returns None where batches are disabled.

    Raises StoreUnavailable and OSError: with batches enabled, the gateway does not start without.
    """
    batches = settings.batches
    if batches.folder is None:
        return None
    limits = BatchLimits(
        max_calls=batches.calls,
        poll_interval=batches.poll,
        max_line=settings.listen.max_body,
        max_answer=settings.upstream.max_answer,
    )
    return await open_batches(_storage(batches, batches.folder), limits, dependencies, stack)


def _storage(settings: BatchSettings, folder: Path) -> BatchStorage:
    return BatchStorage(
        folder=folder,
        max_file_bytes=settings.max_file_bytes,
        max_total_bytes=settings.max_total_bytes,
        retention=settings.retention,
    )
