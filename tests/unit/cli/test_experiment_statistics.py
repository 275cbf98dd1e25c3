"""The experiment's statistics: by hand, beside scipy's, and over many experiments."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from weir_cli.experiment.statistics import (
    LEAST,
    Interval,
    Mean,
    Verdict,
    _student,
    chi_squared,
    difference,
    ratio,
    split,
    verdict,
)


def test_a_ratio_by_hand() -> None:
    # Half of the conversations have 1 request that cost 2, half have 3 that cost 2 together.
    mean = ratio([2.0, 2.0] * 50, [1.0, 3.0] * 50)
    assert mean is not None
    assert (mean.value, mean.units) == (1.0, 100)
    # Deviations are (2 - 1)/2 = .5 and (2 - 3)/2 = -.5: variance .25 * 100/99, of the mean / 100.
    assert mean.variance == pytest.approx(0.25 / 99)


def test_of_conversations_alike_in_size_the_ratio_is_the_mean() -> None:
    values = np.random.default_rng(1).lognormal(size=500)
    mean = ratio(list(values), [1.0] * 500)
    assert mean is not None
    assert mean.value == pytest.approx(values.mean())
    assert math.sqrt(mean.variance) == pytest.approx(stats.sem(values))


def test_too_few_say_nothing() -> None:
    assert ratio([1.0] * (LEAST - 1), [1.0] * (LEAST - 1)) is None
    assert ratio([1.0] * 500, [0.0] * 490 + [1.0] * 10) is None  # ten rated conversations
    assert verdict(difference(None, Mean(1.0, 0.1, 500))) is Verdict.TOO_FEW


def test_an_interval_for_one_look_is_welchs() -> None:
    chance = np.random.default_rng(2)
    one, other = chance.normal(1.0, 2.0, 80), chance.normal(1.5, 0.5, 300)
    found = difference(ratio(list(one), [1.0] * 80), ratio(list(other), [1.0] * 300))
    expected = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    assert found is not None
    assert found.once.low == pytest.approx(expected.low, rel=1e-5)
    assert found.once.high == pytest.approx(expected.high, rel=1e-5)
    assert found.any_time.low < found.once.low
    assert found.any_time.high > found.once.high


@pytest.mark.parametrize("freedom", [40, 49.5, 100, 1000, 1e6])
def test_students_quantile_is_scipys(freedom: float) -> None:
    assert _student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-5)


@given(st.floats(0, 200), st.integers(1, 12))
@example(5e-324, 3)
def test_chi_squared_is_scipys(statistic: float, freedom: int) -> None:
    expected = float(stats.chi2.sf(statistic, freedom))
    assert chi_squared(statistic, freedom) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_a_split_by_hand() -> None:
    # 1,000 conversations at 9 to 1: expected are 900 and 100. (20^2/900 + 20^2/100) = 4.444
    found = split({"control": 880, "new": 120}, {"control": 0.9, "new": 0.1})
    assert found.p == pytest.approx(stats.chisquare([880, 120], [900, 100]).pvalue)
    assert not found.mismatch
    assert split({"control": 800, "new": 200}, {"control": 0.9, "new": 0.1}).mismatch
    assert split({"control": 1000}, {"control": 0.9, "new": 0.1}).mismatch


def test_no_difference_at_all_is_no_difference() -> None:
    found = difference(Mean(1.0, 0.0, 60), Mean(1.0, 0.0, 60))
    assert found is not None
    assert found.any_time == Interval(0.0, 0.0)
    assert verdict(found) is Verdict.OPEN


def test_looking_every_day_finds_nothing_where_there_is_nothing() -> None:
    """Forty looks at each of 300 experiments without a difference: at most 5 % may be fooled."""
    chance = np.random.default_rng(3)
    fooled = once = 0
    for _ in range(300):
        control, new = chance.exponential(size=2000), chance.exponential(size=2000)
        looks = [
            difference(ratio(list(new[:n]), [1.0] * n), ratio(list(control[:n]), [1.0] * n))
            for n in range(50, 2001, 50)
        ]
        fooled += any(verdict(look) in {Verdict.HIGHER, Verdict.LOWER} for look in looks)
        once += any(not look.once.low <= 0 <= look.once.high for look in looks if look)
    assert fooled <= 15
    assert once > 45  # which is why the verdict does not go by it


def test_a_difference_that_is_there_is_found() -> None:
    chance = np.random.default_rng(4)
    control, new = chance.normal(1.0, 1.0, 3000), chance.normal(0.8, 1.0, 3000)
    found = difference(ratio(list(new), [1.0] * 3000), ratio(list(control), [1.0] * 3000))
    assert verdict(found) is Verdict.LOWER
    other_way = difference(ratio(list(control), [1.0] * 3000), ratio(list(new), [1.0] * 3000))
    assert verdict(other_way) is Verdict.HIGHER
