"""What a threshold promises is kept, and what cannot be promised is refused."""

import math

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from weir_lab.arrays import Doubles
from weir_lab.calibration import (
    keep_retention,
    share_margin,
    snippet,
    strong_share,
    within_budget,
)
from weir_lab.calibration.retention import p_value
from weir_lab.calibration.snippet import decimal
from weir_lab.errors import NoPromise, TooFew
from weir_lab.evidence import in_words, measure_evidence


def population(size: int, seed: int, *, graded: bool = False) -> tuple[Doubles, Doubles, Doubles]:
    """Prompts whose weak model fails the more often the higher they score."""
    rng = np.random.default_rng(seed)
    scores = rng.random(size)
    weak = (rng.random(size) > 0.1 + 0.5 * scores).astype(np.float64)
    strong = (rng.random(size) > 0.1 + 0.2 * scores).astype(np.float64)
    if graded:
        return scores, (weak + rng.random(size)) / 2, (strong + rng.random(size)) / 2
    return scores, weak, strong


def test_a_share_by_hand() -> None:
    found = strong_share(np.arange(10.0) / 10, 0.3)
    assert found.threshold == pytest.approx(0.7)
    assert found.seen == pytest.approx(0.3)
    margin = math.sqrt(math.log(2 / 0.05) / 20)
    assert (found.low, found.high) == pytest.approx((max(0.0, 0.3 - margin), 0.3 + margin))
    assert strong_share(np.arange(10.0) / 10, 0.0).seen == 0
    assert strong_share(np.arange(10.0) / 10, 1.0).threshold == 0


def test_scores_that_lump_cannot_be_parted() -> None:
    with pytest.raises(NoPromise, match=r"strong share of 30.0%: the nearest is 0.0%"):
        strong_share(np.full(100, 0.5), 0.3)
    with pytest.raises(TooFew):
        strong_share(np.zeros(0), 0.3)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50), st.floats(0, 1))
def test_a_share_is_what_its_threshold_gives(values: list[int], share: float) -> None:
    scores = np.array(values) / 1000.0
    try:
        found = strong_share(scores, share)
    except NoPromise:
        return
    assert (scores >= found.threshold).mean() == pytest.approx(found.seen)
    assert found.low <= found.seen <= found.high


def test_the_margin_is_kept_over_resplits() -> None:
    scores = np.random.default_rng(5).beta(2, 5, 20_000)
    kept = 0
    for seed in range(200):
        sample = np.random.default_rng(seed).permutation(scores)[:300]
        found = strong_share(sample, 0.2)
        kept += found.low <= (scores >= found.threshold).mean() <= found.high
    assert kept / 200 >= 0.95
    assert share_margin(0, 0.95) == 1


def test_the_exact_test_by_hand() -> None:
    # Two losses of three at an allowed half: 1 - P(3) = 7/8.
    assert p_value(np.array([1.0, 1, 0]), 0.5) == pytest.approx(7 / 8)
    assert p_value(np.zeros(59), 0.05) == pytest.approx(0.95**59)
    assert p_value(np.zeros(59), 0.05) < 0.05 < p_value(np.zeros(58), 0.05)
    assert p_value(np.zeros(5), 0.0) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.floats(0.01, 0.99))
def test_the_bound_for_graded_losses_is_a_probability(losses: list[float], allowed: float) -> None:
    found = p_value(np.array(losses), allowed)
    assert 0 <= found <= 1
    rounded_up = np.ceil(np.array(losses))
    # Losses no larger can only be more surprising.
    assert found <= max(1.0, math.e * p_value(rounded_up, allowed))


def test_graded_losses_are_refused_as_seldom_as_stated() -> None:
    rng = np.random.default_rng(2)
    losses = rng.beta(1, 9, size=(2000, 80))  # true mean .1: the hypothesis just holds
    rejected = np.mean([p_value(row, 0.1) <= 0.1 for row in losses])
    assert rejected <= 0.1


@pytest.mark.parametrize("graded", [False, True])
def test_the_retention_is_kept_over_200_resplits(*, graded: bool) -> None:
    scores, weak, strong = population(30_000, 1, graded=graded)
    kept, strong_shares = 0, list[float]()
    for seed in range(200):
        order = np.random.default_rng(seed).permutation(len(scores))
        seen, rest = order[:1500], order[1500:]
        found = keep_retention(scores[seen], weak[seen], strong[seen], 0.85, 0.9)
        routed = np.where(scores[rest] < found.threshold, weak[rest], strong[rest])
        kept += bool(routed.mean() >= 0.85 * strong[rest].mean())
        strong_shares.append(found.strong_share)
    assert kept / 200 >= 0.9
    assert np.mean(strong_shares) < 0.75  # and it does save calls


