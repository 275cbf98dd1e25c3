"""How routers are fitted: curves that keep their order, tiers, and what a constant is for."""

import numpy as np
import pytest
from numpy.typing import NDArray

from weir_lab.default_heads.heads import curve_of
from weir_lab.errors import Backwards
from weir_lab.routers.mf import fit_mf
from weir_lab.routers.regression import level_shift, platt, sigmoid, within_group_slope
from weir_lab.routers.sw_ranking import fit_sw_ranking
from weir_lab.routers.task import Battles, Task, together
from weir_scorer.engine.routers import ROUTERS


def backwards_across() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    """Within either source a higher x wins more often; the source with higher ones wins less."""
    x = np.concatenate([np.linspace(-3, -1, 200), np.linspace(1, 3, 200)])
    offset = np.repeat([4.0, -4.0], 200)
    return x, 1 / (1 + np.exp(-(x + offset))), np.repeat(["easy", "hard"], 200)


def test_a_slope_is_that_within_sources() -> None:
    x, seen, source = backwards_across()
    assert platt(x, seen, np.ones(400))[0] < 0
    assert within_group_slope(x, seen, source) == pytest.approx(1, abs=1e-6)


def test_a_level_gives_the_mean_that_was_seen() -> None:
    x, seen, _ = backwards_across()
    found = level_shift(x, seen, np.ones(400))
    assert sigmoid(x + found).mean() == pytest.approx(seen.mean(), abs=1e-9)
    assert level_shift(np.zeros(4), np.array([1.0, 0, 0, 0]), np.ones(4)) == pytest.approx(
        np.log(1 / 3)
    )


def test_a_router_that_ranks_backwards_gets_no_curve() -> None:
    x, seen, source = backwards_across()
    scores = sigmoid(x).astype(np.float32)
    slope, _ = curve_of(scores, seen, source)
    assert slope == pytest.approx(1, abs=1e-3)
    with pytest.raises(Backwards, match="slope"):
        curve_of(1 - scores, seen, source)


def fights(pool: int, strengths: dict[int, float], random: np.random.Generator) -> Battles:
    models = np.array(list(strengths))
    first, second = (random.choice(models, 4000) for _ in range(2))
    ahead = np.array([strengths[a] - strengths[b] for a, b in zip(first, second, strict=True)])
    wins = (random.random(4000) < 1 / (1 + np.exp(-ahead))).astype(np.float64)
    return Battles(
        np.arange(4000), first, second, wins, np.zeros(4000, np.bool_), np.full(4000, pool)
    )


def test_tiers_are_those_of_a_pools_own_models() -> None:
    """Ten models a pool, all of one stronger than all of the other: both have every tier."""
    random = np.random.default_rng(5)
    weak = fights(0, {model: model / 2.0 for model in range(10)}, random)
    strong = fights(1, {10 + model: 40 + model / 2.0 for model in range(10)}, random)
    battles = together([weak, strong])
    columns = random.normal(size=(4000, 3)).astype(np.float32)
    task = Task(columns, (3,), columns[:, 0].astype("f8"), np.ones(4000), battles, 20, 0)
    arrays = fit_sw_ranking(task)
    apart = battles.first != battles.second
    assert 0 < len(arrays["first"]) <= apart.sum()
    assert set(np.unique(arrays["first"])) == set(range(10))
    near = np.abs(arrays["first"].astype(int) - arrays["second"].astype(int))
    assert near.mean() < 5  # one order over both pools would put every battle within a half of it
    counts = np.bincount(arrays["first"], minlength=10)
    assert counts.min() > counts.max() / 3


def test_mf_learns_that_a_model_is_better_everywhere() -> None:
    """Columns say nothing here: all there is to learn stands in the constant."""
    random = np.random.default_rng(6)
    battles = fights(0, {0: -1.0, 1: 0.0, 2: 1.0}, random)
    columns = random.normal(size=(4000, 3)).astype(np.float32)
    arrays = fit_mf(Task(columns, (3,), columns[:, 0].astype("f8"), np.ones(4000), battles, 3, 0))
    logits = np.log(ROUTERS["mf"](arrays).scores(columns))
    assert float(arrays["bias"]) == pytest.approx(2, abs=0.4)  # the strongest less the weakest
    assert logits.std() < 0.2
