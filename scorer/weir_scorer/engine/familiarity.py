"""How well a prompt's kind is known: how near it lies to what the bundle was trained on.

Distance to the nearest centre of the training prompts says that a prompt is new. Agreement of two
members, a linear score and the need of the nearest centres, says that what is known of it holds
together. Both are ranks among held-out reference prompts, and so is what is made of them: a
hundredth of prompts like those lies below .01.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, check_length, floats, quantised
from weir_scorer.engine.routers.space import Space, squared_distances

AGREEMENT = 0.5  # what agreement weighs beside distance; chosen on sources left out
_LEAST = 0.01  # added to a rank before its logarithm
_TINY = 1e-9


class Familiarity:
    """Rows of columns to numbers in [0,1]; 0 is farther than any reference prompt."""

    def __init__(self, arrays: Arrays) -> None:
        self._space = Space(arrays)
        self.dim = self._space.columns
        self._centres = _points(arrays, "centres", self._space.rank)
        self._squares = (self._centres**2).sum(axis=1)
        self._needs = floats(arrays, "needs", 1)
        self._weights = floats(arrays, "weights", 1)
        self._direction = floats(arrays, "direction", 1)
        self._neighbours = int(floats(arrays, "neighbours", 0))
        self._knots = {
            name: _ascending(arrays, f"{name}_knots")
            for name in ("distance", "need", "score", "disagreement", "known")
        }
        self._own = _OwnPrompts(arrays, self._space.rank) if "own" in arrays else None
        self._check()

    def _check(self) -> None:
        count = len(self._centres)
        check_length("needs", self._needs.size, "centres", count)
        check_length("weights", self._weights.size, "centres", count)
        check_length("direction", self._direction.size, "project", self.dim)
        if not 1 <= self._neighbours <= count:
            raise BadHead(f"`neighbours` must be 1 to {count}, the number of centres")
        if np.any(self._weights <= 0):
            raise BadHead("`weights` must be positive")

    def __call__(self, features: Matrix) -> Floats:
        """One number a row."""
        points = self._space(features)
        squared = squared_distances(points, self._centres, self._squares)
        near = 1 - self._rank("distance", np.sqrt(squared.min(axis=1)))
        agree = 1 - self._rank("disagreement", self._disagreement(features, squared))
        known = self._rank("known", combined(near, agree))
        if self._own is None:
            return known
        return np.asarray(np.maximum(known, self._own(points)), dtype=np.float32)

    def _disagreement(self, features: Matrix, squared: Floats) -> Floats:
        """How far apart the two members rank a prompt, in [0,1]."""
        needs = near_needs(squared, self._needs, self._weights, self._neighbours)
        score = self._rank("score", features @ self._direction)
        return np.asarray(np.abs(score - self._rank("need", needs)), dtype=np.float32)

    def _rank(self, name: str, values: Floats) -> Floats:
        return rank(self._knots[name], values)


class _OwnPrompts:
    """Labelled prompts of a deployment: what lies as near to them as they to one another is known.

    The labels themselves judge the score there, so that agreement is not asked for.
    """

    def __init__(self, arrays: Arrays, width: int) -> None:
        self._points = _points(arrays, "own", width)
        self._squares = (self._points**2).sum(axis=1)
        self._knots = _ascending(arrays, "own_knots")

    def __call__(self, points: Floats) -> Floats:
        squared = squared_distances(points, self._points, self._squares)
        return 1 - rank(self._knots, np.sqrt(squared.min(axis=1)))


def near_needs(squared: Floats, needs: Floats, weights: Floats, neighbours: int) -> Floats:
    """The nearest centres' mean need; near and heavy ones count for more."""
    nearest = squared.argpartition(neighbours - 1, axis=1)[:, :neighbours]
    far = squared[np.arange(len(squared))[:, None], nearest]
    scale = far.sum(axis=1, keepdims=True) * (-1 / neighbours) - _TINY
    pull = np.exp(far / scale) * weights[nearest]
    return np.asarray((pull * needs[nearest]).sum(axis=1) / pull.sum(axis=1), dtype=np.float32)


def combined(near: Floats, agree: Floats) -> Floats:
    """One number of two ranks; grows with both."""
    return np.asarray(np.log(near + _LEAST) + AGREEMENT * np.log(agree + _LEAST), dtype=np.float32)


def rank(knots: Floats, values: Floats) -> Floats:
    """The share of reference prompts with lower values; `knots` are their quantiles."""
    return np.asarray(knots.searchsorted(values) * (1 / knots.size), dtype=np.float32)


def _points(arrays: Arrays, name: str, width: int) -> Floats:
    points = quantised(arrays, name)
    if not len(points) or points.shape[1] != width:
        raise BadHead(f"`{name}` must be rows of {width} columns, as `project`")
    return points


def _ascending(arrays: Arrays, name: str) -> Floats:
    knots = floats(arrays, name, 1)
    if knots.size < 2 or np.any(np.diff(knots) < 0):  # noqa: PLR2004 - two ends
        raise BadHead(f"`{name}` must be two or more ascending numbers")
    return knots
