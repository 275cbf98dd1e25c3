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
from weir_gateway.batches.async_files import settle, writing
from weir_gateway.batches.context import PAGE_BYTES, Job
from weir_gateway.batches.items import Asked, Asking
from weir_gateway.batches.journal import Kept, Part
from weir_gateway.batches.provider import Provider
from weir_gateway.domain.errors import BadRequest, StoreUnavailable
from weir_gateway.domain.ids import BackendId
from weir_gateway.domain.table import Backend, RouteTable
from weir_wires.select import way
from weir_wires.wire import Wire

PAGE: Final = 256  # items that are read and written at once
TAG_DIGITS: Final = 16

Providers = Mapping[Wire, Provider]


@dataclass(frozen=True, slots=True)
class Route:
    """A backend whose provider takes batches, and how."""

    backend: Backend
    account: Backend  # of several endpoints the first: a batch lives in one account
    wire: Wire
    provider: Provider


def route(job: Job, backend: Backend | None, providers: Providers) -> Route | None:
    """How the job's items go to `backend` as a batch; None where they go one by one."""
    if backend is None or backend.batches is None:
        return None
    found = way(job.wire, backend.wires)
    provider = None if found is None else providers.get(found.out)
    if found is None or provider is None:
        return None
    account = backend.endpoints[0].backend if backend.endpoints else backend
    return Route(backend, account, found.out, provider)


def file_of(job: Job, number: int) -> Path:
    """Where a part lies until it is over."""
    return job.bench.scratch / f"{job.id}-{number}"


async def pack(job: Job, table: RouteTable, providers: Providers, backend_id: str) -> None:
    """Pack all that waits for the backend. Raises StoreUnavailable and KeyGone."""
    to = route(job, table.backends.get(BackendId(backend_id)), providers)
    while not job.halt.is_set():
        waiting = await _waiting(job, backend_id, 0)
        if not waiting:
            return
        if to is None:  # the table has changed since
            await _alone(job, [item.line for item in waiting])
            continue
        try:
            await _one_part(job, to)
        except OSError as error:
            words = f"the folder of batches can't be used: {error.strerror}"
            raise StoreUnavailable(words) from error


async def _alone(job: Job, lines: Sequence[int]) -> None:
    await job.bench.database.do(lambda db: journal.alone(db, job.id, lines))


async def _waiting(job: Job, backend_id: str, after: int) -> list[Kept]:
    return await job.bench.database.do(
        lambda db: journal.decided_for(
            db, job.id, backend_id, after=after, most=PAGE, size=PAGE_BYTES
        )
    )


async def _one_part(job: Job, to: Route) -> None:
    database = job.bench.database
    number = await database.do(lambda db: journal.next_part(db, job.id))
    tag = job.bench.ids()[:TAG_DIGITS]
    lines, refused = await _written(job, to, tag, file_of(job, number))
    part = Part(
        batch=job.id,
        number=number,
        backend=to.backend.id,
        tag=tag,
        items=len(lines),
        made=int(job.bench.now()),
        sent=None,
        upstream=None,
    )

    def noted(db: sqlite3.Connection) -> None:
        journal.alone(db, job.id, refused)
        if lines:
            journal.add_part(db, part, lines)

    await database.do(noted)


async def _written(job: Job, to: Route, tag: str, path: Path) -> tuple[list[int], list[int]]:
    """Write as many items as one part takes; gives the lines written, and those that can't be."""
    asking, provider = job.asking(), to.provider
    lines: list[int] = []
    refused: list[int] = []
    async with writing(path) as file:
        await asyncio.to_thread(provider.begin, file)
        after, full = 0, False
        while not full and (waiting := await _waiting(job, to.backend.id, after)):
            page, bad, full = await asyncio.to_thread(
                _page, asking, waiting[: provider.most_items - len(lines)], to, tag, file
            )
            lines += page
            refused += bad
            full = full or len(lines) >= provider.most_items
            after = waiting[-1].line
        await asyncio.to_thread(provider.end, file)
        await asyncio.to_thread(settle, file, b"")
    return lines, refused


def _page(
    asking: Asking, waiting: Sequence[Kept], to: Route, tag: str, file: IO[bytes]
) -> tuple[list[int], list[int], bool]:
    """Blocking: for a thread."""
    lines: list[int] = []
    refused: list[int] = []
    for asked in items.read(asking, waiting):
        if file.tell() + asked.item.size > to.provider.most_bytes and file.tell():
            return lines, refused, True
        body = _body(asked, to)
        if body is None:
            refused.append(asked.item.line)
        else:
            to.provider.add(file, f"{tag}-{asked.item.line}", to.wire, body)
            lines.append(asked.item.line)
    return lines, refused, False


def _body(asked: Asked, to: Route) -> bytes | None:
    if isinstance(asked.request, BadRequest):
        return None
    try:
        return carried(to.backend, asked.request).body
    except BadRequest:
        return None
