"""The best single model: what every prompt sent to one and the same model would come to.

It ranks no prompts, so it has a quality and a bill but no curve.
"""

from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair
from weir_lab.metrics import Interval, bootstrap


@dataclass(frozen=True, slots=True)
class Single:
    """One model for all prompts."""

    name: str
    quality: Interval  # mean score, [0, 1]
    retention: Interval  # quality as a share of the strong model's; NaN where that is never right
    calls: float  # share of prompts that go to the strong model: 0 or 1
    spend: float  # as a share of all-strong's bill; NaN where costs are not known


def best_single(pair: Pair, *, repeats: int, seed: int) -> Single:
    """The better of the two models by mean score, the weak one where they are equal."""
    strong = bool(pair.strong.mean() > pair.weak.mean())
    scores = pair.strong if strong else pair.weak
    costs = pair.strong_cost if strong else pair.weak_cost
    whole = float(pair.strong_cost.sum())

    def means(weights: Doubles) -> tuple[float, float]:
        total = float(weights @ scores)
        reference = float(weights @ pair.strong)
        return total / float(weights.sum()), total / reference if reference else np.nan

    quality, retention = bootstrap(means, len(pair), repeats=repeats, seed=seed)
    return Single(
        name=pair.strong_name if strong else pair.weak_name,
        quality=quality,
        retention=retention,
        calls=float(strong),
        spend=float(costs.sum()) / whole if whole > 0 else np.nan,
    )
