"""RouteLLM's measures (arXiv 2406.18665, section 3): PGR, APGR and CPT over a curve.

APGR can exceed 1: where the strong model loses, calling it less is better than calling it always.
"""

import math

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.metrics.bootstrap import REPEATS, Interval, bootstrap
from weir_lab.metrics.curve import Curve, Ranked, decile_curve


def pgr(curve: Curve) -> Doubles:
    """Performance gap recovered at each point: 0 all weak, 1 all strong; NaN without a gap."""
    gap = curve.strong - curve.weak
    if gap == 0:
        return np.full(len(curve.share), np.nan)
    return (curve.quality - curve.weak) / gap


def apgr(curve: Curve) -> float:
    """The area under PGR over the share of strong calls, by trapezoids; random is .5."""
    return float(np.trapezoid(pgr(curve), curve.share))


def cpt(curve: Curve, recovered: float) -> float:
    """The smallest share of strong calls that recovers so much of the gap, interpolated linearly.

    NaN where no share does (`recovered` over 1, or no gap).
    """
    reached = pgr(curve)
    hits = np.flatnonzero(reached >= recovered)
    if not len(hits):
        return math.nan
    k = int(hits[0])
    if k == 0:
        return float(curve.share[0])
    rise = reached[k] - reached[k - 1]
    part = (recovered - reached[k - 1]) / rise
    return float(curve.share[k - 1] + part * (curve.share[k] - curve.share[k - 1]))


def apgr_gain(
    router: Ranked, baseline: Ranked, *, repeats: int = REPEATS, seed: int = 0
) -> Interval:
    """How much higher the router's APGR is than the baseline's, by a paired bootstrap.

    Both rank the same prompts. Where the interval holds 0, no difference is shown.
    """

    def difference(weights: Doubles) -> list[float]:
        own, other = weights[router.order], weights[baseline.order]
        return [apgr(decile_curve(router, own)) - apgr(decile_curve(baseline, other))]

    (gain,) = bootstrap(difference, len(router), repeats=repeats, seed=seed)
    return gain
