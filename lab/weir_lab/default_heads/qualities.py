"""The profiled models' qualities, from all models' outcomes, and how good they are held out."""

from collections.abc import Mapping

import numpy as np

from weir_lab.arrays import Arrays, Doubles, Flags, Floats
from weir_lab.default_heads.data import Outcomes
from weir_lab.default_heads.groups import balanced
from weir_lab.default_heads.profiles import Measured
from weir_lab.metrics import brier, expected_calibration_error
from weir_lab.routers.qualities import fit_qualities, with_models
from weir_scorer.engine.routers import Qualities


def train_qualities(
    columns: Floats, widths: tuple[int, ...], outcomes: Outcomes, measured: Measured, seed: int
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
