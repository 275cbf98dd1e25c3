"""Ends a batch: writes its results to files in the order of its lines, then deletes its journal.

The files are complete on disk before one transaction stores the rest. An interrupted end is
repeated from the start, into files of the same names, so that none are left over.
"""

import asyncio
import contextlib
import hashlib
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from weir_gateway.batches import items, journal, repository
from weir_gateway.batches.context import Job
from weir_gateway.batches.database import Database
from weir_gateway.batches.journal import ItemState, JournalItem
from weir_gateway.batches.result_collector import release
from weir_gateway.domain.batch import BatchStatus, FileId, FilePurpose, StoredFile

PAGE: Final = 512  # items marked at once
DELETE_PAGE: Final = 2_000  # items deleted at once, so that other transactions get through
CHUNK: Final = 1 << 20  # bytes of results written at once
_UNSENT_ERRORS: Final = {  # (code, message) of items that were not executed
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
    """Write the results and set the final status. Raises StoreUnavailable; then call it again."""
    database = job.context.database
    now = int(job.context.now())
    if job.stop_status is None:
        await database.transact(
            lambda db: repository.set_status(db, job.id, BatchStatus.FINALIZING, now)
        )
    else:
        await _mark_unfinished(job, job.stop_status)
    status = job.stop_status or BatchStatus.COMPLETED
    output = await _write_results(job, ItemState.DONE, "output")
    errors = await _write_results(job, ItemState.FAILED, "error")

    def end(db: sqlite3.Connection) -> None:
        for file in (output, errors):
            if file is not None:
                repository.add_file(db, file)
        repository.set_result_files(
            db, job.id, output.id if output else None, errors.id if errors else None
        )
        repository.set_status(db, job.id, status, now)

    await database.transact(end)
    await clean_up(database, job.context.scratch, job.id)


async def clean_up(database: Database, scratch: Path, batch: str) -> None:
    """Delete the part files and the journal of an ended batch, page by page."""
    with contextlib.suppress(OSError):
        await asyncio.to_thread(_delete_parts, scratch, batch)
    while await database.transact(lambda db: journal.delete_page(db, batch, DELETE_PAGE)):
        pass


async def _mark_unfinished(job: Job, status: BatchStatus) -> None:
    code, message = _UNSENT_ERRORS[status]

    def mark_page(db: sqlite3.Connection) -> list[JournalItem]:
        unfinished = journal.unfinished_items(db, job.id, PAGE)
        results = [items.unsent_line(item, job.id, code, message) for item in unfinished]
        journal.add_unsent_results(db, job.id, results)
        return unfinished

    while unfinished := await job.context.database.transact(mark_page):
        release(job, unfinished)


async def _write_results(job: Job, state: ItemState, suffix: str) -> StoredFile | None:
    """Write the results in `state` to a file; return None where there are none."""
    files, name = job.context.files, f"{job.id}_{suffix}.jsonl"
    file_id = FileId(f"file-{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}")
    size = await files.write(file_id, _pieces(job, state))
    if not size:
        await files.delete_contents([file_id])
        return None
    return files.describe(file_id, job.batch.key, name, size, FilePurpose.BATCH_OUTPUT)


async def _pieces(job: Job, state: ItemState) -> AsyncGenerator[bytes]:
    last, lines = await _next_results(job, state, 0)
    while lines:
        yield b"".join(line + b"\n" for line in lines)
        last, lines = await _next_results(job, state, last)


async def _next_results(job: Job, state: ItemState, after: int) -> tuple[int, list[bytes]]:
    return await job.context.database.transact(
        lambda db: journal.read_results(db, job.id, state, after=after, size=CHUNK)
    )


def _delete_parts(scratch: Path, batch: str) -> None:
    for path in scratch.glob(f"{batch}-*"):
        path.unlink(missing_ok=True)
