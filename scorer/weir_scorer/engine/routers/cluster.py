"""The `cluster` router: how much prompts of this kind needed a strong model."""

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, Floats, check_length, floats, sigmoid
from weir_scorer.engine.routers.space import Clusters


class Cluster:
    """The mean need for a strong model, in logits, weighted by the memberships of clusters."""

    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        self._clusters = Clusters(arrays)
        self._needs = floats(arrays, "needs", 1)
        self.dim = self._clusters.columns
        check_length("needs", self._needs.size, "centres", self._clusters.count)

    def scores(self, features: Matrix) -> Floats:
        return sigmoid(self._clusters(features) @ self._needs)

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
