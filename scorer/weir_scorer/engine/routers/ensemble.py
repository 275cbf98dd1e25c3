"""The `ensemble` router: a weighted sum of other routers' scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.head import Arrays, BadHead, Floats, Head, Integers, floats, sigmoid


@dataclass(frozen=True, slots=True)
class Member:
    """A router of the bundle, and where its columns lie among the ensemble's."""

    head: Head
    columns: Integers


class Ensemble:
    """The members' scores times `weights` through a logistic curve."""

    profiles = 0

    def __init__(self, arrays: Arrays, members: Sequence[Member], columns: int) -> None:
        """`columns` is how many the ensemble's blocks have."""
        self._weights = floats(arrays, "weights", 1)
        self._bias = float(floats(arrays, "bias", 0))
        self._members = tuple(members)
        self.dim = columns
        if not members:
            raise BadHead("an ensemble has members; none are named")
        if self._weights.size != len(members):
            raise BadHead(f"{self._weights.size} weights for {len(members)} members")

    def scores(self, features: Matrix) -> Floats:
        parts = [member.head.scores(features[:, member.columns]) for member in self._members]
        return sigmoid(np.stack(parts, axis=1) @ self._weights + self._bias)

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
