"""Off-policy estimates: the value of another choice between two models, from logged draws.

Importance weighting (IPS), its self-normalised form (SNIPS) and the doubly robust estimator (DR).
Pure arithmetic over arrays of one length; a bootstrap replicate is a set of weights.
"""

from dataclasses import dataclass

import numpy as np

from weir_lab.arrays import Doubles, Flags

RIDGE = 1.0  # penalty on the standardised slopes: one uninformative observation each
FOLDS = 5
_ALMOST_ONE = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Logged:
    """Logged decisions and their rewards, one row each."""

    strong: Flags  # whether the strong model answered
    explored: Flags  # whether the draw differs from the usual choice
    propensity: Doubles  # (0,1]: the probability of the choice that was made
    reward: Doubles  # how good the answer was, [0,1]
    score: Doubles  # the router's, which the model of rewards reads
    weight: Doubles  # > 0

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def usual(self) -> Flags:
        """Whether the strong model was the usual choice."""
        return self.strong ^ self.explored

    @property
    def drawn(self) -> Flags:
        """Whether either model could have answered."""
        return self.propensity < _ALMOST_ONE

    def only(self, keep: Flags) -> "Logged":
        """The rows that are marked."""
        return Logged(
            self.strong[keep],
            self.explored[keep],
            self.propensity[keep],
            self.reward[keep],
            self.score[keep],
            self.weight[keep],
        )


def ratios(logged: Logged, target: Flags) -> Doubles:
    """Importance ratios: the logged choice's probability under `target` over its propensity.

    `target` is True where the strong model would be chosen.
    """
    return np.where(target == logged.strong, 1 / logged.propensity, 0.0)


def known(logged: Logged, target: Flags) -> Flags:
    """The rows that can be estimated: `target` makes the usual choice, or the choice was drawn."""
    found: Flags = np.logical_or(target == logged.usual, logged.drawn)
    return found


def ips(reward: Doubles, ratio: Doubles, weight: Doubles) -> float:
    """Unbiased where no ratio is clipped; may leave [0,1] where few rows have most weight."""
    return float((weight * ratio * reward).sum() / weight.sum())


def snips(reward: Doubles, ratio: Doubles, weight: Doubles) -> float:
    """Between the smallest and the largest reward; biased by less than its spread. NaN: no row."""
    total = (weight * ratio).sum()
    return float((weight * ratio * reward).sum() / total) if total > 0 else np.nan


def doubly_robust(
    reward: Doubles, ratio: Doubles, weight: Doubles, taken: Doubles, targeted: Doubles
) -> float:
    """The predicted reward of the target's choice, corrected by the prediction errors on the log.

    `taken` and `targeted` are the predicted rewards of the logged choice and of the target's.
    """
    return float((weight * (targeted + ratio * (reward - taken))).sum() / weight.sum())


def effective_size(ratio: Doubles, weight: Doubles) -> float:
    """The effective sample size (Kish): as many equally weighted rows; 0 for none."""
    counts = weight * ratio
    squares = (counts**2).sum()
    return float(counts.sum() ** 2 / squares) if squares > 0 else 0.0


def predicted_rewards(logged: Logged, seed: int, folds: int = FOLDS) -> Doubles:
    """Rewards of the weak and the strong model per row (n x 2), each from other folds' rows.

    A ridge regression on the score, its square and the model, clipped to [0,1].
    """
    fold = np.random.default_rng(seed).permutation(len(logged)) % folds
    found = np.empty((len(logged), 2))
    for part in range(folds):
        inside, outside = fold == part, fold != part
        fitted = _fit(logged.only(outside)) if outside.any() else np.zeros(_WIDTH)
        for arm in (0, 1):
            rows = _features(logged.score[inside], np.full(int(inside.sum()), float(arm)))
            found[inside, arm] = rows @ fitted
    return np.clip(found, 0.0, 1.0)


_WIDTH = 5


def _features(score: Doubles, strong: Doubles) -> Doubles:
    return np.column_stack([np.ones(len(score)), strong, score, strong * score, score**2])


def _fit(logged: Logged) -> Doubles:
    rows = _features(logged.score, logged.strong.astype(np.float64))
    weight = logged.weight / logged.weight.mean()
    penalty = np.full(_WIDTH, RIDGE)
    penalty[0] = 0.0  # the mean is free
    weighted: Doubles = rows * weight[:, None]
    gram = weighted.T @ rows + np.diag(penalty)
    gram[0, 0] = max(float(gram[0, 0]), RIDGE)
    return np.linalg.solve(gram, weighted.T @ logged.reward).astype(np.float64)
