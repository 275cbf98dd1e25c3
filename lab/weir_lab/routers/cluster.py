"""Trains the `cluster` router: kinds of prompts, each with how much its prompts needed."""

import numpy as np

from weir_lab.arrays import Arrays, Doubles, Floats
from weir_lab.routers.space import fit_space, kmeans, to_bytes
from weir_lab.routers.task import Task
from weir_scorer.engine.routers import Clusters

CLUSTERS = 64
RANK = 64
_NEAR = 4.0  # sharpness: a centre as far again as the nearest one counts e^-4 of it
_PRIOR = 20.0  # prompts' worth of the overall mean that every cluster starts from


def fit_cluster(task: Task) -> Arrays:
    """A head whose logit is the clusters' mean need, by membership."""
    known = task.labelled
    columns, weights = task.columns[known], task.weights[known]
    clusters = fit_clusters(columns, weights, task.widths, CLUSTERS, task.seed)
    shares = Clusters(clusters)(columns).astype(np.float64) * weights[:, None]
    overall = float(weights @ task.need[known] / weights.sum())
    heavy = shares.sum(axis=0) + _PRIOR
    needs = (shares.T @ task.need[known] + _PRIOR * overall) / heavy
    return {**clusters, "needs": needs.astype(np.float32)}


def cluster_with_curve(arrays: Arrays, slope: float, bias: float) -> Arrays:
    """The head whose logit is slope times its own plus bias: memberships sum to one."""
    return {**arrays, "needs": (slope * arrays["needs"].astype(np.float64) + bias).astype("f4")}


def fit_clusters(
    columns: Floats, weights: Doubles, widths: tuple[int, ...], count: int, seed: int
) -> Arrays:
    """The arrays of `Clusters`: a space, centres, and how fast memberships fade."""
    space = fit_space(columns, weights, widths, RANK)
    rows = space(columns)
    centres, owner = kmeans(rows, weights, count, seed)
    own = ((rows - centres[owner]) ** 2).sum(axis=1)
    typical = float(weights @ own / weights.sum())
    return {
        **space.arrays(),
        **to_bytes("centres", centres),
        "sharpness": np.array(_NEAR / max(typical, 1e-9), np.float32),
    }
