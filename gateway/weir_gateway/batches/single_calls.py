"""Sends the items that go into no provider's batch, each by a call of its own, few at once.

The journal records a call before it is made and its result after. If the gateway dies in between,
the item is sent again: at most the concurrent calls are paid twice. While the disk is full, no call
is made, and finished answers wait to be stored.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from weir_gateway.batches import journal, repository, result_lines
from weir_gateway.batches.context import Job
from weir_gateway.batches.decide_page import ReadyItem
from weir_gateway.batches.journal import ItemResult
from weir_gateway.domain.errors import BadRequest, StoreUnavailable, UpstreamError
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.account import CLIENT_GONE
from weir_gateway.routing.context import SideCosts
from weir_gateway.routing.pipeline import Dispatched, Ending

RETRIED: Final = frozenset({408, 429, 500, 502, 503, 504, 529})
MAX_ATTEMPTS: Final = (
    5  # of one item, each with the retries and fallbacks of its backend and policy
)
FIRST_WAIT: Final = 0.5  # seconds, doubled each time
LONGEST_WAIT: Final = 30.0  # seconds
STORE_WAIT: Final = 1.0  # seconds between attempts to write to the journal
UNAVAILABLE: Final = 503
DRAINED: Final = "drained"  # accounted for failed attempts before the gateway ended
GONE: Final = 499  # accounted where the call was cancelled


class _Drained(Exception):
    """The gateway drains: the next one sends the item."""


@dataclass(slots=True)
class _ItemCall:
    """One item being sent."""

    ready: ReadyItem
    table: RouteTable
    began: float
    side_costs: SideCosts = field(default_factory=SideCosts)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    dispatched: Dispatched


async def send_item(job: Job, ready: ReadyItem, table: RouteTable) -> None:
    """Send one item and store its result, unless the batch is to stop before."""
    async with job.context.calls:
        line = ready.item.line
        if not await _store(job, lambda db: journal.set_running(db, job.id, line), paid=False):
            job.context.routing.release(ready.decision)
            return
        result = await _call(job, _ItemCall(ready, table, job.context.clock()))
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


async def _call(job: Job, call: _ItemCall) -> ItemResult | None:
    """Return the item's result; None where the gateway drains before the next attempt."""
    item, decision = call.ready.item, call.ready.decision
    try:
        answer = await _call_with_retries(job, call)
    except _Drained:
        _account(job, call, None, UNAVAILABLE, DRAINED)
        return None
    except (UpstreamError, BadRequest) as error:
        _account(job, call, None, error.status, error.code)
        return result_lines.error_line(item, job.id, decision.id, error, job.client.errors)
    except asyncio.CancelledError:
        # The provider charges for what it has read.
        _account(job, call, None, GONE, CLIENT_GONE)
        raise
    _account(job, call, answer.dispatched, answer.status, "")
    return result_lines.response_line(item, job.id, decision.id, answer.status, answer.body)


async def _call_with_retries(job: Job, call: _ItemCall) -> _Answer:
    """Call, and retry transient errors. Raises the last UpstreamError, or BadRequest."""
    wait = FIRST_WAIT
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return await _call_once(job, call)
        except UpstreamError as error:
            permanent = error.status not in RETRIED or not error.transient
            if permanent or attempt == MAX_ATTEMPTS or job.stop_status is not None:
                raise
        await job.pause(wait)
        if job.draining:
            raise _Drained
        wait = min(wait * 2, LONGEST_WAIT)
    raise AssertionError("the last attempt returns or raises")


async def _call_once(job: Job, call: _ItemCall) -> _Answer:
    ready = call.ready
    dispatched = await job.context.routing.dispatch(
        ready.request, ready.decision, call.table, call.side_costs
    )
    whole = False
    try:
        body = b"".join([chunk async for chunk in dispatched.reply.chunks()])
        whole = True
    finally:
        await dispatched.reply.close(abort=not whole)
    return _Answer(dispatched.reply.status, body, dispatched)


def _account(
    job: Job, call: _ItemCall, dispatched: Dispatched | None, status: int, error: str
) -> None:
    decision = call.ready.decision if dispatched is None else dispatched.decision
    ending = Ending(
        status=status,
        usage=dispatched.reply.usage if dispatched is not None else None,
        overhead=0.0,
        duration=job.context.clock() - call.began,
        error=error,
        side_costs=call.side_costs.snapshot(),
    )
    job.context.routing.account(call.ready.request, decision, ending)
