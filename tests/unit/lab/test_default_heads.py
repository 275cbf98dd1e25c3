"""The default heads' training: what each small model finds, and that the shipped heads route."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from support.bundles import default_bundle
from weir_lab.default_heads.certify import binomial_tail, certify
from weir_lab.default_heads.data import load_mmlu, without_examples
from weir_lab.default_heads.groups import balanced, recovered
from weir_lab.routers.regression import Standard, platt, rasch, ridge, sigmoid
from weir_scorer import Bundle

DATA = Path(os.environ.get("WEIR_DATA_DIR", Path(__file__).parents[4] / "shared" / "data"))


def test_answered_examples_are_cut_off() -> None:
    shot = "How many legs has a cat?\nA) 4\nAnswer:\nA\n\n"
    question = "Which planet is red?\nA) Mars\nAnswer:"
    assert without_examples(shot * 5 + question) == question
    assert without_examples(question) == question


def test_every_source_weighs_the_same() -> None:
    source = np.array(["a"] * 9 + ["b"] * 3)
    weights = balanced(source)
    assert weights[:9].sum() == pytest.approx(weights[9:].sum())
    assert weights.mean() == pytest.approx(1)


def test_ridge_finds_the_line_and_shrinks_with_alpha() -> None:
    random = np.random.default_rng(0)
    columns = random.normal(size=(500, 3))
    target = columns @ np.array([1.0, -2.0, 0.0]) + 5
    weights = np.ones(500)
    centred = Standard.of(columns.astype(np.float32), weights)(columns.astype(np.float32))
    assert ridge(centred, target, weights, 1e-6) == pytest.approx([1, -2, 0], abs=0.15)
    assert np.abs(ridge(centred, target, weights, 1e6)).max() < 0.01


def test_a_logistic_curve_is_recovered() -> None:
    x = np.linspace(-3, 3, 400)
    found = platt(x, sigmoid(0.7 * x - 0.4), np.ones(400), pull=0.0)
    assert found == pytest.approx((0.7, -0.4), abs=1e-6)


def test_rasch_compares_models_that_never_met() -> None:
    """`low` and `high` share no prompt; `link` answered all, and puts them on one scale."""
    random = np.random.default_rng(1)
    difficulty = random.normal(size=2000)
    ability = np.array([-1.0, 0.0, 1.0])  # low, link, high
    chance = sigmoid(ability[None, :] - difficulty[:, None])
    scores = (random.random(chance.shape) < chance).astype(np.float32)
    scores[1000:, 0] = np.nan
    scores[:1000, 2] = np.nan
    found = rasch(scores).ability
    assert found[2] - found[1] == pytest.approx(1, abs=0.5)
    assert found[1] - found[0] == pytest.approx(1, abs=0.5)


@given(st.integers(1, 400), st.floats(0.001, 0.999), st.data())
def test_the_binomial_tail_is_exact(trials: int, chance: float, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, trials))
    expected = float(stats.binom.cdf(successes, trials, chance))
    assert binomial_tail(successes, trials, chance) == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_a_promise_is_kept_as_often_as_it_says() -> None:
    """Prompts' true losses are known here: the certified threshold rarely loses too much."""
    random = np.random.default_rng(2)
    steps = np.linspace(0, 1, 101).tolist()
    broken = 0
    for _ in range(200):
        scores = random.random(800)
        lost = random.random(800) < 0.2 * scores  # so a threshold t loses .1 t**2 of all prompts
        threshold = certify(scores, lost, 0.6, steps, (0.95, 0.9)).threshold
        broken += 0.1 * threshold**2 > 0.05 * 0.6
    assert broken <= 200 * 0.1 + 3 * np.sqrt(200 * 0.1 * 0.9)


def test_what_cannot_be_promised_sends_all_to_the_strong_model() -> None:
    always = certify(np.zeros(50), np.ones(50, dtype=np.bool_), 0.6, [0.0, 0.5], (0.98, 0.95))
    assert (always.threshold, always.strong_share) == (0.0, 1.0)


@pytest.mark.data
def test_the_shipped_default_beats_a_coin_on_prompts_it_never_saw() -> None:
    """On a sample of RouteLLM's MMLU test; its card says .578, this sample strays by .04."""
    if not DATA.is_dir():
        pytest.skip(f"no recorded data in {DATA}: set WEIR_DATA_DIR")
    test = load_mmlu(DATA)
    some = np.random.default_rng(3).permutation(len(test.prompts))[:3000]
    prompts = [test.prompts[int(index)] for index in some]
    with Bundle.open(default_bundle(), devices=["cpu"]) as bundle:
        scores = bundle.score(prompts, "linear").scores
    assert recovered(scores, test.weak[some], test.strong[some]) > 0.53
