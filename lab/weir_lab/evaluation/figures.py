"""Every figure of one router on one pair of models, and of the best single model.

Each has its interval. One bootstrap gives all of a router's figures from the same replicates, so
that they can be compared. A single model ranks no prompts: it has a quality and a bill, no curve.
"""

from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.datasets import Pair
from weir_lab.metrics import (
    Curve,
    Interval,
    Ranked,
    aiq,
    apgr,
    bootstrap,
    brier,
    cpt,
    decile_curve,
    expected_calibration_error,
    full_curve,
    quantile_curve,
    share_at_retention,
    spend_at_retention,
)

RECOVERED = (0.5, 0.8, 0.95)
RETENTIONS = (0.90, 0.95, 0.98)
_HULL_PARTS = 100  # points of the curve that the hull is laid over


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one router.

    `strong_calls[r]` and `spend[r]` are the shares of all calls and of all-strong's bill that keep
    r of the strong model's quality; `spend` is NaN where costs are unknown.
    """

    apgr: Interval
    cpt: dict[float, Interval]
    aiq: Interval
    strong_calls: dict[float, Interval]
    spend: dict[float, Interval]
    ece: Interval  # of the score as P(strong beats weak); NaN unless it claims to be one
    brier: Interval


def measure(pair: Pair, scores: Doubles, *, probability: bool, repeats: int, seed: int) -> Figures:
    """All figures of one router's scores; `probability`: whether a score claims to be one."""
    ranked = Ranked.of(scores, pair.weak, pair.strong)
    statistic = _Statistic(pair, ranked, probability)
    found = iter(bootstrap(statistic, len(ranked), repeats=repeats, seed=seed))
    return Figures(
        apgr=next(found),
        cpt={p: next(found) for p in RECOVERED},
        aiq=next(found),
        strong_calls={r: next(found) for r in RETENTIONS},
        spend={r: next(found) for r in RETENTIONS},
        ece=next(found),
        brier=next(found),
    )


class _Statistic:
    """The figures as one row, for weights in the order of the pair's prompts."""

    def __init__(self, pair: Pair, ranked: Ranked, probability: bool) -> None:  # noqa: FBT001 - private
        self._ranked = ranked
        self._probability = probability
        self._happened = (ranked.strong > ranked.weak).astype(np.float64)
        self._costs = (pair.weak_cost[ranked.order], pair.strong_cost[ranked.order])
        self._priced = bool(np.isfinite(self._costs[0] + self._costs[1]).all())

    def __call__(self, by_prompt: Doubles) -> list[float]:
        ranked = self._ranked
        weights = by_prompt[ranked.order]
        deciles = decile_curve(ranked, weights)
        fine = full_curve(ranked, weights)
        hundred = quantile_curve(ranked, weights, _HULL_PARTS)
        return [
            apgr(deciles),
            *(cpt(deciles, p) for p in RECOVERED),
            aiq(hundred.share, hundred.quality),
            *(share_at_retention(fine, r) for r in RETENTIONS),
            *(self._spend(fine, r, weights) for r in RETENTIONS),
            *self._fit(weights),
        ]

    def _spend(self, curve: Curve, retention: float, weights: Doubles) -> float:
        if not self._priced:
            return np.nan
        return spend_at_retention(self._ranked, curve, self._costs, retention, weights)

    def _fit(self, weights: Doubles) -> tuple[float, float]:
        if not self._probability:
            return np.nan, np.nan
        scores = self._ranked.scores
        return (
            expected_calibration_error(scores, self._happened, weights),
            brier(scores, self._happened, weights),
        )


@dataclass(frozen=True, slots=True)
class Single:
    """One model for all prompts."""

    name: str
    quality: Interval  # mean score, [0, 1]
    retention: Interval  # quality as a share of the strong model's; NaN where that is never right
    calls: float  # share of prompts that go to the strong model: 0 or 1
    spend: float  # as a share of all-strong's bill; NaN where costs are not known


def best_single(pair: Pair, *, repeats: int, seed: int) -> Single:
    """The model with the better mean score, the weak one where they are equal."""
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
