"""The space that near prompts lie near in: standardised columns, weighed by block, few directions.

And how tables of its points are kept small: one signed byte a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.routers.fit import Standard
from weir_lab.routers.task import Doubles, Floats

CHEAP_SHARE = 0.2  # of a squared distance that the first block, the text's surface, has
_STEPS = 127  # of a signed byte, each way


@dataclass(frozen=True, slots=True)
class Space:
    """Rows of columns to rows of coordinates; what the head files' `mean` and `project` hold."""

    mean: Floats
    project: NDArray[np.float16]

    def __call__(self, columns: Floats) -> Floats:
        return np.asarray((columns - self.mean) @ self.project.astype(np.float32), dtype=np.float32)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """For a head file."""
        return {"mean": self.mean, "project": self.project}


def fit_space(columns: Floats, weights: Doubles, widths: Sequence[int], rank: int) -> Space:
    """The `rank` directions along which the weighed, standardised columns differ most."""
    standard = Standard.of(columns, weights)
    metric = _metric(widths) / standard.scale
    weighed = (columns - standard.mean) * metric
    spread = (weighed * (weights / weights.sum())[:, None]).T @ weighed
    _, vectors = np.linalg.eigh(spread)
    chosen = vectors[:, ::-1][:, :rank]
    # A direction's sign is the solver's whim: fixed, for equal data to give equal bytes.
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])])
    return Space(standard.mean.astype(np.float32), (metric[:, None] * chosen).astype(np.float16))


def to_bytes(name: str, rows: Floats) -> dict[str, NDArray[np.generic]]:
    """A table as a head file keeps it: signed bytes, and what a step of each column is worth."""
    top = np.maximum(np.abs(rows).max(axis=0), 1e-9)
    scale = (top / _STEPS).astype(np.float32)
    return {
        name: np.clip(np.rint(rows / scale), -_STEPS, _STEPS).astype(np.int8),
        f"{name}_scale": scale,
    }


def _metric(widths: Sequence[int]) -> Doubles:
    """Per column; one block alone has all of the distance, of several the first has its share."""
    if len(widths) == 1:
        return np.full(widths[0], np.sqrt(1 / widths[0]))
    rest = (1 - CHEAP_SHARE) / (len(widths) - 1)
    shares = [CHEAP_SHARE, *[rest] * (len(widths) - 1)]
    return np.asarray(np.sqrt(np.repeat(np.array(shares) / np.array(widths), widths)))
