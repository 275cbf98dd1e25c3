"""Routers by nearness, `knn` and `cluster`, from labels alone, beside the linear one.

The same split, curve and promises as that one's. Must not know files.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.metrics import Ranked, apgr, decile_curve
from weir_lab.metrics.ranked import Floats
from weir_lab.routers.cluster import cluster_with_curve, fit_cluster
from weir_lab.routers.knn import fit_knn, knn_with_curve
from weir_lab.routers.task import Battles, Task
from weir_lab.training.needs import Needs
from weir_lab.training.platt import platt
from weir_lab.training.scratch import PROMISES, is_held_out, promise
from weir_scorer.engine.ports import RetentionThreshold
from weir_scorer.engine.routers import ROUTERS

NEAR = {"knn": (fit_knn, knn_with_curve), "cluster": (fit_cluster, cluster_with_curve)}
_EDGE = 1e-6
_SOME = 1e-9
_PART = 256  # rows scored at a time


@dataclass(frozen=True, slots=True)
class Near:
    """A head's arrays, and what the held-out labels say of it."""

    arrays: Mapping[str, NDArray[np.generic]]
    scores: Floats  # of every prompt
    apgr: float
    retention: tuple[RetentionThreshold, ...]


def train_near(
    kind: str,
    raw: NDArray[np.float32],
    widths: tuple[int, ...],
    prompts: tuple[str, ...],
    needs: Needs,
    seed: int = 0,
) -> Near:
    """Fit one of NEAR on what `train_scratch` trains its ridge on."""
    place = {prompt: row for row, prompt in enumerate(prompts)}
    rows = np.array([place[prompt] for prompt in needs.prompts])
    held = np.array([is_held_out(prompt, seed) for prompt in prompts])
    test = held[rows]
    counts = np.bincount(rows, minlength=len(prompts))
    totals = np.bincount(rows, needs.target, len(prompts))
    need = np.where((counts > 0) & ~held, totals / np.maximum(counts, 1), np.nan)
    fit, with_curve = NEAR[kind]
    arrays = fit(Task(raw, widths, need, np.ones(len(prompts)), _no_battles(), 0, seed))
    logits = _logits(_scores(kind, arrays, raw))
    happened = (needs.strong > needs.weak).astype(np.float64)[test]
    slope, intercept = platt(logits[rows[test]], happened)
    served = with_curve(arrays, max(slope, _SOME), intercept)
    scores = _scores(kind, served, raw)
    seen, weak, strong = scores[rows[test]], needs.weak[test], needs.strong[test]
    return Near(
        arrays=served,
        scores=scores,
        apgr=apgr(decile_curve(Ranked.of(seen, weak, strong))),
        retention=tuple(promise(seen, weak, strong, *asked) for asked in PROMISES),
    )


def _scores(
    kind: str, arrays: Mapping[str, NDArray[np.generic]], raw: NDArray[np.float32]
) -> Floats:
    """By the very code that serves."""
    head = ROUTERS[kind](arrays)
    parts = [head.scores(raw[at : at + _PART]) for at in range(0, len(raw), _PART)]
    return np.concatenate(parts).astype(np.float64)


def _logits(scores: Floats) -> Floats:
    safe = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.log(safe / (1 - safe))


def _no_battles() -> Battles:
    nothing = np.zeros(0, np.intp)
    return Battles(nothing, nothing, nothing, np.zeros(0), np.zeros(0, np.bool_), nothing)
