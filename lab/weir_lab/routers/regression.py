"""The small models that heads are made of: ridge, logistic curves, Rasch. Pure numpy.

All are weighted, deterministic, and end in plain arrays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles, Floats

ALPHAS = tuple(10.0**power for power in np.arange(0, 6.5, 0.5))
_NEWTON_STEPS = 50
_PLATT_STEPS = 100
_RASCH_SWEEPS = 60
_SPREAD = 1.5  # prior standard deviation of difficulties, in logits
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Standard:
    """Column means and scales of the training rows."""

    mean: Doubles
    scale: Doubles

    @classmethod
    def of(cls, columns: Floats, weights: Doubles) -> "Standard":
        """Weighted; a column that never changes gets scale 1."""
        shares = weights / weights.sum()
        mean = shares @ columns.astype(np.float64)
        variance = shares @ (columns - mean) ** 2
        return cls(mean, np.where(variance > _TINY, np.sqrt(variance), 1.0))

    def __call__(self, columns: Floats) -> Doubles:
        return (columns - self.mean) / self.scale


def ridge(columns: Doubles, target: Doubles, weights: Doubles, alpha: float) -> Doubles:
    """Weights of a linear fit of the centred `target`, each column pulled to 0 by `alpha`."""
    centred = target - float(weights @ target) / float(weights.sum())
    weighted = columns * weights[:, None]
    penalty = alpha * np.eye(columns.shape[1])
    return np.linalg.solve(columns.T @ weighted + penalty, weighted.T @ centred).astype(np.float64)


def best_ridge(columns: Doubles, target: Doubles) -> tuple[Doubles, float]:
    """Weights of an unweighted ridge, and its strength: the one of ALPHAS with the least
    leave-one-out error, which is exact.
    """
    centred = columns - columns.mean(axis=0)
    target_ = target - target.mean()
    values, vectors = np.linalg.eigh(centred.T @ centred)
    turned = centred @ vectors
    projected, squares = turned.T @ target_, turned**2
    best: tuple[float, float, Doubles] | None = None
    for alpha in ALPHAS:
        damped = np.maximum(values, 0) + alpha
        weights = vectors @ (projected / damped)
        leverage = squares @ (1 / damped) + 1 / len(target_)
        error = float(
            (((target_ - centred @ weights) / np.maximum(1 - leverage, _TINY)) ** 2).mean()
        )
        if best is None or error < best[0]:
            best = error, alpha, weights
    if best is None:
        raise AssertionError("there are strengths to try")
    return best[2], best[1]


def platt(
    values: Doubles, happened: Doubles, weights: Doubles | None = None, *, pull: float = 1e-3
) -> tuple[float, float]:
    """Slope and intercept of P(happened) = sigmoid(slope * value + intercept): Platt's scaling.

    `happened` may be fractions. A slope under 0 means that the values rank backwards. `pull` is a
    weak penalty, so that perfectly separated labels have a finite slope.
    """
    share = np.full(len(values), 1 / len(values)) if weights is None else weights / weights.sum()
    centre, spread = float(values.mean()), max(float(values.std()), 1e-12)
    design = np.stack([(values - centre) / spread, np.ones_like(values)], axis=1)
    beta = np.zeros(2)
    for _ in range(_PLATT_STEPS):
        expected = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        gradient = design.T @ (share * (happened - expected)) - pull * beta
        curvature = (design * (share * expected * (1 - expected))[:, None]).T @ design
        step = np.linalg.solve(curvature + (pull + _TINY**2) * np.eye(2), gradient)
        beta = beta + np.clip(step, -2, 2)
    slope = float(beta[0]) / spread
    return slope, float(beta[1]) - slope * centre


def within_group_slope(x: Doubles, seen: Doubles, group: NDArray[np.str_]) -> float:
    """Slope of the logistic curves through fractions `seen`, each group with its own level.

    Every group weighs the same.
    """
    names, place, counts = np.unique(group, return_inverse=True, return_counts=True)
    weights = 1 / (len(names) * counts[place])
    design = np.zeros((len(x), 1 + len(names)))
    design[:, 0], design[np.arange(len(x)), 1 + place] = x, 1
    beta = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        expected = sigmoid(design @ beta)
        gradient = design.T @ (weights * (seen - expected))
        curvature = (design * (weights * expected * (1 - expected))[:, None]).T @ design
        beta = beta + np.linalg.solve(curvature + _TINY * np.eye(len(beta)), gradient)
    return float(beta[0])


def level_shift(logits: Doubles, seen: Doubles, weights: Doubles) -> float:
    """What to add to all `logits` for their probabilities to have the mean of `seen`."""
    found = 0.0
    for _ in range(_NEWTON_STEPS):
        expected = sigmoid(logits + found)
        surplus = float(weights @ (seen - expected))
        found += float(
            np.clip(surplus / max(float(weights @ (expected * (1 - expected))), _TINY), -2, 2)
        )
    return found


@dataclass(frozen=True, slots=True)
class Rasch:
    """Abilities and difficulties on one scale: P(right) = sigmoid(ability - difficulty).

    What lets models that never met the same prompts be compared, through those that did.
    """

    ability: Doubles  # [models]
    difficulty: Doubles  # [prompts]


def rasch(scores: Floats) -> Rasch:
    """Fit [prompts, models] with NaN where unknown, by alternating Newton steps."""
    known = np.isfinite(scores)
    seen = np.where(known, scores, 0.0).astype(np.float64)
    ability = np.zeros(scores.shape[1])
    difficulty = np.zeros(scores.shape[0])
    pull = 1 / _SPREAD**2
    for _ in range(_RASCH_SWEEPS):
        for axis in (0, 1):
            expected = np.where(known, sigmoid(ability[None, :] - difficulty[:, None]), 0.0)
            surplus = (seen - expected).sum(axis=axis)
            curve = (expected * (1 - expected)).sum(axis=axis)
            if axis == 0:
                ability = ability + np.clip(surplus / (curve + _TINY), -1, 1)
            else:
                step = (-surplus - pull * difficulty) / (curve + pull)
                difficulty = difficulty + np.clip(step, -1, 1)
    return Rasch(ability, difficulty)


def sigmoid(logits: Doubles) -> Doubles:
    """The logistic curve."""
    return 1 / (1 + np.exp(-np.clip(logits, -40, 40)))


_PULL = 1e-3  # a weak pull to 0, so that perfectly parted labels have a finite slope
