"""What a cascade saves, against cases that can be worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from weir_lab.replay.savings import Traffic, cached, cascaded, judged, routed

SIZE = 400
HALF = SIZE // 2
# The weak model is right on half of the prompts, the strong one always; it costs ten times as much.
RIGHT = np.tile([1.0, 0.0], HALF)
EVEN = Traffic(
    weak=RIGHT,
    strong=np.ones(SIZE),
    weak_usd=np.full(SIZE, 1.0),
    strong_usd=np.full(SIZE, 10.0),
    score=np.random.default_rng(0).random(SIZE),
    judge_usd=np.full(SIZE, 0.5),
)


def test_a_router_that_knows_pays_for_the_hard_half_only() -> None:
    knows = replace(EVEN, score=1.0 - RIGHT)
    found = routed(knows, retention=1.0, splits=8)
    assert found.retained == 1.0
    assert found.cost == pytest.approx((0.5 * 1 + 0.5 * 10) / 10, abs=0.03)


def test_a_router_that_knows_nothing_pays_for_nearly_all() -> None:
    found = routed(EVEN, retention=0.95, splits=8)
    assert found.retained == pytest.approx(
        0.95, abs=0.03
    )  # half of what is not asked again is wrong
    assert found.cost == pytest.approx(0.9 + 0.1 * 0.1, abs=0.06)


def test_a_judge_that_knows_pays_the_weak_answer_and_itself_on_top() -> None:
    found = cascaded(EVEN, retention=0.99, splits=8, auc=0.9999999)
    assert found.retained == pytest.approx(1.0, abs=0.01)
    assert found.cost == pytest.approx((1 + 0.5 + 0.5 * 10) / 10, abs=0.04)


def test_a_judge_that_knows_nothing_saves_nothing() -> None:
    blind = cascaded(EVEN, retention=0.95, splits=8, auc=0.5)
    assert blind.cost >= routed(EVEN, retention=0.95, splits=8).cost - 0.03


def test_a_judge_is_as_good_as_it_is_said_to_be() -> None:
    quality = np.tile(RIGHT, 50)
    for auc in (0.5, 0.7, 0.9):
        opinion = judged(quality, auc, seed=3)
        good, bad = opinion[quality == 1], opinion[quality == 0]
        assert (good[:, None] > bad[None, :]).mean() == pytest.approx(auc, abs=0.01)


def test_what_no_plan_keeps_costs_all() -> None:
    hopeless = replace(EVEN, weak=np.zeros(SIZE))
    found = cascaded(hopeless, retention=1.0, splits=4, auc=0.7)
    assert (found.cost, found.retained, found.retained_often) == (1.0, 1.0, 1.0)


def test_a_hit_costs_nothing() -> None:
    assert cached(0.5, 0.3) == pytest.approx(0.35)
