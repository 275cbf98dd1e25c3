"""What runs on the worker threads: blocking calls of the engine, their answers checked.

Functions of their arguments only: nothing here touches what the event loop owns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from weir_scorer.batching.work import Lane
from weir_scorer.engine.ports import Engine, Prepared, Scores


@dataclass(frozen=True, slots=True)
class Ready:
    """What preparing gave: texts for the device, or scores where the router needs none."""

    prepared: Sequence[Prepared]
    scores: Scores | None


def make_ready(engine: Engine, texts: Sequence[str], lane: Lane) -> Ready:
    """Prepare `texts`; a router that encodes nothing is scored there and then."""
    prepared = engine.prepare(texts, lane.router)
    if len(prepared) != len(texts):
        raise ValueError(f"the engine prepared {len(prepared)} of {len(texts)} texts")
    if any(item.ids for item in prepared):
        return Ready(prepared, None)
    return Ready(prepared, run(engine, prepared, lane))


def run(engine: Engine, prepared: Sequence[Prepared], lane: Lane) -> Scores:
    """Score one batch."""
    scores = engine.run(
        prepared,
        lane.router,
        want_quality=lane.want_quality,
        want_embedding=lane.want_embedding,
    )
    if len(scores.scores) != len(prepared):
        raise ValueError(f"the engine scored {len(scores.scores)} of {len(prepared)} texts")
    return scores
