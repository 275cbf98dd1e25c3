"""Regression on what is near: Gaussian kernels, their strength found in the labels themselves.

Pure numpy, and deterministic. Must not know prompts, files or bundles.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from weir_lab.metrics.ranked import Floats

# Noise over signal, the prior's weight beside the neighbours', and how near is near: every
# combination is tried, and the labels' own evidence (their marginal likelihood) decides.
NOISES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 3000.0)
PRIORS = (0.0, 0.1, 1.0, 10.0)
WIDTHS = (0.3, 1.0, 3.0)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Fit:
    """A prediction is `slope` times the prior plus the duals' pull, up to a constant."""

    duals: Floats
    slope: float
    width: float
    noise: float
    mean: float  # of the labels
    left_out: Floats  # each label predicted from all the others (exact)


def squared_distances(one: Floats, other: Floats) -> Floats:
    """Between every row of `one` and every row of `other`; never below 0."""
    found: Floats = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * (one @ other.T)
    return np.maximum(found, 0.0, out=found)


def fit(rows: Floats, prior: Floats, labels: Floats) -> Fit:
    """Fit labels on rows whose squared distances are of the order of 2, and on a prior.

    `prior` has mean 0 and deviation 1 over the rows. Takes the cube of the number of rows.
    """
    target = labels - labels.mean()
    distances = squared_distances(rows, rows)
    best = min(_tried(distances, prior, target), key=lambda tried: tried[0])
    _, width, weight, noise = best
    values, vectors, projected = _decompose(distances, prior, target, width, weight)
    damped = values + noise
    duals = vectors @ (projected / damped)
    leverage = (vectors**2) @ (1 / damped)
    return Fit(
        duals=duals,
        slope=float(weight * (prior @ duals)),
        width=width,
        noise=noise,
        mean=float(labels.mean()),
        left_out=labels - duals / np.maximum(leverage, _TINY),
    )


def _tried(
    distances: Floats, prior: Floats, target: Floats
) -> Iterator[tuple[float, float, float, float]]:
    count = len(target)
    for width in WIDTHS:
        for weight in PRIORS:
            values, vectors, projected = _decompose(distances, prior, target, width, weight)
            along = prior @ vectors
            for noise in NOISES:
                damped = values + noise
                if weight and float((along * projected / damped).sum()) < 0:
                    continue  # labels may mute the prior, never turn it round
                scale = float((projected**2 / damped).mean())
                surprise = count * np.log(scale + _TINY) + np.log(damped).sum()
                yield float(surprise), width, weight, noise


def _decompose(
    distances: Floats, prior: Floats, target: Floats, width: float, weight: float
) -> tuple[Floats, Floats, Floats]:
    """Eigenvalues and vectors of the centred kernel, and the target along them."""
    kernel = np.exp(-width * distances / 2) + weight * np.outer(prior, prior)
    kernel -= kernel.mean(axis=0)
    kernel -= kernel.mean(axis=1)[:, None]
    values, vectors = np.linalg.eigh(kernel)
    return np.maximum(values, 0.0), vectors, vectors.T @ target