def test_what_is_certified_is_what_was_seen() -> None:
    scores, weak, strong = population(3000, 4)
    found = keep_retention(scores, weak, strong, 0.9)
    to_weak = scores < found.threshold
    lost = (to_weak & (strong > weak)).mean()
    assert found.lost == pytest.approx(lost)
    assert stats.binom.cdf(round(lost * 3000), 3000, found.allowed) <= 0.05
    assert found.allowed < 0.1 * strong.mean()
    assert found.strong_share == pytest.approx(1 - to_weak.mean())
    assert found.retained >= 0.9


def test_too_few_labels_promise_nothing() -> None:
    scores, weak, strong = population(30, 0)
    with pytest.raises(NoPromise, match="from 30 labelled prompts: it takes"):
        keep_retention(scores, weak, strong, 0.95)
    with pytest.raises(TooFew):
        keep_retention(np.zeros(0), np.zeros(0), np.zeros(0), 0.95)


def test_a_router_that_cannot_part_prompts_promises_nothing() -> None:
    _, weak, strong = population(3000, 0)
    with pytest.raises(NoPromise, match="already loses too many among those that score lowest"):
        keep_retention(np.full(3000, 0.5), weak, strong, 0.98)


def test_a_budget_by_hand() -> None:
    scores = np.linspace(0, 0.99, 100)
    found = within_budget(scores, np.full(100, 0.001), np.full(100, 0.01), 0.00551, 0.5)
    # Half the confidence is the seen mean itself: 50 strong calls cost .0055, 51 cost .00559.
    assert found.strong_share == pytest.approx(0.5)
    assert found.threshold == pytest.approx(scores[50])
    assert found.mean == pytest.approx(0.0055)
    assert (found.all_weak, found.all_strong) == pytest.approx((0.001, 0.01))
    surer = within_budget(scores, np.full(100, 0.001), np.full(100, 0.01), 0.00551, 0.95)
    assert surer.strong_share < 0.5
    assert surer.mean < surer.bound <= 0.00551


def test_budgets_that_cannot_be_kept() -> None:
    scores = np.linspace(0, 1, 200)
    with pytest.raises(NoPromise, match=r"the weak model alone costs \$0.001"):
        within_budget(scores[:-1], np.full(199, 0.001), np.full(199, 0.01), 0.0005)
    with pytest.raises(TooFew, match="known for 0 prompts"):
        within_budget(scores, np.full(200, np.nan), np.full(200, 0.01), 1.0)
    # A score of 1 is always at or over the threshold: that call is paid for.
    found = within_budget(scores, np.zeros(200), np.ones(200), 0.02, 0.5)
    assert found.strong_share == pytest.approx(4 / 200)


def test_the_snippet_is_a_policys_spec() -> None:
    text = snippet("linear", 0.123456789, ["keeps 95 %", "for prompts like these"])
    assert "# keeps 95 %" in text
    spec = yaml.safe_load(text)["spec"]
    assert spec == {"router": {"name": "linear"}, "objective": {"threshold": "0.12345678"}}
    assert decimal(0.25) == "0.25"
    assert decimal(1.0) == "1"


def labelled(size: int, seed: int) -> tuple[list[str], Doubles, Doubles, Doubles]:
    """Prompts whose length tells nothing, with scores that do."""
    scores, weak, strong = population(size, seed)
    lengths = np.random.default_rng(seed + 1).integers(10, 400, size)
    return ["x" * int(length) for length in lengths], scores, weak, strong


def test_labels_show_a_router_that_is_better_than_lots_and_length() -> None:
    shown = measure_evidence(*labelled(3000, 5))
    assert shown is not None
    assert shown.labels == 3000
    assert shown.over_lots.low > 0
    assert shown.over_length.low > 0
    assert in_words("linear", shown)[0].endswith("better")
    assert len(in_words("linear", shown)) == 2


def test_labels_show_a_router_that_does_no_better_than_lots() -> None:
    prompts, scores, weak, strong = labelled(3000, 6)
    shown = measure_evidence(prompts, 1 - scores, weak, strong)
    assert shown is not None
    assert shown.over_lots.high < 0
    words = in_words("linear", shown)
    assert words[0].endswith("worse")
    assert "draws lots in place of linear" in words[-1]


def test_a_router_is_no_better_than_itself() -> None:
    prompts, _, weak, strong = labelled(500, 7)
    shown = measure_evidence(prompts, np.array([float(len(p)) for p in prompts]), weak, strong)
    assert shown is not None
    assert (shown.over_length.low, shown.over_length.high) == (0, 0)
    assert "no difference shown" in in_words("length", shown)[1]


def test_models_that_do_equally_well_show_nothing() -> None:
    same = np.ones(400)
    assert measure_evidence(["a"] * 400, np.arange(400.0) / 400, same, same) is None
