"""The cost and quality of a policy's choices, beside those of other strategies.

Pure: recorded quality and cost per prompt and candidate, and the chosen candidate's column.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles
from weir_lab.errors import LabError
from weir_lab.metrics import Interval, bootstrap

_MANY = 1000  # requests that money is stated for


class NothingServed(LabError):
    """The gateway served none of the prompts, so that there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Line:
    """One strategy. `usd` is for 1,000 requests, NaN where costs are not recorded.

    `retained` is the quality as a share of what the last candidate alone gives, `saved` the share
    of its bill that is not spent, `last_share` the share of calls to it.
    """

    name: str
    quality: Interval
    retained: Interval
    usd: Interval
    saved: Interval
    last_share: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """The policy's line first, then those of the other strategies."""

    prompts: int
    unserved: int
    reasons: dict[str, int]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is on record; arrays are [prompts, candidates], the weakest candidate first."""

    candidates: Sequence[str]
    quality: Doubles  # [0, 1]
    cost: Doubles  # USD an answer, NaN where not recorded

    def only(self, rows: NDArray[np.bool_]) -> "Recorded":
        return Recorded(self.candidates, self.quality[rows], self.cost[rows])


@dataclass(frozen=True, slots=True)
class _Strategy:
    name: str
    weights: Doubles  # [prompts, candidates]: how likely a prompt goes to a candidate
    extra_usd: Doubles  # [prompts]: paid beside the chosen candidate's answer


def settle(
    recorded: Recorded,
    chosen: NDArray[np.intp],
    reasons: Sequence[str],
    *,
    extra_usd: Doubles | None = None,
    seed: int = 0,
) -> Ledger:
    """Compare the choices with other strategies; `chosen` is a column, or -1 where unserved.

    `extra_usd` is what the policy paid for each prompt beside the chosen candidate's answer: for a
    rejected weak answer, or a judge. It is below 0 where the answer came from a cache.

    Unserved prompts are counted and left out. Raises NothingServed.
    """
    served = chosen >= 0
    if not served.any():
        raise NothingServed("the gateway served none of the prompts; look at its log")
    extra = np.zeros(len(chosen)) if extra_usd is None else extra_usd
    rest = recorded.only(served)
    strategies = _strategies(chosen[served], rest, extra[served])
    lines = tuple(_line(strategy, rest, seed) for strategy in strategies)
    counts = dict.fromkeys(reasons, 0)
    for reason in reasons:
        counts[reason] += 1
    return Ledger(int(served.sum()), int((~served).sum()), counts, lines)


def _strategies(
    chosen: NDArray[np.intp], recorded: Recorded, extra_usd: Doubles
) -> list[_Strategy]:
    quality, cost = recorded.quality, recorded.cost
    count = len(recorded.candidates)
    every = np.eye(count)
    policy = every[chosen]
    shares = np.broadcast_to(policy.mean(axis=0), policy.shape)
    # The best answer, and of equally good ones the cheapest; with unknown costs the weakest.
    price = np.where(np.isfinite(cost), cost, np.arange(count))
    best = quality >= quality.max(axis=1, keepdims=True)
    oracle = every[np.where(best, price, np.inf).argmin(axis=1)]
    nothing = np.zeros(len(chosen))
    fixed = [
        _Strategy(f"always {name}", np.broadcast_to(every[k], policy.shape), nothing)
        for k, name in enumerate(recorded.candidates)
    ]
    return [
        _Strategy("this policy", policy, extra_usd),
        *fixed,
        _Strategy("random, same shares", shares, nothing),
        _Strategy("oracle", oracle, nothing),
    ]


def _line(strategy: _Strategy, recorded: Recorded, seed: int) -> Line:
    weights, cost = strategy.weights, recorded.cost
    got = (weights * recorded.quality).sum(axis=1)
    # A candidate that a strategy never calls may have no recorded cost.
    paid = np.where(weights > 0, weights * cost, 0.0).sum(axis=1) + strategy.extra_usd
    most_expensive, best = cost[:, -1], recorded.quality[:, -1]

    def figures(drawn: Doubles) -> tuple[float, float, float, float]:
        total = drawn.sum()
        mean, top = float(drawn @ got) / total, float(drawn @ best) / total
        spent, most = float(drawn @ paid) / total, float(drawn @ most_expensive) / total
        return (
            mean,
            mean / top if top else np.nan,
            _MANY * spent,
            1 - spent / most if most else np.nan,
        )

    mean, retained, usd, saved = bootstrap(figures, len(got), seed=seed)
    last_share = float(weights[:, -1].mean())
    return Line(strategy.name, mean, retained, usd, saved, last_share)
