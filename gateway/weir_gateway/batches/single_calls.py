"""Sends the items that go into no provider's batch, each by a call of its own, few at once.

The journal records a call before it is made and its result after. If the gateway dies in between,
the item is sent again: at most the concurrent calls are paid twice. While the disk is full, no call
is made, and finished answers wait to be stored.
"""

import asyncio
from typing import Final

from weir_gateway.batches import items, journal, repository
from weir_gateway.batches.context import Job
from weir_gateway.batches.decide_page import ReadyItem
from weir_gateway.batches.journal import ItemResult
from weir_gateway.domain.errors import BadRequest, StoreUnavailable, UpstreamError
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.exchange import Exchange, Timing

RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504, 529})
MAX_ATTEMPTS: Final = (
    5  # of one item, each with the retries and fallbacks of its backend and policy
)
FIRST_WAIT: Final = 0.5  # seconds, doubled each time
LONGEST_WAIT: Final = 30.0  # seconds
STORE_WAIT: Final = 1.0  # seconds between attempts to write to the journal
UNAVAILABLE: Final = 503
DRAINED: Final = "drained"  # accounted for failed attempts before the gateway ended


class _Drained(Exception):
    """The gateway drains: the next one sends the item."""


async def send_item(job: Job, ready: ReadyItem, table: RouteTable) -> None:
    """Send one item and store its result, unless the batch is to stop before."""
    context, line = job.context, ready.item.line
    async with context.calls:
        timing = Timing(context.clock, context.clock())
        async with Exchange(
            context.routing, ready.request, ready.decision, table, timing
        ) as exchange:
            if not await _store(job, lambda db: journal.set_running(db, job.id, line), paid=False):
                return
            timing.started = context.clock()
            result = await _call(job, ready, exchange)
        if result is not None:
            await _store(job, lambda db: journal.add_results(db, job.id, [result]), paid=True)


async def _store(job: Job, work: repository.Work, *, paid: bool) -> bool:
    """Write to the journal, retrying while it fails; return whether it is stored.

    A result that is `paid` for is retried even when the batch is to stop.
    """
    while paid or not job.stop_requested.is_set():
        try:
            await job.context.database.transact_grouped(work)
        except StoreUnavailable:
            # The database logs the reason.
            await asyncio.sleep(STORE_WAIT)
        else:
            return True
    return False


async def _call(job: Job, ready: ReadyItem, exchange: Exchange) -> ItemResult | None:
    """Return the item's result; None where the gateway drains before the next attempt."""
    item, decision = ready.item, ready.decision
    try:
        status, body = await _call_with_retries(job, exchange)
    except _Drained:
        exchange.complete(UNAVAILABLE, DRAINED)
        return None
    except (UpstreamError, BadRequest) as error:
        exchange.complete(error.status, error.code)
        return items.error_line(item, job.id, decision.id, error, job.client.errors)
    return items.response_line(item, job.id, decision.id, status, body)


async def _call_with_retries(job: Job, exchange: Exchange) -> tuple[int, bytes]:
    """Call, and retry transient errors. Raises the last UpstreamError, or BadRequest."""
    wait = FIRST_WAIT
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            reply = await exchange.dispatch()
            return reply.status, await exchange.read()
        except UpstreamError as error:
            permanent = error.status not in RETRIED or not error.transient
            if permanent or attempt == MAX_ATTEMPTS or job.stop_status is not None:
                raise
        await job.pause(wait)
        if job.draining:
            raise _Drained
        wait = min(wait * 2, LONGEST_WAIT)
    raise AssertionError("the last attempt returns or raises")
