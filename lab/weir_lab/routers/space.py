"""The space in which distances between prompts are measured, and weighted k-means in it.

Columns are standardised, weighted by block and projected onto few directions. Head files store
tables of such points as signed bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles, Floats, Integers
from weir_lab.routers.regression import Standard

CHEAP_SHARE = 0.2  # of a squared distance that the first block, the text's surface, has
_STEPS = 127  # of a signed byte, each way


@dataclass(frozen=True, slots=True)
class Space:
    """Projects columns to coordinates, by the head files' `mean` and `project`."""

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
    # The solver leaves a direction's sign open; fixing it lets equal data give equal bytes.
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])])
    return Space(standard.mean.astype(np.float32), (metric[:, None] * chosen).astype(np.float16))


def to_bytes(name: str, rows: Floats) -> dict[str, NDArray[np.generic]]:
    """A table as a head file stores it: signed bytes, and the scale of each column."""
    top = np.maximum(np.abs(rows).max(axis=0), 1e-9)
    scale = (top / _STEPS).astype(np.float32)
    return {
        name: np.clip(np.rint(rows / scale), -_STEPS, _STEPS).astype(np.int8),
        f"{name}_scale": scale,
    }


def _metric(widths: Sequence[int]) -> Doubles:
    """The factor of each column: one block has all of the distance, of several the first has
    CHEAP_SHARE.
    """
    if len(widths) == 1:
        return np.full(widths[0], np.sqrt(1 / widths[0]))
    rest = (1 - CHEAP_SHARE) / (len(widths) - 1)
    shares = [CHEAP_SHARE, *[rest] * (len(widths) - 1)]
    return np.asarray(np.sqrt(np.repeat(np.array(shares) / np.array(widths), widths)))


_SWEEPS = 12
_CHUNK = 4096  # rows compared with all centres at a time
_TINY = 1e-12


def kmeans(rows: Floats, weights: Doubles, count: int, seed: int) -> tuple[Floats, Integers]:
    """At most `count` centres, all of them with rows of their own; rows keep their order."""
    random = np.random.default_rng(seed)
    count = min(count, len(rows))
    picked = random.choice(len(rows), count, replace=False, p=weights / weights.sum())
    centres = rows[np.sort(picked)].astype(np.float32)
    for _ in range(_SWEEPS):
        owner = nearest(rows, centres)
        centres = _means(rows, weights, owner, centres)
    owner = nearest(rows, centres)
    used, owner = np.unique(owner, return_inverse=True)
    return centres[used], owner.astype(np.intp)


def nearest(rows: Floats, centres: Floats) -> Integers:
    """The index of each row's nearest centre."""
    squares = (centres**2).sum(axis=1)
    parts = [
        (squares - 2 * (rows[start : start + _CHUNK] @ centres.T)).argmin(axis=1)
        for start in range(0, len(rows), _CHUNK)
    ]
    return np.concatenate(parts).astype(np.intp)


def means(values: Doubles, weights: Doubles, owner: Integers, count: int) -> Doubles:
    """The weighted mean of `values` over each centre's rows."""
    total = np.bincount(owner, weights, count)
    return np.asarray(np.bincount(owner, weights * values, count) / np.maximum(total, _TINY))


def _means(rows: Floats, weights: Doubles, owner: Integers, before: Floats) -> Floats:
    count = len(before)
    total = np.bincount(owner, weights, count)
    sums = np.stack([np.bincount(owner, weights * column, count) for column in rows.T], axis=1)
    moved = sums / np.maximum(total, _TINY)[:, None]
    return np.where(total[:, None] > 0, moved, before).astype(np.float32)
