"""Items that go to no provider's batch: sent one by one, few at once, as any request is.

A call is noted before it is made and its result after. Where the gateway dies in between, the item
is sent again: at most as many as may be under way at once can be paid twice. Where the disk is full
nothing is called, and what was answered by then waits for it. Must not know batches of providers.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from weir_gateway.batches import journal, repository, result_lines
from weir_gateway.batches.context import Job
from weir_gateway.batches.deciding import Chosen
from weir_gateway.batches.journal import ItemResult
from weir_gateway.domain.errors import BadRequest, StoreUnavailable, UpstreamError
from weir_gateway.domain.outcome import Spent
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.account import CLIENT_GONE
from weir_gateway.routing.pipeline import Dispatched, Ending

PATIENT_WITH: Final = frozenset({408, 429, 500, 502, 503, 504, 529})
TRIES: Final = 5  # of one item, each with the retries and fallbacks of its backend and policy
FIRST_WAIT: Final = 0.5  # seconds, doubled each time
LONGEST_WAIT: Final = 30.0  # seconds
STORE_WAIT: Final = 1.0  # seconds until what could not be written is tried again
UNAVAILABLE: Final = 503
DRAINED: Final = "drained"  # in accounts: tried in vain before the gateway ended
GONE: Final = 499  # in accounts: nobody waits for the answer any more


class _Drained(Exception):
    """The gateway ends: the item is the next one's."""


@dataclass(slots=True)
class _Way:
    """One item on its way."""

    chosen: Chosen
    table: RouteTable
    began: float
    tab: list[Spent] = field(default_factory=list[Spent])


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes
    dispatched: Dispatched


async def send(job: Job, chosen: Chosen, table: RouteTable) -> None:
    """Send one item and keep its result; nothing where the batch is to stop before."""
    async with job.context.calls:
        line = chosen.item.line
        if not await _noted(job, lambda db: journal.set_running(db, job.id, line), paid=False):
            job.context.routing.let_go(chosen.decision)
            return
        result = await _sent(job, _Way(chosen, table, job.context.clock()))
        if result is not None:
            await _noted(job, lambda db: journal.add_results(db, job.id, [result]), paid=True)


async def _noted(job: Job, work: repository.Work, *, paid: bool) -> bool:
    """Whether it is on disk, once there is room; what is `paid` is waited for, come what may."""
    while paid or not job.stop_requested.is_set():
        try:
            await job.context.database.transact_grouped(work)
        except StoreUnavailable:  # the log says why
            await asyncio.sleep(STORE_WAIT)
        else:
            return True
    return False


async def _sent(job: Job, way: _Way) -> ItemResult | None:
    """The item's result; None where the gateway drains while it waits for another try."""
    item, decision = way.chosen.item, way.chosen.decision
    try:
        answer = await _patiently(job, way)
    except _Drained:
        _account(job, way, None, UNAVAILABLE, DRAINED)
        return None
    except (UpstreamError, BadRequest) as error:
        _account(job, way, None, error.status, error.code)
        return result_lines.error_line(item, job.id, decision.id, error, job.client.errors)
    except asyncio.CancelledError:
        _account(job, way, None, GONE, CLIENT_GONE)  # what it had read is paid
        raise
    _account(job, way, answer.dispatched, answer.status, "")
    return result_lines.response_line(item, job.id, decision.id, answer.status, answer.body)


async def _patiently(job: Job, way: _Way) -> _Answer:
    """Try again what time may mend. Raises UpstreamError and BadRequest where it does not."""
    wait = FIRST_WAIT
    for attempt in range(1, TRIES + 1):
        try:
            return await _once(job, way)
        except UpstreamError as error:
            hopeless = error.status not in PATIENT_WITH or not error.transient
            if hopeless or attempt == TRIES or job.stop_status is not None:
                raise
        await job.pause(wait)
        if job.draining:
            raise _Drained
        wait = min(wait * 2, LONGEST_WAIT)
    raise AssertionError("the last try returns or raises")


async def _once(job: Job, way: _Way) -> _Answer:
    chosen = way.chosen
    dispatched = await job.context.routing.dispatch(
        chosen.request, chosen.decision, way.table, way.tab
    )
    whole = False
    try:
        body = b"".join([chunk async for chunk in dispatched.reply.chunks()])
        whole = True
    finally:
        await dispatched.reply.close(abort=not whole)
    return _Answer(dispatched.reply.status, body, dispatched)


def _account(job: Job, way: _Way, dispatched: Dispatched | None, status: int, error: str) -> None:
    decision = way.chosen.decision if dispatched is None else dispatched.decision
    ending = Ending(
        status=status,
        usage=dispatched.reply.usage if dispatched is not None else None,
        overhead=0.0,
        duration=job.context.clock() - way.began,
        error=error,
        spent=tuple(way.tab),
    )
    job.context.routing.account(way.chosen.request, decision, ending)
