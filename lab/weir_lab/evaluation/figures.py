"""Every figure of one router on one pair of models, each with its interval.

One bootstrap serves them all: the same replicates, so that figures can be compared.
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
    """`strong_calls[r]` and `spend[r]` are what keeping r of the strong model's quality takes:
    as a share of the calls, and of all-strong's bill (NaN where costs are not known).
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
