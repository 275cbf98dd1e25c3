"""The line between weak and strong: by hand, and whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.routing.budget.pacing import (
    ABOVE_ALL_SCORES,
    CHEAPEST_ONLY,
    FIRST_SHARE,
    KNOWN,
    Pacer,
    Rate,
    SampledRequest,
    choose_index,
)
from weir_policy.ids import BackendId

SCORES = st.floats(0, 1)
PAIRS = st.tuples(st.floats(1e-6, 0.01), st.floats(1e-6, 0.1), SCORES).map(
    lambda drawn: SampledRequest((drawn[0], drawn[0] + drawn[1]), (drawn[2],))
)
COSTS = st.tuples(*[st.floats(1e-6, 0.1)] * 3)
TRIPLES = st.tuples(COSTS, st.tuples(SCORES, SCORES, SCORES)).map(
    lambda drawn: SampledRequest(tuple(sorted(drawn[0])), drawn[1])
)


def known(seen: list[SampledRequest], per_second: float = 1.0) -> Pacer:
    """A pacer whose traffic is `seen`, at so many requests a second for a long time."""
    pacer = Pacer(memory=10.0)
    for n in range(max(KNOWN, 400)):
        pacer.rate.add(n / per_second)
    for one in seen:
        pacer.add(one)
    return pacer


def spent(seen: list[SampledRequest], line: float) -> float:
    return sum(one.costs[choose_index(one, line)] for one in seen)


def at(pacer: Pacer, per_request: float, *, by_price: bool = False) -> float:
    rate = pacer.rate.per_second(399.0)
    return pacer.cutoff(399.0, per_request * rate, by_price=by_price)


def test_a_rate_by_hand() -> None:
    rate = Rate(memory=10.0)
    assert rate.per_second(5.0) == 0.0
    for n in range(1000):
        rate.add(n / 4)
    assert rate.per_second(250.0) == pytest.approx(4.0, rel=0.02)
    assert rate.per_second(260.0) == pytest.approx(4.0 / 2.718, rel=0.02)


def test_a_young_rate_is_not_taken_for_a_low_one() -> None:
    rate = Rate(memory=60.0)
    for n in range(20):
        rate.add(100.0 + n / 2)
    assert rate.per_second(110.0) == pytest.approx(2.0, rel=0.1)


def test_a_line_by_hand() -> None:
    seen = [SampledRequest((1.0, 5.0), (score,)) for score in (0.1, 0.3, 0.5, 0.7, 0.9)]
    pacer = known(seen)
    # Five requests at 1.0 and two strong ones at 4.0 more: 13 together, 2.6 each.
    assert at(pacer, 2.6) == pytest.approx(0.6)
    assert at(pacer, 5.0) == 0.0
    assert at(pacer, 1.0) > 0.9
    assert at(pacer, 0.5) == ABOVE_ALL_SCORES


def test_requests_without_a_choice_cost_what_they_cost() -> None:
    seen = [SampledRequest((1.0, 5.0), (score,)) for score in (0.1, 0.9)]
    pacer = known([*seen, SampledRequest((6.0,)), SampledRequest((2.0,))])
    # 14 for four: 8 are spent anyway, 2 by the weak ones, 4 are left for one strong answer.
    assert at(pacer, 3.5) == pytest.approx(0.5)


def test_prompts_of_one_score_go_together() -> None:
    seen = [SampledRequest((1.0, 5.0), (0.5,))] * 4
    assert choose_index(seen[0], at(known(seen), 3.5)) == 1
    assert choose_index(seen[0], at(known(seen), 2.5)) == 0


def test_until_traffic_is_known_a_fifth_of_the_way_is_spent() -> None:
    pacer = Pacer(memory=10.0)
    seen = [SampledRequest((0.0, 1.0), (n / 100,)) for n in range(100)]
    pacer.seed(seen)
    line = pacer.cutoff(0.0, 1e9, by_price=False)
    assert spent(seen, line) == pytest.approx(FIRST_SHARE * 100, abs=1)


@given(st.lists(PAIRS, min_size=1, max_size=60), st.floats(0, 0.2))
def test_a_threshold_spends_what_it_may_to_within_one_prompt(
    seen: list[SampledRequest], per_request: float
) -> None:
    line = at(known(seen), per_request)
    target = per_request * len(seen)
    low, high = spent(seen, ABOVE_ALL_SCORES), spent(seen, 0.0)
    if target <= low:
        assert spent(seen, line) == low
    elif target >= high * (1 + 1e-9):
        assert line == 0.0
    else:
        alike: dict[float, float] = {}
        for one in seen:
            alike[one.value[0]] = alike.get(one.value[0], 0.0) + one.costs[1] - one.costs[0]
        assert abs(spent(seen, line) - target) <= max(alike.values()) + 1e-9


@given(st.lists(TRIPLES, min_size=1, max_size=40), st.floats(1e-5, 0.2))
def test_a_price_never_spends_more_than_it_may(
    seen: list[SampledRequest], per_request: float
) -> None:
    line = at(known(seen), per_request, by_price=True)
    target = per_request * len(seen)
    if target >= spent(seen, CHEAPEST_ONLY):
        assert spent(seen, line) <= target * (1 + 1e-9)
    else:
        assert line == CHEAPEST_ONLY
    assert spent(seen, line) <= spent(seen, line / 2) + 1e-12


def test_a_price_by_hand() -> None:
    # From weak to middle .2 for 1 USD, from middle to strong .1 for 9 USD.
    seen = [SampledRequest((1.0, 2.0, 11.0), (0.5, 0.7, 0.8))]
    assert choose_index(seen[0], 0.0) == 2
    assert choose_index(seen[0], 0.05) == 1
    assert choose_index(seen[0], 0.3) == 0
    pacer = known(seen * 10)
    assert choose_index(seen[0], at(pacer, 2.0, by_price=True)) == 1
    assert choose_index(seen[0], at(pacer, 1.9, by_price=True)) == 0


def test_estimates_are_corrected_by_what_was_paid() -> None:
    pacer, strong = Pacer(memory=10.0), BackendId("shop/strong")
    assert pacer.bias(strong) == 1.0
    for _ in range(300):
        pacer.learn(strong, 0.01, 0.03)
    assert pacer.bias(strong) == pytest.approx(3.0)
    for _ in range(300):
        pacer.learn(strong, 0.01, 0.01)
    assert pacer.bias(strong) == pytest.approx(1.0, rel=0.05)
    assert pacer.bias(BackendId("shop/weak")) == 1.0
