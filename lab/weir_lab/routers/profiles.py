"""A new model joins a bundle by its outcomes on probe prompts; nothing else is retrained.

In a bundle whose routers share a file of qualities, the model's row is fitted: where the probes
say nothing of a kind of prompt, the row follows what other models are like. In an older bundle a
slope and a level along the difficulty that its profiles agree on are fitted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Arrays, Doubles
from weir_lab.errors import LabError, TooFew
from weir_lab.metrics import brier
from weir_lab.routers.qualities import doubt, facts_of, join, population_of, predicted
from weir_lab.routers.regression import platt
from weir_lab.routers.task import Columns

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


def fit_profile(columns: Columns, outcomes: Doubles, seed: int = 0) -> Profile:
    """Fit outcomes in [0, 1], one a row of `columns`. Raises TooFew, NoProfiles."""
    if len(outcomes) < LEAST:
        raise TooFew(f"{len(outcomes)} probe prompts; a profile takes {LEAST}, better 300")
    shared = _difficulty(columns)
    along = columns.rows @ shared
    slope, intercept = platt(along, outcomes)
    held_out, constant = _held_out(along, outcomes, seed)
    return Profile(
        weights=(slope * shared).astype(np.float32),
        bias=intercept,
        probes=len(outcomes),
        mean=float(outcomes.mean()),
        brier=brier(held_out, outcomes),
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


def _difficulty(columns: Columns) -> Doubles:
    known = columns.head["quality_weights"].astype(np.float64)
    if not known.size:
        raise NoProfiles(f"router {columns.router!r} predicts no qualities")
    shared: Doubles = known.mean(axis=1)
    return shared


def _held_out(along: Doubles, outcomes: Doubles, seed: int) -> tuple[Doubles, Doubles]:
    """Each probe predicted from the other folds: by its difficulty, and by their mean."""
    fold = np.random.default_rng(seed).permutation(len(along)) % _FOLDS
    predicted, constant = np.empty(len(along)), np.empty(len(along))
    for k in range(_FOLDS):
        mine = fold == k
        slope, intercept = platt(along[~mine], outcomes[~mine])
        predicted[mine] = 1 / (1 + np.exp(-(slope * along[mine] + intercept)))
        constant[mine] = outcomes[~mine].mean()
    return predicted, constant


@dataclass(frozen=True, slots=True)
class Joined:
    """A model's row, and how well rows fitted to four fifths of the probes do on the rest."""

    row: NDArray[np.float32]
    doubt: float  # standard error of its predictions, in log-odds
    probes: int
    mean: float
    brier: float
    brier_constant: float


def fit_joining(columns: Columns, arrays: Arrays, outcomes: Doubles, seed: int = 0) -> Joined:
    """Fit outcomes in [0, 1], one a row of `columns`. Raises TooFew, NoProfiles."""
    if len(outcomes) < LEAST:
        raise TooFew(f"{len(outcomes)} probe prompts; a profile takes {LEAST}, better 300")
    if "population_mean" not in arrays:
        raise NoProfiles("the bundle does not say what models are like: build it again")
    raw = columns.rows * columns.head["scale"] + columns.head["mean"]
    facts, population = facts_of(arrays, raw.astype(np.float32)), population_of(arrays)
    fold = np.random.default_rng(seed).permutation(len(outcomes)) % _FOLDS
    held_out, constant = np.empty(len(outcomes)), np.empty(len(outcomes))
    for k in range(_FOLDS):
        mine = fold == k
        held_out[mine] = predicted(facts[mine], join(facts[~mine], outcomes[~mine], population))
        constant[mine] = outcomes[~mine].mean()
    return Joined(
        row=join(facts, outcomes, population).astype(np.float32),
        doubt=doubt(facts, outcomes, population),
        probes=len(outcomes),
        mean=float(outcomes.mean()),
        brier=brier(held_out, outcomes),
        brier_constant=brier(constant, outcomes),
    )
