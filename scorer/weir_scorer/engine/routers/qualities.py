"""Predicted quality per profiled model: a shared difficulty, and a row of weights per model.

A model is a level, a slope along the difficulty and an offset per cluster of prompts, in logits
(UniRoute, arXiv 2502.08773). So models rank differently on different kinds of prompts, and one
joins by its outcomes on some probe prompts: nothing here is fitted anew but its own row.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, check_length, floats, sigmoid
from weir_scorer.engine.routers.space import Clusters

LEVEL_AND_SLOPE = 2


class Qualities:
    """Predicts qualities for every router that reads the same blocks."""

    def __init__(self, arrays: Arrays) -> None:
        self._clusters = Clusters(arrays)
        self._difficulty = floats(arrays, "difficulty", 1)
        self._difficulty_bias = float(floats(arrays, "difficulty_bias", 0))
        self._models = floats(arrays, "models", 2)
        self.dim = self._clusters.columns
        self.profiles = len(self._models)
        self.doubts = self._read_doubts(arrays)
        check_length("difficulty", self._difficulty.size, "project", self.dim)
        width = LEVEL_AND_SLOPE + self._clusters.count
        if self._models.shape[1] != width:
            raise BadHead(f"`models` must be rows of {width}: level, slope and one a cluster")

    @property
    def means(self) -> Floats:
        """Each model's quality for a prompt of middling difficulty of any kind, in [0,1]."""
        clusters = self._models[:, LEVEL_AND_SLOPE:]
        offsets = clusters.mean(axis=1) if clusters.shape[1] else np.zeros(self.profiles)
        return sigmoid((self._models[:, 0] + offsets).astype(np.float32))

    def _read_doubts(self, arrays: Arrays) -> Floats:
        """Each model's standard error, in log-odds; 0 where the file states none."""
        if "doubts" not in arrays:
            return np.zeros(self.profiles, dtype=np.float32)
        doubts = floats(arrays, "doubts", 1)
        check_length("doubts", doubts.size, "models", self.profiles)
        if doubts.size and float(doubts.min()) < 0:
            raise BadHead("`doubts` must not be below 0: they are standard errors")
        return doubts

    def facts(self, features: Matrix) -> Floats:
        """The factors of a model's row: 1, the difficulty, the memberships of clusters."""
        one = np.ones((len(features), 1), dtype=np.float32)
        difficulty = features @ self._difficulty + self._difficulty_bias
        return np.concatenate([one, difficulty[:, None], self._clusters(features)], axis=1)

    def quality(self, features: Matrix) -> Matrix:
        """[rows, models], in [0,1]."""
        return sigmoid(self.facts(features) @ self._models.T)
