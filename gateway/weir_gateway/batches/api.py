"""What clients may do with files and batches; fills the ports of http/files.py and http/batches.py.

Whose key asks, whose things they see. Must not know HTTP or how a batch is run.
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

MAX_ACTIVE: Final = 100  # batches of one key that are not over


class BatchApi:
    """Takes batches in and tells of them."""

    def __init__(
        self,
        database: Database,
        files: FileStore,
        wake: Callable[[], None],
        now: Callable[[], float],
        ids: Callable[[], str],
    ) -> None:
        """`poke` says that there is something new; `now` is seconds since 1970."""
        self._database = database
        self._files = files
        self._wake = wake
        self._now = now
        self._ids = ids

    @property
    def endpoints(self) -> tuple[str, ...]:
        """What a batch may be for."""
        return tuple(CLIENTS)

    async def create(self, new: NewBatch) -> Batch:
        """Take a batch in. Raises NoSuchObject, and BadRequest where its endpoint is none."""
        if new.endpoint not in CLIENTS:
            served = ", ".join(CLIENTS)
            raise BadRequest(f"`endpoint` must be one of {served}", param="endpoint")
        await self._files.get(new.key, new.input_file)
        batch_id = BatchId(f"batch_{self._ids()}")
        now = int(self._now())

        def kept(db: sqlite3.Connection) -> Batch | None:
            if repository.count_active(db, new.key) >= MAX_ACTIVE:
                return None
            if repository.get_file(db, new.key, new.input_file) is None:
                return None
            return repository.add_batch(db, batch_id, new, now)

        batch = await self._database.transact(kept)
        if batch is None:
            raise NothingCanServe(
                f"{MAX_ACTIVE} batches of this key are under way, the most there may be",
                code="too_many_batches",
            )
        self._wake()
        return batch

    async def get(self, key: str, batch_id: str) -> Batch:
        """The key's batch of this id. Raises NoSuchObject."""
        return _require(
            await self._database.transact(lambda db: repository.get_batch(db, key, batch_id)),
            batch_id,
        )

    async def list_batches(self, key: str, page: Page) -> list[Batch]:
        """The key's batches, newest first, and one more where there are more."""
        return await self._database.transact(lambda db: repository.list_batches(db, key, page))

    async def cancel(self, key: str, batch_id: str) -> Batch:
        """Ask for its end. Raises NoSuchObject, and InUse where it is over already."""
        now = int(self._now())

        def cancelled(db: sqlite3.Connection) -> tuple[Batch | None, bool]:
            batch = repository.get_batch(db, key, batch_id)
            if batch is None or batch.status.over:
                return batch, False
            if batch.status is not BatchStatus.FINALIZING:
                repository.request_stop(db, batch_id, BatchStatus.CANCELLED)
                repository.set_status(db, batch_id, BatchStatus.CANCELLING, now)
            return repository.get_batch(db, key, batch_id), True

        batch, taken = await self._database.transact(cancelled)
        if not taken and batch is not None:
            raise InUse(f"the batch is {batch.status}: there is nothing to cancel", param="id")
        self._wake()
        return _require(batch, batch_id)


def _require(batch: Batch | None, batch_id: str) -> Batch:
    if batch is None:
        raise NoSuchObject(f"no batch {batch_id[:100]!r}: GET /v1/batches lists yours", param="id")
    return batch
