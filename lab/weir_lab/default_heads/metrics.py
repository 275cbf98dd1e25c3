"""RouteLLM's measure of a router, and how well scores keep their word. Pure."""

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating]

_DECILES = 11  # edges


def apgr(scores: Reals, weak: Reals, strong: Reals) -> float:
    """Average performance gap recovered: .5 is a coin, 1 recovers the whole gap for nothing.

    The routed model's mean outcome is taken at the eleven edges of the scores' deciles, against
    the share of strong calls there; the area is the trapezoids'.
    """
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, _DECILES)))
    to_strong = scores[None, :] >= edges[:, None]
    share = to_strong.mean(axis=1)
    routed = np.where(to_strong, strong, weak).mean(axis=1)
    order = np.argsort(share)
    x = np.concatenate([[0.0], share[order], [1.0]])
    y = np.concatenate([[weak.mean()], routed[order], [strong.mean()]])
    area = float(np.trapezoid(y, x))
    return (area - float(weak.mean())) / float(strong.mean() - weak.mean())


def brier(predicted: Reals, seen: Reals) -> float:
    """Mean squared distance; 0 is perfect."""
    return float(np.mean((predicted - seen) ** 2))


def calibration_error(predicted: Reals, seen: Reals, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count: mean |predicted - seen|."""
    parts = np.array_split(np.argsort(predicted, kind="stable"), bins)
    gaps = [abs(float(predicted[part].mean() - seen[part].mean())) * len(part) for part in parts]
    return sum(gaps) / len(predicted)
