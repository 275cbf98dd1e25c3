"""What keeping a share of the strong model's quality takes: in strong calls, and in money."""

import math

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.metrics.curve import Curve
from weir_lab.metrics.ranked import Ranked


def share_at_retention(curve: Curve, retention: float) -> float:
    """The smallest share of strong calls whose quality is `retention` of all-strong; NaN: none."""
    hits = np.flatnonzero(curve.quality >= retention * curve.strong)
    return float(curve.share[hits[0]]) if len(hits) else math.nan


def spend_at_retention(
    ranked: Ranked,
    curve: Curve,
    costs: tuple[Doubles, Doubles],
    retention: float,
    weights: Doubles | None = None,
) -> float:
    """Money at that share, as a part of what all-strong costs.

    `costs` are the weak and the strong answers', and `weights` go with them, in the order of
    `ranked`; `curve` is of the same weights. NaN where no share keeps that much, or a cost is not
    known.
    """
    hits = np.flatnonzero(curve.quality >= retention * curve.strong)
    if not len(hits):
        return math.nan
    counts = np.ones(len(ranked)) if weights is None else weights
    weak_cost, strong_cost = costs
    called = ranked.scores >= curve.thresholds[hits[0]]
    paid = np.where(called, strong_cost, weak_cost)
    return float((counts * paid).sum() / (counts * strong_cost).sum())
