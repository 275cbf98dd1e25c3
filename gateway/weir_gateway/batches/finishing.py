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

from weir_gateway.batches import journal, outcome_lines, repository
from weir_gateway.batches.collecting import let_go
from weir_gateway.batches.context import Job
from weir_gateway.batches.database import Database
from weir_gateway.batches.journal import Kept, State
from weir_gateway.domain.batch import BatchStatus, FileId, Purpose, StoredFile

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
        await database.do(lambda db: repository.stands(db, job.id, BatchStatus.FINALIZING, now))
    else:
        await _mark_unfinished(job, job.ending)
    end = job.ending or BatchStatus.COMPLETED
    output = await _written(job, State.DONE, "output")
    errors = await _written(job, State.FAILED, "error")

    def over(db: sqlite3.Connection) -> None:
        for file in (output, errors):
            if file is not None:
                repository.add_file(db, file)
        repository.give_files(
            db, job.id, output.id if output else None, errors.id if errors else None
        )
        repository.stands(db, job.id, end, now)

    await database.do(over)
    await forget(database, job.bench.scratch, job.id)


async def forget(database: Database, scratch: Path, batch: str) -> None:
    """Delete what was noted of a batch that is over, a little at a time, and what was packed."""
    with contextlib.suppress(OSError):
        await asyncio.to_thread(_unpack, scratch, batch)
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
    shelf, name = job.bench.shelf, f"{job.id}_{what}.jsonl"
    file_id = FileId(f"file-{hashlib.blake2b(name.encode(), digest_size=16).hexdigest()}")
    size = await shelf.put(file_id, _pieces(job, state))
    if not size:
        await shelf.remove([file_id])
        return None
    return shelf.described(file_id, job.batch.key, name, size, Purpose.BATCH_OUTPUT)


async def _pieces(job: Job, state: State) -> AsyncGenerator[bytes]:
    last, lines = await _next(job, state, 0)
    while lines:
        yield b"".join(line + b"\n" for line in lines)
        last, lines = await _next(job, state, last)


def _unpack(scratch: Path, batch: str) -> None:
    for path in scratch.glob(f"{batch}-*"):
        path.unlink(missing_ok=True)


async def _next(job: Job, state: State, after: int) -> tuple[int, list[bytes]]:
    return await job.bench.database.do(
        lambda db: journal.results(db, job.id, state, after=after, size=PIECE)
    )
