"""Mean quality against the share of strong calls, as a threshold moves over the scores.

`decile_curve` is RouteLLM's: the 11 edges of the scores' deciles. `full_curve` has a point for
every distinct score. A prompt goes to the strong model iff its score is at or over the threshold.
Prompts are sorted once: a bootstrap replicate is the same order with other weights.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles

DECILES = 10


@dataclass(frozen=True, slots=True)
class Ranked:
    """Prompts in ascending order of score, with both models' outcomes; arrays of one length.

    `order[k]` is the row of the k-th prompt in the input.
    """

    order: NDArray[np.intp]
    scores: Doubles
    weak: Doubles
    strong: Doubles

    @classmethod
    def of(cls, scores: Doubles, weak: Doubles, strong: Doubles) -> "Ranked":
        """Raises ValueError on unequal lengths, on nothing, and on a score that is not finite."""
        if not len(scores) == len(weak) == len(strong):
            raise ValueError(
                f"{len(scores)} scores, {len(weak)} weak and {len(strong)} strong outcomes"
            )
        if not len(scores):
            raise ValueError("no prompts: there is nothing to measure")
        for name, values in (("scores", scores), ("weak", weak), ("strong", strong)):
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values))[0])
                raise ValueError(f"{name}[{row}] is {values[row]}, not a finite number")
        order = np.argsort(scores, kind="stable")
        return cls(
            order=order,
            scores=scores[order].astype(np.float64),
            weak=weak[order].astype(np.float64),
            strong=strong[order].astype(np.float64),
        )

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in ascending order of `share`, from all weak (0) to all strong (1).

    `quality` is the routed mean; `thresholds[k]` gives point k, infinity where nothing is strong.
    """

    share: Doubles
    quality: Doubles
    thresholds: Doubles
    weak: float
    strong: float


def decile_curve(ranked: Ranked, weights: Doubles | None = None) -> Curve:
    """RouteLLM's eleven points; edges that coincide are one.

    At the highest edge a score must lie over it, so that the curve begins with no strong calls.
    """
    return quantile_curve(ranked, weights, DECILES)


def quantile_curve(ranked: Ranked, weights: Doubles | None, parts: int) -> Curve:
    """As decile_curve, with the edges of so many equal parts of the scores."""
    counts = np.ones(len(ranked)) if weights is None else weights
    edges = np.unique(_edges(ranked.scores, counts, parts))
    starts = np.searchsorted(ranked.scores, edges[:-1], side="left")
    return _curve(ranked, counts, starts, edges[:-1])


def full_curve(ranked: Ranked, weights: Doubles | None = None) -> Curve:
    """A point for every distinct score, and one for no strong call at all."""
    counts = np.ones(len(ranked)) if weights is None else weights
    new = np.empty(len(ranked), dtype=np.bool_)
    new[0] = True
    new[1:] = ranked.scores[1:] > ranked.scores[:-1]
    starts = np.flatnonzero(new)
    return _curve(ranked, counts, starts, ranked.scores[starts])


def random_scores(size: int, seed: int) -> Doubles:
    """Uniform random scores, the baseline of every table."""
    return np.random.default_rng(seed).random(size)


def _edges(scores: Doubles, counts: Doubles, parts: int) -> Doubles:
    """Linear-interpolated quantiles of the scores, each taken `counts` times, ends included."""
    upto = np.cumsum(counts)
    last = len(scores) - 1
    place: Doubles = np.arange(parts + 1) * (upto[-1] - 1) / parts
    below: Doubles = np.floor(place)
    above: Doubles = np.ceil(place)
    low: Doubles = scores[np.minimum(np.searchsorted(upto, below, side="right"), last)]
    high: Doubles = scores[np.minimum(np.searchsorted(upto, above, side="right"), last)]
    return low + (high - low) * (place - below)


def _curve(ranked: Ranked, counts: Doubles, starts: NDArray[np.intp], thresholds: Doubles) -> Curve:
    total = counts.sum()
    calls = _suffix_sums(counts)
    gains = _suffix_sums(counts * (ranked.strong - ranked.weak))
    weak = float((counts * ranked.weak).sum() / total)
    strong = float((counts * ranked.strong).sum() / total)
    # Ascending thresholds are descending shares; the two ends are always there.
    share = np.concatenate([[0.0], calls[starts][::-1] / total, [1.0]])
    quality = np.concatenate([[weak], weak + gains[starts][::-1] / total, [strong]])
    at = np.concatenate([[np.inf], thresholds[::-1], [-np.inf]])
    keep = np.concatenate([[True], share[1:] > share[:-1]])
    return Curve(share[keep], quality[keep], at[keep], weak, strong)


def _suffix_sums(values: Doubles) -> Doubles:
    """`out[k]` is the sum from k on; one longer than the values, ending in 0."""
    sums = np.zeros(len(values) + 1)
    sums[:-1] = np.cumsum(values[::-1])[::-1]
    return sums
