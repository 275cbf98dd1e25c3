"""The heads themselves: what is fitted to what, as arrays ready for the bundle's format.

Knows no files. Everything is fitted on the train split; the logistic curve that turns `linear`'s
number into a probability, and the certificates, on dev.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.default_heads.data import Outcomes
from weir_lab.default_heads.groups import Labels, balanced, recovered
from weir_lab.default_heads.profiles import Measured
from weir_lab.metrics import brier, expected_calibration_error
from weir_lab.routers.fit import Doubles, Standard, logistic_line, rasch, ridge, sigmoid
from weir_scorer.features import lexical

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

ALPHA = 1e4  # of the ridge, on standardised columns: strong, for sources to come differ
QUALITY_ALPHA = 1e3  # of the ridge on difficulty
KNOTS = 1001
LENGTH = lexical.NAMES.index("characters")  # the lexical block's columns stand first


@dataclass(frozen=True, slots=True)
class Trained:
    """A head's arrays and what held-out prompts say of it."""

    arrays: Mapping[str, Floats]
    report: Mapping[str, float]


def train_length(lengths: Floats) -> Mapping[str, Floats]:
    """Quantiles of the reference prompts' lengths."""
    knots = np.quantile(lengths[:, 0], np.linspace(0, 1, KNOTS))
    return {"knots": knots.astype(np.float32)}


def direction(columns: Floats, labels: Labels, source: NDArray[np.str_]) -> "Direction":
    """A ridge on the labels' target, and length; `columns` and `source` have a row per label."""
    weights = balanced(source)
    standard = Standard.of(columns, weights)
    x = standard(columns)
    learnt = ridge(x, labels.target, weights, ALPHA)
    # What a ridge learns is half of which source a prompt is from; length holds across sources.
    # Both, each with deviation 1, do better on sources left out than either.
    learnt = learnt / max(float((x @ learnt).std()), 1e-9)
    learnt[LENGTH] += 1
    return Direction(standard, learnt)


@dataclass(frozen=True, slots=True)
class Direction:
    """A number per prompt that grows with the need for a strong model; no probability yet."""

    standard: Standard
    weights: Doubles

    def __call__(self, columns: Floats) -> Doubles:
        return self.standard(columns) @ self.weights


def leave_one_source_out(
    columns: Floats, labels: Labels, source: NDArray[np.str_]
) -> Mapping[str, float]:
    """APGR on each source of a direction trained on the others."""
    found: dict[str, float] = {}
    for name in sorted(set(source.tolist())):
        held = source == name
        fitted = direction(columns[~held], select(labels, ~held), source[~held])
        found[name] = recovered(fitted(columns[held]), labels.weak[held], labels.strong[held])
    return found


def select(labels: Labels, which: Flags) -> Labels:
    """Some of the labels."""
    return Labels(**{name: getattr(labels, name)[which] for name in Labels.__dataclass_fields__})


def train_linear(
    columns: Floats, outcomes: Outcomes, labels: Labels, measured: Measured
) -> Trained:
    """The default router; `columns` and `measured` have a row per prompt of `outcomes`."""
    train, source = outcomes.train[labels.rows], outcomes.source[labels.rows]
    rows = columns[labels.rows]
    fitted = direction(rows[train], select(labels, train), source[train])
    dev, dev_weights = fitted(rows[~train]), balanced(source[~train])
    slope, intercept = logistic_line(dev, labels.wins[~train], dev_weights)
    quality = _train_quality(columns, outcomes.train, measured, fitted.standard)
    predicted = sigmoid(slope * dev + intercept)
    return Trained(
        {
            "mean": as_floats(fitted.standard.mean),
            "scale": as_floats(fitted.standard.scale),
            "weights": as_floats(fitted.weights * slope),
            "bias": as_floats(np.array(intercept)),
            **quality.arrays,
        },
        {
            "slope": slope,
            "dev_apgr": _familiar_apgr(dev, select(labels, ~train), source[~train]),
            "dev_brier": brier(predicted, labels.wins[~train]),
            "dev_ece": expected_calibration_error(predicted, labels.wins[~train]),
            **quality.report,
        },
    )


def _familiar_apgr(scores: Doubles, labels: Labels, source: NDArray[np.str_]) -> float:
    """Mean over sources, on held-out prompts of sources that were trained on."""
    parts = [source == name for name in sorted(set(source.tolist()))]
    return float(
        np.mean([recovered(scores[part], labels.weak[part], labels.strong[part]) for part in parts])
    )


def _train_quality(
    columns: Floats, train: Flags, measured: Measured, standard: Standard
) -> Trained:
    """One difficulty for every prompt, one ability for every profile: Rasch, then a ridge."""
    profiles = measured.scores
    every = np.concatenate([profiles, measured.others], axis=1)
    learned = train & np.isfinite(every).any(axis=1)
    scale = rasch(every[learned])
    x = standard(columns)
    slopes = ridge(x[learned], scale.difficulty, np.ones(int(learned.sum())), QUALITY_ALPHA)
    centre = scale.difficulty.mean() - x[learned].mean(axis=0) @ slopes
    ability = scale.ability[: profiles.shape[1]]
    gap = ability - (x @ slopes + centre)[:, None]
    known = np.isfinite(profiles)
    fitted, held = known & train[:, None], known & ~train[:, None]
    slope, intercept = logistic_line(
        gap[fitted], profiles[fitted].astype(np.float64), np.ones(int(fitted.sum()))
    )
    predicted, seen = sigmoid(slope * gap + intercept), profiles[held].astype(np.float64)
    return Trained(
        {
            "quality_weights": as_floats(
                np.repeat(-slope * slopes[:, None], profiles.shape[1], axis=1)
            ),
            "quality_bias": as_floats(slope * (ability - centre) + intercept),
        },
        {
            "quality_brier": brier(predicted[held], seen),
            "quality_brier_constant": brier(_means(profiles, fitted)[held], seen),
            "quality_ece": expected_calibration_error(predicted[held], seen),
        },
    )


def _means(profiles: Floats, which: Flags) -> Doubles:
    """Each profile's mean over `which`, in every row."""
    total = np.where(which, profiles, 0).sum(axis=0, dtype=np.float64)
    return np.broadcast_to(total / which.sum(axis=0), profiles.shape)


def as_floats(array: Doubles) -> Floats:
    """What a head file holds."""
    return np.asarray(array, dtype=np.float32)
