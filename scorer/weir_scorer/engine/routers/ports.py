"""What a head is, and how it refuses arrays. Must not know any one kind of head."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weir_scorer.engine.ports import EngineError, Matrix

Arrays = Mapping[str, NDArray[np.generic]]
Floats = NDArray[np.float32]
Integers = NDArray[np.intp]


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

    def scores(self, features: Matrix) -> Floats:
        """One score per row, finite, in [0,1]."""
        ...

    def quality(self, features: Matrix) -> Matrix:
        """[rows, profiles], finite, in [0,1]."""
        ...
