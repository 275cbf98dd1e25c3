"""Fits how well a prompt's kind is known: centres of what was seen, and ranks among others like it.

The centres come from training prompts, the ranks from held-out prompts of the same sources. Labels
of a deployment's own traffic add their prompts: what is like them is known from then on.
"""

import numpy as np

from weir_lab.arrays import Arrays, Doubles, Flags, Floats
from weir_lab.routers.regression import Standard, ridge
from weir_lab.routers.space import fit_space, kmeans, means, to_bytes
from weir_lab.routers.task import Task
from weir_scorer.engine.familiarity import combined, near_needs, rank
from weir_scorer.engine.routers.space import Space, squared_distances

CENTRES = 256  # 0.02 ms a prompt; on sources left out 64 tell new prompts a little worse
RANK = 64
NEIGHBOURS = 8  # centres whose need is compared with the linear score
UNKNOWN = 0.05  # below it lies so much of held-out prompts like those of training
OWN_POINTS = 512  # centres of one's own labelled prompts, at most
_ALPHA = 1e4  # of the ridge whose score is one of the two members
_KNOTS = 501
_STEP = 1024  # rows compared with all centres at a time


def fit_familiarity(task: Task, held_out: Flags) -> Arrays:
    """The file's arrays; `held_out` marks the labelled rows that ranks are taken among."""
    fit = task.labelled & ~held_out
    reference = task.columns[task.labelled & held_out]
    columns, weights, need = task.columns[fit], task.weights[fit], task.need[fit]
    space = fit_space(columns, weights, task.widths, RANK)
    centres, owner = kmeans(space(columns), weights, CENTRES, task.seed)
    count = len(centres)
    standard = Standard.of(columns, weights)
    learnt = ridge(standard(columns), need, weights, _ALPHA) / standard.scale
    arrays: dict[str, np.ndarray] = {
        **space.arrays(),
        **to_bytes("centres", centres),
        "needs": means(need, weights, owner, count).astype(np.float32),
        "weights": np.maximum(np.bincount(owner, weights, count), 1e-3).astype(np.float32),
        "direction": learnt.astype(np.float32),
        "neighbours": np.array(min(NEIGHBOURS, count), np.float32),
    }
    return {**arrays, **_reference_knots(arrays, reference)}


def with_own(arrays: Arrays, columns: Floats, seed: int) -> Arrays:
    """The file with the prompts that somebody labelled, given by their columns.

    A prompt is known as far as it lies no farther from a centre of theirs than they do from the
    centres of the others.
    """
    points = Space(arrays)(columns)
    ones = np.ones(len(points))
    order = np.random.default_rng(seed).permutation(len(points))
    first, second = np.array_split(order, 2)
    apart = np.concatenate(
        [
            _nearest(points[some], kmeans(points[others], ones[others], OWN_POINTS, seed)[0])
            for some, others in ((first, second), (second, first))
        ]
    )
    centres, _ = kmeans(points, ones, OWN_POINTS, seed)
    return {**arrays, **to_bytes("own", centres), "own_knots": _knots(apart)}


def _reference_knots(arrays: Arrays, columns: Floats) -> dict[str, Floats]:
    """The quantiles of each step's numbers over the reference prompts, in the file's own bytes."""
    points, centres = Space(arrays)(columns), _table(arrays, "centres")
    squares = (centres**2).sum(axis=1)
    needs, weights = (np.asarray(arrays[name], np.float32) for name in ("needs", "weights"))
    neighbours = int(arrays["neighbours"])
    far: list[Floats] = []
    near_need: list[Floats] = []
    for start in range(0, len(points), _STEP):
        squared = squared_distances(points[start : start + _STEP], centres, squares)
        far.append(np.sqrt(squared.min(axis=1)))
        near_need.append(near_needs(squared, needs, weights, neighbours))
    distance, need = np.concatenate(far), np.concatenate(near_need)
    score = columns.astype(np.float32) @ np.asarray(arrays["direction"], np.float32)
    knots = {"distance": _knots(distance), "need": _knots(need), "score": _knots(score)}
    apart = np.abs(rank(knots["score"], score) - rank(knots["need"], need))
    knots["disagreement"] = _knots(apart)
    near = 1 - rank(knots["distance"], distance)
    agree = 1 - rank(knots["disagreement"], apart)
    knots["known"] = _knots(combined(near, agree))
    return {f"{name}_knots": values for name, values in knots.items()}


def _nearest(points: Floats, centres: Floats) -> Floats:
    squares = (centres**2).sum(axis=1)
    return np.asarray(np.sqrt(squared_distances(points, centres, squares).min(axis=1)))


def _table(arrays: Arrays, name: str) -> Floats:
    scale = np.asarray(arrays[f"{name}_scale"], np.float32)
    return np.asarray(arrays[name], np.float32) * scale


def _knots(values: Floats | Doubles) -> Floats:
    return np.quantile(values, np.linspace(0, 1, _KNOTS)).astype(np.float32)
