"""The `knn` router: how much the prompts most like this one needed a strong model.

Training prompts are condensed into a bounded number of prototypes, so that memory and time do not
grow with what it was trained on.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import (
    Arrays,
    BadHead,
    Floats,
    check_length,
    floats,
    quantised,
    sigmoid,
)
from weir_scorer.engine.routers.space import Space, squared_distances

_TINY = 1e-9


class Knn:
    """The nearest prototypes' mean need, in logits; near and heavy ones count for more.

    A prototype's weight fades with its squared distance over the neighbours' mean one, so that how
    near is near adapts to how dense the prompts lie.
    """

    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._space = Space(arrays)
        self._prototypes = quantised(arrays, "prototypes")
        self._needs = floats(arrays, "needs", 1)
        self._weights = floats(arrays, "weights", 1)
        self._neighbours = int(floats(arrays, "neighbours", 0))
        self.dim = self._space.columns
        count = len(self._prototypes)
        check_length("needs", self._needs.size, "prototypes", count)
        check_length("weights", self._weights.size, "prototypes", count)
        if self._prototypes.shape[1] != self._space.rank:
            raise BadHead(f"`prototypes` must have {self._space.rank} columns, as `project`")
        if not 1 <= self._neighbours <= count:
            raise BadHead(f"`neighbours` must be 1 to {count}, the number of prototypes")
        if np.any(self._weights <= 0):
            raise BadHead("`weights` must be positive")
        self._squares = (self._prototypes**2).sum(axis=1)

    def scores(self, features: Matrix) -> Floats:
        squared = squared_distances(self._space(features), self._prototypes, self._squares)
        nearest = np.argpartition(squared, self._neighbours - 1, axis=1)[:, : self._neighbours]
        far = np.take_along_axis(squared, nearest, axis=1)
        pull = np.exp(-far / (far.mean(axis=1, keepdims=True) + _TINY)) * self._weights[nearest]
        return sigmoid((pull * self._needs[nearest]).sum(axis=1) / pull.sum(axis=1))

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
