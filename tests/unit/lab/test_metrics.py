"""The metrics against values worked out by hand, and against their definitions told otherwise."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import ConvexHull, QhullError

from weir_lab.arrays import Doubles
from weir_lab.metrics import (
    Ranked,
    aiq,
    apgr,
    bootstrap,
    brier,
    cpt,
    decile_curve,
    expected_calibration_error,
    full_curve,
    hull,
    pgr,
    random_scores,
    share_at_retention,
    spend_at_retention,
)

# Eleven prompts whose deciles are the scores themselves; the strong model is worth calling on the
# upper five. PGR climbs from 0 at no calls to 1 at 5 of 11, and stays.
ELEVEN = Ranked.of(
    np.arange(11.0), np.zeros(11), np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1], dtype=np.float64)
)


def test_deciles_by_hand() -> None:
    curve = decile_curve(ELEVEN)
    # The highest edge is taken with >, so one call of eleven is not among the points.
    assert curve.share.tolist() == pytest.approx([0, *(k / 11 for k in range(2, 12))])
    assert curve.thresholds.tolist() == [math.inf, *range(9, -1, -1)]
    assert pgr(curve).tolist() == pytest.approx([0, 0.4, 0.6, 0.8, *[1] * 7])
    assert apgr(curve) == pytest.approx((2.5 + 6) / 11)


def test_cpt_by_hand() -> None:
    curve = decile_curve(ELEVEN)
    assert cpt(curve, 0.5) == pytest.approx(2.5 / 11)
    assert cpt(curve, 0.8) == pytest.approx(4 / 11)
    assert cpt(curve, 0.0) == 0
    assert math.isnan(cpt(curve, 1.5))


def test_scores_that_are_all_equal_are_worth_a_coin() -> None:
    ranked = Ranked.of(np.ones(7), np.zeros(7), np.ones(7))
    assert apgr(decile_curve(ranked)) == pytest.approx(0.5)
    assert apgr(full_curve(ranked)) == pytest.approx(0.5)


def test_apgr_exceeds_one_where_the_strong_model_loses() -> None:
    weak = np.array([1.0, 1, 0, 0])
    strong = np.array([0.0, 0, 1, 1])
    strong[1] = 1
    ranked = Ranked.of(np.array([0.0, 1, 2, 3]), weak, strong)
    # quality by calls from the top: .5, .75, 1, 1, .75; the gap is .25
    assert apgr(full_curve(ranked)) == pytest.approx((0.5 + 1.5 + 2 + 1.5) / 4)


def test_no_gap_is_not_a_number() -> None:
    ranked = Ranked.of(np.arange(3.0), np.ones(3), np.ones(3))
    assert math.isnan(apgr(decile_curve(ranked)))
    assert math.isnan(cpt(decile_curve(ranked), 0.5))


@pytest.mark.parametrize(
    ("scores", "weak", "strong", "message"),
    [
        ([0.5], [1.0, 0.0], [1.0], "1 scores, 2 weak"),
        ([], [], [], "no prompts"),
        ([0.5, math.nan], [0.0, 0.0], [1.0, 1.0], r"scores\[1\] is nan"),
        ([0.5, 0.6], [0.0, math.inf], [1.0, 1.0], r"weak\[1\] is inf"),
    ],
)
def test_ranked_refuses(
    scores: list[float], weak: list[float], strong: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Ranked.of(np.array(scores), np.array(weak), np.array(strong))


def quantile(ordered: list[float], tenths: int) -> float:
    whole, rest = divmod(tenths * (len(ordered) - 1), 10)
    low, high = ordered[whole], ordered[min(whole + 1, len(ordered) - 1)]
    return low + (high - low) * rest / 10


def routellm(scores: Doubles, weak: Doubles, strong: Doubles) -> tuple[list[float], list[float]]:
    """Shares and accuracies as the paper's text gives them: one pass over the prompts an edge."""
    ordered = sorted(scores.tolist())
    edges = sorted({quantile(ordered, k) for k in range(11)})
    points: list[tuple[float, float]] = []
    for k, edge in enumerate(edges):
        called = [s > edge if k == len(edges) - 1 else s >= edge for s in scores]
        got = [b if c else a for a, b, c in zip(weak, strong, called, strict=True)]
        points.append((sum(called) / len(scores), sum(got) / len(scores)))
    points.sort()
    return [x for x, _ in points], [y for _, y in points]


