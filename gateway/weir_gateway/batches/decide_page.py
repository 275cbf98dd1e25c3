"""Decides a page of items at once, so that their texts reach the scorer in few calls.

An error concerns its item alone. Errors that time can fix (a client's limits, an unavailable
scorer) defer the item. Nothing waits here: decided items have reserved limits and must go on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from weir_gateway.batches.context import Job
from weir_gateway.batches.items import ParsedItem
from weir_gateway.batches.journal import JournalItem
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import BadRequest, WeirError
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Passthrough, RouteTable
from weir_gateway.routing.context import Purpose

LIMITED: Final = 429
UNAVAILABLE: Final = 503
SHORTEST_WAIT: Final = 0.5  # seconds
LONGEST_WAIT: Final = 10.0  # seconds; limits recover little by little


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """An item with its decision."""

    item: JournalItem
    request: Request
    decision: RouteDecision


@dataclass(frozen=True, slots=True)
class RejectedItem:
    """An item that can't be sent."""

    item: JournalItem
    error: WeirError


@dataclass(frozen=True, slots=True)
class DeferredItem:
    """An item that can't be sent now, but may be later."""

    item: JournalItem
    error: WeirError

    @property
    def limited(self) -> bool:
        """Whether it waits for a limit, which recovers; otherwise a service is unavailable."""
        return self.error.status == LIMITED

    @property
    def wait(self) -> float:
        """Seconds until the next attempt."""
        requested = float(self.error.retry_after or SHORTEST_WAIT)
        return min(max(requested, SHORTEST_WAIT), LONGEST_WAIT)


@dataclass(slots=True)
class DecidedPage:
    """A page's items by outcome."""

    ready: list[ReadyItem] = field(default_factory=list[ReadyItem])
    rejected: list[RejectedItem] = field(default_factory=list[RejectedItem])
    deferred: list[DeferredItem] = field(default_factory=list[DeferredItem])


async def decide_page(job: Job, items: Sequence[ParsedItem], table: RouteTable) -> DecidedPage:
    """Decide all items concurrently."""
    page = DecidedPage()
    for outcome in await asyncio.gather(*(_decide_item(job, item, table) for item in items)):
        match outcome:
            case ReadyItem():
                page.ready.append(outcome)
            case RejectedItem():
                page.rejected.append(outcome)
            case DeferredItem():
                page.deferred.append(outcome)
    return page


async def _decide_item(
    job: Job, parsed: ParsedItem, table: RouteTable
) -> ReadyItem | RejectedItem | DeferredItem:
    item, request = parsed.item, parsed.request
    if isinstance(request, BadRequest):
        return RejectedItem(item, request)
    try:
        decision = await job.context.routing.decide(request, table, Purpose.BATCH, batch=job.id)
    except WeirError as error:
        return DeferredItem(item, error) if _is_transient(error) else RejectedItem(item, error)
    if isinstance(decision.chosen.auth, Passthrough):
        job.context.routing.release(decision)
        return RejectedItem(item, _passthrough_error(decision))
    return ReadyItem(item, request, decision)


def _is_transient(error: WeirError) -> bool:
    """Whether time fixes the error. A limit without `retry_after` never admits the item."""
    if error.status == LIMITED:
        return error.retry_after is not None
    return error.status == UNAVAILABLE


def _passthrough_error(decision: RouteDecision) -> BadRequest:
    return BadRequest(
        f"backend {decision.chosen.id} needs the client's own provider key, which batches do not "
        "store: use another backend",
        param="model",
    )
