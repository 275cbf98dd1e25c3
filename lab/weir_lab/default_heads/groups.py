"""The weak and the strong models of each source, and the labels that routers learn there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles
from weir_lab.default_heads.data import Outcomes
from weir_lab.metrics import Ranked, apgr, decile_curve

_LEAST_MEAN = 0.35  # models with a lower mean fail regardless of the prompt
_LEAST_COVER = 0.95  # of the source's prompts


@dataclass(frozen=True, slots=True)
class Labels:
    """What happened on each prompt that weak and strong models of its source both answered."""

    rows: NDArray[np.intp]  # of the outcomes
    weak: Doubles  # mean outcome of the weak models, [0,1]
    strong: Doubles
    target: Doubles  # what `linear` learns
    wins: Doubles  # share of (strong, weak) pairs where the strong one's answer is better
    one_weak: Doubles  # one weak model's outcome, drawn at random: for certificates
    one_strong: Doubles


def label(outcomes: Outcomes, seed: int) -> Labels:
    """Labels of every source; prompts whose weak or strong models are unknown are left out."""
    random = np.random.default_rng(seed)
    parts = [
        _label_source(outcomes, np.flatnonzero(outcomes.source == source), random)
        for source in sorted(set(outcomes.source.tolist()))
    ]
    return Labels(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in Labels.__dataclass_fields__
        }
    )


def balanced(source: NDArray[np.str_]) -> Doubles:
    """Weights with which every source counts as much as any other; their mean is 1."""
    names, place, counts = np.unique(source, return_inverse=True, return_counts=True)
    weights = len(source) / (len(names) * counts.astype(np.float64))
    return np.asarray(weights[place], dtype=np.float64)


def recovered(
    scores: NDArray[np.floating], weak: NDArray[np.floating], strong: NDArray[np.floating]
) -> float:
    """RouteLLM's APGR of `scores`: .5 is a coin."""
    columns = (np.asarray(values, dtype=np.float64) for values in (scores, weak, strong))
    return apgr(decile_curve(Ranked.of(*columns)))


def _label_source(
    outcomes: Outcomes, rows: NDArray[np.intp], random: np.random.Generator
) -> Labels:
    scores = outcomes.scores[rows].astype(np.float64)
    weak_models, strong_models = _split(scores)
    whole = np.isfinite(scores[:, [*weak_models, *strong_models]]).all(axis=1)
    rows, scores = rows[whole], scores[whole]
    weak, strong = scores[:, weak_models], scores[:, strong_models]
    pick = np.arange(len(rows))
    weak_mean, strong_mean = weak.mean(axis=1), strong.mean(axis=1)
    return Labels(
        rows=rows,
        weak=weak_mean,
        strong=strong_mean,
        target=_standard(1 - weak_mean) + _standard(strong_mean - weak_mean),
        wins=(strong[:, :, None] > weak[:, None, :]).mean(axis=(1, 2)),
        one_weak=weak[pick, random.integers(weak.shape[1], size=len(rows))],
        one_strong=strong[pick, random.integers(strong.shape[1], size=len(rows))],
    )


def _split(scores: Doubles) -> tuple[list[int], list[int]]:
    """The weakest and the strongest third of the models that answered nearly everything."""
    known = np.isfinite(scores)
    means = np.where(known, scores, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    eligible = (known.mean(axis=0) >= _LEAST_COVER) & (means >= _LEAST_MEAN)
    ranked = [int(model) for model in np.argsort(means, kind="stable") if eligible[model]]
    third = max(1, len(ranked) // 3)
    return ranked[:third], ranked[-third:]


def _standard(values: Doubles) -> Doubles:
    return (values - float(values.mean())) / max(float(values.std()), 1e-9)
