"""Estimates from feedback against hand-worked values, their own definitions, and a known truth."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.synthetic_ratings import World
from weir_lab.arrays import Flags
from weir_lab.errors import NoOverlap, TooFew
from weir_lab.feedback import FeedbackReport, Options, estimate, render, sweep, to_json
from weir_lab.metrics import Interval
from weir_lab.metrics.offpolicy import (
    Logged,
    doubly_robust,
    effective_size,
    ips,
    known,
    predicted_rewards,
    ratios,
    snips,
)

QUICK = Options(repeats=100)
ONE = np.ones(4)
FOUR = Logged(
    strong=np.array([False, False, True, True]),
    explored=np.array([False, False, True, False]),
    propensity=np.array([0.8, 0.8, 0.2, 1.0]),
    reward=np.array([1.0, 0.0, 1.0, 0.5]),
    score=np.array([0.4, 0.4, 0.4, 0.9]),
    weight=ONE,
)
ALL_STRONG: Flags = np.ones(4, dtype=np.bool_)


def test_by_hand() -> None:
    ratio = ratios(FOUR, ALL_STRONG)
    assert ratio.tolist() == [0, 0, 5, 1]
    assert ips(FOUR.reward, ratio, ONE) == pytest.approx(5.5 / 4)
    assert snips(FOUR.reward, ratio, ONE) == pytest.approx(5.5 / 6)
    assert effective_size(ratio, ONE) == pytest.approx(36 / 26)
    taken, targeted = np.array([0.6, 0.6, 0.8, 0.8]), np.full(4, 0.8)
    robust = doubly_robust(FOUR.reward, ratio, ONE, taken, targeted)
    assert robust == pytest.approx((0.8 + 0.8 + (0.8 + 5 * 0.2) + (0.8 - 0.3)) / 4)


def test_weights_are_rows_that_stand_several_times() -> None:
    twice = FOUR.only(np.ones(4, dtype=np.bool_))
    weight = np.array([1.0, 3.0, 2.0, 1.0])
    rows = np.repeat(np.arange(4), weight.astype(int))
    ratio = ratios(twice, ALL_STRONG)
    for one in (ips, snips):
        assert one(FOUR.reward, ratio, weight) == pytest.approx(
            one(FOUR.reward[rows], ratio[rows], np.ones(7))
        )


def test_what_the_log_can_tell() -> None:
    assert known(FOUR, ALL_STRONG).tolist() == [True] * 4
    assert known(FOUR, ~ALL_STRONG).tolist() == [True, True, True, False]
    assert FOUR.usual.tolist() == [False, False, False, True]


@st.composite
def logs(draw: st.DrawFn) -> tuple[Logged, Flags]:
    size = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    explored = rng.random(size) < 0.3
    propensity = np.where(explored, 0.2, np.where(rng.random(size) < 0.5, 0.8, 1.0))
    logged = Logged(
        strong=rng.random(size) < 0.5,
        explored=explored,
        propensity=propensity,
        reward=rng.random(size),
        score=rng.random(size),
        weight=rng.random(size) + 0.1,
    )
    return logged, rng.random(size) < 0.5


@given(logs())
def test_under_certain_choices_every_estimator_is_the_mean(made: tuple[Logged, Flags]) -> None:
    logged, _ = made
    certain = replace(logged, propensity=np.ones(len(logged)))
    ratio = ratios(certain, certain.strong)
    mean = pytest.approx(np.average(certain.reward, weights=certain.weight))
    assert ips(certain.reward, ratio, certain.weight) == mean
    assert snips(certain.reward, ratio, certain.weight) == mean
    guess = np.full(len(certain), 0.3)
    assert doubly_robust(certain.reward, ratio, certain.weight, guess, guess) == mean


@given(logs())
def test_snips_stays_among_the_rewards_and_nothing_counts_more_than_all_rows(
    made: tuple[Logged, Flags],
) -> None:
    logged, target = made
    ratio = ratios(logged, target)
    found = snips(logged.reward, ratio, logged.weight)
    if ratio.any():
        assert logged.reward.min() - 1e-9 <= found <= logged.reward.max() + 1e-9
    else:
        assert np.isnan(found)
    assert 0 <= effective_size(ratio, logged.weight) <= len(logged) + 1e-9


@given(logs())
def test_a_model_of_rewards_that_is_right_is_left_alone(made: tuple[Logged, Flags]) -> None:
    logged, target = made
    right = np.full(len(logged), 0.7)
    flat = replace(logged, reward=right)
    ratio = ratios(flat, target)
    assert doubly_robust(flat.reward, ratio, flat.weight, right, right) == pytest.approx(0.7)


@given(logs(), st.integers(0, 5))
def test_predicted_rewards_are_rewards(made: tuple[Logged, Flags], seed: int) -> None:
    rewards = predicted_rewards(made[0], seed)
    assert rewards.shape == (len(made[0]), 2)
    assert ((rewards >= 0) & (rewards <= 1)).all()


def test_a_row_has_no_part_in_its_own_prediction() -> None:
    logged = World().logged(200, 0)
    before = predicted_rewards(logged, 0)
    moved = replace(logged, reward=np.where(np.arange(200) == 17, 1 - logged.reward, logged.reward))
    after = predicted_rewards(moved, 0)
    assert (before[17] == after[17]).all()
    assert (before != after).any()


@pytest.mark.parametrize("threshold", [0.53, 0.67])
def test_intervals_cover_the_truth_as_often_as_they_say(threshold: float) -> None:
    world = World(share=0.15)
    truth = world.truth(threshold)
    covered = dict.fromkeys(("ips", "snips", "dr"), 0)
    off = dict.fromkeys(covered, 0.0)
    for seed in range(200):
        logged = world.logged(3000, seed)
        found = estimate(logged, logged.score >= threshold, replace(QUICK, seed=seed))
        for name in covered:
            interval = getattr(found, name)
            covered[name] += interval.low <= truth <= interval.high
            off[name] += (interval.value - truth) / 200
    # Of 200 intervals at 95 %, 190 are expected; 180 and 199 are three standard deviations off.
    assert all(180 <= count <= 199 for count in covered.values()), covered
    assert all(abs(bias) < 0.004 for bias in off.values()), off


def test_where_nothing_was_drawn_there_is_no_number() -> None:
    logged = World(share=0.0).logged(1000, 0)
    certain = replace(logged, propensity=np.ones(1000))
    with pytest.raises(NoOverlap, match="deterministic"):
        estimate(certain, certain.score >= 0.5, QUICK)
    same = estimate(certain, certain.score >= 0.6, QUICK)
    assert same.ips.value == pytest.approx(certain.reward.mean())
    assert any("as usual" in note for note in same.notes)


def test_where_too_little_was_tried_there_is_no_number() -> None:
    logged = World(share=0.02).logged(1000, 0)
    with pytest.raises(NoOverlap, match="it takes at least 10"):
        estimate(logged, logged.score >= 0.57, QUICK)
    with pytest.raises(TooFew, match="it takes at least 50"):
        estimate(logged.only(np.arange(1000) < 49), (logged.score >= 0.6)[:49], QUICK)


def test_far_from_the_band_there_is_no_number_and_near_it_the_bounds_are_told() -> None:
    world = World()
    logged = world.logged(4000, 0)
    with pytest.raises(NoOverlap, match=r"scores from 0\.50. to 0\.69"):
        estimate(logged, logged.score >= 0.85, QUICK)
    found = estimate(logged, logged.score >= 0.46, QUICK)
    assert 0.03 < found.untold < 0.05
    assert found.bounds[0] < world.truth(0.46) < found.bounds[1]
    assert any("never tried" in note for note in found.notes)


def test_clipping_is_told_with_its_bias() -> None:
    logged = World(share=0.02).logged(20_000, 0)
    plain = estimate(logged, logged.score >= 0.52, QUICK)
    clipped = estimate(logged, logged.score >= 0.52, replace(QUICK, clip=10.0))
    assert (plain.clipped, plain.clip_bias) == (0, 0.0)
    assert clipped.clipped == clipped.tried
    lost = plain.ips.value - clipped.ips.value
    assert 0 < lost <= clipped.clip_bias
    assert any("clipped at 10" in note for note in clipped.notes)
    assert clipped.effective > plain.effective


def test_few_tries_are_told() -> None:
    logged = World(share=0.1).logged(1500, 1)
    found = estimate(logged, logged.score >= 0.52, QUICK)
    assert found.tried < 30
    assert any("too narrow" in note for note in found.notes)


def test_the_same_seed_gives_the_same_figures() -> None:
    logged = World().logged(1500, 1)
    one, two = (estimate(logged, logged.score >= 0.52, QUICK) for _ in range(2))
    assert one == two


def test_the_report_is_one_page_that_escapes_what_users_wrote() -> None:
    logged = World().logged(3000, 0)
    some = Interval(0.1, 0.05, 0.2)
    report = FeedbackReport(
        ledger="ledger.db",
        policy="shop/<script>",
        asked="threshold 0.53",
        weak="weak",
        strong="strong",
        decisions=3000,
        left_out={"by rule:x": 3},
        estimate=estimate(logged, logged.score >= 0.53, QUICK),
        strong_share=0.47,
        strong_share_served=0.4,
        cost=some,
        cost_served=Interval(float("nan"), float("nan"), float("nan")),
        rated_by_model={"weak": (10, 20), "strong": (1, 0)},
        sweep=sweep(logged, logged.score, logged.score, QUICK),
        clip=100,
        repeats=100,
        seed=0,
        notes=("a note",),
    )
    page = render(report)
    assert "<script>" not in page
    assert page.count("<svg") == 2
    assert "http" not in page
    document = json.loads(to_json(report))
    assert document["cost_served"]["value"] is None
    assert document["estimate"]["dr"]["low"] < document["estimate"]["dr"]["high"]
    shares = [point["strong_share"] for point in document["sweep"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) > 10
