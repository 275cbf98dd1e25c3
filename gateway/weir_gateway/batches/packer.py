"""Packs decided items for a backend with batches into parts: one file on disk each.

When a part's file is complete, one transaction stores the part and marks its items. A file without
a stored part is packed again. Items that the backend's wire can't carry are sent by calls of their
own, where a fallback may carry them.
"""

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from weir_gateway.adapters.providers.outbound import encode_request
from weir_gateway.batches import journal
from weir_gateway.batches.async_files import open_for_writing, write_and_sync
from weir_gateway.batches.context import PAGE_BYTES, Job
from weir_gateway.batches.items import ItemContext, ParsedItem, parse_items
from weir_gateway.batches.journal import BatchPart, JournalItem
from weir_gateway.batches.provider import BatchProvider
from weir_gateway.domain.errors import BadRequest, StoreUnavailable
from weir_gateway.domain.table import Backend, RouteTable
from weir_policy.ids import BackendId
from weir_wires.registry import WIRES
from weir_wires.wire import Wire

PAGE: Final = 256  # items read and written at once
TAG_DIGITS: Final = 16

Providers = Mapping[Wire, BatchProvider]


@dataclass(frozen=True, slots=True)
class BatchTarget:
    """A backend whose provider takes batches, and how to reach it."""

    backend: Backend
    account: Backend  # the first of several endpoints: a batch exists in one account only
    wire: Wire
    provider: BatchProvider


def batch_target(job: Job, backend: Backend | None, providers: Providers) -> BatchTarget | None:
    """Return how the job's items reach `backend` as a batch; None where they need single calls."""
    if backend is None or backend.batches is None:
        return None
    found = WIRES.route(job.wire, backend.wires)
    provider = None if found is None else providers.get(found.wire)
    if found is None or provider is None:
        return None
    account = backend.endpoints[0].backend if backend.endpoints else backend
    return BatchTarget(backend, account, found.wire, provider)


def part_path(job: Job, number: int) -> Path:
    """Return the path of a part's file."""
    return job.context.scratch / f"{job.id}-{number}"


async def pack(job: Job, table: RouteTable, providers: Providers, backend_id: str) -> None:
    """Pack all items that wait for the backend. Raises StoreUnavailable and KeyRevoked."""
    target = batch_target(job, table.backends.get(BackendId(backend_id)), providers)
    while not job.stop_requested.is_set():
        page = await _next_page(job, backend_id, 0)
        if not page:
            return
        if target is None:
            # The table has changed since the decisions.
            await _reset_to_single(job, [item.line for item in page])
            continue
        try:
            await _pack_part(job, target)
        except OSError as error:
            message = f"the folder of batches can't be used: {error.strerror}"
            raise StoreUnavailable(message) from error


async def _reset_to_single(job: Job, lines: Sequence[int]) -> None:
    await job.context.database.transact(lambda db: journal.reset_to_single(db, job.id, lines))


async def _next_page(job: Job, backend_id: str, after: int) -> list[JournalItem]:
    return await job.context.database.transact(
        lambda db: journal.decided_items(
            db, job.id, backend_id, after=after, most=PAGE, size=PAGE_BYTES
        )
    )


async def _pack_part(job: Job, target: BatchTarget) -> None:
    database = job.context.database
    number = await database.transact(lambda db: journal.next_part_number(db, job.id))
    tag = job.context.ids()[:TAG_DIGITS]
    lines, rejected = await _write_part(job, target, tag, part_path(job, number))
    part = BatchPart(
        batch=job.id,
        number=number,
        backend=target.backend.id,
        tag=tag,
        items=len(lines),
        created=int(job.context.now()),
        sent=None,
        upstream=None,
    )

    def store(db: sqlite3.Connection) -> None:
        journal.reset_to_single(db, job.id, rejected)
        if lines:
            journal.add_part(db, part, lines)

    await database.transact(store)


async def _write_part(
    job: Job, target: BatchTarget, tag: str, path: Path
) -> tuple[list[int], list[int]]:
    """Write as many items as a part takes; return the lines written and the lines rejected."""
    context, provider = job.item_context(), target.provider
    lines: list[int] = []
    rejected: list[int] = []
    async with open_for_writing(path) as file:
        await asyncio.to_thread(provider.write_header, file)
        after, full = 0, False
        while not full and (page := await _next_page(job, target.backend.id, after)):
            written, bad, full = await asyncio.to_thread(
                _write_page, context, page[: provider.max_items - len(lines)], target, tag, file
            )
            lines += written
            rejected += bad
            full = full or len(lines) >= provider.max_items
            after = page[-1].line
        await asyncio.to_thread(provider.write_footer, file)
        await asyncio.to_thread(write_and_sync, file, b"")
    return lines, rejected


def _write_page(
    context: ItemContext,
    page: Sequence[JournalItem],
    target: BatchTarget,
    tag: str,
    file: IO[bytes],
) -> tuple[list[int], list[int], bool]:
    """Return the lines written, the lines rejected, and whether the part is full. Blocking."""
    lines: list[int] = []
    rejected: list[int] = []
    for parsed in parse_items(context, page):
        item = parsed.item
        if file.tell() + item.size > target.provider.max_bytes and file.tell():
            return lines, rejected, True
        body = _body(parsed, target)
        if body is None:
            rejected.append(item.line)
        else:
            target.provider.write_item(file, f"{tag}-{item.line}", target.wire, body)
            lines.append(item.line)
    return lines, rejected, False


def _body(parsed: ParsedItem, target: BatchTarget) -> bytes | None:
    """Return the body in the backend's wire; None where the wire can't carry the request."""
    if isinstance(parsed.request, BadRequest):
        return None
    try:
        return encode_request(target.backend, parsed.request).body
    except BadRequest:
        return None
