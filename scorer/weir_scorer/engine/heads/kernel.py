"""The `kernel` head: a linear one, corrected near the prompts whose labels are known."""

import numpy as np

from weir_scorer.engine.heads.arrays import floats, sigmoid
from weir_scorer.engine.heads.linear import Linear
from weir_scorer.engine.heads.ports import Arrays, BadHead, Floats
from weir_scorer.engine.ports import Matrix


class Kernel:
    """A linear head, corrected by how labelled prompts like this one turned out.

    An anchor is a labelled prompt's standardised columns times `metric`; its pull is `duals` and
    fades with squared distance. Qualities are the linear part's.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._linear = Linear(arrays)
        self._metric = floats(arrays, "metric", 1)
        self._anchors = floats(arrays, "anchors", 2)
        self._duals = floats(arrays, "duals", 1)
        self.dim = self._linear.dim
        self.profiles = self._linear.profiles
        if self._metric.shape != (self.dim,) or self._anchors.shape[1] != self.dim:
            raise BadHead(f"`metric` and `anchors` must have {self.dim} columns, as `weights`")
        if len(self._anchors) != len(self._duals):
            raise BadHead(f"{len(self._anchors)} anchors have {len(self._duals)} duals")
        self._squares = (self._anchors**2).sum(axis=1)

    def scores(self, features: Matrix) -> Floats:
        near = self._linear.standardise(features) * self._metric
        squared = (near**2).sum(axis=1)[:, None] + self._squares - 2 * (near @ self._anchors.T)
        pull = np.exp(-np.maximum(squared, 0) / 2) @ self._duals
        return sigmoid(self._linear.logits(features) + pull)

    def quality(self, features: Matrix) -> Matrix:
        return self._linear.quality(features)
