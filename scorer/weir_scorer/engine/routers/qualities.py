"""How well each profiled model will answer: a difficulty all share, and an error vector per model.

A model is a level, a slope along the difficulty and an offset per cluster of prompts, in logits
(UniRoute, arXiv 2502.08773). So models rank differently on different kinds of prompts, and one
joins by its outcomes on some probe prompts: nothing here is fitted anew but its own row.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.arrays import alike, floats, sigmoid
from weir_scorer.engine.routers.clusters import Clusters
from weir_scorer.engine.routers.ports import Arrays, BadHead, Floats

LEVEL_AND_SLOPE = 2


class Qualities:
    """What routers that read the same blocks share."""

    def __init__(self, arrays: Arrays) -> None:
        self._clusters = Clusters(arrays)
        self._difficulty = floats(arrays, "difficulty", 1)
        self._easiest = float(floats(arrays, "difficulty_bias", 0))
        self._models = floats(arrays, "models", 2)
        self.dim = self._clusters.columns
        self.profiles = len(self._models)
        alike("difficulty", self._difficulty.size, "project", self.dim)
        width = LEVEL_AND_SLOPE + self._clusters.count
        if self._models.shape[1] != width:
            raise BadHead(f"`models` must be rows of {width}: level, slope and one a cluster")

    def facts(self, features: Matrix) -> Floats:
        """What a model's row is multiplied with: 1, the difficulty, memberships of clusters."""
        one = np.ones((len(features), 1), dtype=np.float32)
        difficulty = features @ self._difficulty + self._easiest
        return np.concatenate([one, difficulty[:, None], self._clusters(features)], axis=1)

    def quality(self, features: Matrix) -> Matrix:
        """[rows, models], in [0,1]."""
        return sigmoid(self.facts(features) @ self._models.T)
