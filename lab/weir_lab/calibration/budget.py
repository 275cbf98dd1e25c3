"""A threshold for a budget: as many strong calls as the money allows.

The mean cost on prompts to come is bounded by the seen mean and its standard error (one-sided,
by the central limit theorem): some hundreds of prompts are needed for it to mean anything.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from weir_lab.arrays import Doubles
from weir_lab.errors import NoPromise, TooFew

LEAST = 100  # prompts with known costs


@dataclass(frozen=True, slots=True)
class Budget:
    """Costs are in USD a request; `bound` is over the true mean with the confidence stated."""

    threshold: float
    requested: float
    mean: float
    bound: float
    confidence: float
    prompts: int
    strong_share: float
    all_weak: float
    all_strong: float


def within_budget(
    scores: Doubles,
    weak_cost: Doubles,
    strong_cost: Doubles,
    usd_per_request: float,
    confidence: float = 0.95,
) -> Budget:
    """The lowest threshold whose mean cost stays under the budget.

    Prompts whose costs are not known (NaN) are left out. Raises TooFew under LEAST prompts, and
    NoPromise where even sending everything to the weak model costs more.
    """
    known = np.isfinite(weak_cost) & np.isfinite(strong_cost)
    count = int(known.sum())
    if count < LEAST:
        raise TooFew(
            f"costs of both models are known for {count} prompts; a budget takes {LEAST}: "
            "add a `cost` column (USD an answer)"
        )
    order = np.argsort(-scores[known], kind="stable")
    ranked, cheap, strong = (v[known][order] for v in (scores, weak_cost, strong_cost))
    thresholds, calls = _cuts(ranked)
    means, bounds = _mean_costs(cheap, strong, calls, confidence)
    allowed = np.flatnonzero(bounds <= usd_per_request)
    if not len(allowed):
        raise NoPromise(
            f"no threshold keeps the mean under ${usd_per_request:.6g} a request: the weak model "
            f"alone costs ${means[0]:.6g} (up to ${bounds[0]:.6g} at {confidence:.0%} confidence)"
        )
    best = int(allowed[np.argmax(calls[allowed])])
    return Budget(
        threshold=float(thresholds[best]),
        requested=usd_per_request,
        mean=float(means[best]),
        bound=float(bounds[best]),
        confidence=confidence,
        prompts=count,
        strong_share=float(calls[best] / count),
        all_weak=float(cheap.mean()),
        all_strong=float(strong.mean()),
    )


def _cuts(ranked: Doubles) -> tuple[Doubles, np.ndarray]:
    """Thresholds from no strong call down, and how many calls each makes."""
    last_of_run = np.flatnonzero(np.append(ranked[1:] < ranked[:-1], True))
    thresholds, calls = ranked[last_of_run], last_of_run + 1
    if ranked[0] >= 1:
        return thresholds, calls  # no threshold lies over a score of 1
    nothing = float(np.nextafter(ranked[0], np.inf))
    return np.append(nothing, thresholds), np.append(0, calls)


def _mean_costs(
    cheap: Doubles, strong: Doubles, calls: np.ndarray, confidence: float
) -> tuple[Doubles, Doubles]:
    count = len(cheap)
    sums = cheap.sum() + np.append(0.0, np.cumsum(strong - cheap))[calls]
    squares = (cheap**2).sum() + np.append(0.0, np.cumsum(strong**2 - cheap**2))[calls]
    means = sums / count
    spread = np.sqrt(np.maximum(squares / count - means**2, 0.0) / count)
    return means, means + float(stats.norm.ppf(confidence)) * spread
