"""Deciding a page of items at once, so that their texts go to the scorer in few calls.

An item's refusal is its own. What only needs time (a client's limits, a scorer that is away) is
told apart: nothing waits here, for what is decided already has something set aside and must go on.
Must not know what becomes of a decision.
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

LIMITED: Final = 429
UNAVAILABLE: Final = 503
SHORTEST_WAIT: Final = 0.5  # seconds
LONGEST_WAIT: Final = 10.0  # seconds; limits give way little by little


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item, decided."""

    item: JournalItem
    request: Request
    decision: RouteDecision


@dataclass(frozen=True, slots=True)
class Wrong:
    """An item that can't be sent, and why."""

    item: JournalItem
    error: WeirError


@dataclass(frozen=True, slots=True)
class Later:
    """An item that can't be sent now."""

    item: JournalItem
    error: WeirError

    @property
    def limited(self) -> bool:
        """Whether it waits for a limit, which gives way; else for something that is away."""
        return self.error.status == LIMITED

    @property
    def wait(self) -> float:
        """Seconds until it is worth another try."""
        said = float(self.error.retry_after or SHORTEST_WAIT)
        return min(max(said, SHORTEST_WAIT), LONGEST_WAIT)


@dataclass(slots=True)
class Decided:
    """A page."""

    chosen: list[Chosen] = field(default_factory=list[Chosen])
    wrong: list[Wrong] = field(default_factory=list[Wrong])
    later: list[Later] = field(default_factory=list[Later])


async def decide(job: Job, asked: Sequence[ParsedItem], table: RouteTable) -> Decided:
    """All of them at once."""
    page = Decided()
    for verdict in await asyncio.gather(*(_one(job, one, table) for one in asked)):
        match verdict:
            case Chosen():
                page.chosen.append(verdict)
            case Wrong():
                page.wrong.append(verdict)
            case Later():
                page.later.append(verdict)
    return page


async def _one(job: Job, asked: ParsedItem, table: RouteTable) -> Chosen | Wrong | Later:
    item, request = asked.item, asked.request
    if isinstance(request, BadRequest):
        return Wrong(item, request)
    try:
        decision = await job.context.routing.decide(request, table, batch=job.id)
    except WeirError as error:
        return Later(item, error) if _passes(error) else Wrong(item, error)
    if isinstance(decision.chosen.auth, Passthrough):
        job.context.routing.let_go(decision)
        return Wrong(item, _keyless(decision))
    return Chosen(item, request, decision)


def _passes(error: WeirError) -> bool:
    """Whether time mends it. A limit that says no time never lets the item pass."""
    if error.status == LIMITED:
        return error.retry_after is not None
    return error.status == UNAVAILABLE


def _keyless(decision: RouteDecision) -> BadRequest:
    return BadRequest(
        f"backend {decision.chosen.id} is called with the client's own key, which is not kept for "
        "a batch",
        param="model",
    )
