"""What a finish gate is worth, estimated from rates and costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_agents.gate_value import GateVerdict, gate_pays


def test_a_cheap_model_that_solves_most_and_a_good_score_pay() -> None:
    estimate = gate_pays(0.65, 0.74, 0.03, 0.70, 0.85, runs=1000)
    assert estimate.verdict is GateVerdict.PAYS
    assert estimate.pays
    assert 0.2 < estimate.saved.low < estimate.saved.value < estimate.saved.high < 0.7
    assert 0.1 < estimate.share < 0.8


@pytest.mark.parametrize(
    ("rates", "costs"),
    [
        ((0.24, 0.65), (0.06, 0.28)),  # the weak model fails most
        ((0.70, 0.73), (0.58, 0.73)),  # it costs nearly as much
        ((0.56, 0.70), (0.24, 0.58)),
    ],
)
def test_pairs_that_lose_are_refused(
    rates: tuple[float, float], costs: tuple[float, float]
) -> None:
    estimate = gate_pays(*rates, *costs, 0.72, runs=300)
    assert estimate.verdict is GateVerdict.LOSES
    assert estimate.saved.value < 0


def test_a_score_by_lots_saves_nothing_between_unlike_models() -> None:
    assert not gate_pays(0.6, 0.74, 0.03, 0.7, 0.5, runs=1000).pays


def test_few_runs_show_nothing() -> None:
    assert gate_pays(0.61, 0.73, 0.09, 0.73, 0.75, runs=30).verdict is GateVerdict.UNCLEAR


def test_two_equals_reach_more_than_either() -> None:
    estimate = gate_pays(0.74, 0.745, 0.5, 0.7, 0.72, runs=500)
    assert estimate.best_rate.value > 0.75


@pytest.mark.parametrize(
    "figures",
    [(0, 0.5, 1, 1, 0.7), (0.5, 1, 1, 1, 0.7), (0.5, 0.6, -1, 1, 0.7), (0.5, 0.6, 1, 0, 0.7)],
)
def test_figures_out_of_range_are_refused(
    figures: tuple[float, float, float, float, float],
) -> None:
    with pytest.raises(ValueError, match="must be"):
        gate_pays(*figures)


RATES = st.floats(0.01, 0.99)
COSTS = st.floats(0.001, 100)


@given(RATES, RATES, COSTS, COSTS, st.floats(0.01, 1))
def test_any_figures_have_an_estimate(
    weak: float, strong: float, weak_cost: float, strong_cost: float, auroc: float
) -> None:
    estimate = gate_pays(weak, strong, weak_cost, strong_cost, auroc)
    assert estimate.saved.low <= estimate.saved.high <= 1
    assert -weak_cost / strong_cost - 1e-6 <= estimate.saved.value
    assert 0 <= estimate.share <= 1
    assert 0 < estimate.best_rate.value <= 1
