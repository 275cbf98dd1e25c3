"""A small space in which near prompts are alike: the columns, centred and projected.

What kNN, clusters and similarities are computed in; a head's `mean` and `project` say which.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.arrays import floats
from weir_scorer.engine.routers.ports import Arrays, BadHead, Floats


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
