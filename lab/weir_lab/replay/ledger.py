"""What a policy's choices would have cost and kept, beside what else could have been done.

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
    """The gateway served none of the prompts: there is nothing to settle."""


@dataclass(frozen=True, slots=True)
class Line:
    """One way to choose. `usd` is for 1,000 requests, NaN where costs are not recorded.

    `kept` is the quality over that of always calling the last candidate; `saved` the part of that
    candidate's bill that was not spent; `last_share` the share of calls to it.
    """

    name: str
    quality: Interval
    retained: Interval
    usd: Interval
    saved: Interval
    last_share: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """The policy's line first, then what it stands beside."""

    prompts: int
    unserved: int
    reasons: dict[str, int]
    lines: tuple[Line, ...]


def settle(
    *,
    chosen: NDArray[np.intp],
    reasons: Sequence[str],
    candidates: Sequence[str],
    quality: Doubles,
    cost: Doubles,
    beside: Doubles | None = None,
    seed: int = 0,
) -> Ledger:
    """`quality` and `cost` are [prompts, candidates], weakest first; `chosen` is -1 where unserved.

    `beside` is what the policy paid for each prompt beside the chosen one's answer, in USD: a weak
    answer that was not accepted, a judge; less than 0 where the answer was a kept one.

    Unserved prompts are counted and left out. Raises NothingServed.
    """
    served = chosen >= 0
    if not served.any():
        raise NothingServed("the gateway served none of the prompts; look at its log")
    ways = _ways(chosen[served], quality[served], cost[served], candidates)
    last = len(candidates) - 1
    none = np.zeros(int(served.sum()))
    policys = none if beside is None else beside[served]
    lines = tuple(
        _line((name, weights, more), quality[served], cost[served], last, seed)
        for (name, weights), more in zip(ways, [policys, *[none] * (len(ways) - 1)], strict=True)
    )
    counts = dict.fromkeys(reasons, 0)
    for reason in reasons:
        counts[reason] += 1
    return Ledger(int(served.sum()), int((~served).sum()), counts, lines)


def _ways(
    chosen: NDArray[np.intp], quality: Doubles, cost: Doubles, candidates: Sequence[str]
) -> list[tuple[str, Doubles]]:
    """Each way as how likely it gives a prompt to a candidate: [prompts, candidates]."""
    count = len(candidates)
    every = np.eye(count)
    policy = every[chosen]
    shares = np.broadcast_to(policy.mean(axis=0), policy.shape)
    # The best answer, and of equally good ones the cheapest; unknown costs: the weakest first.
    price = np.where(np.isfinite(cost), cost, np.arange(count))
    best = quality >= quality.max(axis=1, keepdims=True)
    oracle = every[np.where(best, price, np.inf).argmin(axis=1)]
    fixed = [
        (f"always {name}", np.broadcast_to(every[k], policy.shape))
        for k, name in enumerate(candidates)
    ]
    return [("this policy", policy), *fixed, ("random, same shares", shares), ("oracle", oracle)]


def _line(
    way: tuple[str, Doubles, Doubles], quality: Doubles, cost: Doubles, last: int, seed: int
) -> Line:
    """`way` is its name, how likely it gives a prompt to each candidate, and what else it pays."""
    name, weights, beside = way
    got = (weights * quality).sum(axis=1)
    # A candidate that a way never calls may have no recorded cost.
    paid = np.where(weights > 0, weights * cost, 0.0).sum(axis=1) + beside
    most_expensive, best = cost[:, last], quality[:, last]

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

    found = bootstrap(figures, len(got), seed=seed)
    mean, retained, usd, saved = found
    return Line(name, mean, retained, usd, saved, last_share=float(weights[:, last].mean()))
