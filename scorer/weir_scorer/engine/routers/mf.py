"""The `mf` router: RouteLLM's matrix factorisation (arXiv 2406.18665), learnt from preferences.

A model's logit on a prompt is w2 . (v / |v| * W1 e); the score is the logistic of the strong
model's less the weak one's. `strong` and `weak` are such vectors v / |v|, averaged over a tier.
"""

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, Floats, check_length, floats, sigmoid
from weir_scorer.engine.routers.space import Space


class MatrixFactorisation:
    """W1 is the space's projection, w2 is `output`; `slope` and `bias` make it a probability."""

    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._space = Space(arrays)
        strong, weak = floats(arrays, "strong", 1), floats(arrays, "weak", 1)
        output = floats(arrays, "output", 1)
        for name, vector in (("strong", strong), ("weak", weak), ("output", output)):
            check_length(name, vector.size, "project", self._space.rank)
        self.dim = self._space.columns
        # Both logits are linear in W1 e, and so is their difference.
        slope = float(floats(arrays, "slope", 0))
        self._along = np.asarray(slope * output * (strong - weak), dtype=np.float32)
        self._bias = float(floats(arrays, "bias", 0))

    def scores(self, features: Matrix) -> Floats:
        return sigmoid(self._space(features) @ self._along + self._bias)

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
