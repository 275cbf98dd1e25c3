"""The `linear` router: a weighted sum of the columns through a logistic curve."""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, floats, sigmoid


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

    def scores(self, features: Matrix) -> Floats:
        return sigmoid(self.logits(features))

    def quality(self, features: Matrix) -> Matrix:
        logits = self.standardise(features) @ self._quality_weights + self._quality_bias
        return sigmoid(logits)

    def logits(self, features: Matrix) -> Floats:
        """The scores before the logistic curve."""
        return self.standardise(features) @ self._weights + self._bias

    def standardise(self, features: Matrix) -> Matrix:
        """Columns as the weights read them."""
        return (features - self._mean) / self._scale
