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
    decision_codec,
    items,
    journal,
    packer,
    repository,
    single_calls,
)
from weir_gateway.batches.context import PAGE_BYTES, PAGE_ITEMS, Job, KeyRevoked, task_group
from weir_gateway.batches.decide_page import (
    DecidedPage,
    DeferredItem,
    ReadyItem,
    RejectedItem,
    decide_page,
)
from weir_gateway.batches.journal import ItemState
from weir_gateway.batches.packer import Providers
from weir_gateway.batches.part_run import PartRun
from weir_gateway.batches.validation import validate
from weir_gateway.domain.batch import BatchStatus
from weir_gateway.domain.errors import StoreUnavailable
from weir_gateway.domain.table import RouteTable

_LOG = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 20  # to decide an item while the scorer is away: ten seconds at least

Queue = asyncio.Queue[tuple[ReadyItem, RouteTable] | None]


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
        ready, table = entry
        await single_calls.send_item(job, ready, table)
        queue.task_done()


async def _decide_new(job: Job, providers: Providers, queue: Queue) -> None:
    after = 0
    attempts: dict[int, int] = {}
    while not job.stop_requested.is_set():
        table = await job.wait_for_table()
        page = await job.context.database.transact(_next_page(job, after))
        if table is None or not page:
            return
        single, deferred = await _decide_page(job, providers, page, table, attempts)
        for ready in single:
            await queue.put((ready, table))
        after = page[-1].line
        if deferred:
            # Let the workers finish, so that items that are still NEW are not in the queue.
            await queue.join()
            await job.pause(max(item.wait for item in deferred))
            after = deferred[0].item.line - 1


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
) -> tuple[list[ReadyItem], list[DeferredItem]]:
    """Decide a page and store what can be stored.

    Returns the items for single calls and the items that have to wait.
    """
    parsed = await asyncio.to_thread(items.parse_items, job.item_context(), page)
    decided = await decide_page(job, parsed, table)
    deferred = _take_retries(decided, attempts)
    batched = [ready for ready in decided.ready if _is_batched(job, ready, providers)]
    lines = {ready.item.line for ready in batched}
    single = [ready for ready in decided.ready if ready.item.line not in lines]
    waiting = [
        (ready.item.line, ready.decision.chosen.id, decision_codec.encode(ready.decision))
        for ready in batched
    ]
    results = [
        items.error_line(rejected.item, job.id, "", rejected.error, job.client.errors)
        for rejected in decided.rejected
    ]

    def store(db: sqlite3.Connection) -> None:
        journal.set_decided(db, job.id, waiting)
        journal.add_results(db, job.id, results)

    try:
        await job.context.database.transact(store)
    except StoreUnavailable:
        for ready in decided.ready:
            job.context.routing.release(ready.decision)
        raise
    return single, deferred


def _take_retries(decided: DecidedPage, attempts: dict[int, int]) -> list[DeferredItem]:
    """Return the items to retry; those without attempts left move to `decided.wrong`."""
    retries: list[DeferredItem] = []
    for deferred in decided.deferred:
        line = deferred.item.line
        attempts[line] = attempts.get(line, 0) + 1
        if deferred.limited or attempts[line] < MAX_ATTEMPTS:
            retries.append(deferred)
        else:
            decided.rejected.append(RejectedItem(deferred.item, deferred.error))
            del attempts[line]
    return retries


def _is_batched(job: Job, ready: ReadyItem, providers: Providers) -> bool:
    """Return whether the item goes into a provider's batch rather than into a single call."""
    decision = ready.decision
    # A cascade inspects the answer first; a cached answer costs nothing.
    if ready.item.single or decision.buffered or decision.cache.response is not None:
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
