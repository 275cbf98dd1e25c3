"""Weighted k-means with a seeded start: centres, and whose each row is. Pure numpy."""

import numpy as np

from weir_lab.routers.task import Doubles, Floats, Integers

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