@st.composite
def prompts(draw: st.DrawFn) -> tuple[Doubles, Doubles, Doubles]:
    size = draw(st.integers(2, 60))
    tenths = st.lists(st.integers(0, 30), min_size=size, max_size=size)
    bits = st.lists(st.integers(0, 1), min_size=size, max_size=size)
    scores = np.array(draw(tenths)) / 30.0
    return scores, np.array(draw(bits), dtype=np.float64), np.array(draw(bits), dtype=np.float64)


@given(prompts())
def test_deciles_are_routellms(data: tuple[Doubles, Doubles, Doubles]) -> None:
    scores, weak, strong = data
    share, quality = routellm(scores, weak, strong)
    curve = decile_curve(Ranked.of(scores, weak, strong))
    if len(set(scores.tolist())) > 1:
        for x, y in zip(share, quality, strict=True):
            assert any(
                x == pytest.approx(cx) and y == pytest.approx(cy)
                for cx, cy in zip(curve.share, curve.quality, strict=True)
            )
        area = float(np.trapezoid(quality, share)) - weak.mean()
        if weak.mean() != strong.mean():
            assert apgr(curve) == pytest.approx(area / (strong.mean() - weak.mean()))


@given(prompts(), st.randoms(use_true_random=False))
def test_weights_are_repetitions(data: tuple[Doubles, Doubles, Doubles], random: Random) -> None:
    counts = np.array([random.randint(0, 3) for _ in data[0]])
    counts[random.randrange(len(counts))] += 1
    ranked = Ranked.of(*data)
    repeated = Ranked.of(*(np.repeat(column, counts) for column in data))
    weights = counts[ranked.order].astype(np.float64)
    for curve_of in (decile_curve, full_curve):
        weighted, plain = curve_of(ranked, weights), curve_of(repeated)
        assert weighted.share == pytest.approx(plain.share)
        assert weighted.quality == pytest.approx(plain.quality)


@given(prompts())
def test_a_curve_runs_from_all_weak_to_all_strong(data: tuple[Doubles, Doubles, Doubles]) -> None:
    scores, weak, strong = data
    for curve in (decile_curve(Ranked.of(*data)), full_curve(Ranked.of(*data))):
        assert curve.share[0] == 0
        assert curve.share[-1] == pytest.approx(1)
        assert (np.diff(curve.share) > 0).all()
        assert curve.quality[0] == pytest.approx(weak.mean())
        assert curve.quality[-1] == pytest.approx(strong.mean())
        for share, threshold in zip(curve.share, curve.thresholds, strict=True):
            assert (scores >= threshold).mean() == pytest.approx(share)


def test_the_hull_by_hand() -> None:
    cost = np.array([1.5, 0.0, 1.0, 2.0, 3.0])
    quality = np.array([0.5, 0.0, 1.0, 1.5, 1.4])
    assert [v.tolist() for v in hull(cost, quality)] == [[0, 1, 2], [0, 1, 1.5]]
    # .5 + 1.25 up to 2, then flat at 1.5 up to 3
    assert aiq(cost, quality) == pytest.approx((0.5 + 1.25 + 1.5) / 3)
    assert aiq(cost[:4], quality[:4]) == pytest.approx(1.75 / 2)
    assert aiq(np.array([2.0, 2.0]), np.array([0.3, 0.7])) == 0.7


def test_the_hull_refuses() -> None:
    with pytest.raises(ValueError, match="0 costs"):
        hull(np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match="beyond 0"):
        aiq(np.array([0.0, 1.0]), np.array([0.0, 1.0]), upto=0.5)


