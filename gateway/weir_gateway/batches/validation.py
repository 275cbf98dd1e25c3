"""Reads a batch's input file, checks each line, and stores its items or its errors."""

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import IO

from weir_gateway.batches import journal, repository
from weir_gateway.batches.async_files import open_for_reading
from weir_gateway.batches.context import Job
from weir_gateway.batches.file_store import CHUNK
from weir_gateway.batches.lines import Item, LineChecker, LineReader
from weir_gateway.domain.batch import BatchStatus, LineError


async def validate(job: Job) -> bool:
    """Store the items of a valid file and return True; otherwise fail the batch.

    Raises StoreUnavailable.
    """
    database = job.context.database
    await database.transact(lambda db: journal.delete_items(db, job.id))
    max_line = job.context.limits.max_line
    checker = LineChecker(job.batch.endpoint, max_line)
    try:
        async with open_for_reading(job.input) as opened:
            await _read_all(job, opened, LineReader(max_line), checker)
    except OSError as error:
        checker.errors.append(LineError("file_unreadable", f"the file can't be read: {error}"))
    now = int(job.context.now())
    if checker.errors:

        def fail(db: sqlite3.Connection) -> None:
            journal.delete_items(db, job.id)
            repository.set_failed(db, job.id, checker.errors, now)

        await database.transact(fail)
        return False

    def start(db: sqlite3.Connection) -> None:
        journal.set_total(db, job.id)
        if repository.stop_status(db, job.id) is None:
            repository.set_status(db, job.id, BatchStatus.IN_PROGRESS, now)

    await database.transact(start)
    return True


async def _read_all(job: Job, opened: IO[bytes], reader: LineReader, checker: LineChecker) -> None:
    """Read chunk by chunk, so that neither the event loop nor the database is blocked for long."""

    def read_chunk() -> tuple[bool, list[Item]]:
        data = opened.read(CHUNK)
        lines = reader.feed(data) if data else reader.end()
        items = [item for line in lines if (item := checker.check(line)) is not None]
        return bool(data), items

    more = True
    while more and not checker.gave_up:
        more, items = await asyncio.to_thread(read_chunk)
        if items:
            await job.context.database.transact(_add_items(job, items))
    checker.finish()


def _add_items(job: Job, items: Sequence[Item]) -> repository.Work:
    return lambda db: journal.add_items(db, job.id, items)
