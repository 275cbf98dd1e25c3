"""Fits the `length` and `linear` heads and the qualities, as arrays in the bundle's format.

Everything is fitted on the train split, except for the logistic curve that turns `linear`'s number
into a probability, and the certificates: those are fitted on dev.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Arrays, Doubles, Flags, Floats
from weir_lab.default_heads.data import Outcomes as RecordedOutcomes
from weir_lab.default_heads.groups import Labels, balanced, recovered
from weir_lab.default_heads.profiles import Measured
from weir_lab.default_heads.sense import SenseColumns
from weir_lab.metrics import brier, expected_calibration_error
from weir_lab.routers.qualities import fit_qualities, with_models
from weir_lab.routers.regression import Standard, platt, sigmoid
from weir_lab.routers.sense import Outcomes, Pairs, Part, fit_gate, fit_outcomes, fit_sense
from weir_scorer.engine.routers import Qualities
from weir_scorer.engine.routers.linear import FARTHEST

KNOTS = 1001
LENGTH = 0  # the cheap blocks stand first, and each begins with the characters


@dataclass(frozen=True, slots=True)
class Trained:
    """A head's arrays and what held-out prompts say of it."""

    arrays: Mapping[str, Floats]
    report: Mapping[str, float]


def train_length(lengths: Floats) -> Mapping[str, Floats]:
    """Quantiles of the reference prompts' lengths."""
    knots = np.quantile(lengths[:, 0], np.linspace(0, 1, KNOTS))
    return {"knots": knots.astype(np.float32)}


@dataclass(frozen=True, slots=True)
class Directions:
    """Numbers that grow with the need for a strong model, and the gate; no probability yet."""

    standard: Standard
    outcomes: Part
    sense: Part
    gate: Part

    def __call__(self, columns: Floats) -> Doubles:
        x = standardised(self.standard, columns)
        share = sigmoid(self.gate(x))
        return (1 - share) * self.outcomes(x) + share * self.sense(x)

    def arrays(self, slope: float = 1.0, intercept: float = 0.0) -> dict[str, Floats]:
        """A head whose logit is slope times the number plus intercept."""
        known, sense = (part.times(slope, intercept) for part in (self.outcomes, self.sense))
        width = len(known.weights)
        return {
            "mean": as_floats(self.standard.mean),
            "scale": as_floats(self.standard.scale),
            "weights": as_floats(known.weights),
            "bias": as_floats(np.array(known.bias)),
            "sense_weights": as_floats(sense.weights),
            "sense_bias": as_floats(np.array(sense.bias)),
            "gate_weights": as_floats(self.gate.weights),
            "gate_bias": as_floats(np.array(self.gate.bias)),
            "quality_weights": np.zeros((width, 0), np.float32),
            "quality_bias": np.zeros(0, np.float32),
        }


def directions(
    columns: Floats, labels: Labels, source: NDArray[np.str_], pairs: SenseColumns, battles: Arrays
) -> Directions:
    """The parts of `linear`; `columns` and `source` have a row per label, `battles` is `mf`'s."""
    weights = balanced(source)
    standard = Standard.of(columns, weights)
    outcomes = Outcomes(standardised(standard, columns), labels.target, weights)
    x = standardised(standard, pairs.rows)
    written = Pairs(x[::2], x[1::2], pairs.pairs.weights)
    return Directions(
        standard,
        fit_outcomes(outcomes, LENGTH, _direction_of(battles) * standard.scale),
        fit_sense(outcomes, written, LENGTH),
        fit_gate(outcomes, written),
    )


def standardised(standard: Standard, columns: Floats) -> Doubles:
    """Columns as a `linear` head with a gate reads them."""
    return np.clip(standard(columns), -FARTHEST, FARTHEST)


def _direction_of(battles: Arrays) -> Doubles:
    """Weights of the columns: an `mf` head is linear in them once its two tiers are fixed."""
    project, output, strong, weak = (
        battles[name].astype(np.float64) for name in ("project", "output", "strong", "weak")
    )
    return np.asarray(project @ (output * (strong - weak)), dtype=np.float64)


def select(labels: Labels, which: Flags) -> Labels:
    """Some of the labels."""
    return Labels(**{name: getattr(labels, name)[which] for name in Labels.__dataclass_fields__})


def train_linear(
    columns: Floats,
    outcomes: RecordedOutcomes,
    labels: Labels,
    pairs: SenseColumns,
    battles: Arrays,
) -> Trained:
    """The default router; `columns` has a row per prompt of `outcomes`, `battles` is `mf`'s."""
    train, source = outcomes.train[labels.rows], outcomes.source[labels.rows]
    rows = columns[labels.rows]
    fitted = directions(rows[train], select(labels, train), source[train], pairs, battles)
    dev, dev_weights = fitted(rows[~train]), balanced(source[~train])
    slope, intercept = platt(dev, labels.wins[~train], dev_weights, pull=0.0)
    predicted = sigmoid(slope * dev + intercept)
    return Trained(
        fitted.arrays(slope, intercept),
        {
            "slope": slope,
            "dev_apgr": _familiar_apgr(dev, select(labels, ~train), source[~train]),
            "dev_brier": brier(predicted, labels.wins[~train]),
            "dev_ece": expected_calibration_error(predicted, labels.wins[~train]),
        },
    )


def _familiar_apgr(scores: Doubles, labels: Labels, source: NDArray[np.str_]) -> float:
    """Mean over sources, on held-out prompts of sources that were trained on."""
    parts = [source == name for name in sorted(set(source.tolist()))]
    return float(
        np.mean([recovered(scores[part], labels.weak[part], labels.strong[part]) for part in parts])
    )


def as_floats(array: Doubles) -> Floats:
    """What a head file holds."""
    return np.asarray(array, dtype=np.float32)


def train_qualities(
    columns: Floats,
    widths: tuple[int, ...],
    outcomes: RecordedOutcomes,
    measured: Measured,
    seed: int,
) -> tuple[Arrays, Mapping[str, float]]:
    """The head file, and Brier score and calibration error on held-out prompts."""
    train, profiles = outcomes.train, measured.scores
    every = np.concatenate([profiles, measured.others], axis=1)
    fought = np.asarray(np.isfinite(every[train]).any(axis=0), dtype=np.bool_)
    fought = np.concatenate([np.ones(profiles.shape[1], np.bool_), fought[profiles.shape[1] :]])
    weights = balanced(outcomes.source[train])
    arrays, population = fit_qualities(
        columns[train], widths, every[train][:, fought], weights, seed
    )
    rows = arrays["models"][: profiles.shape[1]].astype(np.float64)
    served = with_models(arrays, rows, population)
    predicted = Qualities(served).quality(columns).astype(np.float64)
    unseen = np.isfinite(profiles) & ~train[:, None]
    seen = profiles[unseen].astype(np.float64)
    means = _means(profiles, np.isfinite(profiles) & train[:, None])
    constant = np.broadcast_to(means, profiles.shape)[unseen]
    return served, {
        "quality_brier": brier(predicted[unseen], seen),
        "quality_brier_constant": brier(constant, seen),
        "quality_ece": expected_calibration_error(predicted[unseen], seen),
    }


def _means(profiles: Floats, which: Flags) -> Doubles:
    """Each profile's mean over `which`."""
    total = np.where(which, profiles, 0).sum(axis=0, dtype=np.float64)
    return np.asarray(total / which.sum(axis=0), dtype=np.float64)
