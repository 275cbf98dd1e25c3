"""Cost against quality: the non-decreasing convex hull and the area under it (RouterBench's AIQ),
and what a retention costs in strong calls and in money.

A point on the hull between two settings is reached by drawing one of the two at random.
"""

import math

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.metrics.curve import Curve, Ranked


def hull(cost: Doubles, quality: Doubles) -> tuple[Doubles, Doubles]:
    """The points that no mixture of others beats, in ascending cost and quality.

    Raises ValueError on nothing, or on lengths that differ.
    """
    if len(cost) != len(quality) or not len(cost):
        raise ValueError(f"{len(cost)} costs and {len(quality)} qualities: need as many, and some")
    order = np.lexsort((-quality, cost))
    corners: list[tuple[float, float]] = []
    for point in zip(cost[order].tolist(), quality[order].tolist(), strict=True):
        if corners and point[1] <= corners[-1][1]:
            continue  # more expensive and no better
        while len(corners) > 1 and _below(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    points = np.array(corners)
    return points[:, 0], points[:, 1]


def aiq(cost: Doubles, quality: Doubles, upto: float | None = None) -> float:
    """Average improvement in quality: the mean height of the hull from the cheapest point on.

    `upto` extends the hull flat to that cost (default: the highest one given), so that routers
    are compared over one range. With no range it is the height of the one point.
    """
    x, y = hull(cost, quality)
    end = float(cost.max()) if upto is None else upto
    if end < x[-1]:
        raise ValueError(f"the hull goes on to a cost of {x[-1]:g}, beyond {end:g}")
    if end == x[0]:
        return float(y[-1])
    area = np.trapezoid(np.append(y, y[-1]), np.append(x, end))
    return float(area / (end - x[0]))


def _below(
    first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]
) -> bool:
    """Whether the middle point lies on or under the line from the first to the last."""
    rise = (middle[1] - first[1]) * (last[0] - first[0])
    return rise <= (last[1] - first[1]) * (middle[0] - first[0])


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

    `costs` are those of the weak and the strong answers; they and `weights` are in the order of
    `ranked`, and `curve` has the same weights. NaN where no share reaches the retention, or a cost
    is unknown.
    """
    hits = np.flatnonzero(curve.quality >= retention * curve.strong)
    if not len(hits):
        return math.nan
    counts = np.ones(len(ranked)) if weights is None else weights
    weak_cost, strong_cost = costs
    called = ranked.scores >= curve.thresholds[hits[0]]
    paid = np.where(called, strong_cost, weak_cost)
    return float((counts * paid).sum() / (counts * strong_cost).sum())
