"""A batch's end: its results written to files in the order of its lines, and its journal forgotten.

Files first, complete and on disk; then everything else in one transaction. Cut short, it is done
again from the start.
"""

import asyncio
import sqlite3
from typing import Final

from weir_gateway.batches import journal, outcome_lines, rows
from weir_gateway.batches.bench import Job
from weir_gateway.batches.collecting import let_go
from weir_gateway.batches.database import Database
from weir_gateway.batches.journal import Kept, State
from weir_gateway.batches.opened import settle, writing
from weir_gateway.batches.shelf import UNFINISHED
from weir_gateway.domain.batch import BatchStatus, Purpose, StoredFile
from weir_gateway.domain.errors import StoreUnavailable

PAGE: Final = 512  # items that are marked at once
FORGOTTEN: Final = 2_000  # items that are deleted at once, so that others get a turn
PIECE: Final = 1 << 20  # bytes of results that are written at once
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
    database = job.bench.database
    now = int(job.bench.now())
    if job.ending is None:
        await database.do(lambda db: rows.stands(db, job.id, BatchStatus.FINALIZING, now))
    else:
        await _mark_unfinished(job, job.ending)
    end = job.ending or BatchStatus.COMPLETED
    output = await _written(job, State.DONE, "output")
    errors = await _written(job, State.FAILED, "error")

    def over(db: sqlite3.Connection) -> None:
        for file in (output, errors):
            if file is not None:
                rows.add_file(db, file)
        rows.give_files(db, job.id, output.id if output else None, errors.id if errors else None)
        rows.stands(db, job.id, end, now)

    await database.do(over)
    await forget(job.bench.database, job.id)


async def forget(database: Database, batch: str) -> None:
    """Delete what was noted of a batch that is over, a little at a time."""
    while await database.do(lambda db: journal.forget_results(db, batch, FORGOTTEN)):
        pass


async def _mark_unfinished(job: Job, ending: BatchStatus) -> None:
    code, message = _WHY[ending]

    def some(db: sqlite3.Connection) -> list[Kept]:
        left = journal.unfinished(db, job.id, PAGE)
        results = [outcome_lines.never_sent(item, job.id, code, message) for item in left]
        journal.never_sent(db, job.id, results)
        return left

    while left := await job.bench.database.do(some):
        let_go(job, left)


async def _written(job: Job, state: State, what: str) -> StoredFile | None:
    """The results in `state` as a file; None where there are none."""
    last, lines = await _next(job, state, 0)
    if not lines:
        return None
    shelf = job.bench.shelf
    file_id = shelf.new_id()
    path = shelf.path(f"{file_id}{UNFINISHED}")
    size = 0
    try:
        async with writing(path) as opened:
            while lines:
                data = b"".join(line + b"\n" for line in lines)
                size += len(data)
                await asyncio.to_thread(opened.write, data)
                last, lines = await _next(job, state, last)
            await asyncio.to_thread(settle, opened, b"")
        await asyncio.to_thread(path.replace, shelf.path(file_id))
    except OSError as error:
        words = f"a batch's results can't be written: {error.strerror}"
        raise StoreUnavailable(words) from error
    name = f"{job.id}_{what}.jsonl"
    return shelf.described(file_id, job.batch.key, name, size, Purpose.BATCH_OUTPUT)


async def _next(job: Job, state: State, after: int) -> tuple[int, list[bytes]]:
    return await job.bench.database.do(
        lambda db: journal.results(db, job.id, state, after=after, size=PIECE)
    )
