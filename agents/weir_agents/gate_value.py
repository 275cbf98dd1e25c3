"""What a finish gate is worth, before it is used: from two models' rates and costs.

The weak model works first and is paid for always. Where the score of its finished run reaches the
bar, the strong one works on. The estimate takes the bar that reaches the strong model's rate of
solved tasks for the least money, and says what is saved against the strong model alone.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()
_BARS: Final = 81  # bars tried, from everything flagged to nothing
_WIDEST: Final = 4.0  # standard deviations from the middle
_DRAWS: Final = 100  # of rates and AUROC, for the interval
_TAIL: Final = 0.05  # outside the interval, on each side
_LEAST_AUROC, _MOST_AUROC = 0.5, 0.99
# How often the strong model solves what the weak one solved: .92 to .97 in recorded pairs.
_REPEATS: Final = 0.95
_REPEAT_SPREAD: Final = 0.015
_SAME: Final = 0.005  # rates that are no further apart are the same


class GateVerdict(StrEnum):
    """Whether a finish gate pays."""

    PAYS = "pays"
    UNCLEAR = "unclear"  # the interval has 0 in it
    LOSES = "loses"


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure and an interval that holds it in nine of ten draws."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GateEstimate:
    """What a finish gate is worth."""

    saved: Spread  # share of the strong model's cost, at its rate of solved tasks; below 0: a loss
    best_rate: Spread  # the highest rate of solved tasks that any bar reaches
    share: float  # of finished runs that the cheapest such bar hands on
    verdict: GateVerdict

    @property
    def pays(self) -> bool:
        """Whether a gain is shown."""
        return self.verdict is GateVerdict.PAYS


@dataclass(frozen=True, slots=True)
class _Case:
    """Two models on the same tasks; the strong one's rate follows from the weak one's."""

    weak_rate: float
    repeats: float  # share of what the weak model solved that the strong one solves
    gained: float  # share of what the weak model failed that the strong one solves
    weak_cost: float
    strong_cost: float
    auroc: float

    @property
    def strong_rate(self) -> float:
        return self.weak_rate * self.repeats + (1 - self.weak_rate) * self.gained


@dataclass(frozen=True, slots=True)
class _Bar:
    share: float  # of runs handed on
    rate: float  # of solved tasks
    cost: float


def gate_pays(
    weak_rate: float,
    strong_rate: float,
    weak_cost: float,
    strong_cost: float,
    auroc: float,
    runs: int = 100,
) -> GateEstimate:
    """Estimate a finish gate for a weak and a strong model.

    Rates are shares of solved tasks in (0, 1), costs USD a task, `auroc` the finish score's within
    the weak model, `runs` how many labelled runs the figures come from. Raises ValueError for a
    figure out of its range.
    """
    if not (0 < weak_rate < 1 and 0 < strong_rate < 1 and 0 < auroc <= 1):
        raise ValueError("rates must be within (0, 1) and the AUROC within (0, 1]")
    if not (weak_cost >= 0 and strong_cost > 0 and runs > 0):
        raise ValueError("costs and the number of runs must be above 0")
    repeats = min(max(_REPEATS, 1 - (1 - strong_rate) / weak_rate), strong_rate / weak_rate, 1.0)
    gained = (strong_rate - weak_rate * repeats) / (1 - weak_rate)
    case = _Case(weak_rate, repeats, min(max(gained, 0.0), 1.0), weak_cost, strong_cost, auroc)
    cheapest, best = _cheapest(case), _best(case)
    draws = list(_draws(case, runs))
    saved = _spread(_saved(case, cheapest), [_saved(each, _cheapest(each)) for each in draws])
    best_rate = _spread(best, [_best(each) for each in draws])
    return GateEstimate(saved, best_rate, cheapest.share, _verdict(saved))


def _verdict(saved: Spread) -> GateVerdict:
    if saved.low > 0:
        return GateVerdict.PAYS
    return GateVerdict.UNCLEAR if saved.value > 0 else GateVerdict.LOSES


def _bars(case: _Case) -> Iterator[_Bar]:
    """The gate at bars from low to high, where the score is normal with a mean for each outcome."""
    weak = case.weak_rate
    apart = sqrt(2) * _NORMAL.inv_cdf(min(max(case.auroc, _LEAST_AUROC), _MOST_AUROC))
    for n in range(_BARS):
        bar = _WIDEST * (2 * n / (_BARS - 1) - 1) + apart / 2
        wrong = weak * (1 - _NORMAL.cdf(bar))  # solved, and handed on
        right = (1 - weak) * (1 - _NORMAL.cdf(bar - apart))  # failed, and handed on
        rate = weak - wrong * (1 - case.repeats) + right * case.gained
        cost = case.weak_cost + (wrong + right) * case.strong_cost
        yield _Bar(wrong + right, rate, cost)


def _cheapest(case: _Case) -> _Bar:
    """The cheapest bar at the strong model's rate; everything handed on where none reaches it."""
    reached = [bar for bar in _bars(case) if bar.rate >= case.strong_rate - _SAME]
    everything = _Bar(1.0, case.strong_rate, case.weak_cost + case.strong_cost)
    return min(reached, key=lambda bar: bar.cost, default=everything)


def _best(case: _Case) -> float:
    return max(bar.rate for bar in _bars(case))


def _saved(case: _Case, bar: _Bar) -> float:
    return 1 - bar.cost / case.strong_cost


def _draws(case: _Case, runs: int) -> Iterator[_Case]:
    """The case with figures that as many runs might have shown as well."""
    drawn = random.Random(0)  # noqa: S311 - the same interval for the same figures
    failed = max(runs * (1 - case.weak_rate), 1.0)
    solved = max(runs * case.weak_rate, 1.0)
    spread = _auroc_error(case.auroc, failed, solved)
    for _ in range(_DRAWS):
        yield replace(
            case,
            weak_rate=_rate(drawn, case.weak_rate, runs),
            repeats=min(drawn.gauss(case.repeats, _REPEAT_SPREAD), 1.0),
            gained=_rate(drawn, case.gained, failed),
            auroc=drawn.gauss(case.auroc, spread),
        )


def _rate(drawn: random.Random, rate: float, runs: float) -> float:
    return drawn.betavariate(rate * runs + 0.5, (1 - rate) * runs + 0.5)


def _auroc_error(auroc: float, failed: float, solved: float) -> float:
    """The standard error of an AUROC, by Hanley and McNeil."""
    first, second = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    square = auroc**2
    variance = (
        auroc * (1 - auroc) + (failed - 1) * (first - square) + (solved - 1) * (second - square)
    )
    return sqrt(max(variance, 0.0) / (failed * solved))


def _spread(value: float, draws: list[float]) -> Spread:
    ordered = sorted(draws)
    cut = int(_TAIL * len(ordered))
    return Spread(value, ordered[cut], ordered[-1 - cut])
