"""One batch from wherever it stands to its end: checked, decided and sent, its results put down.

Each step goes by what the journal says and may be cut short anywhere. Must not know how a call is
made.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from typing import IO, Final

from weir_gateway.batches import (
    completion,
    deciding,
    decision_codec,
    items,
    journal,
    one_by_one,
    packer,
    repository,
    result_lines,
)
from weir_gateway.batches.async_files import open_for_reading
from weir_gateway.batches.context import PAGE_BYTES, PAGE_ITEMS, Job, KeyRevoked, task_group
from weir_gateway.batches.deciding import Chosen, Decided, Later, Wrong
from weir_gateway.batches.file_store import CHUNK
from weir_gateway.batches.journal import ItemState
from weir_gateway.batches.lines import Item, LineChecker, LineReader
from weir_gateway.batches.packer import Providers
from weir_gateway.batches.part_run import PartRun
from weir_gateway.domain.batch import BatchStatus, LineError
from weir_gateway.domain.errors import StoreUnavailable
from weir_gateway.domain.table import RouteTable

_LOG = logging.getLogger(__name__)

MOST_TRIES: Final = 20  # to decide an item while something is away: ten seconds at least

Queue = asyncio.Queue[tuple[Chosen, RouteTable] | None]


async def run(job: Job, providers: Providers) -> None:
    """Until the batch is over, or the gateway drains. Raises StoreUnavailable."""
    watch = asyncio.create_task(job.watch(), name="weir-batch-watch")
    try:
        if job.batch.status is BatchStatus.VALIDATING and not await _checked(job):
            return
        again = await job.context.database.transact(lambda db: journal.reset_running(db, job.id))
        if again:
            _LOG.warning(
                "items were on their way when a gateway ended; they are sent again",
                extra={"batch": job.id, "items": again},
            )
        try:
            await _work(job, providers)
        except KeyRevoked:
            await job.context.database.transact(
                lambda db: repository.request_stop(db, job.id, BatchStatus.CANCELLED)
            )
            job.stop_status = BatchStatus.CANCELLED
            job.stop_requested.set()
            await _parts(job, providers)
        if not job.draining:
            await completion.finish(job)
    finally:
        watch.cancel()
        await asyncio.wait({watch})


async def _checked(job: Job) -> bool:
    """Read the file and keep its items; False where it is not valid, which is kept too."""
    database = job.context.database
    await database.transact(lambda db: journal.delete_items(db, job.id))
    longest = job.context.limits.max_line
    checker = LineChecker(job.batch.endpoint, longest)
    try:
        async with open_for_reading(job.input) as opened:
            await _read_all(job, opened, LineReader(longest), checker)
    except OSError as error:
        checker.errors.append(LineError("file_unreadable", f"the file can't be read: {error}"))
    now = int(job.context.now())
    if checker.errors:

        def failed(db: sqlite3.Connection) -> None:
            journal.delete_items(db, job.id)
            repository.set_failed(db, job.id, checker.errors, now)

        await database.transact(failed)
        return False

    def begun(db: sqlite3.Connection) -> None:
        journal.set_total(db, job.id)
        if repository.stop_status(db, job.id) is None:
            repository.set_status(db, job.id, BatchStatus.IN_PROGRESS, now)

    await database.transact(begun)
    return True


async def _read_all(job: Job, opened: IO[bytes], reader: LineReader, checker: LineChecker) -> None:
    """Slice by slice, so that neither the loop nor the journal is held up for long."""

    def one_slice() -> tuple[bool, list[Item]]:
        data = opened.read(CHUNK)
        lines = reader.feed(data) if data else reader.end()
        found = [item for line in lines if (item := checker.check(line)) is not None]
        return bool(data), found

    more = True
    while more and not checker.gave_up:
        more, found = await asyncio.to_thread(one_slice)
        if found:
            await job.context.database.transact(_adding(job, found))
    checker.finish()


def _adding(job: Job, found: Sequence[Item]) -> repository.Work:
    return lambda db: journal.add_items(db, job.id, found)


async def _work(job: Job, providers: Providers) -> None:
    """Decide, send, and take in results, until no item is new: some may come back for another try.

    Raises KeyGone and StoreUnavailable.
    """
    while True:
        await _send_new(job, providers)
        await _parts(job, providers)
        if job.stop_requested.is_set():
            return
        left = await job.context.database.transact(
            lambda db: journal.list_items(db, job.id, ItemState.NEW, after=0, most=1, size=0)
        )
        if not left:
            return


async def _send_new(job: Job, providers: Providers) -> None:
    """Every new item: decided, and sent at once where it goes alone.

    Where an item has to wait, for a limit or for the scorer, those after it wait with it.
    Raises KeyGone and StoreUnavailable.
    """
    queue: Queue = asyncio.Queue(PAGE_ITEMS)
    workers = job.context.limits.max_calls
    stopped: StoreUnavailable | KeyRevoked | None = None
    async with task_group() as group:
        for number in range(workers):
            group.create_task(_worker(job, queue), name=f"weir-batch-call-{number}")
        try:
            await _decide_new(job, providers, queue)
        except (StoreUnavailable, KeyRevoked) as error:
            stopped = error
            job.stop_requested.set()  # calls under way are paid: they end, and no other begins
        for _ in range(workers):
            await queue.put(None)
    if stopped is not None:
        raise stopped


async def _decide_new(job: Job, providers: Providers, queue: Queue) -> None:
    after = 0
    tries: dict[int, int] = {}
    while not job.stop_requested.is_set():
        table = await job.wait_for_table()
        page = await job.context.database.transact(_next_page(job, after))
        if table is None or not page:
            return
        alone, later = await _decided(job, providers, page, table, tries)
        for chosen in alone:
            await queue.put((chosen, table))
        after = page[-1].line
        if later:
            await queue.join()  # so that whoever is new still has not been taken
            await job.pause(max(one.wait for one in later))
            after = later[0].item.line - 1


def _next_page(job: Job, after: int) -> repository.Query[list[journal.JournalItem]]:
    return lambda db: journal.list_items(
        db, job.id, ItemState.NEW, after=after, most=PAGE_ITEMS, size=PAGE_BYTES
    )


async def _worker(job: Job, queue: Queue) -> None:
    while (taken := await queue.get()) is not None:
        chosen, table = taken
        await one_by_one.send(job, chosen, table)
        queue.task_done()


async def _decided(
    job: Job,
    providers: Providers,
    page: Sequence[journal.JournalItem],
    table: RouteTable,
    tries: dict[int, int],
) -> tuple[list[Chosen], list[Later]]:
    """A page's items that go alone, and those that have to wait; all others are kept here."""
    asking = job.item_context()
    asked = await asyncio.to_thread(items.parse_items, asking, page)
    decided = await deciding.decide(job, asked, table)
    later = _still_hopeful(decided, tries)
    alone = [one for one in decided.chosen if not _goes_in_batch(job, one, providers)]
    single = {one.item.line for one in alone}
    waiting = [
        (one.item.line, one.decision.chosen.id, decision_codec.encode(one.decision))
        for one in decided.chosen
        if one.item.line not in single
    ]
    results = [
        result_lines.error_line(one.item, job.id, "", one.error, job.client.errors)
        for one in decided.wrong
    ]

    def kept(db: sqlite3.Connection) -> None:
        journal.set_decided(db, job.id, waiting)
        journal.add_results(db, job.id, results)

    try:
        await job.context.database.transact(kept)
    except StoreUnavailable:
        for one in decided.chosen:
            job.context.routing.let_go(one.decision)
        raise
    return alone, later


