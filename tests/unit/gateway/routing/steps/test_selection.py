"""Choosing among those that can serve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import STRONG, WEAK, backend, request
from weir_gateway.domain.table import Backend
from weir_gateway.routing.estimate import EXPECTED_OUTPUT, estimate_costs
from weir_gateway.routing.steps import selection
from weir_policy.spec.policy import ScorerFailure

UNIT = st.floats(0, 1)


@pytest.mark.parametrize(
    ("score", "threshold", "chosen"),
    [(0.59, 0.6, WEAK), (0.6, 0.6, STRONG), (0.61, 0.6, STRONG), (0.0, 0.0, STRONG)],
)
def test_strong_iff_the_score_reaches_the_threshold(
    score: float, threshold: float, chosen: Backend
) -> None:
    assert selection.by_threshold([WEAK, STRONG], score, threshold) is chosen


@given(UNIT, UNIT, UNIT)
def test_a_higher_threshold_never_sends_more_to_strong(a: float, b: float, score: float) -> None:
    low, high = sorted([a, b])
    if selection.by_threshold([WEAK, STRONG], score, high) is STRONG:
        assert selection.by_threshold([WEAK, STRONG], score, low) is STRONG


THREE = (backend("s", price=1), backend("m", price=5), backend("l", price=25))


@pytest.mark.parametrize(
    ("quality", "retention", "chosen"),
    [
        ({"s": 0.5, "m": 0.8, "l": 0.9}, 0.5, "s"),
        ({"s": 0.5, "m": 0.8, "l": 0.9}, 0.85, "m"),
        ({"s": 0.5, "m": 0.8, "l": 0.9}, 0.95, "l"),
        ({"s": 0.9, "m": 0.8, "l": 0.9}, 1.0, "s"),
        ({"m": 0.8, "l": 0.9}, 0.1, "m"),
        ({"s": 0.0, "m": 0.0, "l": 0.0}, 1.0, "s"),
    ],
)
def test_the_cheapest_that_keeps_enough_of_the_best(
    quality: dict[str, float], retention: float, chosen: str
) -> None:
    costs = estimate_costs(THREE, request())
    best = selection.by_quality(THREE, quality, retention, costs)
    assert best is not None
    assert best.name == chosen


def test_of_equally_cheap_ones_the_better() -> None:
    twins = (backend("a", price=2), backend("b", price=2))
    best = selection.by_quality(twins, {"a": 0.8, "b": 0.81}, 0.9, estimate_costs(twins, request()))
    assert best is twins[1]


def test_without_a_single_profile_nobody_is_chosen() -> None:
    costs = estimate_costs(THREE, request())
    assert selection.by_quality(THREE, {"other": 1.0}, 0.9, costs) is None


@given(st.tuples(UNIT, UNIT, UNIT), st.floats(0.01, 1))
def test_the_chosen_keeps_its_promise_and_none_cheaper_does(
    qualities: tuple[float, float, float], retention: float
) -> None:
    quality = dict(zip("sml", qualities, strict=True))
    costs = estimate_costs(THREE, request())
    best = selection.by_quality(THREE, quality, retention, costs)
    assert best is not None
    enough = retention * max(qualities)
    assert quality[best.name] >= enough
    assert all(quality[b.name] < enough for b in THREE if costs[b.id] < costs[best.id])


def test_costs_count_the_clients_cap_where_it_is_lower() -> None:
    capped = estimate_costs([WEAK], request(prompt_tokens=100, max_tokens=50))[WEAK.id]
    free = estimate_costs([WEAK], request(prompt_tokens=100))[WEAK.id]
    large = estimate_costs([WEAK], request(prompt_tokens=100, max_tokens=10**6))[WEAK.id]
    assert capped == 150 * WEAK.price.input
    assert free == large == (100 + EXPECTED_OUTPUT) * WEAK.price.input


@pytest.mark.parametrize(
    ("failure", "chosen"),
    [(ScorerFailure.WEAK, WEAK), (ScorerFailure.STRONG, STRONG), (ScorerFailure.REJECT, None)],
)
def test_without_a_score_the_policy_says_who(
    failure: ScorerFailure, chosen: Backend | None
) -> None:
    assert selection.without_score([WEAK, STRONG], failure) is chosen
