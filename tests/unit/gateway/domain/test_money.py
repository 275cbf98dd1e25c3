"""Prices times tokens, to the pico-dollar."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir_gateway.domain.money import PICO_PER_USD, Price, cost, discounted, scaled, usd
from weir_wires.content import Usage

PRICE = Price(input=2_500_000, output=10_000_000, cached_input=1_250_000, cache_write=3_000_000)
FULL = replace(
    PRICE,
    cache_write_1h=5_000_000,
    reasoning=11_000_000,
    audio_input=40_000_000,
    audio_output=80_000_000,
    image_input=6_000_000,
    image_output=30_000_000,
    per_request=5_000,
    tools=(("web_search_requests", 10_000_000_000),),
)
TOKENS = st.integers(0, 10**7)


def test_a_million_tokens_cost_the_price() -> None:
    assert cost(PRICE, Usage(input=10**6, output=0)) == 2.5 * PICO_PER_USD
    assert cost(PRICE, Usage(input=0, output=10**6)) == 10 * PICO_PER_USD
    assert usd(cost(PRICE, Usage(input=10**6, output=10**6))) == 12.5


def test_cached_and_written_tokens_have_their_own_price() -> None:
    usage = Usage(input=10, output=0, cached_input=4, cache_write=3)
    assert cost(PRICE, usage) == 3 * 2_500_000 + 4 * 1_250_000 + 3 * 3_000_000


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (Usage(10, 0, 0, 8, cache_write_1h=5), 2 * 2_500_000 + 3 * 3_000_000 + 5 * 5_000_000),
        (Usage(0, 10, reasoning=4), 6 * 10_000_000 + 4 * 11_000_000),
        (Usage(10, 0, 4, audio_input=3), 3 * 2_500_000 + 4 * 1_250_000 + 3 * 40_000_000),
        (Usage(10, 0, 8, audio_input=3), 8 * 1_250_000 + 2 * 40_000_000),
        (Usage(10, 0, image_input=3), 7 * 2_500_000 + 3 * 6_000_000),
        (Usage(0, 10, audio_output=3), 7 * 10_000_000 + 3 * 80_000_000),
        (Usage(0, 10, image_output=3), 7 * 10_000_000 + 3 * 30_000_000),
        (Usage(0, 0, server_tools=(("web_search_requests", 2), ("other", 9))), 20_000_000_000),
    ],
)
def test_every_kind_of_token_has_its_price(usage: Usage, expected: int) -> None:
    assert cost(FULL, usage) == expected + 5_000


@pytest.mark.parametrize(
    "usage",
    [
        Usage(100, 50, 30, 20, cache_write_1h=10, reasoning=9, audio_input=3, image_input=2),
        Usage(100, 50, audio_output=3, image_output=2, server_tools=(("web_search", 3),)),
    ],
)
def test_what_has_no_price_of_its_own_costs_as_usual(usage: Usage) -> None:
    plain = Usage(usage.input, usage.output, usage.cached_input, usage.cache_write)
    assert cost(PRICE, usage) == cost(PRICE, plain)


def test_a_long_prompt_is_billed_whole_at_the_prices_of_its_tier() -> None:
    long, longer = scaled(PRICE, 2_000_000), scaled(PRICE, 3_000_000)
    price = replace(PRICE, tiers=((400, longer), (200, long)))
    assert cost(price, Usage(200, 10)) == cost(PRICE, Usage(200, 10))
    assert cost(price, Usage(201, 10)) == 2 * cost(PRICE, Usage(201, 10))
    assert cost(price, Usage(401, 10, 300)) == 3 * cost(PRICE, Usage(401, 10, 300))


def test_the_tier_of_service_that_the_answer_says_decides() -> None:
    tiers = (("priority", scaled(FULL, 1_750_000)), ("flex", scaled(FULL, 500_000)))
    price = replace(FULL, service_tiers=tiers)
    usage = Usage(1000, 100, 300, reasoning=50)
    tokens = cost(FULL, usage) - FULL.per_request
    assert cost(price, usage) == tokens + 5_000
    assert cost(price, replace(usage, tier="default")) == tokens + 5_000
    assert cost(price, replace(usage, tier="flex")) == tokens // 2 + 5_000
    assert cost(price, replace(usage, tier="priority")) == tokens * 7 // 4 + 5_000


def test_a_tier_of_service_has_its_own_prices_of_long_prompts() -> None:
    tiered = replace(PRICE, tiers=((200, scaled(PRICE, 2_000_000)),))
    price = replace(tiered, service_tiers=(("flex", scaled(tiered, 500_000)),))
    assert cost(price, Usage(201, 10, tier="flex")) == cost(PRICE, Usage(201, 10))


def test_batches_have_prices_of_their_own_or_a_discount() -> None:
    tiered = replace(FULL, service_tiers=(("batch", scaled(FULL, 500_000)),))
    usage = Usage(1000, 100, tier="batch")
    tokens = cost(FULL, usage) - FULL.per_request
    assert cost(discounted(tiered, 0.5), usage) == tokens // 2 + 5_000
    own = replace(tiered, batch=scaled(FULL, 250_000))
    assert cost(discounted(own, 0.5), usage) == tokens // 4 + 5_000


@given(TOKENS, TOKENS, TOKENS, TOKENS, st.sampled_from([PRICE, FULL]))
def test_no_usage_is_paid_back(
    input_: int, output: int, cached: int, written: int, price: Price
) -> None:
    assert cost(price, Usage(input_, output, cached, written)) >= 0
    odd = Usage(input_, output, cached, written, cache_write_1h=output, reasoning=input_)
    assert cost(price, replace(odd, audio_input=written, image_output=cached)) >= 0


@given(TOKENS, TOKENS, st.integers(1, 5))
def test_sums_agree_to_the_last_digit(input_: int, output: int, times: int) -> None:
    one = cost(PRICE, Usage(input_, output))
    assert cost(PRICE, Usage(input_ * times, output * times)) == one * times
