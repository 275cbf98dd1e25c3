"""Joins the scores of follow-ups with those of the turns that they ask about.

The weight of the earlier turn acts on log-odds, which every head's scores have; qualities are
averaged, and so is how well the kind is known; the embedding stays the last turn's.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weir_scorer.engine.ports import Matrix, Prepared, Scores

_EDGE = 1e-6  # keeps the log-odds of 0 and 1 finite


def with_earlier(batch: Sequence[Prepared]) -> list[Prepared]:
    """The batch, then the earlier turns that its follow-ups depend on."""
    return [*batch, *(item.earlier for item in batch if item.earlier is not None)]


def blended(batch: Sequence[Prepared], scored: Scores) -> Scores:
    """The batch's own scores from those of `with_earlier(batch)`."""
    count = len(batch)
    follow_ups = [row for row, item in enumerate(batch) if item.earlier is not None]
    if not follow_ups:
        return scored
    rows = np.array(follow_ups, dtype=np.intp)
    weight = np.array([batch[row].weight for row in follow_ups], dtype=np.float32)
    scores, odds = scored.scores[:count].copy(), _log_odds(scored.scores)
    scores[rows] = _probability(odds[rows] + weight * (odds[count:] - odds[rows]))
    known = None if scored.known is None else scored.known[:, None]
    known = None if known is None else _averaged(known, rows, weight, count)
    quality, embeddings = scored.quality, scored.embeddings
    return Scores(
        scores,
        None if quality is None else _averaged(quality, rows, weight, count),
        None if embeddings is None else embeddings[:count],
        None if known is None else known[:, 0],
    )


def _averaged(
    values: Matrix, rows: NDArray[np.intp], weight: NDArray[np.float32], count: int
) -> Matrix:
    own = values[:count].copy()
    own[rows] += weight[:, None] * (values[count:] - own[rows])
    return own


def _log_odds(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    inside = np.clip(scores.astype(np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def _probability(odds: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)
