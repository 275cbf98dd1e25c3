"""The `sw_ranking` router: RouteLLM's similarity-weighted ranking (arXiv 2406.18665).

Recorded battles are weighted by how like this prompt theirs was, ten tiers of models are rated
anew by a tie-aware Bradley-Terry fit, and the score is how likely the strong tier then beats the
weak one. Where RouteLLM fits a regression over all battles per request, here a weighted count of
wins per pair of tiers is all that the fit reads, and a few Newton steps from the unweighted
ratings end it: the same optimum, in well under a millisecond.
"""

import math

import numpy as np
from numpy.typing import NDArray

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import (
    Arrays,
    BadHead,
    Floats,
    Integers,
    check_length,
    floats,
    integers,
    quantised,
    sigmoid,
)
from weir_scorer.engine.routers.space import Space

Doubles = NDArray[np.float64]

_STEPS = 4  # from the cached ratings the second is already exact to 1e-6
_START_STEPS = 30  # from nothing, once, when the head is loaded
_BASE = math.log(10)  # ratings are in powers of ten, as Elo's are
_TINY = 1e-9


class SwRanking:
    """Battles lie in the space as directions; `wins` is 1 for the first tier, .5 for a tie."""

    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._space = Space(arrays)
        self._tiers = int(floats(arrays, "tiers", 0))
        first, second = (integers(arrays, name, self._tiers - 1) for name in ("first", "second"))
        wins = floats(arrays, "wins", 1)
        battles = _directions(quantised(arrays, "battles"))
        for name, column in (("first", first), ("second", second), ("wins", wins)):
            check_length(name, column.size, "battles", len(battles))
        if not len(battles) or battles.shape[1] != self._space.rank:
            raise BadHead(f"`battles` must be rows of {self._space.rank} columns, as `project`")
        if np.any((wins < 0) | (wins > 1)):
            raise BadHead("`wins` must lie in [0, 1]")
        self.dim = self._space.columns
        strong, weak = (integers(arrays, name, self._tiers - 1) for name in ("strong", "weak"))
        self._strong, self._weak = int(strong[0]), int(weak[0])
        self._slope, self._bias = (float(floats(arrays, name, 0)) for name in ("slope", "bias"))
        self._gather(battles, first, second, wins)

    def _gather(
        self,
        battles: Floats,
        first: Integers,
        second: Integers,
        wins: Floats,
    ) -> None:
        """Sort battles by their pair of tiers, so that a pair's sum is one run of the weights."""
        swap = first > second
        low, high = np.minimum(first, second), np.maximum(first, second)
        order = np.argsort(low * self._tiers + high, kind="stable")
        pairs, starts = np.unique((low * self._tiers + high)[order], return_index=True)
        self._starts = starts
        self._battles = battles[order]
        self._wins = np.where(swap, 1 - wins, wins)[order].astype(np.float32)
        self._design = np.zeros((len(pairs), self._tiers), dtype=np.float64)
        rows = np.arange(len(pairs))
        self._design[rows, pairs // self._tiers] += _BASE
        self._design[rows, pairs % self._tiers] -= _BASE
        even = np.ones((1, len(battles)), dtype=np.float32)
        start = np.zeros((1, self._tiers))
        self._start = self._rate(even, start, _START_STEPS)

    def scores(self, features: Matrix) -> Floats:
        near = _directions(self._space(features)) @ self._battles.T
        best = np.maximum(near.max(axis=1, keepdims=True), _TINY)
        ratings = self._rate(10 * np.power(np.float32(10), near / best), self._start, _STEPS)
        gap = _BASE * (ratings[:, self._strong] - ratings[:, self._weak])
        return sigmoid((self._slope * gap + self._bias).astype(np.float32))

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]

    def _rate(self, weights: Floats, start: Doubles, steps: int) -> Doubles:
        """Ratings [rows, tiers], in powers of ten, that best explain the weighted battles.

        Every battle counts twice, and half the ratings' squared length is the penalty: RouteLLM's
        regression, whose ties are one win each way.
        """
        total = 2 * np.add.reduceat(weights, self._starts, axis=1).astype(np.float64)
        won = 2 * np.add.reduceat(weights * self._wins, self._starts, axis=1).astype(np.float64)
        ratings = np.repeat(start, len(weights), axis=0)
        penalty = np.eye(self._tiers)
        for _ in range(steps):
            expected = 1 / (1 + np.exp(-(ratings @ self._design.T)))
            slope = (won - total * expected) @ self._design - ratings
            curve = total * expected * (1 - expected)
            bend = (self._design.T * curve[:, None, :]) @ self._design + penalty
            ratings = ratings + np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        return ratings


def _directions(rows: Floats) -> Floats:
    lengths = np.sqrt((rows**2).sum(axis=1, keepdims=True))
    return np.asarray(rows / np.maximum(lengths, _TINY), dtype=np.float32)
