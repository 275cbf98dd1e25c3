"""Whether a score means what it says: Brier's score and the expected calibration error.

Reported, never gated on: a threshold needs the order of the scores only.
"""

import numpy as np

from weir_lab.arrays import Doubles

BINS = 10


def brier(predicted: Doubles, happened: Doubles, weights: Doubles | None = None) -> float:
    """The mean squared difference; 0 is perfect, .25 is a coin that says one half."""
    return float(np.average((predicted - happened) ** 2, weights=weights))


def expected_calibration_error(
    predicted: Doubles, happened: Doubles, weights: Doubles | None = None
) -> float:
    """The mean gap between prediction and frequency over ten bins of equal width in [0, 1]."""
    counts = np.ones(len(predicted)) if weights is None else weights
    bins = np.clip((predicted * BINS).astype(np.intp), 0, BINS - 1)
    gaps = np.bincount(bins, weights=counts * (predicted - happened), minlength=BINS)
    return float(np.abs(gaps).sum() / counts.sum())
