"""Batches of either provider, answered item by item over the configured time, in memory.

An item is an id, a path and a body, whatever the provider's wire.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from weir_cli.mock_provider.batch_item import answer_item
from weir_cli.mock_provider.json_fields import BadRequest, Object
from weir_cli.mock_provider.stats import RequestStats

_MAX_STORED = 200  # files, and batches; the oldest go first
_TURN = 32  # items that are answered before others get a turn

T = TypeVar("T")


class Outcome(StrEnum):
    """How an item ended."""

    ANSWERED = "answered"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One request of a batch."""

    custom_id: str
    path: str
    body: Object


@dataclass(frozen=True, slots=True)
class Result:
    """An item's answer, or why there is none."""

    item: str
    outcome: Outcome
    body: Object = field(default_factory=Object)
    refused: BadRequest | None = None


@dataclass(slots=True, eq=False)
class Batch:
    """One batch."""

    id: str
    items: list[BatchItem]
    request: Object  # what its wire wants to know of it later
    created: float  # seconds since 1970
    results: list[Result] = field(default_factory=list[Result])
    cancelled: bool = False
    ended: bool = False

    def count(self, ended: Outcome) -> int:
        """How many items have ended so."""
        return sum(result.outcome is ended for result in self.results)


class Batches:
    """All batches, and the files they came from."""

    def __init__(
        self, books: RequestStats, refusal: Callable[[str, int], BadRequest | None], takes: float
    ) -> None:
        """A batch `takes` so many seconds; `refusal` gives the fault of a model's nth item."""
        self.files: dict[str, bytes] = {}
        self.all: dict[str, Batch] = {}
        self._books = books
        self._refusal = refusal
        self._takes = takes
        self._made = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def new_id(self, kind: str) -> str:
        """An id: the same ones in the same order after each start."""
        self._made += 1
        return f"{kind}{self._made:024x}"

    def store_file(self, data: bytes) -> str:
        """Keep a file; gives its id."""
        return _store(self.files, self.new_id("file-"), data)

    def submit(self, batch: Batch) -> None:
        """Take a batch in and begin with it."""
        self._books.batches += 1
        _store(self.all, batch.id, batch)
        task = asyncio.get_running_loop().create_task(self._run(batch), name=f"stand-in {batch.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def newest(self, kind: str) -> list[Batch]:
        """Those whose ids begin with `kind`, newest first."""
        return [batch for batch in reversed(self.all.values()) if batch.id.startswith(kind)]

    async def stop(self) -> None:
        """Cancel running batches."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, batch: Batch) -> None:
        each = self._takes / max(len(batch.items), 1)
        for number, item in enumerate(batch.items, 1):
            if batch.cancelled:
                break
            batch.results.append(self._result(item))
            if number % _TURN == 0 or number == len(batch.items):
                await asyncio.sleep(each * ((number - 1) % _TURN + 1))
        batch.ended = True

    def _result(self, item: BatchItem) -> Result:
        try:
            answer = answer_item(item.path, item.body)
        except BadRequest as refused:
            return Result(item.custom_id, Outcome.REFUSED, refused=refused)
        line = self._books.of(answer.model)
        line.batch_requests += 1
        fault = self._refusal(answer.model, line.batch_requests)
        if fault is not None:
            line.batch_failed += 1
            return Result(item.custom_id, Outcome.REFUSED, refused=fault)
        line.batch_prompt_tokens += answer.input_tokens
        line.batch_completion_tokens += answer.output_tokens
        return Result(item.custom_id, Outcome.ANSWERED, answer.body)


def jsonl(lines: Iterable[Object]) -> bytes:
    """Objects, one a line."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _store(stored: dict[str, T], name: str, value: T) -> str:
    while len(stored) >= _MAX_STORED:
        del stored[next(iter(stored))]
    stored[name] = value
    return name
