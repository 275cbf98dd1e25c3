"""Heads: from a row of features to a score in [0,1], and to a quality per profiled model.

A head file is an .npz of plain arrays, never a pickle. A new kind is a class and a line in KINDS.
Must not know of texts, devices or files.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weir_scorer.engine.ports import EngineError, Matrix

Arrays = Mapping[str, NDArray[np.generic]]

_CLIP = 30.0  # beyond this a sigmoid is 0 or 1 in float32 anyway


class BadHead(EngineError):
    """A head's arrays are missing, misshapen or not finite."""


class Head(Protocol):
    """One router's arithmetic."""

    @property
    def dim(self) -> int:
        """Columns it reads."""
        ...

    @property
    def profiles(self) -> int:
        """Models whose quality it predicts; 0 if it cannot."""
        ...

    def scores(self, features: Matrix) -> NDArray[np.float32]:
        """One score per row, finite, in [0,1]."""
        ...

    def quality(self, features: Matrix) -> Matrix:
        """[rows, profiles], finite, in [0,1]."""
        ...


class Uniform:
    """The `random` router: its one feature is the score."""

    dim = 1
    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        if arrays:
            raise BadHead("a random router has no head file")

    def scores(self, features: Matrix) -> NDArray[np.float32]:
        return features[:, 0]

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]


class Quantile:
    """Where a single feature lies among the reference prompts: uniform over prompts like them."""

    dim = 1
    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._knots = _array(arrays, "knots", 1)
        if self._knots.size < 2 or np.any(np.diff(self._knots) < 0):  # noqa: PLR2004 - two ends
            raise BadHead("`knots` must be two or more ascending numbers")

    def scores(self, features: Matrix) -> NDArray[np.float32]:
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


class Linear:
    """Standardised features times weights through a logistic curve, for score and qualities."""

    def __init__(self, arrays: Arrays) -> None:
        self._mean = _array(arrays, "mean", 1)
        self._scale = _array(arrays, "scale", 1)
        self._weights = _array(arrays, "weights", 1)
        self._bias = float(_array(arrays, "bias", 0))
        self._quality_weights = _array(arrays, "quality_weights", 2)
        self._quality_bias = _array(arrays, "quality_bias", 1)
        self.dim = self._weights.size
        self.profiles = self._quality_bias.size
        self._check()

    def _check(self) -> None:
        shapes = {
            "mean": (self._mean, (self.dim,)),
            "scale": (self._scale, (self.dim,)),
            "quality_weights": (self._quality_weights, (self.dim, self.profiles)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape:
                raise BadHead(f"`{name}` has shape {array.shape}, its weights want {shape}")
        if np.any(self._scale <= 0):
            raise BadHead("`scale` must be positive")

    def scores(self, features: Matrix) -> NDArray[np.float32]:
        return _sigmoid(self.logits(features))

    def quality(self, features: Matrix) -> Matrix:
        logits = self.standardise(features) @ self._quality_weights + self._quality_bias
        return _sigmoid(logits)

    def logits(self, features: Matrix) -> NDArray[np.float32]:
        """The scores before the logistic curve."""
        return self.standardise(features) @ self._weights + self._bias

    def standardise(self, features: Matrix) -> Matrix:
        """Columns as the weights read them."""
        return (features - self._mean) / self._scale


class Kernel:
    """A linear head, corrected by how labelled prompts like this one turned out.

    An anchor is a labelled prompt's standardised columns times `metric`; its pull is `duals` and
    fades with squared distance. Qualities are the linear part's.
    """

    def __init__(self, arrays: Arrays) -> None:
        self._linear = Linear(arrays)
        self._metric = _array(arrays, "metric", 1)
        self._anchors = _array(arrays, "anchors", 2)
        self._duals = _array(arrays, "duals", 1)
        self.dim = self._linear.dim
        self.profiles = self._linear.profiles
        if self._metric.shape != (self.dim,) or self._anchors.shape[1] != self.dim:
            raise BadHead(f"`metric` and `anchors` must have {self.dim} columns, as `weights`")
        if len(self._anchors) != len(self._duals):
            raise BadHead(f"{len(self._anchors)} anchors have {len(self._duals)} duals")
        self._squares = (self._anchors**2).sum(axis=1)

    def scores(self, features: Matrix) -> NDArray[np.float32]:
        near = self._linear.standardise(features) * self._metric
        squared = (near**2).sum(axis=1)[:, None] + self._squares - 2 * (near @ self._anchors.T)
        pull = np.exp(-np.maximum(squared, 0) / 2) @ self._duals
        return _sigmoid(self._linear.logits(features) + pull)

    def quality(self, features: Matrix) -> Matrix:
        return self._linear.quality(features)


KINDS: Mapping[str, Callable[[Arrays], Head]] = {
    "random": Uniform,
    "length": Quantile,
    "linear": Linear,
    "kernel": Kernel,
}


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-np.clip(logits, -_CLIP, _CLIP)))).astype(np.float32)


def _array(arrays: Arrays, name: str, dimensions: int) -> NDArray[np.float32]:
    if name not in arrays:
        raise BadHead(f"no array `{name}`; there are: {', '.join(arrays) or 'none'}")
    array = arrays[name]
    if array.ndim != dimensions or array.dtype.kind != "f":
        raise BadHead(f"`{name}` must be floats in {dimensions} dimensions")
    values = array.astype(np.float32)
    if not np.all(np.isfinite(values)):
        raise BadHead(f"`{name}` holds numbers that are not finite")
    return values
