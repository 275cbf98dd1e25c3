"""Thresholds with a promise: Learn-then-Test over a fixed sequence (Angelopoulos et al., 2021).

Loss of a prompt at threshold t: the score is below t, so the weak model answers, wrongly, where
the strong one would have been right. The sequence starts at t = 0 (all strong, no loss) and goes
up; each step is an exact binomial test; the last one passed has P(loss <= alpha) >= confidence.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from weir_scorer.engine.ports import RetentionThreshold

Doubles = NDArray[np.float64]


def certify(
    scores: Doubles,
    lost: NDArray[np.bool_],
    strong_quality: float,
    steps: Sequence[float],
    promise: tuple[float, float],
) -> RetentionThreshold:
    """The highest of the ascending thresholds `steps` that can be certified.

    `lost`: the weak model was wrong where the strong one was right. `promise` is (retention,
    confidence): the loss is at most (1 - retention) of `strong_quality`. Prompts where the weak
    model does better don't offset losses. Threshold 0 if nothing can be certified.
    """
    retention, confidence = promise
    bound = (1 - retention) * strong_quality
    passed = 0.0
    for step in steps:
        losses = int(np.sum(lost & (scores < step)))
        if binomial_tail(losses, len(scores), bound) > 1 - confidence:
            break
        passed = float(step)
    return RetentionThreshold(retention, confidence, passed, float(np.mean(scores >= passed)))


def binomial_tail(successes: int, trials: int, chance: float) -> float:
    """P(Bin(trials, chance) <= successes), exactly."""
    if not 0 < chance < 1:
        return 1.0
    logs = [
        math.lgamma(trials + 1)
        - math.lgamma(k + 1)
        - math.lgamma(trials - k + 1)
        + k * math.log(chance)
        + (trials - k) * math.log1p(-chance)
        for k in range(successes + 1)
    ]
    top = max(logs)
    return min(1.0, math.exp(top) * math.fsum(math.exp(value - top) for value in logs))