def height_at(at: float, x: list[float], y: list[float]) -> float:
    for k in range(1, len(x)):
        if at <= x[k]:
            return y[k - 1] + (y[k] - y[k - 1]) * (at - x[k - 1]) / (x[k] - x[k - 1])
    return y[-1]  # beyond the dearest point the hull goes on flat


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=4, max_size=40))
def test_the_hull_is_qhulls(points: list[tuple[int, int]]) -> None:
    cost, quality = np.array(points, dtype=np.float64).T
    x, y = hull(cost, quality)
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    for at, height in zip(cost.tolist(), quality.tolist(), strict=True):
        assert height <= height_at(at, x.tolist(), y.tolist()) + 1e-9
    try:
        corners = ConvexHull(np.column_stack([cost, quality])).vertices
    except QhullError:
        return  # all on one line
    found = {(float(cost[k]), float(quality[k])) for k in corners}
    assert set(zip(x.tolist(), y.tolist(), strict=True)) <= found


def test_spending_by_hand() -> None:
    curve = full_curve(ELEVEN)
    # All-strong keeps 5 of 11; 80 % of it takes 4 calls.
    assert share_at_retention(curve, 0.8) == pytest.approx(4 / 11)
    assert share_at_retention(curve, 1.0) == pytest.approx(5 / 11)
    assert math.isnan(share_at_retention(curve, 1.2))
    costs = (np.full(11, 1.0), np.full(11, 10.0))
    assert spend_at_retention(ELEVEN, curve, costs, 0.8) == pytest.approx(47 / 110)
    assert math.isnan(spend_at_retention(ELEVEN, curve, (costs[0] * np.nan, costs[1]), 0.8))
    assert math.isnan(spend_at_retention(ELEVEN, curve, costs, 1.2))


def test_spending_with_weights_is_that_of_repetitions() -> None:
    rng = np.random.default_rng(8)
    counts = rng.integers(0, 4, 50)
    columns = [rng.random(50) for _ in range(5)]
    columns[1], columns[2] = columns[1] / 2, columns[2] / 2 + 0.4
    plain = [np.repeat(column, counts) for column in columns]
    spent: list[float] = []
    for (scores, weak, strong, cheap, dear), weights in (
        (columns, counts.astype(np.float64)),
        (plain, np.ones(len(plain[0]))),
    ):
        ranked = Ranked.of(scores, weak, strong)
        ordered = weights[ranked.order]
        costs = (cheap[ranked.order], dear[ranked.order])
        spent.append(spend_at_retention(ranked, full_curve(ranked, ordered), costs, 0.9, ordered))
    assert spent[0] == pytest.approx(spent[1])


def test_fit_by_hand() -> None:
    predicted, happened = np.array([0.1, 0.1, 0.9]), np.array([0.0, 1.0, 1.0])
    assert brier(predicted, happened) == pytest.approx((0.01 + 0.81 + 0.01) / 3)
    assert expected_calibration_error(predicted, happened) == pytest.approx((0.8 + 0.1) / 3)
    assert expected_calibration_error(np.array([1.0]), np.array([1.0])) == 0


def test_intervals_are_scipys() -> None:
    values = np.random.default_rng(3).random(400)
    (mine,) = bootstrap(lambda w: [float(np.average(values, weights=w))], 400, seed=1)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert mine.value == pytest.approx(values.mean())
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.005)


def test_intervals_are_the_same_for_the_same_seed() -> None:
    def statistic(weights: Doubles) -> list[float]:
        return [apgr(decile_curve(ELEVEN, weights))]

    assert bootstrap(statistic, 11, repeats=50, seed=4) == bootstrap(
        statistic, 11, repeats=50, seed=4
    )
    assert bootstrap(statistic, 11, repeats=50, seed=4) != bootstrap(
        statistic, 11, repeats=50, seed=5
    )


def test_a_figure_that_is_not_one_has_no_interval() -> None:
    (interval,) = bootstrap(lambda _: [math.nan], 5, repeats=3)
    assert math.isnan(interval.value)
    assert math.isnan(interval.low)


def test_random_scores_are_worth_a_half() -> None:
    rng = np.random.default_rng(99)
    weak, strong = (rng.random(4000) < 0.5).astype(np.float64), np.ones(4000)
    runs = [
        apgr(decile_curve(Ranked.of(random_scores(4000, seed), weak, strong))) for seed in range(10)
    ]
    assert np.mean(runs) == pytest.approx(0.5, abs=0.01)
