"""The `random` head: a hash of the text is its score."""

from weir_scorer.engine.ports import Matrix
from weir_scorer.engine.routers.ports import Arrays, BadHead, Floats


class Uniform:
    """The `random` router: its one feature is the score."""

    dim = 1
    profiles = 0

    def __init__(self, arrays: Arrays) -> None:
        if arrays:
            raise BadHead("a random router has no head file")

    def scores(self, features: Matrix) -> Floats:
        return features[:, 0]

    def quality(self, features: Matrix) -> Matrix:
        return features[:, :0]
