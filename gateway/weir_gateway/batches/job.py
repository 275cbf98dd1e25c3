"""Runs one batch from its current state to its end: validate, decide, send, collect, finish.

Each step starts from what the journal says, so that it may be interrupted anywhere.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from typing import Final

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
from weir_gateway.batches.context import PAGE_BYTES, PAGE_ITEMS, Job, KeyRevoked, task_group
from weir_gateway.batches.deciding import Chosen, Decided, Later, Wrong
from weir_gateway.batches.journal import ItemState
from weir_gateway.batches.packer import Providers
from weir_gateway.batches.part_run import PartRun
from weir_gateway.batches.validation import validate
from weir_gateway.domain.batch import BatchStatus
from weir_gateway.domain.errors import StoreUnavailable
from weir_gateway.domain.table import RouteTable

_LOG = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 20  # to decide an item while the scorer is away: ten seconds at least

Queue = asyncio.Queue[tuple[Chosen, RouteTable] | None]


async def run(job: Job, providers: Providers) -> None:
    """Return when the batch has ended or the gateway drains. Raises StoreUnavailable."""
    watch = asyncio.create_task(job.watch(), name="weir-batch-watch")
    try:
        if job.batch.status is BatchStatus.VALIDATING and not await validate(job):
            return
        repeated = await job.context.database.transact(lambda db: journal.reset_running(db, job.id))
        if repeated:
            _LOG.warning(
                "items were being sent when a gateway ended; they are sent again",
                extra={"batch": job.id, "items": repeated},
            )
        try:
            await _work(job, providers)
        except KeyRevoked:
            await _cancel(job)
            await _run_parts(job, providers)
        if not job.draining:
            await completion.finish(job)
    finally:
        watch.cancel()
        await asyncio.wait({watch})


async def _cancel(job: Job) -> None:
    await job.context.database.transact(
        lambda db: repository.request_stop(db, job.id, BatchStatus.CANCELLED)
    )
    job.stop_status = BatchStatus.CANCELLED
    job.stop_requested.set()


async def _work(job: Job, providers: Providers) -> None:
    """Decide, send and collect until no item is new; parts may make items new again.

    Raises KeyRevoked and StoreUnavailable.
    """
    while True:
        await _send_new(job, providers)
        await _run_parts(job, providers)
        if job.stop_requested.is_set():
            return
        new = await job.context.database.transact(
            lambda db: journal.list_items(db, job.id, ItemState.NEW, after=0, most=1, size=0)
        )
        if not new:
            return


async def _send_new(job: Job, providers: Providers) -> None:
    """Decide all new items and make the single calls.

    Where an item has to wait, for a limit or for the scorer, the items after it wait too.
    Raises KeyRevoked and StoreUnavailable.
    """
    queue: Queue = asyncio.Queue(PAGE_ITEMS)
    workers = job.context.limits.max_calls
    failure: StoreUnavailable | KeyRevoked | None = None
    async with task_group() as group:
        for number in range(workers):
            group.create_task(_worker(job, queue), name=f"weir-batch-call-{number}")
        try:
            await _decide_new(job, providers, queue)
        except (StoreUnavailable, KeyRevoked) as error:
            failure = error
            # Calls in flight are paid for: they finish, and no other starts.
            job.stop_requested.set()
        for _ in range(workers):
            await queue.put(None)
    if failure is not None:
        raise failure


async def _worker(job: Job, queue: Queue) -> None:
    while (entry := await queue.get()) is not None:
        chosen, table = entry
        await one_by_one.send(job, chosen, table)
        queue.task_done()


async def _decide_new(job: Job, providers: Providers, queue: Queue) -> None:
    after = 0
    attempts: dict[int, int] = {}
    while not job.stop_requested.is_set():
        table = await job.wait_for_table()
        page = await job.context.database.transact(_next_page(job, after))
        if table is None or not page:
            return
        single, later = await _decide_page(job, providers, page, table, attempts)
        for chosen in single:
            await queue.put((chosen, table))
        after = page[-1].line
        if later:
            # Let the workers finish, so that items that are still NEW are not in the queue.
            await queue.join()
            await job.pause(max(item.wait for item in later))
            after = later[0].item.line - 1


def _next_page(job: Job, after: int) -> repository.Query[list[journal.JournalItem]]:
    return lambda db: journal.list_items(
        db, job.id, ItemState.NEW, after=after, most=PAGE_ITEMS, size=PAGE_BYTES
    )


async def _decide_page(
    job: Job,
    providers: Providers,
    page: Sequence[journal.JournalItem],
    table: RouteTable,
    attempts: dict[int, int],
) -> tuple[list[Chosen], list[Later]]:
    """Decide a page and store what can be stored.

    Returns the items for single calls and the items that have to wait.
    """
    parsed = await asyncio.to_thread(items.parse_items, job.item_context(), page)
    decided = await deciding.decide(job, parsed, table)
    later = _take_retries(decided, attempts)
    batched = [chosen for chosen in decided.chosen if _is_batched(job, chosen, providers)]
    lines = {chosen.item.line for chosen in batched}
    single = [chosen for chosen in decided.chosen if chosen.item.line not in lines]
    waiting = [
        (chosen.item.line, chosen.decision.chosen.id, decision_codec.encode(chosen.decision))
        for chosen in batched
    ]
    results = [
        result_lines.error_line(wrong.item, job.id, "", wrong.error, job.client.errors)
        for wrong in decided.wrong
    ]

    def store(db: sqlite3.Connection) -> None:
        journal.set_decided(db, job.id, waiting)
        journal.add_results(db, job.id, results)

    try:
        await job.context.database.transact(store)
    except StoreUnavailable:
        for chosen in decided.chosen:
            job.context.routing.let_go(chosen.decision)
        raise
    return single, later


def _take_retries(decided: Decided, attempts: dict[int, int]) -> list[Later]:
    """Return the items to retry; those without attempts left move to `decided.wrong`."""
    retries: list[Later] = []
    for later in decided.later:
        line = later.item.line
        attempts[line] = attempts.get(line, 0) + 1
        if later.limited or attempts[line] < MAX_ATTEMPTS:
            retries.append(later)
        else:
            decided.wrong.append(Wrong(later.item, later.error))
            del attempts[line]
    return retries


def _is_batched(job: Job, chosen: Chosen, providers: Providers) -> bool:
    """Return whether the item goes into a provider's batch rather than into a single call."""
    decision = chosen.decision
    # A cascade inspects the answer first; a cached answer costs nothing.
    if chosen.item.single or decision.held or decision.cache.answer is not None:
        return False
    return packer.batch_target(job, decision.chosen, providers) is not None


async def _run_parts(job: Job, providers: Providers) -> None:
    """Pack the decided items into parts, and run every open part."""
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
