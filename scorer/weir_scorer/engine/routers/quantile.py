"""The `length` head: where one number lies among those of the reference prompts."""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.arrays import floats
from weir_scorer.engine.routers.ports import Arrays, BadHead, Floats


class Quantile:
    """Where a single feature lies among the reference prompts: uniform over prompts like them."""

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
