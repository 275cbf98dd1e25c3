"""Fits the parts of a `linear` head: what outcomes say, what sense pairs say, and the gate.

Recorded outcomes come from exams, where long prompts are hard ones; to people "Refute Zeno." is
hard and a long mail with a simple question is easy. One weighted sum can't say both: what it gains
on one it loses on the other. So there are two, and a gate tells written prompts from exams.
"""

from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles
from weir_lab.routers.regression import platt, ridge

ROWS = 12_000  # what the outcomes weigh in all; strengths and shares below are for so many
ALPHA = 3e4  # of the outcomes' ridge: strong, for sources to come differ
SENSE_ALPHA = 3e4  # of the ridge on outcomes and pairs together
SENSE_SHARE = 2.0  # what the pairs weigh in it, against 1 for the outcomes
SENSE_LENGTH = 0.5  # deviations of length that are added to it
GATE_ALPHA = 1e4
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Standardised columns of prompts with outcomes: their need, and what each row weighs."""

    columns: Doubles
    need: Doubles
    weights: Doubles


@dataclass(frozen=True, slots=True)
class Pairs:
    """Standardised columns of easy and hard prompts; a row a pair in all three."""

    easy: Doubles
    hard: Doubles
    weights: Doubles


@dataclass(frozen=True, slots=True)
class Part:
    """A weighted sum of the columns."""

    weights: Doubles
    bias: float

    def __call__(self, columns: Doubles) -> Doubles:
        return columns @ self.weights + self.bias

    def times(self, slope: float, plus: float) -> "Part":
        """The sum times `slope`, and `plus`."""
        return Part(self.weights * slope, self.bias * slope + plus)


def fit_outcomes(outcomes: Outcomes, length: int, battles: Doubles) -> Part:
    """A ridge, length and what battles say, each with deviation 1: on sources left out their sum
    does better than any of them.

    `length` is its column, `battles` are weights of the standardised columns.
    """
    weights = outcomes.weights * (ROWS / outcomes.weights.sum())
    learnt = _unit(ridge(outcomes.columns, outcomes.need, weights, ALPHA), outcomes)
    learnt[length] += 1
    return _scored(_unit(learnt, outcomes) + _unit(battles, outcomes), outcomes)


def fit_sense(outcomes: Outcomes, pairs: Pairs, length: int) -> Part:
    """A ridge on outcomes and on the pairs' differences together, and some length."""
    weights = outcomes.weights * (ROWS / outcomes.weights.sum())
    x, apart = outcomes.columns, pairs.hard - pairs.easy
    shares = pairs.weights * (SENSE_SHARE * ROWS / np.sum(pairs.weights == 1))
    centred = outcomes.need - float(weights @ outcomes.need) / float(weights.sum())
    product = x.T @ (x * weights[:, None]) + apart.T @ (apart * shares[:, None])
    toward = x.T @ (weights * centred) + apart.T @ shares
    product += SENSE_ALPHA * np.eye(x.shape[1])
    solved: Doubles = np.asarray(np.linalg.solve(product, toward), dtype=np.float64)
    learnt = _unit(solved, outcomes)
    learnt[length] += SENSE_LENGTH
    return _scored(learnt, outcomes)


def fit_gate(outcomes: Outcomes, pairs: Pairs) -> Part:
    """The logit of being a written prompt rather than one of an exam, both as likely before."""
    written = np.concatenate([pairs.easy, pairs.hard])
    shares = np.concatenate([pairs.weights, pairs.weights])
    columns = np.concatenate([outcomes.columns, written])
    target = np.repeat([0.0, 1.0], [len(outcomes.columns), len(written)])
    weights = np.concatenate([outcomes.weights / outcomes.weights.sum(), shares / shares.sum()]) * (
        ROWS / 2
    )
    mean = weights @ columns / weights.sum()
    learnt = ridge(columns - mean, target, weights, GATE_ALPHA)
    slope, intercept = platt(columns @ learnt, target, weights)
    return Part(learnt * slope, intercept)


def _unit(learnt: Doubles, outcomes: Outcomes) -> Doubles:
    return learnt / max(_spread(outcomes.columns @ learnt, outcomes)[1], _TINY)


def _scored(learnt: Doubles, outcomes: Outcomes) -> Part:
    """Mean 0 and deviation 1 over the outcomes' prompts."""
    mean, deviation = _spread(outcomes.columns @ learnt, outcomes)
    return Part(learnt / max(deviation, _TINY), -mean / max(deviation, _TINY))


def _spread(values: Doubles, outcomes: Outcomes) -> tuple[float, float]:
    shares = outcomes.weights / outcomes.weights.sum()
    mean = float(shares @ values)
    return mean, float(np.sqrt(shares @ (values - mean) ** 2))
