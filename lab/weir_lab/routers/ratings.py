"""Bradley-Terry ratings of models from battles, and tiers of them. Pure numpy."""

import numpy as np

from weir_lab.arrays import Doubles, Integers
from weir_lab.routers.task import Battles

_STEPS = 30
_PULL = 0.1  # to 0, for models that met few others
_LEAST = 20  # battles of a model that has a tier of its own


def ratings(first: Integers, second: Integers, wins: Doubles, models: int) -> Doubles:
    """One a model, in logits, from battles in columns; `wins` is 1, 0 or .5 for a tie.

    P(first wins) = sigmoid(difference). By Newton's method.
    """
    pairs = first * models + second
    total = np.bincount(pairs, minlength=models**2).reshape(models, models).astype(np.float64)
    won = np.bincount(pairs, wins, models**2).reshape(models, models)
    rated: Doubles = np.zeros(models)
    for _ in range(_STEPS):
        expected: Doubles = 1 / (1 + np.exp(-(rated[:, None] - rated[None, :])))
        surplus: Doubles = won - total * expected
        curve = total * expected * (1 - expected)
        slope = surplus.sum(axis=1) - surplus.sum(axis=0) - _PULL * rated
        both = curve + curve.T
        bend: Doubles = np.diag(both.sum(axis=1) + _PULL) - both
        step = np.asarray(np.linalg.solve(bend, slope), dtype=np.float64)
        rated = rated + np.clip(step, -2, 2)
    return rated


def tiers(battles: Battles, models: int, count: int) -> Integers:
    """Each model's tier, 0 the weakest: models in order of rating, as many battles in each."""
    rated = _rated(battles, models)
    fought = _fought(battles, models)
    order = np.argsort(rated, kind="stable")
    before = np.cumsum(fought[order]) - fought[order] / 2
    place = np.minimum((before / max(fought.sum(), 1) * count).astype(np.intp), count - 1)
    found = np.empty(models, dtype=np.intp)
    found[order] = place
    return found


def tiers_apart(battles: Battles, models: int) -> tuple[Integers, Integers]:
    """The strongest and the weakest third of the models that fought often enough."""
    often = np.flatnonzero(_fought(battles, models) >= _LEAST)
    ranked = often[np.argsort(_rated(battles, models)[often], kind="stable")]
    third = max(1, len(ranked) // 3)
    return ranked[-third:], ranked[:third]


def _rated(battles: Battles, models: int) -> Doubles:
    return ratings(battles.first, battles.second, battles.wins, models)


def _fought(battles: Battles, models: int) -> Doubles:
    both = np.concatenate([battles.first, battles.second])
    return np.bincount(both, minlength=models).astype(np.float64)
