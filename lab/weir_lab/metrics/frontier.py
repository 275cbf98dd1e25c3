"""Cost against quality: the non-decreasing convex hull and the area under it (RouterBench's AIQ).

A point on the hull between two settings is reached by drawing one of the two at random.
"""

import numpy as np

from weir_lab.arrays import Doubles


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
            continue  # dearer and no better
        while len(corners) > 1 and _below(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    points = np.array(corners)
    return points[:, 0], points[:, 1]


def aiq(cost: Doubles, quality: Doubles, upto: float | None = None) -> float:
    """Average improvement in quality: the mean height of the hull from the cheapest point on.

    `upto` extends the hull flat to that cost (default: the dearest point given), so that routers
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


def _below(one: tuple[float, float], middle: tuple[float, float], two: tuple[float, float]) -> bool:
    """Whether the middle point lies on or under the line from one to two."""
    rise = (middle[1] - one[1]) * (two[0] - one[0])
    return rise <= (two[1] - one[1]) * (middle[0] - one[0])
