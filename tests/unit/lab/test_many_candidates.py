"""The area under quality over cost with many candidates, on models that are known through."""

from dataclasses import replace

import numpy as np
import pytest

from weir_lab.arrays import Doubles
from weir_lab.many_candidates import Recorded, measure

PROMPTS = 400
PRICES = (0.001, 0.01, 0.1)  # USD an answer


@pytest.fixture
def recorded() -> Recorded:
    """Three models; each answers what is no harder than it can do."""
    rng = np.random.default_rng(1)
    hard = rng.random(PROMPTS)
    able = np.array([0.4, 0.7, 0.95])
    quality = (hard[:, None] <= able).astype(np.float64)
    return Recorded(
        prompts=tuple(f"prompt {index}" for index in range(PROMPTS)),
        train=np.arange(PROMPTS) % 2 == 0,
        models=("small", "middle", "large"),
        quality=quality,
        cost=np.tile(np.array(PRICES), (PROMPTS, 1)),
    )


def difficulty(recorded: Recorded) -> Doubles:
    """Of the dev prompts: how many models fail."""
    return np.asarray(3.0 - recorded.quality[~recorded.train].sum(axis=1))


def test_true_predictions_beat_lots_and_the_pair(recorded: Recorded) -> None:
    row = measure(recorded, recorded.quality[~recorded.train], difficulty(recorded), 3)
    assert row.value.low > 0
    assert row.value.value > row.pair.value


def test_predictions_that_know_nothing_gain_nothing(recorded: Recorded) -> None:
    means = np.tile(recorded.quality.mean(axis=0), (int((~recorded.train).sum()), 1))
    row = measure(recorded, means, difficulty(recorded), 3)
    assert row.value.value <= 1e-9


def test_a_dominated_model_adds_nothing(recorded: Recorded) -> None:
    worse = replace(
        recorded,
        models=(*recorded.models, "waste"),
        quality=np.column_stack([recorded.quality, recorded.quality[:, 0]]),
        cost=np.column_stack([recorded.cost, np.full(PROMPTS, 0.05)]),
    )
    three = measure(recorded, recorded.quality[~recorded.train], difficulty(recorded), 3)
    four = measure(worse, worse.quality[~worse.train], difficulty(worse), 4)
    assert four.value.value == pytest.approx(three.value.value, abs=1e-6)
