"""Which kind of prompt is this? Memberships over cluster centres, and the `cluster` head."""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.arrays import alike, bytewise, floats, sigmoid
from weir_scorer.engine.routers.ports import Arrays, BadHead, Floats
from weir_scorer.engine.routers.space import Space, squared_distances


class Clusters:
    """Soft memberships: they fade with squared distance, `sharpness` says how fast."""

    def __init__(self, arrays: Arrays) -> None:
        self._space = Space(arrays)
        self._centres = bytewise(arrays, "centres")
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


class Cluster:
    """How much prompts of this kind needed a strong model, in logits, by membership."""

    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._clusters = Clusters(arrays)
        self._needs = floats(arrays, "needs", 1)
        self.dim = self._clusters.columns
        alike("needs", self._needs.size, "centres", self._clusters.count)

    def scores(self, features: Matrix) -> Floats:
        return sigmoid(self._clusters(features) @ self._needs)

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
