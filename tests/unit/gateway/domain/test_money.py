"""Prices times tokens, to the pico-dollar."""

from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.domain.money import PICO_PER_USD, Price, cost, usd
from weir_wires.content import Usage

PRICE = Price(input=2_500_000, output=10_000_000, cached_input=1_250_000, cache_write=3_000_000)
TOKENS = st.integers(0, 10**7)


def test_a_million_tokens_cost_the_price() -> None:
    assert cost(PRICE, Usage(input=10**6, output=0)) == 2.5 * PICO_PER_USD
    assert cost(PRICE, Usage(input=0, output=10**6)) == 10 * PICO_PER_USD
    assert usd(cost(PRICE, Usage(input=10**6, output=10**6))) == 12.5


def test_cached_and_written_tokens_have_their_own_price() -> None:
    usage = Usage(input=10, output=0, cached_input=4, cache_write=3)
    assert cost(PRICE, usage) == 3 * 2_500_000 + 4 * 1_250_000 + 3 * 3_000_000


@given(TOKENS, TOKENS, TOKENS, TOKENS)
def test_no_usage_is_paid_back(input_: int, output: int, cached: int, written: int) -> None:
    assert cost(PRICE, Usage(input_, output, cached, written)) >= 0


@given(TOKENS, TOKENS, st.integers(1, 5))
def test_sums_agree_to_the_last_digit(input_: int, output: int, times: int) -> None:
    one = cost(PRICE, Usage(input_, output))
    assert cost(PRICE, Usage(input_ * times, output * times)) == one * times
