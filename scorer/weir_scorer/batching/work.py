"""What waits: a call, its texts one by one, and the lane of texts that may share a batch.

Mutable on purpose and private to batching: these are touched once per text.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weir_runtime.tracing import TraceContext
from weir_scorer.engine.ports import Prepared, Scores


class Lane(NamedTuple):
    """Texts of one lane may share a batch: the same question is asked of all of them."""

    router: str  # a real name, never "" or "default"
    want_quality: bool = False
    want_embedding: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The scores of one call, in the order of its texts."""

    scores: list[float]
    quality: list[list[float]] | None
    embeddings: list[list[float]] | None


class Call:
    """One caller's texts on their way to scores."""

    __slots__ = (
        "_embeddings",
        "_pending",
        "_quality",
        "_scores",
        "context",
        "deadline",
        "future",
        "lane",
        "queued",
        "started",
        "texts",
        "unstarted",
    )

    def __init__(
        self,
        texts: Sequence[str],
        lane: Lane,
        deadline: float,
        future: asyncio.Future[Answer],
        context: TraceContext | None,
    ) -> None:
        """`deadline` is on the loop's clock, in seconds."""
        count = len(texts)
        self.texts = texts
        self.lane = lane
        self.deadline = deadline
        self.future = future
        self.context = context  # of the server span, for the batch's links
        self.started: float | None = None  # when its first text reached the engine
        self.unstarted = count
        self.queued: list[Item] = []
        self._pending = count
        self._scores: list[float] = [0.0] * count
        self._quality: list[list[float]] = []
        self._embeddings: list[list[float]] = []

    @property
    def over(self) -> bool:
        """Answered, failed or abandoned: nothing more is to be done for it."""
        return self.future.done()

    def fail(self, error: Exception) -> None:
        """End the call without scores, unless it has ended already."""
        if not self.future.done():
            self.future.set_exception(error)

    def fill(
        self,
        index: int,
        score: float,
        quality: list[float] | None,
        embedding: list[float] | None,
    ) -> None:
        """Put one text's result in its place; the last one completes the call."""
        self._scores[index] = score
        if quality is not None:
            self._quality = self._quality or [[]] * len(self._scores)
            self._quality[index] = quality
        if embedding is not None:
            self._embeddings = self._embeddings or [[]] * len(self._scores)
            self._embeddings[index] = embedding
        self._pending -= 1
        if self._pending == 0 and not self.future.done():
            self.future.set_result(
                Answer(self._scores, self._quality or None, self._embeddings or None)
            )


class Item:
    """One prepared text of a call."""

    __slots__ = ("call", "index", "prepared", "sequence")

    def __init__(self, call: Call, index: int, prepared: Prepared) -> None:
        self.call = call
        self.index = index
        self.prepared = prepared
        self.sequence = 0  # its age: given by the queue


def deliver(items: Sequence[Item], scores: Scores) -> None:
    """Hand a batch's results to the calls its texts came from."""
    values: list[float] = scores.scores.tolist()
    quality: list[list[float]] | None = None
    embeddings: list[list[float]] | None = None
    if scores.quality is not None:
        quality = scores.quality.tolist()
    if scores.embeddings is not None:
        embeddings = scores.embeddings.tolist()
    for row, (item, value) in enumerate(zip(items, values, strict=True)):
        item.call.fill(
            item.index,
            value,
            quality[row] if quality is not None else None,
            embeddings[row] if embeddings is not None else None,
        )
