"""The routers `random` and `length`: a hash of the text, and the rank of its length."""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, floats


class Random:
    """The `random` router: its one feature is the score."""

    dim = 1
    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        if arrays:
            raise BadHead("a random router has no head file")

    def scores(self, features: Matrix) -> Floats:
        return features[:, 0]

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]


class Length:
    """The rank of one feature among the reference prompts: uniform over similar prompts."""

    dim = 1
    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._knots = floats(arrays, "knots", 1)
        if self._knots.size < 2 or np.any(np.diff(self._knots) < 0):  # noqa: PLR2004 - two ends
            raise BadHead("`knots` must be two or more ascending numbers")

    def scores(self, features: Matrix) -> Floats:
        column = features[:, 0]
        # Knots repeat where many prompts share a value; the middle of a run stands for all of it.
        below = np.searchsorted(self._knots, column, side="left")
        above = np.searchsorted(self._knots, column, side="right")
        ranks = np.interp(column, self._knots, np.arange(self._knots.size, dtype=np.float32))
        tied = above > below
        ranks = np.where(tied, (below + above - 1) / 2, ranks)
        return (ranks / (self._knots.size - 1)).astype(np.float32)

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
