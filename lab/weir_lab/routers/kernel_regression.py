"""Gaussian-kernel regression, averaged over kernels by the labels' marginal likelihood.

Pure numpy, and deterministic.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from weir_lab.arrays import Doubles

# Noise over signal, the variance of the prior's weight, and the kernels' widths: every combination
# predicts, and counts by the labels' evidence (their marginal likelihood).
NOISES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 3000.0)
PRIORS = (0.0, 0.1, 1.0, 10.0)
WIDTHS = (0.3, 1.0, 3.0)
# The prior's weight before any label: labels' deviations per deviation of the prior. Twice as much
# does as well on the recorded sources; zero loses .04 of APGR on one of them at 100 labels.
WORTH = 0.05
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Fit:
    """A prediction is `slope` times the prior plus every width's pull, up to a constant.

    The pull of a width is its column of `duals` against exp(-width * squared distance / 2).
    """

    duals: Doubles  # [labels, widths]
    widths: tuple[float, ...]
    slope: float
    noise: float  # the combinations' geometric mean
    mean: float  # of the labels
    left_out: Doubles  # each label predicted from the others, by the same average

    def with_more_prior(self, extra: float, prior: Doubles) -> "Fit":
        """Add `extra` to the prior's slope; `prior` holds its values on the labels."""
        return replace(self, slope=self.slope + extra, left_out=self.left_out + extra * prior)

    def pull(self, distances: Doubles) -> Doubles:
        """The kernels' pull on rows, from their squared distances to the labels [rows, labels]."""
        total: Doubles = np.zeros(len(distances))
        for width, duals in zip(self.widths, self.duals.T, strict=True):
            total += np.exp(-width * distances / 2) @ duals
        return total


def squared_distances(one: Doubles, other: Doubles) -> Doubles:
    """Between every row of `one` and every row of `other`; never below 0."""
    found: Doubles = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * (one @ other.T)
    return np.maximum(found, 0.0, out=found)


def fit(rows: Doubles, prior: Doubles, labels: Doubles) -> Fit:
    """Fit labels on rows whose squared distances are of the order of 2, and on a prior.

    `prior` has mean 0 and deviation 1 over the rows. Takes the cube of the number of rows.
    """
    expected = WORTH * float(labels.std())
    target = labels - labels.mean() - expected * prior
    average = _Average(len(labels))
    for tried in _candidates(squared_distances(rows, rows), prior, target, expected):
        average.add(tried)
    return Fit(
        duals=average.duals / average.weight,
        widths=WIDTHS,
        slope=average.slope / average.weight,
        noise=math.exp(average.noise / average.weight),
        mean=float(labels.mean()),
        left_out=labels - average.residuals / average.weight,
    )


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One combination's share in the average."""

    evidence: float  # log likelihood of the labels, up to a constant
    width_index: int  # of its width
    noise: float
    slope: float
    duals: Doubles
    residuals: Doubles  # of each label, predicted from the others (exact)


class _Average:
    """Running sums weighted by likelihood: all decompositions together would not fit in memory."""

    def __init__(self, labels: int) -> None:
        self._best = -math.inf
        self.weight = 0.0
        self.slope = 0.0
        self.noise = 0.0
        self.duals: Doubles = np.zeros((labels, len(WIDTHS)))
        self.residuals: Doubles = np.zeros(labels)

    def add(self, tried: _Candidate) -> None:
        if tried.evidence > self._best:
            self._rescale(math.exp(self._best - tried.evidence))
            self._best = tried.evidence
        weight = math.exp(tried.evidence - self._best)
        self.weight += weight
        self.slope += weight * tried.slope
        self.noise += weight * math.log(tried.noise)
        self.duals[:, tried.width_index] += weight * tried.duals
        self.residuals += weight * tried.residuals

    def _rescale(self, factor: float) -> None:
        self.weight *= factor
        self.slope *= factor
        self.noise *= factor
        self.duals *= factor
        self.residuals *= factor


def _candidates(
    distances: Doubles, prior: Doubles, target: Doubles, expected: float
) -> Iterator[_Candidate]:
    for width_index, width in enumerate(WIDTHS):
        for weight in PRIORS:
            values, vectors, projected = _decompose(distances, prior, target, width, weight)
            along, squares = prior @ vectors, vectors**2
            for noise in NOISES:
                damped = values + noise
                slope = expected + weight * float((along * projected / damped).sum())
                if slope < 0:
                    continue  # labels may mute the prior, never reverse it
                scale = float((projected**2 / damped).mean())
                duals = vectors @ (projected / damped)
                yield _Candidate(
                    evidence=-(len(target) * math.log(scale + _TINY) + float(np.log(damped).sum()))
                    / 2,
                    width_index=width_index,
                    noise=noise,
                    slope=slope,
                    duals=duals,
                    residuals=duals / np.maximum(squares @ (1 / damped), _TINY),
                )


def _decompose(
    distances: Doubles, prior: Doubles, target: Doubles, width: float, weight: float
) -> tuple[Doubles, Doubles, Doubles]:
    """Eigenvalues and vectors of the centred kernel, and the target along them."""
    kernel = np.exp(-width * distances / 2) + weight * np.outer(prior, prior)
    kernel -= kernel.mean(axis=0)
    kernel -= kernel.mean(axis=1)[:, None]
    values, vectors = np.linalg.eigh(kernel)
    return np.maximum(values, 0.0), vectors, vectors.T @ target
