"""Trains the `knn` router: prompts condensed to prototypes, each with its prompts' mean need."""

import numpy as np

from weir_lab.arrays import Arrays
from weir_lab.routers.space import fit_space, kmeans, means, to_bytes
from weir_lab.routers.task import Task

PROTOTYPES = 2048  # at most: what bounds the head's memory, 64 bytes each
RANK = 64
NEIGHBOURS = 64  # prototypes


def fit_knn(task: Task) -> Arrays:
    """A head whose logit is the neighbours' mean need."""
    known = task.labelled
    columns, weights = task.columns[known], task.weights[known]
    space = fit_space(columns, weights, task.widths, RANK)
    prototypes, owner = kmeans(space(columns), weights, PROTOTYPES, task.seed)
    count = len(prototypes)
    return {
        **space.arrays(),
        **to_bytes("prototypes", prototypes),
        "needs": means(task.need[known], weights, owner, count).astype(np.float16),
        "weights": np.maximum(np.bincount(owner, weights, count), 1e-3).astype(np.float16),
        "neighbours": np.array(min(NEIGHBOURS, count), np.float32),
    }


def knn_with_curve(arrays: Arrays, slope: float, bias: float) -> Arrays:
    """The head whose logit is slope times its own plus bias."""
    return {**arrays, "needs": (slope * arrays["needs"].astype(np.float32) + bias).astype("f2")}
