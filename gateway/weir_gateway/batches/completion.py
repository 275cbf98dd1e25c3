"""A batch's end: its results written to files in the order of its lines, and its journal forgotten.

Files first, complete and on disk; then everything else in one transaction. Cut short, it is done
again from the start, into files of the same names: they don't pile up.
"""

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from weir_gateway.batches import journal, repository, result_lines
from weir_gateway.batches.collecting import release
from weir_gateway.batches.context import Job
from weir_gateway.batches.database import Database
from weir_gateway.batches.journal import ItemState, JournalItem
from weir_gateway.domain.batch import BatchStatus, FileId, Purpose, StoredFile

PAGE: Final = 512  # items that are marked at once
DELETE_PAGE: Final = 2_000  # items that are deleted at once, so that others get a turn
CHUNK: Final = 1 << 20  # bytes of results that are written at once
_WHY: Final = {
    BatchStatus.EXPIRED: (
        "batch_expired",
        "This request was not executed before the batch's completion window ended.",
    ),
    BatchStatus.CANCELLED: (
        "batch_cancelled",
        "This request was not executed before the batch was cancelled.",
    ),
}


async def finish(job: Job) -> None:
    """Raises StoreUnavailable; then it is to be done again."""
    database = job.context.database
    now = int(job.context.now())
    if job.stop_status is None:
        await database.transact(
            lambda db: repository.set_status(db, job.id, BatchStatus.FINALIZING, now)
        )
    else:
        await _mark_unfinished(job, job.stop_status)
    end = job.stop_status or BatchStatus.COMPLETED
    output = await _written(job, ItemState.DONE, "output")
    errors = await _written(job, ItemState.FAILED, "error")

    def over(db: sqlite3.Connection) -> None:
        for file in (output, errors):
            if file is not None:
                repository.add_file(db, file)
        repository.set_result_files(
            db, job.id, output.id if output else None, errors.id if errors else None
        )
        repository.set_status(db, job.id, end, now)

    await database.transact(over)
    await clean_up(database, job.context.scratch, job.id)


async def clean_up(database: Database, scratch: Path, batch: str) -> None:
    """Delete what was noted of a batch that is over, a little at a time, and what was packed."""
    with contextlib.suppress(OSError):
        await asyncio.to_thread(_unpack, scratch, batch)
    while await database.transact(lambda db: journal.delete_page(db, batch, DELETE_PAGE)):
        pass


async def _mark_unfinished(job: Job, ending: BatchStatus) -> None:
    code, message = _WHY[ending]

    def some(db: sqlite3.Connection) -> list[JournalItem]:
        left = journal.unfinished_items(db, job.id, PAGE)
        results = [result_lines.unsent_line(item, job.id, code, message) for item in left]
        journal.add_unsent_results(db, job.id, results)
        return left

    while left := await job.context.database.transact(some):
        release(job, left)


async def _written(job: Job, state: ItemState, what: str) -> StoredFile | None:
    """The results in `state` as a file; None where there are none."""
    shelf, name = job.context.files, f"{job.id}_{what}.jsonl"
    file_id = FileId(f"file-{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}")
    size = await shelf.write(file_id, _pieces(job, state))
    if not size:
        await shelf.delete_contents([file_id])
        return None
    return shelf.describe(file_id, job.batch.key, name, size, Purpose.BATCH_OUTPUT)


async def _pieces(job: Job, state: ItemState) -> AsyncGenerator[bytes]:
    last, lines = await _next(job, state, 0)
    while lines:
        yield b"".join(line + b"\n" for line in lines)
        last, lines = await _next(job, state, last)


def _unpack(scratch: Path, batch: str) -> None:
    for path in scratch.glob(f"{batch}-*"):
        path.unlink(missing_ok=True)


async def _next(job: Job, state: ItemState, after: int) -> tuple[int, list[bytes]]:
    return await job.context.database.transact(
        lambda db: journal.read_results(db, job.id, state, after=after, size=CHUNK)
    )
