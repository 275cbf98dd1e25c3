"""Creates, reads and cancels batches for clients; implements the protocol of http/batches.py.

A client key sees its own batches only.
"""

import sqlite3
from collections.abc import Callable
from typing import Final

from weir_gateway.batches import repository
from weir_gateway.batches.context import CLIENTS
from weir_gateway.batches.database import Database
from weir_gateway.batches.file_store import FileStore
from weir_gateway.domain.batch import Batch, BatchId, BatchStatus, NewBatch, Page
from weir_gateway.domain.errors import BadRequest, InUse, NoSuchObject, NothingCanServe

MAX_ACTIVE: Final = 100  # batches of one key that have not ended


class BatchApi:
    """Serves batches to the HTTP endpoints."""

    def __init__(
        self,
        database: Database,
        files: FileStore,
        wake: Callable[[], None],
        now: Callable[[], float],
        ids: Callable[[], str],
    ) -> None:
        """`wake` tells the runner about changes; `now` is in Unix seconds."""
        self._database = database
        self._files = files
        self._wake = wake
        self._now = now
        self._ids = ids

    async def create(self, new: NewBatch) -> Batch:
        """Store a new batch.

        Raises NoSuchObject for an unknown file, BadRequest for an unknown endpoint, and
        NothingCanServe where the key has too many active batches.
        """
        if new.endpoint not in CLIENTS:
            endpoints = ", ".join(CLIENTS)
            raise BadRequest(f"`endpoint` must be one of {endpoints}", param="endpoint")
        await self._files.get(new.key, new.input_file)
        batch_id = BatchId(f"batch_{self._ids()}")
        now = int(self._now())

        def add(db: sqlite3.Connection) -> Batch | None:
            if repository.count_active(db, new.key) >= MAX_ACTIVE:
                return None
            if repository.get_file(db, new.key, new.input_file) is None:
                return None
            return repository.add_batch(db, batch_id, new, now)

        batch = await self._database.transact(add)
        if batch is None:
            raise NothingCanServe(
                f"this key has {MAX_ACTIVE} active batches, the most it may have",
                code="too_many_batches",
            )
        self._wake()
        return batch

    async def get(self, key: str, batch_id: str) -> Batch:
        """Return one of the key's batches. Raises NoSuchObject."""
        batch = await self._database.transact(lambda db: repository.get_batch(db, key, batch_id))
        return _require(batch, batch_id)

    async def list_batches(self, key: str, page: Page) -> list[Batch]:
        """Return the key's batches, newest first; one more than `page.limit` if there are more."""
        return await self._database.transact(lambda db: repository.list_batches(db, key, page))

    async def cancel(self, key: str, batch_id: str) -> Batch:
        """Request cancellation. Raises NoSuchObject, and InUse where the batch has ended."""
        now = int(self._now())

        def request_cancel(db: sqlite3.Connection) -> tuple[Batch | None, bool]:
            batch = repository.get_batch(db, key, batch_id)
            if batch is None or batch.status.over:
                return batch, False
            if batch.status is not BatchStatus.FINALIZING:
                repository.request_stop(db, batch_id, BatchStatus.CANCELLED)
                repository.set_status(db, batch_id, BatchStatus.CANCELLING, now)
            return repository.get_batch(db, key, batch_id), True

        batch, accepted = await self._database.transact(request_cancel)
        if not accepted and batch is not None:
            raise InUse(f"the batch is {batch.status}: there is nothing to cancel", param="id")
        self._wake()
        return _require(batch, batch_id)


def _require(batch: Batch | None, batch_id: str) -> Batch:
    if batch is None:
        raise NoSuchObject(f"no batch {batch_id[:100]!r}: GET /v1/batches lists yours", param="id")
    return batch
