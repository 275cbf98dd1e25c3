"""Prompts in ascending order of their scores, with what each model is worth on them.

Sorted once; a bootstrap replicate is the same order under other weights. Must not know metrics.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """All of one length, sorted by score; `order[k]` is the k-th one's place in the input."""

    order: NDArray[np.intp]
    scores: Doubles
    weak: Doubles
    strong: Doubles

    @classmethod
    def of(cls, scores: Doubles, weak: Doubles, strong: Doubles) -> "Ranked":
        """Raises ValueError on unequal lengths, on nothing, and on a score that is not finite."""
        if not len(scores) == len(weak) == len(strong):
            raise ValueError(
                f"{len(scores)} scores, {len(weak)} weak and {len(strong)} strong outcomes"
            )
        if not len(scores):
            raise ValueError("no prompts: there is nothing to measure")
        for name, values in (("scores", scores), ("weak", weak), ("strong", strong)):
            if not np.isfinite(values).all():
                row = int(np.flatnonzero(~np.isfinite(values))[0])
                raise ValueError(f"{name}[{row}] is {values[row]}, not a finite number")
        order = np.argsort(scores, kind="stable")
        return cls(
            order=order,
            scores=scores[order].astype(np.float64),
            weak=weak[order].astype(np.float64),
            strong=strong[order].astype(np.float64),
        )

    def __len__(self) -> int:
        return len(self.scores)
