"""Trains the `sw_ranking` router (RouteLLM, arXiv 2406.18665): chooses battles and tiers.

Nothing else is trained: the head fits the ranking for every prompt. A pool's models have tiers of
their own. With one order over all pools, the tiers in similar prompts' battles would depend on the
pool alone, and the ranking would predict the pool.
"""

import numpy as np

from weir_lab.arrays import Arrays, Integers
from weir_lab.routers.ratings import tiers
from weir_lab.routers.space import fit_space, to_bytes
from weir_lab.routers.task import Battles, Task

TIERS = 10
BATTLES = 6000  # stored at most, 64 bytes each: bounds the head's memory and time
RANK = 64
STRONG, WEAK = 8, 1  # tiers of the pair that the score is about


def fit_sw_ranking(task: Task) -> Arrays:
    """A head whose logit is the strong tier's rating less the weak one's."""
    space = fit_space(task.columns[task.labelled], task.weights[task.labelled], task.widths, RANK)
    first, second = _tiers(task.battles, task.models)
    random = np.random.default_rng(task.seed)
    chosen = np.sort(random.permutation(np.flatnonzero(first != second))[:BATTLES])
    battles = task.battles.only(chosen)
    rows = space(task.columns[battles.prompts])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return {
        **space.arrays(),
        **to_bytes("battles", rows.astype(np.float32)),
        "first": first[chosen].astype(np.uint8),
        "second": second[chosen].astype(np.uint8),
        "wins": battles.wins.astype(np.float16),
        "tiers": np.array(TIERS, np.float32),
        "strong": np.array([STRONG], np.uint8),
        "weak": np.array([WEAK], np.uint8),
        "slope": np.array(1, np.float32),
        "bias": np.array(0, np.float32),
    }


def _tiers(battles: Battles, models: int) -> tuple[Integers, Integers]:
    """Of every battle's two models, in its own pool."""
    first, second = np.zeros_like(battles.first), np.zeros_like(battles.second)
    for pool in np.unique(battles.pool):
        mine = np.flatnonzero(battles.pool == pool)
        tier = tiers(battles.only(mine), models, TIERS)
        first[mine], second[mine] = tier[battles.first[mine]], tier[battles.second[mine]]
    return first, second


def sw_ranking_with_curve(arrays: Arrays, slope: float, bias: float) -> Arrays:
    """The head whose logit is slope times its own plus bias."""
    return {**arrays, "slope": np.array(slope, "f4"), "bias": np.array(bias, "f4")}
