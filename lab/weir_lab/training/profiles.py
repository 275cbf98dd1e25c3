"""A new model joins a bundle by its outcomes on some probe prompts; nothing else is retrained.

What is fitted is how the model's outcomes follow the difficulty that the bundle's other profiles
agree on: a slope and a level, two numbers, so that some hundred probes are enough.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.errors import LabError, TooFew
from weir_lab.metrics import brier
from weir_lab.metrics.ranked import Floats
from weir_lab.training.columns import Columns
from weir_lab.training.platt import platt

LEAST = 50  # probes
_FOLDS = 5


class NoProfiles(LabError):
    """The bundle predicts no qualities: there is no difficulty to place a model on."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A model's quality head: sigmoid(row . weights + bias), and how well it fits held-out probes.

    `brier` and `brier_constant` (predicting the mean) are from five folds of the probes.
    """

    weights: NDArray[np.float32]
    bias: float
    probes: int
    mean: float
    brier: float
    brier_constant: float


def fit_profile(columns: Columns, outcomes: Floats, seed: int = 0) -> Profile:
    """Fit outcomes in [0, 1], one a row of `columns`. Raises TooFew, NoProfiles."""
    if len(outcomes) < LEAST:
        raise TooFew(f"{len(outcomes)} probe prompts; a profile takes {LEAST}, better 300")
    shared = _difficulty(columns)
    along = columns.rows @ shared
    slope, intercept = platt(along, outcomes)
    held, constant = _held_out(along, outcomes, seed)
    return Profile(
        weights=(slope * shared).astype(np.float32),
        bias=intercept,
        probes=len(outcomes),
        mean=float(outcomes.mean()),
        brier=brier(held, outcomes),
        brier_constant=brier(constant, outcomes),
    )


def with_profile(
    head: dict[str, NDArray[np.float32]], profile: Profile, column: int
) -> dict[str, NDArray[np.float32]]:
    """A head whose qualities have the profile at `column`: in place of one, or after the last."""
    weights, bias = head["quality_weights"], head["quality_bias"]
    if column == len(bias):
        weights = np.concatenate([weights, np.zeros((len(weights), 1), np.float32)], axis=1)
        bias = np.append(bias, np.float32(0))
    weights, bias = weights.copy(), bias.copy()
    weights[:, column] = profile.weights
    bias[column] = profile.bias
    return {**head, "quality_weights": weights, "quality_bias": bias.astype(np.float32)}


def _difficulty(columns: Columns) -> Floats:
    known = columns.head["quality_weights"].astype(np.float64)
    if not known.size:
        raise NoProfiles(f"router {columns.router!r} predicts no qualities")
    shared: Floats = known.mean(axis=1)
    return shared


def _held_out(along: Floats, outcomes: Floats, seed: int) -> tuple[Floats, Floats]:
    """Each probe predicted from the other folds: by its difficulty, and by their mean."""
    fold = np.random.default_rng(seed).permutation(len(along)) % _FOLDS
    predicted, constant = np.empty(len(along)), np.empty(len(along))
    for k in range(_FOLDS):
        mine = fold == k
        slope, intercept = platt(along[~mine], outcomes[~mine])
        predicted[mine] = 1 / (1 + np.exp(-(slope * along[mine] + intercept)))
        constant[mine] = outcomes[~mine].mean()
    return predicted, constant
