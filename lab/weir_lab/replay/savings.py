"""The savings of routing, a cascade and a cache on recorded outcomes, at a given retention.

Pure. A cascade's judge is modelled, because no judge's scores of these answers are recorded: its
skill is an assumption, stated as the area under its ROC curve; one judge is no better than chance.
Settings are chosen on half of the prompts; cost and quality are those of the other half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from weir_lab.arrays import Doubles

CHARS_PER_TOKEN = 4
ANSWER_TOKENS = 150
INSTRUCTIONS = 200  # tokens of a judge's prompt
STEPS = 41  # values tried of each threshold, at even quantiles
_Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Recorded prompts: quality in [0,1], USD an answer, and the router's score, a row a prompt."""

    weak: Doubles
    strong: Doubles
    weak_usd: Doubles
    strong_usd: Doubles
    score: Doubles  # higher: needs the strong model more
    judge_usd: Doubles  # what one judgement costs

    def __len__(self) -> int:
        return len(self.weak)


@dataclass(frozen=True, slots=True)
class Found:
    """Over resplits: cost and quality, each as a share of all-strong's.

    `retained_often` is the share of resplits whose held-out half reaches the retention less one
    percentage point.
    """

    cost: float
    low: float  # the central 90 % of the resplits
    high: float
    retained: float
    retained_often: float


def judged(quality: Doubles, auc: float, seed: int) -> Doubles:
    """A judge's opinion of each answer: higher is better, 0 is neutral.

    Normal around d times the answer's quality less a half: of two answers, a good and a bad one, it
    prefers the good one with probability `auc`, which is Phi(d / sqrt(2)).
    """
    distance = NormalDist().inv_cdf(auc) * np.sqrt(2.0)
    noise = np.random.default_rng(seed).normal(size=len(quality))
    opinion: Doubles = distance * (quality - 0.5) + noise
    return opinion


def judgement_usd(chars: Doubles, usd_per_token: float) -> Doubles:
    """The cost of a judge's call on prompts of these lengths, with answer and instructions.

    The one token that it writes is left out.
    """
    cost: Doubles = (chars / CHARS_PER_TOKEN + ANSWER_TOKENS + INSTRUCTIONS) * usd_per_token
    return cost


def routed(traffic: Traffic, retention: float, splits: int) -> Found:
    """Routing alone: the strong model answers where the score is at least a threshold."""
    return _over_splits(traffic, retention, splits, None)


def cascaded(traffic: Traffic, retention: float, splits: int, auc: float) -> Found:
    """Routing, then a judge.

    Prompts with a high score go to the strong model at once. Of the rest the weak answer is judged,
    and a badly judged one is replaced by the strong model's.
    """
    return _over_splits(traffic, retention, splits, auc)


def cached(cost: float, hits: float) -> float:
    """Cost where a share `hits` of the requests are answered from a cache, which costs nothing."""
    return cost * (1.0 - hits)


def _over_splits(traffic: Traffic, retention: float, splits: int, auc: float | None) -> Found:
    costs: list[float] = []
    retained: list[float] = []
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(traffic))
        half = len(traffic) // 2
        opinion = None if auc is None else judged(traffic.weak, auc, seed)
        plan = _plan(traffic, opinion, order[:half], retention)
        quality, cost = _settled(traffic, opinion, order[half:], plan)
        costs.append(cost)
        retained.append(quality)
    low, high = np.quantile(costs, [0.05, 0.95])
    often = float(np.mean(np.array(retained) >= retention - 0.01))
    return Found(float(np.mean(costs)), float(low), float(high), float(np.mean(retained)), often)


_Plan = tuple[float, float]  # strong at once from this score on; accepted from this opinion on


def _plan(traffic: Traffic, opinion: Doubles | None, rows: _Rows, retention: float) -> _Plan:
    """The cheapest plan that reaches the retention on these rows; all-strong where none does."""
    best, plan = np.inf, (-np.inf, np.inf)
    for threshold in _tried(traffic.score[rows]):
        for accept in [-np.inf] if opinion is None else _tried(opinion[rows]):
            quality, cost = _settled(traffic, opinion, rows, (threshold, accept))
            if quality >= retention and cost < best:
                best, plan = cost, (threshold, accept)
    return plan


def _tried(values: Doubles) -> Sequence[float]:
    """Thresholds that pass everything, nothing, and even shares between."""
    return [-np.inf, *np.quantile(values, np.linspace(0.0, 1.0, STEPS)), np.inf]


def _settled(
    traffic: Traffic, opinion: Doubles | None, rows: _Rows, plan: _Plan
) -> tuple[float, float]:
    """Quality and cost of a plan, each as a part of all-strong's."""
    threshold, accept = plan
    weak, strong = traffic.weak[rows], traffic.strong[rows]
    weak_usd, strong_usd = traffic.weak_usd[rows], traffic.strong_usd[rows]
    at_once = traffic.score[rows] >= threshold
    if opinion is None:
        escalated = np.zeros(len(rows), dtype=np.bool_)
        judging = np.zeros(len(rows))
    else:
        # No judge is called where its verdict changes nothing.
        escalated = ~at_once & (opinion[rows] < accept)
        judging = traffic.judge_usd[rows] * np.isfinite(accept)
    final = np.where(at_once | escalated, strong, weak)
    first = np.where(at_once, strong_usd, weak_usd + judging)
    usd = first + np.where(escalated, strong_usd, 0.0)
    return float(final.sum() / strong.sum()), float(usd.sum() / strong_usd.sum())
