"""Differences between variants with their intervals, and whether the traffic was split as meant.

The unit is the conversation, since its requests are no independent draws: a measure is a ratio of
sums over conversations, and its variance is the linearised one. Plain arithmetic, nothing of files.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Final

LEAST: Final = 50  # conversations of each variant below which no figure is given
CONFIDENCE: Final = 0.95
TUNED: Final = 1000.0  # conversations at which the interval that holds at any time is narrowest
SRM: Final = 0.001  # a split this improbable is a defect, not chance
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Mean:
    """A ratio of sums over conversations."""

    value: float
    variance: float  # of `value`
    units: int


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`."""

    low: float
    high: float


class Verdict(StrEnum):
    """What may be said of a difference, however often it was looked at."""

    HIGHER = "higher"
    LOWER = "lower"
    OPEN = "no difference shown"
    TOO_FEW = "not enough data"


@dataclass(frozen=True, slots=True)
class Difference:
    """One variant less the control, on one measure."""

    value: float
    once: Interval  # 95 %, valid for one look at a time fixed beforehand (Welch)
    any_time: Interval  # 95 %, however often one looks and whenever one stops


@dataclass(frozen=True, slots=True)
class Split:
    """Conversations by variant beside what the weights say."""

    counts: Mapping[str, int]
    expected: Mapping[str, float]
    p: float  # how probable a split at least so uneven is

    @property
    def mismatch(self) -> bool:
        """Whether something else than the weights assigned variants to conversations."""
        return self.p < SRM


def ratio(above: Sequence[float], below: Sequence[float]) -> Mean | None:
    """The sum of `above` over the sum of `below`, a conversation each; None where too few have any.

    Conversations without a value below (without a rated answer) don't count.
    """
    pairs = [(y, x) for y, x in zip(above, below, strict=True) if x > 0]
    count = len(pairs)
    if count < LEAST:
        return None
    whole = math.fsum(x for _, x in pairs)
    value = math.fsum(y for y, _ in pairs) / whole
    mean = whole / count
    squares = math.fsum(((y - value * x) / mean) ** 2 for y, x in pairs)
    return Mean(value, squares / (count - 1) / count, count)


def difference(variant: Mean | None, control: Mean | None) -> Difference | None:
    """`variant` less `control`; None where either has too few conversations."""
    if variant is None or control is None:
        return None
    value = variant.value - control.value
    variance = variant.variance + control.variance
    if variance <= 0.0:
        same = Interval(value, value)
        return Difference(value, same, same)
    half = _student(_freedom(variant, control)) * math.sqrt(variance)
    wide = _any_time(variance, variant.units + control.units)
    return Difference(
        value, Interval(value - half, value + half), Interval(value - wide, value + wide)
    )


def verdict(found: Difference | None) -> Verdict:
    """By the interval that holds at any time: people look every day."""
    if found is None:
        return Verdict.TOO_FEW
    if found.any_time.low > 0:
        return Verdict.HIGHER
    return Verdict.LOWER if found.any_time.high < 0 else Verdict.OPEN


def split(counts: Mapping[str, int], shares: Mapping[str, float]) -> Split:
    """Compare conversations by variant with the variants' shares, by chi-squared."""
    total = sum(counts.values())
    whole = sum(shares.values())
    expected = {name: total * share / whole for name, share in shares.items()}
    statistic = sum(
        (counts.get(name, 0) - wanted) ** 2 / wanted for name, wanted in expected.items() if wanted
    )
    return Split(counts, expected, chi_squared(statistic, len(expected) - 1))


def chi_squared(statistic: float, freedom: int) -> float:
    """The chance of at least `statistic` under a chi-squared distribution; exact."""
    half, odd = statistic / 2, freedom % 2
    if freedom < 1 or half <= 0.0:  # the half of the smallest number is 0
        return 1.0
    order = 0.5 if odd else 1.0
    tail = math.erfc(math.sqrt(half)) if odd else math.exp(-half)
    while order < freedom / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1))
        order += 1
    return min(tail, 1.0)


def _freedom(one: Mean, other: Mean) -> float:
    """Welch's degrees of freedom."""
    whole = (one.variance + other.variance) ** 2
    parts = one.variance**2 / (one.units - 1) + other.variance**2 / (other.units - 1)
    return whole / parts


def _student(freedom: float) -> float:
    """The two-sided quantile of Student's t, by its expansion around the normal one.

    From 40 degrees of freedom on right to the fifth digit.
    """
    z = _NORMAL.inv_cdf(0.5 + CONFIDENCE / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def _any_time(variance: float, count: int) -> float:
    """Half the width of an asymptotic confidence sequence, by the normal mixture."""
    alpha = 1 - CONFIDENCE
    rho = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / TUNED
    scale = count * rho + 1
    widened = 2 * scale / (count * rho) * math.log(math.sqrt(scale) / alpha)
    return math.sqrt(variance * widened)
