"""The `kernel` router: a linear one, corrected near the prompts whose labels are known."""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, floats, sigmoid
from weir_scorer.engine.routers.linear import Linear


class Kernel:
    """A linear head, corrected by how labelled prompts like this one turned out.

    An anchor is a labelled prompt's standardised columns times `metric`; its pull is `duals` and
    fades with squared distance, as fast as each of `widths` says: `duals` has a column a width.
    Without `widths` there is one, 1, and `duals` has no columns. Qualities are the linear part's.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._linear = Linear(arrays)
        self._metric = floats(arrays, "metric", 1)
        self._anchors = floats(arrays, "anchors", 2)
        self._widths, self._duals = _widths_and_duals(arrays)
        self.dim = self._linear.dim
        self.profiles = self._linear.profiles
        if self._metric.shape != (self.dim,) or self._anchors.shape[1] != self.dim:
            raise BadHead(f"`metric` and `anchors` must have {self.dim} columns, as `weights`")
        if len(self._anchors) != self._duals.shape[1]:
            raise BadHead(f"{len(self._anchors)} anchors have {self._duals.shape[1]} duals")
        self._squares = (self._anchors**2).sum(axis=1)

    def scores(self, features: Matrix) -> Floats:
        near = self._linear.standardise(features) * self._metric
        squared = (near**2).sum(axis=1)[:, None] + self._squares - 2 * (near @ self._anchors.T)
        squared = np.maximum(squared, 0) / -2
        logits = self._linear.logits(features)
        for width, duals in zip(self._widths, self._duals, strict=True):
            logits = logits + np.exp(width * squared) @ duals
        return sigmoid(logits)

    def quality(self, features: Matrix) -> Matrix:
        return self._linear.quality(features)


def _widths_and_duals(arrays: Arrays) -> tuple[Floats, Floats]:
    """Widths, and a row of duals for each."""
    if "widths" not in arrays:
        return np.ones(1, dtype=np.float32), floats(arrays, "duals", 1)[None, :]
    widths, duals = floats(arrays, "widths", 1), floats(arrays, "duals", 2)
    if duals.shape[1] != len(widths) or np.any(widths <= 0):
        raise BadHead("`widths` must be positive, and `duals` have a column for each")
    return widths, np.ascontiguousarray(duals.T)
