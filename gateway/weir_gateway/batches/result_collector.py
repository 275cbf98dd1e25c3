"""Collects a provider's results: translates, stores and accounts each of them once.

It works page by page, in bounded memory. Items that have a result already are skipped, so that an
interrupted collection can start over.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weir_gateway.adapters.providers.outbound import encode_request
from weir_gateway.adapters.providers.upstream_errors import from_status, invalid_response
from weir_gateway.batches import decision_codec, items, journal
from weir_gateway.batches.context import Job
from weir_gateway.batches.items import ItemContext, ParsedItem
from weir_gateway.batches.journal import BatchPart, ItemResult, JournalItem
from weir_gateway.batches.lines import Line, LineReader
from weir_gateway.batches.packer import BatchTarget
from weir_gateway.batches.provider import ProviderBatch, ResultLine
from weir_gateway.domain.decision import RouteDecision
from weir_gateway.domain.errors import BadRequest, UpstreamError, UpstreamFailure
from weir_gateway.domain.ids import KeyName
from weir_gateway.domain.request import ClientKey, Request
from weir_gateway.domain.table import RouteTable
from weir_gateway.routing.exchange import Exchange, Timing
from weir_wires.content import Usage
from weir_wires.errors import MalformedResponse
from weir_wires.registry import WIRES

PAGE: Final = 256  # results stored at once
PAGE_BYTES: Final = 1 << 20  # of them together
OK_BELOW: Final = 400
RETRIED: Final = frozenset({0, 408, 409, 429})  # and 5xx: the item is sent again by a single call
SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class _ItemOutcome:
    """One item's line of the results and what is accounted for it."""

    result: ItemResult
    request: Request
    usage: Usage | None
    status: int
    error: str


class ResultCollector:
    """Collects the results of one part."""

    def __init__(self, job: Job, part: BatchPart, target: BatchTarget) -> None:
        self._job = job
        self._part = part
        self._target = target
        self._page: dict[int, ResultLine | UpstreamError] = {}
        self._size = 0

    async def collect(self, batch: ProviderBatch) -> None:
        """Collect the results of an ended batch. Raises UpstreamError and StoreUnavailable."""
        if batch.error is not None:
            message = f"backend {self._part.backend} rejected its batch: {batch.error}"
            await self.fail_all(_rejection(message))
            return
        for path in batch.result_paths:
            await self._read_results(path)

    async def fail_all(self, error: UpstreamError) -> None:
        """Store the error for every item without a result. Raises StoreUnavailable."""
        part = self._part
        while lines := await self._job.context.database.transact(
            lambda db: journal.lines_without_result(db, part, PAGE)
        ):
            self._page = dict.fromkeys(lines, error)
            await self._flush()

    async def _read_results(self, path: str) -> None:
        reader = LineReader(self._job.context.limits.max_answer)
        results = self._target.provider.results(self._target.account, path)
        async with contextlib.aclosing(results) as pieces:
            async for piece in pieces:
                for line in reader.feed(piece):
                    await self._add_line(line)
        for line in reader.end():
            await self._add_line(line)
        await self._flush()

    async def _add_line(self, line: Line) -> None:
        result = self._target.provider.parse_result(line.text) if line.text else None
        if result is None:
            return
        tag, _, number = result.item_id.rpartition("-")
        if tag != self._part.tag or not number.isdecimal() or _is_retried(result.status):
            return
        self._page[int(number)] = result
        self._size += len(result.body)
        if len(self._page) >= PAGE or self._size >= PAGE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        page, self._page, self._size = self._page, {}, 0
        if not page:
            return
        job, part = self._job, self._part
        sent = await job.context.database.transact(
            lambda db: journal.sent_items(db, part, list(page))
        )
        if not sent:
            return
        table = job.context.tables()
        decisions = {
            line: decision_codec.decode(item.decision, table) for line, item in sent.items()
        }
        # The table has changed meanwhile. Try again later, when it may have the backend again.
        if None in decisions.values():
            raise invalid_response(self._target.backend, "has left the route table")
        outcomes = await asyncio.to_thread(
            _outcomes, self._item_context(), self._target, list(sent.values()), page, decisions
        )
        results = [outcome.result for outcome in outcomes]
        await job.context.database.transact(lambda db: journal.add_results(db, job.id, results))
        for outcome in outcomes:
            await self._account(outcome, decisions[outcome.result.line], table)

    def _item_context(self) -> ItemContext:
        """Return the items' context; results are collected even where the key is gone."""
        job = self._job
        name = job.batch.key
        key = job.key() or (ClientKey(KeyName(name)) if name else None)
        return ItemContext(job.id, job.client, job.input, job.batch.headers, key)

    async def _account(
        self, outcome: _ItemOutcome, decision: RouteDecision | None, table: RouteTable
    ) -> None:
        if decision is None:
            return
        context = self._job.context
        # The part may have been sent by an earlier run of the gateway: only Unix time goes on.
        sent = self._part.sent or self._part.created
        timing = Timing(context.now, min(sent, context.now()))
        async with Exchange(context.routing, outcome.request, decision, table, timing) as exchange:
            exchange.complete(outcome.status, outcome.error, outcome.usage)


def release(job: Job, unsent: Sequence[JournalItem]) -> None:
    """Release what limits and budgets reserved for items that will get no answer."""
    table = job.current_table()
    for item in unsent:
        decision = decision_codec.decode(item.decision, table) if item.decision and table else None
        if decision is not None:
            job.context.routing.release(decision)


def _is_retried(status: int) -> bool:
    return status in RETRIED or status >= SERVER_ERROR


def _rejection(message: str) -> UpstreamError:
    return UpstreamError(
        message, failure=UpstreamFailure.STATUS, upstream_status=OK_BELOW, transient=False
    )


def _outcomes(
    context: ItemContext,
    target: BatchTarget,
    sent: Sequence[JournalItem],
    page: Mapping[int, ResultLine | UpstreamError],
    decisions: dict[int, RouteDecision | None],
) -> list[_ItemOutcome]:
    """Read the items again and build their outcomes. Blocking."""
    outcomes: list[_ItemOutcome] = []
    for parsed in items.parse_items(context, sent):
        if isinstance(parsed.request, BadRequest):
            # It was valid when it was sent. A single call will report the error.
            continue
        decision = decisions[parsed.item.line]
        request_id = decision.id if decision is not None else ""
        result = page[parsed.item.line]
        outcomes.append(_outcome(context, target, parsed, parsed.request, result, request_id))
    return outcomes


def _outcome(
    context: ItemContext,
    target: BatchTarget,
    parsed: ParsedItem,
    request: Request,
    result: ResultLine | UpstreamError,
    request_id: str,
) -> _ItemOutcome:
    item, shape = parsed.item, context.wire.errors
    wire = WIRES[target.wire]
    usage: Usage | None = None
    try:
        if isinstance(result, UpstreamError):
            raise result
        if result.status < OK_BELOW:
            usage = wire.usage(result.body)
            translator = encode_request(target.backend, request).response
            body = result.body if translator is None else translator.translate(result.body)
            line = items.response_line(item, context.batch, request_id, result.status, body)
            return _ItemOutcome(line, request, usage, result.status, "")
        error = from_status(target.backend, result.status, result.body, None, wire.errors, shape)
    except UpstreamError as upstream_error:
        error = upstream_error
    except (MalformedResponse, BadRequest) as malformed:
        error = invalid_response(target.backend, f"answered what can't be read: {malformed}")
    line = items.error_line(item, context.batch, request_id, error, shape)
    return _ItemOutcome(line, request, usage, error.status, error.code)
