"""A small space in which near prompts are alike: the columns, centred and projected.

What kNN, clusters and similarities are computed in; a head's `mean` and `project` say which.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, floats, quantised


class Space:
    """Takes rows of columns to rows of coordinates."""

    def __init__(self, arrays: Arrays) -> None:
        self._mean = floats(arrays, "mean", 1)
        self._project = floats(arrays, "project", 2)
        self.columns, self.rank = self._project.shape
        if self._mean.size != self.columns:
            raise BadHead(f"`mean` has {self._mean.size} columns, `project` wants {self.columns}")

    def __call__(self, features: Matrix) -> Floats:
        return np.asarray((features - self._mean) @ self._project, dtype=np.float32)


def squared_distances(rows: Floats, anchors: Floats, squares: Floats) -> Floats:
    """From every row to every anchor, never below 0; `squares` are the anchors' squared lengths."""
    own = (rows**2).sum(axis=1)[:, None]
    return np.asarray(np.maximum(own + squares - 2 * (rows @ anchors.T), 0), dtype=np.float32)


class Clusters:
    """Soft memberships: they fade with squared distance, `sharpness` says how fast."""

    def __init__(self, arrays: Arrays) -> None:
        self._space = Space(arrays)
        self._centres = quantised(arrays, "centres")
        self._sharpness = float(floats(arrays, "sharpness", 0))
        self.columns = self._space.columns
        self.count = len(self._centres)
        if not self.count or self._centres.shape[1] != self._space.rank:
            raise BadHead(f"`centres` must be rows of {self._space.rank} columns, as `project`")
        if self._sharpness <= 0:
            raise BadHead("`sharpness` must be positive")
        self._squares = (self._centres**2).sum(axis=1)

    def __call__(self, features: Matrix) -> Floats:
        """[rows, clusters]; each row sums to 1."""
        squared = squared_distances(self._space(features), self._centres, self._squares)
        squared -= squared.min(axis=1, keepdims=True)
        shares = np.exp(-self._sharpness * squared)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)
