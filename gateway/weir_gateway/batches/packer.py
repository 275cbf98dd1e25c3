"""Items that were decided for a backend with batches, packed into parts: one file each, on disk.

A part's row and its items' are written in one transaction when its file is complete; a file without
a row is packed anew. What the backend's wire can't carry goes alone, where a fallback may. Must not
know how a part is sent.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from weir_gateway.adapters.providers.outbound import carried
from weir_gateway.batches import items, journal
from weir_gateway.batches.async_files import open_for_writing, write_and_sync
from weir_gateway.batches.context import PAGE_BYTES, Job
from weir_gateway.batches.items import ItemContext, ParsedItem
from weir_gateway.batches.journal import BatchPart, JournalItem
from weir_gateway.batches.provider import BatchProvider
from weir_gateway.domain.errors import BadRequest, StoreUnavailable
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.table import Backend, RouteTable
from weir_wires.select import way
from weir_wires.wire import Wire

PAGE: Final = 256  # items that are read and written at once
TAG_DIGITS: Final = 16

Providers = Mapping[Wire, BatchProvider]


@dataclass(frozen=True, slots=True)
class BatchTarget:
    """A backend whose provider takes batches, and how."""

    backend: Backend
    account: Backend  # of several endpoints the first: a batch lives in one account
    wire: Wire
    provider: BatchProvider


def batch_target(job: Job, backend: Backend | None, providers: Providers) -> BatchTarget | None:
    """How the job's items go to `backend` as a batch; None where they go one by one."""
    if backend is None or backend.batches is None:
        return None
    found = way(job.wire, backend.wires)
    provider = None if found is None else providers.get(found.out)
    if found is None or provider is None:
        return None
    account = backend.endpoints[0].backend if backend.endpoints else backend
    return BatchTarget(backend, account, found.out, provider)


def part_path(job: Job, number: int) -> Path:
    """Where a part lies until it is over."""
    return job.context.scratch / f"{job.id}-{number}"


async def pack(job: Job, table: RouteTable, providers: Providers, backend_id: str) -> None:
    """Pack all that waits for the backend. Raises StoreUnavailable and KeyGone."""
    to = batch_target(job, table.backends.get(BackendId(backend_id)), providers)
    while not job.stop_requested.is_set():
        waiting = await _next_page(job, backend_id, 0)
        if not waiting:
            return
        if to is None:  # the table has changed since
            await _reset_to_single(job, [item.line for item in waiting])
            continue
        try:
            await _pack_part(job, to)
        except OSError as error:
            words = f"the folder of batches can't be used: {error.strerror}"
            raise StoreUnavailable(words) from error


async def _reset_to_single(job: Job, lines: Sequence[int]) -> None:
    await job.context.database.transact(lambda db: journal.reset_to_single(db, job.id, lines))


async def _next_page(job: Job, backend_id: str, after: int) -> list[JournalItem]:
    return await job.context.database.transact(
        lambda db: journal.decided_items(
            db, job.id, backend_id, after=after, most=PAGE, size=PAGE_BYTES
        )
    )


async def _pack_part(job: Job, to: BatchTarget) -> None:
    database = job.context.database
    number = await database.transact(lambda db: journal.next_part_number(db, job.id))
    tag = job.context.ids()[:TAG_DIGITS]
    lines, refused = await _write_part(job, to, tag, part_path(job, number))
    part = BatchPart(
        batch=job.id,
        number=number,
        backend=to.backend.id,
        tag=tag,
        items=len(lines),
        created=int(job.context.now()),
        sent=None,
        upstream=None,
    )

    def noted(db: sqlite3.Connection) -> None:
        journal.reset_to_single(db, job.id, refused)
        if lines:
            journal.add_part(db, part, lines)

    await database.transact(noted)


async def _write_part(
    job: Job, to: BatchTarget, tag: str, path: Path
) -> tuple[list[int], list[int]]:
    """Write as many items as one part takes; gives the lines written, and those that can't be."""
    asking, provider = job.item_context(), to.provider
    lines: list[int] = []
    refused: list[int] = []
    async with open_for_writing(path) as file:
        await asyncio.to_thread(provider.write_header, file)
        after, full = 0, False
        while not full and (waiting := await _next_page(job, to.backend.id, after)):
            page, bad, full = await asyncio.to_thread(
                _write_page, asking, waiting[: provider.max_items - len(lines)], to, tag, file
            )
            lines += page
            refused += bad
            full = full or len(lines) >= provider.max_items
            after = waiting[-1].line
        await asyncio.to_thread(provider.write_footer, file)
        await asyncio.to_thread(write_and_sync, file, b"")
    return lines, refused


def _write_page(
    asking: ItemContext, waiting: Sequence[JournalItem], to: BatchTarget, tag: str, file: IO[bytes]
) -> tuple[list[int], list[int], bool]:
    """Blocking: for a thread."""
    lines: list[int] = []
    refused: list[int] = []
    for asked in items.parse_items(asking, waiting):
        if file.tell() + asked.item.size > to.provider.max_bytes and file.tell():
            return lines, refused, True
        body = _body(asked, to)
        if body is None:
            refused.append(asked.item.line)
        else:
            to.provider.write_item(file, f"{tag}-{asked.item.line}", to.wire, body)
            lines.append(asked.item.line)
    return lines, refused, False


def _body(asked: ParsedItem, to: BatchTarget) -> bytes | None:
    if isinstance(asked.request, BadRequest):
        return None
    try:
        return carried(to.backend, asked.request).body
    except BadRequest:
        return None
