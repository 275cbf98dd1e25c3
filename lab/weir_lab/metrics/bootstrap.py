"""Intervals by resampling prompts: how far a figure would move on other prompts of the kind.

Each replicate draws as many prompts with replacement; a statistic sees how often each was drawn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles

REPEATS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the central 95 % of its replicates; NaN where the figure is."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def bootstrap(
    statistic: Callable[[Doubles], Sequence[float]],
    size: int,
    *,
    repeats: int = REPEATS,
    seed: int = 0,
    confidence: float = 0.95,
) -> tuple[Interval, ...]:
    """Intervals for all the figures that `statistic(weights)` gives, from the same replicates.

    The value is that of weights all 1. Bit for bit the same for the same seed. A replicate in
    which a figure is NaN does not count for it.
    """
    values = np.asarray(statistic(np.ones(size)), dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = np.empty((repeats, len(values)))
    for k in range(repeats):
        weights = np.bincount(rng.integers(0, size, size), minlength=size)
        drawn[k] = statistic(weights.astype(np.float64))
    return tuple(
        _interval(float(value), column, confidence)
        for value, column in zip(values, drawn.T, strict=True)
    )


def _interval(value: float, replicates: Doubles, confidence: float) -> Interval:
    known = replicates[np.isfinite(replicates)]
    if not len(known):
        return Interval(value, np.nan, np.nan)
    tail = (1 - confidence) / 2
    low, high = np.quantile(known, [tail, 1 - tail])
    return Interval(value, float(low), float(high))
