"""Deciding a page of items at once, so that their texts go to the scorer in few calls.

An item's refusal is its own; what only needs patience (a client's limits, a scorer or table that is
away) is waited for. Must not know what becomes of a decision.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from weir_gateway.batches.bench import Job
from weir_gateway.batches.items import Asked
from weir_gateway.batches.journal import Kept
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import BadRequest, WeirError
from weir_gateway.domain.request import Request
from weir_gateway.domain.table import Passthrough, RouteTable

TRIES: Final = 6  # for what a 503 says; limits are waited for until the window ends
FIRST_WAIT: Final = 0.5  # seconds, doubled each time
LONGEST_WAIT: Final = 30.0  # seconds
LIMITED: Final = 429
UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True)
class Chosen:
    """An item, decided."""

    item: Kept
    request: Request
    decision: RouteDecision


@dataclass(frozen=True, slots=True)
class Wrong:
    """An item that can't be sent, and why."""

    item: Kept
    error: WeirError


async def decide(
    job: Job, asked: Sequence[Asked], table: RouteTable
) -> tuple[list[Chosen], list[Wrong]]:
    """All of them at once; those that a stop came upon are in neither list."""
    verdicts = await asyncio.gather(*(_one(job, one, table) for one in asked))
    chosen = [verdict for verdict in verdicts if isinstance(verdict, Chosen)]
    return chosen, [verdict for verdict in verdicts if isinstance(verdict, Wrong)]


async def _one(job: Job, asked: Asked, table: RouteTable) -> Chosen | Wrong | None:
    item, request = asked.item, asked.request
    if isinstance(request, BadRequest):
        return Wrong(item, request)
    wait, tries = FIRST_WAIT, 0
    while True:
        try:
            decision = await job.bench.routing.decide(request, table)
        except WeirError as error:
            tries += error.status != LIMITED
            if not _passes(error) or tries >= TRIES:
                return Wrong(item, error)
            await job.pause(wait)
            if job.halt.is_set():
                return None
            wait = min(wait * 2, LONGEST_WAIT)
        else:
            if isinstance(decision.chosen.auth, Passthrough):
                job.bench.routing.let_go(decision)
                return Wrong(item, _keyless(decision))
            return Chosen(item, request, replace(decision, batch=job.id))


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
