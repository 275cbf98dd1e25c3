"""One caller's texts on their way to scores.

These values are mutable and private to batching: they change once for every text.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from weir_runtime.tracing import TraceContext
from weir_scorer.engine.ports import Prepared, Scores
from weir_scorer.features.turns import Prompt


class BatchKey(NamedTuple):
    """What the texts of one batch have in common: router and wanted outputs."""

    router: str  # a real name, never "" or "default"
    want_quality: bool = False
    want_embedding: bool = False


@dataclass(frozen=True, slots=True)
class CallResult:
    """The scores of one call, in the order of its texts."""

    scores: list[float]
    quality: list[list[float]] | None
    embeddings: list[list[float]] | None
    known: list[float] | None = None  # how well each text's kind is known; None: not told


class Call:
    """One caller's texts on their way to scores."""

    __slots__ = (
        "_embeddings",
        "_known",
        "_quality",
        "_remaining",
        "_scores",
        "batch_key",
        "context",
        "deadline",
        "future",
        "queued",
        "started",
        "texts",
        "unstarted",
    )

    def __init__(
        self,
        texts: Sequence[Prompt],
        batch_key: BatchKey,
        deadline: float,
        future: asyncio.Future[CallResult],
        context: TraceContext | None,
    ) -> None:
        """`deadline` is on the loop's clock, in seconds."""
        count = len(texts)
        self.texts = texts
        self.batch_key = batch_key
        self.deadline = deadline
        self.future = future
        self.context = context  # of the server span, for the batch's links
        self.started: float | None = None  # when its first text reached the engine
        self.unstarted = count
        self.queued: list[Item] = []
        self._remaining = count
        self._scores: list[float] = [0.0] * count
        self._quality: list[list[float]] = []
        self._embeddings: list[list[float]] = []
        self._known: list[float] = []

    @property
    def done(self) -> bool:
        """Whether the call has its result, failed or was abandoned."""
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
        known: float | None = None,
    ) -> None:
        """Store one text's result; the last one completes the call."""
        self._scores[index] = score
        if quality is not None:
            self._quality = self._quality or [[]] * len(self._scores)
            self._quality[index] = quality
        if embedding is not None:
            self._embeddings = self._embeddings or [[]] * len(self._scores)
            self._embeddings[index] = embedding
        if known is not None:
            self._known = self._known or [0.0] * len(self._scores)
            self._known[index] = known
        self._remaining -= 1
        if self._remaining == 0 and not self.future.done():
            self.future.set_result(
                CallResult(
                    self._scores,
                    self._quality or None,
                    self._embeddings or None,
                    self._known or None,
                )
            )


class Item:
    """One prepared text of a call."""

    __slots__ = ("call", "index", "prepared", "sequence")

    def __init__(self, call: Call, index: int, prepared: Prepared) -> None:
        self.call = call
        self.index = index
        self.prepared = prepared
        self.sequence = 0  # set by the queue; the lower, the older


def deliver(items: Sequence[Item], scores: Scores) -> None:
    """Hand a batch's results to the calls its texts came from."""
    values: list[float] = scores.scores.tolist()
    quality: list[list[float]] | None = None
    embeddings: list[list[float]] | None = None
    known: list[float] | None = None if scores.known is None else scores.known.tolist()
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
            known[row] if known is not None else None,
        )
