"""A cold prompt cache has its price both ways, spread over the turns that follow."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.tables import STRONG, WEAK, request
from weir_gateway.domain.money import Price
from weir_gateway.domain.session import NO_STATE, AgentState
from weir_gateway.domain.table import Backend
from weir_gateway.routing.stage.cold_cache import TURNS_AHEAD, WARM_SECONDS, Bars, Pair, bars_of
from weir_policy.spec.stage import Stage

STAGE = Stage(return_below=None, max_strong_usd=None, plan=None, swap_share=None)
LONG = 20_000
NOW = 1_000_000.0


def priced(backend: Backend, input_: int, output: int, cached: int) -> Backend:
    micro = 1_000_000
    price = Price(input_ * micro, output * micro, cached * micro, input_ * micro)
    return replace(backend, price=price)


CHEAP, DEAR = priced(WEAK, 1, 4, 1), priced(STRONG, 10, 40, 1)
PAIR = Pair(CHEAP, DEAR, request("hello", prompt_tokens=LONG))


def known(backend: Backend, tokens: int = LONG, ago: float = 10.0) -> AgentState:
    return replace(NO_STATE, backend=backend.id, tokens=tokens, seen=NOW - ago)


def test_where_nothing_warm_the_scores_are_the_policys() -> None:
    plain = Bars(0.6, 0.75 * 0.6)
    assert bars_of(0.6, STAGE, PAIR, None, NOW) == plain
    assert bars_of(0.6, STAGE, PAIR, known(CHEAP, tokens=1000), NOW) == plain
    assert bars_of(0.6, STAGE, PAIR, known(DEAR, ago=WARM_SECONDS + 1), NOW) == plain
    own = replace(STAGE, return_below=0.2)
    assert bars_of(0.6, own, PAIR, None, NOW) == Bars(0.6, 0.2)
    assert bars_of(0.1, own, PAIR, None, NOW) == Bars(0.1, 0.1)  # never above the threshold


def test_going_up_pays_for_the_strong_models_cold_cache_once() -> None:
    # Cold: 20k*10; warm 20k*1. Each turn, both warm: 20k*1 + 400*100 less 20k*1 + 400*4.
    pair = replace(PAIR, strong=priced(STRONG, 10, 100, 1))
    added = (200_000 - 20_000) / (TURNS_AHEAD * (60_000 - 21_600))
    bars = bars_of(0.5, STAGE, pair, known(CHEAP), NOW)
    assert bars.up == pytest.approx(0.5 * (1 + added))
    assert bars.back == 0.75 * 0.5
    assert bars_of(0.5, STAGE, PAIR, known(CHEAP), NOW).up == 0.75  # half of the way at most


def test_going_back_pays_for_the_weak_models_cold_cache_once() -> None:
    weak = priced(WEAK, 5, 20, 1)
    pair = replace(PAIR, weak=weak)
    added = (100_000 - 20_000) / (TURNS_AHEAD * (36_000 - 28_000))
    bars = bars_of(0.5, STAGE, pair, known(DEAR), NOW)
    assert bars.up == 0.5
    assert bars.back == pytest.approx(0.375 * (1 - added))


@given(
    st.floats(0, 1),
    st.integers(0, 100_000),
    st.sampled_from(["weak", "strong"]),
    st.tuples(*[st.integers(0, 50)] * 6),
)
def test_it_moves_towards_the_warm_model_by_half_of_the_way_at_most(
    threshold: float, tokens: int, warm: str, prices: tuple[int, ...]
) -> None:
    weak, dear = priced(WEAK, *prices[:3]), priced(STRONG, *prices[3:])
    pair = replace(PAIR, weak=weak, strong=dear)
    plain = bars_of(threshold, STAGE, pair, None, NOW)
    moved = bars_of(threshold, STAGE, pair, known(dear if warm == "strong" else weak, tokens), NOW)
    if warm == "strong":
        assert moved.up == plain.up
        assert plain.back / 2 <= moved.back <= max(plain.back, plain.back / 2)
    else:
        assert moved.back == plain.back
        assert plain.up <= moved.up <= max((1 + plain.up) / 2, plain.up)
