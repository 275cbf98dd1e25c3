"""Trains the `ensemble` router: its members' scores, each with deviation 1, summed."""

import numpy as np

from weir_lab.arrays import Arrays, Doubles

_TINY = 1e-9


def fit_ensemble(scores: Doubles, weights: Doubles) -> Arrays:
    """A head over members whose scores of the training prompts are the columns of `scores`.

    Equal deviations rather than fitted weights: fitted ones follow the sources trained on.
    """
    shares = weights / weights.sum()
    mean = shares @ scores
    spread = np.maximum(np.sqrt(shares @ (scores - mean) ** 2), _TINY)
    return {
        "weights": (1 / spread).astype(np.float32),
        "bias": np.array(-(mean / spread).sum(), np.float32),
    }


def ensemble_with_curve(arrays: Arrays, slope: float, bias: float) -> Arrays:
    """The head whose logit is slope times its own plus bias."""
    own = float(arrays["bias"].astype(np.float64))
    return {
        "weights": (slope * arrays["weights"].astype(np.float64)).astype(np.float32),
        "bias": np.array(slope * own + bias, np.float32),
    }
