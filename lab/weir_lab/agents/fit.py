"""Fits a head of agents' weights to runs: a logistic that is drawn towards the prior.

Few runs leave the prior's weights as they are; only its centres and scales follow the runs, which
is how a harness with longer runs than another is brought to the same scale.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from weir_agents.facts import AgentFacts
from weir_agents.features import FEATURES
from weir_agents.weights import Head, Term
from weir_lab.arrays import Doubles

RIDGES: Final = (3.0, 10.0, 30.0, 100.0, 300.0)  # how strongly the prior draws
ONLY_PRIOR: Final = 1e6
_FOLDS: Final = 5
_FURTHEST: Final = 3.0  # scales, as in Term
_LEAST_SCALE: Final = 0.05
_STEEPEST: Final = 8.0  # of a bias
_CLOSE: Final = 1e-4
_LEAST_SHARE: Final = 0.5  # of the prior's scale
# Features that a fit may use beside the prior's own; each has a reason in docs/agents.md.
WORK_EXTRA: Final = ("errorStreak", "sameError", "changes", "lastText", "repeatedCalls", "hedging")
SERVICE_EXTRA: Final = ("lastText", "done", "stopped", "lastTestsPassed", "errorStreak")


@dataclass(frozen=True, slots=True)
class Examples:
    """Runs to learn from."""

    facts: tuple[AgentFacts, ...]
    failed: Doubles  # 1 or 0
    tasks: tuple[str, ...]  # runs of one task never stand on both sides of a split

    def __len__(self) -> int:
        return len(self.facts)

    def only(self, rows: NDArray[np.intp]) -> "Examples":
        """The runs at these places."""
        return Examples(
            tuple(self.facts[int(n)] for n in rows.tolist()),
            self.failed[rows],
            tuple(self.tasks[int(n)] for n in rows.tolist()),
        )


def fit_head(examples: Examples, prior: Head, extra: Sequence[str], ridge: float) -> Head:
    """The head that explains the outcomes best, near the prior."""
    means = {term.feature: term.weight for term in prior.terms}
    # A feature that hardly differs among these runs keeps a scale of the prior's size.
    least = {term.feature: term.scale * _LEAST_SHARE for term in prior.terms}
    names = [*means, *(name for name in extra if name not in means)]
    columns = np.array([[FEATURES[name](facts) for name in names] for facts in examples.facts])
    centers = columns.mean(axis=0)
    scales = np.maximum(columns.std(axis=0), [least.get(name, _LEAST_SCALE) for name in names])
    units = np.clip((columns - centers) / scales, -_FURTHEST, _FURTHEST)
    target = np.array([means.get(name, 0.0) for name in names])
    bias, weights = _solve(units, examples.failed, target, ridge)
    return Head(
        bias=bias,
        terms=tuple(
            Term(name, *(round(float(value), 4) for value in values))
            for name, *values in zip(names, weights, centers, scales, strict=True)
        ),
    )


def recalibrated(examples: Examples, prior: Head) -> Head:
    """The prior with the bias that makes its mean the runs' share of failures."""
    low, high = -_STEEPEST, _STEEPEST
    while high - low > _CLOSE:
        bias = (low + high) / 2
        moved = replace(prior, bias=bias)
        mean = np.mean([moved.score(facts) for facts in examples.facts])
        low, high = (bias, high) if mean < examples.failed.mean() else (low, bias)
    return replace(prior, bias=round((low + high) / 2, 4))


def choose_ridge(examples: Examples, prior: Head, extra: Sequence[str], seed: int) -> float:
    """The ridge whose fits explain left-out tasks best."""

    def loss(ridge: float) -> float:
        scores = _left_out(examples, prior, extra, lambda _: ridge, seed).scores
        near = np.clip(scores, 1e-6, 1 - 1e-6)
        failed = examples.failed
        return -float(np.mean(failed * np.log(near) + (1 - failed) * np.log(1 - near)))

    return min((*RIDGES, ONLY_PRIOR), key=loss)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Each run's score from a fit that saw no run of its task, and the split that it was in."""

    scores: Doubles
    folds: NDArray[np.intp]


def left_out_scores(examples: Examples, prior: Head, extra: Sequence[str], seed: int) -> LeftOut:
    """Scores by fits to the other tasks, each with a ridge chosen within those tasks."""
    return _left_out(
        examples, prior, extra, lambda part: choose_ridge(part, prior, extra, seed + 1), seed
    )


def _left_out(
    examples: Examples,
    prior: Head,
    extra: Sequence[str],
    ridge: Callable[[Examples], float],
    seed: int,
) -> LeftOut:
    folds = _split(examples.tasks, seed)
    scores = np.zeros(len(examples))
    for fold in range(_FOLDS):
        rest, out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        part = examples.only(rest)
        head = fit_head(part, prior, extra, ridge(part))
        scores[out] = [head.score(examples.facts[n]) for n in out]
    return LeftOut(scores, folds)


def _split(tasks: Sequence[str], seed: int) -> NDArray[np.intp]:
    names = sorted(set(tasks))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {name: int(n) % _FOLDS for name, n in zip(names, order, strict=True)}
    return np.array([place[task] for task in tasks], dtype=np.intp)


def _solve(units: Doubles, failed: Doubles, target: Doubles, ridge: float) -> tuple[float, Doubles]:
    def loss(at: Doubles) -> tuple[float, Doubles]:
        logits = units @ at[1:] + at[0]
        far = at[1:] - target
        value = np.sum(np.logaddexp(0, logits) - failed * logits) + 0.5 * ridge * (far @ far)
        error = 1 / (1 + np.exp(-logits)) - failed
        return float(value), np.r_[error.sum(), units.T @ error + ridge * far]

    share = np.clip(failed.mean(), 0.01, 0.99)
    start = np.r_[np.log(share / (1 - share)), target]
    found: Doubles = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return round(float(found[0]), 4), found[1:]
