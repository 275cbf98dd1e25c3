"""AUROC within strata: how often a score ranks a failure above a success of the same kind.

A pooled figure mostly learns which kind fails more often; pairs are counted within a kind only.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from weir_lab.arrays import Doubles

_HALF = 0.5  # a tie


class StratifiedAuroc:
    """The figure for one score; a call weighs the cases anew, as a bootstrap does."""

    def __init__(self, score: Doubles, failed: Doubles, strata: Sequence[Hashable]) -> None:
        self._failed = failed
        numbers: dict[Hashable, int] = {}
        stratum = np.array([numbers.setdefault(each, len(numbers)) for each in strata])
        self._strata = [np.flatnonzero(stratum == n) for n in range(len(numbers))]
        self._ranks = [np.unique(score[cases], return_inverse=True)[1] for cases in self._strata]

    def __call__(self, weights: Doubles) -> float:
        """In [0, 1]; NaN where no stratum has a failure and a success."""
        above = pairs = 0.0
        for cases, ranks in zip(self._strata, self._ranks, strict=True):
            weight, failed = weights[cases], self._failed[cases]
            failures = np.bincount(ranks, weight * failed)
            others = np.bincount(ranks, weight * (1 - failed))
            below = np.cumsum(others) - _HALF * others
            above += float(failures @ below)
            pairs += float(failures.sum() * others.sum())
        return above / pairs if pairs else float("nan")


def auroc(score: Doubles, failed: Doubles, strata: Sequence[Hashable] | None = None) -> float:
    """The figure with every case once; without strata, over all cases."""
    kinds = [0] * len(score) if strata is None else strata
    return StratifiedAuroc(score, failed, kinds)(np.ones(len(score)))
