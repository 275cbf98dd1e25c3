"""What keeping a share of the strong model's quality takes: in strong calls, and in money."""

import math

import numpy as np

from weir_lab.metrics.curve import Curve
from weir_lab.metrics.ranked import Floats, Ranked


def share_at_retention(curve: Curve, retention: float) -> float:
    """The smallest share of strong calls whose quality is `retention` of all-strong; NaN: none."""
    hits = np.flatnonzero(curve.quality >= retention * curve.strong)
    return float(curve.share[hits[0]]) if len(hits) else math.nan


def spend_at_retention(
    ranked: Ranked, curve: Curve, weak_cost: Floats, strong_cost: Floats, retention: float
) -> float:
    """Money at that share, as a part of what all-strong costs; costs in the input's order.

    NaN where no share keeps that much, or a cost is not known.
    """
    hits = np.flatnonzero(curve.quality >= retention * curve.strong)
    if not len(hits):
        return math.nan
    strong = ranked.scores >= curve.thresholds[hits[0]]
    weak_paid = weak_cost[ranked.order]
    strong_paid = strong_cost[ranked.order]
    return float(np.where(strong, strong_paid, weak_paid).sum() / strong_paid.sum())
