"""The `linear` router: a weighted sum of the columns through a logistic curve.

A head may have two such sums, and a gate between them: `weights` for prompts like those of recorded
outcomes, `sense_weights` for what people write by hand, where looking hard is all there is to go
by. The gate is a logistic curve of the columns too.
"""

from dataclasses import dataclass

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, floats, sigmoid

FARTHEST = 8.0  # deviations; a gate's training saw nothing beyond


class Linear:
    """Standardised features times weights through a logistic curve, for score and qualities."""

    def __init__(self, arrays: Arrays) -> None:
        self._mean = floats(arrays, "mean", 1)
        self._scale = floats(arrays, "scale", 1)
        self._weights = floats(arrays, "weights", 1)
        self._bias = float(floats(arrays, "bias", 0))
        self._quality_weights = floats(arrays, "quality_weights", 2)
        self._quality_bias = floats(arrays, "quality_bias", 1)
        self.dim = self._weights.size
        self._sense = _Part.read(arrays, "sense", self.dim)
        self._gate = _Part.read(arrays, "gate", self.dim)
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
        if (self._sense is None) != (self._gate is None):
            raise BadHead("`sense_weights` and `gate_weights` go together: one is missing")

    def scores(self, features: Matrix) -> Floats:
        return sigmoid(self.logits(features))

    def quality(self, features: Matrix) -> Matrix:
        logits = self.standardise(features) @ self._quality_weights + self._quality_bias
        return sigmoid(logits)

    def logits(self, features: Matrix) -> Floats:
        """The scores before the logistic curve."""
        columns = self.standardise(features)
        logits = columns @ self._weights + self._bias
        if self._sense is None or self._gate is None:
            return logits
        open_ = sigmoid(self._gate.along(columns))
        blended = logits + open_ * (self._sense.along(columns) - logits)
        return np.asarray(blended, dtype=np.float32)

    def standardise(self, features: Matrix) -> Matrix:
        """Columns as the weights read them."""
        columns = (features - self._mean) / self._scale
        return columns if self._gate is None else np.clip(columns, -FARTHEST, FARTHEST)


@dataclass(frozen=True, slots=True)
class _Part:
    """One weighted sum of a head that has several."""

    weights: Floats
    bias: float

    @classmethod
    def read(cls, arrays: Arrays, name: str, dim: int) -> "_Part | None":
        if f"{name}_weights" not in arrays:
            return None
        weights = floats(arrays, f"{name}_weights", 1)
        if weights.size != dim:
            raise BadHead(f"`{name}_weights` has {weights.size} numbers, `weights` has {dim}")
        return cls(weights, float(floats(arrays, f"{name}_bias", 0)))

    def along(self, columns: Matrix) -> Floats:
        return columns @ self.weights + self.bias