def _still_hopeful(decided: Decided, tries: dict[int, int]) -> list[Later]:
    """Those of a page that are tried again; the others are wrong now."""
    later: list[Later] = []
    for one in decided.later:
        tries[one.item.line] = tries.get(one.item.line, 0) + 1
        if one.limited or tries[one.item.line] < MOST_TRIES:
            later.append(one)
        else:
            decided.wrong.append(Wrong(one.item, one.error))
            del tries[one.item.line]
    return later


def _goes_in_batch(job: Job, one: Chosen, providers: Providers) -> bool:
    decision = one.decision
    if one.item.single or decision.held or decision.cache.answer is not None:
        return False  # a cascade looks at the answer first; one that is kept costs nothing
    return packer.batch_target(job, decision.chosen, providers) is not None


async def _parts(job: Job, providers: Providers) -> None:
    """Pack what waits, and see every part through."""
    table = await job.wait_for_table()
    if table is not None:
        for backend in await job.context.database.transact(
            lambda db: journal.backends_to_pack(db, job.id)
        ):
            await packer.pack(job, table, providers, backend)
    parts = await job.context.database.transact(lambda db: journal.open_parts(db, job.id))
    async with task_group() as group:
        for part in parts:
            group.create_task(
                PartRun(job, part, providers).run(), name=f"weir-batch-part-{part.number}"
            )
