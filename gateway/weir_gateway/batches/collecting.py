"""A provider's results taken in: translated, kept under the callers' ids, accounted.

Page by page, in bounded memory; what was kept already is passed over, so that a reading cut short
is begun again. Must not know when a part is over.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weir_gateway.adapters.providers.outbound import carried
from weir_gateway.adapters.providers.upstream_errors import broken, from_status
from weir_gateway.batches import decision_codec, items, journal, result_lines
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
from weir_gateway.routing.pipeline import Ending
from weir_wires.errors import MalformedResponse
from weir_wires.registry import WIRES
from weir_wires.usage import Usage

PAGE: Final = 256  # results that are taken in at once
PAGE_BYTES: Final = 1 << 20  # of them together
OK_BELOW: Final = 400
AGAIN: Final = frozenset({0, 408, 409, 429})  # and 5xx: sent again, alone
SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class _Read:
    """One result, and what it means for its item."""

    result: ItemResult
    request: Request
    usage: Usage | None
    status: int
    error: str


class ResultCollector:
    """One part's results."""

    def __init__(self, job: Job, part: BatchPart, to: BatchTarget) -> None:
        self._job = job
        self._part = part
        self._to = to
        self._page: dict[int, ResultLine | UpstreamError] = {}
        self._size = 0

    async def take(self, look: ProviderBatch) -> None:
        """Take in all there is. Raises UpstreamError, StoreUnavailable and KeyGone."""
        if look.error is not None:
            words = f"backend {self._part.backend} refused its batch: {look.error}"
            await self.refuse(_refusal(words))
            return
        for source in look.result_paths:
            await self._source(source)

    async def refuse(self, error: UpstreamError) -> None:
        """Give every item that has no result yet this error. Raises StoreUnavailable."""
        part = self._part
        while left := await self._job.context.database.transact(
            lambda db: journal.lines_without_result(db, part, PAGE)
        ):
            self._page = dict.fromkeys(left, error)
            await self._flush()

    async def _source(self, source: str) -> None:
        reader = LineReader(self._job.context.limits.max_answer)
        results = self._to.provider.results(self._to.account, source)
        async with contextlib.aclosing(results) as pieces:
            async for piece in pieces:
                for line in reader.feed(piece):
                    await self._line(line)
        for line in reader.end():
            await self._line(line)
        await self._flush()

    async def _line(self, line: Line) -> None:
        told = self._to.provider.parse_result(line.text) if line.text else None
        if told is None:
            return
        tag, _, number = told.item_id.rpartition("-")
        if tag != self._part.tag or not number.isdecimal() or _again(told.status):
            return
        self._page[int(number)] = told
        self._size += len(told.body)
        if len(self._page) >= PAGE or self._size >= PAGE_BYTES:
            await self._flush()

    async def _flush(self) -> None:
        page, self._page, self._size = self._page, {}, 0
        if not page:
            return
        job, part = self._job, self._part
        kept = await job.context.database.transact(
            lambda db: journal.sent_items(db, part, list(page))
        )
        if not kept:
            return
        table = job.context.tables()
        decisions = {
            line: decision_codec.decode(item.decision, table) for line, item in kept.items()
        }
        if None in decisions.values():  # the table has just changed: later, when it has it again
            raise broken(self._to.backend, "has left the route table")
        read = await asyncio.to_thread(
            _read, self._asking(), self._to, list(kept.values()), page, decisions
        )
        results = [one.result for one in read]
        await job.context.database.transact(lambda db: journal.add_results(db, job.id, results))
        for one in read:
            self._account(one, decisions[one.result.line])

    def _asking(self) -> ItemContext:
        """Whatever the key's rights are: what was sent is taken in though the key be gone."""
        job = self._job
        name = job.batch.key
        key = job.key() or (ClientKey(KeyName(name)) if name else None)
        return ItemContext(job.id, job.client, job.input, job.batch.headers, key)

    def _account(self, one: _Read, decision: RouteDecision | None) -> None:
        if decision is None:
            return
        began = self._part.sent or self._part.created
        ending = Ending(
            status=one.status,
            usage=one.usage,
            overhead=0.0,
            duration=max(self._job.context.now() - began, 0.0),
            error=one.error,
        )
        self._job.context.routing.account(one.request, decision, ending)


def release(job: Job, unsent: Sequence[JournalItem]) -> None:
    """Give back what limits had set aside for items that no answer comes of."""
    table = job.current_table()
    for item in unsent:
        decision = decision_codec.decode(item.decision, table) if item.decision and table else None
        if decision is not None:
            job.context.routing.let_go(decision)


def _again(status: int) -> bool:
    return status in AGAIN or status >= SERVER_ERROR


def _refusal(words: str) -> UpstreamError:
    return UpstreamError(
        words, failure=UpstreamFailure.STATUS, upstream_status=OK_BELOW, transient=False
    )


def _read(
    asking: ItemContext,
    to: BatchTarget,
    kept: Sequence[JournalItem],
    page: Mapping[int, ResultLine | UpstreamError],
    decisions: dict[int, RouteDecision | None],
) -> list[_Read]:
    """Blocking: for a thread."""
    read: list[_Read] = []
    for asked in items.parse_items(asking, kept):
        if isinstance(asked.request, BadRequest):
            continue  # it was sent, so it could be read then; it goes alone and says why
        decision = decisions[asked.item.line]
        request_id = decision.id if decision is not None else ""
        read.append(_one(asking, to, asked, asked.request, page[asked.item.line], request_id))
    return read


def _one(
    asking: ItemContext,
    to: BatchTarget,
    asked: ParsedItem,
    request: Request,
    told: ResultLine | UpstreamError,
    request_id: str,
) -> _Read:
    item, shape = asked.item, asking.wire.errors
    wire = WIRES[to.wire]
    usage: Usage | None = None
    try:
        if isinstance(told, UpstreamError):
            raise told
        if told.status < OK_BELOW:
            usage = wire.usage(told.body)
            back = carried(to.backend, request).response
            body = told.body if back is None else back.translate(told.body)
            result = result_lines.response_line(item, asking.batch, request_id, told.status, body)
            return _Read(result, request, usage, told.status, "")
        error = from_status(to.backend, told.status, told.body, None, wire.errors, shape)
    except UpstreamError as refused:
        error = refused
    except (MalformedResponse, BadRequest) as unreadable:
        error = broken(to.backend, f"answered what can't be read: {unreadable}")
    result = result_lines.error_line(item, asking.batch, request_id, error, shape)
    return _Read(result, request, usage, error.status, error.code)
